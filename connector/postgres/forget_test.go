package postgres

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/connectortest"
	"github.com/penstock-data/penstock/internal/pgtest"
	"github.com/penstock-data/penstock/schema"
)

var _ connector.Forgetter = (*source)(nil)

func TestForget(t *testing.T) {
	const item = `{"columns":[],"newest":0,"began":"0001-01-01T00:00:00Z","parts":{},"rows":0,"live":0}`
	state := func(tables string) string { return `{"version":1,"origin":"o","tables":` + tables + `}` }
	for _, tt := range []struct{ name, state, schema, table, want string }{
		{"one of two", state(`{"s":{"a":` + item + `,"b":` + item + `}}`), "s", "a", state(`{"s":{"b":` + item + `}}`)},
		{"a schema's last", state(`{"s":{"a":` + item + `}}`), "s", "a", state(`{}`)},
		{"never known", state(`{"s":{"a":` + item + `}}`), "t", "a", state(`{"s":{"a":` + item + `}}`)},
		{"another case", state(`{"s":{"a":` + item + `}}`), "s", "A", state(`{"s":{"a":` + item + `}}`)},
	} {
		got, err := (&source{}).Forget([]byte(tt.state), []schema.Name{{Schema: tt.schema, Table: tt.table}})
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: %s, %v\nwant %s", tt.name, got, err, tt.want)
		}
	}
	if _, err := (&source{}).Forget([]byte(`{"version":9}`), nil); err == nil {
		t.Error("a state of another version was taken")
	}
}

// TestTablesReadAgain re-syncs single tables, and blocks and enables them,
// while others go on with their increments.
func TestTablesReadAgain(t *testing.T) {
	t.Parallel()
	dsn := newServer(t).url // others' transactions would hold back the horizon
	pgtest.Exec(t, dsn,
		"create table item (id int primary key, name text)", "insert into item select g, 'i' from generate_series(1, 50) g",
		"create table note (body text)", "insert into note select 'n' || g from generate_series(1, 50) g",
		"create table other (id int primary key, name text)", "insert into other select g, 'o' from generate_series(1, 50) g")
	tables := []string{"item", "note", "other"}
	open := opener(t, dsn)
	m := &connectortest.Model{}
	sync := func(step string, want map[string]int64, wanted ...string) {
		t.Helper()
		src := &watched{Source: open()}
		err := m.SyncTables(context.Background(), src, func(t schema.Table) bool { return slices.Contains(wanted, t.Table) })
		if err != nil {
			t.Fatalf("%s: %v", step, err)
		}
		if diff := cmp.Diff(want, src.tables); diff != "" {
			t.Errorf("%s: rows sent (-want +got)\n%s", step, diff)
		}
		for _, name := range wanted {
			compare(t, step, m, dsn, name)
		}
	}
	forget := func(names ...string) {
		t.Helper()
		var all []schema.Name
		for _, n := range names {
			all = append(all, schema.Name{Schema: "public", Table: n})
		}
		var err error
		if m.State, err = open().(connector.Forgetter).Forget(m.State, all); err != nil {
			t.Fatal(err)
		}
	}
	sync("first", map[string]int64{"item": 50, "note": 50, "other": 50}, tables...)
	pgtest.Exec(t, dsn, "update other set name = 'p' where id = 1")
	forget("item", "note")
	pgtest.Exec(t, dsn, "delete from item where id > 48", "delete from note where body = 'n7'")
	sync("re-sync of two", map[string]int64{"item": 48, "note": 49, "other": 1}, tables...)
	sync("nothing", map[string]int64{}, tables...)

	pgtest.Exec(t, dsn, "update item set name = 'j' where id = 2", "delete from item where id = 3", "update other set name = 'q' where id = 2")
	sync("one is blocked", map[string]int64{"other": 1}, "note", "other")
	pgtest.Exec(t, dsn, "update other set name = 'r' where id = 3")
	sync("it is enabled", map[string]int64{"item": 47, "other": 1}, tables...)
}

// TestOldRowsStayDuringResync looks at the destination in the middle of a
// re-sync: nothing is marked before everything has been read.
func TestOldRowsStayDuringResync(t *testing.T) {
	t.Parallel()
	dsn := newServer(t).url
	pgtest.Exec(t, dsn, "create table item (id int primary key, name text)", "insert into item select g, repeat('x', 900) from generate_series(1, 40) g")
	open := opener(t, dsn)
	m := &connectortest.Model{}
	ctx := context.Background()
	if err := m.Sync(ctx, open()); err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, dsn, "delete from item where id in (1, 40)")
	var err error
	if m.State, err = open().(connector.Forgetter).Forget(m.State, []schema.Name{{Schema: "public", Table: "item"}}); err != nil {
		t.Fatal(err)
	}
	src := &watched{Source: open(), onCheckpoint: func(n int) error {
		if rows := len(m.Rows("public.item", "id")); rows != 40 && rows != 38 || n == 1 && rows != 40 {
			t.Errorf("after checkpoint %d %d rows are live", n, rows)
		}
		return nil
	}}
	if err := m.Sync(ctx, src); err != nil {
		t.Fatal(err)
	}
	if rows := len(m.Rows("public.item", "id")); rows != 38 || src.checkpoints < 3 {
		t.Errorf("after the re-sync, with %d checkpoints, %d rows are live, want 38", src.checkpoints, rows)
	}
}
