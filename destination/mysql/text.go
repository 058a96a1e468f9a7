package mysql

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"github.com/penstock-data/penstock/destination/sqlwriter"
	"github.com/penstock-data/penstock/schema"
)

// special are the characters that mean something in one of the two forms, or
// that the server writes with a backslash itself.
const special = "\\\t\n\x00'"

// escape appends v so that both forms read it as it is. The server takes a
// character behind a backslash for itself, but for the letters below.
func escape(dst, v []byte) []byte {
	for {
		i := bytes.IndexAny(v, special)
		if i < 0 {
			return append(dst, v...)
		}
		dst = append(append(dst, v[:i]...), '\\')
		switch c := v[i]; c {
		case '\t':
			dst = append(dst, 't')
		case '\n':
			dst = append(dst, 'n')
		case 0:
			dst = append(dst, '0')
		default:
			dst = append(dst, c)
		}
		v = v[i+1:]
	}
}

// text writes what travels as text. Almost always nothing in a whole column
// needs to be escaped or replaced, which is found out at once.
func (st *stream) text(a *array.String, c schema.Column) value {
	valid := sqlwriter.ValidText(a)
	if valid && !bytes.ContainsAny(a.ValueBytes(), special) {
		return func(dst []byte, row int) ([]byte, bool) { return append(dst, a.Value(row)...), true }
	}
	return func(dst []byte, row int) ([]byte, bool) {
		v := a.Value(row)
		if !valid && !utf8.ValidString(v) {
			st.notes.Add(c.Name, "invalid_text", fmt.Sprintf("bytes that are no UTF-8 were replaced in %q", sqlwriter.Clip(v)))
			v = strings.ToValidUTF8(v, "\ufffd")
		}
		return escape(dst, []byte(v)), true
	}
}

// appendDecimal appends v / 10^scale in plain notation.
func appendDecimal(dst []byte, v decimal128.Num, scale int) []byte {
	low, high := v.LowBits(), v.HighBits()
	switch {
	case high == 0 && low>>63 == 0:
	case high == -1 && low>>63 == 1:
		dst, low = append(dst, '-'), -low
	default: // beyond 64 bits
		return append(dst, v.ToString(int32(scale))...)
	}
	start := len(dst)
	dst = strconv.AppendUint(dst, low, 10)
	if scale == 0 {
		return dst
	}
	for len(dst)-start <= scale {
		dst = append(dst, 0)
		copy(dst[start+1:], dst[start:])
		dst[start] = '0'
	}
	dst = append(dst, 0)
	point := len(dst) - 1 - scale
	copy(dst[point+1:], dst[point:])
	dst[point] = '.'
	return dst
}

// appendDate appends a day after 1970-01-01, of the years 1 to 9999.
func appendDate(dst []byte, days int64) []byte {
	y, m, d := time.Unix(days*86400, 0).UTC().Date()
	dst = append(dst, byte('0'+y/1000), byte('0'+y/100%10), byte('0'+y/10%10), byte('0'+y%10), '-')
	dst = append(two(dst, int64(m)), '-')
	return two(dst, int64(d))
}

// appendTime appends a microsecond of a day.
func appendTime(dst []byte, us int64) []byte {
	s := us / 1_000_000
	dst = append(two(dst, s/3600), ':')
	dst = append(two(dst, s/60%60), ':')
	dst = two(dst, s%60)
	if us %= 1_000_000; us != 0 {
		dst = append(dst, '.')
		dst = two(two(two(dst, us/10_000), us/100%100), us%100)
	}
	return dst
}

func two(dst []byte, v int64) []byte { return append(dst, byte('0'+v/10), byte('0'+v%10)) }
