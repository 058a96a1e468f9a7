package pipe_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/internal/pipe"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// altered is a source whose table gets a column in the middle of a sync.
type altered struct {
	script
	tables  []schema.Table // one for each listing
	listed  int
	without bool // the column never comes
}

func (a *altered) Tables(context.Context, func(setup.Warning)) ([]schema.Table, error) {
	a.listed++
	return a.tables[min(a.listed, len(a.tables))-1 : min(a.listed, len(a.tables))], nil
}

func (a *altered) Sync(ctx context.Context, req connector.Request, out connector.Output) error {
	t := req.Tables[0]
	if a.without || a.listed < len(a.tables) {
		if err := out.Write(ctx, schema.Batch{Op: schema.Upsert, Table: new(some(t, "id", "name")), Record: record(some(t, "id", "name"), "1 ann")}); err != nil {
			return err
		}
		if err := out.Checkpoint(ctx, a.listed); err != nil {
			return err
		}
		return connector.ErrSchemaChanged
	}
	if string(req.State) != "1" {
		return errors.New("the state is " + string(req.State))
	}
	return out.Write(ctx, schema.Batch{Op: schema.Upsert, Table: &t, Record: record(t, "2 bob 40")})
}

func TestTablesAreListedAgain(t *testing.T) {
	src := &altered{tables: []schema.Table{some(person, "id", "name"), person}}
	w, l := newStore(), &ledger{}
	out, err := pipe.Run(t.Context(), plan(src, w, l))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := w.content("person"), "map[age:40 id:2 name:bob]\nmap[id:1 name:ann]"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if len(out.Tables) != 1 || out.Tables[0].Upserted != 2 || out.Rows != 2 {
		t.Errorf("outcome %+v", out)
	}
	if !slices.ContainsFunc(w.schemaOf("person"), func(c schema.Column) bool { return c.Name == "age" }) {
		t.Errorf("columns %v", w.schemaOf("person"))
	}

	src = &altered{tables: []schema.Table{person}, without: true}
	if _, err := pipe.Run(t.Context(), plan(src, newStore(), &ledger{})); !errors.Is(err, connector.ErrSchemaChanged) || src.listed > 200 {
		t.Errorf("a source that never comes to an end was listed %d times: %v", src.listed, err)
	}
}
