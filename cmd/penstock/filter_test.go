package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/internal/pgtest"
	"github.com/penstock-data/penstock/internal/pipe"
	"github.com/penstock-data/penstock/internal/schemaconfig"
	"github.com/penstock-data/penstock/schema"
)

// Rows move in and out of filters, and filters change; the destination always
// has the rows that meet them, and the rest of the program knows.
func TestSyncFilters(t *testing.T) {
	eachWarehouse(t, func(t *testing.T, w warehouse) {
		dsn := pgtest.Database(t)
		pgtest.Exec(t, dsn,
			"create table item (id int primary key, region text, price numeric(10,2))", "insert into item select g, case when g % 4 = 0 then 'EU' else 'US' end, g from generate_series(1, 400) g",
			"create table note (n int, region text)", "insert into note select g, case when g % 2 = 0 then 'EU' else 'US' end from generate_series(1, 50) g",
			"create table event (day int, id int, region text, primary key (day, id)) partition by list (day)",
			"create table event_1 partition of event for values in (1)", "create table event_2 partition of event for values in (2)",
			"insert into event select 1 + g % 2, g, case when g % 3 = 0 then 'EU' else 'US' end from generate_series(1, 90) g",
			"create view seen as select id, region from item where id < 100",
			"create table other (id int primary key)", "insert into other select generate_series(1, 10)")
		state := filepath.Join(t.TempDir(), "state")
		sync := func(step, condition string, change ...string) {
			t.Helper()
			pgtest.Exec(t, dsn, change...)
			args := []string{dsn, w.url, "--state", state}
			if condition != "" {
				for _, table := range []string{"item", "note", "event", "seen"} {
					args = append(args, "--filter", "public."+table+": "+condition)
				}
			}
			for _, command := range []string{"plan", "sync"} {
				code, stdout, stderr := run(t, nil, append([]string{command}, args...)...)
				if code != 0 {
					t.Fatalf("%s: %s ended with %d and\n%s%s", step, command, code, stdout, stderr)
				}
			}
			if found, code := verifyJSON(t, args...); code != 0 || len(found) > 0 {
				t.Errorf("%s: verify found %q", step, found)
			}
			where := cmp.Or(condition, "true")
			for _, table := range []string{"item", "note", "event", "seen"} {
				want := postgresWarehouse(dsn).number(t, "select count(*) from "+table+" where "+where)
				live := w.number(t, "select count(*) from public."+table+" where _fivetran_deleted is not true")
				wrong := w.number(t, "select count(*) from public."+table+" where _fivetran_deleted is not true and not ("+where+")")
				if live != want || wrong != 0 {
					t.Errorf("%s: %s has %d rows, %d of them wrong, want %d", step, table, live, wrong, want)
				}
			}
			if n := w.number(t, "select count(*) from public.other where _fivetran_deleted is not true"); n != 10 {
				t.Errorf("%s: the other table has %d rows", step, n)
			}
		}
		sync("load", `region IN ('EU', 'x')`)
		sync("nothing", `region IN ('EU', 'x')`)
		sync("rows move", `region IN ('EU', 'x')`, "update item set region = 'US' where id in (4, 8)", "update item set region = 'x' where id in (1, 2, 3)", "delete from item where id = 12",
			"update event set region = 'US' where id = 3", "update event set region = 'EU' where id = 4", "update event set day = 2 where id = 6", "update note set region = 'US' where n = 2")
		sync("a row leaves, another is deleted", `region IN ('EU', 'x')`, "update item set region = null where id = 16", "delete from note where n = 4", "delete from event where id = 9")
		sync("another filter", `region <> 'EU'`)
		sync("and another", `region <> 'EU' AND NOT region IN ('US')`, "update item set region = 'y' where id = 20")
		sync("none", "", "update item set price = 0 where id = 24")
		sync("again", `region IN ('EU', 'x')`)
	})
}

func TestSyncFiltersThatAreWrong(t *testing.T) {
	dsn := pgtest.Database(t)
	pgtest.Exec(t, dsn, "create table item (id int primary key, region text)", "create table other (id int primary key)", "insert into other values (1)")
	file := filepath.Join(t.TempDir(), "w.duckdb")
	for _, tt := range []struct{ filter, want string }{
		{"public.item", "write schema.table: condition"},
		{"public.item: region = ", "--filter for public.item: at character 11: expected a value"},
		{"public.none: id = 1", "--filter: the source has no table public.none"},
		{"public.item: area = 'EU'", "Table public.item was not synced: its row filter cannot be applied: there is no column area. Change or remove the filter"},
	} {
		code, stdout, stderr := run(t, nil, "sync", dsn, file, "--filter", tt.filter)
		if code == 0 || !strings.Contains(stdout+stderr, tt.want) {
			t.Errorf("%s: it ended with %d and\n%s%s", tt.filter, code, stdout, stderr)
		}
	}
	if n := duckWarehouse(file).number(t, "select count(*) from public.other"); n != 1 {
		t.Errorf("the other table has %d rows", n)
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}

// In history mode a row that leaves a filter ends its version, and one that
// comes back begins another; in live mode it is deleted.
func TestFiltersInOtherModes(t *testing.T) {
	dsn := pgtest.Database(t)
	pgtest.Exec(t, dsn, "create table item (id int primary key, region text, v int)", "insert into item select g, 'EU', 0 from generate_series(1, 5) g")
	for _, mode := range []schema.Mode{schema.History, schema.Live} {
		w := duckWarehouse(filepath.Join(t.TempDir(), "w.duckdb"))
		ledger := &fileLedger{path: filepath.Join(t.TempDir(), "state")}
		start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		var got []string
		for _, change := range []string{
			"update item set region = 'EU', v = 0",
			"update item set region = 'US' where id = 1; update item set region = 'US', v = 9 where id = 2",
			"update item set v = 1 where id in (1, 3)",
			"update item set region = 'EU', v = 2 where id = 1",
		} {
			pgtest.Exec(t, dsn, change)
			start = start.Add(time.Hour)
			if err := syncInMode(t.Context(), dsn, w.url, ledger, start, mode); err != nil {
				t.Fatal(err)
			}
			query := "select count(*) from public.item where %s"
			if mode == schema.Live {
				got = append(got, fmt.Sprint(w.number(t, fmt.Sprintf(query, "true"))))
				continue
			}
			got = append(got, fmt.Sprintf("%d/%d", w.number(t, fmt.Sprintf(query, "_fivetran_active")), w.number(t, fmt.Sprintf(query, "true"))))
		}
		want := map[schema.Mode]string{schema.Live: "[5 3 3 4]", schema.History: "[5/5 3/5 3/6 4/7]"}[mode]
		if fmt.Sprint(got) != want {
			t.Errorf("%s: rows %v, want %s", mode, got, want)
		}
	}
}

func syncInMode(ctx context.Context, source, target string, l *fileLedger, start time.Time, mode schema.Mode) error {
	src, service, err := openSource(source, connector.Env{})
	if err != nil {
		return err
	}
	defer src.Close()
	dst, _, err := openDestination(target)
	if err != nil {
		return err
	}
	var c syncCmd
	_, err = c.run(ctx, src, dst, pipe.Plan{Source: src, Naming: service.Naming, Start: start, Schema: c.schemaNames(service), Ledger: l,
		Choose: func(_ context.Context, offered []schema.Table) (map[schema.Name]schemaconfig.Treatment, error) {
			return map[schema.Name]schemaconfig.Treatment{offered[0].Name: {Wanted: true, Mode: mode, Filter: "region = 'EU'"}}, nil
		}}, pipe.Memory(0))
	return err
}
