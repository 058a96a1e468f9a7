package sqlsource_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/sqlsource"
	"github.com/penstock-data/penstock/schema"
)

// A lsn is how many commits are before a place in the log.
type lsn int

func (p lsn) Reaches(q lsn) bool  { return p >= q }
func (p lsn) Has(commit lsn) bool { return commit < p }
func (p lsn) Beyond(q lsn) int64  { return int64(max(p, q) - q) }

// seen are the transactions that a snapshot sees.
type seen []uint64

func (s seen) Sees(tx *sqlsource.Transaction[lsn]) bool { return slices.Contains(s, tx.ID) }

type (
	state    = sqlsource.State[*tableState, *logState, lsn]
	keyRange = sqlsource.Range[int]
	handover = sqlsource.Handover[lsn, seen]
	piece    = sqlsource.Piece[*reader]
)

type tableState struct {
	Done    []keyRange
	Loaded  bool
	Horizon uint64 // all that was written by transactions below has been sent
	Log     *handover
}

func (t *tableState) Logged() bool { return t.Log != nil }

func (t *tableState) TakeBack(log *logState) {
	t.Horizon, t.Log = max(t.Horizon, log.Horizon), nil
}

type logState struct {
	sqlsource.Place[lsn]
	Horizon uint64
	Early   []uint64
}

// A game is a world that is copied into a destination by syncs that break.
type game struct {
	*world
	dest  *destination
	wrong wrong
	state *state // of the sync

	known known

	left map[string]bool // tables that were taken back from the log and not planned since

	breach error // of what must never happen; nil: all is well
}

// breached notes that something has happened that must not.
func (g *game) breached(format string, args ...any) error {
	g.breach = cmp.Or(g.breach, fmt.Errorf(format, args...))
	return g.breach
}

// known are, of each table that was handed over, the transactions that it has,
// and how it came by them.
type known map[string]map[uint64]origin

type origin int

const (
	bySeeing   origin = iota + 1 // queries saw it
	byApplying                   // it was applied
)

// at returns what is known of tables where a state is saved, of which only what
// the log has before a position will not be read again.
func (k known) at(log []*txn, position lsn) known {
	out := known{}
	for t, from := range k {
		out[t] = maps.Clone(from)
		for _, tx := range log[position:] {
			if from[tx.id] == byApplying {
				delete(out[t], tx.id)
			}
		}
	}
	return out
}

// wrong is a mistake that a game is to notice.
type wrong string

const (
	nothing         wrong = ""
	confirmsFirst   wrong = "the log is confirmed before the checkpoint"
	seesTooMuch     wrong = "changes are taken for seen at the hand-over that were not"
	appliesAll      wrong = "changes are applied that were seen at the hand-over"
	keepsWindows    wrong = "a checkpoint leaves out what is in windows"
	looksTooEarly   wrong = "a view does not see what was read from the log"
	skipsCatchingUp wrong = "a load that was resumed closes no gap"
	forgetsHorizon  wrong = "a table is taken back to a horizon that was not reached"
)

// sync is one sync.
func (g *game) sync() error {
	d := g.dest
	g.left = map[string]bool{}
	d.failed, d.refused, d.present, d.dead = map[string]bool{}, map[string]bool{}, map[place]bool{}, false
	g.known = d.known.at(nil, 0)
	st, err := sqlsource.Parse[*tableState, *logState, lsn](d.state)
	if err != nil {
		return err
	}
	if st.Log == nil {
		st.Log = &logState{Place: sqlsource.Place[lsn]{Position: g.gone}}
	}
	g.state = st
	stop := make(chan struct{})
	req := connector.Request{Start: time.Unix(1, 0), Stop: stop}
	if g.choose(2) == 1 {
		req.Until = time.Now().Add(time.Hour)
	}
	for _, n := range tableNames {
		name := schema.Name{Schema: "s", Table: n}
		if g.choose(10) == 1 {
			req.Paused = append(req.Paused, name)
			continue
		}
		req.Tables = append(req.Tables, schema.Table{Name: name, Columns: columns})
	}
	limits := sqlsource.Limits{Workers: 1, CheckpointBytes: 1, Memory: 50}
	if g.choose(2) == 1 {
		limits.CheckpointBytes, limits.Memory, limits.RoundTime = 1<<20, 1<<20, time.Hour
	}
	r := &run{game: g, Sync: sqlsource.New(st, req, d, limits), stop: stop}
	r.log = &follower{run: r, early: st.Log.Early}
	r.log.Follower = sqlsource.NewFollower(r.Sync, r.log, &st.Mark)
	r.log.From(&st.Log.Place)
	err = sqlsource.Follow(context.Background(), r.Sync, r, r.log.Follower)
	if err == nil {
		err = g.ended(req)
	}
	return sqlsource.Outcome(err, func(err error) error { return err })
}

