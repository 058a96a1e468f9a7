package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/penstock-data/penstock/internal/mariatest"
	"github.com/penstock-data/penstock/internal/pgtest"
	"github.com/penstock-data/penstock/internal/verify"
)

// verifyJSON runs `penstock verify --json` and returns what differs, as text,
// and the exit code.
func verifyJSON(t *testing.T, args ...string) (found []string, code int) {
	t.Helper()
	code, stdout, stderr := run(t, nil, append([]string{"verify", "--json"}, args...)...)
	var out struct{ Tables []verify.Result }
	if err := json.Unmarshal([]byte(stdout), &out); err != nil || len(out.Tables) == 0 {
		t.Fatalf("penstock verify ended with %d and printed\n%s%s", code, stdout, stderr)
	}
	for _, r := range out.Tables {
		if r.Equal() {
			continue
		}
		line := fmt.Sprintf("%s lost %d late %d extra %d", r.Source, r.Lost, r.Late, r.Extra)
		for _, d := range r.Differences {
			line += fmt.Sprintf("; %s %v%v", d.What, d.Key, d.Columns)
		}
		if more := append(r.AbsentColumns, r.Error); strings.Join(more, "") != "" {
			line += fmt.Sprint("; ", more)
		}
		if r.Unexamined > 0 || r.AbsentTable {
			line += fmt.Sprint("; ", r.Unexamined, r.AbsentTable)
		}
		found = append(found, line)
	}
	slices.Sort(found)
	return found, code
}

// change runs statements in the warehouse.
func (w warehouse) change(t *testing.T, statements ...string) {
	t.Helper()
	if path, ok := strings.CutPrefix(w.url, "duckdb:"); ok {
		db := database(t, "duckdb", path, "set timezone = 'UTC'")
		defer db.Close()
		for _, s := range statements {
			if _, err := db.ExecContext(t.Context(), s); err != nil {
				t.Fatalf("%s: %v", s, err)
			}
		}
		return
	}
	pgtest.Exec(t, w.url, statements...)
}

func TestVerify(t *testing.T) {
	source := newShop(t)
	pgtest.Exec(t, source, `create table widened (id int primary key, n numeric(8,2), d date)`,
		`insert into widened values (1, 1.5, '2024-02-29'), (2, 100, '0044-03-15 BC')`)
	damage := []string{
		`delete from public.customer where id = 77`,
		`insert into public.customer (id, name) values (999999, 'x')`,
		`update public.customer set name = 'tampered', note = 'too' where id = 42`,
		`update public.line set _fivetran_deleted = true where a = 5 and b = 'k5'`,
		`update public.every_type set c_float8 = null where id = 2`,
		`delete from public.big_customer where id = 5950`, // it has no key
		`alter table public.widened drop column d`,
		`drop table public.event`,
	}
	want := []string{
		"public.big_customer lost 1 late 0 extra 0",
		"public.customer lost 2 late 0 extra 1; different [42][name note]; missing [77][]; extra [999999][]",
		"public.event lost 4000 late 0 extra 0; 0 true",
		"public.every_type lost 1 late 0 extra 0; different [2][c_float8]",
		"public.line lost 1 late 0 extra 0; missing [5 k5][]",
		"public.widened lost 0 late 0 extra 0; [d ]",
	}
	eachWarehouse(t, func(t *testing.T, w warehouse) {
		state := filepath.Join(t.TempDir(), "state.json")
		syncJSON(t, source, w.url, "--state", state)
		if found, code := verifyJSON(t, source, w.url); code != 0 || len(found) > 0 {
			t.Fatalf("ended with %d and found %q after a sync", code, found)
		}
		// Wider types in the destination change no values.
		pgtest.Exec(t, source, `alter table widened alter n type numeric(12,4), alter d type timestamp`)
		syncJSON(t, source, w.url, "--state", state, "--table", "public.widened")
		pgtest.Exec(t, source, `alter table widened alter n type numeric(8,2), alter d type date`)
		if found, code := verifyJSON(t, source, w.url); code != 0 || len(found) > 0 {
			t.Errorf("ended with %d and found %q in wider columns", code, found)
		}
		w.change(t, damage...)
		if found, code := verifyJSON(t, source, w.url); code != 1 || !slices.Equal(found, want) {
			t.Errorf("ended with %d and found\n%s\nwant\n%s", code, strings.Join(found, "\n"), strings.Join(want, "\n"))
		}
	})
}

