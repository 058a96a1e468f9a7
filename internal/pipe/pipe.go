// Package pipe moves rows from a source to a destination.
//
// It is the one place that decides when a sync may remember how far it got:
// after the destination has made the rows durable, never before. A crash at
// any point repeats rows, which every operation absorbs, and loses none.
//
// On the way a batch gets the destination's names, the key that a keyless
// table lacks, and a table that is wide enough for it; and it loses what was
// chosen not to leave the source: columns, and rows that do not meet their
// table's filter. Nothing here looks at values, but for the hash that is such a
// key, for masks, for filters, and for columns whose type is locked.
package pipe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/internal/schemaconfig"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// A Ledger remembers how far a connection's syncs have got.
type Ledger interface {
	// State returns what was last saved, or nil if nothing was.
	State(ctx context.Context) (json.RawMessage, error)

	// SetState saves state durably. It fails if this sync is no longer the
	// one that may write it.
	SetState(ctx context.Context, state json.RawMessage) error

	// Note is SetState for a state that says of the rows of this sync what
	// the one before does: they may not be durable yet.
	Note(ctx context.Context, state json.RawMessage) error
}

// A Plan is one sync of one connection.
type Plan struct {
	Source connector.Source
	Writer destination.Writer
	Ledger Ledger

	Naming  schema.Naming
	Schema  func(source string) string // the destination's schema for a source's schema
	MaxName int                        // longest name in the destination, in bytes; 0: any

	// Choose is told what the source offers, again if that changes during the
	// sync, and says what is to be done with it. What it leaves out is not
	// wanted. nil: all of it is copied as it is.
	Choose func(ctx context.Context, offered []schema.Table) (map[schema.Name]schemaconfig.Treatment, error)

	// Secret is the key of hashes: the same values have the same hashes under
	// the same key. It is needed if a column is masked.
	Secret []byte

	Start time.Time // when the sync began: the synced time of its rows

	// Until, Every and Stop are as in [connector.Request].
	Until time.Time
	Every time.Duration
	Stop  <-chan struct{}

	StopAtGap bool // as in [connector.Request]

	// Landed is told of a source that goes on, one call at a time, that all
	// that was committed there until a time can be read in the destination,
	// and which of it could not before. It must be quick. It may be nil.
	Landed func(until time.Time, now []Commits)

	// Observe is told of progress, after each batch and from any goroutine.
	// It must be quick. It may be nil.
	Observe func(Progress)

	// Defined is told of tables that were made or widened in the destination,
	// and Warned of each warning when it is met first, from any goroutine.
	// Both must be quick. They may be nil.
	Defined func(Definition)
	Warned  func(setup.Warning)
}

// A Definition is what was done to a table of the destination.
type Definition struct {
	Table   schema.Name
	New     bool
	Columns []string // that were added or widened
}

// Progress is how far a sync has got with one table.
type Progress struct {
	Table, Destination schema.Name
	Rows               int64 // sent so far in this sync
	Bytes              int64 // the same in memory
	Expected           int64 // rows in all, about; 0: not known

	Upserted, Updated, Deleted int64 // of Rows
}

// An Outcome is what a sync did, whether or not it succeeded.
type Outcome struct {
	Tables      []TableOutcome // of those that were wanted, in the source's order
	Warnings    []setup.Warning
	Rows, Bytes int64
}

// A TableOutcome is what a sync did to one table.
type TableOutcome struct {
	Source, Destination        schema.Name
	Upserted, Updated, Deleted int64 // as the source sent them, less the rows that a filter turned away
	Bytes                      int64
	Err                        error           // why the table was not read to the end; nil: it was
	Found                      []schema.Column // the source's columns that rows had and that it did not offer, blocked ones too
	Dropped                    []string        // the source's columns that the destination's table was to lose, and has no more
}

