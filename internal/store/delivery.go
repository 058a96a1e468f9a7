package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"
)

// How a delivery ended.
const (
	Delivered = "delivered"
	GivenUp   = "given_up" // it failed too often
	Dropped   = "dropped"  // the webhook is not active any more
)

// DeliveriesKept is how many deliveries that have ended are kept of a webhook.
const DeliveriesKept = 100

// A Delivery is an event on its way to a webhook. Those of one connection
// follow each other in the order of the events: the next is not tried before
// the one before it has ended.
type Delivery struct {
	WebhookID    string
	EventID      int64
	ConnectionID string
	Kind         string // the event's
	Attempts     int
	Status       int    // HTTP's, of the last attempt; 0: there was no answer
	Error        string // why the last attempt failed; "": it did not
	Outcome      string // Delivered, GivenUp or Dropped; "": it has not ended
	CreatedAt    time.Time
	TriedAt      time.Time // the last attempt; zero: none
	EndedAt      time.Time // zero: it has not
	NextAt       time.Time // the next attempt; zero: none is due. Only [Store.Deliveries] fills it
}

var deliveryColumns = columns{"webhook_id", "event_id", "connection_id", "kind", "attempts", "status", "error", "outcome",
	"created_at", "tried_at", "ended_at"}

func (d *Delivery) fields() []any {
	return []any{&d.WebhookID, &d.EventID, &d.ConnectionID, &d.Kind, &d.Attempts, &d.Status, &d.Error, &d.Outcome,
		stamp{&d.CreatedAt}, stamp{&d.TriedAt}, stamp{&d.EndedAt}}
}

// A Posting is a delivery that this process may make now.
type Posting struct {
	Delivery
	Webhook Webhook
	Event   Event

	until int64 // the lease of its lane
}

// Enqueue makes deliveries of events after one, by its number, and returns up
// to which it has looked, and whether there may be more. Events that others
// on the same database have seen to are passed over. How far it has looked is
// noted with deliveries, or else after eventsRead events that nobody wanted:
// fewer than that are looked at again by a process that begins anew.
func (s *Store) Enqueue(ctx context.Context, after int64) (seen int64, more bool, err error) {
	var last int64 // before the webhooks are read: those that are added later are not told of it
	if err := s.row(ctx, `select value from counters where name = 'events'`).Scan(&last); err != nil {
		return after, false, err
	}
	hooks, err := s.activeWebhooks(ctx)
	if err != nil || len(hooks) == 0 {
		return after, false, err
	}
	first := slices.MinFunc(hooks, func(a, b Webhook) int { return cmp.Compare(a.since, b.since) })
	var done int64
	if err := s.row(ctx, cursorOf, webhookConsumer).Scan(&done); err != nil {
		return after, false, err
	}
	after = max(after, done, first.since)
	events, err := s.Events(ctx, after, eventsRead)
	if err != nil || len(events) == 0 {
		return after, false, err
	}
	seen, more = after, len(events) == eventsRead
	var all []Delivery
	for i := range events {
		if len(all) >= deliveriesMade || events[i].ID > last {
			more = true
			break
		}
		seen = events[i].ID
		for j := range hooks {
			if e := &events[i]; hooks[j].wants(e) {
				all = append(all, Delivery{WebhookID: hooks[j].ID, EventID: e.ID, ConnectionID: e.ConnectionID, Kind: e.Kind})
			}
		}
	}
	if len(all) == 0 && seen-done < eventsRead {
		return seen, more, nil
	}
	err = s.enqueue(ctx, all, seen)
	if errors.Is(err, ErrInUse) { // a webhook has just been deleted
		return after, true, nil
	}
	return seen, more, err
}

const (
	webhookConsumer = "webhooks"
	cursorOf        = `select position from event_cursors where consumer = $1`

	eventsRead     = 500  // at a time
	deliveriesMade = 1000 // in one transaction, about
)

func (s *Store) activeWebhooks(ctx context.Context) ([]Webhook, error) {
	return collect(s.scanWebhook)(s.ask(ctx, activeWebhooks))
}

