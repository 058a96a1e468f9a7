package fifteenfive

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/fifteenfive/simulator"
	"github.com/penstock-data/penstock/connector/rest"
	"github.com/penstock-data/penstock/connector/simulate"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// When the vendor wants a long pause the sync ends, keeps what it has, and
// goes on from there.
func TestReschedule(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault simulate.Fault
		until time.Duration
	}{
		{"in a list", simulate.Fault{Path: "/pulse/", After: 2, Status: 429, RetryAfter: "1200"}, 1200 * time.Second},
		{"between objects", simulate.Fault{Path: "/report/", After: 15, Status: 429, RetryAfter: "3600"}, time.Hour},
		{"until a date", simulate.Fault{Path: "/answer/", After: 30, Status: 429, RetryAfter: later.Add(2 * time.Hour).Format(http.TimeFormat)}, 2 * time.Hour},
		{"at once", simulate.Fault{Status: 503, RetryAfter: "1800"}, 30 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			sim := company(simulator.Options{})
			want := clocked(sim)
			mustSync(t, want, account(t, sim, simulator.DefaultKey))
			undisturbed := requests(sim)

			sim = company(simulator.Options{})
			sim.Break(c.fault)
			m := clocked(sim)
			src := account(t, sim, simulator.DefaultKey)
			err := m.Sync(t.Context(), src)
			var pause *setup.Reschedule
			if !errors.As(err, &pause) || !pause.Until.Equal(later.Add(c.until)) || !strings.Contains(pause.Reason, "15Five") {
				t.Fatalf("got %v, want a reschedule for %v", err, later.Add(c.until))
			}
			mustSync(t, m, src)
			if diff := cmp.Diff(want.Dump(), m.Dump()); diff != "" {
				t.Errorf("rows (-undisturbed +resumed):\n%s", diff)
			}
			// What was read before the pause is not read again, but for lists
			// of ids, a few pages and the objects that were asked for ahead.
			if got := requests(sim); got > undisturbed+15 {
				t.Errorf("%d requests, %d without a pause", got, undisturbed)
			}
		})
	}
}

func requests(sim *simulator.Simulator) int {
	n := 0
	for _, l := range lists() {
		path, _, _ := strings.Cut(l.Path, "/")
		n += sim.Requests(path)
	}
	return n
}

// Trouble that passes leaves no trace.
func TestTrouble(t *testing.T) {
	sim := company(simulator.Options{})
	want := clocked(sim)
	mustSync(t, want, account(t, sim, simulator.DefaultKey))
	for _, f := range []simulate.Fault{
		{Path: "/user/", After: 2, Status: 500, Count: 3},
		{Path: "/pulse/", After: 1, Half: true},
		{Path: "/report/", After: 20, Cut: true, Count: 2},
		{Path: "/high-five/", Status: 502},
		{Path: "/answer/", After: 5, Status: 429, RetryAfter: "30"},
		{Path: "/group/", Status: 429},
		{Path: "/one-on-one/", Status: 503, RetryAfter: "600"},
	} {
		synctest.Test(t, func(t *testing.T) {
			sim := company(simulator.Options{})
			sim.Break(f)
			m := clocked(sim)
			mustSync(t, m, account(t, sim, simulator.DefaultKey))
			if diff := cmp.Diff(want.Dump(), m.Dump()); diff != "" {
				t.Errorf("%+v: rows (-undisturbed +disturbed):\n%s", f, diff)
			}
		})
	}
}

// A vendor that stays broken ends the sync; what was read is kept.
func TestTroubleThatStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := company(simulator.Options{})
		sim.Break(simulate.Fault{Path: "/report/", After: 15, Status: 500, Count: -1})
		m := clocked(sim)
		src := account(t, sim, simulator.DefaultKey)
		if err := m.Sync(t.Context(), src); rest.Status(err) != 500 || setup.AsProblem(err) != nil {
			t.Fatalf("got %v, want the error of the vendor", err)
		}
		if n := len(m.Rows("users")); n == 0 {
			t.Error("what was read before is lost")
		}
		before := sim.Requests("user")
		sim.Mend()
		mustSync(t, m, src)
		if got := sim.Requests("user") - before; got != 0 {
			t.Errorf("users were read again: %d requests", got)
		}
	})
}

func TestKeys(t *testing.T) {
	sim := company(simulator.Options{})
	for key, code := range map[string]string{"nonsense": "authentication_failed", simulator.DefaultExpiredKey: "api_key_expired"} {
		m := clocked(sim)
		if p := setup.AsProblem(m.Sync(t.Context(), account(t, sim, key))); p == nil || p.Code != code {
			t.Errorf("%s: got %v, want the problem %s", key, p, code)
		}
	}

	m := clocked(sim)
	if err := m.Sync(t.Context(), account(t, sim, simulator.DefaultHighFivesKey)); err != nil {
		t.Fatalf("a key for high fives: %v", err)
	}
	if len(m.Failed) != 17 || len(m.Rows("high_five")) == 0 || len(m.Rows("high_five_receiver")) == 0 {
		t.Errorf("%d tables failed, %d high fives were read; want 17 and some", len(m.Failed), len(m.Rows("high_five")))
	}
	for _, err := range m.Failed {
		if rest.Status(err) != http.StatusForbidden {
			t.Errorf("a table failed with %v", err)
		}
	}
	mustSync(t, m, account(t, sim, simulator.DefaultKey)) // a better key makes up for it
	all := clocked(sim)
	mustSync(t, all, account(t, sim, simulator.DefaultKey))
	if diff := cmp.Diff(all.Dump(), m.Dump()); diff != "" {
		t.Errorf("rows (-with a good key +with a good key at last):\n%s", diff)
	}

	m = clocked(sim)
	err := m.SyncTables(t.Context(), account(t, sim, simulator.DefaultHighFivesKey), func(t schema.Table) bool { return t.Table == "users" })
	if p := setup.AsProblem(err); p == nil || p.Code != "permission_denied" {
		t.Errorf("a key that may read none of the tables: got %v", err)
	}
}

// Five requests per second, whoever asks and for which table.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := company(simulator.Options{Users: 3, Limit: 5})
		budget := rest.NewBudget(limit, limitPer)
		begin := time.Now()
		var wait sync.WaitGroup
		for range 2 {
			wait.Go(func() {
				raw, _ := json.Marshal(config{Schema: "s", APIKey: simulator.DefaultKey})
				src, err := open(raw, connector.Env{HTTP: &http.Client{Transport: direct{sim}}}, budget)
				if err != nil {
					t.Error(err)
					return
				}
				m := clocked(sim)
				if err := m.Sync(t.Context(), src); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		took := time.Since(begin)
		if n := sim.Throttled(); n != 0 {
			t.Errorf("15Five refused %d requests for coming too fast", n)
		}
		if least := time.Duration(requests(sim)) * limitPer / limit; took < least || took > least*11/10 {
			t.Errorf("%d requests took %v, want little more than %v", requests(sim), took, least)
		}
	})
}

// A server that is not the vendor's is paced once it asks for it.
func TestPaceOnDemand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := company(simulator.Options{Users: 3, Limit: 5})
		mustSync(t, clocked(sim), account(t, sim, simulator.DefaultKey))
		if n := sim.Throttled(); n == 0 || n > rest.Ahead {
			t.Errorf("15Five refused %d requests, want 1 to %d", n, rest.Ahead)
		}
	})
}
