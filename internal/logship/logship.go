// Package logship ships what happens to log services: those of groups, and
// that of the account. Each has read events up to one, and is sent what
// follows in batches, in the order in which it happened. A batch whose answer
// was lost is sent again.
//
// What fails is tried again at growing intervals for as long as events are
// kept. Nothing of it holds up a sync, or another log service.
package logship

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/penstock-data/penstock/internal/outside"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/setup"
)

// source is what entries are said to come from.
const source = "penstock"

// statuses are a vendor's names for the levels of events.
type statuses struct{ info, warning, severe string }

func (s statuses) of(level string) string {
	switch level {
	case store.Severe:
		return s.severe
	case store.Warning:
		return s.warning
	}
	return s.info
}

// A Sender sends to log services.
type Sender struct {
	client    *http.Client
	endpoints map[string]string
	now       func() time.Time
}

// NewSender returns a Sender. Endpoints are addresses in place of the
// vendors' own, by service; nil: none.
func NewSender(p outside.Policy, endpoints map[string]string) *Sender {
	return &Sender{outside.NewClient(p), endpoints, time.Now}
}

func (s *Sender) send(ctx context.Context, l *store.LogService, entries []entry) error {
	service := ServiceOf(l.Service)
	if service == nil {
		return &refusal{reason: "this server has no log service " + l.Service}
	}
	return service.send(ctx, &via{s.client, s.endpoints[l.Service], s.now}, l.Config, entries)
}

// Test sends an event that did not happen, and returns what came of it.
func (s *Sender) Test(ctx context.Context, l *store.LogService) []setup.TestResult {
	t := setup.TestResult{Title: "Sending a test event", Status: setup.Passed}
	e := try(s.now())
	if err := s.send(ctx, l, []entry{newEntry(&e)}); err != nil {
		t.Status, t.Message = setup.Failed, "The test event was not taken: "+err.Error()+"."
	}
	return []setup.TestResult{t}
}

const (
	inAll  = 16              // log services that one process sends to at a time
	lease  = time.Minute     // of a log service; longer than a request takes
	look   = 5 * time.Second // between looks for what other processes have recorded
	inRow  = 50              // batches to one log service in a row, before others have their turn
	gather = time.Second     // between batches that are not full

	eventsRead = 500 // at a time

	firstRetry, lastRetry = time.Second, 5 * time.Minute
)

// Config is what a Shipper works with. Only the first two fields are required.
type Config struct {
	Store  *store.Store
	Sender *Sender

	Log     *slog.Logger          // nil: no log
	Metrics prometheus.Registerer // nil: none
	Now     func() time.Time      // nil: time.Now
}

// A Shipper ships events to log services. Several processes on one database
// share the work.
type Shipper struct {
	Config
	send   func(context.Context, *store.LogService, []entry) error
	events *prometheus.CounterVec
	ended  chan struct{} // there is room

	mu   sync.Mutex
	busy int
	left sync.WaitGroup
}

// New returns a Shipper that does nothing before Run is called.
func New(c Config) *Shipper {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &Shipper{Config: c, send: c.Sender.send, ended: make(chan struct{}, 1), events: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "penstock_log_events_total", Help: "Events sent to log services, by what came of them.",
	}, []string{"service", "result"})}
	if c.Metrics != nil {
		c.Metrics.MustRegister(s.events)
	}
	return s
}

