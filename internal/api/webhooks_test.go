package api

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/fivetran/go-fivetran"
	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/outside"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/internal/storetest"
	"github.com/penstock-data/penstock/internal/webhook"
)

// A hookEnv is a server whose webhooks can reach one receiver. The receiver
// answers what the path of the webhook's URL says, 200 if it says nothing.
type hookEnv struct {
	*env
	url  string
	told []string // bodies
}

func newHookEnv(t *testing.T, location string) *hookEnv {
	h := &hookEnv{env: newEnvAt(t, location)}
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		h.told = append(h.told, string(body))
		if r.URL.Path == "/down" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(srv.Close)
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	h.url = srv.URL
	h.handler = watch(t, New(Config{
		Store: h.store, Engine: h.engine, Connectors: testConnectors, Destinations: testDestinations, Now: func() time.Time { return h.now },
		Webhooks: webhook.NewSender(outside.Policy{Roots: roots, Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}),
	}))
	return h
}

func TestWebhooks(t *testing.T) {
	storetest.Each(t, func(t *testing.T, location string) {
		e := newHookEnv(t, location)
		e.now = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)
		group := e.group("g")
		a := e.ok("POST", "/v1/webhooks/account", `{"url":"`+e.url+`/hook","events":["sync_end","sync_start"],"secret":"s3cret"}`)
		id := a.data["id"].(string)
		want := map[string]any{"id": id, "type": "account", "url": e.url + "/hook", "events": []any{"sync_end", "sync_start"},
			"active": true, "secret": "******", "created_by": e.user.ID, "created_at": a.data["created_at"]}
		if diff := cmp.Diff(want, a.data); a.status != 200 || a.message != "Account webhook has been created" || diff != "" {
			t.Error(a.status, a.message, diff)
		}
		const test = `{"event":"test_event","created":"2026-11-02T12:00:00Z","connector_type":"_connector_type","connector_id":"_connector_1","group_id":"_destination_1"}`
		if diff := cmp.Diff([]string{test}, e.told); diff != "" {
			t.Error(diff)
		}
		b := e.ok("POST", "/v1/webhooks/group/"+group, `{"url":"https://localhost:12345","events":["status"],"active":false}`)
		if b.message != "Group webhook has been created" || b.data["type"] != "group" || b.data["group_id"] != group || b.data["active"] != false || b.data["secret"] != nil {
			t.Errorf("got %s", b.body)
		}
		if list := e.ok("GET", "/v1/webhooks?limit=1", ""); list.message != "Webhooks retrieved successfully" || len(list.data["items"].([]any)) != 1 || list.data["next_cursor"] == nil {
			t.Errorf("got %s", list.body)
		}
		if got := e.ok("GET", "/v1/webhooks/"+id, ""); got.message != "Webhook details retrieved successfully" || cmp.Diff(want, got.data) != "" {
			t.Errorf("got %s", got.body)
		}

		// What is not said stays; only what changes the address is tried out.
		for _, tt := range []struct {
			body  string
			tries int
		}{
			{`{"events":["sync_end"]}`, 0}, {`{"secret":"******"}`, 0}, {`{"secret":"other"}`, 0}, {`{"url":"` + e.url + `/hook"}`, 0},
			{`{"active":false}`, 0}, {`{"active":true}`, 1}, {`{"url":"` + e.url + `/hook2"}`, 1}, {`{"run_tests":true}`, 1},
		} {
			before := len(e.told)
			a := e.ok("PATCH", "/v1/webhooks/"+id, tt.body)
			if got := len(e.told) - before; got != tt.tries || a.message != "Webhook has been updated" {
				t.Errorf("%s: %d tests, want %d; %s", tt.body, got, tt.tries, a.message)
			}
		}
		e.ok("PATCH", "/v1/webhooks/"+id, `{"secret":"fourth","active":true}`)
		e.ok("PATCH", "/v1/webhooks/"+id, `{"secret":"******","url":"`+e.url+`"}`)
		w, err := e.store.WebhookIn(t.Context(), e.user.AccountID, id)
		must(t, err)
		if w.Secret != "fourth" || w.URL != e.url {
			t.Errorf("stored %+v", w)
		}
		if a := e.ok("PATCH", "/v1/webhooks/"+id, `{"secret":null}`); a.data["secret"] != nil {
			t.Errorf("got %s", a.body)
		}

		e.told = nil
		a = e.ok("POST", "/v1/webhooks/"+id+"/test", `{"event":"sync_end"}`)
		if diff := cmp.Diff(map[string]any{"succeed": true, "status": 200.0, "message": "Success"}, a.data); diff != "" || a.message != "Webhook test completed successfully" {
			t.Error(a.message, diff)
		}
		var body map[string]any
		must(t, json.Unmarshal([]byte(e.told[0]), &body))
		if body["event"] != "sync_end" || body["connector_id"] != "_connection_1" {
			t.Errorf("told %s", e.told[0])
		}
		a = e.ok("POST", "/v1/webhooks/"+b.data["id"].(string)+"/test", `{"event":"sync_start"}`)
		if a.data["succeed"] != false || a.data["message"] == "" {
			t.Errorf("got %s", a.body)
		}
		if a := e.ok("DELETE", "/v1/webhooks/"+id, ""); a.message != "Webhook with id '"+id+"' has been deleted" {
			t.Errorf("got %s", a.body)
		}
		if a := e.do("GET", "/v1/webhooks/"+id, ""); a.status != 404 || a.code != "NotFound" {
			t.Errorf("got %d %s", a.status, a.body)
		}
		e.ok("DELETE", "/v1/groups/"+group, "")
		if list := e.ok("GET", "/v1/webhooks", ""); len(list.data["items"].([]any)) != 0 {
			t.Errorf("after its group: %s", list.body)
		}
	})
}

