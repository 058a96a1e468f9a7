package postgres

import (
	"context"
	"encoding/binary"

	"github.com/penstock-data/penstock/connector/sqlsource"
	"github.com/penstock-data/penstock/schema"
)

// A row is a tuple of the log, and where in it the table's columns stand.
type row struct {
	tuple []datum
	at    []int // see mapping
}

var _ sqlsource.Changed[row] = (*logged)(nil)

// Key implements sqlsource.Changed.
func (l *logged) Key(r row) []byte {
	l.scratch = l.scratch[:0]
	for _, i := range l.key {
		d := r.tuple[r.at[i]].data
		l.scratch = binary.LittleEndian.AppendUint32(l.scratch, uint32(len(d)))
		l.scratch = append(l.scratch, d...)
	}
	return l.scratch
}

// KeyValues implements sqlsource.Changed.
func (l *logged) KeyValues(r row) []string {
	values := make([]string, len(l.key))
	for i, k := range l.key {
		values[i] = string(r.tuple[r.at[k]].data)
	}
	return values
}

// A batch decodes some columns of a table's rows. It is sqlsource's.
type batch struct {
	*decoder
	of      *logged
	columns []int // nil: all, as a row has them
	starts  bool  // batches say when changes were committed
}

// Batch implements sqlsource.Changed.
func (l *logged) Batch(ctx context.Context, op schema.Op, columns []int) sqlsource.Batch[row] {
	b := &batch{of: l, columns: columns, starts: l.starts && op != schema.Update}
	switch op {
	case schema.Upsert:
		columns = l.everything
	case schema.Delete:
		columns, b.columns = l.key, l.key
	}
	table := &schema.Table{Name: l.table.Name}
	var cols []column
	for _, i := range columns {
		c := l.cols[i]
		c.decode = c.logged
		cols = append(cols, c)
		table.Columns = append(table.Columns, l.table.Columns[i])
	}
	if b.starts {
		cols, table.Columns = append(cols, column{Name: schema.Start, Type: startColumn.Type}), append(table.Columns, startColumn)
	}
	b.decoder = newDecoder(ctx, cols, schema.Batch{Op: op, Table: table}, l.run.source.batchBytes(), l.write, func(column, code string, value func() string) {
		l.run.Warn(table.Name, column, code, value)
	})
	return b
}

// startColumn says since when a row holds, or is gone, in history mode.
var startColumn = schema.Column{Name: schema.Start, Type: schema.Type{Kind: schema.Instant}}

// Full implements sqlsource.Batch.
func (b *batch) Full(size int) bool { return b.full(size) }

// Put implements sqlsource.Batch.
func (b *batch) Put(r row, size int) error {
	at := r.at
	if b.columns != nil {
		at = pick(at, b.columns)
		if b.starts {
			at = append(at, sinceWhen)
		}
	}
	if b.starts {
		b.since = b.of.follower.Clock(b.of.st.Log)
	}
	return b.put(r.tuple, at, size)
}

// Flush implements sqlsource.Batch.
func (b *batch) Flush() error { return b.flush() }

// pick returns the elements of from at some indexes.
func pick(from, indexes []int) []int {
	out := make([]int, len(indexes), len(indexes)+1)
	for i, j := range indexes {
		out[i] = from[j]
	}
	return out
}
