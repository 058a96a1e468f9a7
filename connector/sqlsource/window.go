package sqlsource

import (
	"context"
	"slices"

	"github.com/penstock-data/penstock/schema"
)

// A Window gathers changes of one table, so that they go on in few large
// batches: upserts, rows to be read again, updates of some columns, deletes.
// That is another order than the log's, so no key is in two of them unless it
// came in this order. A key that comes in another makes the window be sent
// first. What is upserted only needs no such care, which is most: of several
// upserts of a key the last counts in any case.
//
// R is a row as the log has it. A window keeps none.
type Window[R any] struct {
	table Changed[R]
	exact bool   // equal keys have one text
	held  *int64 // bytes in all windows

	upserts Batch[R]
	updates Batch[R] // of the columns in set
	deletes Batch[R]
	set     []int

	again    map[string][]string // keys of rows to be read again, with their values
	late     map[string]class    // of the keys that are updated or deleted
	bytes    int                 // about, of what is held
	upserted int                 // of them, in upserts
}

// Changed is the table that a window is of.
type Changed[R any] interface {
	// Key returns a text that equal keys have in common, valid until the call
	// after, and KeyValues the texts of its columns.
	Key(row R) []byte
	KeyValues(row R) []string

	// Batch makes a batch of upserts of whole rows, of updates of the columns
	// with these indexes, or of deletes.
	Batch(ctx context.Context, op schema.Op, columns []int) Batch[R]

	// ReadAgain sends rows with these keys as they are in the source now.
	// That may be later than the change that it is about: then the log
	// repeats what is later.
	ReadAgain(ctx context.Context, keys map[string][]string) error
}

// A Batch gathers rows of one operation.
type Batch[R any] interface {
	// Full reports whether the batch has to be sent before a row of so many
	// bytes.
	Full(size int) bool
	Put(row R, size int) error
	Flush() error // sends it, if there is anything in it; then it is empty
}

// A class is a kind of changes within a window.
type class uint8

const (
	upserted class = iota
	updated
	deleted
)

// NewWindow returns an empty window of a table that the follower applies the
// log to. exact says that equal keys have one text.
func NewWindow[R any, P Position[P]](f *Follower[P], table Changed[R], exact bool) *Window[R] {
	return &Window[R]{table: table, exact: exact, held: &f.held, again: map[string][]string{}, late: map[string]class{}}
}

// hold counts bytes that the window holds more, or less.
func (w *Window[R]) hold(bytes int) {
	w.bytes += bytes
	*w.held += int64(bytes)
}

// forget empties the window for good, without sending it.
func (w *Window[R]) forget() { w.hold(-w.bytes) }

// settle sends the window if a change of the class to this key may not go
// before what is in it.
func (w *Window[R]) settle(ctx context.Context, key []byte, c class) error {
	if len(w.late) == 0 || w.exact && w.late[string(key)] <= c {
		return nil
	}
	return w.Flush(ctx)
}

// Upsert adds a whole row, of so many bytes.
func (w *Window[R]) Upsert(ctx context.Context, row R, size int) error {
	if len(w.late) > 0 {
		if err := w.settle(ctx, w.table.Key(row), upserted); err != nil {
			return err
		}
	}
	if w.upserts == nil {
		w.upserts = w.table.Batch(ctx, schema.Upsert, nil)
	}
	if w.upserts.Full(size) {
		if err := w.upserts.Flush(); err != nil {
			return err
		}
		w.hold(-w.upserted)
		w.upserted = 0
	}
	w.hold(size)
	w.upserted += size
	return w.upserts.Put(row, size)
}

// Update adds a row of which the values of the columns in set came, the key
// among them.
func (w *Window[R]) Update(ctx context.Context, row R, set []int, size int) error {
	key := string(w.table.Key(row))
	if err := w.settle(ctx, []byte(key), updated); err != nil {
		return err
	}
	if w.updates != nil && (!slices.Equal(set, w.set) || w.updates.Full(size)) {
		if err := w.Flush(ctx); err != nil {
			return err
		}
	}
	if w.updates == nil || !slices.Equal(set, w.set) {
		w.set = slices.Clone(set)
		w.updates = w.table.Batch(ctx, schema.Update, w.set)
	}
	w.late[key] = updated
	w.hold(size + len(key))
	return w.updates.Put(row, size)
}

// Delete adds a row that is gone, of which only the key matters.
func (w *Window[R]) Delete(ctx context.Context, row R, size int) error {
	key := string(w.table.Key(row))
	if w.deletes != nil && w.deletes.Full(size) {
		if err := w.Flush(ctx); err != nil {
			return err
		}
	}
	if w.deletes == nil {
		w.deletes = w.table.Batch(ctx, schema.Delete, nil)
	}
	w.late[key] = deleted
	w.hold(size + len(key))
	return w.deletes.Put(row, size)
}

// ReadAgain adds a row that has to be read from the source.
func (w *Window[R]) ReadAgain(ctx context.Context, row R) error {
	key := string(w.table.Key(row))
	if err := w.settle(ctx, []byte(key), upserted); err != nil {
		return err
	}
	if _, ok := w.again[key]; ok {
		return nil
	}
	w.again[key] = w.table.KeyValues(row)
	w.hold(3*len(key) + 64)
	if len(w.again) >= maxAgain {
		return w.Flush(ctx)
	}
	return nil
}

// maxAgain is how many rows are read again by one query.
const maxAgain = 1000

// Flush sends what is in the window.
func (w *Window[R]) Flush(ctx context.Context) error {
	defer func() { w.hold(-w.bytes); w.upserted = 0 }()
	if w.upserts != nil {
		if err := w.upserts.Flush(); err != nil {
			return err
		}
	}
	if len(w.again) > 0 {
		if err := w.table.ReadAgain(ctx, w.again); err != nil {
			return err
		}
		clear(w.again)
	}
	for _, b := range []Batch[R]{w.updates, w.deletes} {
		if b == nil {
			continue
		}
		if err := b.Flush(); err != nil {
			return err
		}
	}
	clear(w.late)
	return nil
}
