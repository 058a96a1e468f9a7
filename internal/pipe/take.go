package pipe

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/penstock-data/penstock/schema"
)

// A run is the rows from lo up to but without hi.
type run struct{ lo, hi int }

// runs returns the rows that are chosen, as few runs as there can be; nil if
// none is.
func runs(chosen []bool) (out []run) {
	for row, ok := range chosen {
		if ok {
			out = extend(out, row)
		}
	}
	return out
}

// extend adds a row that is behind all others.
func extend(rows []run, row int) []run {
	if n := len(rows); n > 0 && rows[n-1].hi == row {
		rows[n-1].hi++
		return rows
	}
	return append(rows, run{row, row + 1})
}

// takeRows returns a record of some rows of another, in their order.
func takeRows(t *schema.Table, rec arrow.RecordBatch, rows []run) arrow.RecordBatch {
	n := 0
	for _, r := range rows {
		n += r.hi - r.lo
	}
	columns := make([]arrow.Array, rec.NumCols())
	for i, c := range rec.Columns() {
		columns[i] = take(c, rows, n)
		defer columns[i].Release()
	}
	return array.NewRecordBatch(t.Arrow(), columns, int64(n))
}

// take returns n rows of a column.
func take(c arrow.Array, rows []run, n int) arrow.Array {
	buffers := []*memory.Buffer{nil, nil}
	nulls := 0
	if c.NullN() > 0 {
		bits := takeBits(c.NullBitmapBytes(), c.Data().Offset(), rows, n)
		nulls = n - bitutil.CountSetBits(bits, 0, n)
		buffers[0] = memory.NewBufferBytes(bits)
	}
	switch t := c.DataType().(type) {
	case *arrow.BooleanType:
		buffers[1] = memory.NewBufferBytes(takeBits(c.Data().Buffers()[1].Bytes(), c.Data().Offset(), rows, n))
	case arrow.FixedWidthDataType:
		buffers[1] = memory.NewBufferBytes(takeFixed(c, t.BitWidth()/8, rows, n))
	default: // text and binary
		offsets, data := takeBytes(c.(bytesArray), rows, n)
		buffers[1] = memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(offsets))
		buffers = append(buffers, memory.NewBufferBytes(data))
	}
	d := array.NewData(c.DataType(), n, buffers, nil, nulls, 0)
	defer d.Release()
	return array.MakeFromData(d)
}

func takeBits(bits []byte, offset int, rows []run, n int) []byte {
	out := make([]byte, bitutil.BytesForBits(int64(n)))
	at := 0
	for _, r := range rows {
		bitutil.CopyBitmap(bits, offset+r.lo, r.hi-r.lo, out, at)
		at += r.hi - r.lo
	}
	return out
}

func takeFixed(c arrow.Array, width int, rows []run, n int) []byte {
	values := c.Data().Buffers()[1].Bytes()[c.Data().Offset()*width:]
	out := make([]byte, 0, n*width)
	for _, r := range rows {
		out = append(out, values[r.lo*width:r.hi*width]...)
	}
	return out
}

// A bytesArray is a column of values of any length. The first of its bytes is
// at the first of its offsets.
type bytesArray interface {
	ValueOffsets() []int32
	ValueBytes() []byte
}

func takeBytes(c bytesArray, rows []run, n int) (offsets []int32, data []byte) {
	from, values := c.ValueOffsets(), c.ValueBytes()
	size := 0
	for _, r := range rows {
		size += int(from[r.hi] - from[r.lo])
	}
	offsets, data = make([]int32, 1, n+1), make([]byte, 0, size)
	for _, r := range rows {
		shift := int32(len(data)) - from[r.lo]
		data = append(data, values[from[r.lo]-from[0]:from[r.hi]-from[0]]...)
		for _, end := range from[r.lo+1 : r.hi+1] {
			offsets = append(offsets, end+shift)
		}
	}
	return offsets, data
}
