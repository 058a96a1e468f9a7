package postgres

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
	"unicode/utf8"

	"github.com/penstock-data/penstock/schema"
)

// A decodeFunc puts a value in the binary form of PostgreSQL's send functions
// into a row of a vector. It keeps nothing of b.
type decodeFunc func(v *vector, row int, b []byte) error

var errWidth = errors.New("a value has another size than its type: the column was changed while it was read")

func decodeBool(v *vector, row int, b []byte) error {
	if len(b) != 1 {
		return errWidth
	}
	if b[0] != 0 {
		v.fixed[row>>3] |= 1 << (row & 7)
	}
	return nil
}

func decodeInt2(v *vector, row int, b []byte) error {
	if len(b) != 2 {
		return errWidth
	}
	v.i16[row] = int16(binary.BigEndian.Uint16(b))
	return nil
}

func decodeInt4(v *vector, row int, b []byte) error {
	if len(b) != 4 {
		return errWidth
	}
	v.i32[row] = int32(binary.BigEndian.Uint32(b))
	return nil
}

func decodeInt8(v *vector, row int, b []byte) error {
	if len(b) != 8 {
		return errWidth
	}
	v.i64[row] = int64(binary.BigEndian.Uint64(b))
	return nil
}

func decodeOID(v *vector, row int, b []byte) error {
	if len(b) != 4 {
		return errWidth
	}
	v.i64[row] = int64(binary.BigEndian.Uint32(b))
	return nil
}

// Floats share the integers' vectors: their bits are the same.
var (
	decodeFloat4 = decodeInt4
	decodeFloat8 = decodeInt8
)

// PostgreSQL counts from 2000-01-01, Arrow from 1970-01-01.
const (
	epochDays   = 10957
	epochMicros = epochDays * 86400_000_000
)

// The first and the last day of the years 1 to 9999, in days since 1970.
const (
	firstDay = -719162
	lastDay  = 2932896
)

func decodeDate(v *vector, row int, b []byte) error {
	if len(b) != 4 {
		return errWidth
	}
	switch d := int32(binary.BigEndian.Uint32(b)); d {
	case math.MaxInt32:
		v.i32[row] = schema.DateInfinity
	case math.MinInt32:
		v.i32[row] = -schema.DateInfinity
	default:
		d += epochDays // dates end in 5874897, far from overflow
		v.i32[row] = d
		if d < firstDay || d > lastDay {
			v.unusual("date_out_of_range", func() string { return instantText(time.Unix(int64(d)*86400, 0), "") })
		}
	}
	return nil
}

func decodeTimestamp(v *vector, row int, b []byte) error {
	if len(b) != 8 {
		return errWidth
	}
	switch t := int64(binary.BigEndian.Uint64(b)); {
	case t == math.MaxInt64:
		v.i64[row] = schema.TimeInfinity
	case t == math.MinInt64:
		v.i64[row] = -schema.TimeInfinity
	case t >= math.MaxInt64-epochMicros:
		// Timestamps end in 294276, and 64 bits of microseconds since 1970 in 294247.
		v.null(row)
		v.unusual("value_not_kept", func() string { return instantText(time.Unix(t/1e6+epochDays*86400, 0), " 15:04:05") })
	default:
		t += epochMicros
		v.i64[row] = t
		if t < firstDay*86400_000_000 || t >= (lastDay+1)*86400_000_000 {
			v.unusual("date_out_of_range", func() string { return instantText(time.UnixMicro(t), " 15:04:05.999999") })
		}
	}
	return nil
}

// instantText writes a date as PostgreSQL does, followed by the time of day in
// the layout given.
func instantText(t time.Time, layout string) string {
	t = t.UTC()
	year, era := t.Year(), ""
	if year <= 0 {
		year, era = 1-year, " BC"
	}
	return fmt.Sprintf("%04d-%s%s", year, t.Format("01-02"+layout), era)
}

func decodeText(v *vector, row int, b []byte) error {
	v.append(row, b)
	return nil
}

// decodeUnchecked is decodeText for a server that checks no encoding.
func decodeUnchecked(v *vector, row int, b []byte) error {
	if utf8.Valid(b) {
		return decodeText(v, row, b)
	}
	v.unusual("value_not_kept", func() string { return fmt.Sprintf("%q is not UTF-8", b) })
	return decodeText(v, row, []byte(string([]rune(string(b)))))
}

func decodeBlankPadded(v *vector, row int, b []byte) error {
	for len(b) > 0 && b[len(b)-1] == ' ' {
		b = b[:len(b)-1]
	}
	return decodeText(v, row, b)
}

// decodeJSONB passes over the version byte, which is 1 in all versions.
func decodeJSONB(v *vector, row int, b []byte) error {
	if len(b) == 0 || b[0] != 1 {
		return errWidth
	}
	return decodeText(v, row, b[1:])
}

const hexDigits = "0123456789abcdef"

func decodeUUID(v *vector, row int, b []byte) error {
	if len(b) != 16 {
		return errWidth
	}
	var text [36]byte
	j := 0
	for i, c := range b {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			text[j] = '-'
			j++
		}
		text[j], text[j+1] = hexDigits[c>>4], hexDigits[c&15]
		j += 2
	}
	return decodeText(v, row, text[:])
}
