package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock-data/penstock/internal/pgtest"
	"github.com/penstock-data/penstock/schema"
)

// everyType has a column of each built-in type, and rows with what is unusual
// about each.
var everyType = []string{
	`create extension if not exists hstore`,
	`create type mood as enum ('sad', 'happy')`,
	`create domain positive as int check (value > 0)`,
	`create type pair as (a int, b text)`,
	`create table every_type (
		id int primary key,
		c_bool bool, c_int2 int2, c_int4 int4, c_int8 int8, c_oid oid,
		c_float4 float4, c_float8 float8, c_num numeric(12,3), c_numeric numeric, c_huge numeric(60,5), c_nan numeric(8,2), c_money money,
		c_text text, c_varchar varchar(20), c_char char(8), c_name name, c_bytea bytea,
		c_date date, c_time time, c_timetz timetz, c_timestamp timestamp, c_timestamptz timestamptz, c_interval interval,
		c_uuid uuid, c_json json, c_jsonb jsonb, c_xml xml, c_hstore hstore,
		c_mood mood, c_positive positive, c_pair pair,
		c_ints int[], c_texts text[], c_range int4range, c_tsrange tstzrange,
		c_bit bit(5), c_varbit varbit, c_inet inet, c_cidr cidr, c_mac macaddr, c_mac8 macaddr8,
		c_point point, c_box box, c_path path, c_polygon polygon, c_circle circle, c_lseg lseg, c_line line,
		c_tsvector tsvector, c_tsquery tsquery, c_lsn pg_lsn)`,
	`insert into every_type (id) values (1)`,
	`insert into every_type values (2,
		true, 32767, -2147483648, 9223372036854775807, 4294967295,
		'1e-40', '-1.7976931348623157e308', -123456789.125, '12345678901234567890123456789012345678901234567890.000100', 1e50, 'NaN', '-$92,233.05',
		E'tab\tquote"\\ snow ☃ 😀', '', 'ab', 'name', '\x00ff10',
		'0044-03-15 BC', '24:00', '23:59:59.999999+02', '4713-01-01 00:00:00 BC', '1999-12-31 23:59:59.999999+00', '1 year -2 days 03:04:05.6',
		'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{"b": 1,  "a": [1.10, null], "a": 2}', '{"b": 1e2, "a": "ü"}', '<a>ü</a>', 'k=>v, n=>NULL',
		'happy', 7, '(1,"x,y")',
		'{{1,2},{3,NULL}}', '{"a,b",NULL,""}', '[1,5)', '[2024-01-01 00:00+00,)',
		B'10101', B'1', '10.1.2.3/24', '10.1.0.0/16', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05',
		'(1.5,-2)', '((0,0),(1,1))', '((0,0),(1,1),(2,0))', '((0,0),(1,1),(2,0))', '<(0,0),1>', '((0,0),(1,1))', '{1,2,3}',
		'a:1 b:2', 'a & b', '16/B374D848')`,
	`insert into every_type (id, c_float4, c_float8, c_numeric, c_num, c_date, c_timestamp, c_timestamptz, c_text, c_bytea, c_json) values
		(3, 'NaN', 'NaN', 'NaN', 0, 'infinity', 'infinity', 'infinity', '', '', 'null'),
		(4, 'Infinity', '-Infinity', 0.000000000000000000000000000001, -0.001, '-infinity', '-infinity', '-infinity', repeat('ß', 3000), decode(repeat('00ff', 5000), 'hex'), '[]'),
		(5, '-0', '-0', -1, 999999999.999, '5874897-12-31', '294246-01-01', '0001-01-01 00:00:00+00 BC', ' ', '\x', '"\u0041"')`,
}