// nobodys is a role that does not exist and allows nothing.
const nobodys = "Nobody's"

func TestWebhookErrors(t *testing.T) {
	root := newHookEnv(t, t.TempDir())
	group := root.group("g")
	id := root.ok("POST", "/v1/webhooks/group/"+group, `{"url":"`+root.url+`","events":["sync_end"],"active":false}`).data["id"].(string)
	ids := strings.NewReplacer("{g}", group, "{w}", id, "{u}", root.url)
	const post, patch, get, del, account, hook = "POST", "PATCH", "GET", "DELETE", "/v1/webhooks/account", "/v1/webhooks/{w}"
	refuses(t, root.env, ids, []refused{
		{"no url", post, account, `{"events":["sync_end"]}`, "", 400, "InvalidInput", "Field 'url' is required"},
		{"no events", post, account, `{"url":"{u}"}`, "", 400, "InvalidInput", "Field 'events' is required"},
		{"plain http", post, account, `{"url":"http://example.com","events":["sync_end"]}`, "", 400, "InvalidInput", "Invalid value for field 'url': it begins with https"},
		{"a password", post, account, `{"url":"https://u:p@example.com","events":["sync_end"]}`, "", 400, "InvalidInput", "Invalid value for field 'url': it must not hold a user or a password"},
		{"no answer", post, account, `{"url":"{u}/down","events":["sync_end"]}`, "", 400, "InvalidInput", "The webhook did not pass the test: the receiver answered 503 Service Unavailable"},
		{"activated", patch, hook, `{"active":true,"url":"{u}/down"}`, "", 400, "InvalidInput", "The webhook did not pass the test: the receiver answered 503 Service Unavailable"},
		{"no events any more", patch, hook, `{"events":[]}`, "", 400, "InvalidInput", "Invalid value for field 'events': it names at least one event"},
		{"events of another type", patch, hook, `{"events":1}`, "", 400, "InvalidInput", "Invalid value for field 'events'"},
		{"test of nothing", post, hook + "/test", `{}`, "", 400, "InvalidInput", "Field 'event' is required"},
		{"something else than a test", post, hook + "/x", `{}`, "", 404, "NotFound", "HTTP 404 Not Found"},
		{"no such webhook", get, "/v1/webhooks/x", "", "", 404, "NotFound", "Webhook with id 'x' does not exist."},
		{"no such webhook to change", patch, "/v1/webhooks/x", `{}`, "", 404, "NotFound", "Webhook with id 'x' does not exist."},
		{"no such webhook to delete", del, "/v1/webhooks/x", "", "", 404, "NotFound", "Webhook with id 'x' does not exist."},
		{"no such webhook to test", post, "/v1/webhooks/x/test", `{}`, "", 404, "NotFound", "Webhook with id 'x' does not exist."},
		{"no such webhook's deliveries", get, "/v1/penstock/webhooks/x/deliveries", "", "", 404, "NotFound", "Webhook with id 'x' does not exist."},
		{"no such group", post, "/v1/webhooks/group/x", `{}`, "", 404, "NotFound_Group", "Group with id 'x' does not exist."},

		{"reviewer reads", get, hook, "", access.Reviewer, 200, "Success", "Webhook details retrieved successfully"},
		{"reviewer creates", post, account, `{}`, access.Reviewer, 403, "Forbidden", forbidden},
		{"reviewer creates in a group", post, "/v1/webhooks/group/{g}", `{}`, access.Reviewer, 403, "Forbidden", forbidden},
		{"reviewer changes", patch, hook, `{}`, access.Reviewer, 403, "Forbidden", forbidden},
		{"reviewer deletes", del, hook, "", access.Reviewer, 403, "Forbidden", forbidden},
		{"reviewer tests", post, hook + "/test", `{}`, access.Reviewer, 403, "Forbidden", forbidden},
		{"stranger lists", get, "/v1/webhooks", "", nobodys, 403, "Forbidden", forbidden},
		{"stranger reads", get, hook, "", nobodys, 404, "NotFound", "Webhook with id '{w}' does not exist."},
		{"stranger creates in a group", post, "/v1/webhooks/group/{g}", `{}`, nobodys, 404, "NotFound_Group", "Group with id '{g}' does not exist."},
	})
	maker, makerID := root.as("maker@example.com", "")
	root.ok("POST", "/v1/users/"+makerID+"/groups", `{"id":"`+group+`","role":"Create Connection"}`)
	if a := maker.do("POST", "/v1/webhooks/group/"+group, `{}`); a.status != 403 || a.code != "Forbidden" { // the group is no secret
		t.Errorf("got %d %s", a.status, a.body)
	}
	for _, path := range []string{"/v1/webhooks", "/v1/webhooks/" + id} {
		if a := root.do("GET", path, "", "-"); a.status != 401 {
			t.Errorf("%s without a key: %d", path, a.status)
		}
	}
	if a := root.do("POST", account, `{"url":"`+root.url+`","events":["sync_end","sync_stop"]}`); a.status != 400 ||
		!strings.HasPrefix(a.message, "Invalid value for field 'events': 'sync_stop' is not one of sync_start, sync_end") {
		t.Errorf("got %d %s", a.status, a.message)
	}
}

