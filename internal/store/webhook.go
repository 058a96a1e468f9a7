package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/penstock-data/penstock/internal/access"
)

// A Webhook is an address that is told of events.
type Webhook struct {
	ID        string
	AccountID string
	GroupID   string   // "": it is told of the whole account
	URL       string   // stored in the clear, as the API shows it, though it may let in whoever knows it
	Events    []string // kinds
	Active    bool
	Secret    string // deliveries are signed with it; "": they are not; stored encrypted
	CreatedBy string // id of a user or of a system key
	CreatedAt time.Time

	since int64 // the last event before it was active
}

// wants reports whether the webhook is told of an event.
func (w *Webhook) wants(e *Event) bool {
	return w.Active && e.ID > w.since && w.AccountID == e.AccountID && (w.GroupID == "" || w.GroupID == e.GroupID) &&
		slices.Contains(w.Events, e.Kind)
}

var webhookColumns = columns{"id", "account_id", "group_id", "url", "events", "active", "secret", "since", "created_by", "created_at"}

func (s *Store) scanWebhook(row scanner) (w Webhook, err error) {
	var sealed []byte
	err = row.Scan(&w.ID, &w.AccountID, text{&w.GroupID}, &w.URL, list[string]{&w.Events}, &w.Active, &sealed, &w.since,
		&w.CreatedBy, stamp{&w.CreatedAt})
	if err != nil || sealed == nil {
		return w, known(err)
	}
	plain, err := s.box.Open(sealed, "webhook "+w.ID)
	if err != nil {
		return w, fmt.Errorf("secret of webhook %s: %w", w.ID, err)
	}
	w.Secret = string(plain)
	return w, nil
}

func (s *Store) webhookValues(w *Webhook) ([]any, error) {
	events, err := array(w.Events)
	if err != nil {
		return nil, err
	}
	var sealed []byte
	if w.Secret != "" {
		sealed = s.box.Seal([]byte(w.Secret), "webhook "+w.ID)
	}
	return []any{w.ID, w.AccountID, orNull(w.GroupID), w.URL, events, w.Active, sealed, w.since, w.CreatedBy, micros(w.CreatedAt)}, nil
}

var (
	webhookByID      = `select ` + webhookColumns.list() + ` from webhooks where id = $1`
	webhookInAccount = webhookByID + ` and account_id = $2`
	activeWebhooks   = `select ` + webhookColumns.list() + ` from webhooks where active = true order by id`

	// No group is called " ": what belongs to the account is in no group's scope.
	webhooksPage = `select ` + webhookColumns.list() + ` from webhooks where account_id = $1 and ` + scoped("coalesce(group_id, ' ')", "id", 2) + `
		and (created_at, id) > ($5, $6) order by created_at, id limit $7`
)

// WebhookIn returns a webhook of an account.
func (s *Store) WebhookIn(ctx context.Context, accountID, id string) (*Webhook, error) {
	w, err := s.scanWebhook(s.row(ctx, webhookInAccount, id, accountID))
	if err != nil {
		return nil, err
	}
	return &w, nil
}

// Webhooks returns a page of an account's webhooks, of those that scope shows,
// and the cursor of the next.
func (s *Store) Webhooks(ctx context.Context, accountID string, scope access.Scope, page Page) ([]Webhook, string, error) {
	return readPage(ctx, s, page, webhooksPage, append([]any{accountID}, scopeArgs(scope)...), s.scanWebhook,
		func(w *Webhook) (time.Time, string) { return w.CreatedAt, w.ID })
}

// lastEvent returns the number of the last event. None is added before the
// transaction ends: whoever sees a later one sees what the transaction did.
func lastEvent(ctx context.Context, tx *sql.Tx) (n int64, err error) {
	err = tx.QueryRowContext(ctx, `update counters set value = value where name = 'events' returning value`).Scan(&n)
	return n, err
}

// CreateWebhook adds a webhook; an empty ID and CreatedAt are filled in. It is
// told of what happens from now on. It is ErrNotFound if its group is gone.
func (s *Store) CreateWebhook(ctx context.Context, w *Webhook) error {
	created(&w.CreatedAt)
	return withID(ctx, s, "webhooks", &w.ID, func() error {
		err := s.in(ctx, func(tx *sql.Tx) (err error) {
			if w.since, err = lastEvent(ctx, tx); err != nil {
				return err
			}
			values, err := s.webhookValues(w)
			if err != nil {
				return err
			}
			_, err = tx.ExecContext(ctx, webhookColumns.insert("webhooks"), values...)
			return err
		})
		if errors.Is(err, ErrInUse) {
			return ErrNotFound
		}
		return err
	})
}

// UpdateWebhook changes a webhook by f and returns it as stored. Nothing
// changes if f returns an error. One that is not active any more gives up what
// it was to be told, and is told only of what happens after it is active
// again. A changed URL or secret makes deliveries due that wait after a failure.
func (s *Store) UpdateWebhook(ctx context.Context, id string, f func(*Webhook) error) (*Webhook, error) {
	var w Webhook
	err := s.in(ctx, func(tx *sql.Tx) (err error) {
		if w, err = s.scanWebhook(tx.QueryRowContext(ctx, webhookByID+s.dialect.forUpdate, id)); err != nil {
			return err
		}
		before := w
		if err := f(&w); err != nil {
			return err
		}
		w.ID = id
		if w.Active && !before.Active {
			if w.since, err = lastEvent(ctx, tx); err != nil {
				return err
			}
		}
		values, err := s.webhookValues(&w)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, webhookColumns.update("webhooks"), values...); err != nil {
			return err
		}
		switch {
		case !w.Active:
			return dropDeliveries(ctx, tx, id)
		case w.URL != before.URL || w.Secret != before.Secret:
			_, err = tx.ExecContext(ctx, `update webhook_lanes set due_at = $2 where webhook_id = $1 and lease_until = 0`, id, now().UnixMicro())
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &w, nil
}

// DeleteWebhook removes a webhook with all that it was to be told.
func (s *Store) DeleteWebhook(ctx context.Context, id string) error {
	return one(s.write.ExecContext(ctx, `delete from webhooks where id = $1`, id))
}

// dropDeliveries gives up what waits to be delivered to a webhook.
func dropDeliveries(ctx context.Context, tx *sql.Tx, webhookID string) error {
	if _, err := tx.ExecContext(ctx, `delete from webhook_lanes where webhook_id = $1`, webhookID); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `delete from webhook_deliveries where webhook_id = $1 and ended_at is null and attempts = 0`, webhookID); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `update webhook_deliveries set ended_at = $2, outcome = $3 where webhook_id = $1 and ended_at is null`,
		webhookID, now().UnixMicro(), Dropped)
	return err
}
