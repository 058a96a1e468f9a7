package postgres

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/sqlsource"
	"github.com/penstock-data/penstock/schema"
)

// apply takes a message of the log, and reports whether a transaction ended
// with it.
func (f *follower) apply(ctx context.Context, msg []byte) (ended bool, err error) {
	c := cursor{b: msg}
	kind := c.uint8()
	if f.part != nil && kind != msgStreamStop {
		if kind == msgOrigin {
			return false, nil
		}
		return false, f.spool.add(f.part, msg)
	}
	switch kind {
	case msgInsert, msgUpdate, msgDelete:
		if err := c.change(kind, &f.change); err != nil {
			return false, err
		}
		f.changes++
		return false, f.changed(ctx, kind, len(msg))
	case msgBegin:
		b, err := c.begin()
		f.beginTransaction(b)
		return false, err
	case msgCommit:
		end, err := c.commitEnd()
		f.commit(end)
		return err == nil, err
	case msgStreamStart:
		xid := c.uint32()
		c.uint8()
		if err = c.done(); err == nil {
			f.part, err = f.spool.open(xid)
		}
		return false, err
	case msgStreamStop:
		f.part = nil
		return false, c.done()
	case msgStreamAbort:
		xid, sub := c.uint32(), c.uint32()
		if c.bad {
			return false, errProtocol
		}
		return false, f.spool.abort(xid, sub)
	case msgStreamCommit:
		b, end, err := c.streamCommit()
		if err != nil {
			return false, err
		}
		f.beginTransaction(b)
		err = f.spool.replay(b.xid, func(msg []byte) error {
			_, err := f.apply(ctx, msg)
			return err
		})
		if err != nil {
			return false, err
		}
		f.commit(end)
		return true, nil
	case msgRelation:
		d, err := c.relation()
		if err != nil {
			return false, err
		}
		return false, f.describe(ctx, d)
	case msgTruncate:
		oids, err := c.truncate()
		if err != nil {
			return false, err
		}
		return false, f.truncated(ctx, oids)
	case msgOrigin, msgType, msgLogical:
		return false, nil
	default:
		return false, fmt.Errorf("unexpected message %q in the log", kind)
	}
}

func (f *follower) beginTransaction(b begin) {
	f.changes = 0
	f.Mark(b.commit + 1)
	f.Begin(sqlsource.Transaction[position]{ID: near(f.catalog.xmax, b.xid), Commit: b.commit, Time: b.time + epochMicros})
}

func (f *follower) commit(end position) {
	f.Commit(end, f.changes)
	f.early = append(f.early, f.xid())
}

// xid is the id of the transaction that is being read.
func (f *follower) xid() uint64 { return f.Transaction().ID }

// describe takes note of how the log describes a relation from now on.
func (f *follower) describe(ctx context.Context, d described) error {
	m := &mapping{}
	f.maps[d.oid] = m
	l := f.holders[d.oid]
	if l == nil {
		// A table that is not in the catalog is new, or gone since.
		if !f.known[d.oid] && !f.catalog.sees(f.xid()) {
			return f.changedSchema(ctx)
		}
		return nil
	}
	older := l.catalog.sees(f.xid()) // the catalog that is known came later
	m.unfit = l.rel.exchanged(d)
	if !older && (m.unfit || !l.called(d)) {
		return f.changedSchema(ctx)
	}
	unknown := slices.ContainsFunc(d.columns, func(dc describedColumn) bool { return !l.rel.has(dc.name) })
	if !older && unknown {
		return f.changedSchema(ctx)
	}
	for i, c := range l.cols {
		at := slices.IndexFunc(d.columns, func(dc describedColumn) bool { return dc.name == c.Name })
		ok := at >= 0 && d.columns[at].typ == c.oid
		if l.table.Columns[i].Key {
			ok = ok && (d.identity == 'f' || d.columns[at].identity)
		}
		// A column that the row has not, and the table has now, was added
		// later: all rows have NULL in it until they are changed. But if the
		// row has one that the table has not, it may be the same, renamed.
		// Generated columns are never there.
		if at < 0 && !l.table.Columns[i].Key && (older && !unknown || c.logged == nil) {
			ok = true
		}
		if !ok && !older {
			return f.changedSchema(ctx)
		}
		m.unfit = m.unfit || !ok
		m.at = append(m.at, at)
	}
	if l.starts {
		m.at = append(m.at, sinceWhen)
	}
	m.to = l
	return nil
}

