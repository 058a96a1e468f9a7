package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/penstock-data/penstock/connector/sqlsource"
	"github.com/penstock-data/penstock/setup"
)

// A follower reads the log of a slot. It is the log of sqlsource.
type follower struct {
	*sqlsource.Follower[position]
	run     *run
	conn    *pgx.Conn // for questions
	version int

	// before is what was published when the slot was made, if that was in
	// this sync: of all that the slot sends, the slot waited for what ran then.
	before *publication

	stream *stream  // nil: not begun
	early  []uint64 // consumed since somebody last looked whether others can see them

	holders   map[uint32]*logged // by the oid of a relation that has rows of the table
	maps      map[uint32]*mapping
	published *publication    // as of the last round
	known     map[uint32]bool // relations that the catalog of the last round has
	catalog   visibility      // of the last round

	// A transaction below the first had ended when the log ended at the second.
	horizon      uint64
	horizonAfter position

	changes int64 // of rows, in the transaction that is being read

	spill     *spill // what the slot has forgotten
	spool     spool
	part      *spooled // the transaction of which a part is being read that has not ended
	unspooled bool     // the server keeps changes until transactions have ended

	change change
}

// A mapping is how the log describes a relation, and what that is to us.
type mapping struct {
	to    *logged // nil: nothing
	at    []int   // where a row of the log has the table's columns; -1: not at all
	unfit bool    // the table's rows cannot be made of it
}

// startLog sees to it that there is a slot that goes on where the state ends.
func (r *run) startLog(ctx context.Context) (_ *follower, err error) {
	f := &follower{run: r, spill: &spill{dir: r.source.env.Folder}, holders: map[uint32]*logged{}, maps: map[uint32]*mapping{}}
	f.Follower = sqlsource.NewFollower(r.Sync, f, &r.state.Mark)
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
	if err := r.inherit(ctx, origin(ctx, f.conn)); err != nil {
		return nil, err
	}
	if err := f.claimPublication(ctx); err != nil {
		return nil, err
	}
	if err := f.claimSlot(ctx, ""); err != nil {
		return nil, err
	}
	f.From(&r.state.Log.Place)
	f.early = slices.Clone(r.state.Log.Early)
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
	f.Abandon()
	f.part = nil
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
	f.Mark(snap.end)
	if err := cat.readLogged(ctx, snap.conn, snap.version); err != nil {
		return err
	}
	f.known, f.catalog = cat.logged, snap.seen
	f.published, err = readPublication(ctx, snap.conn, snap.version, f.run.source.Publication)
	return err
}

// Target implements sqlsource.Log.
func (f *follower) Target(ctx context.Context) (position, error) {
	at, _, err := f.End(ctx)
	f.horizon, f.horizonAfter = f.catalog.xmin, at
	return at, err
}

// End implements sqlsource.Log: what is not on disk is not sent.
func (f *follower) End(ctx context.Context) (at position, now time.Time, err error) {
	var text string
	if err := f.conn.QueryRow(ctx, `select pg_current_wal_flush_lsn()::text, clock_timestamp()`).Scan(&text, &now); err != nil {
		return 0, now, &connectionError{err}
	}
	at, err = parsePosition(text)
	return at, now, err
}

// Idle implements sqlsource.Log.
func (f *follower) Idle(ctx context.Context) (bool, error) { return f.stream.idle(ctx, f.conn) }

