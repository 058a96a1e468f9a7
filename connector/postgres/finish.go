package postgres

import (
	"context"
	"errors"

	"github.com/penstock-data/penstock/connector/sqlsource"
	"github.com/penstock-data/penstock/schema"
)

// Finish implements sqlsource.Table: what moved during an interrupted load is
// read, and what is gone from the source is marked.
func (t *reading) Finish(ctx context.Context, w *worker) error {
	if !t.replaced() {
		if err := t.catchUp(ctx, w); err != nil {
			return err
		}
		if err := t.compare(ctx, w); err != nil {
			return err
		}
	} else if t.loads() || t.anew { // a root whose last partition went has nothing to load
		if err := t.replace(ctx); err != nil {
			return err
		}
	}
	t.run.Lock()
	defer t.run.Unlock()
	for _, p := range t.parts {
		if t.mode != blind && (p.load || t.snap.xmin-p.st.Horizon > staleHorizon) {
			t.run.Touch()
		}
		*p.st = partState{File: p.file, Horizon: t.snap.xmin, Loaded: true}
	}
	if t.run.log != nil {
		t.run.log.handOver(t)
	}
	return nil
}

// staleHorizon is how far a horizon may lag behind before that alone is worth
// a checkpoint. A lag makes no row be sent twice unless one was sent at all.
const staleHorizon = 1 << 20

// catchUp reads what was written since the first snapshot of a load that has
// gone on under a later one.
func (t *reading) catchUp(ctx context.Context, w *worker) error {
	for _, p := range t.parts {
		if !p.resumed {
			continue
		}
		if _, err := t.copy(ctx, w, p, []string{since(p.st.Horizon)}); err != nil {
			return err
		}
	}
	return nil
}

// compare marks rows that are gone from the source. If deletes are not captured,
// only what does not meet the filter goes, which may be another than when it was
// sent.
func (t *reading) compare(ctx context.Context, w *worker) error {
	mark := t.sweep
	switch {
	case t.run.source.CaptureDeletes:
	case t.filter != "" && t.loads():
		mark = t.leave
	default:
		return nil
	}
	err := t.run.Compare(ctx, sqlsource.Comparison{
		Table: t.table.Name,
		Whole: t.whole,
		Count: func() (int64, error) {
			if t.whole {
				return t.loaded.Load(), nil
			}
			return t.count(ctx, w)
		},
		Mark: func() error { return mark(ctx, w) },
	})
	if errors.Is(err, sqlsource.ErrIncomplete) {
		t.run.Lock()
		defer t.run.Unlock()
		t.restart()
	}
	return err
}

// sweep sends the keys of all rows and marks those that are not among them.
func (t *reading) sweep(ctx context.Context, w *worker) error {
	keys, err := t.sendKeys(ctx, w, schema.Present, t.filtered())
	if err != nil {
		return err
	}
	return t.write(ctx, schema.Batch{Op: schema.Sweep, Table: keys})
}

// leave deletes the rows that do not meet the filter.
func (t *reading) leave(ctx context.Context, w *worker) error {
	_, err := t.sendKeys(ctx, w, schema.Delete, []string{"(" + t.filter + ") is not true"})
	return err
}

// sendKeys sends the keys of the rows that meet the conditions, and returns
// how they are described.
func (t *reading) sendKeys(ctx context.Context, w *worker, op schema.Op, where []string) (*schema.Table, error) {
	keys := &schema.Table{Name: t.table.Name}
	var cols []column
	for i, c := range t.table.Columns {
		if c.Key {
			keys.Columns = append(keys.Columns, c)
			cols = append(cols, t.cols[i])
		}
	}
	list := make([]string, len(cols))
	for i, c := range cols {
		list[i] = c.expr
	}
	out := newDecoder(ctx, cols, schema.Batch{Op: op, Table: keys}, t.run.source.batchBytes(), t.write,
		func(string, string, func() string) {})
	for _, p := range t.parts {
		err := w.read(ctx, func() error {
			if err := copyOut(ctx, w.conn.PgConn(), copyStatement(list, p.from, where), w.buf, out); err != nil {
				return err
			}
			return w.verify(ctx, p)
		})
		if err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// replace marks the rows that a full read of a table without a key did not
// send again.
func (t *reading) replace(ctx context.Context) error {
	if err := t.write(ctx, schema.Batch{Op: schema.Truncate, Table: t.table, Before: t.st.Began}); err != nil {
		return err
	}
	live, err := t.run.Live(ctx, t.table.Name)
	if err != nil {
		return err
	}
	t.run.Lock()
	defer t.run.Unlock()
	t.st.Live = live
	if t.whole {
		t.st.Rows = t.loaded.Load()
	}
	return nil
}

// changed reports whether a table without a key is another one for this
// snapshot than for the first of its last full read, or the destination
// another one than when that read ended. If not, rows sent under the earlier
// snapshots hold good, and the read may go on.
func (t *reading) changed(ctx context.Context, w *worker) (bool, error) {
	for _, p := range t.parts {
		var some bool
		err := w.read(ctx, func() error {
			if err := w.conn.QueryRow(ctx, "select exists(select from "+p.from+whereAll(t.filtered(since(p.st.Horizon)))+")").Scan(&some); err != nil {
				return err
			}
			return w.verify(ctx, p)
		})
		if err != nil || some {
			return some, err
		}
	}
	rows, err := t.count(ctx, w)
	if err != nil || rows != t.st.Rows {
		return true, err
	}
	if t.loads() {
		return false, nil
	}
	live, err := t.run.Live(ctx, t.table.Name)
	return live != t.st.Live, err
}

// filtered returns conditions, and the table's filter if it has one.
func (t *reading) filtered(where ...string) []string {
	if t.filter != "" {
		where = append(where, t.filter)
	}
	return where
}

// count returns the number of rows that the snapshot sees and that meet the
// filter.
func (t *reading) count(ctx context.Context, w *worker) (int64, error) {
	var all int64
	for _, p := range t.parts {
		err := w.read(ctx, func() error {
			var n int64
			if err := w.conn.QueryRow(ctx, "select count(*) from "+p.from+whereAll(t.filtered())).Scan(&n); err != nil {
				return err
			}
			all += n
			return w.verify(ctx, p)
		})
		if err != nil {
			return 0, err
		}
	}
	return all, nil
}
