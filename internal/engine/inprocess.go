package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/internal/runner"
	"github.com/penstock-data/penstock/internal/schemaconfig"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/schema"
)

// Config is what an in-process engine works with. Only the first two fields
// are required.
type Config struct {
	Store  *store.Store
	Runner *runner.Runner

	// Concurrency is how many syncs run at a time; 0: 4. Each takes as much
	// memory as the Runner allows one.
	Concurrency int

	// Followers is how many syncs may stay on with their sources beside those,
	// once they have caught up; 0: 16. More end then, and begin again after a
	// minute.
	Followers int

	// Stay is how long a sync stays on before the next begins; 0: 15 minutes.
	Stay time.Duration

	// Grace is how long a sync that is to stop may take to get to a
	// checkpoint before it is cut off and loses what came after the last
	// one; 0: 30 seconds.
	Grace time.Duration

	// Lease is how long a process may be silent before another takes its
	// runs over; 0: 30 seconds. It is renewed three times as often.
	Lease time.Duration

	// Look is how long the engine goes without looking whether somebody has
	// changed what is due without telling it, such as another process on the
	// same database; 0: 10 seconds. A look is one indexed query.
	Look time.Duration

	Log     *slog.Logger          // nil: no log
	Metrics prometheus.Registerer // nil: none
	Now     func() time.Time      // nil: time.Now
}

// InProcess is the engine that runs syncs in this process. Several processes
// on one PostgreSQL database share the work.
type InProcess struct {
	Config
	owner   string // this process, to others
	metrics *metrics
	wake    chan struct{} // something is to be looked at
	tidied  time.Time     // Run's

	orphans atomic.Bool // the store may say of runs that are not live here that they are

	mu      sync.Mutex
	live    map[string]*live     // by run id
	checks  map[string]*checking // verifications, by id
	closing bool                 // no more of them
	ends    chan struct{}        // closed when Run ends; nil before it begins
	left    sync.WaitGroup       // what is in live and in checks, and what else Run has begun
}

var _ Engine = (*InProcess)(nil)

// New returns an engine that does nothing before Run is called.
func New(c Config) *InProcess {
	if c.Concurrency <= 0 {
		c.Concurrency = 4
	}
	if c.Followers <= 0 {
		c.Followers = 16
	}
	if c.Stay == 0 {
		c.Stay = 15 * time.Minute
	}
	if c.Grace == 0 {
		c.Grace = 30 * time.Second
	}
	if c.Lease == 0 {
		c.Lease = 30 * time.Second
	}
	if c.Look == 0 {
		c.Look = 10 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Metrics != nil {
		c.Metrics.MustRegister(newKeptLog(c.Store))
	}
	host, _ := os.Hostname()
	return &InProcess{
		Config:  c,
		owner:   fmt.Sprintf("%s:%d:%s", host, os.Getpid(), rand.Text()),
		metrics: newMetrics(c.Metrics),
		wake:    make(chan struct{}, 1),
		live:    map[string]*live{},
		checks:  map[string]*checking{},
	}
}

// Run implements [Engine].
func (e *InProcess) Run(ctx context.Context) error {
	e.mu.Lock()
	e.closing, e.ends = false, make(chan struct{})
	e.mu.Unlock()
	e.left.Go(func() { e.guard(ctx) })
	var trouble time.Duration // how long to wait because the store failed
	for ctx.Err() == nil {
		e.tidy(ctx)
		wait, err := e.fill(ctx)
		if err != nil && ctx.Err() == nil {
			e.orphans.Store(true) // a claim may have succeeded
			trouble = min(max(2*trouble, time.Second), 30*time.Second)
			wait = trouble
			e.Log.Error("look for due syncs", "error", err, "again_in", wait)
		} else {
			trouble = 0
		}
		e.sleep(ctx, wait)
	}
	e.windDown()
	return nil
}

// tidyEvery is how often the engine removes what is kept no longer.
const tidyEvery = 6 * time.Hour

// tidy removes events and files that are kept no longer, if it is time to.
func (e *InProcess) tidy(ctx context.Context) {
	now := e.Now()
	if now.Before(e.tidied.Add(tidyEvery)) {
		return
	}
	e.tidied = now
	e.left.Go(func() {
		if err := e.Store.ForgetEvents(ctx, now.Add(-store.EventsKept)); err != nil && ctx.Err() == nil {
			e.Log.Error("remove old events", "error", err)
		}
		if err := e.Runner.TidyFiles(ctx); err != nil && ctx.Err() == nil {
			e.Log.Error("remove files of connections that are gone", "error", err)
		}
	})
}

// forever stands for a wait that only something that happens ends.
const forever = time.Duration(1<<63 - 1)

func (e *InProcess) sleep(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-e.wake:
	case <-timer.C:
	}
}

