package rest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/connectortest"
	"github.com/penstock-data/penstock/connector/rest"
)

// A desk has notes by id, each of a day, with lines that have no key. "notes"
// lists them whole, "stubs" says only which there are; both from a day on.
type desk struct {
	notes  map[int]string
	asked  []string
	status int // of "notes"; 0: 200
	refuse int // of everything; 0: nothing
}

func (d *desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.asked = append(d.asked, r.URL.RequestURI())
	path := strings.Trim(r.URL.Path, "/")
	name, id, single := strings.Cut(path, "/")
	n, _ := strconv.Atoi(id)
	switch {
	case d.refuse != 0:
		http.Error(w, "{}", d.refuse)
		return
	case name == "notes" && d.status != 0:
		http.Error(w, "{}", d.status)
		return
	case single && d.notes[n] == "":
		http.Error(w, "{}", http.StatusNotFound)
		return
	case single:
		fmt.Fprint(w, d.notes[n])
		return
	}
	var rows []string
	for _, id := range slices.Sorted(maps.Keys(d.notes)) {
		var note struct{ On string }
		json.Unmarshal([]byte(d.notes[id]), &note)
		if note.On < r.URL.Query().Get("from") {
			continue
		}
		if name == "stubs" {
			rows = append(rows, fmt.Sprintf(`{"id":%d,"on":%q}`, id, note.On))
		} else {
			rows = append(rows, d.notes[id])
		}
	}
	fmt.Fprint(w, "["+strings.Join(rows, ",")+"]")
}

func (d *desk) put(id, day int, lines string) {
	d.notes[id] = fmt.Sprintf(`{"id":%d,"on":"2025-12-%02d","lines":[%s],"tags":[{"t":%d}],"more":{"size":%d},"x_own":true}`, id, day, lines, id, id)
}

func (d *desk) source(each bool) declared {
	table := func(name string) []rest.Table {
		return []rest.Table{{Name: name, Columns: "id LONG key, on NAIVE_DATE, x_*, more_* = more", Children: []rest.Table{
			{Name: name + "_line", Each: "lines", Columns: "note_id LONG = ^id, text STRING = ."},
			{Name: name + "_tag", Each: "tags", Columns: "index LONG key = #, note_id LONG key = ^id, t LONG"}}}}
	}
	l := &rest.Resource{Path: "notes", Tables: table("note"), Whole: 30 * 24 * time.Hour,
		Cursor: &rest.Cursor{Field: "on", Since: "from", Window: true, Format: time.DateOnly, Margin: 24 * time.Hour, LookBack: 10 * 24 * time.Hour}}
	if each {
		l.Path, l.Each, l.Tables = "stubs", "stubs/{id}", table("stub")
	}
	other := &rest.Resource{Path: "others", Tables: []rest.Table{{Name: "other", Columns: "id LONG key"}}}
	return declared{
		API:    &rest.API{Next: rest.Link, Every: 1, Roots: []*rest.Resource{{Lists: []*rest.Resource{l, other}}}},
		client: &rest.Client{Name: "Desk", Base: base("https://desk.test/"), HTTP: &http.Client{Transport: handler{d}}, Tries: 1},
	}
}

// Rows of the look-back that are gone are deleted at once, older ones when all
// is read; parts that changed have all read anew.
func TestWindow(t *testing.T) {
	for _, c := range []struct {
		name  string
		each  bool
		table string
	}{{"rows", false, "note"}, {"one by one", true, "stub"}} {
		t.Run(c.name, func(t *testing.T) {
			d := &desk{notes: map[int]string{}}
			for id := range 8 {
				d.put(id+1, 3*id+1, `"a","b"`)
			}
			rows := func(m *connectortest.Model) string {
				return strings.Join(m.Rows(c.table, "id", "x_own", "more_size"), " ") + "\n" +
					strings.Join(m.Rows(c.table+"_line", "note_id", "text"), " ") + "\n" + strings.Join(m.Rows(c.table+"_tag", "note_id", "index"), " ")
			}
			m := connectortest.Run(t, func() connector.Source { return d.source(c.each) },
				func() { d.put(9, 25, `"c"`); d.put(8, 22, `"a","b","d"`) },
				func() { delete(d.notes, 7); delete(d.notes, 1) },
				func() { d.put(9, 25, `"changed"`) })
			fresh := &connectortest.Model{}
			if err := fresh.Sync(t.Context(), d.source(c.each)); err != nil {
				t.Fatal(err)
			}
			if got, want := rows(m), rows(fresh); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			d.asked = nil
			if err := m.Sync(t.Context(), d.source(c.each)); err != nil {
				t.Fatal(err)
			}
			if want := "from=2025-12-14"; !strings.Contains(d.asked[0], want) {
				t.Errorf("asked for %v, want %s", d.asked, want)
			}
			delete(d.notes, 2) // long before the look-back
			if err := m.Sync(t.Context(), d.source(c.each)); err != nil || !slices.Contains(m.Rows(c.table, "id"), "2") {
				t.Errorf("what is old was compared: %v, %v", m.Rows(c.table, "id"), err)
			}
		})
	}
}

// A list of the account that may not be read fails its tables, and has them
// read as a whole when it may be again.
func TestRefusedTable(t *testing.T) {
	d := &desk{notes: map[int]string{}, status: 403}
	d.put(1, 1, `"a"`)
	m := &connectortest.Model{}
	if err := m.Sync(t.Context(), d.source(false)); err != nil || len(m.Failed) != 3 || len(m.Warnings) != 0 {
		t.Fatalf("%v: %v, %v", err, m.Failed, m.Warnings)
	}
	if d.status = 0; m.Rows("other") == nil {
		t.Error("the other list was not read")
	}
	if err := m.Sync(t.Context(), d.source(false)); err != nil || len(m.Failed) != 0 || len(m.Rows("note_line")) != 1 {
		t.Errorf("%v: %v, %v", err, m.Failed, m.Rows("note_line"))
	}
	d.refuse = 403
	if err := m.Sync(t.Context(), d.source(false)); rest.Status(err) != 403 {
		t.Errorf("got %v", err)
	}
}

