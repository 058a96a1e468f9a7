// Package webhook tells the receivers of webhooks what happens. Deliveries are
// rows of the store from the moment at which an event is read, so a crash
// loses none; a receiver may get one twice, and can tell by its content.
//
// Deliveries of one connection to one webhook follow each other; others go on
// side by side. What fails is tried again for a day, at growing intervals.
// Nothing of it holds up a sync.
package webhook

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/penstock-data/penstock/internal/rounds"
	"github.com/penstock-data/penstock/internal/store"
)

// PerWebhook and InAll bound the deliveries that one process makes at a time.
const (
	PerWebhook = 4
	InAll      = 128
)

const (
	lease = time.Minute // of a delivery; longer than one takes
	inRow = 50          // deliveries of one connection in a row, before others have their turn

	retryStep = 5 * time.Minute // by which the waits between attempts grow
	retryFor  = 24 * time.Hour
)

// Config is what a Deliverer works with. Only the first two fields are
// required.
type Config struct {
	Store *store.Store
	Post  func(ctx context.Context, w *store.Webhook, body []byte) (status int, err error) // as [Sender.Post]

	Log     *slog.Logger          // nil: no log
	Metrics prometheus.Registerer // nil: none
	Now     func() time.Time      // nil: time.Now
}

// A Deliverer delivers events to webhooks. Several processes on one database
// share the work.
type Deliverer struct {
	Config
	results *prometheus.CounterVec
	rounds  rounds.Rounds // of lanes, by webhook
	seen    int64         // the last event that was looked at
}

// New returns a Deliverer that does nothing before Run is called.
func New(c Config) *Deliverer {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	d := &Deliverer{Config: c, rounds: rounds.Rounds{What: "webhook deliveries", Added: c.Store.Appended, Log: c.Log, Now: c.Now},
		results: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "penstock_webhook_deliveries_total", Help: "Attempts to deliver events to webhooks, by what came of them.",
		}, []string{"result"})}
	if c.Metrics != nil {
		c.Metrics.MustRegister(d.results)
	}
	return d
}

// Run delivers until ctx is done. Then it lets deliveries that have begun end,
// which takes seconds, and returns; the next Run goes on with the others.
func (d *Deliverer) Run(ctx context.Context) { d.rounds.Run(ctx, d.round) }

// round makes deliveries of new events, begins those that are due as far as
// there is room, and returns when others will be due; zero: none waits.
func (d *Deliverer) round(ctx context.Context) (next time.Time, err error) {
	for more := true; more; {
		if d.seen, more, err = d.Store.Enqueue(ctx, d.seen); err != nil {
			return next, err
		}
	}
	now := d.Now()
	due, next, err := d.Store.DueWebhooks(ctx, now)
	if err != nil {
		return next, err
	}
	rooms := d.rooms(due)
	if len(rooms) == 0 {
		return next, nil
	}
	postings, err := d.Store.ClaimDeliveries(ctx, rooms, now, lease)
	for i := range postings {
		d.rounds.Begin(postings[i].WebhookID, func() { d.work(ctx, &postings[i]) })
	}
	return next, err
}

// rooms returns how many deliveries of each webhook may begin.
func (d *Deliverer) rooms(due []string) []store.Room {
	var rooms []store.Room
	begun := 0
	for _, id := range due {
		busy, all := d.rounds.Busy(id)
		if n := min(PerWebhook-busy, InAll-all-begun); n > 0 {
			rooms = append(rooms, store.Room{WebhookID: id, Places: n})
			begun += n
		}
	}
	return rooms
}

// work delivers a posting and what follows in its lane.
func (d *Deliverer) work(ctx context.Context, p *store.Posting) {
	for n := 1; p != nil; n++ {
		p = d.deliver(ctx, p, n < inRow)
	}
}

// deliver makes one attempt and returns what follows in the lane if it is to
// go on.
func (d *Deliverer) deliver(ctx context.Context, p *store.Posting, goOn bool) *store.Posting {
	log := d.Log.With("webhook", p.WebhookID, "event", p.Event.Kind, "event_id", p.EventID, "connection", p.ConnectionID)
	began := context.WithoutCancel(ctx) // what has begun ends in seconds by itself
	status, err := d.Post(began, &p.Webhook, body(&p.Event))
	a := store.Attempt{At: d.Now().UTC().Truncate(time.Microsecond), Status: status}
	result := store.Delivered
	if err != nil {
		result, a.Error, a.RetryAt = "failed", err.Error(), retryAt(&p.Delivery, d.Now())
		if a.RetryAt.IsZero() {
			result = store.GivenUp
		}
		log.Warn("webhook not told", "status", status, "reason", a.Error, "attempt", p.Attempts+1, "given_up", a.RetryAt.IsZero())
	}
	d.results.WithLabelValues(result).Inc()
	hold := lease
	if !goOn || ctx.Err() != nil {
		hold = 0
	}
	settle, done := context.WithTimeout(began, lease/2)
	defer done()
	next, err := d.Store.SettleDelivery(settle, p, a, hold)
	if err != nil && err != store.ErrStale {
		log.Error("record a webhook delivery; it is made again", "error", err)
		return nil
	}
	return next
}

// retryAt returns when a delivery that has failed again is tried next; zero:
// it is given up. The waits are 5, 10, 15 … minutes, for a day since the event
// could first be delivered.
func retryAt(p *store.Delivery, now time.Time) time.Time {
	next := now.Add(time.Duration(p.Attempts+1) * retryStep)
	if next.After(p.CreatedAt.Add(retryFor)) {
		return time.Time{}
	}
	return next
}
