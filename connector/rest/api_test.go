package rest_test

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/connectortest"
	"github.com/penstock-data/penstock/connector/rest"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// A thing is an object of a vendor's.
type thing struct {
	id, at int
	tags   []int
}

func (v thing) String() string {
	return fmt.Sprintf(`{"id":%d,"at":%q,"tags":[%s]}`, v.id, when(v.at).Format(time.RFC3339), strings.Trim(strings.Join(strings.Fields(fmt.Sprint(v.tags)), ","), "[]"))
}

func when(minute int) time.Time {
	return time.Date(2026, 1, 1, 0, minute, 0, 0, time.UTC)
}

// A vendor has one box of things, in pages of two.
type vendor struct {
	things []thing
	asked  []string
	served func(query string) // called after each page of things; nil: nothing
	status int                // of the things; 0: 200
	boxes  string             // "": the one
	quota  int                // requests that are still answered; 0: all
}

func (v *vendor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.asked = append(v.asked, r.URL.RequestURI())
	if v.quota > 0 {
		if v.quota--; v.quota == 0 {
			w.Header().Set("Retry-After", "3600")
			http.Error(w, "{}", http.StatusTooManyRequests)
			v.quota = 1
			return
		}
	}
	if r.URL.Path == "/boxes" {
		fmt.Fprint(w, cmp.Or(v.boxes, `[{"id":1,"name":"a/b c"}]`))
		return
	}
	if strings.HasSuffix(r.URL.Path, "/notes") {
		fmt.Fprint(w, `[{"id":1}]`)
		return
	}
	if r.URL.Path != "/boxes/a/b c/things" {
		http.Error(w, "there is no such path", http.StatusTeapot)
		return
	}
	if v.status != 0 {
		http.Error(w, "{}", v.status)
		return
	}
	q := r.URL.Query()
	list := slices.Clone(v.things)
	slices.SortStableFunc(list, func(a, b thing) int {
		if q.Get("order") == "desc" {
			a, b = b, a
		}
		return a.at - b.at
	})
	if since, err := time.Parse(time.RFC3339, q.Get("since")); err == nil {
		list = slices.DeleteFunc(list, func(t thing) bool { return when(t.at).Before(since) })
	}
	page, _ := strconv.Atoi(q.Get("page"))
	from := min(max(page-1, 0)*2, len(list))
	to := min(from+2, len(list))
	if to < len(list) {
		q.Set("page", strconv.Itoa(max(page, 1)+1))
		w.Header().Set("Link", fmt.Sprintf(`<%s?%s>; rel="next"`, r.URL.EscapedPath(), q.Encode()))
	}
	var rows []string
	for _, t := range list[from:to] {
		rows = append(rows, t.String())
	}
	body := "[" + strings.Join(rows, ",") + "]"
	tag := fmt.Sprintf("%x", sha256.Sum256([]byte(body)))
	if w.Header().Set("ETag", tag); r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		v.quota = min(v.quota+1, v.quota*2) // it costs nothing
		return
	}
	fmt.Fprint(w, body)
	if v.served != nil {
		v.served(r.URL.RawQuery)
	}
}

func (v *vendor) put(t thing) {
	v.things = slices.DeleteFunc(v.things, func(o thing) bool { return o.id == t.id })
	v.things = append(v.things, t)
}

// declared is a Source that is nothing but a declaration.
type declared struct {
	*rest.API
	client *rest.Client
	connector.Source
}

func (d declared) Tables(_ context.Context, _ func(setup.Warning)) ([]schema.Table, error) {
	return d.API.Tables(), nil
}
func (d declared) Close() error { return nil }
func (d declared) Sync(c context.Context, req connector.Request, out connector.Output) error {
	return d.API.Sync(c, d.client, req, out)
}
func (d declared) Forget(state json.RawMessage, tables []schema.Name) (json.RawMessage, error) {
	return d.API.Forget(state, tables)
}

