package sqlwriter

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/schema"
)

// Limits bound what a writer has open.
type Limits struct {
	// Sessions is how many sessions there are at a time, about: a session
	// that gathers keys for a sweep, or that is in use, is not taken away.
	Sessions int

	// Stage is how many bytes of batches are staged for one table before
	// they are merged.
	Stage int64

	// Inline is how many columns the tables may have together of which small
	// batches are merged in one transaction. 0: the sessions are no Inliners.
	Inline int
}

// New returns a writer to db. Its errors name a table only where the call was
// not about that table alone.
func New(db Database, d *Dialect, opt destination.Options, limits Limits) destination.Writer {
	return &writer{db: db, d: d, opt: opt, limits: limits, tables: map[schema.Name]*table{}, folded: map[schema.Name]schema.Name{}}
}

type writer struct {
	db     Database
	d      *Dialect
	opt    destination.Options
	limits Limits

	mu       sync.Mutex
	tables   map[schema.Name]*table
	folded   map[schema.Name]schema.Name // names of migrated tables by their lower case, if the dialect folds it
	sessions []*table                    // those that have one
	spare    []Session                   // that tables have given up
	err      error                       // the first error of a write: nothing may follow it

	held     atomic.Int64 // bytes, of all tables
	inlining sync.Mutex   // held while inliner is used
	inliner  Session      // nil: not needed yet
}

var (
	_ destination.Writer   = (*writer)(nil)
	_ destination.Finisher = (*writer)(nil)
)

func (w *writer) table(name schema.Name) *table {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.tables[name]
	if t == nil {
		t = &table{w: w, name: name}
		w.tables[name] = t
	}
	return t
}

// claim refuses a name that the destination takes for that of another table of
// the sync: their rows would mix.
func (w *writer) claim(name schema.Name) error {
	if !w.d.FoldsCase || w.d.CaseOfTables {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	f := schema.Name{Schema: strings.ToLower(name.Schema), Table: strings.ToLower(name.Table)}
	if other, ok := w.folded[f]; ok && other != name {
		return fmt.Errorf("tables %s and %s have one name here", other, name)
	}
	w.folded[f] = name
	return nil
}

// judge returns an error of writing to t, or of merging it, as a Refusal if it is
// about the table only and would come again: then t is given up. Of every other
// error nothing may follow.
func (w *writer) judge(ctx context.Context, t *table, err error) error {
	switch {
	case err == nil:
		return nil
	case w.refuses(ctx, t, err):
		return t.refusal()
	}
	return w.failed(err)
}

// judgeOther is judge where the call is not about t: of a Refusal Flush will tell.
func (w *writer) judgeOther(ctx context.Context, t *table, err error) error {
	if err == nil || w.refuses(ctx, t, err) {
		return nil
	}
	return w.failed(fmt.Errorf("%s: %w", t.name, err))
}

// refuses reports whether t is given up because of an error.
func (w *writer) refuses(ctx context.Context, t *table, err error) bool {
	if t.refused != nil {
		return true
	}
	r, ok := w.db.(Refuser)
	if !ok || ctx.Err() != nil || !r.Refuses(err, t.largest) || w.broken() != nil || !w.answers(ctx, t.name.Schema) {
		return false
	}
	t.drop()
	t.refused, t.untold = err, true
	return true
}

// answers reports whether the database does.
func (w *writer) answers(ctx context.Context, schemaName string) bool {
	_, err := w.db.Describe(ctx, schema.Name{Schema: schemaName, Table: "_fivetran_none"})
	return err == nil
}

// failed keeps the first error, and returns the one that this call met.
func (w *writer) failed(err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
	return err
}

func (w *writer) broken() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return fmt.Errorf("the writer has failed before: %w", w.err)
	}
	return nil
}

