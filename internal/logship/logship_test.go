package logship

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/internal/secret"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/internal/storetest"
)

// A world is a store with groups "g" and "h", a Loki for them, and a Datadog
// for the account.
type world struct {
	t       *testing.T
	store   *store.Store
	account string
	vendors map[string]*vendor
	halt    func()
}

// each runs f in a bubble of its own time, on each kind of database.
func each(t *testing.T, f func(t *testing.T, w *world)) {
	storetest.InBubble(t, func(t *testing.T, at string) {
		ctx := context.Background()
		st, err := store.Open(ctx, at, secret.Key{1})
		if err != nil {
			t.Fatal(err)
		}
		w := &world{t: t, store: st, vendors: map[string]*vendor{}}
		a := &store.Account{Name: "Acme"}
		w.ok(st.CreateAccount(ctx, a))
		w.account = a.ID
		for _, g := range []string{"g", "h"} {
			w.ok(st.CreateGroup(ctx, &store.Group{ID: g, AccountID: a.ID, Name: g}))
			w.serve(g, "grafana_loki")
		}
		w.serve("", "datadog_log")
		w.start()
		defer func() {
			w.halt()
			w.ok(st.Close())
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

// serve makes the log service of a group.
func (w *world) serve(group, id string) {
	v := vendors()[id]
	l := service(w.t, id, v.good)
	l.AccountID, l.GroupID = w.account, group
	w.vendors[group] = v
	w.ok(w.store.CreateLogService(context.Background(), l))
}

// start begins to ship, each group's events to its own vendor.
func (w *world) start() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	s := New(Config{Store: w.store, Sender: sender(nil)})
	s.send = func(ctx context.Context, l *store.LogService, entries []entry) error {
		return sender(w.vendors[l.GroupID]).send(ctx, l, entries)
	}
	go func() {
		s.Run(ctx)
		close(done)
	}()
	w.halt = func() {
		cancel()
		<-done
	}
}

// happen records events of a group.
func (w *world) happen(group string, kinds ...string) {
	w.t.Helper()
	for _, kind := range kinds {
		w.ok(w.store.Record(context.Background(), store.Event{GroupID: group, Kind: kind}))
	}
}

// got returns the events that a group's log service has taken.
func (w *world) got(group string) string {
	var kinds string
	for _, l := range w.vendors[group].lines {
		var e struct{ Event string }
		w.ok(json.Unmarshal([]byte(l), &e))
		kinds += e.Event
	}
	return kinds
}

func (w *world) want(g, h, account string) {
	w.t.Helper()
	if d := cmp.Diff([]string{g, h, account}, []string{w.got("g"), w.got("h"), w.got("")}); d != "" {
		w.t.Error(d)
	}
}

func (w *world) service(group string) *store.LogService {
	l, err := w.store.LogServiceIn(context.Background(), w.account, group)
	w.ok(err)
	return l
}

func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// TestWho: a group's log service is sent the group's events, the account's
// those of all.
func TestWho(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.happen("g", "a")
		pass(0)
		w.want("a", "", "a")
		w.happen("h", "b")
		w.happen("g", "c", "d")
		pass(2 * time.Second) // what comes after a batch is gathered
		w.want("acd", "b", "abcd")
		if v := w.vendors["g"]; v.posts != 2 {
			t.Errorf("%d requests", v.posts)
		}
		if l := w.service("g"); l.SetupState != store.Connected || l.Error != "" {
			t.Errorf("got %+v", l)
		}
	})
}

// TestMany: nothing is lost, doubled or moved over many batches.
func TestMany(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		var events []store.Event
		var want string
		for i := range 3*eventsRead + 7 {
			kind := fmt.Sprintf("%04d ", i)
			events = append(events, store.Event{GroupID: "g", Kind: kind})
			want += kind
		}
		w.ok(w.store.Record(context.Background(), events...))
		pass(5 * time.Second)
		w.want(want, "", want)
		if n := w.vendors["g"].posts; n != 4 {
			t.Errorf("%d requests", n)
		}
	})
}