func (v *vendor) source(list *rest.Resource) declared {
	list.Tables = []rest.Table{{Name: "thing", Columns: "id LONG key, box_id LONG = ^id, at UTC_DATETIME",
		Children: []rest.Table{{Name: "tag", Each: "tags", Columns: "thing_id LONG key = ^id, tag LONG key = ."}}}}
	return declared{
		API: &rest.API{Next: rest.Link, Every: 1, Roots: []*rest.Resource{{Path: "boxes", Keep: []string{"name"}, Lists: []*rest.Resource{list},
			Tables: []rest.Table{{Name: "box", Columns: "id LONG key, name STRING"}}}}},
		client: &rest.Client{Name: "Acme", Base: base("https://acme.test/"), HTTP: &http.Client{Transport: handler{v}}, Tries: 1},
	}
}

type handler struct{ http.Handler }

func (h handler) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	res := w.Result()
	res.Request = r
	return res, nil
}

var orders = map[string]func() *rest.Resource{
	"ascending": func() *rest.Resource {
		return &rest.Resource{Path: "boxes/{name}/things", Whole: 24 * time.Hour, Cursor: &rest.Cursor{Field: "at", Since: "since", LookBack: time.Minute}}
	},
	"descending": func() *rest.Resource {
		return &rest.Resource{Path: "boxes/{name}/things?order=desc", Whole: 24 * time.Hour, Cursor: &rest.Cursor{Field: "at", LookBack: time.Minute}}
	},
	"whole":         func() *rest.Resource { return &rest.Resource{Path: "boxes/{name}/things"} },
	"whole by ETag": func() *rest.Resource { return &rest.Resource{Path: "boxes/{name}/things", Whole: 24 * time.Hour} },
}

func things(n int) (all []thing) {
	for i := 1; i <= n; i++ {
		all = append(all, thing{i, i, []int{i, i + 1}})
	}
	return all
}

func TestDeclaredResources(t *testing.T) {
	for name, list := range orders {
		t.Run(name, func(t *testing.T) {
			v := &vendor{things: things(5)}
			m := connectortest.Run(t, func() connector.Source { return v.source(list()) },
				func() { v.put(thing{2, 20, []int{3}}) },
				func() { v.put(thing{6, 21, nil}); v.put(thing{2, 22, nil}) })
			if got := strings.Join(m.Rows("tag", "thing_id", "tag"), " "); got != "1|1 1|2 3|3 3|4 4|4 4|5 5|5 5|6" {
				t.Errorf("tags: %s", got)
			}
			if got := strings.Join(m.Rows("thing", "id", "box_id"), " "); got != "1|1 2|1 3|1 4|1 5|1 6|1" {
				t.Errorf("things: %s", got)
			}
			v.things = v.things[1:] // the first is gone
			m.Clock = func() time.Time { return when(3 * 24 * 60) }
			if err := m.Sync(t.Context(), v.source(list())); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(m.Deleted("thing"), " "); got != "1" {
				t.Errorf("deleted: %s", got)
			}
		})
	}
}

// Rows that change while the list is read move behind others, which move to
// pages that were read already: none is missed, and none is marked as deleted.
func TestRowsMoveWhileTheyAreRead(t *testing.T) {
	for _, name := range []string{"ascending", "descending"} {
		t.Run(name, func(t *testing.T) {
			v := &vendor{things: things(7)}
			moved := 0
			v.served = func(string) {
				if moved++; moved <= 3 {
					v.put(thing{moved, 60 + moved, []int{moved}})
				}
			}
			m := &connectortest.Model{Clock: func() time.Time { return when(60) }}
			for range 2 {
				if err := m.Sync(t.Context(), v.source(orders[name]())); err != nil {
					t.Fatal(err)
				}
			}
			if got := strings.Join(m.Rows("thing", "id"), " "); got != "1 2 3 4 5 6 7" {
				t.Errorf("got %s", got)
			}
			if got := strings.Join(m.Rows("tag", "thing_id", "tag"), " "); !strings.HasPrefix(got, "1|1 2|2 3|3 4|4 4|5") {
				t.Errorf("tags: %s", got)
			}
		})
	}
}