// Run syncs once, from where the ledger says the last sync got. The Outcome is
// filled whether or not there is an error; a [setup.Problem] or a
// [setup.Reschedule] can be had from the error with errors.As.
func Run(ctx context.Context, p Plan) (Outcome, error) {
	o := &output{plan: p, tables: map[schema.Name]*table{}}
	err := o.run(ctx)
	return o.outcome(), err
}

// prepare says what the source is to be asked, with the destination's tables
// in place, and what it offers.
func (o *output) prepare(ctx context.Context) (req connector.Request, offered []schema.Table, err error) {
	offered, err = o.plan.Source.Tables(ctx, o.Warn)
	if err != nil {
		return req, nil, fmt.Errorf("list the tables: %w", err)
	}
	chosen, err := o.choose(ctx, offered)
	if err != nil {
		return req, nil, err
	}
	state, err := o.plan.Ledger.State(ctx) // once it is chosen: that may have it forget tables
	if err != nil {
		return req, nil, fmt.Errorf("load the state: %w", err)
	}
	req = connector.Request{State: state, Start: o.plan.Start, Until: o.plan.Until, Every: o.plan.Every, Stop: o.plan.Stop, StopAtGap: o.plan.StopAtGap}
	if !req.Until.IsZero() {
		req.Reached = o.reached
	}
	named := o.name(chosen)
	if req.State, err = o.forget(ctx, req.State, named); err != nil {
		return req, nil, err
	}
	for _, t := range named {
		var own *connector.TableError
		if err := o.ready(ctx, t); errors.As(err, &own) {
			o.Fail(t.source, own)
			o.paused = append(o.paused, t.source) // it goes on once that is mended
			continue
		} else if err != nil {
			return req, nil, err
		}
		req.Tables = append(req.Tables, t.asked)
		if t.filter != nil {
			if req.Filters == nil {
				req.Filters = map[schema.Name]*schema.Filter{}
			}
			req.Filters[t.source] = t.filter
		}
	}
	req.Paused, req.Hidden, req.Called = o.paused, o.hidden, o.calledAll
	return req, offered, nil
}

// maxListings is how often a source is asked for its tables in one sync.
// Where they change faster, the next sync goes on.
const maxListings = 100

func (o *output) run(ctx context.Context) error {
	err := o.once(ctx)
	for n := 1; errors.Is(err, connector.ErrSchemaChanged) && n < maxListings; n++ {
		o.listAgain()
		err = o.once(ctx)
	}
	var pause *setup.Reschedule
	if err != nil && !errors.As(err, &pause) {
		return err
	}
	if ferr := o.flush(ctx); ferr != nil {
		return ferr
	}
	if f, ok := o.plan.Writer.(destination.Finisher); ok {
		f.Finish(ctx)
	}
	return err
}

func (o *output) once(ctx context.Context) error {
	req, _, err := o.prepare(ctx)
	if err != nil {
		return err
	}
	return o.plan.Source.Sync(ctx, req, o)
}

// listAgain makes room for another listing of the source's tables.
func (o *output) listAgain() {
	if o.before == nil {
		o.before = map[schema.Name]*table{}
	}
	for _, t := range o.order {
		o.before[t.source] = t
	}
	o.tables, o.order, o.paused = map[schema.Name]*table{}, nil, nil
}

// ready makes the destination's table ready for the rows of t.
func (o *output) ready(ctx context.Context, t *table) error {
	if _, err := o.shape(ctx, t, &t.asked); err != nil {
		return err
	}
	return o.drop(ctx, t)
}

// An output is the [connector.Output] of one Run.
type output struct {
	plan   Plan
	tables map[schema.Name]*table // by the source's name; not changed while the source runs
	order  []*table
	paused []schema.Name          // wanted, but not to be read now
	before map[schema.Name]*table // as they were in earlier listings of this Run

	checkpoint sync.Mutex    // one at a time
	refused    []schema.Name // tables of which no state may say that their rows are there
	reach      reach

	mu       sync.Mutex // guards what follows
	warnings []setup.Warning
	seen     map[setup.Warning]bool
	perCode  map[string]int // warnings met, by code
}