func (w *writer) Table(ctx context.Context, name schema.Name) (*schema.Table, error) {
	t := w.table(name)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.describe(ctx); err != nil {
		return nil, w.about(ctx, t, err)
	}
	if t.found.Table == nil {
		return nil, nil
	}
	c := *t.found.Table
	c.Columns = slices.Clone(c.Columns)
	return &c, nil
}

func (w *writer) Migrate(ctx context.Context, want *schema.Table) error {
	if err := w.broken(); err != nil {
		return err
	}
	t := w.table(want.Name)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.refused != nil {
		return t.refusal()
	}
	return w.about(ctx, t, t.migrate(ctx, want))
}

func (w *writer) Drop(ctx context.Context, name schema.Name, column string) error {
	if err := w.broken(); err != nil {
		return err
	}
	t := w.table(name)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.refused != nil {
		return t.refusal()
	}
	return w.about(ctx, t, t.without(ctx, column))
}

// about returns an error of looking at a table, or of defining it, as one that
// is about that table only, if the writer can go on: nothing that was written
// is lost, and the database answers when asked for another table.
func (w *writer) about(ctx context.Context, t *table, err error) error {
	if err == nil || ctx.Err() != nil || w.broken() != nil || t.refused != nil || !w.answers(ctx, t.name.Schema) {
		return err
	}
	return &destination.TableError{Err: err}
}

func (w *writer) Write(ctx context.Context, b schema.Batch) error {
	if err := w.broken(); err != nil {
		b.Release()
		return err
	}
	t := w.table(b.Table.Name)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.refused != nil {
		b.Release()
		return t.refusal()
	}
	return w.judge(ctx, t, t.write(ctx, b))
}

func (w *writer) Live(ctx context.Context, name schema.Name) (int64, error) {
	if err := w.broken(); err != nil {
		return 0, err
	}
	t := w.table(name)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.refused != nil {
		return 0, t.refusal()
	}
	n, err := t.live(ctx)
	return n, w.judge(ctx, t, err)
}

// Accepts is for dialects without a wire format of their own.
func (w *writer) Accepts(context.Context, *schema.Table, schema.Format) (bool, error) {
	return false, nil
}

func (w *writer) Flush(ctx context.Context) error {
	if err := w.broken(); err != nil {
		return err
	}
	w.mu.Lock()
	var all []*table
	for _, t := range w.tables {
		all = append(all, t)
	}
	w.mu.Unlock()
	slices.SortFunc(all, func(a, b *table) int { return a.name.Compare(b.name) })
	var held, small, large []*table
	for _, t := range all {
		switch {
		case t.heldColumns() > 0:
			held = append(held, t)
		case t.small():
			small = append(small, t)
		default:
			large = append(large, t)
		}
	}
	err := w.flush(ctx, small, smallAtOnce)
	if err == nil {
		err = w.flush(ctx, large, 1)
	}
	if err == nil {
		err = w.together(ctx, held)
	}
	if err == nil {
		err = w.flush(ctx, held, smallAtOnce) // what is left of it
	}
	if err == nil {
		err = w.renew(all)
	}
	if err != nil {
		return w.failed(err)
	}
	return untold(all)
}