// exchanged reports whether columns cannot be those that the catalog has by their
// names, as when two have exchanged theirs. They are described in the order of
// their numbers, of which some may be left out. A partition has numbers of its
// own.
func (r *relation) exchanged(d described) bool {
	if d.oid != r.OID {
		return false
	}
	last := int16(0)
	for i, dc := range d.columns {
		at := slices.IndexFunc(r.columns, func(c column) bool { return c.Name == dc.name })
		if at < 0 {
			continue
		}
		num := r.columns[at].Num
		if num <= last || int(num) <= i {
			return true
		}
		last = num
	}
	return false
}

// called reports whether a relation that has rows of the table has the name
// that the catalog knows.
func (l *logged) called(d described) bool {
	return !slices.ContainsFunc(append(l.rel.holders(), l.rel), func(r *relation) bool {
		return r.OID == d.oid && (r.Schema != d.schema || r.Name != d.name)
	})
}

// changedSchema ends the sync before the transaction that is being read: what
// it changes cannot be understood with the catalog that is known.
func (f *follower) changedSchema(ctx context.Context) error {
	// The next catalog is to be one that the transaction is part of.
	f.early = append(f.early, f.xid())
	if err := f.Save(ctx); err != nil {
		return err
	}
	return connector.ErrSchemaChanged
}

// changed takes a change of a row.
func (f *follower) changed(ctx context.Context, kind byte, size int) error {
	c := &f.change
	m := f.maps[c.oid]
	if m == nil {
		return errProtocol
	}
	l := m.to
	if l == nil || f.Past() || !l.st.Log.Takes(f.Transaction()) {
		return nil
	}
	if m.unfit {
		f.Heal(l, errAltered)
		return nil
	}
	for _, t := range [][]datum{c.old, c.now} {
		if len(t) > 0 && !fitsTuple(m, t) {
			return errProtocol
		}
	}
	return f.Applied(ctx, l, l.change(ctx, kind, c, m.at, size))
}

// fitsTuple reports whether a row has the columns that the log described.
func fitsTuple(m *mapping, tuple []datum) bool {
	return len(m.at) == 0 || slices.Max(m.at) < len(tuple)
}

func (l *logged) change(ctx context.Context, kind byte, c *change, at []int, size int) error {
	w := l.window
	if kind == msgDelete {
		return l.remove(ctx, c.old, at, size)
	}
	for i := range c.now { // what did not change may be in the row before
		if c.now[i].kind == isUnchanged && i < len(c.old) && c.old[i].kind == isText {
			c.now[i] = c.old[i]
		}
	}
	if slices.ContainsFunc(l.key, func(i int) bool { return c.now[at[i]].kind != isText }) {
		return errAltered
	}
	if c.old != nil {
		if !l.sameKey(c.old, c.now, at) {
			if err := l.remove(ctx, c.old, at, size); err != nil {
				return err
			}
			if l.converted || l.unchanged(c.now, at) {
				return w.ReadAgain(ctx, row{c.now, at})
			}
			return w.Upsert(ctx, row{c.now, at}, size)
		}
	}
	switch {
	case l.converted:
		return w.ReadAgain(ctx, row{c.now, at})
	case !l.unchanged(c.now, at):
		return w.Upsert(ctx, row{c.now, at}, size)
	case l.filter != "" || l.starts: // each version is a whole row
		return w.ReadAgain(ctx, row{c.now, at})
	}
	var set []int
	for i := range l.cols {
		if at[i] >= 0 && c.now[at[i]].kind != isUnchanged {
			set = append(set, i)
		}
	}
	if len(set) == len(l.key) { // nothing that is wanted has changed
		return nil
	}
	return w.Update(ctx, row{c.now, at}, set, size)
}

// remove deletes the row with the key in a tuple, if deletes are captured.
func (l *logged) remove(ctx context.Context, tuple []datum, at []int, size int) error {
	if !l.run.source.CaptureDeletes {
		return nil
	}
	for _, i := range l.key {
		if tuple == nil || tuple[at[i]].kind != isText {
			return errAltered
		}
	}
	return l.window.Delete(ctx, row{tuple, at}, size)
}

func (l *logged) sameKey(a, b []datum, at []int) bool {
	for _, i := range l.key {
		if !bytes.Equal(a[at[i]].data, b[at[i]].data) {
			return false
		}
	}
	return true
}

