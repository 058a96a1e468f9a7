package postgres

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/valyala/fastjson"

	"github.com/penstock-data/penstock/destination/sqlwriter"
	"github.com/penstock-data/penstock/schema"
)

// PostgreSQL counts days and microseconds from 2000-01-01.
const (
	epochDays = 10957
	epoch     = epochDays * 86_400_000_000
)

// What PostgreSQL's types hold, by Arrow's count (documentation of PostgreSQL
// 15, "Date/Time Types"; the bounds are those of its source, timestamp.h).
const (
	minDate = -2440588                 // 4714-11-24 BC
	maxDate = 2147483494 - 2440588     // 5874897-12-31
	minTime = -210_866_803_200_000_000 // 4714-11-24 00:00:00 BC; all later ones that Arrow has, it has
)

// A field appends the value of one column in a row to dst, its length in front.
type field func(dst []byte, row int) []byte

var null = []byte{0xff, 0xff, 0xff, 0xff}

func appendInt64Field(dst []byte, v int64) []byte {
	dst = append(dst, 0, 0, 0, 8)
	return binary.BigEndian.AppendUint64(dst, uint64(v))
}

func appendConstant(dst []byte, c sqlwriter.Constant) []byte {
	switch v := c.Value.(type) {
	case time.Time:
		return appendInt64Field(dst, v.UnixMicro()-epoch)
	case bool:
		dst = append(dst, 0, 0, 0, 1, 0)
		if v {
			dst[len(dst)-1] = 1
		}
		return dst
	}
	panic(fmt.Sprintf("the constant %s is a %T", c.Column, c.Value))
}

// writeRecord encodes the rows of b.
func (st *stream) writeRecord(ctx context.Context, b schema.Batch, seq int64) error {
	fields := make([]field, b.Record.NumCols())
	for i, c := range b.Table.Columns {
		a := b.Record.Column(i)
		if !arrow.TypeEqual(a.DataType(), c.Type.Arrow()) {
			return fmt.Errorf("column %s comes as %s instead of %s", c.Name, a.DataType(), c.Type.Arrow())
		}
		fields[i] = st.field(c, a)
	}
	added := len(st.load.Constants)
	if st.load.Stage {
		added = 1
	}
	count := uint16(len(fields) + added)
	for row := range int(b.Record.NumRows()) {
		if len(st.chunk) >= sqlwriter.ChunkSize {
			if err := st.send(ctx); err != nil {
				return err
			}
		}
		dst := binary.BigEndian.AppendUint16(st.chunk, count)
		for _, f := range fields {
			dst = f(dst, row)
		}
		if st.load.Stage {
			dst = appendInt64Field(dst, seq+int64(row))
		} else {
			dst = append(dst, st.suffix...)
		}
		st.chunk = dst
	}
	return st.notes.Err()
}

// field returns what encodes the values of a column.
func (st *stream) field(c schema.Column, a arrow.Array) field {
	f := st.values(c, a)
	if a.NullN() == 0 {
		return f
	}
	return func(dst []byte, row int) []byte {
		if a.IsNull(row) {
			return append(dst, null...)
		}
		return f(dst, row)
	}
}

