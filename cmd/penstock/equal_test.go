package main

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"

	_ "github.com/duckdb/duckdb-go/v2"
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/penstock-data/penstock/schema"
)

// A warehouse is a destination to look into.
type warehouse struct {
	url    string // for `penstock sync`
	open   func(t testing.TB) *sql.DB
	column func(name, typ string) string // a value's canonical text, in SQL
	hash   string                        // of a text, as a number, in SQL
}

func duckWarehouse(path string) warehouse {
	return warehouse{
		url: "duckdb:" + path,
		open: func(t testing.TB) *sql.DB {
			return database(t, "duckdb", path+"?access_mode=read_only", "set timezone = 'UTC'")
		},
		column: duckText,
		hash:   "('0x' || substr(md5(%s), 1, 15))::bigint",
	}
}

func postgresWarehouse(dsn string) warehouse {
	return warehouse{
		url:    dsn,
		open:   func(t testing.TB) *sql.DB { return openPostgres(t, dsn) },
		column: postgresText,
		hash:   postgresHash,
	}
}

const postgresHash = "('x' || substr(md5(%s), 1, 15))::bit(60)::bigint"

func openPostgres(t testing.TB, dsn string) *sql.DB {
	return database(t, "pgx", dsn, "set timezone = 'UTC'; set datestyle = 'ISO, YMD'; set intervalstyle = 'postgres'; set extra_float_digits = 3")
}

// database opens a database with one connection that has the settings.
func database(t testing.TB, driver, dsn, settings string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err == nil {
		db.SetMaxOpenConns(1)
		_, err = db.ExecContext(context.Background(), settings)
	}
	if err != nil {
		t.Fatalf("%s: %v", driver, err)
	}
	return db
}

// quoted quotes an identifier for both databases.
func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// postgresText returns SQL for a column's value as text. typ is the type's
// name, for arrays with a leading underscore.
func postgresText(name, typ string) string {
	c := quoted(name)
	switch {
	case typ == "float8":
		return "('x' || encode(float8send(" + c + "), 'hex'))::bit(64)::text"
	case typ == "float4":
		return "('x' || encode(float4send(" + c + "), 'hex'))::bit(32)::text"
	case typ == "bytea":
		return "encode(" + c + ", 'hex')"
	case typ == "money":
		return c + "::numeric(19,2)::text"
	case typ == "inet":
		return "abbrev(" + c + ")"
	case typ == "hstore":
		return c + "::json::text"
	case strings.HasPrefix(typ, "_"):
		return "to_json(" + c + ")::text"
	}
	return c + "::text"
}

func duckText(name, typ string) string {
	c := quoted(name)
	switch {
	case typ == "DOUBLE", typ == "FLOAT":
		return c + "::bit::varchar"
	case typ == "BLOB":
		return "lower(hex(" + c + "))"
	case typ == "DATE", strings.HasPrefix(typ, "TIMESTAMP"):
		return "case when " + c + "::varchar like '%(BC)%' then replace(" + c + "::varchar, ' (BC)', '') || ' BC' else " + c + "::varchar end"
	}
	return c + "::varchar"
}

// A table of the source and how it is compared.
type compared struct {
	source      schema.Name
	destination schema.Name
	keyless     bool // rows that are equal in all columns are one in the destination
}

// A sum is the number of values of a column that are not null and a checksum.
type sum struct {
	count int64
	hash  string
}

// sums returns those of a query's columns, and under "" those of its rows.
func sums(t testing.TB, db *sql.DB, hash, from string, distinct bool, names, texts []string) map[string]sum {
	t.Helper()
	var inner, outer, row []string
	for i, text := range texts {
		inner = append(inner, fmt.Sprintf("%s as c%d", text, i))
		outer = append(outer, fmt.Sprintf("count(c%d), coalesce(sum(%s), 0)::varchar", i, fmt.Sprintf(hash, fmt.Sprintf("c%d", i))))
		row = append(row, fmt.Sprintf("coalesce(c%d, '~')", i))
	}
	what := "select "
	if distinct {
		what = "select distinct "
	}
	query := fmt.Sprintf("select count(*), coalesce(sum(%s), 0)::varchar, %s from (%s from %s) as s",
		fmt.Sprintf(hash, strings.Join(row, " || '|' || ")), strings.Join(outer, ", "), what+strings.Join(inner, ", "), from)
	found := make([]sum, len(names)+1)
	var into []any
	for i := range found {
		into = append(into, &found[i].count, &found[i].hash)
	}
	if err := db.QueryRowContext(t.Context(), query).Scan(into...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	all := map[string]sum{"": found[0]}
	for i, n := range names {
		all[n] = found[i+1]
	}
	return all
}

// pairs returns the rows of a query that has two columns of text.
func pairs(t testing.TB, db *sql.DB, query string, args ...any) (first, second []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	for rows.Next() {
		var a, b string
		if err := rows.Scan(&a, &b); err != nil {
			t.Fatal(err)
		}
		first, second = append(first, a), append(second, b)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return first, second
}

// equal compares tables of a Postgres source with what a warehouse holds of
// them, by counts and checksums of all columns and of whole rows, each made in
// its own database.
func equal(t testing.TB, source string, w warehouse, tables []compared) {
	t.Helper()
	for _, d := range differences(t, source, w, tables) {
		t.Error(d)
	}
}

func differences(t testing.TB, source string, w warehouse, tables []compared) (all []string) {
	t.Helper()
	src, dst := openPostgres(t, source), w.open(t)
	defer src.Close()
	defer dst.Close()
	for _, c := range tables {
		names, types := pairs(t, src, `select a.attname, coalesce(b.typname, t.typname) from pg_attribute a
			join pg_type t on t.oid = a.atttypid left join pg_type b on b.oid = nullif(t.typbasetype, 0)
			where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped order by a.attnum`,
			quoted(c.source.Schema)+"."+quoted(c.source.Table))
		var texts []string
		for i := range names {
			texts = append(texts, postgresText(names[i], types[i]))
			names[i] = schema.DatabaseNaming.Column(names[i])
		}
		want := sums(t, src, postgresHash, quoted(c.source.Schema)+"."+quoted(c.source.Table), c.keyless, names, texts)

		query := `select column_name, data_type from information_schema.columns where table_schema = $1 and table_name = $2`
		if w.hash == postgresHash {
			query = strings.Replace(query, "data_type", "udt_name", 1)
		}
		have, as := pairs(t, dst, query, c.destination.Schema, c.destination.Table)
		var found []string
		for _, n := range names {
			i := slices.Index(have, n)
			if i < 0 {
				return append(all, fmt.Sprintf("%s lacks the column %s: it has %q", c.destination, n, have))
			}
			found = append(found, w.column(n, as[i]))
		}
		from := quoted(c.destination.Schema) + "." + quoted(c.destination.Table) + ` where not "_fivetran_deleted"`
		got := sums(t, dst, w.hash, from, false, names, found)
		for _, n := range append([]string{""}, names...) {
			if got[n] != want[n] {
				all = append(all, fmt.Sprintf("%s, column %q: %+v in the source, %+v in the destination", c.source, n, want[n], got[n]))
			}
		}
	}
	return all
}

// number returns what a query to the warehouse returns that has one number.
func (w warehouse) number(t testing.TB, query string) (n int64) {
	t.Helper()
	db := w.open(t)
	defer db.Close()
	if err := db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}
