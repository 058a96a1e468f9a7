package sqlwriter

import (
	"context"
	"fmt"
	"slices"

	"github.com/penstock-data/penstock/schema"
)

// Small batches are held in memory until they are to be made durable, and then
// those of many tables are merged together: of such a merge on its own the
// most is a session, a stage and a commit.

const (
	// heldBytes is how much is held of one table at most.
	heldBytes = 256 << 10

	// heldInAll is how much is held of all tables at most.
	heldInAll = 8 << 20
)

// holds reports whether a batch can wait in memory.
func (t *table) holds(b schema.Batch) bool {
	switch {
	case t.w.limits.Inline == 0 || t.found.Table == nil || t.found.Table.Mode == schema.History:
		return false
	case b.Op != schema.Upsert && b.Op != schema.Update && b.Op != schema.Delete:
		return false
	case !tells(b):
		return false
	case b.Fresh && (!t.counted || t.fresh): // it may go straight into the table
		return false
	case t.staged():
		return false
	}
	size := b.Bytes()
	return t.heldBytes+size <= heldBytes && t.w.held.Load()+size <= heldInAll
}

func (t *table) hold(b schema.Batch) error {
	if b.Rows() == 0 {
		b.Release()
		return nil
	}
	if err := t.checkShape(b); err != nil {
		b.Release()
		return err
	}
	size := b.Bytes()
	t.held = append(t.held, b)
	t.heldBytes += size
	t.w.held.Add(size)
	return nil
}

// unhold forgets what is held, which is somebody else's now.
func (t *table) unhold() []schema.Batch {
	held := t.held
	t.w.held.Add(-t.heldBytes)
	t.held, t.heldBytes = nil, 0
	return held
}

// stageHeld stages what is held.
func (t *table) stageHeld(ctx context.Context) error {
	held := t.unhold()
	for i, b := range held {
		if err := t.put(ctx, b); err != nil {
			release(held[i+1:])
			return err
		}
	}
	return nil
}

func release(batches []schema.Batch) {
	for _, b := range batches {
		b.Release()
	}
}

// together merges what is held of tables, of as many in one transaction as go
// together. What it leaves is still held, and nothing of it is in a table.
func (w *writer) together(ctx context.Context, tables []*table) error {
	if len(tables) == 0 {
		return nil
	}
	w.inlining.Lock()
	defer w.inlining.Unlock()
	if w.inliner == nil {
		s, err := w.db.Session(ctx)
		if err != nil {
			return err
		}
		w.inliner = s
	}
	for len(tables) > 0 {
		n, columns := 0, 0
		for n < len(tables) && (n == 0 || columns+tables[n].heldColumns() <= w.limits.Inline) {
			columns += tables[n].heldColumns()
			n++
		}
		if err := w.inline(ctx, tables[:n]); err != nil {
			return err
		}
		tables = tables[n:]
	}
	return nil
}

// heldColumns returns how many columns a table has of which batches are held
// and no more than that waits.
func (t *table) heldColumns() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.held) == 0 || t.staged() {
		return 0
	}
	return len(t.found.Table.Columns)
}

// inline merges what is held of some tables in one transaction. If one of them
// is in the way of the others they are left, to be merged one by one.
func (w *writer) inline(ctx context.Context, tables []*table) error {
	var parts []Inline
	settle := func(context.Context) {}
	if s, ok := w.db.(Settler); ok {
		settle = s.Settle
	}
	first := false // these are the first rows of one of them
	defer func() {
		for _, p := range parts {
			p.Rows.Release()
		}
	}()
	for _, t := range tables {
		t.mu.Lock()
		defer t.mu.Unlock()
		of, err := t.inlines(ctx, w.inliner)
		parts, first = append(parts, of...), first || t.blank
		if err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	x := w.inliner.(Inliner)
	err := x.Inline(ctx, parts)
	if err != nil && ctx.Err() == nil {
		settle(ctx) // there may be more memory then
		err = x.Inline(ctx, parts)
	}
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		if _, broken := w.inliner.Count(ctx, "SELECT 1"); broken != nil {
			return err
		}
		return nil
	}
	for _, t := range tables {
		if slices.ContainsFunc(t.held, func(b schema.Batch) bool { return b.Op == schema.Upsert }) {
			t.blank = false
		}
		release(t.unhold())
	}
	if first {
		settle(ctx)
	}
	return nil
}

// inlines returns what is to be done with the batches that are held, in their
// order. With an error, too, the rows of what it returns are to be released.
func (t *table) inlines(ctx context.Context, s Session) (parts []Inline, err error) {
	if err := t.endStream(ctx); err != nil {
		return nil, err
	}
	if err := t.count(ctx, s); err != nil {
		return nil, err
	}
	empty := t.blank // before what comes next
	for rest := t.held; len(rest) > 0; {
		first, n := rest[0], 1
		for n < len(rest) && rest[n].Op == first.Op && sameColumns(rest[n].Table, first.Table) {
			n++
		}
		m := Merge{Table: t.found.Table, Synced: t.w.opt.Synced, Empty: empty, Inline: true}
		switch first.Op {
		case schema.Upsert:
			m.Upserts = first.Table
		case schema.Update:
			m.Updates = first.Table
		case schema.Delete:
			m.Deletes = first.Table
		}
		if err := t.index(ctx, s, &m); err != nil {
			return parts, err
		}
		rows, err := lastOfEach(rest[:n])
		if err != nil {
			return parts, err
		}
		empty = empty && m.Upserts == nil
		parts = append(parts, Inline{Name: t.name, Shape: first.Table, Rows: rows, Statements: t.w.d.inline(m)})
		rest = rest[n:]
	}
	return parts, nil
}