// Run ships until ctx is done. Then it lets requests that have begun end,
// which takes seconds, and returns; the next Run goes on from there.
func (s *Shipper) Run(ctx context.Context) {
	defer s.left.Wait()
	for ctx.Err() == nil {
		appended := s.Store.Appended()
		wait, err := s.round(ctx)
		if err != nil && ctx.Err() == nil {
			wait = look
			s.Log.Error("look for events to ship", "error", err, "again_in", wait)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-appended:
		case <-s.ended:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// round begins what is due as far as there is room, and returns how long there
// will be nothing to do.
func (s *Shipper) round(ctx context.Context) (time.Duration, error) {
	s.mu.Lock()
	free := inAll - s.busy
	s.mu.Unlock()
	now := s.Now()
	services, next, err := s.Store.ClaimLogServices(ctx, now, lease, free)
	if err != nil {
		return 0, err
	}
	for i := range services {
		s.start(ctx, &services[i])
	}
	if next.IsZero() {
		return look, nil
	}
	return min(look, next.Sub(now)), nil
}

// start ships what waits for a log service.
func (s *Shipper) start(ctx context.Context, l *store.LogService) {
	s.count(1)
	s.left.Go(func() {
		defer func() {
			s.count(-1)
			select {
			case s.ended <- struct{}{}:
			default: // Run is going to look already
			}
		}()
		for n := 1; s.batch(ctx, l, n < inRow); n++ {
		}
	})
}

func (s *Shipper) count(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy += n
}

// batch ships one batch and reports whether another is to follow at once.
func (s *Shipper) batch(ctx context.Context, l *store.LogService, goOn bool) (more bool) {
	began := context.WithoutCancel(ctx) // what has begun ends in seconds by itself
	log := s.Log.With("log_service", l.Service, "group", l.GroupID, "account", l.AccountID)
	events, err := s.Store.EventsFor(began, l, eventsRead)
	if err != nil {
		log.Error("read events to ship", "error", err)
		return false
	}
	r := store.Shipped{Due: s.Now(), Release: true}
	if len(events) > 0 {
		n, err := s.ship(began, l, events)
		if n > 0 {
			r.Last = events[n-1].ID
			s.events.WithLabelValues(l.Service, "shipped").Add(float64(n))
		}
		switch full := n < len(events) || len(events) == eventsRead; {
		case err != nil:
			r.Error, r.Broken, r.Due = err.Error(), lasting(err), s.Now().Add(backoff(l.Failures(), err))
			s.events.WithLabelValues(l.Service, "failed").Inc()
			log.Warn("events not shipped", "reason", r.Error, "again_at", r.Due)
		case full && goOn && ctx.Err() == nil:
			r.Release, more = false, true
		case !full:
			r.Due = s.Now().Add(gather)
		}
	}
	settle, done := context.WithTimeout(began, lease/2)
	defer done()
	if err := s.Store.SettleLogService(settle, l, r, lease); err != nil {
		if !errors.Is(err, store.ErrStale) {
			log.Error("record what was shipped; it is shipped again", "error", err)
		}
		return false
	}
	return more
}

// ship sends the first events in one request and returns how many are done
// with: taken, or left out because their vendor takes none like them.
func (s *Shipper) ship(ctx context.Context, l *store.LogService, events []store.Event) (int, error) {
	entries := make([]entry, len(events))
	for i := range events {
		entries[i] = newEntry(&events[i])
	}
	n, from := len(entries), time.Time{}
	if service := ServiceOf(l.Service); service != nil {
		n = service.cut(entries)
		if service.oldest > 0 {
			from = s.Now().Add(-service.oldest)
		}
	}
	for {
		batch := slices.DeleteFunc(slices.Clone(entries[:n]), func(e entry) bool { return e.at.Before(from) })
		if len(batch) < n {
			s.Log.Warn("events are too old for their log service and are left out", "log_service", l.Service, "events", n-len(batch))
			s.events.WithLabelValues(l.Service, "too_old").Add(float64(n - len(batch)))
		}
		if len(batch) == 0 {
			return n, nil
		}
		slices.SortStableFunc(batch, func(a, b entry) int { return a.at.Compare(b.at) })
		err := s.send(ctx, l, batch)
		var r *refusal
		switch {
		case err == nil:
			return n, nil
		case !errors.As(err, &r) || r.status != http.StatusRequestEntityTooLarge:
			return 0, err
		case n == 1:
			s.Log.Error("an event is too large for its log service and is left out", "log_service", l.Service, "event", events[0].Kind, "event_id", events[0].ID)
			return 1, nil
		}
		n /= 2
	}
}

// lasting reports whether an error stays until a person acts.
func lasting(err error) bool {
	var r *refusal
	return errors.As(err, &r) && r.lasting()
}

// backoff returns how long to wait after an error that follows others.
func backoff(failures int, err error) time.Duration {
	wait := min(firstRetry<<min(failures, 10), lastRetry)
	var r *refusal
	if errors.As(err, &r) {
		wait = max(wait, min(r.wait, lastRetry))
	}
	return wait
}
