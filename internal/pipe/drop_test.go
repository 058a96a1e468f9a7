package pipe_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/internal/pipe"
	"github.com/penstock-data/penstock/schema"
)

// A stubborn destination does not let go of some columns.
type stubborn struct {
	*store
	column string
}

func (s stubborn) Drop(ctx context.Context, n schema.Name, column string) error {
	if column == s.column {
		return &destination.TableError{Err: errors.New("view v depends on it.")}
	}
	return s.store.Drop(ctx, n, column)
}

func TestColumnsAreDropped(t *testing.T) {
	w := newStore()
	if _, _, err := treat(t, w, all(nil), all(nil), send(schema.Upsert, person, "1 ann 30")); err != nil {
		t.Fatal(err)
	}
	how := all(map[string]treated{"name": blocked, "age": blocked, "Gone": {Blocked: true, As: "was"}, "AGE ": blocked})
	how.Drop = []string{"age", "Gone", "name"}
	_, out, err := treat(t, stubborn{w, "name"}, how, all(nil), send(schema.Upsert, person, "2 bob 40"))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"age", "Gone"}, out.Tables[0].Dropped); d != "" {
		t.Errorf("dropped -want +got\n%s", d)
	}
	if len(out.Warnings) != 1 || out.Warnings[0].Message != "Column name of table shop_shop.person was not dropped from the destination: view v depends on it. The next sync tries again, unless the column is enabled." {
		t.Errorf("warnings %v", out.Warnings)
	}
	if got, want := w.content("person"), "map[id:1 name:ann]\nmap[id:2]"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	how.Drop = []string{"age", "name"}
	if _, out, err = treat(t, w, how, all(nil), send(schema.Upsert, person, "3 cyd 50")); err != nil || len(out.Tables[0].Dropped) != 2 {
		t.Errorf("once more: %v, %+v", err, out.Tables)
	}
	if got := w.schemaOf("person"); len(got) != 1 {
		t.Errorf("left are %v", got)
	}
	if _, _, err := treat(t, w, all(nil), all(nil), send(schema.Upsert, person, "3 cyd 50")); err != nil || len(w.schemaOf("person")) != 3 {
		t.Errorf("enabled again: %v, %v", err, w.schemaOf("person"))
	}
}

// What is another column's in the destination is not dropped.
func TestDroppedNameOfAnother(t *testing.T) {
	two := schema.Table{Name: person.Name, Columns: []schema.Column{person.Columns[0], {Name: "na-me"}, {Name: "na.me"}}}
	w := newStore()
	for _, drop := range [][]string{nil, {"na-me"}} {
		p := plan(&documents{script{steps: []step{send(schema.Upsert, some(two, "id", "na.me"), "1 ann")}}, two}, w, &ledger{})
		p.Choose = func(context.Context, []schema.Table) (map[schema.Name]treatment, error) {
			how := all(map[string]treated{"na-me": blocked})
			how.Drop = drop
			return map[schema.Name]treatment{two.Name: how}, nil
		}
		out, err := pipe.Run(t.Context(), p)
		if err != nil || len(out.Tables[0].Dropped) != len(drop) {
			t.Errorf("%v: %v, %+v", drop, err, out.Tables)
		}
	}
	if got := w.content("person"); got != "map[id:1 na_me:ann]" {
		t.Errorf("got %s", got)
	}
}

// Nor is that of a column which rows had in earlier syncs, and which the source
// does not offer.
func TestDroppedNameOfFound(t *testing.T) {
	found := some(person, "id", "name")
	w := newStore()
	for i, how := range []treatment{all(nil), {Wanted: true, Columns: map[string]treated{"NAME": blocked}, Drop: []string{"NAME"}, Found: []string{"id", "name"}}} {
		p := plan(&documents{script{steps: []step{send(schema.Upsert, found, fmt.Sprint(i, " ann"))}}, schema.Table{Name: person.Name}}, w, &ledger{})
		p.Choose = func(context.Context, []schema.Table) (map[schema.Name]treatment, error) {
			return map[schema.Name]treatment{person.Name: how}, nil
		}
		out, err := pipe.Run(t.Context(), p)
		if err != nil || len(out.Tables[0].Dropped) != len(how.Drop) {
			t.Errorf("%v, %+v", err, out.Tables)
		}
	}
	if got := w.content("person"); got != "map[id:0 name:ann]\nmap[id:1 name:ann]" {
		t.Errorf("got %s", got)
	}
}

// A drop that breaks anywhere is done by the next sync.
func TestDropBrokenEverywhere(t *testing.T) {
	for at := 1; ; at++ {
		w := newStore()
		if _, _, err := treat(t, w, all(nil), all(nil), send(schema.Upsert, person, "1 ann 30")); err != nil {
			t.Fatal(err)
		}
		how := all(map[string]treated{"name": blocked, "age": blocked})
		how.Drop = []string{"age", "name"}
		w.at, w.events = at, 0
		steps := send(schema.Upsert, person, "2 bob 40")
		_, _, broke := treat(t, w, how, all(nil), steps)
		w.crash()
		if _, out, err := treat(t, w, how, all(nil), steps); err != nil || len(out.Tables[0].Dropped) != 2 {
			t.Errorf("broken at event %d: %v, %+v", at, err, out.Tables)
		}
		if got, want := w.content("person"), "map[id:1]\nmap[id:2]"; got != want {
			t.Errorf("broken at event %d: got\n%s\nwant\n%s", at, got, want)
		}
		if broke == nil {
			break
		}
	}
}
