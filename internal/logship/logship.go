// Package logship ships what happens to log services: those of groups, and
// that of the account. Each has read events up to one, and is sent what
// follows in batches, in the order in which it happened. A batch whose answer
// was lost is sent again.
//
// What fails is tried again at growing intervals for as long as events are
// kept. Nothing of it holds up a sync, or another log service.
package logship

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/penstock-data/penstock/internal/outside"
	"github.com/penstock-data/penstock/internal/rounds"
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
	return service.send(ctx, &via{s.client, s.endpoints[l.Service], id(l), s.now}, l.Config, entries)
}

// id returns a log service's id as the API has it.
func id(l *store.LogService) string { return cmp.Or(l.GroupID, l.AccountID) }

// Test sends an event that did not happen, and returns what came of it.
func (s *Sender) Test(ctx context.Context, l *store.LogService) []setup.TestResult {
	t := setup.TestResult{Title: "Sending a test event", Status: setup.Passed}
	if err := s.send(ctx, l, []entry{testEntry(s.now())}); err != nil {
		t.Status, t.Message = setup.Failed, "The test event was not taken: "+err.Error()+"."
	}
	return []setup.TestResult{t}
}

const (
	inAll  = 16          // log services that one process sends to at a time
	lease  = time.Minute // of a log service: half for a batch, half to record what came of it
	inRow  = 50          // batches to one log service in a row, before others have their turn
	gather = time.Second // between batches that are not full

	// eventsRead at a time are no more entries than any vendor takes in one
	// request: 1000, where they say a number at all (Datadog).
	eventsRead = 500

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
	rounds rounds.Rounds
}

// New returns a Shipper that does nothing before Run is called.
func New(c Config) *Shipper {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &Shipper{Config: c, send: c.Sender.send,
		rounds: rounds.Rounds{What: "events to ship", Added: c.Store.Appended, Log: c.Log, Now: c.Now},
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "penstock_log_events_total", Help: "Events sent to log services, by what came of them.",
		}, []string{"service", "result"})}
	if c.Metrics != nil {
		c.Metrics.MustRegister(s.events)
	}
	return s
}

// Run ships until ctx is done. Then it lets requests that have begun end,
// which takes seconds, and returns; the next Run goes on from there.
func (s *Shipper) Run(ctx context.Context) { s.rounds.Run(ctx, s.round) }

// round begins what is due as far as there is room, and returns when more will
// be; zero: nothing waits.
func (s *Shipper) round(ctx context.Context) (next time.Time, err error) {
	_, busy := s.rounds.Busy("")
	services, next, err := s.Store.ClaimLogServices(ctx, s.Now(), lease, inAll-busy)
	for i := range services {
		l := &services[i]
		s.rounds.Begin(id(l), func() {
			for n := 1; s.batch(ctx, l, n < inRow); n++ {
			}
		})
	}
	return next, err
}

// batch ships one batch and reports whether another is to follow at once.
func (s *Shipper) batch(ctx context.Context, l *store.LogService, goOn bool) (more bool) {
	began := context.WithoutCancel(ctx) // what has begun ends in seconds by itself
	log := s.Log.With("log_service", l.Service, "group", l.GroupID, "account", l.AccountID)
	work, done := context.WithTimeout(began, lease/2)
	defer done()
	events, err := s.Store.EventsFor(work, l, eventsRead)
	if err != nil {
		log.Error("read events to ship", "error", err)
		return false
	}
	r := store.Shipped{Release: true}
	if len(events) > 0 {
		var n int
		if n, r.Sent, err = s.ship(work, log, l, events); n > 0 {
			r.Last = events[n-1].ID
		}
	}
	r.Due = s.Now()
	switch full := r.Last < last(events) || len(events) == eventsRead; {
	case err != nil:
		r.Error, r.Broken, r.Due = err.Error(), lasting(err), r.Due.Add(backoff(l.Failures(), err))
		s.count(l, "failed", 1)
		log.Warn("events not shipped", "reason", r.Error, "again_at", r.Due)
	case full && goOn && ctx.Err() == nil:
		r.Release, more = false, true
	case !full:
		r.Due = r.Due.Add(gather)
	}
	settle, settled := context.WithTimeout(began, lease/2)
	defer settled()
	if err := s.Store.SettleLogService(settle, l, r, lease); err != nil {
		if !errors.Is(err, store.ErrStale) {
			log.Error("record what was shipped; it is shipped again", "error", err)
		}
		return false
	}
	return more
}

func last(events []store.Event) int64 {
	if len(events) == 0 {
		return 0
	}
	return events[len(events)-1].ID
}

// ship sends the first events in one request and returns how many are done
// with, because they were taken, or because their vendor takes none like them;
// and whether it took the request.
func (s *Shipper) ship(ctx context.Context, log *slog.Logger, l *store.LogService, events []store.Event) (done int, sent bool, err error) {
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
	for ; ; n /= 2 {
		batch := slices.DeleteFunc(slices.Clone(entries[:n]), func(e entry) bool { return e.at.Before(from) })
		old := leftOut{n - len(batch), "which are too old"}
		if len(batch) == 0 {
			s.leaveOut(log, l, "too_old", old)
			return n, false, nil
		}
		slices.SortStableFunc(batch, func(a, b entry) int { return a.at.Compare(b.at) })
		err := s.send(ctx, l, batch)
		var r *refusal
		var part *leftOut
		switch large := errors.As(err, &r) && r.status == http.StatusRequestEntityTooLarge; {
		case large && len(batch) > 1:
			continue
		case large:
			s.leaveOut(log, l, "too_large", leftOut{1, "which is too large"})
		case errors.As(err, &part):
			s.leaveOut(log, l, "rejected", *part)
			s.count(l, "shipped", len(batch)-part.entries)
			sent = true
		case err != nil:
			return 0, false, err
		default:
			s.count(l, "shipped", len(batch))
			sent = true
		}
		s.leaveOut(log, l, "too_old", old)
		return n, sent, nil
	}
}

// leaveOut notes that a vendor takes some events neither now nor later.
func (s *Shipper) leaveOut(log *slog.Logger, l *store.LogService, result string, part leftOut) {
	if part.entries > 0 {
		s.count(l, result, part.entries)
		log.Warn("events are left out", "events", part.entries, "reason", part.reason)
	}
}

func (s *Shipper) count(l *store.LogService, result string, events int) {
	s.events.WithLabelValues(l.Service, result).Add(float64(events))
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