// A list that may not be read is a warning, and its rows stay; other errors end
// the sync.
func TestRefusedList(t *testing.T) {
	v := &vendor{things: things(3)}
	m := &connectortest.Model{}
	sync := func() error { return m.Sync(t.Context(), v.source(orders["whole"]())) }
	if err := sync(); err != nil {
		t.Fatal(err)
	}
	before := m.Dump()
	for _, status := range []int{403, 404, 409, 410, 451} {
		v.status = status
		if err := sync(); err != nil {
			t.Fatalf("%d: %v", status, err)
		}
		if len(m.Warnings) != 1 || !strings.Contains(m.Warnings[0].Message, strconv.Itoa(status)) || !strings.Contains(m.Warnings[0].Message, "thing, tag") && !strings.Contains(m.Warnings[0].Message, "tag, thing") {
			t.Errorf("%d: %v", status, m.Warnings)
		}
	}
	v.status = 500
	if err := sync(); rest.Status(err) != 500 {
		t.Errorf("got %v", err)
	}
	v.status = 429
	if err := sync(); rest.Status(err) != 429 {
		t.Errorf("got %v", err)
	}
	if v.status = 0; m.Dump() != before {
		t.Errorf("rows changed:\n%s", m.Dump())
	}
}

// What is not on the first page is found although that has not changed.
func TestFirstPageIsAsItWas(t *testing.T) {
	for name, change := range map[string]func(*vendor){
		"ascending":  func(v *vendor) { v.put(thing{4, 11, []int{9}}) },
		"descending": func(v *vendor) { v.things[2].tags = []int{9} },
	} {
		t.Run(name, func(t *testing.T) {
			v := &vendor{things: []thing{{1, 10, []int{1}}, {2, 10, nil}, {3, 10, nil}}}
			minute := 10
			m := &connectortest.Model{Clock: func() time.Time { minute++; return when(minute) }}
			sync := func() {
				t.Helper()
				list := orders[name]()
				list.Cursor.LookBack = 10 * time.Minute
				if err := m.Sync(t.Context(), v.source(list)); err != nil {
					t.Fatal(err)
				}
			}
			sync()
			sync()
			sync()
			change(v)
			sync()
			if got := strings.Join(m.Rows("tag", "thing_id", "tag"), " "); !strings.Contains(got, "|9") {
				t.Errorf("got %s", got)
			}
		})
	}
}

// A stopping is a source that is stopped at its first checkpoint, with some of
// its tables paused.
type stopping struct {
	declared
	paused []string
}

func (s stopping) Sync(c context.Context, req connector.Request, out connector.Output) error {
	req.Tables = slices.DeleteFunc(req.Tables, func(t schema.Table) bool {
		if !slices.Contains(s.paused, t.Name.Table) {
			return false
		}
		req.Paused = append(req.Paused, t.Name)
		return true
	})
	return s.declared.Sync(c, req, stopped{out})
}

type stopped struct{ connector.Output }

var errStopped = errors.New("stopped")

func (s stopped) Checkpoint(ctx context.Context, state any) error {
	return errors.Join(s.Output.Checkpoint(ctx, state), errStopped)
}

// A table that was paused in the middle of a round is not swept at its end.
func TestPausedMeanwhile(t *testing.T) {
	v := &vendor{things: things(2), boxes: `[{"id":1,"name":"a/b c"},{"id":2,"name":"a/b c"},{"id":3,"name":"a/b c"}]`}
	m := &connectortest.Model{}
	source := func() declared {
		s := v.source(&rest.Resource{Path: "boxes/{name}/things"})
		s.Roots[0].Lists[0].Tables[0].Columns = "id LONG key, box_id LONG key = ^id"
		return s
	}
	if err := m.Sync(t.Context(), source()); err != nil {
		t.Fatal(err)
	}
	for _, tables := range [][]string{nil, {"thing", "tag"}, {"thing", "tag"}} {
		if err := m.Sync(t.Context(), stopping{source(), tables}); !errors.Is(err, errStopped) {
			t.Fatal(err)
		}
	}
	if err := m.Sync(t.Context(), source()); err != nil || len(m.Rows("thing")) != 6 {
		t.Errorf("%v: %s", err, m.Rows("thing"))
	}
}

// What belongs to an object that was gone for a while comes back with it.
func TestObjectComesBack(t *testing.T) {
	for name, list := range orders {
		t.Run(name, func(t *testing.T) {
			v := &vendor{things: things(3)}
			minute := 10
			m := &connectortest.Model{Clock: func() time.Time { return when(minute) }}
			for i, boxes := range []string{"", "[]", ""} {
				minute = 10 + i*2*24*60
				if i == 2 {
					minute -= 24*60 + 600
				}
				v.boxes = boxes
				if err := m.Sync(t.Context(), v.source(list())); err != nil {
					t.Fatal(err)
				}
				if n := len(m.Rows("thing")); n != 3*(1-i%2) {
					t.Errorf("sync %d: %d things", i, n)
				}
			}
		})
	}
}

