package postgres

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock-data/penstock/connector/sqlsource"
)

// A position is a place in the write-ahead log: PostgreSQL's LSN.
type position uint64

// String returns p as PostgreSQL writes it.
func (p position) String() string { return fmt.Sprintf("%X/%X", uint32(p>>32), uint32(p)) }

// Reaches implements sqlsource.Position.
func (p position) Reaches(q position) bool { return p >= q }

// Has implements sqlsource.Position.
func (p position) Has(commit position) bool { return commit < p }

// Beyond implements sqlsource.Position.
func (p position) Beyond(q position) int64 { return int64(max(p, q) - q) }

func parsePosition(s string) (position, error) {
	high, low, ok := strings.Cut(s, "/")
	h, err1 := strconv.ParseUint(high, 16, 32)
	l, err2 := strconv.ParseUint(low, 16, 32)
	if !ok || err1 != nil || err2 != nil {
		return 0, fmt.Errorf("%q is no position in the log", s)
	}
	return position(h<<32 | l), nil
}

// MarshalText implements encoding.TextMarshaler.
func (p position) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *position) UnmarshalText(b []byte) (err error) {
	*p, err = parsePosition(string(b))
	return err
}

// A visibility says which transactions a snapshot sees: those below xmin, and
// of those below xmax the ones that are not running. It is the text form of
// PostgreSQL's txid_snapshot, with ids of 64 bits.
type visibility struct {
	xmin, xmax uint64
	running    []uint64 // sorted
}

// Sees implements sqlsource.Seen.
func (v visibility) Sees(tx *sqlsource.Transaction[position]) bool { return v.sees(tx.ID) }

// sees reports whether the snapshot sees what a transaction did that has
// committed.
func (v *visibility) sees(xid uint64) bool {
	if xid < v.xmin || xid >= v.xmax {
		return xid < v.xmin
	}
	_, running := slices.BinarySearch(v.running, xid)
	return !running
}

// covers reports whether v sees every transaction that w sees.
func (v *visibility) covers(w *visibility) bool {
	return w.xmax <= v.xmax && !slices.ContainsFunc(v.running, w.sees)
}

func (v visibility) String() string {
	running := make([]string, len(v.running))
	for i, x := range v.running {
		running[i] = strconv.FormatUint(x, 10)
	}
	return fmt.Sprintf("%d:%d:%s", v.xmin, v.xmax, strings.Join(running, ","))
}

// MarshalText implements encoding.TextMarshaler.
func (v visibility) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *visibility) UnmarshalText(b []byte) (err error) {
	parts := strings.Split(string(b), ":")
	if len(parts) != 3 {
		return fmt.Errorf("%q is no snapshot", b)
	}
	if v.xmin, err = strconv.ParseUint(parts[0], 10, 64); err != nil {
		return err
	}
	if v.xmax, err = strconv.ParseUint(parts[1], 10, 64); err != nil || parts[2] == "" {
		return err
	}
	for s := range strings.SplitSeq(parts[2], ",") {
		x, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			return err
		}
		v.running = append(v.running, x)
	}
	return nil
}

// near returns the 64-bit id of a transaction of which the lower 32 bits are
// known, and that it is within 2³¹ of another.
func near(other uint64, low uint32) uint64 {
	return other + uint64(int64(int32(low-uint32(other))))
}
