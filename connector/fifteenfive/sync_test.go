package fifteenfive

import (
	"bytes"
	"context"
	"encoding/json"

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
)

// direct hands requests to a handler without a network, so that tests can run
// in a bubble whose time is not the world's.
type direct struct{ http.Handler }

func (d direct) RoundTrip(req *http.Request) (res *http.Response, err error) {
	w := httptest.NewRecorder()
	req = req.Clone(req.Context())
	req.RemoteAddr = "192.0.2.1:1234"
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

// live returns the live rows of all tables, as text.
func live(m *connectortest.Model) string {
	var b strings.Builder
	for _, t := range tables {
		b.WriteString(t.name + "\n")
		var columns []string
		for _, c := range m.Columns(t.name) {
			columns = append(columns, c.Name)
		}
		slices.Sort(columns)
		rows := m.Rows(t.name, columns...)
		slices.Sort(rows)
		for _, r := range rows {
			b.WriteString("  " + r + "\n")
		}
	}
	return b.String()
}

// Increments lead to the same live rows as reading everything anew would,
// as long as whole readings come round.
func TestIncrementsFollowTheCompany(t *testing.T) {
	for _, step := range []time.Duration{6 * time.Hour, 26 * time.Hour, 8 * day} {
		t.Run(step.String(), func(t *testing.T) {
			sim := company(simulator.Options{Users: 12, PageSize: 50})
			m := clocked(sim)
			for n := range 8 {
				src := account(t, sim, simulator.DefaultKey)
				mustSync(t, m, src)
				fresh := clocked(sim)
				mustSync(t, fresh, src)
				if diff := cmp.Diff(live(fresh), live(m)); diff != "" {
					t.Fatalf("after %d steps live rows differ (-read anew +synced):\n%s", n, diff)
				}
				sim.Advance(step)
			}
		})
	}
}

func TestStopAnywhere(t *testing.T) {
	now := began.Add(13 * day)
	sim := company(simulator.Options{Users: 3, PageSize: 5, Now: func() time.Time { return now }})
	open := func() connector.Source {
		s := account(t, sim, simulator.DefaultKey)
		s.details, s.pages = 4, 1
		return s
	}
	m := connectortest.Run(t, open, func() { sim.Advance(30 * time.Hour) }, func() { sim.Advance(9 * day) })
	fresh := &connectortest.Model{}
	mustSync(t, fresh, account(t, sim, simulator.DefaultKey))
	if m.Dump() == "" {
		t.Error("nothing was synced")
	}
}
