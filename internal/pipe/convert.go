package pipe

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// A loss counts the values of a column that its locked type does not hold.
type loss struct {
	column string
	locked schema.Type

	mu      sync.Mutex // guards what follows
	values  int64
	example string
}

// loss returns the count for a column. t.mu is held.
func (t *table) loss(column string, locked schema.Type) *loss {
	for _, l := range t.losses {
		if l.column == column {
			return l
		}
	}
	l := &loss{column: column, locked: locked}
	t.losses = append(t.losses, l)
	return l
}

func (l *loss) count(value []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.values++; l.values == 1 {
		l.example = string(first(value, 100))
	}
}

func (l *loss) tell(table schema.Name, warn func(setup.Warning)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.values == 0 {
		return
	}
	warn(setup.Warning{Code: "value_not_converted", Message: fmt.Sprintf(
		"Table %s, column %s is locked to %s, which does not hold %d of its values; they became NULL. The first is %q.",
		table, l.column, l.locked, l.values, l.example)})
}

// convert returns a column's values as values of a locked type, and NULL for
// those that it does not hold.
//
// Which types are converted follows Fivetran's type locking matrix: numbers,
// booleans and text become numbers and booleans; text and times become times;
// all becomes text and JSON; nothing becomes binary or XML. A number becomes
// another only if it is the same number, except that floating point takes the
// nearest.
func convert(c arrow.Array, from, to schema.Type, lost *loss) arrow.Array {
	text := texts(c, from)
	b := array.NewBuilder(memory.DefaultAllocator, to.Arrow())
	defer b.Release()
	b.Reserve(c.Len())
	put := putter(b, from, to)
	var value []byte
	for r := range c.Len() {
		if c.IsNull(r) {
			b.AppendNull()
			continue
		}
		value = text(value[:0], r)
		if put == nil || !put(string(value)) {
			b.AppendNull()
			lost.count(value)
		}
	}
	return b.NewArray()
}

// putter returns a function that appends a value of from, given as text, to a
// column of to, unless that does not hold it; nil if it holds none.
func putter(b array.Builder, from, to schema.Type) func(string) bool {
	number := schema.Boolean <= from.Kind && from.Kind <= schema.Double || from.Kind == schema.String
	moment := schema.Date <= from.Kind && from.Kind <= schema.Time || from.Kind == schema.String
	switch b := b.(type) {
	case *array.BooleanBuilder:
		return when(number, func(s string) bool { return putBool(b, s) })
	case *array.Int16Builder:
		return when(number, func(s string) bool { return integer(s, 16, func(v int64) { b.Append(int16(v)) }) })
	case *array.Int32Builder:
		return when(number, func(s string) bool { return integer(s, 32, func(v int64) { b.Append(int32(v)) }) })
	case *array.Int64Builder:
		return when(number, func(s string) bool { return integer(s, 64, func(v int64) { b.Append(v) }) })
	case *array.Float32Builder:
		return when(number, func(s string) bool { return float(s, 32, func(v float64) { b.Append(float32(v)) }) })
	case *array.Float64Builder:
		return when(number, func(s string) bool { return float(s, 64, b.Append) })
	case *array.Decimal128Builder:
		return when(number, func(s string) bool { return putDecimal(b, s, to) })
	case *array.Date32Builder:
		return when(moment && from.Kind != schema.Time, func(s string) bool { return putDate(b, s) })
	case *array.TimestampBuilder:
		return when(moment && from.Kind != schema.Time, func(s string) bool { return putTime(b, s) })
	case *array.Time64Builder:
		return when(moment, func(s string) bool { return putClock(b, s) })
	case *array.StringBuilder:
		switch {
		case to.Unbounded():
			return when(number, func(s string) bool { return putNumeral(b, s) })
		case to.Kind == schema.JSON:
			return func(s string) bool { return putJSON(b, s, from) }
		case to.Kind == schema.String:
			return func(s string) bool { b.Append(s); return true }
		}
	}
	return nil
}

func when(ok bool, f func(string) bool) func(string) bool {
	if !ok {
		return nil
	}
	return f
}

func putBool(b *array.BooleanBuilder, s string) bool {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "true", "t", "1":
		b.Append(true)
	case "false", "f", "0":
		b.Append(false)
	default:
		return false
	}
	return true
}

// plain returns a number in plain notation without needless zeros.
func plain(s string) (string, bool) {
	s = strings.TrimSpace(s)
	switch s {
	case "true":
		return "1", true
	case "false":
		return "0", true
	}
	if strings.ContainsAny(s, "eE") {
		return unfolded(s)
	}
	digits := strings.TrimLeft(s, "+-")
	if len(s)-len(digits) > 1 || digits == "" || digits == "." || strings.Trim(digits, "0123456789.") != "" || strings.Count(digits, ".") > 1 {
		return "", false
	}
	digits = strings.TrimLeft(digits, "0")
	if digits == "" || digits[0] == '.' {
		digits = "0" + digits
	}
	digits = string(appendDecimal(nil, digits))
	if s[0] == '-' && digits != "0" {
		digits = "-" + digits
	}
	return digits, true
}