// Write implements [connector.Output].
func (o *output) Write(ctx context.Context, b schema.Batch) error {
	t := o.tables[b.Table.Name]
	if t == nil {
		b.Release()
		return fmt.Errorf("the source sent rows of %s, which it was not asked for", b.Table.Name)
	}
	s, err := o.shape(ctx, t, b.Table)
	if err != nil {
		b.Release()
		return err
	}
	if s.rowID && b.Op != schema.Upsert && b.Record != nil {
		b.Release()
		return fmt.Errorf("the source sent an %s to %s, which has no key", b.Op, b.Table.Name)
	}
	parts, err := o.screen(ctx, t, s, b)
	for i, part := range parts {
		of := s
		if part.Table != b.Table { // it has only keys
			of, err = o.shape(ctx, t, part.Table)
		}
		if err != nil {
			part.Release()
		} else {
			err = o.send(ctx, t, of, part, part.Op == b.Op)
		}
		if err != nil {
			for _, rest := range parts[i+1:] {
				rest.Release()
			}
			break
		}
	}
	return err
}

// send hands a batch to the writer. Rows that only a filter turned away are
// not counted.
func (o *output) send(ctx context.Context, t *table, s *shape, b schema.Batch, counted bool) error {
	if s.idle(b.Op) {
		b.Release()
		return nil
	}
	o.reach.wrote()
	op, rows, bytes := b.Op, b.Rows(), b.Bytes()
	b, err := o.batch(s, b)
	if err != nil {
		b.Release()
		return t.stop(err)
	}
	if err := o.plan.Writer.Write(ctx, b); err != nil {
		return t.stop(fmt.Errorf("write %s: %w", t.destination, err))
	}
	if !counted {
		return nil
	}
	p := t.count(op, rows, bytes)
	if o.plan.Observe != nil {
		o.plan.Observe(p)
	}
	return nil
}

// Checkpoint implements [connector.Output]: first the rows, then the state.
func (o *output) Checkpoint(ctx context.Context, state any) error {
	o.checkpoint.Lock()
	defer o.checkpoint.Unlock()
	until, commits := o.reach.take()
	if err := o.flush(ctx); err != nil {
		return err
	}
	o.reach.saved()
	o.landed(until, commits)
	return o.save(ctx, state, o.plan.Ledger.SetState)
}

// flush makes rows durable. Where the destination refuses those of a table, the
// others go on, and the table is read whole in the next sync. The caller holds
// checkpoint, or is alone.
func (o *output) flush(ctx context.Context) error {
	err := o.plan.Writer.Flush(ctx)
	var refusal *destination.Refusal
	if _, forgets := o.plan.Source.(connector.Forgetter); !errors.As(err, &refusal) || !forgets {
		if err != nil {
			err = fmt.Errorf("write: %w", err)
		}
		return err
	}
	for _, t := range slices.Concat(o.order, o.goneTables()) {
		if refusal.Tables[t.destination] != nil {
			o.refused = append(o.refused, t.source)
			o.Fail(t.source, t.stop(refusal))
		}
	}
	return nil
}

// save saves a state, without the tables that the destination refuses. The
// caller holds checkpoint.
func (o *output) save(ctx context.Context, state any, put func(context.Context, json.RawMessage) error) error {
	js, err := json.Marshal(state)
	if err != nil {
		return fmt.Errorf("encode the state: %w", err)
	}
	if len(o.refused) > 0 {
		if js, err = o.plan.Source.(connector.Forgetter).Forget(js, o.refused); err != nil {
			return fmt.Errorf("forget the tables that the destination refuses: %w", err)
		}
	}
	if err := put(ctx, js); err != nil {
		return fmt.Errorf("save the state: %w", err)
	}
	return nil
}

// Note implements [connector.Output].
func (o *output) Note(ctx context.Context, state any) error {
	o.checkpoint.Lock()
	defer o.checkpoint.Unlock()
	return o.save(ctx, state, o.plan.Ledger.Note)
}

