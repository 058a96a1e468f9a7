package pipe

import (
	"bytes"
	"sync"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/penstock-data/penstock/internal/schemaconfig"
	"github.com/penstock-data/penstock/schema"
)

// mask returns what is told of a column's values instead of them, as text.
// NULL stays NULL.
func mask(c arrow.Array, t schema.Type, m schemaconfig.Mask, pool *sync.Pool) arrow.Array {
	text := texts(c, t)
	var put func(dst, value []byte) []byte
	size := hashSize
	switch m.How {
	case schemaconfig.MaskRedact:
		put = func(dst, _ []byte) []byte { return append(dst, redacted...) }
		size = len(redacted)
	case schemaconfig.MaskTruncate:
		put = func(dst, v []byte) []byte { return append(dst, first(v, m.Keep)...) }
		size = m.Keep
	case schemaconfig.MaskDomain:
		h := pool.Get().(*hasher)
		defer pool.Put(h)
		put = func(dst, v []byte) []byte {
			dst = h.append(dst, v)
			if at := bytes.LastIndexByte(v, '@'); at >= 0 {
				dst = append(dst, v[at:]...)
			}
			return dst
		}
	default:
		h := pool.Get().(*hasher)
		defer pool.Put(h)
		put = h.append
	}
	rows := c.Len()
	out := newTextArray(rows, rows*min(size, 64))
	var value []byte
	for r := range rows {
		if !c.IsNull(r) {
			value = text(value[:0], r)
			out.data = put(out.data, value)
		}
		out.end(r)
	}
	return out.like(c)
}

// A textArray gathers the data of an Arrow column of text whose nulls are
// another column's.
type textArray struct {
	offsets []int32
	data    []byte
}

func newTextArray(rows, size int) *textArray {
	return &textArray{make([]int32, rows+1), make([]byte, 0, size)}
}

func (a *textArray) end(row int) { a.offsets[row+1] = int32(len(a.data)) }

func (a *textArray) like(c arrow.Array) arrow.Array {
	var valid *memory.Buffer
	if c.NullN() > 0 {
		bits := make([]byte, bitutil.BytesForBits(int64(c.Len())))
		bitutil.CopyBitmap(c.NullBitmapBytes(), c.Data().Offset(), c.Len(), bits, 0)
		valid = memory.NewBufferBytes(bits)
	}
	buffers := []*memory.Buffer{valid, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(a.offsets)), memory.NewBufferBytes(a.data)}
	d := array.NewData(arrow.BinaryTypes.String, c.Len(), buffers, nil, c.NullN(), 0)
	defer d.Release()
	return array.NewStringData(d)
}

const redacted = "******"

// first returns the first n characters of s.
func first(s []byte, n int) []byte {
	end := 0
	for range n {
		if end == len(s) {
			break
		}
		_, size := utf8.DecodeRune(s[end:])
		end += size
	}
	return s[:end]
}