// shop is a small database with what is unusual about tables.
var shop = []string{
	`create table customer (id int primary key, name text not null, note text, changed timestamptz default now(), score float8)`,
	`insert into customer select i, 'customer ' || i, repeat(md5(i::text), i % 5), '2024-01-01'::timestamptz + i * interval '1 second', i / 7.0 from generate_series(1, 6000) i`,
	`create table line (a int, b text, qty numeric(10,2), blob bytea, primary key (b, a))`,
	`insert into line select i, 'k' || i % 10, i / 3.0, decode(md5(i::text), 'hex') from generate_series(1, 9000) i`,
	`create table log_line (at timestamp, message text)`,
	`insert into log_line select '2024-01-01'::timestamp + i * interval '1 minute', 'line ' || i % 2500 from generate_series(1, 3000) i`,
	`create table event (id bigint, day date, what text, primary key (id, day)) partition by range (day)`,
	`create table event_2023 partition of event for values from ('2023-01-01') to ('2024-01-01')`,
	`create table event_2024 partition of event for values from ('2024-01-01') to ('2025-01-01') partition by hash (id)`,
	`create table event_2024_0 partition of event_2024 for values with (modulus 2, remainder 0)`,
	`create table event_2024_1 partition of event_2024 for values with (modulus 2, remainder 1)`,
	`insert into event select i, '2023-07-01'::date + i % 365, 'e' || i from generate_series(1, 4000) i`,
	`create table empty_one (id int primary key, x text)`,
	`create view big_customer as select id, name from customer where id > 5900`,
	`create materialized view customer_count as select count(*) as n from customer`,
	`create schema "Odd Schema"`,
	`create table "Odd Schema"."Order ""Lines""" ("Id" int primary key, "select" text, "naïve col" int, "per%cent" int, "1st" text, "_under" int)`,
	`insert into "Odd Schema"."Order ""Lines""" select i, 's' || i, i, i, 'f' || i, i from generate_series(1, 300) i`,
}

// shopTables is what a sync makes of shop and everyType.
func shopTables() []compared {
	name := func(s, t string) schema.Name { return schema.Name{Schema: s, Table: t} }
	var all []compared
	for _, t := range []string{"every_type", "customer", "line", "event", "empty_one"} {
		all = append(all, compared{source: name("public", t), destination: name("public", t)})
	}
	for _, t := range []string{"log_line", "big_customer", "customer_count"} {
		all = append(all, compared{source: name("public", t), destination: name("public", t), keyless: true})
	}
	return append(all, compared{source: name("Odd Schema", `Order "Lines"`), destination: name("odd_schema", "order__lines_")})
}

func newShop(t testing.TB) (dsn string) {
	t.Helper()
	dsn = pgtest.DatabaseOn(t, ownPostgres(t))
	pgtest.Exec(t, dsn, everyType...)
	pgtest.Exec(t, dsn, shop...)
	return dsn
}

// disturb makes random changes to shop.
func disturb(t testing.TB, dsn string, rng *rand.Rand) {
	t.Helper()
	n := func() int { return rng.IntN(9000) }
	changes := []func() string{
		func() string {
			return fmt.Sprintf(`insert into customer select i, 'new ' || i, repeat('x', 3000), now(), i from generate_series(%d, %d) i on conflict (id) do update set note = null`, n(), n())
		},
		func() string {
			return fmt.Sprintf(`update customer set score = score + 1, note = 'u' where id %% 97 = %d`, rng.IntN(97))
		},
		func() string { return fmt.Sprintf(`delete from customer where id between %d and %d`, n(), n()/2) },
		func() string {
			return fmt.Sprintf(`update line set b = b || 'x' where a %% 501 = %d`, rng.IntN(501))
		},
		func() string { return fmt.Sprintf(`delete from line where a %% 89 = %d`, rng.IntN(89)) },
		func() string {
			return fmt.Sprintf(`insert into event select i, '2024-12-31', 'late' from generate_series(%d, %d) i on conflict do nothing`, 10000+n(), 10100+n())
		},
		func() string {
			return fmt.Sprintf(`update event set day = '2023-02-02' where id %% 211 = %d and id < 10000`, rng.IntN(211))
		},
		func() string { return `insert into log_line values (now(), 'again'), (now(), 'again')` },
		func() string {
			return fmt.Sprintf(`delete from log_line where message = 'line %d'`, rng.IntN(2500))
		},
		func() string { return `truncate empty_one` },
		func() string {
			return fmt.Sprintf(`insert into empty_one values (%d, 'x') on conflict do nothing`, n())
		},
		func() string {
			return fmt.Sprintf(`update "Odd Schema"."Order ""Lines""" set "select" = 'changed' where "Id" %% 13 = %d`, rng.IntN(13))
		},
		func() string {
			return fmt.Sprintf(`update every_type set c_text = '%d', c_float8 = random(), c_json = null where id = 5`, n())
		},
	}
	var statements []string
	for _, i := range rng.Perm(len(changes)) {
		statements = append(statements, changes[i]())
	}
	pgtest.Exec(t, dsn, append(statements, `refresh materialized view customer_count`)...)
}

// eachWarehouse runs a test with each kind of destination.
func eachWarehouse(t *testing.T, f func(t *testing.T, w warehouse)) {
	t.Run("duckdb", func(t *testing.T) { f(t, duckWarehouse(filepath.Join(t.TempDir(), "w.duckdb"))) })
	t.Run("postgres", func(t *testing.T) { f(t, postgresWarehouse(pgtest.Database(t))) })
}