// unfolded returns a number that has an exponent without it, if that is no longer
// than those of doubles are.
func unfolded(s string) (string, bool) {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || strings.ContainsAny(s, "xXpP_") || math.IsInf(v, 0) || math.IsNaN(v) {
		return "", false
	}
	mantissa := s[:strings.IndexAny(s, "eE")]
	if v == 0 {
		return "0", !strings.ContainsAny(mantissa, "123456789")
	}
	exact, ok := new(big.Rat).SetString(s)
	if !ok {
		return "", false
	}
	places, _ := exact.FloatPrec()
	return exact.FloatString(places), true
}

func integer(s string, bits int, put func(int64)) bool {
	p, ok := plain(s)
	if !ok {
		return false
	}
	v, err := strconv.ParseInt(p, 10, bits)
	if err != nil {
		return false
	}
	put(v)
	return true
}

func float(s string, bits int, put func(float64)) bool {
	switch s {
	case "NaN", "Infinity", "-Infinity":
	default:
		var ok bool
		if s, ok = plain(s); !ok {
			return false
		}
	}
	v, err := strconv.ParseFloat(s, bits)
	if err != nil || v == 0 && strings.ContainsAny(s, "123456789") {
		return false
	}
	put(v)
	return true
}

func putDecimal(b *array.Decimal128Builder, s string, t schema.Type) bool {
	p, ok := plain(s)
	if !ok {
		return false
	}
	whole, fraction, _ := strings.Cut(strings.TrimPrefix(p, "-"), ".")
	if whole == "0" {
		whole = ""
	}
	if len(whole) > int(t.Precision-t.Scale) || len(fraction) > int(t.Scale) {
		return false
	}
	return b.AppendValueFromString(p) == nil
}

func putNumeral(b *array.StringBuilder, s string) bool {
	switch s {
	case "NaN", "Infinity", "-Infinity":
		b.Append(s)
		return true
	}
	p, ok := plain(s)
	if ok {
		b.Append(p)
	}
	return ok
}

// putJSON appends a value as JSON: a number or a boolean as such, a text that
// is JSON as it is, and all else as a string.
func putJSON(b *array.StringBuilder, s string, from schema.Type) bool {
	bare := schema.Boolean <= from.Kind && from.Kind <= schema.Double || from.Kind == schema.String || from.Kind == schema.JSON
	if bare && json.Valid([]byte(s)) {
		b.Append(s)
		return true
	}
	quoted, err := json.Marshal(s)
	b.Append(string(quoted))
	return err == nil
}

// readMoment reads a date, a time stamp or a time of day, in microseconds.
// dated is false for the last.
func readMoment(s string) (us int64, dated, ok bool) {
	s = strings.TrimSpace(s)
	switch s {
	case "infinity":
		return schema.TimeInfinity, true, true
	case "-infinity":
		return -schema.TimeInfinity, true, true
	case "24:00:00":
		return day * micros, false, true
	}
	for _, layout := range []string{
		time.DateOnly, "2006-01-02T15:04:05.999999999Z07:00", "2006-01-02T15:04:05.999999999",
		"2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999", "15:04:05.999999999",
	} {
		v, err := time.Parse(layout, s)
		if err != nil {
			continue
		}
		if layout[0] == '1' {
			return v.Sub(v.Truncate(24 * time.Hour)).Microseconds(), false, true
		}
		return v.UnixMicro(), true, true
	}
	return 0, false, false
}

func putDate(b *array.Date32Builder, s string) bool {
	us, dated, ok := readMoment(s)
	if !ok || !dated {
		return false
	}
	switch us {
	case schema.TimeInfinity:
		b.Append(schema.DateInfinity)
	case -schema.TimeInfinity:
		b.Append(-schema.DateInfinity)
	default:
		b.Append(arrow.Date32((us - modulo(us, day*micros)) / (day * micros)))
	}
	return true
}

func putTime(b *array.TimestampBuilder, s string) bool {
	us, dated, ok := readMoment(s)
	if ok = ok && dated; ok {
		b.Append(arrow.Timestamp(us))
	}
	return ok
}

func putClock(b *array.Time64Builder, s string) bool {
	us, dated, ok := readMoment(s)
	if !ok || us == schema.TimeInfinity || us == -schema.TimeInfinity {
		return false
	}
	if dated {
		us = modulo(us, day*micros)
	}
	b.Append(arrow.Time64(us))
	return true
}

// modulo returns what is left of v, never below 0.
func modulo(v, by int64) int64 { return (v%by + by) % by }