// renew opens the database anew if that is time, and nothing but sessions is
// lost by it: no table has keys for a sweep, and none has come since tables were
// listed. The caller has merged what was staged.
func (w *writer) renew(tables []*table) error {
	x, ok := w.db.(Renewer)
	if !ok || !x.Grown() {
		return nil
	}
	w.inlining.Lock()
	defer w.inlining.Unlock()
	for _, t := range tables {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.stream != nil || len(t.stages) > 0 {
			return nil
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.tables) != len(tables) {
		return nil
	}
	for _, t := range w.sessions {
		w.spare = append(w.spare, t.session)
		t.session, t.empty = nil, nil
	}
	w.sessions = nil
	w.closeSpare()
	return x.Renew()
}

// closeSpare closes the sessions that no table has. The caller holds inlining
// and mu.
func (w *writer) closeSpare() {
	if w.inliner != nil {
		w.spare = append(w.spare, w.inliner)
	}
	for _, s := range w.spare {
		s.Close()
	}
	w.spare, w.inliner = nil, nil
}

// untold returns a Refusal of those tables of which Flush has not told yet.
func untold(all []*table) error {
	refused := map[schema.Name]error{}
	for _, t := range all {
		t.mu.Lock()
		if t.untold {
			refused[t.name], t.untold = t.refused, false
		}
		t.mu.Unlock()
	}
	if len(refused) == 0 {
		return nil
	}
	return &destination.Refusal{Tables: refused}
}

// Finish makes the indexes that merges will want of tables that were loaded. What
// is made once all rows are there is far cheaper than with each row, and the
// first merge, which changes wait for, need not make it.
func (w *writer) Finish(ctx context.Context) {
	if w.broken() != nil {
		return
	}
	w.mu.Lock()
	all := slices.Collect(maps.Values(w.tables))
	w.mu.Unlock()
	for _, t := range all {
		t.mu.Lock()
		t.finish(ctx)
		t.mu.Unlock()
	}
}

const (
	// smallBytes is how much is staged of a table at most that is merged
	// beside others: of such a merge the most is waiting, and it takes hardly
	// any memory.
	smallBytes = 256 << 10

	smallAtOnce = 4
)

// flush brings everything written to tables into them, to so many at a time.
func (w *writer) flush(ctx context.Context, tables []*table, atOnce int) error {
	merges, ctx := errgroup.WithContext(ctx)
	merges.SetLimit(atOnce)
	for _, t := range tables {
		merges.Go(func() error {
			t.mu.Lock()
			defer t.mu.Unlock()
			if err := ctx.Err(); err != nil {
				return err
			}
			if t.refused != nil {
				return nil
			}
			return w.judgeOther(ctx, t, t.apply(ctx))
		})
	}
	return merges.Wait()
}

func (w *writer) Close() error {
	w.mu.Lock()
	tables := w.tables
	w.tables = map[schema.Name]*table{}
	if w.err == nil {
		w.err = errClosed
	}
	w.mu.Unlock()
	for _, t := range tables {
		t.mu.Lock()
		t.drop()
		t.mu.Unlock()
	}
	w.inlining.Lock()
	defer w.inlining.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closeSpare()
	return w.db.Close()
}

// session gives t a session of its own. If there are as many as may be, those
// that no table is using right now are freed first, their operations applied.
func (w *writer) session(ctx context.Context, t *table) error {
	w.mu.Lock()
	if slices.Contains(w.sessions, t) { // it has one
		w.mu.Unlock()
		return nil
	}
	var idle []*table
	if w.limits.Sessions > 0 && len(w.sessions) >= w.limits.Sessions {
		idle = slices.Clone(w.sessions)
	}
	w.mu.Unlock()
	for _, other := range idle {
		if !other.mu.TryLock() {
			continue
		}
		err := w.judgeOther(ctx, other, other.free(ctx))
		other.mu.Unlock()
		if err != nil {
			return err
		}
	}
	if x, ok := w.db.(Settler); ok && idle != nil {
		x.Settle(ctx)
	}
	w.mu.Lock()
	if n := len(w.spare); n > 0 {
		t.session, w.spare = w.spare[n-1], w.spare[:n-1]
	}
	w.mu.Unlock()
	if t.session == nil {
		s, err := w.db.Session(ctx)
		if err != nil {
			return err
		}
		t.session = s
	}
	w.mu.Lock()
	w.sessions = append(w.sessions, t)
	w.mu.Unlock()
	return nil
}

// forget is told that t has no session, and which is to spare; nil: none.
func (w *writer) forget(t *table, spare Session) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if spare != nil {
		w.spare = append(w.spare, spare)
	}
	w.sessions = slices.DeleteFunc(w.sessions, func(o *table) bool { return o == t })
}
