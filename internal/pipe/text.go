package pipe

import (
	"encoding/hex"
	"math"
	"strconv"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"github.com/penstock-data/penstock/schema"
)

// texts returns a function that appends a value of a column as text, in one
// form for all types that hold the value: 5, 5.00 and 5e0 are "5", midnight
// is the day alone. So a value is hashed the same after its column was
// widened. NULL has no text.
func texts(c arrow.Array, t schema.Type) func(dst []byte, row int) []byte {
	switch c := c.(type) {
	case *array.Boolean:
		return func(dst []byte, r int) []byte { return strconv.AppendBool(dst, c.Value(r)) }
	case *array.Int16:
		return func(dst []byte, r int) []byte { return strconv.AppendInt(dst, int64(c.Value(r)), 10) }
	case *array.Int32:
		return func(dst []byte, r int) []byte { return strconv.AppendInt(dst, int64(c.Value(r)), 10) }
	case *array.Int64:
		return func(dst []byte, r int) []byte { return strconv.AppendInt(dst, c.Value(r), 10) }
	case *array.Float32:
		return func(dst []byte, r int) []byte { return appendFloat(dst, float64(c.Value(r)), 32) }
	case *array.Float64:
		return func(dst []byte, r int) []byte { return appendFloat(dst, c.Value(r), 64) }
	case *array.Decimal128:
		return func(dst []byte, r int) []byte { return appendNum(dst, c.Value(r), int(t.Scale)) }
	case *array.Date32:
		return func(dst []byte, r int) []byte { return appendDate(dst, int64(c.Value(r))) }
	case *array.Timestamp:
		zone := ""
		if t.Kind == schema.Instant {
			zone = "Z"
		}
		return func(dst []byte, r int) []byte { return appendTime(dst, int64(c.Value(r)), zone) }
	case *array.Time64:
		return func(dst []byte, r int) []byte { return appendClock(dst, int64(c.Value(r))) }
	case *array.Binary:
		return func(dst []byte, r int) []byte { return hex.AppendEncode(dst, c.Value(r)) }
	case *array.String:
		if t.Unbounded() {
			return func(dst []byte, r int) []byte { return appendDecimal(dst, c.Value(r)) }
		}
		return func(dst []byte, r int) []byte { return append(dst, c.Value(r)...) }
	}
	return func(dst []byte, r int) []byte { return append(dst, c.ValueStr(r)...) }
}

func appendFloat(dst []byte, v float64, bits int) []byte {
	switch {
	case v == 0: // the negative zero too
		return append(dst, '0')
	case math.IsInf(v, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(v, -1):
		return append(dst, "-Infinity"...)
	}
	return strconv.AppendFloat(dst, v, 'f', -1, bits)
}

// appendNum appends a decimal like appendDecimal.
func appendNum(dst []byte, n decimal128.Num, scale int) []byte {
	v := int64(n.LowBits())
	if n.HighBits() != v>>63 || v == math.MinInt64 { // more than 64 bits
		return appendDecimal(dst, n.ToString(int32(scale)))
	}
	for ; scale > 0 && v%10 == 0; scale-- { // of 0 as well
		v /= 10
	}
	if v < 0 {
		dst = append(dst, '-')
		v = -v
	}
	var buf [24]byte
	digits := strconv.AppendInt(buf[:0], v, 10)
	if scale == 0 {
		return append(dst, digits...)
	}
	whole := len(digits) - scale
	if whole <= 0 {
		dst = append(dst, "0."...)
		for ; whole < 0; whole++ {
			dst = append(dst, '0')
		}
		return append(dst, digits...)
	}
	dst = append(append(dst, digits[:whole]...), '.')
	return append(dst, digits[whole:]...)
}

// appendDecimal appends a number in plain notation without the zeros that end
// its fraction.
func appendDecimal(dst []byte, s string) []byte {
	point := -1
	for i := range len(s) {
		if s[i] == '.' {
			point = i
			break
		}
	}
	if point >= 0 {
		end := len(s)
		for s[end-1] == '0' {
			end--
		}
		if end-1 == point {
			end = point
		}
		s = s[:end]
	}
	if s == "-0" {
		s = "0"
	}
	return append(dst, s...)
}

const (
	day    = 24 * 60 * 60
	micros = 1_000_000
)

func appendDate(dst []byte, days int64) []byte {
	switch days {
	case schema.DateInfinity:
		return append(dst, "infinity"...)
	case -schema.DateInfinity:
		return append(dst, "-infinity"...)
	}
	return time.Unix(days*day, 0).UTC().AppendFormat(dst, time.DateOnly)
}

func appendTime(dst []byte, us int64, zone string) []byte {
	switch us {
	case schema.TimeInfinity:
		return append(dst, "infinity"...)
	case -schema.TimeInfinity:
		return append(dst, "-infinity"...)
	}
	if zone == "" && us%(day*micros) == 0 {
		return appendDate(dst, us/(day*micros))
	}
	return append(time.UnixMicro(us).UTC().AppendFormat(dst, "2006-01-02T15:04:05.999999"), zone...)
}

func appendClock(dst []byte, us int64) []byte {
	if us == day*micros {
		return append(dst, "24:00:00"...)
	}
	return time.UnixMicro(us).UTC().AppendFormat(dst, "15:04:05.999999")
}
