package destinationtest

import (
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"github.com/penstock-data/penstock/schema"
)

// A sample is a type with values of it in the form that appendValue takes:
// the extremes, the special ones, and ordinary ones. nil is NULL.
type sample struct {
	t      schema.Type
	values []any
}

func micros(s string) int64 {
	t, err := time.Parse("2006-01-02T15:04:05.999999", s)
	if err != nil {
		panic(err)
	}
	return t.UnixMicro()
}

func days(s string) int32 { return int32(micros(s+"T00:00:00") / 86_400_000_000) }

var samples = []sample{
	{schema.Type{Kind: schema.Unspecified}, []any{nil}},
	{schema.Type{Kind: schema.Boolean}, []any{nil, true, false}},
	{schema.Type{Kind: schema.Short}, []any{nil, 0, -1, math.MinInt16, math.MaxInt16}},
	{schema.Type{Kind: schema.Int}, []any{nil, 0, 7, math.MinInt32, math.MaxInt32}},
	{schema.Type{Kind: schema.Long}, []any{nil, 0, -7, math.MinInt64, math.MaxInt64, 1<<53 + 1}},
	{schema.DecimalOf(5, 2), []any{nil, "0.00", "-0.05", "999.99", "-999.99", "1.50"}},
	{schema.DecimalOf(3, 3), []any{nil, "0.000", "-0.005", "0.999"}},
	{schema.DecimalOf(18, 0), []any{nil, "0", "999999999999999999", "-999999999999999999"}},
	{schema.DecimalOf(38, 10), []any{nil, "0.0000000000", "9999999999999999999999999999.9999999999", "-9999999999999999999999999999.9999999999", "-0.0000000001"}},
	{schema.DecimalOf(38, 0), []any{nil, "99999999999999999999999999999999999999", "-1"}},
	{schema.Type{Kind: schema.Decimal}, []any{nil, "0", "-1.50", "123456789012345678901234567890123456789012345678901234567890.000000000000000000000000000000000000000000001", "NaN", "Infinity", "-Infinity"}},
	{schema.Type{Kind: schema.Float}, []any{nil, float32(0), float32(1), float32(0.1), float32(-1.5), float32(math.MaxFloat32), float32(math.SmallestNonzeroFloat32), float32(16777216), float32(1e-7), float32(123456789), float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))}},
	{schema.Type{Kind: schema.Double}, []any{nil, 0.0, 1.0, 0.1, -1.5, 1e15, 1e16, 1.5e17, 123456789012345680.0, 1e-4, 1.25e-5, 1e-7, math.MaxFloat64, math.SmallestNonzeroFloat64, math.NaN(), math.Inf(1), math.Inf(-1), 1.0 / 3}},
	{schema.Type{Kind: schema.Date}, []any{nil, int32(0), int32(-1), days("2024-02-29"), days("0001-01-01"), days("0000-12-31"), days("9999-12-31"), int32(days("9999-12-31") + 1), int32(-2_000_000), int32(schema.DateInfinity), int32(-schema.DateInfinity)}},
	{schema.Type{Kind: schema.Datetime}, []any{nil, int64(0), int64(-1), micros("2024-02-29T23:59:59.123456"), micros("2024-02-29T23:59:59.1"), micros("0001-01-01T00:00:00"), micros("0001-01-01T00:00:00") - 1, micros("9999-12-31T23:59:59.999999") + 1, int64(schema.TimeInfinity), int64(-schema.TimeInfinity)}},
	{schema.Type{Kind: schema.Instant}, []any{nil, int64(0), int64(-1), micros("2024-02-29T23:59:59.123456"), micros("2024-02-29T23:59:59.1"), micros("0001-01-01T00:00:00"), micros("0001-01-01T00:00:00") - 1, micros("9999-12-31T23:59:59.999999") + 1, int64(schema.TimeInfinity), int64(-schema.TimeInfinity)}},
	{schema.Type{Kind: schema.Time}, []any{nil, int64(0), int64(86_399_999_999), int64(86_400_000_000), int64(45_296_120_000)}},
	{schema.Type{Kind: schema.Binary}, []any{nil, []byte{}, []byte{0}, []byte("text"), []byte{0xff, 0xab, 0x00, 0x5c, 0x27}}},
	{schema.Type{Kind: schema.XML}, []any{nil, "<a b='c'>ü &amp; \"</a>"}},
	{schema.Type{Kind: schema.String}, []any{nil, "", " padded ", "O'Neil \\ \"q\"", "ü€𝄞\t\r\n", "NULL", "infinity", strings.Repeat("long ", 5000)}},
	{schema.Type{Kind: schema.JSON}, []any{nil, `{}`, `null`, `{"b": 1.0,  "a":1e400,"a":[true,"\u0000 \ud83d\ude00"]}`, ` "x" `}},
}