// ended says what is wrong after a sync that has ended well.
func (g *game) ended(req connector.Request) error {
	if !maps.Equal(g.dest.rows, g.dest.durable) {
		return g.breached("not all that was sent is durable")
	}
	for _, t := range req.Tables {
		if !g.dest.failed[t.Table] && (!g.state.Table(t.Name).Loaded || g.left[t.Table]) {
			return g.breached("nobody has heard that %s could not be read", t.Table)
		}
	}
	return nil
}

// marked returns the mark of a state.
func (g *game) marked(raw json.RawMessage) lsn {
	st, err := sqlsource.Parse[*tableState, *logState, lsn](raw)
	if err != nil {
		g.breached("%w", err)
	}
	return st.Mark
}

// judge says what is wrong with a state that is about to be saved, and how far
// it says that the log was read.
func (g *game) judge(raw json.RawMessage) (lsn, error) {
	st, err := sqlsource.Parse[*tableState, *logState, lsn](raw)
	if err != nil {
		return 0, err
	}
	again, err := json.Marshal(st)
	if err != nil || !bytes.Equal(raw, again) {
		return 0, g.breached("the state %s becomes %s: %v", raw, again, err)
	}
	for name, t := range st.All() {
		if t.Log == nil {
			continue
		}
		if err := g.compare(name.Table, st.Log.Position); err != nil {
			return 0, err
		}
	}
	return st.Log.Position, nil
}

// compare says what a table lacks that was handed over, when a state is saved
// that says that the log was read to a position.
func (g *game) compare(table string, position lsn) error {
	for _, tx := range g.log[:position] {
		if tx.writes(table) && g.known[table][tx.id] == 0 {
			return g.breached("transaction %d is before %d and not in %s", tx.id, position, table)
		}
	}
	later := map[int]bool{} // rows that may be newer
	for _, tx := range g.log[position:] {
		for p := range tx.after {
			later[p.key] = later[p.key] || p.table == table
		}
	}
	want := g.at(table, position)
	for k := range keys {
		got, has := g.dest.rows[place{table, k}]
		row, there := want[k]
		if !later[k] && (has != there || got != row) {
			return g.breached("row %d of %s is %v (%t) where the state is saved, not %v (%t)", k, table, got, has, row, there)
		}
	}
	return nil
}

var columns = []schema.Column{{Name: "id", Type: schema.Type{Kind: schema.Long}, Key: true}, {Name: "v", Type: schema.Type{Kind: schema.Long}}, {Name: "w", Type: schema.Type{Kind: schema.Long}}}

// A run is one sync of the world's database.
type run struct {
	*sqlsource.Sync
	game *game
	log  *follower
	stop chan struct{}
}

type view struct {
	picture
	run  *run
	fits bool
}

func (r *run) AboutTable(err error) bool { return errors.Is(err, errOdd) }

// errOdd is about a table.
var errOdd = errors.New("it is odd")

func (r *run) View(context.Context, map[schema.Name]bool) (sqlsource.View[*reader], error) {
	g := r.game
	g.tick()
	if g.choose(4) != 1 && g.wrong != looksTooEarly {
		g.show(len(g.hidden)) // after a while all that was read is seen
	}
	v := &view{picture: g.look(), run: r}
	r.log.Mark(v.end)
	v.fits = r.log.allSeen(v.seen) || g.wrong == looksTooEarly
	return v, nil
}

func (v *view) Plan(want *schema.Table) (sqlsource.Table[*reader], error) {
	r := v.run
	r.log.Drop(want.Name)
	delete(r.game.left, want.Table)
	st := r.game.state.Table(want.Name)
	t := &table{view: v, name: want.Name, st: st}
	switch {
	case st == nil:
		t.st, t.fresh = &tableState{Horizon: v.xmin}, true
		r.game.state.Set(want.Name, t.st)
		r.Touch()
	case !st.Loaded && len(st.Done) == 0:
		st.Horizon, t.fresh = v.xmin, true
	case st.Log != nil:
		r.log.Add(t.logged())
		return nil, nil
	}
	return t, nil
}

func (v *view) Worker() *reader              { return &reader{} }
func (v *view) Settle(context.Context) error { return nil }
func (v *view) Close(context.Context)        {}

type reader struct{}

