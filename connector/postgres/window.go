package postgres

import (
	"context"
	"encoding/binary"
	"slices"

	"github.com/penstock-data/penstock/schema"
)

// A window gathers changes of one table, so that they go on in few large
// batches: upserts, rows to be read again, updates of some columns, deletes.
// That is another order than the log's, so no key is in two of them unless it
// came in this order. A key that comes in another makes the window be sent
// first. What is upserted only needs no such care, which is most: of several
// upserts of a key the last counts in any case.
type window struct {
	t     *logged
	write func(context.Context, schema.Batch) error

	upserts *decoder
	updates *decoder // of the columns in set
	deletes *decoder
	set     []int // indexes of the table's columns

	again   map[string][]string // keys of rows to be read again, as texts
	late    map[string]class    // of the keys that are updated or deleted
	scratch []byte
	bytes   int // about, of what is held
}

// A class is a kind of changes within a window.
type class uint8

const (
	updated class = iota + 1
	deleted
)

func newWindow(t *logged, write func(context.Context, schema.Batch) error) *window {
	return &window{t: t, write: write, again: map[string][]string{}, late: map[string]class{}}
}

// hold counts bytes that the window holds more, or less.
func (w *window) hold(bytes int) {
	w.bytes += bytes
	w.t.follower.held += int64(bytes)
}

// key returns a text that equal keys have in common, valid until the call after.
func (w *window) key(tuple []datum, at []int) []byte {
	w.scratch = w.scratch[:0]
	for _, i := range w.t.key {
		d := tuple[at[i]].data
		w.scratch = binary.LittleEndian.AppendUint32(w.scratch, uint32(len(d)))
		w.scratch = append(w.scratch, d...)
	}
	return w.scratch
}

// settle sends the window if a change of the class to this key, 0 for an
// upsert, may not go before what is in it.
func (w *window) settle(ctx context.Context, key []byte, c class) error {
	if len(w.late) == 0 {
		return nil
	}
	if was := w.late[string(key)]; w.t.exact && was <= c || !w.t.exact && c == deleted {
		return nil
	}
	return w.flush(ctx)
}

// upsert adds a whole row.
func (w *window) upsert(ctx context.Context, tuple []datum, at []int, size int) error {
	if len(w.late) > 0 {
		if err := w.settle(ctx, w.key(tuple, at), 0); err != nil {
			return err
		}
	}
	if w.upserts == nil {
		w.upserts = w.decoder(ctx, schema.Upsert, w.t.everything)
	}
	if w.upserts.full(size) {
		w.hold(-w.upserts.wire)
	}
	w.hold(size)
	w.upserts.since = w.t.clock()
	return w.upserts.put(tuple, at, size)
}

// update adds a row of which the values of the columns in set came, the key
// among them.
func (w *window) update(ctx context.Context, tuple []datum, at, set []int, size int) error {
	key := string(w.key(tuple, at))
	if err := w.settle(ctx, []byte(key), updated); err != nil {
		return err
	}
	if w.updates != nil && (!slices.Equal(set, w.set) || w.updates.full(size)) {
		if err := w.flush(ctx); err != nil {
			return err
		}
		if !slices.Equal(set, w.set) {
			w.updates = nil
		}
	}
	if w.updates == nil {
		w.set = slices.Clone(set)
		w.updates = w.decoder(ctx, schema.Update, w.set)
	}
	w.late[key] = updated
	w.hold(size + len(key))
	return w.updates.put(tuple, pick(at, set), size)
}

// delete adds the key of a row that is gone.
func (w *window) delete(ctx context.Context, tuple []datum, at []int, size int) error {
	key := string(w.key(tuple, at))
	if w.deletes != nil && w.deletes.full(size) {
		if err := w.flush(ctx); err != nil {
			return err
		}
	}
	if w.deletes == nil {
		w.deletes = w.decoder(ctx, schema.Delete, w.t.key)
	}
	w.late[key] = deleted
	w.hold(size + len(key))
	from := pick(at, w.t.key)
	if w.t.starts {
		from = append(from, sinceWhen)
	}
	w.deletes.since = w.t.clock()
	return w.deletes.put(tuple, from, size)
}

// readAgain adds a row that has to be read from the source.
func (w *window) readAgain(ctx context.Context, tuple []datum, at []int) error {
	key := string(w.key(tuple, at))
	if err := w.settle(ctx, []byte(key), 0); err != nil {
		return err
	}
	if _, ok := w.again[key]; ok {
		return nil
	}
	var values []string
	for _, i := range w.t.key {
		values = append(values, string(tuple[at[i]].data))
	}
	w.again[key] = values
	w.hold(3*len(key) + 64)
	if len(w.again) >= maxAgain {
		return w.flush(ctx)
	}
	return nil
}

// maxAgain is how many rows are read again by one query.
const maxAgain = 1000

// flush sends what is in the window.
func (w *window) flush(ctx context.Context) error {
	defer func() { w.hold(-w.bytes) }()
	if w.upserts != nil {
		if err := w.upserts.flush(); err != nil {
			return err
		}
	}
	if len(w.again) > 0 {
		if err := w.t.follower.readAgain(ctx, w.t, w.again); err != nil {
			return err
		}
		clear(w.again)
	}
	for _, d := range []*decoder{w.updates, w.deletes} {
		if d == nil {
			continue
		}
		if err := d.flush(); err != nil {
			return err
		}
	}
	clear(w.late)
	return nil
}

// startColumn says since when a row holds, or is gone, in history mode.
var startColumn = schema.Column{Name: schema.Start, Type: schema.Type{Kind: schema.Instant}}

// decoder returns a decoder for batches of some columns.
func (w *window) decoder(ctx context.Context, op schema.Op, columns []int) *decoder {
	table := &schema.Table{Name: w.t.table.Name}
	var cols []column
	for _, i := range columns {
		c := w.t.cols[i]
		c.decode = c.logged
		cols = append(cols, c)
		table.Columns = append(table.Columns, w.t.table.Columns[i])
	}
	if w.t.starts && op != schema.Update {
		cols, table.Columns = append(cols, column{Name: schema.Start, Type: startColumn.Type}), append(table.Columns, startColumn)
	}
	r := w.t.run
	return newDecoder(ctx, cols, schema.Batch{Op: op, Table: table}, r.source.batchBytes(), w.write, func(column, code string, value func() string) {
		r.warn(table.Name, column, code, value)
	})
}

// pick returns the elements of from at some indexes.
func pick(from, indexes []int) []int {
	out := make([]int, len(indexes))
	for i, j := range indexes {
		out[i] = from[j]
	}
	return out
}
