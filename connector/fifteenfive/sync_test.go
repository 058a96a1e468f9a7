package fifteenfive

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/connectortest"
	"github.com/penstock-data/penstock/connector/fifteenfive/simulator"
	"github.com/penstock-data/penstock/connector/rest"
	"github.com/penstock-data/penstock/schema"
)

// direct hands requests to a handler without a network, so that tests can run
// in a bubble whose time is not the world's.
type direct struct{ http.Handler }

func (d direct) RoundTrip(req *http.Request) (res *http.Response, err error) {
	w := httptest.NewRecorder()
	req = req.Clone(req.Context())
	req.RemoteAddr = "192.0.2.1:1234"
	if req.URL.Scheme == "https" {
		req.TLS = &tls.ConnectionState{}
	}
	defer func() {
		if r := recover(); r != nil { // the connection was cut
			if res, err = nil, io.ErrUnexpectedEOF; w.Body.Len() > 0 {
				res, err = w.Result(), nil
				res.Body = io.NopCloser(io.MultiReader(bytes.NewReader(w.Body.Bytes()), broken{}))
			}
		}
	}()
	d.ServeHTTP(w, req)
	return w.Result(), nil
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// began is when simulated companies begin, and later when tests do.
var (
	began = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	later = began.Add(40 * day)
)

func company(opt simulator.Options) *simulator.Simulator {
	opt.Start = began
	if opt.Users == 0 {
		opt.Users = 4
	}
	if opt.PageSize == 0 {
		opt.PageSize = 7
	}
	if opt.Now == nil {
		opt.Now = func() time.Time { return later }
	}
	opt.Seed += 5
	return simulator.New(opt)
}

// account opens a source that reads sim, as fast as it goes.
func account(t *testing.T, sim *simulator.Simulator, key string) *source {
	t.Helper()
	raw, err := json.Marshal(config{Schema: "fifteenfive", APIKey: key})
	if err != nil {
		t.Fatal(err)
	}
	s, err := open(raw, connector.Env{HTTP: &http.Client{Transport: direct{sim}}, Endpoint: "http://15five.test", Now: sim.Now}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// clocked returns a Model whose syncs begin when the company says.
func clocked(sim *simulator.Simulator) *connectortest.Model {
	return &connectortest.Model{Clock: sim.Now}
}

func mustSync(t *testing.T, m *connectortest.Model, s *source) {
	t.Helper()
	if err := m.Sync(context.Background(), s); err != nil {
		t.Fatalf("sync: %v", err)
	}
	if len(m.Failed) > 0 {
		t.Fatalf("tables failed: %v", m.Failed)
	}
}

// tables are those that there are.
var tables = (&rest.API{Roots: []*rest.Resource{{Lists: lists()}}}).Tables()

// live returns the live rows of all tables, as text. Of tables that are read
// from a look-back on it has those that lie in it, if since is not zero.
func live(m *connectortest.Model, since time.Time) string {
	var b strings.Builder
	for _, t := range tables {
		name := t.Name.Table
		b.WriteString(name + "\n")
		if dated := map[string]string{"pulse": "create_ts", "high_five": "create_ts", "one_on_one": "for_date", "check_in": "due_date"}[name]; dated != "" {
			from := since.Format(time.DateOnly)
			for i, v := range m.Rows(name, dated) {
				if v >= from {
					b.WriteString("  " + m.Rows(name)[i] + "\n")
				}
			}
			continue
		}
		var columns []string
		for _, c := range m.Columns(name) {
			columns = append(columns, c.Name)
		}
		slices.Sort(columns)
		rows := m.Rows(name, columns...)
		slices.Sort(rows)
		for _, r := range rows {
			b.WriteString("  " + r + "\n")
		}
	}
	return b.String()
}

// Increments lead to the same live rows as reading everything anew would: of
// recent ones in each sync, of all once a week has passed.
func TestIncrementsFollowTheCompany(t *testing.T) {
	for _, c := range []struct {
		step     time.Duration
		lookBack time.Duration
	}{{6 * time.Hour, 13 * day}, {26 * time.Hour, 13 * day}, {8 * day, 10000 * day}} {
		t.Run(c.step.String(), func(t *testing.T) {
			sim := company(simulator.Options{Users: 10, PageSize: 50})
			m := clocked(sim)
			for n := range 6 {
				src := account(t, sim, simulator.DefaultKey)
				mustSync(t, m, src)
				fresh := clocked(sim)
				mustSync(t, fresh, src)
				since := sim.Now().Add(-c.lookBack)
				if diff := cmp.Diff(live(fresh, since), live(m, since)); diff != "" {
					t.Fatalf("after %d steps live rows differ (-read anew +synced):\n%s", n, diff)
				}
				sim.Advance(c.step)
			}
		})
	}
}

func TestStopAnywhere(t *testing.T) {
	now := began.Add(13 * day)
	sim := company(simulator.Options{Users: 3, PageSize: 5, Now: func() time.Time { return now }})
	open := func() connector.Source {
		s := account(t, sim, simulator.DefaultKey)
		s.api.Every = 3
		return s
	}
	m := connectortest.Run(t, open, func() { sim.Advance(30 * time.Hour) }, func() { sim.Advance(9 * day) })
	fresh := clocked(sim)
	mustSync(t, fresh, account(t, sim, simulator.DefaultKey))
	if diff := cmp.Diff(live(fresh, time.Time{}), live(m, time.Time{})); diff != "" {
		t.Errorf("live rows (-read anew +synced):\n%s", diff)
	}
}

// Where reading all check-ins takes long, an increment never leaves parts of
// two versions of a check-in, and has the parts of new ones at once.
func TestPartsOfCheckInsAreOfOneVersion(t *testing.T) {
	now := began.Add(30*day + 18*time.Hour)
	sim := company(simulator.Options{Users: 15, PageSize: 50, Now: func() time.Time { return now }})
	m := clocked(sim)
	src := account(t, sim, simulator.DefaultKey)
	mustSync(t, m, src)
	was := partsByCheckIn(m)
	var edited, added, whole int
	for n := range 12 {
		sim.Advance(26 * time.Hour)
		manyCheckIns(t, m)
		begun := progress(t, m.State)["report/"]["whole"]
		mustSync(t, m, src)
		isWhole := progress(t, m.State)["report/"]["whole"] != begun
		if isWhole {
			whole++
		}
		fresh := clocked(sim)
		mustSync(t, fresh, src)
		now, is := partsByCheckIn(fresh), partsByCheckIn(m)
		for id, parts := range is {
			switch {
			case parts == now[id]:
				if _, old := was[id]; !old {
					added++
				}
			case isWhole:
				t.Errorf("step %d: all was read anew and check-in %s has\n%s\nwant\n%s", n, id, parts, now[id])
			case parts == was[id]:
				edited++
			default:
				t.Errorf("step %d: check-in %s has\n%s\nwhich is neither what it had\n%s\nnor what it should have\n%s", n, id, parts, was[id], now[id])
			}
		}
		was = is
	}
	if edited == 0 || added == 0 || whole == 0 || whole > 4 {
		t.Errorf("%d edits were put off, %d check-ins were new, %d times all was read; the test is to see some of each", edited, added, whole)
	}
}

// progress returns what a state says of each list.
func progress(t *testing.T, state json.RawMessage) map[string]map[string]any {
	t.Helper()
	var st struct{ Resources map[string]map[string]any }
	if err := json.Unmarshal(state, &st); err != nil {
		t.Fatal(err)
	}
	return st.Resources
}

// manyCheckIns makes a state as if there were so many check-ins that reading
// them takes five hours, which may be done every 80 hours.
func manyCheckIns(t *testing.T, m *connectortest.Model) {
	t.Helper()
	var st map[string]json.RawMessage
	if err := json.Unmarshal(m.State, &st); err != nil {
		t.Fatal(err)
	}
	all := progress(t, m.State)
	if all["report/"] == nil { // nothing is known of them
		all["report/"] = map[string]any{}
	}
	all["report/"]["requests"] = 90_000
	st["resources"], _ = json.Marshal(all)
	m.State, _ = json.Marshal(st)
}

func partsByCheckIn(m *connectortest.Model) map[string]string {
	parts := map[string]string{}
	for _, table := range []string{"check_in_answer", "check_in_comment", "check_in_goal", "check_in_accomplishment"} {
		ids, rows := m.Rows(table, "check_in_id"), m.Rows(table)
		for i := range rows {
			parts[ids[i]] += table + " " + rows[i] + "\n"
		}
	}
	return parts
}

// Only the tables wanted are read, and one that is wanted later is read whole.
func TestTablesWanted(t *testing.T) {
	sim := company(simulator.Options{})
	m := clocked(sim)
	only := func(names ...string) func(schema.Table) bool {
		return func(t schema.Table) bool { return slices.Contains(names, t.Table) }
	}
	src := account(t, sim, simulator.DefaultKey)
	if err := m.SyncTables(t.Context(), src, only("check_in", "people_attribute")); err != nil {
		t.Fatal(err)
	}
	if n := sim.Requests("user") + sim.Requests("pulse") + sim.Requests("answer"); n != 0 {
		t.Errorf("%d requests for what nobody wants", n)
	}
	if len(m.Rows("check_in")) == 0 || m.Rows("check_in_answer") != nil {
		t.Errorf("check_in has %d rows, check_in_answer %d", len(m.Rows("check_in")), len(m.Rows("check_in_answer")))
	}
	mustSync(t, m, src)
	all := clocked(sim)
	mustSync(t, all, src)
	if diff := cmp.Diff(all.Dump(), m.Dump()); diff != "" {
		t.Errorf("rows (-all at once +one after another):\n%s", diff)
	}
}

// A row that slips to an earlier page while the list is read is not taken for
// deleted.
func TestListThatShrinks(t *testing.T) {
	rows := []string{`{"id":1}`, `{"id":2}`, `{"id":3}`, `{"id":4}`}
	pages := 0
	shrink := false
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		const size = 2
		page := 1
		fmt.Sscan(r.URL.Query().Get("page"), &page)
		if pages++; page == 2 && shrink {
			rows, shrink = rows[1:], false
		}
		next := "null"
		if page*size < len(rows) {
			next = fmt.Sprintf(`"http://%s%s?page=%d"`, r.Host, r.URL.Path, page+1)
		}
		fmt.Fprintf(w, `{"count":%d,"next":%s,"previous":null,"results":[%s]}`, len(rows), next,
			strings.Join(rows[min((page-1)*size, len(rows)):min(page*size, len(rows))], ","))
	})
	src, err := open([]byte(`{"api_key":"k"}`), connector.Env{HTTP: &http.Client{Transport: direct{h}}, Endpoint: "http://15five.test"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	m := &connectortest.Model{}
	vacations := func(t schema.Table) bool { return t.Table == "user_vacation" }
	for n, want := range []string{"1 2 3 4", "1 2 3 4", "2 3 4"} {
		shrink = n == 1 // row 1 goes away after it was read, row 3 moves to the page before
		if err := m.SyncTables(t.Context(), src, vacations); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(m.Rows("user_vacation", "id"), " "); got != want {
			t.Errorf("sync %d: live rows %q, want %q", n, got, want)
		}
	}
	if pages != 8 {
		t.Errorf("%d pages were read, want 2, 4 and 2", pages)
	}
}

// A state of another shape, as sources of 15Five wrote once, has all read anew.
func TestStateOfAnotherShape(t *testing.T) {
	sim := company(simulator.Options{})
	want, m := clocked(sim), clocked(sim)
	mustSync(t, want, account(t, sim, simulator.DefaultKey))
	mustSync(t, m, account(t, sim, simulator.DefaultKey))
	m.State = json.RawMessage(`{"paths":{"pulse":{"whole":"2026-02-14T00:00:00Z","tables":["pulse"],"since":"2026-01-31T00:00:00Z","window":{"7":{"t":1769817600}},"last_id":7}},"done":["user"],"begun":"2026-02-14T00:00:00Z"}`)
	src := account(t, sim, simulator.DefaultKey)
	if raw, err := src.Forget(m.State, []schema.Name{{Table: "pulse"}}); err != nil || string(raw) != string(m.State) {
		t.Errorf("%s: %v", raw, err)
	}
	mustSync(t, m, src)
	if diff := cmp.Diff(want.Dump(), m.Dump()); diff != "" {
		t.Errorf("rows (-history +from that state):\n%s", diff)
	}
}

func TestForeignState(t *testing.T) {
	sim := company(simulator.Options{})
	m := clocked(sim)
	m.State = json.RawMessage(`[1]`)
	if err := m.Sync(t.Context(), account(t, sim, simulator.DefaultKey)); err == nil || !strings.Contains(err.Error(), "read the state") {
		t.Errorf("got %v", err)
	}
}