func (*reader) Close(context.Context) {}

// A table is read by its keys, or by who wrote its rows.
type table struct {
	view  *view
	name  schema.Name
	st    *tableState
	fresh bool // all of it is read under this view
}

func (t *table) Name() schema.Name { return t.name }
func (t *table) Waits() bool       { return true }
func (t *table) Retry(err error) bool {
	return errors.Is(err, errOdd) || errors.Is(err, sqlsource.ErrIncomplete)
}
func (t *table) Explain(err error) error { return err }

func (t *table) Cut(context.Context, *reader) (pieces []piece, err error) {
	if t.st.Loaded {
		return []piece{{Read: func(ctx context.Context, _ *reader) error { return t.sendChanged(ctx) }}}, nil
	}
	for _, gap := range sqlsource.Left(t.st.Done, 0, keys) {
		for lo := gap.Lo; lo < gap.Hi; lo += 2 {
			rg := keyRange{Lo: lo, Hi: min(lo+2, gap.Hi)}
			pieces = append(pieces, piece{Kept: true, Read: func(ctx context.Context, _ *reader) error { return t.sendRange(ctx, rg) }})
		}
	}
	if t.view.run.game.choose(2) == 1 {
		slices.Reverse(pieces)
	}
	return pieces, nil
}

func (t *table) sendRange(ctx context.Context, rg keyRange) error {
	err := t.send(ctx, schema.Upsert, func(k int, _ version) bool { return rg.Lo <= k && k < rg.Hi })
	if err != nil {
		return err
	}
	t.view.run.Lock()
	defer t.view.run.Unlock()
	t.st.Done = sqlsource.Join(t.st.Done, rg)
	return nil
}

func (t *table) sendChanged(ctx context.Context) error {
	return t.send(ctx, schema.Upsert, func(_ int, v version) bool { return v.by >= t.st.Horizon })
}

func (t *table) send(ctx context.Context, op schema.Op, want func(key int, v version) bool) error {
	g := t.view.run.game
	g.tick()
	if g.choose(30) == 1 {
		return errOdd
	}
	b := &batch{run: t.view.run, name: t.name, op: op}
	for k := range keys {
		if v, ok := t.view.rows[place{t.name.Table, k}]; ok && want(k, v) {
			b.add(ctx, k, v.row)
		}
	}
	return b.flush()
}

func (t *table) Finish(ctx context.Context, _ *reader) error {
	r := t.view.run
	if !t.st.Loaded && !t.fresh && r.game.wrong != skipsCatchingUp {
		if err := t.sendChanged(ctx); err != nil {
			return err
		}
	}
	err := r.Compare(ctx, sqlsource.Comparison{
		Table: t.name, Whole: t.fresh,
		Count: func() (n int64, err error) {
			for p := range t.view.rows {
				if p.table == t.name.Table {
					n++
				}
			}
			return n, nil
		},
		Mark: func() error {
			if err := t.send(ctx, schema.Present, func(int, version) bool { return true }); err != nil {
				return err
			}
			return r.Write(ctx, schema.Batch{Op: schema.Sweep, Table: &schema.Table{Name: t.name}}, true)
		},
	})
	r.Lock()
	defer r.Unlock()
	if err != nil {
		if errors.Is(err, sqlsource.ErrIncomplete) {
			*t.st = tableState{}
		}
		return err
	}
	*t.st = tableState{Loaded: true, Horizon: t.view.xmin}
	r.Touch()
	if t.view.fits && !r.log.Hopeless(t.name) {
		t.handOver()
	}
	return nil
}

func (t *table) handOver() {
	r, at := t.view.run, t.view.seen
	from := map[uint64]origin{}
	for _, id := range at {
		from[id] = bySeeing
	}
	r.game.known[t.name.Table] = from
	switch r.game.wrong {
	case seesTooMuch:
		at = nil
		for id := range r.game.last {
			at = append(at, id+1)
		}
	case appliesAll:
		at = nil
	}
	t.st.Log = &handover{Seen: &at, End: t.view.end}
	r.log.HandOver(t.logged())
}

// A follower is the log of sqlsource.
type follower struct {
	*sqlsource.Follower[lsn]
	run   *run
	early []uint64 // read, and not seen when somebody last looked

	tables       map[string]*logged
	begun        bool
	at           lsn // the server sends from where it was last confirmed
	next         int // change of the transaction that is being read
	horizon      uint64
	horizonAfter lsn
	quiet        int
}

