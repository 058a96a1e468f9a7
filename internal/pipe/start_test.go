package pipe_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/destination/destinationtest"
	"github.com/penstock-data/penstock/internal/pipe"
	"github.com/penstock-data/penstock/schema"
)

func TestWhenRowsChanged(t *testing.T) {
	begun := schema.Column{Name: schema.Start, Type: schema.Type{Kind: schema.Instant}}
	since := schema.Table{Name: person.Name, Columns: []schema.Column{person.Columns[0], begun, person.Columns[1]}}
	versions := send(schema.Upsert, since, "1 2026-01-01T00:00:00Z ann", "2 (null) bob")
	run := func(mode schema.Mode, how treatment, steps ...step) (*store, *asked, pipe.Outcome) {
		t.Helper()
		w, src := newStore(), &asked{documents: documents{script{steps: steps}, since}}
		how.Mode = mode
		p := plan(src, w, &ledger{})
		p.Secret = []byte("secret")
		p.Choose = func(context.Context, []schema.Table) (map[schema.Name]treatment, error) {
			return map[schema.Name]treatment{since.Name: how}, nil
		}
		out, err := pipe.Run(t.Context(), p)
		if err != nil {
			t.Fatalf("%s: %v", mode, err)
		}
		return w, src, out
	}
	chosen := all(map[string]treated{schema.Start: {Blocked: true, Mask: hash.Mask}}) // which cannot be
	w, src, out := run(schema.History, chosen, versions)
	if got, want := w.content("person"), "map[_fivetran_start:2026-01-01T00:00:00Z id:1 name:ann]\nmap[_fivetran_start:2026-11-23T00:00:00Z id:2 name:bob]"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if len(w.schemaOf("person")) != 2 || len(src.columns) != 3 || len(out.Tables[0].Found) != 0 {
		t.Errorf("the table has %v, asked for was %v, found %v", w.schemaOf("person"), src.columns, out.Tables)
	}
	for _, mode := range []schema.Mode{schema.SoftDelete, schema.Live} {
		w, src, _ := run(mode, chosen, versions, send(schema.Update, some(since, "id", schema.Start), "1 2026-02-01T00:00:00Z"))
		if got, want := w.content("person"), "map[id:1 name:ann]\nmap[id:2 name:bob]"; got != want || len(src.columns) != 2 {
			t.Errorf("%s: got\n%s\nwant\n%s\nasked for was %v", mode, got, want, src.columns)
		}
	}

	// Rows have the ids that they would have without it, and updates that say
	// nothing else are none.
	keyless := schema.Table{Name: person.Name, Columns: []schema.Column{begun, person.Columns[1]}}
	since = keyless
	ids := map[string]bool{}
	for _, mode := range []schema.Mode{schema.SoftDelete, schema.History} {
		w, _, _ := run(mode, all(nil), send(schema.Upsert, keyless, "2026-01-01T00:00:00Z ann"))
		for id := range w.durable[schema.Name{Schema: "shop_shop", Table: "person"}] {
			ids[id] = true
		}
	}
	if len(ids) != 1 {
		t.Errorf("ids %v", ids)
	}
	since = schema.Table{Name: person.Name, Columns: []schema.Column{person.Columns[0], begun, person.Columns[1]}}
	_, _, out = run(schema.History, all(map[string]treated{"name": blocked}), send(schema.Update, since, "1 2026-01-01T00:00:00Z ann"))
	if out.Tables[0].Updated != 0 {
		t.Errorf("an update of what is blocked: %+v", out.Tables)
	}
}

// asked is a script with one table that notes the columns it was asked for.
type asked struct {
	documents
	columns []schema.Column
}

func (a *asked) Sync(ctx context.Context, req connector.Request, out connector.Output) error {
	a.columns = req.Tables[0].Columns
	return a.documents.Sync(ctx, req, out)
}

// Deletes end versions when the source says, and so do versions that do not
// meet the table's filter.
func TestWhenRowsWent(t *testing.T) {
	begun := schema.Column{Name: schema.Start, Type: schema.Type{Kind: schema.Instant}}
	since := schema.Table{Name: person.Name, Columns: []schema.Column{person.Columns[0], person.Columns[2], begun}}
	gone := some(since, "id", schema.Start)
	day := func(n int) string { return fmt.Sprintf("2026-01-%02dT00:00:00Z", n) }
	steps := []step{
		send(schema.Upsert, since, "1 30 "+day(1), "2 30 "+day(1), "2 50 "+day(3), "2 31 "+day(5), "3 50 "+day(1), "3 51 "+day(2), "4 30 (null)"),
		send(schema.Delete, gone, "1 "+day(4), "4 (null)", "9 "+day(4)),
		send(schema.Upsert, since, "1 32 "+day(6), "2 60 "+day(7)),
	}
	const began, end = "2026-11-23T00:00:00Z", "9999-12-31T23:59:59.999Z"
	for _, tt := range []struct {
		mode   schema.Mode
		filter string
		want   []string
	}{
		{schema.History, "", []string{
			"1 30 " + day(1) + " " + day(4), "1 32 " + day(6) + " " + end,
			"2 30 " + day(1) + " 2026-01-02T23:59:59.999Z", "2 50 " + day(3) + " 2026-01-04T23:59:59.999Z",
			"2 31 " + day(5) + " 2026-01-06T23:59:59.999Z", "2 60 " + day(7) + " " + end,
			"3 50 " + day(1) + " 2026-01-01T23:59:59.999Z", "3 51 " + day(2) + " " + end, "4 30 " + began + " " + began}},
		{schema.History, "age < 40", []string{
			"1 30 " + day(1) + " " + day(4), "1 32 " + day(6) + " " + end,
			"2 30 " + day(1) + " " + day(3), "2 31 " + day(5) + " " + day(7), "4 30 " + began + " " + began}},
		{schema.SoftDelete, "", []string{"1 32 false", "2 60 false", "3 51 false", "4 30 true"}},
		{schema.Live, "age < 40", []string{"1 32"}},
	} {
		m := &destinationtest.Memory{}
		p := plan(&asked{documents: documents{script{steps: append(slices.Clone(steps), checkpoint)}, since}}, nil, &ledger{})
		var err error
		if p.Writer, err = m.Writer(t.Context(), destination.Options{Synced: p.Start}); err != nil {
			t.Fatal(err)
		}
		p.Choose = func(context.Context, []schema.Table) (map[schema.Name]treatment, error) {
			return map[schema.Name]treatment{since.Name: {Wanted: true, Mode: tt.mode, Filter: tt.filter}}, nil
		}
		if out, err := pipe.Run(t.Context(), p); err != nil || out.Tables[0].Err != nil {
			t.Fatal(err, out.Tables)
		}
		columns := map[schema.Mode][]string{schema.History: {schema.Start, schema.End}, schema.SoftDelete: {schema.Deleted}}[tt.mode]
		var got []string
		for _, row := range destinationtest.MemorySubject.Select(t, m, schema.Name{Schema: "shop_shop", Table: "person"}, named(append([]string{"id", "age"}, columns...))) {
			got = append(got, strings.Join(row, " "))
		}
		slices.Sort(got)
		slices.Sort(tt.want)
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s %q (-want +got):\n%s", tt.mode, tt.filter, d)
		}
	}
}

func named(names []string) (columns []schema.Column) {
	for _, n := range names {
		columns = append(columns, schema.Column{Name: n})
	}
	return columns
}