// TestVerifyMariaDB has values there that are none to MariaDB, which are lost,
// and no other differences before there is damage.
func TestVerifyMariaDB(t *testing.T) {
	source, server := newShop(t), mariatest.Database(t)
	at, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	name := strings.Trim(at.Path, "/")
	pgtest.Exec(t, source, `create table number (id int primary key, n numeric(8,2), f float4, d date, j json)`,
		`insert into number select i, i / 7.0, i / 7.0, '2024-02-29', '{"a": 1}' from generate_series(1, 20000) i`)
	state := filepath.Join(t.TempDir(), "state.json")
	check := func(step string, want ...string) {
		t.Helper()
		if found, _ := verifyJSON(t, source, server, "--schema", name); !slices.Equal(found, want) {
			t.Errorf("%s:\n%s\nwant\n%s", step, strings.Join(found, "\n"), strings.Join(want, "\n"))
		}
	}
	syncJSON(t, source, server, "--schema", name, "--state", state)
	const unheld = "public.every_type lost 4 late 0 extra 0; different [2][c_date c_timestamp]" +
		"; different [3][c_float4 c_float8 c_date c_timestamp c_timestamptz]; different [4][c_float4 c_float8 c_date c_timestamp c_timestamptz]" +
		"; different [5][c_date c_timestamp c_timestamptz]"
	check("after a sync", unheld)
	pgtest.Exec(t, source, `alter table number alter n type numeric(12,4), alter f type float8, alter d type timestamp`)
	syncJSON(t, source, server, "--schema", name, "--state", state)
	pgtest.Exec(t, source, `alter table number alter n type numeric(8,2), alter f type float4, alter d type date`)
	check("in wider columns", unheld)
	public := "`" + name + "_public`."
	mariatest.Exec(t, server, "delete from "+public+"customer where id = 77", "insert into "+public+"customer (id, name) values (999999, 'x')",
		"update "+public+"customer set name = 'Customer 42' where id = 42", "update "+public+"line set _fivetran_deleted = true where a = 5 and b = 'k5'",
		"update "+public+"log_line set message = 'x' limit 1", "drop table "+public+"event")
	check("after damage", "public.customer lost 2 late 0 extra 1; different [42][name]; missing [77][]; extra [999999][]",
		"public.event lost 4000 late 0 extra 0; 0 true", unheld, "public.line lost 1 late 0 extra 0; missing [5 k5][]", "public.log_line lost 1 late 0 extra 0")
}

// TestVerifyHashed compares what a sync hashed, without the secret.
func TestVerifyHashed(t *testing.T) {
	source := pgtest.Database(t)
	pgtest.Exec(t, source, `create table person (id int primary key, mail text, age int)`, `insert into person select i, 'm' || i, i from generate_series(1, 100) i`)
	eachWarehouse(t, func(t *testing.T, w warehouse) {
		if code, _, stderr := run(t, []string{"PENSTOCK_HASH_KEY=a key"}, "sync", source, w.url, "--hash", "*.mail"); code != 0 {
			t.Fatal(stderr)
		}
		if found, code := verifyJSON(t, source, w.url); code != 1 || !strings.HasPrefix(found[0], "public.person lost 100 ") {
			t.Errorf("as if nothing was hashed it ended with %d and found %q", code, found)
		}
		if found, code := verifyJSON(t, source, w.url, "--hash", "*.mail"); code != 0 || len(found) > 0 {
			t.Errorf("ended with %d and found %q", code, found)
		}
		w.change(t, `update public.person set age = 0 where id = 7`)
		if found, code := verifyJSON(t, source, w.url, "--hash", "*.mail"); code != 1 || !slices.Equal(found, []string{"public.person lost 1 late 0 extra 0; different [7][age]"}) {
			t.Errorf("after damage it ended with %d and found %q", code, found)
		}
		// The next sync reads all of it: with its state, nothing is lost.
		state := filepath.Join(t.TempDir(), "state")
		if found, code := verifyJSON(t, source, w.url, "--hash", "*.mail", "--state", state); code != 0 || !slices.Equal(found, []string{"public.person lost 0 late 1 extra 0; different [7][age]"}) {
			t.Errorf("before the first sync with a state it ended with %d and found %q", code, found)
		}
	})
}

