package pipe

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/penstock-data/penstock/schema"
)

// rowIDs returns one key per row: the first 20 bytes of the hash of its
// values, in base64. Each value enters with its type's width or its length,
// so that neighbours cannot be taken for each other, and NULL is unlike any
// value. A column of nulls leaves no trace: the ids stay the same when a
// source gets another column.
func rowIDs(h hash.Hash, columns []schema.Column, values []arrow.Array, rows int) arrow.Array {
	var feeds []feed
	for i, c := range columns {
		feeds = append(feeds, newFeed(c.Name, values[i]))
	}
	out := array.NewStringBuilder(memory.DefaultAllocator)
	defer out.Release()
	out.Reserve(rows)
	const size = 27 // base64 of 20 bytes
	out.ReserveData(rows * size)
	var sum [sha256.Size]byte
	var text [size]byte
	for r := range rows {
		h.Reset()
		for i := range feeds {
			feeds[i].add(h, r)
		}
		base64.RawURLEncoding.Encode(text[:], h.Sum(sum[:0])[:20])
		out.BinaryBuilder.Append(text[:])
	}
	return out.NewArray()
}

// A feed adds one column's values to a hash.
type feed struct {
	column arrow.Array
	name   []byte
	value  func(row int) []byte
}

func newFeed(name string, c arrow.Array) feed {
	f := feed{column: c, name: append([]byte(name), 0)}
	var buf [16]byte
	word := func(v uint64) []byte { binary.LittleEndian.PutUint64(buf[:], v); return buf[:8] }
	switch c := c.(type) {
	case *array.Boolean:
		f.value = func(r int) []byte {
			if c.Value(r) {
				return word(1)
			}
			return word(0)
		}
	case *array.Int16:
		f.value = func(r int) []byte { return word(uint64(c.Value(r))) }
	case *array.Int32:
		f.value = func(r int) []byte { return word(uint64(c.Value(r))) }
	case *array.Int64:
		f.value = func(r int) []byte { return word(uint64(c.Value(r))) }
	case *array.Float32:
		f.value = func(r int) []byte { return word(math.Float64bits(float64(c.Value(r)))) }
	case *array.Float64:
		f.value = func(r int) []byte { return word(math.Float64bits(c.Value(r))) }
	case *array.Date32:
		f.value = func(r int) []byte { return word(uint64(c.Value(r))) }
	case *array.Timestamp:
		f.value = func(r int) []byte { return word(uint64(c.Value(r))) }
	case *array.Time64:
		f.value = func(r int) []byte { return word(uint64(c.Value(r))) }
	case *array.Decimal128:
		f.value = func(r int) []byte { return []byte(c.ValueStr(r)) }
	case *array.String:
		f.value = func(r int) []byte { return []byte(c.Value(r)) }
	case *array.Binary:
		f.value = c.Value
	default:
		f.value = func(r int) []byte { return []byte(c.ValueStr(r)) }
	}
	return f
}

func (f *feed) add(h hash.Hash, row int) {
	if f.column.IsNull(row) {
		return
	}
	v := f.value(row)
	var length [4]byte
	binary.LittleEndian.PutUint32(length[:], uint32(len(v)))
	h.Write(f.name)
	h.Write(length[:])
	h.Write(v)
}