// unchanged reports whether a column that is wanted has not come because it
// did not change.
func (l *logged) unchanged(tuple []datum, at []int) bool {
	return slices.ContainsFunc(at, func(i int) bool { return i >= 0 && tuple[i].kind == isUnchanged })
}

// truncated empties tables. Of one that only some partitions are emptied of,
// queries tell what is left.
func (f *follower) truncated(ctx context.Context, oids []uint32) error {
	if f.Past() {
		return nil
	}
	var met []*logged
	for _, oid := range oids {
		m := f.maps[oid]
		if m == nil || m.to == nil || slices.Contains(met, m.to) || !m.to.st.Log.Takes(f.Transaction()) {
			continue
		}
		l := m.to
		met = append(met, l)
		whole := slices.Contains(oids, l.rel.OID) || all(l.rel.holders(), func(r *relation) bool { return slices.Contains(oids, r.OID) })
		if !whole {
			f.Heal(l, errAltered)
			continue
		}
		if !l.run.source.CaptureDeletes {
			continue
		}
		err := l.window.Flush(ctx)
		if err == nil {
			// Rows that came in this sync are emptied out, too.
			err = l.write(ctx, schema.Batch{Op: schema.Truncate, Table: l.table, Before: l.run.req.Start.Add(time.Second)})
		}
		if err := f.Settle(l, err); err != nil {
			return err
		}
	}
	return nil
}

// ReadAgain implements sqlsource.Changed.
func (l *logged) ReadAgain(ctx context.Context, keys map[string][]string) error {
	f := l.follower
	if err := f.awaitSeen(ctx); err != nil {
		return err
	}
	defer f.conn.Exec(context.WithoutCancel(ctx), "rollback")
	end, err := insertPosition(ctx, f.conn)
	if err != nil {
		return &connectionError{err}
	}
	f.Mark(end)
	if err := f.SaveMark(ctx); err != nil { // the connection is busy when rows come
		return err
	}
	var columns, rows, list []string
	for _, i := range l.key {
		columns = append(columns, pgx.Identifier{l.cols[i].Name}.Sanitize())
	}
	for _, values := range keys {
		quoted := make([]string, len(values))
		for i, v := range values {
			quoted[i] = quote(v)
		}
		rows = append(rows, "("+strings.Join(quoted, ", ")+")")
	}
	for _, c := range l.cols {
		list = append(list, c.expr)
	}
	table, cols := l.table, l.cols
	if l.starts {
		table = &schema.Table{Name: l.table.Name, Columns: append(slices.Clone(l.table.Columns), startColumn)}
		cols = append(slices.Clone(l.cols), column{Name: schema.Start, Type: startColumn.Type, decode: decodeTimestamp})
		list = append(list, fmt.Sprintf("timestamptz '2000-01-01 00:00:00+00' + interval '%d microseconds'", f.Clock(l.st.Log)-epochMicros))
	}
	out := newDecoder(ctx, cols, schema.Batch{Op: schema.Upsert, Table: table}, l.run.source.batchBytes(), l.write,
		func(column, code string, value func() string) { l.run.Warn(l.table.Name, column, code, value) })
	where := []string{"(" + strings.Join(columns, ", ") + ") in (" + strings.Join(rows, ", ") + ")"}
	return copyOut(ctx, f.conn.PgConn(), copyStatement(list, alone(l.rel), where), make([]byte, 64<<10), out)
}

// awaitSeen begins a transaction that sees all that was read from the log: a
// commit is in it before others see what was committed. With synchronous
// replication that is when a standby has it, which may be away.
func (f *follower) awaitSeen(ctx context.Context) error {
	for deadline := time.Now().Add(f.run.source.patience); ; {
		if _, err := f.conn.Exec(ctx, readOnly); err != nil {
			return &connectionError{err}
		}
		var text string
		if err := f.conn.QueryRow(ctx, "select txid_current_snapshot()::text").Scan(&text); err != nil {
			return &connectionError{err}
		}
		var seen visibility
		if err := seen.UnmarshalText([]byte(text)); err != nil {
			return err
		}
		if f.allSeen(&seen) && (!f.Within() || seen.sees(f.xid())) {
			return nil
		}
		if _, err := f.conn.Exec(ctx, "rollback"); err != nil {
			return &connectionError{err}
		}
		if time.Now().After(deadline) {
			return &connectionError{fmt.Errorf(
				"%s has had commits in its log for more than %s that others do not see; a standby of synchronous_standby_names may be away", f.run.source.address(), f.run.source.patience)}
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