// appendValue appends a sample's value to a builder of its type.
func appendValue(b array.Builder, t schema.Type, v any) {
	if v == nil {
		b.AppendNull()
		return
	}
	switch b := b.(type) {
	case *array.BooleanBuilder:
		b.Append(v.(bool))
	case *array.Int16Builder:
		b.Append(int16(v.(int)))
	case *array.Int32Builder:
		b.Append(int32(v.(int)))
	case *array.Int64Builder:
		b.Append(int64(v.(int)))
	case *array.Decimal128Builder:
		n, err := decimal128.FromString(v.(string), int32(t.Precision), int32(t.Scale))
		if err != nil {
			panic(err)
		}
		b.Append(n)
	case *array.Float32Builder:
		b.Append(v.(float32))
	case *array.Float64Builder:
		b.Append(v.(float64))
	case *array.Date32Builder:
		b.Append(arrow.Date32(v.(int32)))
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(v.(int64)))
	case *array.Time64Builder:
		b.Append(arrow.Time64(v.(int64)))
	case *array.BinaryBuilder:
		b.Append(v.([]byte))
	case *array.StringBuilder:
		b.Append(v.(string))
	default:
		panic(fmt.Sprintf("no builder for %s", t))
	}
}

// text returns the text of a sample's value of the type from in a column of
// the type to, where that column holds it as it is.
func text(v any, from, to schema.Type) string {
	switch v := v.(type) {
	case nil:
		return Null
	case bool:
		return strconv.FormatBool(v)
	case int:
		return padded(strconv.Itoa(v), to)
	case float32:
		if to.Kind == schema.Double {
			return number(float64(v), 64)
		}
		return number(float64(v), 32)
	case float64:
		return number(v, 64)
	case int32: // a date
		if v == schema.DateInfinity || v == -schema.DateInfinity {
			return infinite(v > 0)
		}
		day := calendar(time.Unix(int64(v)*86400, 0).UTC())
		if to.Kind == schema.Datetime {
			return strings.Replace(day+"T00:00:00", " BCT00:00:00", "T00:00:00 BC", 1)
		}
		return day
	case int64:
		if from.Kind == schema.Time {
			return fraction(fmt.Sprintf("%02d:%02d:%02d", v/3_600_000_000, v/60_000_000%60, v/1_000_000%60), v%1_000_000)
		}
		if v == schema.TimeInfinity || v == -schema.TimeInfinity {
			return infinite(v > 0)
		}
		at := time.UnixMicro(v).UTC()
		day, bc := strings.CutSuffix(calendar(at), " BC")
		s := day + "T" + fraction(at.Format("15:04:05"), int64(at.Nanosecond()/1000))
		if from.Kind == schema.Instant {
			s += "Z"
		}
		if bc {
			s += " BC"
		}
		return s
	case []byte:
		if to.Kind == schema.Binary || to.Kind == schema.String {
			return hex.EncodeToString(v)
		}
	case string:
		if from.Kind == schema.Decimal && !from.Unbounded() {
			return padded(v, to)
		}
		return v
	}
	panic(fmt.Sprintf("%T as %s", v, to))
}

// padded gives a number the digits after the point that a decimal has.
func padded(s string, t schema.Type) string {
	if t.Kind != schema.Decimal || t.Scale == 0 {
		return s
	}
	whole, frac, _ := strings.Cut(s, ".")
	return whole + "." + frac + strings.Repeat("0", int(t.Scale)-len(frac))
}

func number(f float64, bits int) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 0):
		return strings.Replace("-Infinity", "-", map[bool]string{true: "-", false: ""}[f < 0], 1)
	}
	return strconv.FormatFloat(f, 'f', -1, bits)
}

func infinite(positive bool) string {
	if positive {
		return "infinity"
	}
	return "-infinity"
}

func calendar(t time.Time) string {
	if y := t.Year(); y <= 0 {
		return fmt.Sprintf("%04d-%s BC", 1-y, t.Format("01-02"))
	}
	return fmt.Sprintf("%04d-%s", t.Year(), t.Format("01-02"))
}

func fraction(s string, micros int64) string {
	if micros == 0 {
		return s
	}
	return s + "." + strings.TrimRight(fmt.Sprintf("%06d", micros), "0")
}

// column returns a name for a column of a type.
func column(t schema.Type) string {
	return strings.ToLower(strings.NewReplacer("(", "_", ")", "", ",", "_").Replace("c_" + t.String()))
}
