package api

import (
	"slices"
	"strings"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/internal/webhook"
	"github.com/penstock-data/penstock/setup"
)

var (
	aWebhook = subject{
		limited: true, resource: access.Webhooks,
		find: func(s *server, r *request) (p access.Place, err error) {
			if r.webhook, err = s.Store.WebhookIn(r.Context(), r.caller.AccountID, r.id()); err != nil {
				return p, err
			}
			return access.Place{Group: r.webhook.GroupID, ID: r.webhook.ID}, nil
		},
		gone: func(r *request) error {
			return notFound(fivetran.NotFound, "Webhook with id '%s' does not exist.", r.id())
		},
	}

	// aWebhookGroup is the group that a webhook is made in.
	aWebhookGroup = subject{
		limited: true, resource: access.Webhooks,
		find: aGroup.find,
		seen: func(r *request) bool {
			return r.caller.Grants.May(aGroup.resource, access.Read, groupPlace(r.group.ID))
		},
		gone: aGroup.gone,
	}
)

func (s *server) listWebhooks(r *request) (any, error) {
	return paged(r, wireWebhook, func(page store.Page) ([]store.Webhook, string, error) {
		return s.Store.Webhooks(r.Context(), r.caller.AccountID, r.scope(access.Webhooks), page)
	})
}

func (s *server) showWebhook(r *request) (any, error) { return wireWebhook(r.webhook), nil }

// createWebhook makes a webhook of the account, or of the group that the path
// names. An active one must answer a test.
func (s *server) createWebhook(r *request) (any, error) {
	var req fivetran.WebhookRequest
	if err := r.read(&req); err != nil {
		return nil, err
	}
	switch {
	case req.URL == nil || *req.URL == "":
		return nil, fieldRequired("url")
	case req.Events == nil || len(*req.Events) == 0:
		return nil, fieldRequired("events")
	}
	w := &store.Webhook{AccountID: r.caller.AccountID, Active: true, CreatedBy: r.caller.ID()}
	if r.group != nil {
		w.GroupID = r.group.ID
	}
	if err := applyWebhook(w, &req); err != nil {
		return nil, err
	}
	if w.Active {
		if err := s.tryWebhook(r, w); err != nil {
			return nil, err
		}
	}
	if err := s.Store.CreateWebhook(r.Context(), w); err != nil {
		return nil, err
	}
	return wireWebhook(w), nil
}

// updateWebhook changes what it is given. A webhook that becomes active, or
// that is and gets another URL, must answer a test.
func (s *server) updateWebhook(r *request) (any, error) {
	var req fivetran.WebhookRequest
	if err := r.read(&req); err != nil {
		return nil, err
	}
	w := *r.webhook
	if err := applyWebhook(&w, &req); err != nil {
		return nil, err
	}
	if w.Active && (isTrue(req.RunTests) || !r.webhook.Active || w.URL != r.webhook.URL) {
		if err := s.tryWebhook(r, &w); err != nil {
			return nil, err
		}
	}
	stored, err := s.Store.UpdateWebhook(r.Context(), w.ID, func(w *store.Webhook) error { return applyWebhook(w, &req) })
	if err != nil {
		return nil, err
	}
	return wireWebhook(stored), nil
}

// applyWebhook changes w by what a request says.
func applyWebhook(w *store.Webhook, req *fivetran.WebhookRequest) error {
	if v := req.URL; v != nil {
		if err := webhook.CheckURL(*v); err != nil {
			return invalidInput("Invalid value for field 'url': %s", err)
		}
		w.URL = *v
	}
	if v := req.Events; v != nil {
		if len(*v) == 0 {
			return invalidInput("Invalid value for field 'events': it names at least one event")
		}
		for _, kind := range *v {
			if err := checkWebhookEvent("events", kind); err != nil {
				return err
			}
		}
		w.Events = *v
	}
	if v := req.Active; v != nil {
		w.Active = *v
	}
	switch v := req.Secret.Value; {
	case v != nil && *v != setup.Masked:
		w.Secret = *v
	case v == nil && req.Secret.Given:
		w.Secret = ""
	}
	return nil
}

func checkWebhookEvent(field, kind string) error {
	if slices.Contains(fivetran.WebhookEvents, kind) {
		return nil
	}
	return invalidInput("Invalid value for field '%s': '%s' is not one of %s", field, kind, strings.Join(fivetran.WebhookEvents, ", "))
}

// tryWebhook refuses a webhook that does not answer a test with success.
func (s *server) tryWebhook(r *request, w *store.Webhook) error {
	if _, err := s.Webhooks.Post(r.Context(), w, webhook.Test(fivetran.TestEvent, s.now())); err != nil {
		return invalidInput("The webhook did not pass the test: %s", err)
	}
	return nil
}

func (s *server) deleteWebhook(r *request) (any, error) {
	return nil, s.Store.DeleteWebhook(r.Context(), r.id())
}

// testWebhook posts an event that did not happen. The path may end in any
// word, or no group's could be told from it; this is the only one that there is.
func (s *server) testWebhook(r *request) (any, error) {
	if r.PathValue("what") != "test" {
		return nil, notFound(fivetran.NotFound, "HTTP 404 Not Found")
	}
	var req fivetran.WebhookTest
	if err := r.read(&req); err != nil {
		return nil, err
	}
	if req.Event == "" {
		return nil, fieldRequired("event")
	}
	if err := checkWebhookEvent("event", req.Event); err != nil {
		return nil, err
	}
	status, err := s.Webhooks.Post(r.Context(), r.webhook, webhook.Test(req.Event, s.now()))
	if err != nil {
		return fivetran.WebhookTested{Status: status, Message: sentence(err)}, nil
	}
	return fivetran.WebhookTested{Succeed: true, Status: status, Message: "Success"}, nil
}

func (s *server) webhookDeliveries(r *request) (any, error) {
	page, err := r.page()
	if err != nil {
		return nil, err
	}
	if page.Limit == 0 {
		page.Limit = store.DeliveriesKept
	}
	ds, err := s.Store.Deliveries(r.Context(), r.id(), page.Limit)
	if err != nil {
		return nil, err
	}
	return newPage(ds, "", wireDelivery), nil
}

func wireWebhook(w *store.Webhook) fivetran.Webhook {
	wire := fivetran.Webhook{ID: w.ID, Type: "account", URL: w.URL, Events: w.Events, Active: w.Active, GroupID: w.GroupID,
		CreatedAt: w.CreatedAt, CreatedBy: w.CreatedBy}
	if w.GroupID != "" {
		wire.Type = "group"
	}
	if w.Secret != "" {
		wire.Secret = setup.Masked
	}
	return wire
}

func wireDelivery(d *store.Delivery) fivetran.WebhookDelivery {
	wire := fivetran.WebhookDelivery{Event: d.Kind, EventID: d.EventID, ConnectionID: optional(d.ConnectionID), Outcome: d.Outcome,
		Attempts: d.Attempts, Error: optional(d.Error), CreatedAt: d.CreatedAt,
		TriedAt: optionalTime(d.TriedAt), EndedAt: optionalTime(d.EndedAt), NextAt: optionalTime(d.NextAt)}
	if d.Outcome == "" {
		wire.Outcome = "pending"
	}
	if d.Status != 0 {
		wire.Status = &d.Status
	}
	return wire
}
