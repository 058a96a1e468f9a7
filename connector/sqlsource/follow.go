package sqlsource

import (
	"context"
	"errors"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/schema"
)

// A Log is a database's log of changes. One goroutine reads it; End is called
// by workers too, one at a time, while nobody reads.
type Log[P any] interface {
	// Next reads on, and tells the Follower of what it reads: Begin, Applied
	// for each change of a table that takes the transaction, Commit, Reach.
	Next(ctx context.Context) (Event, error)

	// Ask has the server asked, after a while, to say where it is. Next
	// returns Quiet or Still when it does.
	Ask(after time.Duration)

	// Confirm lets the server forget what is before a position.
	Confirm(at P) error

	// End returns the end of the log that Next can come to, and what time it
	// is at the server.
	End(ctx context.Context) (P, time.Time, error)

	// Idle reports whether the server has sent all there is and waits for more:
	// the log may end in the middle of a record that nobody completes.
	Idle(ctx context.Context) (bool, error)

	// Target returns how far the log is to be read after a round: as far as
	// the round's view sees, and all that was on disk then.
	Target(ctx context.Context) (P, error)

	// Renew is asked about an error of reading behind the first round. It
	// returns nil if the log was begun anew and the tables were taken back,
	// and the error otherwise.
	Renew(ctx context.Context, err error) error

	// Note puts into the state what else it says of the log than its Place.
	Note(ctx context.Context) error

	// News reports whether that is worth a checkpoint by itself.
	News() bool
}

// An Event is what Next has come to.
type Event uint8

const (
	Within Event = iota // a transaction, which has not ended
	Ended               // the end of one
	Quiet               // nothing: the server said where it is, between transactions
	Still               // the same, within one
)

// Logged is a table that was handed over to the log.
type Logged[P any] interface {
	Name() schema.Name
	Point() Point[P]
	Window() Gathered

	// Explain is that of [Table].
	Explain(err error) error

	// Leave is told that the log is not applied to the table any more.
	Leave()
}

// A Point is a [Handover], whatever queries saw.
type Point[P any] interface{ passed(at P) }

// Gathered is a [Window], whatever is in it.
type Gathered interface {
	Flush(ctx context.Context) error
	forget()
}

// A Follower applies a log to the tables that were handed over to it.
type Follower[P Position[P]] struct {
	sync     *Sync
	log      Log[P]
	place    *Place[P] // in the state
	position P

	tables  map[schema.Name]Logged[P]
	healed  map[schema.Name]healing
	waiters bool // tables were handed over before the round
	reads   bool // the log; else tables are read
	marks   marks[P]

	tx      Transaction[P] // that is being read
	within  bool
	past    bool  // it was read before, too
	changes int64 // of the last that has ended
	clock   int64 // when the transaction was committed, in microseconds, and later than the one before
	ended   int64 // clock of the last transaction that was read to its end

	held   int64     // bytes in windows
	since  time.Time // of the oldest change that waits for a checkpoint; zero: there is none
	goesOn bool      // all that there was at the beginning has been read
	fresh  freshness[P]
}

// NewFollower returns a follower of a log, which says by From where it begins.
// mark is that of the state.
func NewFollower[P Position[P]](s *Sync, log Log[P], mark *P) *Follower[P] {
	f := &Follower[P]{sync: s, log: log, tables: map[schema.Name]Logged[P]{}, healed: map[schema.Name]healing{}}
	f.marks = marks[P]{state: mark, needs: *mark, saved: *mark, last: s.req.State}
	s.log = f
	return f
}

// From has the log read from a place, and that kept up to date.
func (f *Follower[P]) From(place *Place[P]) {
	f.place, f.position, f.ended = place, place.Position, place.Clock
}

// Position is where the last transaction ended that was read, or later.
func (f *Follower[P]) Position() P { return f.position }

// Clock is when the transaction that is being read was committed, in
// microseconds since 1970: later than the one before, whatever clocks did.
func (f *Follower[P]) Clock() int64 { return f.clock }

// Transaction is what is being read, or was read last.
func (f *Follower[P]) Transaction() *Transaction[P] { return &f.tx }

// Within reports whether a transaction is being read.
func (f *Follower[P]) Within() bool { return f.within }