// TestWebhookDeliveries shows what became of deliveries.
func TestWebhookDeliveries(t *testing.T) {
	e := newHookEnv(t, t.TempDir())
	id := e.ok("POST", "/v1/webhooks/account", `{"url":"`+e.url+`","events":["create_connector"]}`).data["id"].(string)
	list := func() []any {
		return e.ok("GET", "/v1/penstock/webhooks/"+id+"/deliveries", "").data["items"].([]any)
	}
	if got := list(); len(got) != 0 {
		t.Errorf("got %v", got)
	}
	c := e.connection()
	ctx := t.Context()
	_, _, err := e.store.Enqueue(ctx, 0)
	must(t, err)
	at := time.Now()
	ps, err := e.store.ClaimDeliveries(ctx, []store.Room{{WebhookID: id, Places: 1}}, at, time.Minute)
	must(t, err)
	_, err = e.store.SettleDelivery(ctx, &ps[0], store.Attempt{At: at, Error: "no answer", RetryAt: at.Add(time.Minute)}, 0)
	must(t, err)
	got := list()[0].(map[string]any)
	if got["event"] != "create_connector" || got["connection_id"] != c || got["outcome"] != "pending" || got["attempts"] != 1.0 || got["status"] != nil ||
		got["error"] != "no answer" || got["next_at"] == nil || got["ended_at"] != nil || got["tried_at"] == nil {
		t.Errorf("got %v", got)
	}
}