func (f *follower) allSeen(s seen) bool {
	f.early = slices.DeleteFunc(slices.Clone(f.early), func(id uint64) bool { return slices.Contains(s, id) })
	return len(f.early) == 0
}

func (f *follower) Next(ctx context.Context) (sqlsource.Event, error) {
	g := f.run.game
	g.tick()
	if !f.begun {
		f.begun, f.at = true, g.gone
	}
	if f.Position() < g.gone {
		return 0, g.breached("the log is to be read from %d and has been forgotten up to %d", f.Position(), g.gone)
	}
	if int(f.at) == len(g.log) {
		if f.quiet++; f.quiet > 5 && f.run.stop != nil {
			close(f.run.stop)
			f.run.stop = nil
		}
		return sqlsource.Quiet, nil
	}
	f.quiet = 0
	tx := g.log[f.at]
	if !f.Within() {
		f.next = 0
		f.Mark(f.at + 1)
		f.Begin(sqlsource.Transaction[lsn]{ID: tx.id, Commit: f.at, Time: int64(f.at)})
		return sqlsource.Within, nil
	}
	if f.next == len(tx.changes) {
		for _, l := range f.tables {
			l.took(tx)
		}
		f.early = append(f.early, tx.id)
		f.at++
		f.Commit(f.at, int64(f.next))
		return sqlsource.Ended, nil
	}
	c := tx.changes[f.next]
	f.next++
	l := f.tables[c.table]
	if l == nil || f.Past() || !l.st.Log.Takes(f.Transaction()) {
		return sqlsource.Within, nil
	}
	if g.known[c.table][tx.id] != 0 {
		return 0, g.breached("transaction %d is applied to %s, which has it", tx.id, c.table)
	}
	l.taking = true
	return sqlsource.Within, f.Applied(ctx, l, l.apply(ctx, c))
}

func (f *follower) Ask(time.Duration) {}

func (f *follower) Confirm(at lsn) error {
	f.run.game.gone = max(f.run.game.gone, at)
	return nil
}

func (f *follower) End(context.Context) (lsn, time.Time, error) {
	return lsn(len(f.run.game.log)), time.Now(), nil
}

func (f *follower) Idle(context.Context) (bool, error) { return true, nil }
func (f *follower) Target(ctx context.Context) (at lsn, err error) {
	at, _, err = f.End(ctx)
	return at, err
}
func (f *follower) Renew(_ context.Context, err error) error { return err }
func (f *follower) News() bool                               { return false }

func (f *follower) Note(context.Context) error {
	g, log := f.run.game, f.run.game.state.Log
	if g.wrong == confirmsFirst {
		f.Confirm(f.Position())
	}
	p := g.look()
	f.allSeen(p.seen)
	log.Early = f.early
	if g.wrong == forgetsHorizon {
		log.Horizon = p.xmin
	}
	if f.Position() >= f.horizonAfter {
		log.Horizon = max(log.Horizon, f.horizon)
		f.horizon, f.horizonAfter = p.xmin, p.end
	}
	return nil
}

// A logged table is one that was handed over.
type logged struct {
	*table
	f      *follower
	window *sqlsource.Window[change]
	taking bool // changes of the transaction that is being read were applied
}

func (t *table) logged() *logged {
	f := t.view.run.log
	l := &logged{table: t, f: f}
	l.window = sqlsource.NewWindow(f.Follower, l, t.name.Table != "b")
	if f.tables == nil {
		f.tables = map[string]*logged{}
	}
	f.tables[t.name.Table] = l
	return l
}

func (l *logged) Point() sqlsource.Point[lsn] { return l.st.Log }
func (l *logged) Window() sqlsource.Gathered  { return l.window }

func (l *logged) Leave() {
	delete(l.f.tables, l.name.Table)
	l.f.run.game.left[l.name.Table] = true
}

// took notes that a transaction was applied.
func (l *logged) took(tx *txn) {
	if l.taking {
		l.f.run.game.known[l.name.Table][tx.id] = byApplying
	}
	l.taking = false
}

func (l *logged) apply(ctx context.Context, c change) error {
	if l.f.run.game.choose(40) == 1 {
		return errOdd
	}
	switch c.kind {
	case partial:
		return l.window.Update(ctx, c, []int{0, 1}, 10)
	case unknown:
		return l.window.ReadAgain(ctx, c)
	case removed:
		return l.window.Delete(ctx, c, 10)
	}
	return l.window.Upsert(ctx, c, 10)
}

func (l *logged) Key(c change) []byte         { return strconv.AppendInt(nil, int64(c.key), 10) }
func (l *logged) KeyValues(c change) []string { return []string{strconv.Itoa(c.key)} }

