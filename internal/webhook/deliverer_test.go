package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/internal/secret"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/internal/storetest"
)

// A world is a store with a group "g", and receivers that do as post says.
type world struct {
	t     *testing.T
	at    string // location of the store
	store *store.Store
	group *store.Group
	halt  func()

	mu    sync.Mutex
	post  func(w *store.Webhook, e told) error
	told  []told
	now   map[string]int // posts at this moment, by webhook
	most  int            // at one moment
	worst int            // of one webhook
}

// told is what a receiver was told, and when.
type told struct {
	at                         time.Time
	webhook, event, connection string
}

// each runs f in a bubble of its own time, on each kind of database.
func each(t *testing.T, f func(t *testing.T, w *world)) {
	storetest.InBubble(t, func(t *testing.T, at string) {
		w := &world{t: t, at: at, now: map[string]int{}, post: func(*store.Webhook, told) error { return nil }}
		w.open()
		ctx := context.Background()
		a := &store.Account{Name: "Acme"}
		w.ok(w.store.CreateAccount(ctx, a))
		w.group = &store.Group{ID: "g", AccountID: a.ID, Name: "g"}
		w.ok(w.store.CreateGroup(ctx, w.group))
		w.start()
		defer func() {
			w.halt()
			w.ok(w.store.Close())
		}()
		f(t, w)
	})
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) open() {
	var err error
	w.store, err = store.Open(context.Background(), w.at, secret.Key{1})
	w.ok(err)
}

// start begins to deliver.
func (w *world) start() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	d := New(Config{Store: w.store, Post: w.receive})
	go func() {
		d.Run(ctx)
		close(done)
	}()
	w.halt = func() {
		cancel()
		<-done
	}
}

func (w *world) receive(_ context.Context, hook *store.Webhook, body []byte) (int, error) {
	var p struct {
		Event string
		ID    string `json:"connector_id"`
	}
	if err := json.Unmarshal(body, &p); err != nil {
		return 0, err
	}
	e := told{time.Now(), hook.ID, p.Event, p.ID}
	w.mu.Lock()
	w.told = append(w.told, e)
	w.now[hook.ID]++
	all := 0
	for _, n := range w.now {
		all += n
	}
	w.most, w.worst = max(w.most, all), max(w.worst, w.now[hook.ID])
	post := w.post
	w.mu.Unlock()
	err := post(hook, e)
	w.mu.Lock()
	w.now[hook.ID]--
	w.mu.Unlock()
	if err != nil {
		return 500, err
	}
	return 200, nil
}

// hook makes an active webhook for events x, y and z.
func (w *world) hook(id string) {
	w.t.Helper()
	w.ok(w.store.CreateWebhook(context.Background(), &store.Webhook{ID: id, AccountID: w.group.AccountID, URL: "https://example.com",
		Events: []string{"x", "y", "z"}, Active: true, CreatedBy: "u"}))
}

// happen records events of a connection.
func (w *world) happen(connection string, kinds ...string) {
	w.t.Helper()
	for _, kind := range kinds {
		w.ok(w.store.Record(context.Background(), store.Event{GroupID: w.group.ID, ConnectionID: connection, Kind: kind}))
	}
}

// since returns what receivers were told, and how long after a time.
func (w *world) since(t time.Time) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for _, e := range w.told {
		all = append(all, fmt.Sprintf("%v %s %s %s", e.at.Sub(t), e.webhook, e.connection, e.event))
	}
	return all
}

var errDown = errors.New("down")

// pass lets time pass and waits until everybody has done what was to be done
// by then.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestRetries(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.post = func(*store.Webhook, told) error { return errDown }
		w.hook("w")
		at := time.Now()
		w.happen("c", "x")
		pass(25 * time.Hour)
		var want []string
		next := time.Duration(0)
		for n := 0; next <= 24*time.Hour; n++ {
			next += time.Duration(n) * 5 * time.Minute // 0:00, 0:05, 0:15, 0:30, 0:50 …
			if next <= 24*time.Hour {
				want = append(want, fmt.Sprintf("%v w c x", next))
			}
		}
		if d := cmp.Diff(want, w.since(at)); d != "" {
			t.Error(d)
		}
		log, err := w.store.Deliveries(context.Background(), "w", 10)
		w.ok(err)
		if len(log) != 1 || log[0].Outcome != store.GivenUp || log[0].Attempts != len(want) || log[0].Error != "down" || log[0].Status != 500 {
			t.Errorf("log %+v", log)
		}
	})
}

// TestOrder: what follows a delivery that is being retried waits for it; other
// connections and webhooks do not.
func TestOrder(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		failures := 2
		w.post = func(_ *store.Webhook, e told) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			if e.webhook == "bad" && e.connection == "a" && failures > 0 {
				failures--
				return errDown
			}
			return nil
		}
		w.hook("bad")
		w.hook("good")
		at := time.Now()
		w.happen("a", "x", "y", "z")
		w.happen("b", "x", "y")
		pass(time.Hour)
		got := w.since(at)
		slices.Sort(got)
		want := []string{
			"0s bad a x", "0s bad b x", "0s bad b y",
			"0s good a x", "0s good a y", "0s good a z", "0s good b x", "0s good b y",
			"15m0s bad a x", "15m0s bad a y", "15m0s bad a z", "5m0s bad a x",
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		last := map[string]string{}
		for _, e := range w.told {
			key := e.webhook + e.connection
			if e.event < last[key] {
				t.Errorf("%s: %s after %s", key, e.event, last[key])
			}
			last[key] = e.event
		}
	})
}

