package sqlwriter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/schema"
)

var errClosed = errors.New("the writer is closed")

// A table is the state of one table in one sync: what is known of it, what is
// streaming into it, and what is staged for it.
//
// Rows take one of two ways. An upsert of fresh rows into a table that was
// empty when the writer first saw it streams straight into the table. All else
// is staged: upserts, updates and deletes each in a temporary table, numbered
// in the order of their coming, and merged together when there is enough of it,
// or something follows that needs the table as it should be. Little is held in
// memory before that.
type table struct {
	w    *writer
	name schema.Name

	mu      sync.Mutex // held through every call
	known   bool       // found is set
	found   Relation
	counted bool // fresh and blank are set
	fresh   bool // was empty at first
	blank   bool // is empty still

	session Session
	stream  Stream
	into    string        // what stream fills: a stage's name, or "" for the table itself
	shape   *schema.Table // of the stream's batches

	stages map[string]*schema.Table // shape of each stage that has rows
	empty  map[string]emptyStage    // stages that are kept for the next merge
	seq    int64
	bytes  int64 // staged

	held      []schema.Batch // before what is staged
	heldBytes int64

	largest int64 // bytes of a row written since the last merge, about
	refused error // why the destination takes nothing more of it; nil: it does
	untold  bool  // Flush has not told of that
}

func (t *table) refusal() error {
	return &destination.Refusal{Tables: map[schema.Name]error{t.name: t.refused}}
}

// An emptyStage is a stage without rows, and the table's mode when it was made.
type emptyStage struct {
	shape *schema.Table
	mode  schema.Mode
}

func (t *table) describe(ctx context.Context) error {
	if t.known {
		return nil
	}
	r, err := t.w.db.Describe(ctx, t.name)
	if err != nil {
		return err
	}
	if err := t.w.d.recognize(&r); err != nil {
		return err
	}
	t.found, t.known = r, true
	return nil
}

func (t *table) migrate(ctx context.Context, want *schema.Table) error {
	if err := t.w.claim(want.Name); err != nil {
		return err
	}
	if err := t.describe(ctx); err != nil {
		return err
	}
	statements, after, err := t.w.d.Plan(t.found, want)
	if err != nil {
		return err
	}
	if err := t.define(ctx, statements); err != nil {
		return err
	}
	if len(statements) > 0 && !t.found.Schema && t.w.opt.Made != nil {
		t.w.opt.Made(t.name.Schema)
	}
	if t.found.Table == nil {
		t.counted, t.fresh, t.blank = true, true, true
	}
	t.found = Relation{Schema: true, Table: after, Synced: true, Deleted: after.Mode == schema.SoftDelete}
	return nil
}

// define runs statements that define the table, after everything that was
// written before.
func (t *table) define(ctx context.Context, statements []string) error {
	if len(statements) == 0 {
		return nil
	}
	if err := t.apply(ctx); err != nil {
		return t.w.judge(ctx, t, err)
	}
	err := t.w.db.Define(ctx, statements)
	if err != nil {
		t.known = false
	}
	return err
}

// without drops a column.
func (t *table) without(ctx context.Context, column string) error {
	if err := t.describe(ctx); err != nil || t.found.Table == nil {
		return err
	}
	i := t.found.Table.Index(column)
	switch {
	case column == schema.RowID || reserved(t.found.Table.Mode, column):
		return fmt.Errorf("%s is a system column, which cannot be dropped", column)
	case i < 0:
		return nil
	case t.found.Table.Columns[i].Key:
		return fmt.Errorf("column %s is part of the key, and cannot be dropped", column)
	}
	statements, after := t.w.d.Without(t.found, i)
	if err := t.define(ctx, statements); err != nil {
		return err
	}
	t.found.Table = after
	return nil
}

func (t *table) write(ctx context.Context, b schema.Batch) error {
	if err := t.describe(ctx); err != nil {
		b.Release()
		return err
	}
	if t.found.Table == nil && (b.Op == schema.Truncate || b.Op == schema.Sweep) { // no row, no table
		return nil
	}
	if n := b.Rows(); n > 0 {
		t.largest = max(t.largest, b.Bytes()/n)
	}
	if t.holds(b) {
		return t.hold(b)
	}
	if err := t.ready(ctx); err != nil {
		b.Release()
		return err
	}
	switch b.Op {
	case schema.Truncate:
		if err := t.apply(ctx); err != nil {
			return err
		}
		return t.session.Exec(ctx, t.w.d.Truncate(t.found.Table, b.Before, t.w.opt.Synced))
	case schema.Sweep:
		return t.sweep(ctx)
	}
	if b.Rows() == 0 {
		b.Release()
		return nil
	}
	err := t.checkShape(b)
	if err == nil {
		err = t.stageHeld(ctx)
	}
	if err != nil {
		b.Release()
		return err
	}
	return t.put(ctx, b)
}