func (l *logged) Batch(ctx context.Context, op schema.Op, set []int) sqlsource.Batch[change] {
	return &batch{ctx: ctx, run: l.f.run, name: l.name, op: op}
}

func (l *logged) ReadAgain(ctx context.Context, keys map[string][]string) error {
	g := l.f.run.game
	g.show(len(g.hidden))
	l.f.Mark(lsn(len(g.log)))
	b := &batch{ctx: ctx, run: l.f.run, name: l.name, op: schema.Upsert}
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		key, _ := strconv.Atoi(keys[k][0])
		if v, ok := g.rows[place{l.name.Table, key}]; ok {
			b.add(ctx, key, v.row)
		}
	}
	return b.flush()
}

// A batch gathers rows.
type batch struct {
	ctx  context.Context
	run  *run
	name schema.Name
	op   schema.Op
	ids  []int64
	rows []row
}

func (b *batch) Full(int) bool             { return len(b.ids) >= 3 }
func (b *batch) Put(c change, _ int) error { b.add(b.ctx, c.key, c.row); return nil }

func (b *batch) Flush() error {
	if b.run.game.wrong == keepsWindows && b.run.game.choose(3) == 1 {
		return nil
	}
	return b.flush()
}

func (b *batch) add(ctx context.Context, key int, r row) {
	b.ctx = ctx
	b.ids, b.rows = append(b.ids, int64(key)), append(b.rows, r)
}

func (b *batch) flush() error {
	if len(b.ids) == 0 {
		return nil
	}
	t := &schema.Table{Name: b.name, Columns: columns}
	switch b.op {
	case schema.Update:
		t.Columns = columns[:2]
	case schema.Delete, schema.Present:
		t.Columns = columns[:1]
	}
	build := array.NewRecordBuilder(memory.DefaultAllocator, t.Arrow())
	defer build.Release()
	for i, id := range b.ids {
		for j, value := range []int64{id, int64(b.rows[i].v), int64(b.rows[i].w)}[:len(t.Columns)] {
			build.Field(j).(*array.Int64Builder).Append(value)
		}
	}
	b.ids, b.rows = nil, nil
	var record arrow.RecordBatch = build.NewRecordBatch()
	return b.run.Write(b.ctx, schema.Batch{Op: b.op, Table: t, Record: record}, true)
}

// play plays a script to its end, with syncs that break, and then one that does
// not. The destination must be equal to the source.
func play(s script, mistake wrong) error {
	w := newWorld(s)
	g := &game{world: w, wrong: mistake}
	g.dest = &destination{game: g, rows: map[place]row{}, durable: map[place]row{}, known: known{}}
	for len(w.script) > 0 {
		if err := g.sync(); g.breach != nil || err != nil && !errors.Is(err, errCrash) {
			return cmp.Or(g.breach, err)
		}
	}
	w.rest()
	if err := cmp.Or(g.sync(), g.breach); err != nil {
		return err
	}
	want := map[place]row{}
	for p, v := range w.rows {
		want[p] = v.row
	}
	if !maps.Equal(want, g.dest.rows) {
		return fmt.Errorf("the destination has\n%v, the source\n%v", g.dest.rows, want)
	}
	return nil
}

// random returns a script of n choices.
func random(seed uint64, n int) script {
	r := rand.New(rand.NewPCG(seed, 0))
	s := make(script, n)
	for i := range s {
		s[i] = byte(r.Uint32())
	}
	return s
}

// TestModel copies a database that others change, by syncs that break anywhere.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed, n := rapid.Uint64().Draw(t, "seed"), rapid.IntRange(0, 200).Draw(t, "choices")
		for _, n := range []int{n, 5 * n, 10 * n} {
			if err := play(random(seed, n), nothing); err != nil {
				t.Fatal(err)
			}
		}
	})
	for seed := range uint64(400) {
		if err := play(random(seed, 2000), nothing); err != nil {
			t.Fatalf("script %d: %v", seed, err)
		}
	}
}

// TestModelNotices shows that the test above would see mistakes.
func TestModelNotices(t *testing.T) {
	for _, mistake := range []wrong{confirmsFirst, seesTooMuch, appliesAll, keepsWindows, looksTooEarly, skipsCatchingUp, forgetsHorizon} {
		seed := uint64(0)
		for seed < 400 && play(random(seed, 2000), mistake) == nil {
			seed++
		}
		if seed == 400 {
			t.Errorf("nobody notices that %s", mistake)
		}
	}
}