// A list of no rows is asked for without a time until it has one.
func TestNoRowsYet(t *testing.T) {
	for _, name := range []string{"ascending", "descending"} {
		v := &vendor{}
		m := &connectortest.Model{}
		for range 2 {
			if err := m.Sync(t.Context(), v.source(orders[name]())); err != nil {
				t.Fatal(err)
			}
		}
		for _, asked := range v.asked {
			if strings.Contains(asked, "since") {
				t.Errorf("%s: %s", name, asked)
			}
		}
	}
}

// stoppedAt fails after a checkpoint whose state has a text.
type stoppedAt struct {
	connector.Output
	text string
}

func (s stoppedAt) Checkpoint(ctx context.Context, state any) error {
	raw, err := json.Marshal(state)
	if err == nil {
		err = s.Output.Checkpoint(ctx, state)
	}
	if strings.Contains(string(raw), s.text) {
		err = errors.Join(err, errStopped)
	}
	return err
}

type stoppingAt struct {
	declared
	text string
}

func (s stoppingAt) Sync(c context.Context, req connector.Request, out connector.Output) error {
	return s.declared.Sync(c, req, stoppedAt{out, s.text})
}

// A row that slips past before a sync is broken off is met by the one that goes
// on.
func TestRowSlipsBeforeAnInterruption(t *testing.T) {
	v := &vendor{things: things(7)}
	day := 0
	m := &connectortest.Model{Clock: func() time.Time { return when(day * 24 * 60) }}
	if err := m.Sync(t.Context(), v.source(orders["descending"]())); err != nil {
		t.Fatal(err)
	}
	day = 2 // all is read as a whole
	v.served = func(string) {
		v.served = nil
		v.things = v.things[:6] // 7, of the first page; 5 moves there
	}
	if err := m.Sync(t.Context(), stoppingAt{v.source(orders["descending"]()), `"last":"4"`}); !errors.Is(err, errStopped) {
		t.Fatal(err)
	}
	if err := m.Sync(t.Context(), v.source(orders["descending"]())); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(m.Rows("thing", "id"), " "); !strings.Contains(got, "1 2 3 4 5 6") {
		t.Errorf("got %s", got)
	}
}

// An object that goes away while its lists are read leaves those of the next
// alone.
func TestObjectGoesBeforeAnInterruption(t *testing.T) {
	v := &vendor{things: things(3), boxes: `[{"id":1,"name":"a/b c"},{"id":2,"name":"a/b c"}]`}
	source := func() declared {
		s := v.source(&rest.Resource{Path: "boxes/{name}/things"})
		s.Roots[0].Lists[0].Tables[0].Columns = "id LONG key, box_id LONG key = ^id"
		s.Roots[0].Lists = append(s.Roots[0].Lists, &rest.Resource{Path: "boxes/{name}/things/{id}/notes", Tables: []rest.Table{{Name: "note", Columns: "box_id LONG key = ^id"}}})
		return s
	}
	m := &connectortest.Model{}
	if err := m.Sync(t.Context(), source()); err != nil {
		t.Fatal(err)
	}
	if err := m.Sync(t.Context(), stoppingAt{source(), `"lists":1`}); !errors.Is(err, errStopped) {
		t.Fatal(err)
	}
	v.boxes = `[{"id":2,"name":"a/b c"}]`
	for range 2 {
		if err := m.Sync(t.Context(), source()); err != nil {
			t.Fatal(err)
		}
		for _, row := range []string{"1|2", "2|2", "3|2"} {
			if got := m.Rows("thing", "id", "box_id"); !slices.Contains(got, row) {
				t.Errorf("%s is not in %v", row, got)
			}
		}
	}
}

// What one credential may not read or does not see another is asked for; of
// several refusals the one that says most counts.
func TestDenied(t *testing.T) {
	ask := func(who string, status int) step {
		return step{Ask: "GET /v1/b", With: authorized("Bearer " + who), Status: status, Answer: "{}"}
	}
	for _, c := range []struct{ one, two, want int }{{404, 200, 0}, {403, 200, 0}, {404, 403, 403}, {403, 404, 403}, {404, 404, 404}, {422, 0, 422}} {
		one := scripted(t, ask("1", c.one))
		one.Auth = rest.Bearer("1")
		two := scripted(t)
		if c.two != 0 {
			two = scripted(t, ask("2", c.two))
		}
		two.Auth = rest.Bearer("2")
		one.Spare = []*rest.Client{two}
		if err := one.Get(t.Context(), "b", &rest.Reply{}); rest.Status(err) != c.want || (err == nil) != (c.want == 0) {
			t.Errorf("%d and %d: got %v", c.one, c.two, err)
		}
	}
}

// After a round that began long ago what was read at its beginning is read
// once more.
func TestOldRound(t *testing.T) {
	v := &vendor{things: things(3)}
	hour := 1
	m := &connectortest.Model{Clock: func() time.Time { return when(hour * 60) }}
	if err := m.Sync(t.Context(), stoppingAt{v.source(orders["ascending"]()), `"from":"2026-01-01T00:03`}); !errors.Is(err, errStopped) {
		t.Fatal(err)
	}
	v.put(thing{9, 2, nil}) // which the round has passed
	hour = 8
	if err := m.Sync(t.Context(), v.source(orders["ascending"]())); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(m.Rows("thing", "id"), " "); got != "1 2 3 9" {
		t.Errorf("got %s", got)
	}
}
