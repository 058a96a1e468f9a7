package sqlwriter

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/penstock-data/penstock/schema"
)

// tells reports whether keys of b are the same exactly if their bytes are, in
// any database.
func tells(b schema.Batch) bool {
	if b.Record == nil {
		return false
	}
	for _, i := range b.Table.Key() {
		switch t := b.Table.Columns[i].Type; {
		case t.Unbounded():
			return false
		case t.Kind == schema.String: // else it is changed on its way
			a, ok := b.Record.Column(i).(*array.String)
			if !ok || !ValidText(a) || bytes.IndexByte(a.ValueBytes(), 0) >= 0 {
				return false
			}
		case t.Kind == schema.Float, t.Kind == schema.Double, t.Kind == schema.JSON, t.Kind == schema.XML, t.Kind == schema.Unspecified:
			return false
		}
	}
	return true
}

// lastOfEach returns the last row of each key in batches of one shape.
func lastOfEach(batches []schema.Batch) (arrow.RecordBatch, error) {
	var parts []arrow.RecordBatch // the last first
	defer func() {
		for _, p := range parts {
			p.Release()
		}
	}()
	seen := map[string]bool{}
	var key []byte
	for _, b := range slices.Backward(batches) {
		keys := keysOf(b)
		end := int(b.Rows()) // of the rows that are wanted, down from there
		for row := end - 1; row >= 0; row-- {
			key = key[:0]
			for _, k := range keys {
				key = k(key, row)
			}
			if !seen[string(key)] {
				seen[string(key)] = true
				continue
			}
			if row+1 < end {
				parts = append(parts, b.Record.NewSlice(int64(row+1), int64(end)))
			}
			end = row
		}
		if end > 0 {
			parts = append(parts, b.Record.NewSlice(0, int64(end)))
		}
	}
	slices.Reverse(parts)
	return joined(parts)
}

// joined returns one record of the rows of many.
func joined(parts []arrow.RecordBatch) (arrow.RecordBatch, error) {
	if len(parts) == 1 {
		parts[0].Retain()
		return parts[0], nil
	}
	rows := int64(0)
	for _, p := range parts {
		rows += p.NumRows()
	}
	columns := make([]arrow.Array, parts[0].NumCols())
	for i := range columns {
		all := make([]arrow.Array, len(parts))
		for j, p := range parts {
			all[j] = p.Column(i)
		}
		var err error
		if columns[i], err = array.Concatenate(all, memory.DefaultAllocator); err != nil {
			return nil, err
		}
		defer columns[i].Release()
	}
	return array.NewRecordBatch(parts[0].Schema(), columns, rows), nil
}

// keysOf returns what appends the values of a batch's key, each so that no two
// keys have the same bytes.
func keysOf(b schema.Batch) (out []func(dst []byte, row int) []byte) {
	for _, i := range b.Table.Key() {
		switch a := b.Record.Column(i).(type) {
		case *array.Boolean:
			out = append(out, func(dst []byte, row int) []byte {
				if a.Value(row) {
					return append(dst, 1)
				}
				return append(dst, 0)
			})
		case *array.String:
			out = append(out, func(dst []byte, row int) []byte {
				v := a.Value(row)
				return append(binary.AppendUvarint(dst, uint64(len(v))), v...)
			})
		case *array.Binary:
			out = append(out, func(dst []byte, row int) []byte {
				v := a.Value(row)
				return append(binary.AppendUvarint(dst, uint64(len(v))), v...)
			})
		default: // of a fixed width
			width := a.DataType().(arrow.FixedWidthDataType).Bytes()
			values := a.Data().Buffers()[1].Bytes()[a.Data().Offset()*width:]
			out = append(out, func(dst []byte, row int) []byte { return append(dst, values[row*width:(row+1)*width]...) })
		}
	}
	return out
}