// fill begins what is due, as far as there is room, and returns how long
// nothing will be.
func (e *InProcess) fill(ctx context.Context) (time.Duration, error) {
	if e.orphans.Swap(false) {
		if err := e.releaseOrphans(ctx); err != nil {
			return 0, err
		}
	}
	for e.room() {
		wait, err := e.untilDue(ctx)
		if wait > 0 || err != nil {
			return wait, err
		}
		run, resumed, err := e.next(ctx)
		if err != nil {
			return 0, err
		}
		if run == nil { // what is due is just another process's
			return 100 * time.Millisecond, nil
		}
		e.start(run, resumed)
	}
	return forever, nil // the end of a run wakes the engine
}

// releaseOrphans gives up the runs that the store holds for this process and
// that are not live in it, because an answer of the store was lost.
func (e *InProcess) releaseOrphans(ctx context.Context) error {
	held, err := e.Store.Held(ctx, e.owner)
	if err != nil {
		return err
	}
	for _, run := range held {
		if e.running(run.ID) != nil {
			continue
		}
		if err := e.Store.Release(ctx, run.Token()); err != nil && !errors.Is(err, store.ErrStale) {
			return err
		}
	}
	return nil
}

func (e *InProcess) room() bool {
	followers := e.followers()
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.live)-followers < e.Concurrency
}

// next takes the next run, one that somebody left unfinished first.
func (e *InProcess) next(ctx context.Context) (run *store.Run, resumed bool, err error) {
	run, err = e.Store.TakeOver(ctx, e.owner, e.Now(), e.Lease)
	if run != nil || err != nil {
		return run, true, err
	}
	run, err = e.Store.Claim(ctx, e.owner, e.Now(), e.Lease)
	return run, false, err
}

// untilDue returns how long it is until something is due, or the next look.
func (e *InProcess) untilDue(ctx context.Context) (time.Duration, error) {
	at, ok, err := e.Store.Wake(ctx, e.owner)
	if err != nil || !ok {
		return e.Look, err
	}
	return min(max(at.Sub(e.Now()), 0), e.Look), nil
}

// poke makes Run look again.
func (e *InProcess) poke() {
	select {
	case e.wake <- struct{}{}:
	default: // it is going to already
	}
}

// windDown lets running syncs get to a checkpoint, and waits for them, but not
// for one that does not even heed being cut off: its lease will run out.
func (e *InProcess) windDown() {
	e.mu.Lock()
	e.closing = true
	close(e.ends)
	for _, l := range e.live {
		l.leave(e.Grace)
	}
	e.mu.Unlock()
	e.endChecks("", ErrStopping)
	done := make(chan struct{})
	go func() { e.left.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(e.Grace + 10*time.Second):
		e.Log.Error("syncs did not stop in time; they are resumed at the next start")
	}
}

// Sync implements [Engine].
func (e *InProcess) Sync(ctx context.Context, id string, force bool) error {
	c, err := e.Store.UpdateConnection(ctx, id, func(c *store.Connection) error {
		switch {
		case c.Paused:
			return ErrPaused
		case c.SetupState == store.Incomplete:
			return ErrIncomplete
		case c.RunID == "" || force || e.follows(c):
			c.TriggeredAt = e.Now()
		}
		c.Told = append(c.Told, store.ForceUpdate)
		return nil
	})
	if err != nil {
		return err
	}
	if c.RunID != "" && !force {
		if e.follows(c) {
			defer e.poke()
			return e.stopSoon(ctx, c)
		}
		return e.followUp(ctx, c)
	}
	return e.interrupt(ctx, c, force)
}

// follows reports whether the connection's run has read all that there was when
// it began, and stays on.
func (e *InProcess) follows(c *store.Connection) bool {
	if l := e.running(c.RunID); l != nil {
		return l.caughtUp.Load()
	}
	return c.RunID != "" && c.FreshAt.After(c.StartedAt) // by what another process has told
}

// followUp makes a connection sync whose run has been asked to stop already. A
// run that goes on reads all there is, and is over then.
func (e *InProcess) followUp(ctx context.Context, c *store.Connection) error {
	run, err := e.Store.Run(ctx, c.RunID)
	if err != nil {
		return err
	}
	if run.Stop == store.GoOn || run.Stop == store.StopRead {
		return e.stop(ctx, c, store.StopRead)
	}
	defer e.poke()
	_, err = e.Store.UpdateConnection(ctx, c.ID, func(c *store.Connection) error {
		c.TriggeredAt = e.Now()
		return nil
	})
	return err
}

// Resync implements [Engine].
func (e *InProcess) Resync(ctx context.Context, id string) error {
	c, err := e.Store.UpdateConnection(ctx, id, func(c *store.Connection) error {
		c.Reset, c.Historical = true, true
		c.Told = append(c.Told, store.ResyncConnector)
		c.TriggeredAt = e.Now()
		return nil
	})
	if err != nil {
		return err
	}
	return e.interrupt(ctx, c, true)
}

