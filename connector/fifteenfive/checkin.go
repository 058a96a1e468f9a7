package fifteenfive

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"hash/fnv"
	"slices"
	"strconv"

	"github.com/valyala/fastjson"

	"github.com/penstock-data/penstock/connector/rest"
)

// The lists inside a check-in, and the tables of their elements.
var partLists = []struct{ field, table string }{
	{"answers", "check_in_answer"},
	{"comments", "check_in_comment"},
	{"goals", "check_in_goal"},
	{"accomplishments", "check_in_accomplishment"},
}

// checkIn sends a check-in and, unless rows of earlier versions would stay
// beside them, its parts.
func (r *reader) checkIn(ctx context.Context, v *fastjson.Value) error {
	parts := slices.ContainsFunc(r.wanted, func(t string) bool { return t != "check_in" })
	if parts {
		r.parts = partsOf(v)
		parts = r.mayAdd(v)
	}
	if parts {
		if err := r.sendParts(ctx, v); err != nil {
			return err
		}
	}
	return r.row(ctx, v)
}

// mayAdd reports whether the parts of a check-in can be sent, and keeps in
// r.parts which of them the destination then has.
func (r *reader) mayAdd(v *fastjson.Value) bool {
	rd := r.progress.Reading
	if rd.Whole {
		return true
	}
	if at := r.path.time(v); at.Before(rd.Since) {
		return false // what was sent of it is not known any more
	}
	id := v.GetInt64("id")
	old, known := r.progress.Window[id]
	if !known {
		old, known = rd.Seen[id]
	}
	switch {
	case !known:
		return true
	case old.Parts == r.parts:
		return false
	case contains(r.parts, old.Parts):
		return true
	}
	r.parts = old.Parts
	r.progress.Stale = true
	return false
}

func (r *reader) sendParts(ctx context.Context, v *fastjson.Value) error {
	id := v.GetInt64("id")
	for _, l := range partLists {
		rows := r.rows[l.table]
		if rows == nil {
			continue
		}
		for _, e := range v.GetArray(l.field) {
			rows.Int(rows.Column("check_in_id"), id)
			if o := e.GetObject(); o != nil && rows.Column("goals") < 0 {
				rows.Record(o)
			} else {
				rows.Value(firstColumn(rows, "goals", "comment_text", "answer_text"), e, nil)
			}
			if err := rows.End(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// firstColumn returns the first of the columns that the table has.
func firstColumn(rows *rest.Rows, names ...string) int {
	for _, n := range names {
		if i := rows.Column(n); i >= 0 {
			return i
		}
	}
	return -1
}

const hashSize = 4

// partsOf returns the hashes of all parts of a check-in, sorted, in base64.
func partsOf(v *fastjson.Value) string {
	var hashes [][hashSize]byte
	var text []byte
	for _, l := range partLists {
		for _, e := range v.GetArray(l.field) {
			text = e.MarshalTo(append(text[:0], l.field...))
			h := fnv.New32a()
			h.Write(text)
			var sum [hashSize]byte
			binary.BigEndian.PutUint32(sum[:], h.Sum32())
			hashes = append(hashes, sum)
		}
	}
	slices.SortFunc(hashes, compareHashes)
	var all []byte
	for _, h := range slices.Compact(hashes) {
		all = append(all, h[:]...)
	}
	return base64.RawStdEncoding.EncodeToString(all)
}

func compareHashes(a, b [hashSize]byte) int { return slices.Compare(a[:], b[:]) }

// contains reports whether all parts of the second are in the first.
func contains(all, some string) bool {
	a, err1 := base64.RawStdEncoding.DecodeString(all)
	s, err2 := base64.RawStdEncoding.DecodeString(some)
	if err1 != nil || err2 != nil {
		return false
	}
	have := map[[hashSize]byte]bool{}
	for h := range slices.Chunk(a, hashSize) {
		have[[hashSize]byte(h)] = true
	}
	for h := range slices.Chunk(s, hashSize) {
		if !have[[hashSize]byte(h)] {
			return false
		}
	}
	return true
}

func objectPath(path string, id int64) string {
	return path + "/" + strconv.FormatInt(id, 10) + "/"
}