// enqueue adds deliveries of events up to one, unless another process has.
func (s *Store) enqueue(ctx context.Context, all []Delivery, upTo int64) error {
	return s.in(ctx, func(tx *sql.Tx) error {
		var done int64
		if err := tx.QueryRowContext(ctx, cursorOf+s.dialect.forUpdate, webhookConsumer).Scan(&done); err != nil {
			return err
		}
		at := now().UnixMicro()
		for _, d := range all {
			if d.EventID <= done {
				continue
			}
			_, err := tx.ExecContext(ctx, deliveryColumns.insert("webhook_deliveries"), d.WebhookID, d.EventID, d.ConnectionID, d.Kind,
				0, 0, "", "", at, nil, nil)
			if err != nil {
				return err
			}
			// Where the lane is there, this waits for whoever may just find it
			// empty and remove it.
			if _, err := tx.ExecContext(ctx, `insert into webhook_lanes (webhook_id, connection_id, due_at, lease_until) values ($1, $2, $3, 0)
				on conflict (webhook_id, connection_id) do update set webhook_id = excluded.webhook_id`, d.WebhookID, d.ConnectionID, at); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, `update event_cursors set position = $2 where consumer = $1 and position < $2`, webhookConsumer, upTo)
		return err
	})
}

// DueWebhooks returns the webhooks that something is to be delivered to at
// now, the longest waiting first, and when there will be next; zero: nothing
// else waits.
func (s *Store) DueWebhooks(ctx context.Context, now time.Time) (ids []string, next time.Time, err error) {
	ids, err = collect(scanID)(s.ask(ctx, `select webhook_id from webhook_lanes where due_at <= $1 and lease_until <= $1
		group by webhook_id order by min(due_at)`, now.UnixMicro()))
	if err != nil {
		return nil, next, err
	}
	err = s.row(ctx, `select min(case when due_at > lease_until then due_at else lease_until end) from webhook_lanes
		where due_at > $1 or lease_until > $1`, now.UnixMicro()).Scan(stamp{&next})
	return ids, next, err
}

// Room is how many deliveries may begin of a webhook.
type Room struct {
	WebhookID string
	Places    int
}

