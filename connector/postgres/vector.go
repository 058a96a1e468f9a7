package postgres

import (
	"math/bits"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/penstock-data/penstock/schema"
)

// A vector collects one column of a batch in Arrow's layout. Writing a value
// is a store at an index; that there is room is seen to once per row, which
// is what makes it cheaper than Arrow's builders.
type vector struct {
	typ    schema.Type
	decode decodeFunc
	warn   func(code string, value func() string)

	width int    // bytes of a fixed value; 0 for bits
	fixed []byte // values, or offsets of text; backs one of the next four
	i16   []int16
	i32   []int32
	i64   []int64
	dec   []decimal128.Num

	data  []byte // of text
	text  bool
	valid []byte // bitmap
	nulls int
}

// reset gives v fresh memory for rows rows with about data bytes of text.
func (v *vector) reset(typ schema.Type, decode decodeFunc, rows, data int) {
	*v = vector{typ: typ, decode: decode, warn: v.warn}
	switch dt := typ.Arrow().(type) {
	case *arrow.StringType, *arrow.BinaryType:
		v.text, v.width = true, 4
		v.data = make([]byte, 0, data)
	case *arrow.BooleanType:
	case arrow.FixedWidthDataType:
		v.width = dt.Bytes()
	}
	v.grow(0, rows)
}

// grow makes room for rows rows and keeps the first used ones.
func (v *vector) grow(used, rows int) {
	if v.width == 0 {
		v.fixed = enlarge(v.fixed, (used+7)/8, (rows+7)/8)
	} else {
		entries := rows
		if v.text {
			entries, used = rows+1, used+1
		}
		v.fixed = enlarge(v.fixed, used*v.width, entries*v.width)
		switch v.width {
		case 2:
			v.i16 = arrow.Int16Traits.CastFromBytes(v.fixed)
		case 4:
			v.i32 = arrow.Int32Traits.CastFromBytes(v.fixed)
		case 8:
			v.i64 = arrow.Int64Traits.CastFromBytes(v.fixed)
		case 16:
			v.dec = arrow.Decimal128Traits.CastFromBytes(v.fixed)
		}
	}
	had := len(v.valid)
	v.valid = enlarge(v.valid, had, (rows+7)/8)
	for i := had; i < len(v.valid); i++ {
		v.valid[i] = 0xff
	}
}

// enlarge returns n bytes that begin with the first used ones of b, aligned
// as Arrow recommends.
func enlarge(b []byte, used, n int) []byte {
	const align = 64
	mem := make([]byte, n+align)
	skip := int(-uintptr(unsafe.Pointer(unsafe.SliceData(mem))) & (align - 1))
	out := mem[skip : skip+n : skip+n]
	copy(out, b[:min(used, len(b))])
	return out
}

func (v *vector) append(row int, b []byte) {
	v.data = append(v.data, b...)
	v.i32[row+1] = int32(len(v.data))
}

func (v *vector) null(row int) {
	v.valid[row>>3] &^= 1 << (row & 7)
	v.nulls++
	if v.text {
		v.i32[row+1] = int32(len(v.data))
	}
}

func (v *vector) unusual(code string, value func() string) {
	if v.warn != nil {
		v.warn(code, value)
	}
}

// widen turns a vector of decimals that has rows rows into one of text, which
// decode fills from then on.
func (v *vector) widen(rows int, decode decodeFunc) {
	was := *v
	v.reset(schema.Type{Kind: schema.Decimal}, decode, len(was.dec), 16*len(was.dec))
	v.valid, v.nulls = was.valid, was.nulls
	for row := range rows {
		if was.valid[row>>3]&(1<<(row&7)) != 0 {
			v.data = append(v.data, was.dec[row].ToString(int32(was.typ.Scale))...)
		}
		v.i32[row+1] = int32(len(v.data))
	}
}

// array hands over the first rows rows as an Arrow array.
func (v *vector) array(rows int) arrow.Array {
	var valid *memory.Buffer
	if v.nulls > 0 {
		valid = memory.NewBufferBytes(v.valid[:(rows+7)/8])
	}
	buffers := []*memory.Buffer{valid, nil}
	switch {
	case v.text:
		buffers[1] = memory.NewBufferBytes(v.fixed[:(rows+1)*4])
		buffers = append(buffers, memory.NewBufferBytes(v.data))
	case v.width == 0:
		buffers[1] = memory.NewBufferBytes(v.fixed[:(rows+7)/8])
	default:
		buffers[1] = memory.NewBufferBytes(v.fixed[:rows*v.width])
	}
	data := array.NewData(v.typ.Arrow(), rows, buffers, nil, v.nulls, 0)
	defer data.Release()
	return array.MakeFromData(data)
}

// roomFor returns a capacity for about n rows.
func roomFor(n int) int {
	if n < 64 {
		return 64
	}
	return n + n>>4
}

// roomForText returns a capacity for about n bytes.
func roomForText(n int) int {
	if n < 1024 {
		return 1024
	}
	return n + 1<<(bits.Len(uint(n))-4)
}
