package mysql

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/penstock-data/penstock/schema"
)

// A form is how rows are written: the values are the same in all, what stands
// around them is not.
type form struct {
	null, between, begin, end string
	open, shut                string // around a value
	binary                    string // stands for open around bytes that are no text
}

var (
	tsv    = form{null: `\N`, between: "\t", end: "\n"}                                                        // for LOAD DATA
	values = form{null: "NULL", between: ",", begin: "(", end: "),", open: "'", shut: "'", binary: "_binary'"} // for INSERT
)

// constant appends a time.Time or a bool.
func (f *form) constant(dst []byte, value any) []byte {
	switch v := value.(type) {
	case time.Time:
		dst = append(dst, f.open...)
		dst = v.UTC().AppendFormat(dst, clock)
		return append(dst, f.shut...)
	case bool:
		if v {
			return append(dst, '1')
		}
	}
	return append(dst, '0')
}

// What the server's types hold, by Arrow's count: the years 1 to 9999, and the
// hours of a day (documentation of MariaDB 10.11, "DATE", "DATETIME", "TIME";
// it has a year 0, which no calendar has).
const (
	minDate = -719162               // 0001-01-01
	endDate = 2932897               // 10000-01-01
	day     = int64(86_400_000_000) // microseconds
	minTime = minDate * day
	endTime = endDate * day
)

// A value appends the value of one column in a row to dst, as it is escaped in
// both forms. It reports whether there is one.
type value func(dst []byte, row int) ([]byte, bool)

func (st *stream) Write(ctx context.Context, b schema.Batch, seq int64) error {
	defer b.Release()
	if b.Record == nil {
		return fmt.Errorf("rows in the format %s", b.Encoded.Format)
	}
	fields := make([]func(dst []byte, row int) []byte, b.Record.NumCols())
	for i, c := range b.Table.Columns {
		a := b.Record.Column(i)
		if !arrow.TypeEqual(a.DataType(), c.Type.Arrow()) {
			return fmt.Errorf("column %s comes as %s instead of %s", c.Name, a.DataType(), c.Type.Arrow())
		}
		fields[i] = st.field(a, c)
	}
	f := st.form
	for row := range int(b.Record.NumRows()) {
		start := len(st.chunk)
		dst := append(st.chunk, f.begin...)
		for i, field := range fields {
			if i > 0 {
				dst = append(dst, f.between...)
			}
			dst = field(dst, row)
		}
		if st.load.Stage {
			dst = strconv.AppendInt(append(dst, f.between...), seq+int64(row), 10)
		} else {
			dst = append(dst, st.suffix...)
		}
		st.chunk = append(dst, f.end...)
		if err := st.row(ctx, start); err != nil {
			return err
		}
	}
	return st.notes.Err()
}

// field returns what writes the values of a column, NULL included.
func (st *stream) field(a arrow.Array, c schema.Column) func(dst []byte, row int) []byte {
	v, f, nulls := st.value(a, c), st.form, a.NullN() > 0
	open := f.open
	if c.Type.Kind == schema.Binary {
		open = f.binary
	}
	return func(dst []byte, row int) []byte {
		if nulls && a.IsNull(row) {
			return append(dst, f.null...)
		}
		before := len(dst)
		dst, ok := v(append(dst, open...), row)
		if !ok {
			return append(dst[:before], f.null...)
		}
		return append(dst, f.shut...)
	}
}

func (st *stream) value(a arrow.Array, c schema.Column) value {
	switch a := a.(type) {
	case *array.Boolean:
		return func(dst []byte, row int) ([]byte, bool) {
			if a.Value(row) {
				return append(dst, '1'), true
			}
			return append(dst, '0'), true
		}
	case *array.Int16:
		v := a.Int16Values()
		return func(dst []byte, row int) ([]byte, bool) { return strconv.AppendInt(dst, int64(v[row]), 10), true }
	case *array.Int32:
		v := a.Int32Values()
		return func(dst []byte, row int) ([]byte, bool) { return strconv.AppendInt(dst, int64(v[row]), 10), true }
	case *array.Int64:
		v := a.Int64Values()
		return func(dst []byte, row int) ([]byte, bool) { return strconv.AppendInt(dst, v[row], 10), true }
	case *array.Float32:
		v := a.Float32Values()
		return func(dst []byte, row int) ([]byte, bool) { return st.float(dst, c, float64(v[row]), 32) }
	case *array.Float64:
		v := a.Float64Values()
		return func(dst []byte, row int) ([]byte, bool) { return st.float(dst, c, v[row], 64) }
	case *array.Decimal128:
		v, scale := a.Values(), int(c.Type.Scale)
		return func(dst []byte, row int) ([]byte, bool) { return appendDecimal(dst, v[row], scale), true }
	case *array.Date32:
		v := a.Date32Values()
		return func(dst []byte, row int) ([]byte, bool) {
			d := int64(v[row])
			if d < minDate || d >= endDate {
				return st.lost(dst, c, fmt.Sprintf("the day %d after 1970-01-01", d))
			}
			return appendDate(dst, d), true
		}
	case *array.Timestamp:
		v := a.TimestampValues()
		return func(dst []byte, row int) ([]byte, bool) {
			t := int64(v[row])
			if t < minTime || t >= endTime {
				return st.lost(dst, c, fmt.Sprintf("the microsecond %d after 1970-01-01", t))
			}
			days := t / day
			if t%day < 0 {
				days--
			}
			return appendTime(append(appendDate(dst, days), ' '), t-days*day), true
		}
	case *array.Time64:
		v := a.Time64Values()
		return func(dst []byte, row int) ([]byte, bool) {
			t := int64(v[row])
			if t < 0 || t > day {
				return st.lost(dst, c, fmt.Sprintf("the microsecond %d of a day", t))
			}
			return appendTime(dst, t), true
		}
	case *array.Binary:
		return func(dst []byte, row int) ([]byte, bool) { return escape(dst, a.Value(row)), true }
	case *array.String:
		return st.text(a, c)
	}
	panic(fmt.Sprintf("%T in a column of %s", a, c.Type))
}

func (st *stream) float(dst []byte, c schema.Column, v float64, bits int) ([]byte, bool) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return st.lost(dst, c, strconv.FormatFloat(v, 'g', -1, bits))
	}
	return strconv.AppendFloat(dst, v, 'g', -1, bits), true
}

// lost makes a value NULL.
func (st *stream) lost(dst []byte, c schema.Column, what string) ([]byte, bool) {
	st.notes.Lost(c, fmt.Sprintf("%s is not in the range of %s", what, strings.Fields(st.s.d.types.Name(c.Type))[0]))
	return dst, false
}
