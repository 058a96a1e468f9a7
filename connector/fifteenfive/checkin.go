package fifteenfive

import (
	"context"
	"encoding/base64"
	"hash/fnv"
	"slices"

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

// checkIn sends a check-in and those of its parts that the destination lacks,
// unless rows of earlier versions would stay beside them.
func (r *reader) checkIn(ctx context.Context, v *fastjson.Value) error {
	if slices.ContainsFunc(r.wanted, func(t string) bool { return t != "check_in" }) {
		all := partsOf(v)
		sent, add := r.partsSent(v, all)
		r.mark.Parts = encodeHashes(sent)
		if add {
			r.mark.Parts = encodeHashes(all)
			if err := r.sendParts(ctx, v, sent); err != nil {
				return err
			}
		}
	}
	return r.row(ctx, v)
}

// partsSent returns which parts of a check-in the destination has, and whether
// others may be added to them.
func (r *reader) partsSent(v *fastjson.Value, all []hash) (sent []hash, add bool) {
	rd := r.progress.Reading
	if rd.Whole {
		return nil, true
	}
	if r.old(r.path.time(v)) {
		return nil, false // what was sent of it is not known any more
	}
	sent = decodeHashes(r.known.Parts)
	for _, h := range sent {
		if !slices.Contains(all, h) {
			r.progress.Stale = true
			return sent, false
		}
	}
	return sent, true
}

// sendParts sends the parts of a check-in that were not sent before.
func (r *reader) sendParts(ctx context.Context, v *fastjson.Value, sent []hash) error {
	for _, l := range partLists {
		rows := r.rows[l.table]
		if rows == nil {
			continue
		}
		for _, e := range v.GetArray(l.field) {
			if slices.Contains(sent, hashOf(l.field, e)) {
				continue
			}
			o := &rest.Object{Value: e, Parent: &rest.Object{Value: v}}
			if err := rows.Set(ctx, o, nil); err != nil {
				return err
			}
			if err := rows.End(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// A hash tells a part of a check-in from others and from its later versions.
type hash [4]byte

func hashOf(list string, part *fastjson.Value) hash {
	h := fnv.New32a()
	h.Write(part.MarshalTo([]byte(list)))
	return hash(h.Sum(nil))
}

// partsOf returns the hashes of a check-in's parts.
func partsOf(v *fastjson.Value) []hash {
	var all []hash
	for _, l := range partLists {
		for _, e := range v.GetArray(l.field) {
			all = append(all, hashOf(l.field, e))
		}
	}
	return all
}

func encodeHashes(hashes []hash) string {
	var b []byte
	for _, h := range hashes {
		b = append(b, h[:]...)
	}
	return base64.RawStdEncoding.EncodeToString(b)
}

func decodeHashes(s string) []hash {
	b, _ := base64.RawStdEncoding.DecodeString(s) // as encodeHashes wrote it
	var hashes []hash
	for len(b) >= len(hash{}) {
		hashes, b = append(hashes, hash(b)), b[len(hash{}):]
	}
	return hashes
}