func TestSyncCopies(t *testing.T) {
	source := newShop(t)
	eachWarehouse(t, func(t *testing.T, w warehouse) {
		rng := rand.New(rand.NewPCG(7, 7))
		state := filepath.Join(t.TempDir(), "state.json")
		s := syncJSON(t, source, w.url, "--state", state)
		equal(t, source, w, shopTables())
		if s.Failed != 0 || s.Rows == 0 || s.Bytes == 0 || s.Seconds <= 0 || s.CPUSeconds <= 0 || s.PeakBytes == 0 || len(s.Tables) != len(shopTables()) {
			t.Errorf("the summary is %+v", s)
		}
		// What DuckDB's decimals cannot hold makes the column one of text;
		// from Postgres to Postgres there is nothing to widen.
		if warned := strings.Contains(strings.Join(s.Warnings, "\n"), "c_nan"); warned != strings.HasPrefix(w.url, "duckdb:") {
			t.Errorf("warnings of NaN in a numeric(8,2): %q", s.Warnings)
		}
		for range 3 {
			disturb(t, source, rng)
			inc := syncJSON(t, source, w.url, "--state", state)
			equal(t, source, w, shopTables())
			if inc.Rows >= s.Rows {
				t.Errorf("the increment moved %d rows, the load %d", inc.Rows, s.Rows)
			}
		}
		pgtest.Exec(t, source, `truncate line`)
		syncJSON(t, source, w.url, "--state", state)
		equal(t, source, w, shopTables())
		// What was deleted is still there, marked.
		if n := w.number(t, `select count(*) from public.line where _fivetran_deleted`); n < 9000 {
			t.Errorf("%d rows of line are marked as deleted", n)
		}
		pgtest.Exec(t, source, `insert into line select i, 'k' || i % 10, i / 3.0, decode(md5(i::text), 'hex') from generate_series(1, 9000) i`)
		// The table is an increment away from what it was.
		syncJSON(t, source, w.url, "--state", state)
		equal(t, source, w, shopTables())
	})
}

// TestDifferences makes differences that the comparison must find.
func TestDifferences(t *testing.T) {
	source, tables := small(t)
	eachWarehouse(t, func(t *testing.T, w warehouse) {
		syncJSON(t, source, w.url, "--schema", "src")
		equal(t, source, w, tables)
		for _, change := range []string{
			`update small set x = x || '!' where id = 7`,
			`update small set x = null where id = 8`,
			`delete from small where id = 9`,
			`update small set x = case id when 10 then 'x11' else 'x10' end where id in (10, 11)`, // only the rows differ
		} {
			other := pgtest.Database(t)
			pgtest.Exec(t, other, `create table small (id int primary key, x text)`, `insert into small select i, 'x' || i from generate_series(1, 500) i`, change)
			if d := differences(t, other, w, tables); len(d) == 0 {
				t.Errorf("not found: %s", change)
			}
		}
	})
}

func TestSyncOptions(t *testing.T) {
	source := newShop(t)
	eachWarehouse(t, func(t *testing.T, w warehouse) {
		s := syncJSON(t, source, w.url, "--table", "public.customer", "--table", "ev*", "--schema", "copied")
		var got []string
		for _, table := range s.Tables {
			got = append(got, table.Source+" "+table.Destination)
		}
		want := "public.customer copied_public.customer; public.event copied_public.event; public.every_type copied_public.every_type"
		if strings.Join(got, "; ") != want {
			t.Errorf("synced %q, want %q", got, want)
		}
		equal(t, source, w, []compared{{
			source:      schema.Name{Schema: "public", Table: "customer"},
			destination: schema.Name{Schema: "copied_public", Table: "customer"},
		}})
		if n := w.number(t, `select count(*) from information_schema.tables where table_schema like 'copied%' or table_schema = 'public'`); n != 3 {
			t.Errorf("%d tables were made", n)
		}
	})
	t.Run("text", func(t *testing.T) {
		code, stdout, _ := run(t, nil, "sync", source, filepath.Join(t.TempDir(), "w.duckdb"), "--table", "customer")
		for _, want := range []string{"public.customer", "6000", "peak memory", "CPU s"} {
			if code != 0 || !strings.Contains(stdout, want) {
				t.Errorf("ended with %d and printed no %q:\n%s", code, want, stdout)
			}
		}
	})
	t.Run("environment", func(t *testing.T) {
		env := []string{"PENSTOCK_SOURCE=" + source, "PENSTOCK_DESTINATION=" + filepath.Join(t.TempDir(), "w.duckdb"), "PENSTOCK_TABLE=customer", "PENSTOCK_JSON=true"}
		code, stdout, stderr := run(t, env, "sync")
		if code != 0 || !strings.Contains(stdout, `"rows":6000`) {
			t.Errorf("ended with %d and printed\n%s%s", code, stdout, stderr)
		}
	})
}