// put puts rows into a stage, or into the table itself.
func (t *table) put(ctx context.Context, b schema.Batch) error {
	into := map[schema.Op]string{schema.Upsert: upserts, schema.Update: updates, schema.Delete: deletes, schema.Present: present}[b.Op]
	if b.Op == schema.Upsert && b.Fresh && t.direct(b.Table) {
		into = ""
	}
	if err := t.open(ctx, into, b.Table); err != nil {
		b.Release()
		return err
	}
	n, size := b.Rows(), b.Bytes()
	if err := t.stream.Write(ctx, b, t.seq); err != nil {
		return err
	}
	t.seq += n
	if into == "" {
		t.blank = false
		return nil
	}
	if into != present {
		t.bytes += size
	}
	if t.bytes >= t.w.limits.Stage {
		return t.apply(ctx)
	}
	return nil
}

// ready gives the table a session and finds out what it is.
func (t *table) ready(ctx context.Context) error {
	if err := t.describe(ctx); err != nil {
		return err
	}
	if t.found.Table == nil {
		return errors.New("the table does not exist")
	}
	if err := t.w.session(ctx, t); err != nil {
		return err
	}
	return t.count(ctx, t.session)
}

// count finds out whether the table is empty, as long as nobody has written to
// it.
func (t *table) count(ctx context.Context, s Session) error {
	if t.counted {
		return nil
	}
	n, err := s.Count(ctx, t.w.d.Any(t.name))
	if err != nil {
		return err
	}
	t.counted, t.fresh, t.blank = true, n == 0, n == 0
	return nil
}

// direct reports whether fresh rows of a shape may go straight into the table.
func (t *table) direct(shape *schema.Table) bool {
	if !t.fresh || t.staged() {
		return false
	}
	for _, c := range shape.Columns {
		if t.ownStart(c) {
			return false // a row may come in several versions
		}
		// Rows of a source without keys may be equal, and are one row then:
		// nobody can promise that one of them is the first.
		if c.Key && c.Name == schema.RowID {
			return false
		}
		if !t.w.d.LoadConverts && typeOf(t.found.Table, c) != c.Type {
			return false
		}
	}
	return true
}

// staged reports whether operations are staged.
func (t *table) staged() bool {
	return t.stages[upserts] != nil || t.stages[updates] != nil || t.stages[deletes] != nil
}

// ownStart reports whether c is the column in which a source says when its rows
// changed.
func (t *table) ownStart(c schema.Column) bool {
	return t.found.Table.Mode == schema.History && c.IsStart()
}

// checkShape refuses a batch that the table has not been migrated to hold.
func (t *table) checkShape(b schema.Batch) error {
	if len(b.Table.Key()) == 0 {
		return errors.New("a batch without key columns")
	}
	for i, c := range b.Table.Columns {
		if own := t.ownStart(c); !own {
			j := t.found.Table.Index(c.Name)
			if j < 0 {
				return fmt.Errorf("the table has no column %s", c.Name)
			}
			if has := t.found.Table.Columns[j].Type; schema.Join(has, c.Type) != has {
				return fmt.Errorf("column %s is %s and cannot hold %s", c.Name, has, c.Type)
			}
		}
		if b.Record == nil {
			continue
		}
		if i >= int(b.Record.NumCols()) {
			return fmt.Errorf("a batch of %d columns for %d", b.Record.NumCols(), len(b.Table.Columns))
		}
		if is, want := b.Record.Column(i).DataType(), c.Type.Arrow(); !arrow.TypeEqual(is, want) {
			return fmt.Errorf("column %s comes as %s instead of %s", c.Name, is, want)
		}
		if (c.Key || t.ownStart(c)) && b.Record.Column(i).NullN() > 0 {
			return fmt.Errorf("NULL in the key column %s", c.Name)
		}
	}
	return nil
}

