package duckdb

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/penstock-data/penstock/destination/sqlwriter"
	"github.com/penstock-data/penstock/schema"
)

// DuckDB takes Arrow's values as they are and checks none, so that a value that
// its types do not have would lie in the file and break the queries over it.
// The bounds are those of DuckDB's documentation of 1.5, "Date Types" and
// "Timestamp Types".
const (
	minDate = -schema.DateInfinity
	minTime = -9_223_372_022_400_000_000   // 290309-12-22 00:00:00 BC
	endTime = int64(24 * 60 * 60 * 1e6)    // of a day
	utf8Gap = string(rune(utf8.RuneError)) // stands for bytes that are no UTF-8
)

// checked returns a with the values that DuckDB cannot hold replaced, or a
// itself, retained, if there are none.
func checked(notes *sqlwriter.Notes, c schema.Column, a arrow.Array) arrow.Array {
	switch v := a.(type) {
	case *array.Date32:
		for _, d := range v.Date32Values() {
			if d < minDate {
				return replaced(notes, c, a, func(i int) bool { return v.Value(i) >= minDate })
			}
		}
	case *array.Timestamp:
		ok := func(t arrow.Timestamp) bool { return t >= minTime || t == -schema.TimeInfinity }
		for _, t := range v.TimestampValues() {
			if !ok(t) {
				return replaced(notes, c, a, func(i int) bool { return ok(v.Value(i)) })
			}
		}
	case *array.Time64:
		for _, t := range v.Time64Values() {
			if uint64(t) > uint64(endTime) {
				return replaced(notes, c, a, func(i int) bool { return uint64(v.Value(i)) <= uint64(endTime) })
			}
		}
	case *array.String:
		if !sqlwriter.ValidText(v) {
			return valid(notes, c, v)
		}
	}
	a.Retain()
	return a
}

// replaced returns a with NULL where ok does not hold.
func replaced(notes *sqlwriter.Notes, c schema.Column, a arrow.Array, ok func(int) bool) arrow.Array {
	b := array.NewBuilder(memory.DefaultAllocator, a.DataType())
	defer b.Release()
	for i := range a.Len() {
		switch {
		case a.IsNull(i):
			b.AppendNull()
			continue
		case !ok(i):
			notes.Lost(c, fmt.Sprintf("%s is not in the range of DuckDB's %s", raw(a, i), types.Name(c.Type)))
			b.AppendNull()
			continue
		}
		switch b := b.(type) {
		case *array.Date32Builder:
			b.Append(a.(*array.Date32).Value(i))
		case *array.TimestampBuilder:
			b.Append(a.(*array.Timestamp).Value(i))
		case *array.Time64Builder:
			b.Append(a.(*array.Time64).Value(i))
		}
	}
	return b.NewArray()
}

// raw names a value that has no text form.
func raw(a arrow.Array, i int) string {
	switch v := a.(type) {
	case *array.Date32:
		return fmt.Sprintf("the day %d after 1970-01-01", v.Value(i))
	case *array.Timestamp:
		return fmt.Sprintf("the microsecond %d after 1970-01-01", v.Value(i))
	case *array.Time64:
		return fmt.Sprintf("the microsecond %d of a day", v.Value(i))
	}
	return ""
}

// valid returns a with text that is UTF-8.
func valid(notes *sqlwriter.Notes, c schema.Column, a *array.String) arrow.Array {
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	for i := range a.Len() {
		switch v := a.Value(i); {
		case a.IsNull(i):
			b.AppendNull()
		case utf8.ValidString(v):
			b.Append(v)
		default:
			notes.Add(c.Name, "invalid_text", fmt.Sprintf("bytes that are no UTF-8 were replaced in %q", sqlwriter.Clip(v)))
			b.Append(strings.ToValidUTF8(v, utf8Gap))
		}
	}
	return b.NewArray()
}