// ResyncTables implements [Engine]. What was asked for is kept in the store,
// and the next sync to begin does it, whichever process runs it.
func (e *InProcess) ResyncTables(ctx context.Context, id string, tables []schema.Name) error {
	ok, err := e.Runner.Forgets(ctx, id)
	if err != nil {
		return err
	}
	if !ok {
		return ErrNoTableResync
	}
	if err := e.Store.AskResync(ctx, id, tables); err != nil {
		return err
	}
	c, err := e.Store.UpdateConnection(ctx, id, func(c *store.Connection) error {
		c.TriggeredAt = e.Now()
		return nil
	})
	if err != nil {
		return err
	}
	defer e.poke()
	return e.stopSoon(ctx, c)
}

// Restart implements [Engine].
func (e *InProcess) Restart(ctx context.Context, id string) error {
	defer e.poke()
	c, err := e.Store.Connection(ctx, id)
	if err != nil || c.RunID == "" {
		return err
	}
	c, err = e.Store.UpdateConnection(ctx, id, func(c *store.Connection) error {
		if c.RunID != "" && !c.Paused {
			c.TriggeredAt = e.Now()
		}
		return nil
	})
	if err != nil {
		return err
	}
	return e.stopSoon(ctx, c)
}

// CancelSync implements [Engine].
func (e *InProcess) CancelSync(ctx context.Context, id string) error {
	defer e.poke()
	c, err := e.Store.Connection(ctx, id)
	if err != nil || c.RunID == "" {
		return err
	}
	c, err = e.Store.UpdateConnection(ctx, id, func(c *store.Connection) error {
		c.TriggeredAt = time.Time{}
		c.Told = append(c.Told, store.CancelSync)
		return nil
	})
	if err != nil {
		return err
	}
	return e.stop(ctx, c, store.StopOver)
}

// stopSoon makes the connection's run, if there is one, end at its next
// checkpoint.
func (e *InProcess) stopSoon(ctx context.Context, c *store.Connection) error {
	return e.stop(ctx, c, store.StopSoon)
}

func (e *InProcess) stop(ctx context.Context, c *store.Connection, how string) error {
	if c.RunID == "" {
		return nil
	}
	if err := e.Store.Stop(ctx, c.RunID, how); err != nil {
		return err
	}
	switch l := e.running(c.RunID); {
	case l == nil:
	case how == store.StopRead:
		l.endRead(e.Grace)
	default:
		l.end(e.Grace)
	}
	return nil
}

// Capture implements [Engine].
func (e *InProcess) Capture(ctx context.Context, id string) (*schemaconfig.Config, *schemaconfig.Catalog, error) {
	return e.Runner.Capture(ctx, id)
}

// interrupt stops the connection's run if now is set, and looks what is due.
func (e *InProcess) interrupt(ctx context.Context, c *store.Connection, now bool) error {
	defer e.poke()
	if !now || c.RunID == "" {
		return nil
	}
	if err := e.Store.Stop(ctx, c.RunID, store.StopNow); err != nil {
		return err
	}
	if l := e.running(c.RunID); l != nil {
		l.cut(errAsked)
	}
	return nil
}

// Changed implements [Engine].
func (e *InProcess) Changed(ctx context.Context, id string) error {
	defer e.poke()
	c, err := e.Store.Connection(ctx, id)
	switch {
	case err != nil:
		return err
	case c.Paused:
		return e.stopSoon(ctx, c)
	default:
		return e.stop(ctx, c, store.StopRead)
	}
}

// Delete implements [Engine].
func (e *InProcess) Delete(ctx context.Context, id string) error {
	c, err := e.Store.Connection(ctx, id)
	if err != nil {
		return err
	}
	farewell, err := e.Runner.Farewell(ctx, c)
	if err != nil {
		e.Log.Warn("the source of a connection that is deleted is not asked to let go of anything", "connection", id, "error", err)
	}
	if err := e.Store.DeleteConnection(ctx, id); err != nil {
		return err
	}
	if l := e.running(c.RunID); l != nil {
		l.cut(store.ErrStale)
	}
	e.endChecks(id, store.ErrStale)
	if err := e.Runner.ForgetFiles(id); err != nil {
		e.Log.Error("remove the files of a deleted connection", "connection", id, "error", err)
	}
	if farewell != nil {
		e.farewell(c, farewell)
	}
	return nil
}

// TestConnection implements [Engine].
func (e *InProcess) TestConnection(ctx context.Context, id string, trust Trust) (*store.Connection, error) {
	defer e.poke() // it may be due now
	return e.Runner.TestConnection(ctx, id, trust)
}

// TestDestination implements [Engine].
func (e *InProcess) TestDestination(ctx context.Context, id string, trust Trust) (*store.Destination, error) {
	return e.Runner.TestDestination(ctx, id, trust)
}

// Query implements [Engine].
func (e *InProcess) Query(ctx context.Context, id string, q destination.Query) (*destination.Answer, error) {
	return e.Runner.Query(ctx, id, q)
}

func (e *InProcess) running(runID string) *live {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.live[runID]
}

// errAsked is why a sync ends that somebody asked to stop.
var errAsked = errors.New("stopped on request")