// TestFailing: one that fails holds up nobody else, and gets everything in the
// end; what a person must do is its task.
func TestFailing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		status := 503
		w.vendors["g"].answer = func(int) int { return status }
		w.happen("g", "a")
		w.happen("h", "b")
		pass(time.Minute)
		w.want("", "b", "ab")
		if l := w.service("g"); l.SetupState != "" || l.Error != "the log service answered 503 Service Unavailable" || l.Failures() < 3 {
			t.Errorf("got %+v", l)
		}
		status = 401
		pass(time.Minute)
		if l := w.service("g"); l.SetupState != store.Broken || l.Error != "the log service answered 401 Unauthorized" {
			t.Errorf("got %+v", l)
		}
		w.happen("g", "c")
		pass(2 * time.Hour)
		if n := w.vendors["g"].posts; n < 2*12-3 || n > 2*12+20 {
			t.Errorf("%d requests in two hours", n)
		}
		status = 0
		pass(5 * time.Minute)
		if l := w.service("g"); l.SetupState != store.Connected || l.Error != "" || l.Failures() != 0 {
			t.Errorf("got %+v", l)
		}
		w.happen("g", "d")
		pass(2 * time.Second)
		if got := w.got("g"); got != "acd" {
			t.Errorf("got %s", got)
		}
	})
}

// TestTooOld: what the vendor refuses for its age does not hold up the rest.
func TestTooOld(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		at := time.Now().Add(-ServiceOf("grafana_loki").oldest)
		w.ok(w.store.Record(context.Background(), store.Event{GroupID: "g", Kind: "a", At: at.Add(-time.Second)},
			store.Event{GroupID: "g", Kind: "b", At: at}, store.Event{GroupID: "g", Kind: "c"}))
		pass(0)
		w.want("bc", "", "c")
		w.ok(w.store.Record(context.Background(), store.Event{GroupID: "g", Kind: "d", At: at.Add(-time.Second)}))
		w.happen("g", "e")
		pass(2 * gather)
		w.want("bce", "", "ce")
	})
}

// TestTooLarge: a batch that is too large is sent in parts.
func TestTooLarge(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.halt()
		w.happen("g", "a", "b", "c", "d")
		w.vendors["g"].answer = func(n int) int {
			if n <= 2 || n == 4 { // four are too many, so are two; and then, alone, b
				return 413
			}
			return 0
		}
		w.start()
		pass(5 * time.Second)
		if got := w.got("g"); got != "acd" && got != "abcd" {
			t.Errorf("got %s", got)
		}
	})
}

// TestChanges: restarts lose nothing; what happens while one is not enabled is
// not sent; a change of config makes due what waits.
func TestChanges(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		w.happen("g", "a")
		pass(2 * time.Second)
		w.halt()
		w.happen("g", "b")
		w.start()
		pass(0)
		w.want("ab", "", "ab")
		enable := func(on bool) {
			_, err := w.store.UpdateLogService(ctx, w.account, "g", func(l *store.LogService) error { l.Enabled = on; return nil })
			w.ok(err)
		}
		enable(false)
		w.happen("g", "c")
		pass(2 * time.Second)
		enable(true)
		w.happen("g", "d")
		pass(10 * time.Second)
		w.want("abd", "", "abcd")

		good := w.service("g").Config
		set := func(config json.RawMessage) {
			_, err := w.store.UpdateLogService(ctx, w.account, "g", func(l *store.LogService) error { l.Config = config; return nil })
			w.ok(err)
		}
		set(service(t, "grafana_loki", w.vendors["g"].bad).Config)
		w.happen("g", "e")
		pass(10 * time.Minute)
		w.want("abd", "", "abcde")
		set(good)
		pass(look)
		w.want("abde", "", "abcde")
		w.ok(w.store.DeleteLogService(ctx, w.account, ""))
		w.happen("g", "f")
		pass(look)
		w.want("abdef", "", "abcde")
	})
}

// TestTakenOver: a process that is gone without a word leaves its log services
// to others when its lease has run out.
func TestTakenOver(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.halt()
		w.happen("g", "a")
		gone, _, err := w.store.ClaimLogServices(context.Background(), time.Now(), lease, 10)
		w.ok(err)
		if len(gone) != 2 {
			t.Fatalf("claimed %d", len(gone))
		}
		w.start()
		pass(lease - time.Second)
		w.want("", "", "")
		pass(2 * look)
		w.want("a", "", "a")
		if err := w.store.SettleLogService(context.Background(), &gone[0], store.Shipped{Due: time.Now()}, lease); err != store.ErrStale {
			t.Errorf("got %v", err)
		}
	})
}