// TestSyncSecrets syncs with a password that the source asks for, and looks
// for it in everything that is printed when something is wrong.
func TestSyncSecrets(t *testing.T) {
	ownPostgres(t)
	pgtest.Exec(t, own.url, `drop role if exists app`, `create role app login superuser password '`+appPassword+`'`)
	source := "postgres://app:${THE_PASSWORD}@127.0.0.1:" + own.port + "/postgres?sslmode=disable"
	good, bad := "THE_PASSWORD="+appPassword, "THE_PASSWORD=wrong-"+appPassword+"-/@:%"
	dir := t.TempDir()
	notDuck := filepath.Join(dir, "not.duckdb")
	if err := os.WriteFile(notDuck, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		env  []string
		args []string
		code int
		says string
	}{
		{"works", []string{good}, []string{source, "duckdb:" + filepath.Join(dir, "a.duckdb")}, 0, "peak memory"},
		{"wrong password", []string{bad}, []string{source, "duckdb:" + filepath.Join(dir, "b.duckdb")}, 1, "password"},
		{"variable not set", nil, []string{source, "duckdb:" + filepath.Join(dir, "b.duckdb")}, 1, "THE_PASSWORD"},
		{"not a URL", []string{good}, []string{"postgres://app:" + appPassword + "@[::1/x", "duckdb:x"}, 1, "source"},
		{"unknown field", []string{good}, []string{source + "&passwort=" + appPassword, "duckdb:x"}, 1, "passwort"},
		{"unknown source", nil, []string{"mysql://app:" + appPassword + "@h/d", "duckdb:x"}, 1, "mysql"},
		{"unknown destination", []string{good}, []string{source, "oracle://app:" + appPassword + "@h/d"}, 1, "oracle"},
		{"no folder", []string{good}, []string{source, "duckdb:" + filepath.Join(dir, "none", "b.duckdb")}, 1, "none"},
		{"no DuckDB file", []string{good}, []string{source, "duckdb:" + notDuck}, 1, "not.duckdb"},
		{"destination's password", []string{good, bad}, []string{source, source}, 1, "password"},
		{"one argument", []string{good}, []string{source}, 80, "destination"},
		{"bad flag", []string{good}, []string{source, "duckdb:x", "--memory", "much"}, 80, "memory"},
		{"closed port", []string{good}, []string{"postgres://app:${THE_PASSWORD}@127.0.0.1:1/postgres?sslmode=disable", "duckdb:" + filepath.Join(dir, "b.duckdb")}, 1, "127.0.0.1:1"},
	}
	for _, tt := range tests {
		for _, format := range []string{"", "--json"} {
			t.Run(tt.name+format, func(t *testing.T) {
				args := append([]string{"sync"}, tt.args...)
				if format != "" {
					args = append(args, format)
				}
				code, stdout, stderr := run(t, tt.env, args...)
				printed := stdout + stderr
				if code != tt.code || (tt.code != 0 || format == "") && !strings.Contains(strings.ToLower(printed), strings.ToLower(tt.says)) {
					t.Errorf("ended with %d, want %d, and does it say %q?\n%s", code, tt.code, tt.says, printed)
				}
				if strings.Contains(printed, appPassword) {
					t.Errorf("the password was printed:\n%s", printed)
				}
			})
		}
	}
}

// TestSyncOneTableFails has a table that only fails when it is read.
func TestSyncOneTableFails(t *testing.T) {
	source := pgtest.Database(t)
	pgtest.Exec(t, source,
		`create table good (id int primary key)`, `insert into good select generate_series(1, 100)`,
		`create view bad as select 1 / (id - 50) as x from good`)
	eachWarehouse(t, func(t *testing.T, w warehouse) {
		code, stdout, stderr := run(t, nil, "sync", source, w.url)
		if code != 1 || !strings.Contains(stdout, "division by zero") || !strings.Contains(stderr, "1 of 2 tables") {
			t.Errorf("ended with %d and printed\n%s%s", code, stdout, stderr)
		}
		equal(t, source, w, []compared{{source: schema.Name{Schema: "public", Table: "good"}, destination: schema.Name{Schema: "public", Table: "good"}}})
	})
}