// TestActor: events name who did what.
func TestActor(t *testing.T) {
	e := newEnv(t)
	id := e.connection()
	e.ok("PATCH", "/v1/connections/"+id, `{"paused":true}`)
	e.ok("DELETE", "/v1/connections/"+id, "")
	events, err := e.store.Events(t.Context(), 0, 100)
	must(t, err)
	var kinds []string
	for _, ev := range events {
		kinds = append(kinds, ev.Kind)
		var d struct{ Actor string }
		must(t, json.Unmarshal(ev.Data, &d))
		if d.Actor != e.user.ID || strings.Contains(string(ev.Data), `"k"`) {
			t.Errorf("%s says %s", ev.Kind, ev.Data)
		}
	}
	if diff := cmp.Diff([]string{"create_connector", "connection_successful", "pause_connector", "delete_connector"}, kinds); diff != "" {
		t.Error(diff)
	}
}

// TestWebhookClient is what go-fivetran's own tests do with webhooks.
func TestWebhookClient(t *testing.T) {
	e := newEnv(t)
	srv := httptest.NewServer(e.handler)
	defer srv.Close()
	client := fivetran.New(e.key, e.secret)
	client.BaseURL(srv.URL + "/v1")
	ctx := context.Background()
	group := e.group("g")
	events := []string{"sync_start", "sync_end"}
	made, err := client.NewWebhookAccountCreate().Url("https://localhost:12345").Secret("my_secret").Active(false).Events(events).Do(ctx)
	must(t, err)
	if made.Data.Secret != "******" || made.Data.Type != "account" || made.Data.GroupId != "" || made.Data.CreatedBy != e.user.ID || cmp.Diff(events, made.Data.Events) != "" {
		t.Errorf("made %+v", made)
	}
	of, err := client.NewWebhookGroupCreate().Url("https://localhost:12345").Secret("my_secret").GroupId(group).Active(false).Events(events).Do(ctx)
	must(t, err)
	if of.Data.GroupId != group || of.Data.Type != "group" {
		t.Errorf("made %+v", of)
	}
	tested, err := client.NewWebhookTest().WebhookId(made.Data.Id).Event("sync_start").Do(ctx)
	must(t, err)
	if tested.Data.Succeed || tested.Data.Message == "" {
		t.Errorf("tested %+v", tested)
	}
	updated, err := client.NewWebhookUpdate().WebhookId(made.Data.Id).Url("https://localhost:12346").Secret("my_secret_2").Active(false).Events(events[:1]).Do(ctx)
	must(t, err)
	if updated.Data.Url != "https://localhost:12346" || len(updated.Data.Events) != 1 {
		t.Errorf("updated %+v", updated)
	}
	list, err := client.NewWebhookList().Limit(1).Do(ctx)
	must(t, err)
	if len(list.Data.Items) != 1 || list.Data.NextCursor == "" {
		t.Errorf("list %+v", list)
	}
	deleted, err := client.NewWebhookDelete().WebhookId(made.Data.Id).Do(ctx)
	must(t, err)
	if !strings.Contains(deleted.Message, made.Data.Id) {
		t.Errorf("deleted %+v", deleted)
	}
	if gone, err := client.NewWebhookDetails().WebhookId(made.Data.Id).Do(ctx); err == nil || gone.Code != "NotFound" {
		t.Errorf("gone %+v, %v", gone, err)
	}
}
