package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// A follower applies the log to the tables that were handed over to it.
type follower struct {
	run     *run
	conn    *pgx.Conn // for questions
	version int

	// before is what was published when the slot was made, if that was in
	// this sync: of all that the slot sends, the slot waited for what ran then.
	before *publication

	stream   *stream // nil: not begun
	position position
	early    []uint64 // consumed since somebody last looked whether others can see them

	tables    map[schema.Name]*logged
	holders   map[uint32]*logged // by the oid of a relation that has rows of the table
	maps      map[uint32]*mapping
	published *publication    // as of the last round
	target    position        // to read to after the last round
	known     map[uint32]bool // relations that the catalog of the last round has
	catalog   visibility      // of the last round

	begun   time.Time // of the round
	waiting bool      // tables were handed over before it

	// A transaction below the first had ended when the log ended at the second.
	horizon      uint64
	horizonAfter position

	// The transaction that is being read.
	within bool
	now    begin
	xid    uint64
	txns   int  // that were read before, and this one
	past   bool // it was read before, too

	changes int64 // of rows, in it

	spool     spool
	part      *spooled // the transaction of which a part is being read that has not ended
	unspooled bool     // the server keeps changes until transactions have ended

	change change
	clock  int64     // when the transaction was committed, in microseconds, and later than the one before
	ahead  []*logged // tables with changes in it that hold later
	ended  int64     // clock of the last transaction that was read to its end
	held   int64     // bytes in windows
	since  time.Time // of the oldest change that waits for a checkpoint; zero: there is none
	healed map[schema.Name]int

	goesOn bool // all that there was at the beginning has been read
	fresh  freshness
}

// A mapping is how the log describes a relation, and what that is to us.
type mapping struct {
	to *logged // nil: nothing
	at []int   // where a row of the log has the table's columns; -1: not at all
}

// followLog is one sync with a log: tables that it does not tell of are read by
// queries, and then it goes on with them.
func (r *run) followLog(ctx context.Context) (err error) {
	if r.log, err = r.startLog(ctx); err != nil {
		return err
	}
	defer r.log.close(ctx)
	for again := true; again; {
		for round := 1; round == 1 || len(r.again) > 0; round++ {
			r.log.begun, r.ranges, r.over = time.Now(), 0, false
			if err := r.round(ctx, round >= maxRounds); err != nil {
				return err
			}
			if r.over {
				round--
			}
			err := r.log.readTo(ctx, r.log.target)
			if unpublished(err) && round <= 1 {
				err = r.log.beginAgain(ctx)
			}
			if err != nil {
				return err
			}
		}
		if !time.Now().Before(r.req.Until) || r.log.stopped() {
			break
		}
		if err := r.log.readUntil(ctx, r.req.Until); err != nil {
			return err
		}
		again = len(r.again) > 0
	}
	if !r.log.news() { // an idle sync leaves no trace, in the destination or the ledger
		return nil
	}
	return r.log.save(ctx)
}

// roundOver reports whether loads should go on in another round, because the
// log has waited for long: tables wait for what it has, or it has grown large.
// Each round gets somewhere.
func (r *run) roundOver(ctx context.Context) bool {
	f := r.log
	if f == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over || r.ranges == 0 || time.Since(f.begun) < r.source.roundTime {
		return r.over
	}
	if r.over = f.waiting; !r.over {
		at, err := insertPosition(ctx, f.conn)
		r.over = err == nil && at > f.position && at-f.position >= roundLog
	}
	return r.over
}

// roundLog is how many bytes the log may grow during a long load.
const roundLog = 1 << 30

// startLog sees to it that there is a slot that goes on where the state ends.
func (r *run) startLog(ctx context.Context) (_ *follower, err error) {
	f := &follower{run: r, tables: map[schema.Name]*logged{}, holders: map[uint32]*logged{}, maps: map[uint32]*mapping{}, healed: map[schema.Name]int{}}
	if f.conn, err = r.source.connect(ctx); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			f.close(ctx)
		}
	}()
	if f.version, err = serverVersion(ctx, f.conn); err != nil {
		return nil, err
	}
	if f.version < minVersion {
		return nil, tooOld(f.version)
	}
	var standby bool
	if err := f.conn.QueryRow(ctx, "select pg_is_in_recovery()").Scan(&standby); err != nil {
		return nil, err
	}
	if standby {
		return nil, r.source.standby()
	}
	r.belongTo(origin(ctx, f.conn))
	if err := f.claimPublication(ctx); err != nil {
		return nil, err
	}
	if err := f.claimSlot(ctx, ""); err != nil {
		return nil, err
	}
	f.position, f.early, f.ended = r.state.Log.Position, slices.Clone(r.state.Log.Early), r.state.Log.Clock
	return f, nil
}