// TestRestart stops in the middle of retries.
func TestRestart(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.post = func(_ *store.Webhook, e told) error {
			if time.Now().Before(e.at) || len(w.since(e.at)) < 4 {
				return errDown
			}
			return nil
		}
		w.hook("w")
		at := time.Now()
		w.happen("c", "x", "y")
		pass(6 * time.Minute) // the second attempt was at 5
		w.halt()
		w.ok(w.store.Close())
		pass(time.Minute)
		w.open()
		w.start()
		pass(time.Hour)
		want := []string{"0s w c x", "5m0s w c x", "15m0s w c x", "30m0s w c x", "30m0s w c y"}
		if d := cmp.Diff(want, w.since(at)); d != "" {
			t.Error(d)
		}
	})
}

// TestTakenOver: a process that is gone without a word leaves its deliveries
// to others, when its lease has run out.
func TestTakenOver(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.halt()
		ctx := context.Background()
		w.hook("w")
		w.happen("c", "x")
		_, _, err := w.store.Enqueue(ctx, 0)
		w.ok(err)
		at := time.Now()
		gone, err := w.store.ClaimDeliveries(ctx, []store.Room{{WebhookID: "w", Places: 1}}, at, lease)
		w.ok(err)
		if len(gone) != 1 {
			t.Fatalf("claimed %d", len(gone))
		}
		w.start()
		pass(lease - time.Second)
		if got := w.since(at); len(got) != 0 {
			t.Errorf("within the lease: %v", got)
		}
		pass(10 * time.Second)
		if d := cmp.Diff([]string{"1m0s w c x"}, w.since(at)); d != "" {
			t.Error(d)
		}
	})
}

func TestDeactivated(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.post = func(*store.Webhook, told) error { return errDown }
		w.hook("off")
		w.hook("deleted")
		w.hook("moved")
		at := time.Now()
		w.happen("c", "x")
		pass(time.Minute)
		ctx := context.Background()
		_, err := w.store.UpdateWebhook(ctx, "off", func(w *store.Webhook) error { w.Active = false; return nil })
		w.ok(err)
		w.ok(w.store.DeleteWebhook(ctx, "deleted"))
		_, err = w.store.UpdateWebhook(ctx, "moved", func(w *store.Webhook) error { w.URL = "https://example.org"; return nil })
		w.ok(err)
		w.mu.Lock()
		w.post = func(*store.Webhook, told) error { return nil }
		w.mu.Unlock()
		w.happen("c", "y")
		pass(24 * time.Hour)
		got := w.since(at)
		slices.Sort(got)
		// The one that has moved need not wait for its retry.
		if d := cmp.Diff([]string{"0s deleted c x", "0s moved c x", "0s off c x", "1m0s moved c x", "1m0s moved c y"}, got); d != "" {
			t.Error(d)
		}
	})
}

// TestManyWebhooks: the posts at one moment are bounded, nothing is told
// twice, and receivers that take their time do not hold up the others.
func TestManyWebhooks(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const hooks, connections = 100, 10
		w.post = func(h *store.Webhook, _ told) error {
			time.Sleep(time.Second)
			if h.ID == "w000" || h.ID == "w001" {
				time.Sleep(9 * time.Second)
			}
			return nil
		}
		for i := range hooks {
			w.hook(fmt.Sprintf("w%03d", i))
		}
		at := time.Now()
		for i := range connections {
			w.happen(fmt.Sprint("c", i), "x", "y")
		}
		pass(20 * time.Minute)
		times := map[string]int{}
		var end, slow time.Duration
		for _, e := range w.told {
			times[e.webhook+e.connection+e.event]++
			if e.webhook > "w001" {
				end = max(end, e.at.Sub(at))
			} else {
				slow = max(slow, e.at.Sub(at))
			}
		}
		if len(times) != hooks*connections*2 || len(w.told) != len(times) {
			t.Errorf("%d deliveries of %d", len(w.told), len(times))
		}
		if w.most > InAll || w.worst > PerWebhook || w.most < InAll/2 {
			t.Errorf("%d posts at once, %d of one webhook", w.most, w.worst)
		}
		if slow < 40*time.Second || end > slow {
			t.Errorf("the others took %v, the slow %v", end, slow)
		}
	})
}

// TestDelivery is one delivery over the network, as its receiver sees it.
func TestDelivery(t *testing.T) {
	got := make(chan []byte, 1)
	srv, sender := receiver(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Header.Get("X-Fivetran-Signature-256") != hmacOf("s3cret", body) {
			t.Error("the signature is wrong")
		}
		got <- body
	})
	ctx := t.Context()
	s, err := store.Open(ctx, t.TempDir(), secret.Key{1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	w := &world{t: t, store: s}
	a := &store.Account{Name: "Acme"}
	w.ok(s.CreateAccount(ctx, a))
	w.ok(s.CreateGroup(ctx, &store.Group{ID: "g", AccountID: a.ID, Name: "g"}))
	w.ok(s.CreateWebhook(ctx, &store.Webhook{AccountID: a.ID, GroupID: "g", URL: srv.URL, Events: []string{store.SyncEnd}, Active: true, Secret: "s3cret", CreatedBy: "u"}))
	d := New(Config{Store: s, Post: sender.Post})
	run, halt := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { d.Run(run); close(done) }()
	at := time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)
	w.ok(s.Record(ctx, store.Event{GroupID: "g", ConnectionID: "c", Service: "postgres", Schema: "shop", Kind: store.SyncEnd, At: at, Data: []byte(`{"status":"SUCCESSFUL"}`)}))
	const want = `{"event":"sync_end","created":"2026-11-02T12:00:00Z","connector_type":"postgres","connector_id":"c","connector_name":"shop",` +
		`"destination_group_id":"g","data":{"status":"SUCCESSFUL"}}`
	if body := string(<-got); body != want {
		t.Errorf("got %s", body)
	}
	halt()
	<-done
}