// reached is [connector.Request.Reached].
func (o *output) reached(at time.Time, changes int64) {
	if o.reach.reached(at, changes) {
		o.landed(at, nil)
	}
}

// landed tells what can be read in the destination.
func (o *output) landed(until time.Time, now []Commits) {
	if o.plan.Landed != nil && !until.IsZero() {
		o.plan.Landed(until, now)
	}
}

// Fail implements [connector.Output].
func (o *output) Fail(name schema.Name, err error) {
	if t := o.tables[name]; t != nil && !t.fail(err) {
		return
	}
	o.Warn(setup.Warning{Code: "table_failed", Message: fmt.Sprintf("Table %s was not synced: %v.", name, err)})
}

// Progress implements [connector.Output].
func (o *output) Progress(name schema.Name, rows int64) {
	t := o.tables[name]
	if t == nil {
		return
	}
	p := t.expect(rows)
	if o.plan.Observe != nil {
		o.plan.Observe(p)
	}
}

// hidden reports whether values of a column must not be told to anybody.
func (o *output) hidden(name schema.Name, column string) bool {
	t := o.tables[name]
	if t == nil {
		return false
	}
	how := t.treat.Column(column)
	return how.Blocked || how.Mask.How != ""
}

// Live implements [connector.Output].
func (o *output) Live(ctx context.Context, name schema.Name) (int64, error) {
	t := o.tables[name]
	if t == nil {
		return 0, fmt.Errorf("table %s is not part of this sync", name)
	}
	n, err := o.plan.Writer.Live(ctx, t.destination)
	if err != nil {
		return 0, t.stop(fmt.Errorf("count the rows of %s: %w", t.destination, err))
	}
	return n, nil
}

// Passes implements [connector.Output].
func (o *output) Passes(ctx context.Context, st *schema.Table, f schema.Format) (bool, error) {
	t := o.tables[st.Name]
	if t == nil || len(st.Key()) == 0 { // a key would have to be made from the values
		return false, nil
	}
	s, err := o.shape(ctx, t, st)
	if err != nil || !s.plain || t.filter != nil {
		return false, err
	}
	return o.plan.Writer.Accepts(ctx, s.table, f)
}

// warningsPerCode bounds what is kept of one kind of warning in one sync.
const warningsPerCode = 100

// Warn implements [connector.Output].
func (o *output) Warn(w setup.Warning) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.seen == nil {
		o.seen, o.perCode = map[setup.Warning]bool{}, map[string]int{}
	}
	if o.seen[w] {
		return
	}
	if o.perCode[w.Code]++; o.perCode[w.Code] > warningsPerCode {
		return
	}
	o.seen[w] = true
	o.warnings = append(o.warnings, w)
	if o.plan.Warned != nil {
		o.plan.Warned(w)
	}
}

// goneTables are those that only an earlier listing had.
func (o *output) goneTables() []*table {
	gone := maps.Clone(o.before)
	for _, t := range o.order {
		delete(gone, t.source)
	}
	return slices.SortedFunc(maps.Values(gone), func(a, b *table) int { return strings.Compare(a.source.String(), b.source.String()) })
}

func (o *output) outcome() Outcome {
	var out Outcome
	for _, t := range slices.Concat(o.order, o.goneTables()) {
		t.mu.Lock()
		t.done.Found = slices.Clone(t.met[t.offers:])
		out.Tables = append(out.Tables, t.done)
		for _, l := range t.losses {
			l.tell(t.source, o.Warn)
		}
		t.mu.Unlock()
		out.Rows += t.done.Upserted + t.done.Updated + t.done.Deleted
		out.Bytes += t.done.Bytes
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	out.Warnings = o.warnings
	for code, n := range o.perCode {
		if more := n - warningsPerCode; more > 0 {
			out.Warnings = append(out.Warnings, setup.Warning{Code: code, Message: fmt.Sprintf("%d more warnings of this kind are not listed.", more)})
		}
	}
	return out
}