// open makes stream fill the stage called into, or the table itself, from
// batches of a shape.
func (t *table) open(ctx context.Context, into string, shape *schema.Table) error {
	if t.stream != nil && t.into == into && sameColumns(t.shape, shape) {
		return nil
	}
	if err := t.endStream(ctx); err != nil {
		return err
	}
	l := Load{Name: t.name, Into: t.w.d.Table(t.name), Shape: shape,
		Constants: constants(t.found.Table.Mode, t.w.opt.Synced), Synced: t.w.opt.Synced}
	for _, c := range shape.Columns {
		to := c.Type
		if into == "" {
			to = typeOf(t.found.Table, c)
		}
		l.To = append(l.To, to)
	}
	if into != "" {
		if err := t.openStage(ctx, into, shape); err != nil {
			return err
		}
		l.Into, l.Stage = t.w.d.Quote(into), true
	}
	s, err := t.session.Load(ctx, l)
	if err != nil {
		return err
	}
	t.stream, t.into, t.shape = s, into, shape
	return nil
}

// openStage makes sure that there is a stage of the shape. A stage of another
// shape is merged first.
func (t *table) openStage(ctx context.Context, stage string, shape *schema.Table) error {
	if t.apart(stage, shape) {
		if err := t.apply(ctx); err != nil {
			return err
		}
	}
	if have := t.stages[stage]; have != nil {
		if sameColumns(have, shape) {
			return nil
		}
		if stage == present {
			return errors.New("the key changed while keys were gathered")
		}
		if err := t.apply(ctx); err != nil {
			return err
		}
	}
	if err := t.makeStage(ctx, stage, shape); err != nil {
		return err
	}
	if t.stages == nil {
		t.stages = map[string]*schema.Table{}
	}
	t.stages[stage] = shape
	return nil
}

// apart reports whether rows of a shape may not be staged beside what is in the
// other stages. Upserts of a key make updates and deletes before them count for
// nothing, but not those that tell their time. Such deletes are merged together
// with upserts that do so too.
func (t *table) apart(stage string, shape *schema.Table) bool {
	if t.found.Table.Mode != schema.History {
		return false
	}
	together := func(upserts, deletes *schema.Table) bool {
		return starts(upserts) == starts(deletes) && (!starts(upserts) || slices.Equal(keyOf(upserts), keyOf(deletes)))
	}
	u, p, g := t.stages[upserts], t.stages[updates], t.stages[deletes]
	switch stage {
	case upserts:
		return starts(p) || g != nil && !together(shape, g)
	case updates:
		return starts(g)
	case deletes:
		return starts(shape) && (p != nil || u != nil && !together(u, shape))
	}
	return false
}

// keyOf returns the columns of a batch's key.
func keyOf(shape *schema.Table) (key []schema.Column) {
	for _, i := range shape.Key() {
		key = append(key, shape.Columns[i])
	}
	return key
}

// makeStage makes an empty stage, or takes the one that is kept if it has the
// shape.
func (t *table) makeStage(ctx context.Context, stage string, shape *schema.Table) error {
	var statements []string
	if have, ok := t.empty[stage]; ok {
		delete(t.empty, stage)
		if sameColumns(have.shape, shape) && have.mode == t.found.Table.Mode {
			return nil
		}
		statements = append(statements, t.w.d.dropStage(stage))
	}
	return t.session.Exec(ctx, append(statements, t.w.d.stage(stage, shape, t.found.Table.Mode))...)
}

func (t *table) endStream(ctx context.Context) error {
	s := t.stream
	t.stream = nil
	if s == nil {
		return nil
	}
	if ctx.Err() != nil { // a sync that was given up must not end well by chance
		s.Abort()
		return context.Cause(ctx)
	}
	return s.End(ctx)
}

// apply brings everything written so far into the table.
func (t *table) apply(ctx context.Context) error {
	if len(t.held) > 0 {
		if err := t.ready(ctx); err != nil {
			return err
		}
		if err := t.stageHeld(ctx); err != nil {
			return err
		}
	}
	if err := t.endStream(ctx); err != nil {
		return err
	}
	d := t.w.d
	m := Merge{
		Table: t.found.Table, Synced: t.w.opt.Synced, Empty: t.blank,
		Upserts: t.stages[upserts], Updates: t.stages[updates], Deletes: t.stages[deletes],
	}
	if m.Upserts == nil && m.Updates == nil && m.Deletes == nil {
		return nil
	}
	if err := t.index(ctx, t.session, &m); err != nil {
		return err
	}
	statements := append(d.Prepare(m), d.Apply(m)...)
	for _, stage := range []string{upserts, updates, deletes} {
		switch {
		case t.stages[stage] == nil:
		case d.EmptyStage != nil && t.bytes <= smallBytes:
			statements = append(statements, d.EmptyStage(stage))
		default:
			statements = append(statements, d.dropStage(stage))
		}
	}
	if err := t.session.Exec(ctx, statements...); err != nil {
		return err
	}
	if d.EmptyStage != nil && t.bytes <= smallBytes {
		t.keep(m)
	}
	if m.Upserts != nil {
		t.blank = false
	}
	delete(t.stages, upserts)
	delete(t.stages, updates)
	delete(t.stages, deletes)
	t.bytes, t.largest = 0, 0
	return nil
}