// A list that costs more requests than may be made at a time is read in the
// end.
func TestMoreThanTheQuota(t *testing.T) {
	for name, list := range orders {
		if name != "descending" && name != "ascending" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			v := &vendor{things: things(19)}
			m := &connectortest.Model{Clock: func() time.Time { return when(60) }}
			for n := 0; ; n++ {
				l := list()
				l.Details = []*rest.Resource{{Path: "boxes/{^name}/things/{id}/notes", Tables: []rest.Table{{Name: "note", Columns: "thing_id LONG key = ^id"}}}}
				v.quota = 19
				err := m.Sync(t.Context(), v.source(l))
				if err == nil {
					break
				}
				var pause *setup.Reschedule
				if !errors.As(err, &pause) || n == 10 {
					t.Fatalf("sync %d: %v", n, err)
				}
				if n < 2 {
					v.put(thing{20 + n, 30 + n, nil}) // work goes on
				}
			}
			v.quota = 0
			if err := m.Sync(t.Context(), v.source(list())); err != nil {
				t.Fatal(err)
			}
			if got, want := len(m.Rows("thing")), len(v.things); got != want {
				t.Errorf("%d things of %d", got, want)
			}
			if got, want := len(m.Rows("note")), len(v.things); got != want {
				t.Errorf("%d notes of %d", got, want)
			}
		})
	}
}

// A row that slips to a page that was read already is not taken for deleted.
func TestRowSlips(t *testing.T) {
	for _, name := range []string{"whole", "descending"} {
		t.Run(name, func(t *testing.T) {
			v := &vendor{things: things(5)}
			day := 0
			m := &connectortest.Model{Clock: func() time.Time { day += 2; return when(day * 24 * 60) }}
			for range 2 {
				if err := m.Sync(t.Context(), v.source(orders[name]())); err != nil {
					t.Fatal(err)
				}
				v.served = func(string) {
					v.served = nil
					if name == "whole" {
						v.things = v.things[1:]
					} else {
						v.things = v.things[:4]
					}
				}
			}
			if got := strings.Join(m.Rows("thing", "id"), " "); !strings.Contains(got, "3") {
				t.Errorf("got %s", got)
			}
		})
	}
}

// Columns that are wanted later, and tables, are read from the beginning.
func TestWantedLater(t *testing.T) {
	v := &vendor{things: things(3)}
	m := &connectortest.Model{Clock: func() time.Time { return when(60) }}
	src := v.source(orders["ascending"]())
	without := func(s schema.Table) bool { return s.Name.Table != "tag" }
	if err := m.SyncTables(t.Context(), src, without); err != nil || m.Rows("tag") != nil {
		t.Fatal(err, m.Rows("tag"))
	}
	if known, err := connector.Knows(src, m.State, schema.Name{Table: "tag"}); known || err != nil {
		t.Error(known, err)
	}
	if err := m.Sync(t.Context(), src); err != nil || len(m.Rows("tag")) != 6 {
		t.Error(err, m.Rows("tag"))
	}
	v.asked = nil
	if err := m.Sync(t.Context(), src); err != nil || len(v.asked) != 2 {
		t.Error(err, v.asked)
	}
	if _, err := src.Forget(json.RawMessage("nonsense"), nil); err == nil {
		t.Error("nonsense is a state")
	}
}

func TestWrongColumns(t *testing.T) {
	for _, columns := range []string{"id", "id LONG kye", "id NUMBER"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q are columns", columns)
				}
			}()
			(&rest.Table{Name: "t", Columns: columns}).Schema()
		}()
	}
	v := &vendor{things: things(1)}
	src := v.source(orders["whole"]())
	src.Roots[0].Tables[0].Columns += ", x LONG = @nothing"
	if err := (&connectortest.Model{}).Sync(t.Context(), src); err == nil || errors.As(err, new(*rest.StatusError)) {
		t.Errorf("got %v", err)
	}
}