func (f *follower) close(ctx context.Context) {
	f.endStream()
	f.conn.Close(context.WithoutCancel(ctx))
}

// endStream ends the stream, and with it what was sent of transactions that
// have not ended.
func (f *follower) endStream() {
	if f.stream != nil {
		f.stream.close()
		f.stream = nil
	}
	f.spool.clear()
	f.within, f.part = false, nil
}

// fits reports whether a snapshot sees all that the log will not send: then
// tables can be handed over that were read under it.
func (f *follower) fits(seen *visibility) bool {
	log := f.run.state.Log
	if log.Before != nil {
		if !seen.covers(log.Before) {
			return false
		}
		log.Before = nil
	}
	return f.allSeen(seen)
}

// allSeen reports whether a snapshot sees all that was read from the log.
func (f *follower) allSeen(seen *visibility) bool {
	f.early = slices.DeleteFunc(f.early, seen.sees)
	return len(f.early) == 0
}

// fitting returns a snapshot that fits, or after a while one that does not.
func (f *follower) fitting(ctx context.Context) (*snapshot, error) {
	for n := 0; ; n++ {
		snap, err := f.run.source.snapshot(ctx)
		if err != nil {
			return nil, err
		}
		if snap.fits = f.fits(&snap.seen); snap.fits || n == 50 {
			return snap, nil
		}
		snap.close(ctx)
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// learn takes over what the catalog of a round says.
func (f *follower) learn(ctx context.Context, snap *snapshot, cat *catalog) (err error) {
	if snap.end, err = insertPosition(ctx, snap.conn); err != nil {
		return err
	}
	if err := cat.readLogged(ctx, snap.conn, snap.version); err != nil {
		return err
	}
	f.known, f.catalog = cat.logged, snap.seen
	f.published, err = readPublication(ctx, snap.conn, snap.version, f.run.source.Publication)
	return err
}

// aim sets how far the log is to be read after a round: as far as the round's
// snapshot sees, and all that was on disk then.
func (f *follower) aim(ctx context.Context, snap *snapshot) (err error) {
	var at string
	if err := snap.conn.QueryRow(ctx, `select pg_current_wal_flush_lsn()::text`).Scan(&at); err != nil {
		return err
	}
	f.target, err = parsePosition(at)
	f.horizon, f.horizonAfter = snap.xmin, f.target
	return err
}

// consider decides whether changes of a table can be taken from the log, now
// or after it was read by queries, and leaves it to them if not.
func (f *follower) consider(t *reading) {
	f.drop(t.table.Name)
	mark, why, expected := "", "there is no publication any more", true
	if f.published != nil {
		mark, why, expected = t.unlogged(f.published)
	}
	if t.loggable = why == ""; t.loggable {
		t.st.Unlogged = ""
	}
	if !t.loggable {
		if expected && why != t.st.Unlogged {
			t.st.Unlogged, f.run.dirty = why, true
			f.run.out.Warn(setup.Warning{Code: "not_logged", Message: fmt.Sprintf("Table %s is read by queries: %s.", t.table.Name, why)})
		}
		f.run.state.takeBack(t.st)
		t.st.Published = nil
		return
	}
	if p := t.st.Published; p == nil || p.Mark != mark {
		since := t.snap.xmax
		if f.before != nil {
			if was, _, _ := t.unlogged(f.before); was == mark {
				since = 0
			}
		}
		f.run.state.takeBack(t.st)
		t.st.Published = &published{Mark: mark, Since: since}
		f.run.dirty = true
	}
	if !t.unmoved() {
		f.run.state.takeBack(t.st)
	}
	if t.st.Log != nil {
		f.add(t)
	}
}

// unmoved reports whether the table's rows are in the files in which they were
// when it was last read by queries. If not they may be others, which the log
// does not tell of: a table was written anew, or a partition attached.
func (t *reading) unmoved() bool {
	for _, p := range t.parts {
		st := t.st.Parts[p.key]
		if st == nil || !st.Loaded || st.File != p.file {
			return false
		}
	}
	return len(t.parts) == len(t.st.Parts)
}

// handOver makes the log go on with a table that is complete under the
// snapshot of this round. The state's lock is held.
func (f *follower) handOver(t *reading) {
	if !t.loggable || !t.snap.fits || t.st.Published.Since > t.snap.xmin || f.healed[t.table.Name] > maxHealed {
		return
	}
	t.st.Log = &handover{Seen: &t.snap.seen, End: t.snap.end}
	if t.starts {
		t.st.Log.Clock = f.run.req.Start.UnixMicro() // since when the rows hold that were read
	}
	t.run.dirty = true
	f.add(t)
}

// maxHealed is how often a table is left to queries in one sync and handed
// over again.
const maxHealed = 3

func (f *follower) add(t *reading) {
	l := f.logged(t)
	f.tables[t.table.Name] = l
	f.holders[t.rel.OID] = l
	for _, r := range t.rel.holders() {
		f.holders[r.OID] = l
	}
	clear(f.maps)
	f.endStream() // which has described the relations already
}

// release leaves to queries what the log was handed in an earlier sync and is
// not applied to now: tables that are paused, or cannot be read.
func (f *follower) release() {
	for name, t := range f.run.state.all() {
		if t.Log != nil && f.tables[name] == nil {
			f.run.state.takeBack(t)
			f.run.dirty = true
		}
	}
}

// drop takes a table out, and reports whether it was in.
func (f *follower) drop(name schema.Name) bool {
	l := f.tables[name]
	if l == nil {
		return false
	}
	f.held -= int64(l.window.bytes)
	delete(f.tables, name)
	for oid, h := range f.holders {
		if h == l {
			delete(f.holders, oid)
		}
	}
	for _, m := range f.maps {
		if m.to == l {
			m.to = nil
		}
	}
	return true
}

// heal leaves a table to queries, in this sync if that may help. Its error is
// of a job.
func (f *follower) heal(l *logged, err error) {
	r, name := f.run, l.table.Name
	f.drop(name)
	r.mu.Lock()
	r.state.takeBack(l.st)
	r.dirty = true
	r.mu.Unlock()
	var own *connector.TableError
	if f.healed[name]++; f.healed[name] > maxHealed || errors.As(err, &own) {
		r.out.Fail(name, describe(name, err, l.discreet()))
		return
	}
	r.again = append(r.again, name)
}

// settle heals a table that an error is about, and returns errors that are
// about more.
func (f *follower) settle(l *logged, err error) error {
	if err == nil || !aboutTable(err) {
		return err
	}
	f.heal(l, err)
	return nil
}

// read applies the log until done says so, which is asked whenever a
// transaction has ended or the server has told where it is, which it is asked
// again after a pause.
func (f *follower) read(ctx context.Context, pause time.Duration, done func() (bool, error)) error {
	if f.stream == nil {
		log := f.run.state.Log
		options := streamOptions(f.run.source.Publication, f.version >= 140000 && !f.unspooled)
		st, err := f.run.source.slotStream(ctx, log.Slot, options, max(f.position, log.Position))
		if err != nil {
			return err
		}
		f.stream = st
		if err := st.confirm(log.Position); err != nil {
			return err
		}
	}
	f.stream.ask(0)
	for {
		msg, sent, err := f.stream.next()
		if err != nil {
			return err
		}
		if msg != nil {
			ended, err := f.apply(ctx, msg)
			if errors.Is(err, errSpool) && !f.unspooled {
				f.unspooled = true
				f.endStream()
				return f.read(ctx, pause, done)
			}
			if err != nil {
				return err
			}
			if !ended {
				continue
			}
			if f.goesOn {
				f.fresh.committed(f)
			}
		} else {
			if f.within || f.part != nil {
				continue
			}
			f.position = max(f.position, sent)
		}
		if err := f.saveIfDue(ctx); err != nil {
			return err
		}
		stop, err := done()
		if err != nil || stop {
			return err
		}
		if msg == nil {
			f.stream.ask(pause)
		}
	}
}

// readTo applies the log up to a position.
func (f *follower) readTo(ctx context.Context, target position) error {
	idle := false // the server waited for more when it was last asked
	stuck := 0
	last := position(0)
	err := f.read(ctx, 20*time.Millisecond, func() (bool, error) {
		if stuck++; f.position != last {
			last, stuck, idle = f.position, 0, false
		}
		if f.position >= target || idle && stuck > 4 {
			return true, nil
		}
		if stuck != 2 {
			return false, nil
		}
		// The log may end in the middle of a record that nobody completes.
		stuck = 1
		err := f.conn.QueryRow(ctx, `select exists (select from pg_stat_activity where pid = $1 and wait_event ilike 'WalSenderWaitForWal')`, f.stream.pid()).Scan(&idle)
		if idle {
			stuck = 2 // and what it had sent before is still to be read
		}
		return false, err
	})
	if err != nil {
		return err
	}
	return f.flush(ctx)
}

// readUntil applies the log until a time, or until a table has to be read by
// queries.
func (f *follower) readUntil(ctx context.Context, until time.Time) error {
	pause := min(max(f.every()/4, 20*time.Millisecond), time.Second) // a checkpoint may be due
	if err := f.fresh.start(ctx, f); err != nil {
		return err
	}
	f.goesOn = true
	defer func() { f.goesOn = false }()
	err := f.read(ctx, pause, func() (bool, error) {
		if f.stopped() {
			return true, nil
		}
		return len(f.run.again) > 0 || !time.Now().Before(until), f.fresh.look(ctx, f)
	})
	if err != nil {
		return err
	}
	return f.flush(ctx)
}

// stopped reports whether the sync is to end.
func (f *follower) stopped() bool {
	select {
	case <-f.run.req.Stop:
		return true
	default:
		return false
	}
}

// flush sends all windows.
func (f *follower) flush(ctx context.Context) error {
	for _, l := range f.tables {
		if err := f.settle(l, l.window.flush(ctx)); err != nil {
			return err
		}
	}
	return nil
}

// every is how old changes become before a checkpoint.
func (f *follower) every() time.Duration {
	if f.run.req.Every > 0 {
		return f.run.req.Every
	}
	return time.Minute
}

// saveIfDue makes a checkpoint if enough has been sent since the last one, or
// it was long ago. It is called between transactions.
func (f *follower) saveIfDue(ctx context.Context) error {
	r := f.run
	r.mu.Lock()
	due := r.unsafe >= r.source.checkpointBytes
	waits := r.dirty || f.held > 0
	r.mu.Unlock()
	if f.since.IsZero() && waits {
		f.since = time.Now()
	}
	if due || !f.since.IsZero() && time.Since(f.since) >= f.every() || !waits && f.position-r.state.Log.Position > keepLog {
		return f.save(ctx)
	}
	return nil
}

// keepLog is how many bytes of the log the server may have to keep because
// nothing of interest is in it.
const keepLog = 64 << 20

// news reports whether there is something to save.
func (f *follower) news() bool {
	f.run.mu.Lock()
	defer f.run.mu.Unlock()
	log := f.run.state.Log
	return f.run.dirty || f.position-log.Position > keepLog || f.horizon > log.Horizon && f.horizon-log.Horizon > staleHorizon
}

// save makes a checkpoint, between transactions, and then lets the server
// forget what was read.
func (f *follower) save(ctx context.Context) error {
	if err := f.flush(ctx); err != nil {
		return err
	}
	if err := f.look(ctx); err != nil {
		return err
	}
	r := f.run
	r.mu.Lock()
	f.note()
	r.mu.Unlock()
	if err := r.checkpoint(ctx); err != nil {
		return err
	}
	f.since = time.Time{}
	if f.stream == nil {
		return nil
	}
	return f.stream.confirm(f.position)
}

// note puts into the state how far the log was read. All windows are empty.
func (f *follower) note() {
	log := f.run.state.Log
	log.Position, log.Early, log.Clock = f.position, slices.Clone(f.early), f.ended
	if f.position >= f.horizonAfter {
		log.Horizon = max(log.Horizon, f.horizon)
		f.horizon = 0
	}
	for _, l := range f.tables {
		h := l.st.Log
		if h.Seen != nil && f.position >= h.End {
			*h = handover{}
		}
		if h.Clock = l.ended; h.Clock <= f.ended {
			h.Clock = 0
		}
	}
}

// look finds out which transactions others can see, and what will be the next
// horizon.
func (f *follower) look(ctx context.Context) error {
	var seen visibility
	var text string
	if err := f.conn.QueryRow(ctx, `select txid_current_snapshot()::text`).Scan(&text); err != nil {
		return err
	}
	if err := seen.UnmarshalText([]byte(text)); err != nil {
		return err
	}
	f.allSeen(&seen)
	if f.horizon != 0 && f.position < f.horizonAfter {
		return nil
	}
	at, err := insertPosition(ctx, f.conn)
	if err != nil {
		return err
	}
	if f.horizon != 0 { // it has been reached
		f.run.mu.Lock()
		f.run.state.Log.Horizon = max(f.run.state.Log.Horizon, f.horizon)
		f.run.mu.Unlock()
	}
	f.horizon, f.horizonAfter = seen.xmin, at
	return nil
}