// consider decides whether changes of a table can be taken from the log, now
// or after it was read by queries, and leaves it to them if not.
func (f *follower) consider(t *reading) {
	f.Drop(t.table.Name)
	mark, why, expected := "", "there is no publication any more", true
	if f.published != nil {
		mark, why, expected = t.unlogged(f.published)
	}
	if t.loggable = why == ""; t.loggable {
		t.st.Unlogged = ""
	}
	if !t.loggable {
		if expected && why != t.st.Unlogged {
			t.st.Unlogged = why
			f.run.Touch()
			f.run.out.Warn(setup.Warning{Code: "not_logged", Message: fmt.Sprintf("Table %s is read by queries: %s.", t.table.Name, why)})
		}
		f.run.state.TakeBack(t.st)
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
		f.run.state.TakeBack(t.st)
		t.st.Published = &published{Mark: mark, Since: since}
		f.run.Touch()
	}
	if !t.unmoved() {
		f.run.state.TakeBack(t.st)
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
	if !t.loggable || !t.snap.fits || t.st.Published.Since > t.snap.xmin || f.Hopeless(t.table.Name) {
		return
	}
	t.st.Log = &handover{Seen: &t.snap.seen, End: t.snap.end}
	f.HandOver(f.add(t))
}

// add has the log applied to a table.
func (f *follower) add(t *reading) *logged {
	l := f.logged(t)
	f.Add(l)
	f.holders[t.rel.OID] = l
	for _, r := range t.rel.holders() {
		f.holders[r.OID] = l
	}
	clear(f.maps)
	f.endStream() // which has described the relations already
	return l
}

// Leave implements sqlsource.Logged.
func (l *logged) Leave() {
	for oid, h := range l.follower.holders {
		if h == l {
			delete(l.follower.holders, oid)
		}
	}
	for _, m := range l.follower.maps {
		if m.to == l {
			m.to = nil
		}
	}
}

// begin starts to read the log, with what was spilled of it.
func (f *follower) begin(ctx context.Context) (err error) {
	log, src := f.run.state.Log, f.run.source
	options := streamOptions(src.Publication, f.version >= 140000 && !f.unspooled)
	at := max(f.Position(), log.Position)
	from := f.spill.reach(at)
	if f.stream, err = src.slotStream(ctx, log.Slot, options, from); err != nil {
		return err
	}
	if err := src.unmoved(ctx, f.conn, f.version, log.Slot, from); err != nil {
		return err
	}
	f.stream.before = f.spill.reader(at)
	if err := f.stream.confirm(log.Position); err != nil {
		return err
	}
	f.stream.ask(0)
	return nil
}

// Next implements sqlsource.Log.
func (f *follower) Next(ctx context.Context) (sqlsource.Event, error) {
	if f.stream == nil {
		if err := f.begin(ctx); err != nil {
			return 0, err
		}
	}
	msg, sent, err := f.stream.next()
	if err != nil {
		return 0, err
	}
	if msg == nil {
		if f.Within() || f.part != nil {
			return sqlsource.Still, nil
		}
		f.Reach(sent)
		if f.stream.before != nil { // the server has not been asked for it
			return sqlsource.Within, nil
		}
		return sqlsource.Quiet, nil
	}
	ended, err := f.apply(ctx, msg)
	switch {
	case errors.Is(err, errSpool) && !f.unspooled:
		f.unspooled = true
		f.endStream()
	case err != nil:
		return 0, err
	case ended:
		return sqlsource.Ended, nil
	}
	return sqlsource.Within, nil
}

// Ask implements sqlsource.Log.
func (f *follower) Ask(after time.Duration) {
	if f.stream != nil {
		f.stream.ask(after)
	}
}

// Confirm implements sqlsource.Log.
func (f *follower) Confirm(at position) error {
	if f.stream == nil {
		return nil
	}
	f.spill.applied(at)
	return f.stream.confirm(at)
}

// News implements sqlsource.Log.
func (f *follower) News() bool {
	was := f.run.state.Log.Horizon
	return len(f.spill.parts) > 0 || f.horizon > was && f.horizon-was > staleHorizon
}

// Note implements sqlsource.Log.
func (f *follower) Note(ctx context.Context) error {
	if err := f.look(ctx); err != nil {
		return err
	}
	f.run.Lock()
	defer f.run.Unlock()
	f.run.state.Log.Early = slices.Clone(f.early)
	f.reached()
	return nil
}

// reached notes the next horizon if the log was read so far. The state is
// locked.
func (f *follower) reached() {
	if log := f.run.state.Log; f.Position() >= f.horizonAfter {
		log.Horizon = max(log.Horizon, f.horizon)
		f.horizon = 0
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
	if f.horizon != 0 && f.Position() < f.horizonAfter {
		return nil
	}
	at, err := insertPosition(ctx, f.conn)
	if err != nil {
		return err
	}
	f.run.Lock()
	defer f.run.Unlock()
	f.reached()
	f.horizon, f.horizonAfter = seen.xmin, at
	return nil
}