// TestVerifyLag has rows that the source wrote after the sync.
func TestVerifyLag(t *testing.T) {
	source := pgtest.Database(t)
	pgtest.Exec(t, source, `create table item (id int primary key, x text)`, `insert into item select i, 'x' || i from generate_series(1, 9000) i`)
	eachWarehouse(t, func(t *testing.T, w warehouse) {
		state := filepath.Join(t.TempDir(), "state.json")
		syncJSON(t, source, w.url, "--state", state)
		pgtest.Exec(t, source, `update item set x = x || '!' where id = 7`, `insert into item select max(id) + 1, 'new' from item`, `delete from item where id = (select min(id) from item where id > 100)`)
		found, code := verifyJSON(t, source, w.url, "--state", state)
		if code != 0 || len(found) != 1 || !strings.Contains(found[0], "lost 0 late 2 extra 1") {
			t.Errorf("ended with %d and found %q", code, found)
		}
		if _, code := verifyJSON(t, source, w.url); code != 1 {
			t.Errorf("ended with %d without a state", code)
		}
		syncJSON(t, source, w.url, "--state", state)
		if found, code := verifyJSON(t, source, w.url, "--state", state); code != 0 || len(found) > 0 {
			t.Errorf("ended with %d and found %q after the next sync", code, found)
		}
	})
}

func TestPlan(t *testing.T) {
	source := pgtest.Database(t)
	pgtest.Exec(t, source, `create table item (id int primary key, n int)`, `insert into item select i, i from generate_series(1, 500) i`,
		`create table twice (x int)`, `insert into twice values (1), (1), (null)`)
	plan := func(args ...string) string {
		t.Helper()
		code, stdout, stderr := run(t, nil, append([]string{"plan", source}, args...)...)
		if code != 0 {
			t.Fatalf("ended with %d and printed\n%s", code, stderr)
		}
		var lines []string
		for line := range strings.Lines(stdout) {
			lines = append(lines, strings.Join(strings.Fields(line), " "))
		}
		return strings.Join(lines[1:], "\n")
	}
	eachWarehouse(t, func(t *testing.T, w warehouse) {
		state := filepath.Join(t.TempDir(), "state.json")
		want := "public.item public.item historical 500 create it with 2 columns\npublic.twice public.twice historical 3 create it with 2 columns"
		for range 2 { // a plan changes nothing
			if got := plan(w.url, "--state", state); got != want {
				t.Errorf("planned\n%s\nwant\n%s", got, want)
			}
		}
		syncJSON(t, source, w.url, "--state", state, "--table", "item")
		pgtest.Exec(t, source, `alter table item add more text`)
		got := plan(w.url, "--state", state, "--table", "item")
		if !strings.HasPrefix(got, "public.item public.item incremental ") || !strings.HasSuffix(got, " add more STRING") {
			t.Errorf("planned %s", got)
		}
		pgtest.Exec(t, source, `alter table item drop more`, `alter table item alter n type bigint`)
		if got := plan(w.url, "--table", "item"); got != "public.item public.item historical 500 widen n from INT to LONG" {
			t.Errorf("planned %s", got)
		}
		pgtest.Exec(t, source, `alter table item alter n type int`)
	})
}
