package postgres

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/internal/pgtest"
	"github.com/penstock-data/penstock/schema"
)

// TestForetell says what a sync would read anew, of tables that a state knows
// and that have changed since.
func TestForetell(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Database(t)
	pgtest.Exec(t, dsn, "create table same (id int primary key, v text)", "create table wider (id int primary key, v int)",
		"create table added (id int primary key)", "create table rekeyed (id int primary key, v int not null)", "create view seen as select 1 as one")
	src := opener(t, dsn)().(*source)
	tables, err := src.Tables(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	st := &state{Version: 1, Tables: map[string]map[string]*tableState{}}
	snap, err := src.snapshot(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	st.Origin = snap.origin
	cat, err := readCatalog(context.Background(), snap.conn, snap.version, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, rel := range cat.tables { // as src.Tables has them
		r := &reading{rel: rel, keyed: rel.keyed()}
		r.choose(&tables[i])
		st.Set(rel.name(), &tableState{Columns: r.columnStates(), Newest: r.rel.newest})
	}
	snap.close(context.Background())
	pgtest.Exec(t, dsn, "alter table wider alter v type bigint", "alter table added add v text", "create table fresh (id int)",
		"alter table rekeyed drop constraint rekeyed_pkey, add primary key (v)")
	check := func(step string, st *state, want map[string]connector.Anew) {
		t.Helper()
		tables, err := src.Tables(context.Background(), nil)
		if err != nil {
			t.Fatal(err)
		}
		state, err := json.Marshal(st)
		if err != nil {
			t.Fatal(err)
		}
		anew, err := src.Foretell(context.Background(), state, tables)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]connector.Anew{}
		for n, why := range anew {
			got[n.Table] = why
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", step, diff)
		}
	}
	want := map[string]connector.Anew{"wider": connector.AnewColumns, "rekeyed": connector.AnewColumns, "fresh": connector.AnewUnknown, "seen": connector.AnewAlways}
	check("changed", st, want)
	st.Forget(schema.Name{Schema: "public", Table: "same"})
	want["same"] = connector.AnewUnknown
	check("forgotten", st, want)
	st.Origin = "another"
	for _, n := range []string{"wider", "rekeyed", "added"} {
		want[n] = connector.AnewUnknown
	}
	check("another database's", st, want)
}
