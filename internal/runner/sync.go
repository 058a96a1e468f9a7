package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/internal/pipe"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// A Watch ties a running sync to whoever runs it. Its zero value does nothing.
type Watch struct {
	// Stop is closed when the sync is to end at its next checkpoint.
	Stop <-chan struct{}

	// Until is until when the sync may stay on with its source. Zero: it ends
	// as soon as it has caught up.
	Until time.Time

	// Landed is told, one call at a time, what [pipe.Plan.Landed] is.
	Landed func(until time.Time, now []Commits)

	// Observe is told, from any goroutine, how much was sent so far in all.
	Observe func(rows, bytes int64)

	// Table is told, from any goroutine, how far a table is.
	Table func(store.TableProgress)
}

// Commits are changes that were committed at the source at one time, about.
type Commits = pipe.Commits

// errStopped ends a sync at a checkpoint.
var errStopped = errors.New("stopped at a checkpoint")

// Sync does a run's sync and returns its outcome, which the caller records.
// It is canceled, and nothing saved is lost, if ctx was done or the sync
// stopped at a checkpoint before its end. One that stays on has got to its end
// as soon as it has caught up with the source.
func (r *Runner) Sync(ctx context.Context, run *store.Run, w Watch) store.Outcome {
	defer allow(r.share.Heap)()
	log := r.Log.With("connection", run.ConnectionID, "run", run.ID)
	s := &syncing{runner: r, run: run, start: start(run, r.Now()), watch: w, log: log, sent: map[schema.Name]pipe.Progress{}, events: newJournal(r.Now)}
	told := s.events.tell(r.Store, run.Token(), log)
	out, err := s.do(ctx)
	told()
	if s.caughtUp.Load() && (errors.Is(err, errStopped) || errors.Is(err, connector.ErrSchemaChanged)) {
		err = nil
	}
	if s.caughtUp.Load() && err == nil { // what has ended it may be a verification
		s.hold, err = s.verified(ctx)
	}
	o := outcome(ctx, out, err)
	o.Follows, o.Hold, o.CaughtUp = s.follows, s.hold, s.caughtUp.Load()
	o.Warnings = append(o.Warnings, s.warnings...)
	o.EndedAt = r.Now()
	o.Events = s.events.end(run, &o)
	return o
}

// start returns the synced time of the rows of a run that begins or goes on
// now. A run that was taken over has a later one than before: by it, a full
// read tells the rows that it met from those that an earlier try met and that
// are gone from the source since.
func start(run *store.Run, now time.Time) time.Time {
	if run.Fence <= 1 {
		return run.StartedAt
	}
	least := run.StartedAt.Add(time.Duration(run.Fence) * time.Microsecond)
	if now = now.UTC().Truncate(time.Microsecond); now.Before(least) { // by another machine's clock
		return least
	}
	return now
}

// A syncing is a sync while it runs.
type syncing struct {
	runner *Runner
	run    *store.Run
	start  time.Time // the synced time of its rows
	watch  Watch
	log    *slog.Logger
	source connector.Source
	events *journal

	follows  bool          // its connection stays on, be it in this sync or in the next
	hold     time.Duration // for which it does not, because it is being verified
	caughtUp atomic.Bool   // it stays on, and has read all that there was when it began

	mu       sync.Mutex // guards what follows
	warnings []store.Alert
	sent     map[schema.Name]pipe.Progress
	rows     int64 // of all in sent
	bytes    int64
}

func (s *syncing) do(ctx context.Context) (out pipe.Outcome, err error) {
	defer caught(s.log, &err)
	r := s.runner
	c, err := r.Store.Connection(ctx, s.run.ConnectionID)
	if err != nil {
		return out, ofStore("connection", err)
	}
	d, err := r.destinationOf(ctx, c)
	if err != nil {
		return out, err
	}
	src, err := r.source(ctx, c, s.log)
	if err != nil {
		return out, err
	}
	defer src.Close()
	s.source = src.Source
	if err := s.watchBacklog(ctx, src); err != nil {
		return out, err
	}
	if c.SchemaStatus == store.BlockedOnCapture {
		return out, explain(ctx, s.captureOnly(ctx, c, src), src.tunnel)
	}
	dst, err := r.destination(ctx, d, s.log)
	if err != nil {
		return out, err
	}
	defer dst.tunnel.Close()
	out, err = s.move(ctx, c, src, dst)
	return out, explain(ctx, err, src.tunnel, dst.tunnel)
}

