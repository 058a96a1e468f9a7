package engine

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-data/penstock/internal/runner"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/schema"
)

// A live is a run that this process holds.
type live struct {
	run *store.Run
	log *slog.Logger

	ctx    context.Context // done when the sync is cut off
	cancel context.CancelCauseFunc

	soon     chan struct{} // closed when the sync is to end at its next checkpoint
	soonOnce sync.Once
	leaving  atomic.Bool // the process ends, the run is to go on elsewhere

	rows, bytes atomic.Int64 // so far
	counted     int64        // rows that the metrics know of; the heartbeat's

	following

	mu    sync.Mutex
	moved map[schema.Name]store.TableProgress // since the store was told
}

// note remembers how far a table is, for the store to be told.
func (l *live) note(p store.TableProgress) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.moved == nil {
		l.moved = map[schema.Name]store.TableProgress{}
	}
	l.moved[p.Table] = p
}

// noted returns what was noted since the last call.
func (l *live) noted() []store.TableProgress {
	l.mu.Lock()
	defer l.mu.Unlock()
	moved := slices.Collect(maps.Values(l.moved))
	clear(l.moved)
	return moved
}

// end makes the sync end at its next checkpoint, or be cut off after grace.
func (l *live) end(grace time.Duration) {
	l.soonOnce.Do(func() {
		close(l.soon)
		timer := time.AfterFunc(grace, func() { l.cut(errAsked) })
		context.AfterFunc(l.ctx, func() { timer.Stop() })
	})
}

// leave is end for a run that is to go on elsewhere.
func (l *live) leave(grace time.Duration) {
	l.leaving.Store(true)
	l.end(grace)
}

// cut cuts the sync off.
func (l *live) cut(why error) { l.cancel(why) }

// asked reports whether the run was asked to stop before this process took it.
func (l *live) asked() bool { return l.run.Stop != store.GoOn && l.run.Stop != store.StopRead }

// start runs a run that this process has taken.
func (e *InProcess) start(run *store.Run, resumed bool) {
	l := &live{
		run:  run,
		log:  e.Log.With("connection", run.ConnectionID, "run", run.ID),
		soon: make(chan struct{}),
	}
	l.ctx, l.cancel = context.WithCancelCause(context.Background())
	e.mu.Lock()
	e.live[run.ID] = l
	e.mu.Unlock()
	e.left.Go(func() {
		defer func() {
			l.cancel(nil)
			e.mu.Lock()
			delete(e.live, run.ID)
			e.mu.Unlock()
			e.poke()
		}()
		e.sync(l, resumed)
	})
}

// sync runs the run's sync and records how it ended.
func (e *InProcess) sync(l *live, resumed bool) {
	began := e.Now()
	l.log.Info("sync started", "cause", l.run.Cause, "historical", l.run.Historical, "resumed", resumed)
	e.metrics.begin(l.run.Cause)

	var o store.Outcome
	if l.run.Stop == store.StopRead {
		l.endRead(e.Grace)
	}
	if l.asked() { // asked of the process that died
		o = store.Outcome{Kind: store.RunCanceled, EndedAt: e.Now(), Reason: errAsked.Error()}
	} else {
		beat, stop := context.WithCancel(context.Background())
		var beating sync.WaitGroup
		beating.Go(func() { e.keepAlive(beat, l) })
		o = e.Runner.Sync(l.ctx, l.run, runner.Watch{Stop: l.soon, Until: began.Add(e.Stay), Observe: func(rows, bytes int64) {
			l.rows.Store(rows)
			l.bytes.Store(bytes)
		}, Table: l.note, Landed: func(until time.Time, now []runner.Commits) { e.landed(l, until, now) }})
		stop()
		beating.Wait()
		e.noteFresh(context.Background(), l)
		if l.surplus.Load() {
			o.Hold = max(o.Hold, surplusTime)
		}
	}
	e.count(l, o.Rows)
	kind := e.record(l, o)
	e.metrics.end(kind, e.Now().Sub(began))
	level := slog.LevelInfo
	if kind == store.RunFailed {
		level = slog.LevelWarn
	}
	l.log.Log(context.Background(), level, "sync ended", "outcome", kind, "rows", o.Rows, "bytes", o.Bytes,
		"seconds", e.Now().Sub(began).Seconds(), "reason", o.Reason)
}