// index has a merge use an index on the key, if there is one.
func (t *table) index(ctx context.Context, s Session, m *Merge) (err error) {
	if x, ok := s.(Indexer); ok && !m.Empty {
		m.Unique, err = x.Index(ctx, t.keyed(*m))
	}
	return err
}

// finish makes the index of a table that was loaded, if it can.
func (t *table) finish(ctx context.Context) {
	if t.refused != nil || !t.counted || !t.fresh || t.blank || t.found.Table == nil || len(t.found.Table.Key()) == 0 || t.endStream(ctx) != nil || t.w.session(ctx, t) != nil {
		return
	}
	_ = t.index(ctx, t.session, &Merge{Table: t.found.Table, Upserts: t.found.Table})
}

// keep notes which stages were emptied by a merge and not dropped.
func (t *table) keep(m Merge) {
	if t.empty == nil {
		t.empty = map[string]emptyStage{}
	}
	for stage, shape := range map[string]*schema.Table{upserts: m.Upserts, updates: m.Updates, deletes: m.Deletes} {
		if shape != nil {
			t.empty[stage] = emptyStage{shape, m.Table.Mode}
		}
	}
}

// small reports whether little was written that is not in the table yet.
func (t *table) small() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.bytes+t.heldBytes <= smallBytes && (t.stream == nil || t.into != "")
}

// keyed returns the table with the key that the staged batches have, and that
// of a version.
func (t *table) keyed(m Merge) *schema.Table {
	for _, shape := range []*schema.Table{m.Upserts, m.Updates, m.Deletes} {
		if shape == nil {
			continue
		}
		k := keyedBy(t.found.Table, shape)
		if k.Mode == schema.History {
			start := startColumn
			start.Key = true
			k.Columns = append(k.Columns, start)
		}
		return k
	}
	return t.found.Table
}

func (t *table) sweep(ctx context.Context) error {
	if err := t.apply(ctx); err != nil {
		return err
	}
	statements := []string{t.w.d.Sweep(t.found.Table, t.stages[present], t.w.opt.Synced)}
	if t.stages[present] != nil {
		statements = append(statements, t.w.d.dropStage(present))
	}
	if err := t.session.Exec(ctx, statements...); err != nil {
		return err
	}
	delete(t.stages, present)
	return nil
}

func (t *table) live(ctx context.Context) (int64, error) {
	if err := t.describe(ctx); err != nil || t.found.Table == nil {
		return 0, err
	}
	if err := t.ready(ctx); err != nil {
		return 0, err
	}
	if err := t.apply(ctx); err != nil {
		return 0, err
	}
	return t.session.Count(ctx, t.w.d.Live(t.found.Table))
}

// free applies what is staged and gives the session up for another table,
// unless it holds keys for a sweep.
func (t *table) free(ctx context.Context) error {
	if t.session == nil || t.stages[present] != nil {
		return nil
	}
	if err := t.apply(ctx); err != nil {
		return err
	}
	var statements []string
	for stage := range t.empty {
		statements = append(statements, t.w.d.dropStage(stage))
	}
	if statements != nil {
		if err := t.session.Exec(ctx, statements...); err != nil {
			return err
		}
	}
	t.w.forget(t, t.session)
	t.session, t.stages, t.empty = nil, nil, nil
	return nil
}

// drop gives up what was not applied.
func (t *table) drop() {
	release(t.unhold())
	if t.stream != nil {
		t.stream.Abort()
		t.stream = nil
	}
	if t.session != nil {
		t.session.Close()
		t.session = nil
	}
	t.stages, t.empty, t.bytes = nil, nil, 0
	t.w.forget(t, nil)
}

// sameColumns reports whether batches of two shapes can go into one stream.
func sameColumns(a, b *schema.Table) bool {
	return a == b || slices.Equal(a.Columns, b.Columns)
}
