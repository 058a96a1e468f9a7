package logship

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/penstock-data/penstock/internal/rounds"
	"github.com/penstock-data/penstock/internal/secret"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/internal/storetest"
	"github.com/penstock-data/penstock/setup"
)

// A world is a store with groups "g" and "h", a Loki for them, and a Datadog
// for the account.
type world struct {
	t       *testing.T
	store   *store.Store
	account string
	vendors map[string]*vendor
	metrics *prometheus.Registry // of what was started last
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
	w.metrics = prometheus.NewRegistry()
	s := New(Config{Store: w.store, Sender: sender(nil), Metrics: w.metrics})
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

// counted returns what the metrics say of a kind of log service.
func (w *world) counted(service string) map[string]float64 {
	all, err := w.metrics.Gather()
	w.ok(err)
	n := map[string]float64{}
	for _, m := range all[0].GetMetric() {
		labels := map[string]string{}
		for _, l := range m.GetLabel() {
			labels[l.GetName()] = l.GetValue()
		}
		if labels["service"] == service {
			n[labels["result"]] = m.GetCounter().GetValue()
		}
	}
	return n
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

// TestLate: what waited for hours gets into a Loki that has newer entries of
// another log service, and of a test.
func TestLate(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		loki := w.vendors["g"]
		w.vendors["h"] = loki
		wrong := service(t, "grafana_loki", loki.bad).Config
		good := w.service("g").Config
		set := func(config json.RawMessage) {
			_, err := w.store.UpdateLogService(context.Background(), w.account, "g", func(l *store.LogService) error { l.Config = config; return nil })
			w.ok(err)
		}
		set(wrong)
		w.happen("g", "a")
		pass(2 * time.Hour)
		w.happen("h", "b")
		pass(2 * gather)
		w.want("b", "b", "ab")
		l := w.service("g")
		l.Config = good
		if r := sender(loki).Test(context.Background(), l); r[0].Status != setup.Passed {
			t.Errorf("got %+v", r)
		}
		set(good)
		pass(rounds.Every)
		w.want("btest_eventa", "btest_eventa", "ab")
		if n := w.counted("grafana_loki"); n["shipped"] != 2 || n["rejected"] != 0 {
			t.Errorf("counted %v", n)
		}
	})
}

// TestRejected: what a vendor leaves out of a batch does not hold up the rest.
func TestRejected(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.happen("g", "a")
		pass(2 * gather)
		late := store.Event{GroupID: "g", Kind: "b", At: time.Now().Add(-2 * time.Hour)}
		w.ok(w.store.Record(context.Background(), late, late, store.Event{GroupID: "g", Kind: "c"}))
		pass(2 * gather)
		w.happen("g", "d")
		pass(2 * gather)
		w.want("acd", "", "abbcd")
		if d := cmp.Diff(map[string]float64{"shipped": 3, "rejected": 2}, w.counted("grafana_loki")); d != "" {
			t.Error(d)
		}
		if l := w.service("g"); l.SetupState != store.Connected {
			t.Errorf("got %+v", l)
		}
	})
}

// TestNothingSent: who was sent nothing, for what waited was too old, is not
// connected again because of that.
func TestNothingSent(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.vendors[""].answer = func(int) int { return 403 }
		w.happen("g", "a")
		pass(19 * time.Hour)
		l := w.service("")
		if l.SetupState != store.Broken || l.Error != "the log service answered 403 Forbidden" || l.Failures() == 0 {
			t.Errorf("got %+v", l)
		}
		if n := w.counted("datadog_log"); n["too_old"] != 1 || n["shipped"] != 0 || n["failed"] != float64(w.vendors[""].posts) {
			t.Errorf("counted %v", n)
		}
		w.vendors[""].answer = nil
		w.happen("g", "b")
		pass(2 * gather)
		w.want("ab", "", "b")
		if l := w.service(""); l.SetupState != store.Connected || l.Error != "" || l.Failures() != 0 {
			t.Errorf("got %+v", l)
		}
	})
}

// TestCounts: each event is counted once, however often its batch is divided.
func TestCounts(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.halt()
		old := store.Event{GroupID: "g", Kind: "a", At: time.Now().Add(-19 * time.Hour)}
		w.ok(w.store.Record(context.Background(), old))
		w.happen("g", "b", "c", "d")
		w.vendors[""].answer = func(n int) int {
			if n <= 2 { // b, c and d are too many; b is too large
				return 413
			}
			return 0
		}
		w.start()
		pass(10 * time.Second)
		w.want("abcd", "", "cd")
		if d := cmp.Diff(map[string]float64{"shipped": 2, "too_old": 1, "too_large": 1}, w.counted("datadog_log")); d != "" {
			t.Error(d)
		}
	})
}

// TestOneShips: a log service that takes its time over each part of a batch is
// sent nothing by another process meanwhile.
func TestOneShips(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.halt()
		var mu sync.Mutex
		now, most := 0, 0
		slow := func(ctx context.Context, l *store.LogService, entries []entry) error {
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			defer func() {
				mu.Lock()
				now--
				mu.Unlock()
			}()
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(10 * time.Second):
				return &refusal{status: 413}
			}
		}
		w.ok(w.store.DeleteLogService(context.Background(), w.account, ""))
		w.ok(w.store.Record(context.Background(), slices.Repeat([]store.Event{{GroupID: "g", Kind: "a"}}, eventsRead)...))
		ctx, cancel := context.WithCancel(context.Background())
		var done sync.WaitGroup
		for range 2 {
			s := New(Config{Store: w.store, Sender: sender(nil)})
			s.send = slow
			done.Go(func() { s.Run(ctx) })
		}
		pass(10 * time.Minute)
		cancel()
		done.Wait()
		if most != 1 {
			t.Errorf("%d requests at a time", most)
		}
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
		pass(rounds.Every)
		w.want("abde", "", "abcde")
		w.ok(w.store.DeleteLogService(ctx, w.account, ""))
		w.happen("g", "f")
		pass(rounds.Every)
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
		pass(2 * rounds.Every)
		w.want("a", "", "a")
		if err := w.store.SettleLogService(context.Background(), &gone[0], store.Shipped{Due: time.Now()}, lease); err != store.ErrStale {
			t.Errorf("got %v", err)
		}
	})
}