// Outcomes that only the log and the metrics know: the run goes on.
const (
	released = "released" // to whoever starts next
	lost     = "lost"     // to another process, or deleted with its connection
)

// record tells the store how the sync ended. While the store is out of order
// it tries again, until the run has become somebody else's.
func (e *InProcess) record(l *live, o store.Outcome) string {
	canceled := o.Kind == store.RunCanceled
	cause := context.Cause(l.ctx)
	if canceled && (errors.Is(cause, store.ErrStale) || l.ctx.Err() == nil && !closed(l.soon) && !l.asked()) {
		e.orphans.Store(true) // if nobody else has it yet
		return lost
	}
	release := canceled && l.leaving.Load()
	wait := time.Second
	for {
		ctx, cancel := context.WithTimeout(context.Background(), e.Lease)
		err := e.settle(ctx, l, o, release)
		cancel()
		switch {
		case err == nil && release:
			return released
		case err == nil:
			return o.Kind
		case errors.Is(err, store.ErrStale):
			return lost
		}
		l.log.Error("record the outcome", "error", err, "again_in", wait)
		if l.leaving.Load() {
			return lost // the next start takes it over
		}
		time.Sleep(wait)
		wait = min(2*wait, 30*time.Second)
	}
}

func (e *InProcess) settle(ctx context.Context, l *live, o store.Outcome, release bool) error {
	if release {
		if err := e.Store.Log(ctx, l.run.Token(), o.Events...); err != nil {
			return err
		}
		return e.Store.Release(ctx, l.run.Token())
	}
	return e.Store.Finish(ctx, l.run.Token(), o)
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// keepAlive renews the run's lease until ctx is done, and passes on what the
// run is asked to do. A sync whose lease could not be renewed in time is cut
// off: another process may have begun where it was.
func (e *InProcess) keepAlive(ctx context.Context, l *live) {
	every, often := time.NewTicker(e.Lease/3), time.NewTicker(noteEvery)
	defer every.Stop()
	defer often.Stop()
	until := e.Now().Add(e.Lease)
	for {
		select {
		case <-ctx.Done():
			return
		case <-often.C:
			e.noteProgress(ctx, l)
			continue
		case <-every.C:
		}
		renewed := e.Now()
		try, cancel := context.WithTimeout(ctx, e.Lease/3)
		stop, err := e.Store.Renew(try, l.run.Token(), renewed.Add(e.Lease), l.rows.Load(), l.bytes.Load())
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, store.ErrStale):
			l.cut(err)
			return
		case err != nil:
			l.log.Error("renew the lease", "error", err)
			if e.Now().After(until) {
				l.cut(store.ErrStale)
				return
			}
			continue
		}
		until = renewed.Add(e.Lease)
		e.noteFresh(ctx, l)
		e.count(l, l.rows.Load())
		switch stop {
		case store.StopRead:
			l.endRead(e.Grace)
		case store.StopSoon, store.StopOver:
			l.end(e.Grace)
		case store.StopNow:
			l.cut(errAsked)
		}
	}
}

// noteEvery is how often people can see how far a run is.
const noteEvery = time.Second

// noteProgress tells the store how far the run is, if it got further. It is not
// broken off with the heartbeat: a transaction whose end nobody waits for may
// hold the run when the next process wants it.
func (e *InProcess) noteProgress(ctx context.Context, l *live) {
	moved := l.noted()
	if len(moved) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.Lease/3)
	defer cancel()
	err := e.Store.SetProgress(ctx, l.run.Token(), store.RunProgress{Rows: l.rows.Load(), Bytes: l.bytes.Load(), Tables: moved}, e.Now())
	if err != nil && !errors.Is(err, store.ErrStale) {
		l.log.Warn("note the progress of tables", "error", err) // it is for people
	}
}

// count tells the metrics of rows that they do not know of.
func (e *InProcess) count(l *live, rows int64) {
	if rows > l.counted {
		e.metrics.rows.Add(float64(rows - l.counted))
		l.counted = rows
	}
}
