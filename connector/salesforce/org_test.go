package salesforce

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/connectortest"
	"github.com/penstock-data/penstock/connector/salesforce/simulator"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// An org is a simulated organization, whose time stands still but for Advance.
type org struct {
	*simulator.Simulator
	before func(*http.Request)  // is told of each request; nil: nothing is
	after  func(*http.Response) // is told of each answer, and may change it; nil: nothing is
	config map[string]any
	adapt  func(*source) // how sources read; nil: as for small orgs
	rotate connector.Rotate
	now    func() time.Time // of this machine; nil: the org's
}

var began = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)

func newOrg(t testing.TB, opt simulator.Options) *org {
	t.Helper()
	if opt.Now == nil {
		opt.Now = func() time.Time { return began }
	}
	o := &org{Simulator: simulator.New(opt)}
	o.config = map[string]any{"schema": "sf", "api_usage_limit": 90, ".auth": map[string]any{
		"client_access": map[string]any{"client_id": simulator.DefaultClientID, "client_secret": simulator.DefaultClientSecret},
		"refresh_token": simulator.DefaultRefreshToken,
	}}
	return o
}

// open returns a source of the org.
func (o *org) open(t testing.TB, change ...func(map[string]any)) *source {
	t.Helper()
	config := maps.Clone(o.config)
	for _, f := range change {
		f(config)
	}
	raw, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	now := o.Now
	if o.now != nil {
		now = o.now
	}
	s, err := open(raw, connector.Env{Endpoint: "http://salesforce.test", HTTP: &http.Client{Transport: o}, Now: now, Rotate: o.rotate}, Service.Name, "https://login.salesforce.com")
	if err != nil {
		t.Fatal(err)
	}
	s.anyTime = false
	if o.adapt != nil {
		o.adapt(s)
	}
	return s
}

// RoundTrip asks the simulator without a network, so that time may be a
// test's own. An answer that is cut off ends as one on the network does.
func (o *org) RoundTrip(r *http.Request) (res *http.Response, err error) {
	if o.before != nil {
		o.before(r)
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()

	defer func() {
		if p := recover(); p != nil {
			if p != http.ErrAbortHandler {
				panic(p)
			}
			if res, err = nil, errors.New("connection reset by peer"); w.Body.Len() > 0 {
				res, err = w.Result(), nil
				res.Body = io.NopCloser(io.MultiReader(w.Body, iotest.ErrReader(io.ErrUnexpectedEOF)))
				res.ContentLength = -1
			}
		}
	}()
	in := r.Clone(r.Context())
	in.RequestURI = r.URL.RequestURI()
	in.Host = r.URL.Host
	o.ServeHTTP(w, in)
	res = w.Result()
	res.Request = r
	if o.after != nil {
		o.after(res)
	}
	return res, nil
}

// small makes a source read in small pieces, large objects in bulk.
func small(s *source) { s.bulkFrom, s.bulkPart, s.save = 60, 25, 1 }

// single makes a source ask for one thing at a time, so that a test can say at
// which.
func single(s *source) { s.queries = 1 }

// only restricts a source to some tables, and describes no others.
type only struct {
	*source
	names []string
}

func (o only) Tables(ctx context.Context, warn func(setup.Warning)) (tables []schema.Table, err error) {
	if err := o.connect(ctx); err != nil {
		return nil, err
	}
	if err := o.api.describe(ctx, slices.DeleteFunc(slices.Clone(o.names), own), func(string, error) {}); err != nil {
		return nil, err
	}
	for _, n := range o.names {
		if i := slices.IndexFunc(ownTables, func(t schema.Table) bool { return t.Table == n }); i >= 0 {
			tables = append(tables, ownTables[i])
		} else if obj := o.objects[n]; obj != nil {
			tables = append(tables, obj.table())
		}
	}
	return tables, nil
}

// model returns a destination whose syncs begin by the org's time.
func (o *org) model() *connectortest.Model { return &connectortest.Model{Clock: o.Now} }

// sync syncs tables of the org, all if none is named.
func (o *org) sync(t testing.TB, m *connectortest.Model, tables ...string) error {
	t.Helper()
	s := o.open(t)
	defer s.Close()
	if len(tables) > 0 {
		return m.Sync(t.Context(), only{s, tables})
	}
	return m.Sync(t.Context(), s)
}

func (o *org) mustSync(t testing.TB, m *connectortest.Model, tables ...string) {
	t.Helper()
	if err := o.sync(t, m, tables...); err != nil {
		t.Fatal(err)
	}
	for name, err := range m.Failed {
		t.Errorf("%s failed: %v", name, err)
	}
}

// equal compares the rows of the model with those of the org: their ids, and
// the values of a few fields.
func (o *org) equal(t testing.TB, m *connectortest.Model, object string, fields ...string) {
	t.Helper()
	var want []string
	for _, id := range o.IDs(object, false) {
		row := []string{id}
		for _, f := range fields {
			v, ok := o.Value(object, id, f)
			if !ok {
				v = "NULL"
			}
			row = append(row, v)
		}
		want = append(want, strings.Join(row, "|"))
	}
	got := m.Rows("salesforce."+object, append([]string{"Id"}, fields...)...)
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%s: %d rows, want %d%s", object, len(got), len(want), firstDifference(got, want))
	}
}

func firstDifference(got, want []string) string {
	for i := range max(len(got), len(want)) {
		g, w := "(none)", "(none)"
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			return "\n got " + g + "\nwant " + w
		}
	}
	return ""
}

// objects returns the names of all objects that may be queried.
func (o *org) objects() (names []string) {
	for _, n := range o.Names() {
		if !strings.HasSuffix(n, "ChangeEvent") {
			names = append(names, n)
		}
	}
	return names
}

func columnNamed(name string) func(schema.Column) bool {
	return func(c schema.Column) bool { return c.Name == name }
}