// Past reports whether it was read before: it is not to be applied again.
func (f *Follower[P]) Past() bool { return f.past }

// Begin is told of a transaction.
func (f *Follower[P]) Begin(tx Transaction[P]) {
	f.tx, f.within, f.past = tx, true, f.position.Has(tx.Commit)
	f.clock = max(tx.Time, f.ended+1)
}

// Commit is told that the transaction has ended, after so many changes, and
// where.
func (f *Follower[P]) Commit(end P, changes int64) {
	f.within, f.ended, f.changes = false, f.clock, changes
	f.Reach(end)
}

// Reach is told that all before a position has been read.
func (f *Follower[P]) Reach(at P) { f.position = later(f.position, at) }

// Abandon is told that what was read of the transaction does not count.
func (f *Follower[P]) Abandon() { f.within = false }

// Add has the log applied to a table that was handed over.
func (f *Follower[P]) Add(t Logged[P]) { f.tables[t.Name()] = t }

// HandOver is Add for a table that queries have completed in this sync. The
// state is locked.
func (f *Follower[P]) HandOver(t Logged[P]) {
	f.ended = max(f.ended, f.sync.req.Start.UnixMicro()) // since when the rows hold that were read
	f.sync.Touch()
	f.Add(t)
}

// Drop undoes Add. It says nothing to the state.
func (f *Follower[P]) Drop(name schema.Name) {
	if t := f.tables[name]; t != nil {
		t.Window().forget()
		delete(f.tables, name)
		t.Leave()
	}
}

// DropAll drops all tables, to be read in another round.
func (f *Follower[P]) DropAll() {
	for name := range f.tables {
		f.Drop(name)
		f.sync.Again(name)
	}
}

// Heal leaves a table to queries, in this sync if that may help.
func (f *Follower[P]) Heal(t Logged[P], err error) {
	s, name := f.sync, t.Name()
	f.Drop(name)
	s.Lock()
	s.state.takeBackNamed(name)
	s.Touch()
	s.Unlock()
	f.healed[name] = f.healed[name].again(time.Now())
	var own *connector.TableError
	if f.Hopeless(name) || errors.As(err, &own) {
		s.out.Fail(name, t.Explain(err))
		return
	}
	s.Again(name)
}

// Hopeless reports whether a table was healed so often of late that it is not to
// be handed over again for now.
func (f *Follower[P]) Hopeless(table schema.Name) bool { return f.healed[table].often() }

// A healing is how often a table was left to queries of late.
type healing struct {
	times int
	first time.Time
}

// often reports whether the table is not to be handed over again for now.
func (h healing) often() bool { return h.times > maxHealed }

// again counts another time. In a sync that goes on for long that a table was
// healed long ago does not matter.
func (h healing) again(now time.Time) healing {
	if now.Sub(h.first) > healedLately {
		h = healing{first: now}
	}
	h.times++
	return h
}

// maxHealed is how often a table is left to queries within healedLately, and
// handed over again.
const (
	maxHealed    = 3
	healedLately = time.Minute
)

// Settle heals a table that an error is about, and returns errors that are
// about more.
func (f *Follower[P]) Settle(t Logged[P], err error) error {
	if err == nil || !f.sync.concernsTable(err) {
		return err
	}
	f.Heal(t, err)
	return nil
}

// Applied follows each change of a table, with what came of it.
func (f *Follower[P]) Applied(ctx context.Context, t Logged[P], err error) error {
	if err != nil {
		err = f.Settle(t, err)
	}
	if err != nil || f.held < f.sync.limits.Memory {
		return err
	}
	return f.flush(ctx)
}

// planned leaves to queries what the log was handed in an earlier sync and is
// not applied to now: tables that are paused, or cannot be read.
func (f *Follower[P]) planned() {
	if f.sync.state.takeBackUnless(func(n schema.Name) bool { return f.tables[n] != nil }) {
		f.sync.Touch()
	}
	f.waiters, f.reads = len(f.tables) > 0, false
}

// waiting reports whether tables wait for what the log has, or it has grown
// large.
func (f *Follower[P]) waiting(ctx context.Context) bool {
	if f.waiters {
		return true
	}
	end, _, err := f.log.End(ctx)
	return err == nil && end.Beyond(f.position) >= roundLog
}

