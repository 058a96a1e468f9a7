package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/penstock-data/penstock/connector/sqlsource"
	"github.com/penstock-data/penstock/schema"
)

// Cut implements sqlsource.Table.
func (t *reading) Cut(ctx context.Context, w *worker) ([]sqlsource.Piece[*worker], error) {
	if !t.keyed && t.mode == byXmin && (t.settled() || t.resumed) {
		changed, err := t.changed(ctx, w)
		if err != nil {
			return nil, err
		}
		switch {
		case changed:
			t.run.Lock()
			t.restart()
			t.adopt()
			t.run.Unlock()
		case t.settled():
			return nil, nil
		}
	}
	if t.loads() {
		var err error
		if t.passes, err = t.run.Passes(ctx, t.table, schema.PostgresBinary); err != nil {
			return nil, err
		}
		// A server that checks no encoding may have text that another refuses.
		t.passes = t.passes && !t.snap.asciiOnly
		if t.filter == "" { // nobody knows how many meet it
			t.run.out.Progress(t.table.Name, t.estimate())
		}
	}
	var pieces []sqlsource.Piece[*worker]
	cut := false
	for _, p := range t.parts {
		pages, step, err := t.measure(ctx, w, p)
		if err != nil {
			return nil, err
		}
		var done []pageRange
		if p.load {
			done = p.st.Done
		} else {
			step = max(step, pages/int64(4*t.run.source.workers)+1)
		}
		for _, rg := range rest(done, pages, step) {
			pieces = append(pieces, t.piece(p, rg))
		}
		cut = cut || p.load && len(rest(nil, pages, step)) > 1
	}
	if !t.keyed && t.mode == byXmin && t.st.Rows < 0 && (cut || len(t.parts) > 1) {
		// An interrupted load can only be gone on with if it is known later
		// that no row has vanished since.
		n, err := t.count(ctx, w)
		if err != nil {
			return nil, err
		}
		t.run.Lock()
		t.st.Rows = n
		t.run.Unlock()
	}
	return pieces, nil
}

// settled reports whether every part has been loaded by an earlier sync.
func (t *reading) settled() bool {
	for _, p := range t.parts {
		if p.load {
			return false
		}
	}
	return true
}

func (t *reading) loads() bool {
	for _, p := range t.parts {
		if p.load {
			return true
		}
	}
	return false
}

// estimate returns about how many rows the loads will send.
func (t *reading) estimate() int64 {
	rows := max(t.rel.Rows, 0)
	if len(t.rel.leaves) > 0 { // some versions keep their sum in the root, too
		rows = 0
	}
	for _, l := range t.rel.leaves {
		rows += max(l.Rows, 0)
	}
	return int64(rows)
}

// measure returns how many pages a part has and how many make up a range.
// Rows that the snapshot sees are on pages that exist by now.
func (t *reading) measure(ctx context.Context, w *worker, p *part) (pages, step int64, err error) {
	if p.oid == 0 || t.snap.version < 140000 { // no scans of ctid ranges before 14
		return 0, endOfTable, nil
	}
	var heap, all int64
	err = w.read(ctx, func() error {
		return w.conn.QueryRow(ctx, fmt.Sprintf(
			`select coalesce(pg_relation_size(%[1]d), 0), coalesce(pg_table_size(%[1]d), 0)`, p.oid)).Scan(&heap, &all)
	})
	pages = heap / t.snap.block
	// Large values are stored beside the pages; a range is smaller for it.
	n := max(1, max(heap, all)/t.run.source.rangeBytes)
	return pages, max(1, pages/n), err
}

func (t *reading) piece(p *part, rg pageRange) sqlsource.Piece[*worker] {
	return sqlsource.Piece[*worker]{Kept: p.load, Read: func(ctx context.Context, w *worker) error {
		return t.readRange(ctx, w, p, rg)
	}}
}

// readRange sends the rows of a range and notes it as done.
func (t *reading) readRange(ctx context.Context, w *worker, p *part, rg pageRange) error {
	var where []string
	if p.oid != 0 && rg.Lo > 0 {
		where = append(where, fmt.Sprintf("ctid >= '(%d,0)'::tid", rg.Lo))
	}
	if p.oid != 0 && rg.Hi != endOfTable {
		where = append(where, fmt.Sprintf("ctid < '(%d,0)'::tid", rg.Hi))
	}
	if p.load {
		where = t.filtered(where...)
	} else { // what does not meet the filter any more must be sent, too
		where = append(where, since(p.st.Horizon))
	}
	n, err := t.copy(ctx, w, p, where)
	if err != nil {
		return err
	}
	if p.load {
		t.loaded.Add(n)
		t.run.Lock()
		p.st.finish(rg)
		t.run.Unlock()
	}
	return nil
}

// copy sends the rows of a part that meet the conditions.
func (t *reading) copy(ctx context.Context, w *worker, p *part, where []string) (int64, error) {
	if w.table != t || w.sink == nil {
		w.table, w.sink = t, t.newSink(ctx)
	}
	out := w.sink
	w.sink = nil // not to be used again after an error
	err := w.read(ctx, func() error {
		if err := copyOut(ctx, w.conn.PgConn(), copyStatement(t.selectList(), p.from, where), w.buf, out); err != nil {
			return err
		}
		return w.verify(ctx, p)
	})
	if err != nil {
		return 0, err
	}
	w.sink = out
	n, _ := out.sent()
	return n, nil
}

// verify believes what was read if the table was not written anew meanwhile.
// The lock of the read lasts until the transaction ends, so this holds for
// the whole of it.
func (w *worker) verify(ctx context.Context, p *part) error {
	var same bool
	if err := w.conn.QueryRow(ctx, p.check).Scan(&same); err != nil {
		return err
	}
	if !same {
		return errRewritten
	}
	return nil
}

func (t *reading) newSink(ctx context.Context) sink {
	batch := schema.Batch{Op: schema.Upsert, Table: t.table, Fresh: t.fresh}
	limit := t.run.source.batchBytes()
	if t.passes {
		return &passer{ctx: ctx, write: t.write, batch: batch, limit: limit}
	}
	return newDecoder(ctx, t.cols, batch, limit, t.write, func(column, code string, value func() string) {
		t.run.Warn(t.table.Name, column, code, value)
	})
}

func (t *reading) selectList() []string {
	list := make([]string, len(t.cols))
	for i, c := range t.cols {
		if list[i] = c.expr; t.passes {
			list[i] = c.raw
		}
	}
	return list
}

func copyStatement(list []string, from string, where []string) string {
	return "copy (select " + strings.Join(list, ", ") + " from " + from + whereAll(where) + ") to stdout (format binary)"
}

func whereAll(conditions []string) string {
	if len(conditions) == 0 {
		return ""
	}
	return " where " + strings.Join(conditions, " and ")
}