// move moves rows from the source to the destination.
func (s *syncing) move(ctx context.Context, c *store.Connection, src *openSource, dst *openDestination) (out pipe.Outcome, err error) {
	w, err := dst.Writer(ctx, destination.Options{Synced: s.start, Memory: s.runner.share.Writer, Warn: s.warn, Made: s.events.made})
	if err != nil {
		return out, err
	}
	defer func() {
		if cerr := w.Close(); err == nil && cerr != nil {
			err = fmt.Errorf("close the destination: %w", cerr)
		}
	}()
	p, err := s.runner.plan(ctx, c, src.service, dst.service)
	if err != nil {
		return out, err
	}
	p.Source, p.Writer, p.Ledger, p.Choose, p.Start, p.Observe = src.Source, w, &ledger{s}, s.choose(c, src.service), s.start, s.observe
	p.StopAtGap = c.AtLogGap == store.StopAtGap
	p.Defined, p.Warned = s.events.defined, s.events.warned
	if s.follows = s.watch.Until.After(s.start) && stays(c, src); s.follows {
		if s.hold, err = s.verified(ctx); err != nil {
			return out, err
		}
	}
	if s.follows && s.hold == 0 && s.run.Cause != store.ByTrigger && !s.run.Historical {
		p.Until, p.Every, p.Stop, p.Landed = s.until(c), checkpointEvery, s.watch.Stop, s.landed
	}
	out, err = pipe.Run(ctx, p)
	return out, errors.Join(err, s.keepColumns(ctx, out))
}

// destinationOf returns the destination of a connection.
func (r *Runner) destinationOf(ctx context.Context, c *store.Connection) (*store.Destination, error) {
	d, err := r.Store.Destination(ctx, c.GroupID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, &setup.Problem{Code: "no_destination", Message: fmt.Sprintf("Group %s has no destination. Create one.", c.GroupID)}
	}
	if err != nil {
		return nil, ofStore("destination", err)
	}
	return d, nil
}

// plan returns what a connection's syncs have in common: names and the key of
// masks.
func (r *Runner) plan(ctx context.Context, c *store.Connection, service *connector.Service, target *destination.Service) (pipe.Plan, error) {
	group, err := r.Store.Group(ctx, c.GroupID)
	if err != nil {
		return pipe.Plan{}, ofStore("group", err)
	}
	key := r.Store.ColumnKey(group.AccountID)
	naming := service.Naming
	if c.SchemaNames == sourceNames {
		naming = schema.SourceNaming
	}
	return pipe.Plan{
		Naming:  naming,
		Schema:  schemaNames(service.SchemaFormat, c, naming),
		MaxName: target.MaxName,
		Secret:  key[:],
	}, nil
}

// warn takes what the writer could not keep.
func (s *syncing) warn(w setup.Warning) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, have := range s.warnings {
		if have.Code == w.Code && have.Message == w.Message {
			return
		}
	}
	if len(s.warnings) < 100 {
		s.events.warned(w)
		s.warnings = append(s.warnings, store.Alert{Code: w.Code, Message: w.Message})
	}
}

func (s *syncing) observe(p pipe.Progress) {
	s.events.observe(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.sent[p.Table]
	s.sent[p.Table] = p
	s.rows += p.Rows - before.Rows
	s.bytes += p.Bytes - before.Bytes
	if s.watch.Observe != nil {
		s.watch.Observe(s.rows, s.bytes)
	}
	if s.watch.Table != nil {
		s.watch.Table(store.TableProgress{Table: p.Table, Rows: p.Rows, Bytes: p.Bytes, Expected: p.Expected})
	}
}

// moved returns how many rows were sent so far.
func (s *syncing) moved() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rows
}

// A ledger keeps the connection's state under the run's token.
type ledger struct{ *syncing }

func (l *ledger) State(ctx context.Context) (json.RawMessage, error) {
	return l.runner.Store.Forget(ctx, l.run.Token(), l.runner.Now(), l.forget)
}

func (l *ledger) SetState(ctx context.Context, state json.RawMessage) error {
	if err := l.Note(ctx, state); err != nil {
		return err
	}
	l.events.durable()
	select {
	case <-l.watch.Stop:
		return errStopped
	default:
		return nil
	}
}

func (l *ledger) Note(ctx context.Context, state json.RawMessage) error {
	return l.runner.Store.SetState(ctx, l.run.Token(), state, l.moved(), l.runner.Now())
}