// ClaimDeliveries gives the caller deliveries that are due at now until the
// lease has passed, of each webhook as many as there is room for.
func (s *Store) ClaimDeliveries(ctx context.Context, rooms []Room, now time.Time, lease time.Duration) ([]Posting, error) {
	var all []Posting
	err := s.in(ctx, func(tx *sql.Tx) error {
		all = nil
		for _, r := range rooms {
			lanes, err := s.claimLanes(ctx, tx, r, now, lease)
			if err != nil {
				return err
			}
			for _, connectionID := range lanes {
				p, err := s.head(ctx, tx, r.WebhookID, connectionID, now.Add(lease))
				if err != nil {
					return err
				}
				if p != nil {
					all = append(all, *p)
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// claimLanes returns the connections of lanes that are the caller's now.
func (s *Store) claimLanes(ctx context.Context, tx *sql.Tx, r Room, now time.Time, lease time.Duration) ([]string, error) {
	// Not materialized, PostgreSQL may run the inner query once for each row of
	// the outer one, and each time find others.
	return collect(scanID)(tx.QueryContext(ctx, `with due as materialized
		(select connection_id from webhook_lanes where webhook_id = $1 and due_at <= $2 and lease_until <= $2 order by due_at limit $4`+
		s.dialect.skipLocked+`)
		update webhook_lanes set lease_until = $3 where webhook_id = $1 and connection_id in (select connection_id from due)
		returning connection_id`, r.WebhookID, now.UnixMicro(), now.Add(lease).UnixMicro(), r.Places))
}

func scanID(row scanner) (id string, err error) {
	err = row.Scan(&id)
	return id, err
}

var (
	firstWaiting = `select ` + deliveryColumns.list() + ` from webhook_deliveries
		where webhook_id = $1 and connection_id = $2 and ended_at is null order by event_id limit 1`
	eventByID = `select ` + eventColumns.list() + ` from events where id = $1`
)

// head returns the first delivery of a lane whose lease the caller has, or nil
// after removing the lane if nothing is to be delivered in it.
func (s *Store) head(ctx context.Context, tx *sql.Tx, webhookID, connectionID string, until time.Time) (*Posting, error) {
	p := &Posting{until: until.UnixMicro()}
	err := known(tx.QueryRowContext(ctx, firstWaiting, webhookID, connectionID).Scan(p.fields()...))
	if errors.Is(err, ErrNotFound) {
		_, err = tx.ExecContext(ctx, `delete from webhook_lanes where webhook_id = $1 and connection_id = $2`, webhookID, connectionID)
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	if p.Webhook, err = s.scanWebhook(tx.QueryRowContext(ctx, webhookByID, webhookID)); err != nil {
		return nil, err
	}
	p.Event, err = scanEvent(tx.QueryRowContext(ctx, eventByID, p.EventID))
	switch {
	case !p.Webhook.Active: // since the delivery was made
		return nil, dropDeliveries(ctx, tx, webhookID)
	case errors.Is(err, ErrNotFound): // the server was off for longer than events are kept
		_, err = tx.ExecContext(ctx, `update webhook_deliveries set ended_at = $3, outcome = $4 where webhook_id = $1 and event_id = $2`,
			webhookID, p.EventID, now().UnixMicro(), GivenUp)
		if err != nil {
			return nil, err
		}
		return s.head(ctx, tx, webhookID, connectionID, until)
	}
	return p, err
}

// An Attempt is what came of a posting.
type Attempt struct {
	At      time.Time
	Status  int       // HTTP's; 0: there was no answer
	Error   string    // "": it is delivered
	RetryAt time.Time // after an error; zero: it is given up
}

// SettleDelivery records an attempt. If the delivery has ended and lease is
// not 0, it returns what follows in the same lane, which the caller has until
// the lease has passed; nil: nothing does. It is [ErrStale] if the posting is
// not the caller's any more.
func (s *Store) SettleDelivery(ctx context.Context, p *Posting, a Attempt, lease time.Duration) (next *Posting, err error) {
	err = s.in(ctx, func(tx *sql.Tx) error {
		next = nil
		ended, outcome, due, until := a.At, Delivered, a.At, time.Time{}
		switch {
		case a.Error != "" && !a.RetryAt.IsZero():
			ended, outcome, due = time.Time{}, "", a.RetryAt
		case a.Error != "":
			outcome = GivenUp
		}
		if lease > 0 && !ended.IsZero() {
			until = a.At.Add(lease)
		}
		var leased int64
		if !until.IsZero() {
			leased = until.UnixMicro()
		}
		err := one(tx.ExecContext(ctx, `update webhook_lanes set due_at = $4, lease_until = $5
			where webhook_id = $1 and connection_id = $2 and lease_until = $3`, p.WebhookID, p.ConnectionID, p.until, due.UnixMicro(), leased))
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `update webhook_deliveries set attempts = attempts + 1, status = $3, error = $4, tried_at = $5, ended_at = $6, outcome = $7
			where webhook_id = $1 and event_id = $2`, p.WebhookID, p.EventID, a.Status, a.Error, micros(a.At), micros(ended), outcome); err != nil {
			return err
		}
		if ended.IsZero() {
			return nil
		}
		if err := forgetDeliveries(ctx, tx, p.WebhookID); err != nil {
			return err
		}
		next, err = s.head(ctx, tx, p.WebhookID, p.ConnectionID, until)
		if leased == 0 {
			next = nil
		}
		return err
	})
	if errors.Is(err, ErrNotFound) {
		return nil, ErrStale
	}
	return next, err
}

// forgetDeliveries removes all but the last that have ended of a webhook.
func forgetDeliveries(ctx context.Context, tx *sql.Tx, webhookID string) error {
	_, err := tx.ExecContext(ctx, endedDeliveries, webhookID, DeliveriesKept)
	return err
}

const endedDeliveries = `delete from webhook_deliveries where webhook_id = $1 and ended_at is not null and event_id <=
	(select event_id from webhook_deliveries where webhook_id = $1 and attempts > 0 and ended_at is not null
	order by event_id desc limit 1 offset $2)`

var triedDeliveries = `select ` + deliveryColumns.list() + `, case when ended_at is null then
	(select max(l.due_at) from webhook_lanes l where l.webhook_id = d.webhook_id and l.connection_id = d.connection_id) end
	from webhook_deliveries d where webhook_id = $1 and attempts > 0 order by event_id desc limit $2`

// Deliveries returns the latest deliveries to a webhook that were tried, the
// latest event first.
func (s *Store) Deliveries(ctx context.Context, webhookID string, limit int) ([]Delivery, error) {
	return collect(func(row scanner) (d Delivery, err error) {
		err = row.Scan(append(d.fields(), stamp{&d.NextAt})...)
		return d, err
	})(s.ask(ctx, triedDeliveries, webhookID, limit))
}