func (st *stream) values(c schema.Column, a arrow.Array) field {
	switch a := a.(type) {
	case *array.Boolean:
		return func(dst []byte, row int) []byte {
			if a.Value(row) {
				return append(dst, 0, 0, 0, 1, 1)
			}
			return append(dst, 0, 0, 0, 1, 0)
		}
	case *array.Int16:
		v := a.Int16Values()
		return func(dst []byte, row int) []byte {
			return append(dst, 0, 0, 0, 2, byte(v[row]>>8), byte(v[row]))
		}
	case *array.Int32:
		v := a.Int32Values()
		return func(dst []byte, row int) []byte {
			return binary.BigEndian.AppendUint64(dst, 4<<32|uint64(uint32(v[row])))
		}
	case *array.Int64:
		v := a.Int64Values()
		return func(dst []byte, row int) []byte { return appendInt64Field(dst, v[row]) }
	case *array.Float32:
		v := a.Float32Values()
		return func(dst []byte, row int) []byte {
			return binary.BigEndian.AppendUint64(dst, 4<<32|uint64(math.Float32bits(v[row])))
		}
	case *array.Float64:
		v := a.Float64Values()
		return func(dst []byte, row int) []byte { return appendInt64Field(dst, int64(math.Float64bits(v[row]))) }
	case *array.Decimal128:
		v, scale := a.Values(), int(c.Type.Scale)
		return func(dst []byte, row int) []byte { return appendDecimal(dst, v[row], scale) }
	case *array.Date32:
		v := a.Date32Values()
		return func(dst []byte, row int) []byte {
			d, ok := date(int64(v[row]))
			if !ok {
				return st.lost(dst, c, fmt.Sprintf("the day %d after 1970-01-01", v[row]))
			}
			return binary.BigEndian.AppendUint64(dst, 4<<32|uint64(uint32(d)))
		}
	case *array.Timestamp:
		v := a.TimestampValues()
		return func(dst []byte, row int) []byte {
			us, ok := timestamp(int64(v[row]))
			if !ok {
				return st.lost(dst, c, fmt.Sprintf("the microsecond %d after 1970-01-01", v[row]))
			}
			return appendInt64Field(dst, us)
		}
	case *array.Time64:
		v := a.Time64Values()
		return func(dst []byte, row int) []byte {
			if v[row] < 0 || v[row] > 86_400_000_000 {
				return st.lost(dst, c, fmt.Sprintf("the microsecond %d of a day", v[row]))
			}
			return appendInt64Field(dst, int64(v[row]))
		}
	case *array.Binary:
		return func(dst []byte, row int) []byte {
			v := a.Value(row)
			return append(binary.BigEndian.AppendUint32(dst, uint32(len(v))), v...)
		}
	case *array.String:
		return st.text(c, a)
	}
	panic(fmt.Sprintf("%T in a column of %s", a, c.Type))
}

func date(days int64) (int32, bool) {
	switch {
	case days == schema.DateInfinity:
		return math.MaxInt32, true
	case days == -schema.DateInfinity:
		return math.MinInt32, true
	}
	return int32(days - epochDays), days >= minDate && days < maxDate
}

func timestamp(us int64) (int64, bool) {
	switch {
	case us == schema.TimeInfinity:
		return math.MaxInt64, true
	case us == -schema.TimeInfinity:
		return math.MinInt64, true
	}
	return us - epoch, us >= minTime
}

// text encodes what travels as text. Almost always a whole column is valid
// UTF-8 without NUL, which is found out at once.
func (st *stream) text(c schema.Column, a *array.String) field {
	value := a.Value
	clean := bytes.IndexByte(a.ValueBytes(), 0) < 0 && sqlwriter.ValidText(a)
	if !clean {
		value = func(row int) string { return st.clean(c, a.Value(row)) }
	}
	switch {
	case c.Type.Unbounded():
		return func(dst []byte, row int) []byte {
			out, ok := appendNumber(dst, a.Value(row))
			if !ok {
				return st.lost(dst, c, fmt.Sprintf("the number %q", sqlwriter.Clip(a.Value(row))))
			}
			return out
		}
	case c.Type.Kind == schema.JSON:
		return func(dst []byte, row int) []byte {
			v := value(row)
			if err := fastjson.Validate(v); err != nil {
				return st.lost(dst, c, fmt.Sprintf("%q, which is no JSON,", sqlwriter.Clip(v)))
			}
			return append(binary.BigEndian.AppendUint32(dst, uint32(len(v))), v...)
		}
	case clean:
		return func(dst []byte, row int) []byte {
			v := a.Value(row)
			return append(binary.BigEndian.AppendUint32(dst, uint32(len(v))), v...)
		}
	}
	return func(dst []byte, row int) []byte {
		v := value(row)
		return append(binary.BigEndian.AppendUint32(dst, uint32(len(v))), v...)
	}
}

// clean returns v as PostgreSQL's text can hold it.
func (st *stream) clean(c schema.Column, v string) string {
	if strings.IndexByte(v, 0) >= 0 {
		st.notes.Add(c.Name, "nul_removed", fmt.Sprintf("NUL characters, which PostgreSQL's text cannot hold, were left out of %q", sqlwriter.Clip(v)))
		v = strings.ReplaceAll(v, "\x00", "")
	}
	if !utf8.ValidString(v) {
		st.notes.Add(c.Name, "invalid_text", fmt.Sprintf("bytes that are no UTF-8 were replaced in %q", sqlwriter.Clip(v)))
		v = strings.ToValidUTF8(v, "\ufffd")
	}
	return v
}

// lost makes a value NULL.
func (st *stream) lost(dst []byte, c schema.Column, value string) []byte {
	st.notes.Lost(c, fmt.Sprintf("%s is not in the range of PostgreSQL's %s", value, types.Name(c.Type)))
	return append(dst, null...)
}