// roundLog is how many bytes the log may grow during a long load.
const roundLog = 1 << 30

// read applies the log until done says so, which is asked whenever a
// transaction has ended or the server has told where it is, which it is asked
// again after a pause.
func (f *Follower[P]) read(ctx context.Context, pause time.Duration, done func(Event) (bool, error)) error {
	f.reads = true
	f.log.Ask(0)
	for {
		event, err := f.log.Next(ctx)
		if err != nil {
			return err
		}
		switch event {
		case Within:
			continue
		case Still:
			f.log.Ask(pause)
			continue
		}
		if event == Ended && f.goesOn {
			f.fresh.committed(f)
		}
		if err := f.saveIfDue(ctx); err != nil {
			return err
		}
		if stop, err := done(event); err != nil || stop {
			return err
		}
		if event == Quiet {
			f.log.Ask(pause)
		}
	}
}

// readRound applies the log to what the round's view saw.
func (f *Follower[P]) readRound(ctx context.Context) error {
	target, err := f.log.Target(ctx)
	if err != nil {
		return err
	}
	end := &Ending[P]{Target: target}
	err = f.read(ctx, AskAgain, func(event Event) (bool, error) {
		return end.Reached(f.position, event, func() (bool, error) { return f.log.Idle(ctx) })
	})
	if err != nil {
		return err
	}
	return f.flush(ctx)
}

// readUntil applies the log until a time, or until a table has to be read by
// queries.
func (f *Follower[P]) readUntil(ctx context.Context, until time.Time) error {
	pause := min(max(f.every()/4, 20*time.Millisecond), time.Second) // a checkpoint may be due
	if err := f.fresh.start(ctx, f); err != nil {
		return err
	}
	f.goesOn = true
	defer func() { f.goesOn = false }()
	err := f.read(ctx, pause, func(event Event) (bool, error) {
		if f.sync.stopped() {
			return true, nil
		}
		return len(f.sync.again) > 0 || !time.Now().Before(until), f.fresh.look(ctx, f, event)
	})
	if err != nil {
		return err
	}
	return f.flush(ctx)
}

// flush sends all windows.
func (f *Follower[P]) flush(ctx context.Context) error {
	for _, t := range f.tables {
		if err := f.Settle(t, t.Window().Flush(ctx)); err != nil {
			return err
		}
	}
	return nil
}

// every is how old changes become before a checkpoint.
func (f *Follower[P]) every() time.Duration {
	if f.sync.req.Every > 0 {
		return f.sync.req.Every
	}
	return time.Minute
}

// saveIfDue makes a checkpoint if enough has been sent since the last one, or
// it was long ago. It is called between transactions.
func (f *Follower[P]) saveIfDue(ctx context.Context) error {
	waits := f.sync.dirty.Load() || f.held > 0
	if f.since.IsZero() && waits {
		f.since = time.Now()
	}
	if f.sync.due(f.sync.limits.CheckpointBytes) || !f.since.IsZero() && time.Since(f.since) >= f.every() || !waits && f.lags() {
		return f.Save(ctx)
	}
	return nil
}

// lags reports whether the server has to keep much of the log because nothing
// of interest is in it.
func (f *Follower[P]) lags() bool { return f.position.Beyond(f.place.Position) > KeepLog }

// KeepLog is how many bytes of its log a server may have to keep because nothing
// of interest is in it.
const KeepLog = 64 << 20

// news reports whether there is something to save.
func (f *Follower[P]) news() bool { return f.sync.dirty.Load() || f.lags() || f.log.News() }

// Save makes a checkpoint, of what is before the transaction that is being
// read, and then lets the server forget that.
func (f *Follower[P]) Save(ctx context.Context) error {
	if err := f.flush(ctx); err != nil {
		return err
	}
	if err := f.log.Note(ctx); err != nil {
		return err
	}
	f.note()
	if err := f.sync.Checkpoint(ctx); err != nil {
		return err
	}
	f.since = time.Time{}
	return f.log.Confirm(f.position)
}

// note puts into the state how far the log was read. All windows are empty.
func (f *Follower[P]) note() {
	f.sync.Lock()
	defer f.sync.Unlock()
	f.place.Position, f.place.Clock = f.position, f.ended
	for _, t := range f.tables {
		t.Point().passed(f.position)
	}
}
