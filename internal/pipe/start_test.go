package pipe_test

import (
	"context"
	"testing"

	"github.com/penstock-data/penstock/connector"
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
