package duckdb

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/penstock-data/penstock/destination"
)

// library makes a file with a table of books, beside a file that is nobody's
// business.
func library(t *testing.T) (k *duck, secret string) {
	t.Helper()
	dir := t.TempDir()
	k = &duck{path: filepath.Join(dir, "library.duckdb")}
	db, err := sql.Open("duckdb", k.path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`CREATE SCHEMA s; CREATE TABLE s.book (id BIGINT, title VARCHAR, price DECIMAL(8, 2), tags VARCHAR[]);
		INSERT INTO s.book VALUES (1, 'Emma', 9.5, ['a', 'b']), (2, NULL, 12, NULL), (3, 'Persuasion', 0, [])`); err != nil {
		t.Fatal(err)
	}
	secret = filepath.Join(dir, "secret.csv")
	if err := os.WriteFile(secret, []byte("word\nswordfish\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return k, secret
}

func asked(k *duck, query string) (*destination.Answer, error) {
	return k.Query(context.Background(), destination.Query{SQL: query, Rows: 3, Bytes: 100_000})
}

func TestQuery(t *testing.T) {
	k, _ := library(t)
	for _, tt := range []struct{ sql, columns, rows string }{
		{"SELECT * FROM s.book ORDER BY id DESC", "id BIGINT, title VARCHAR, price DECIMAL(8,2), tags VARCHAR[]", "3|Persuasion|0.00|[] 2|NULL|12.00|NULL 1|Emma|9.50|[a, b]"},
		{"from s.book select count(*) as n, max(title); ", "n BIGINT, max(title) VARCHAR", "3|Persuasion"},
		{"WITH x AS (SELECT 1 AS a) SELECT a, a FROM x -- all", "a INTEGER, a_1 INTEGER", "1|1"},
		{"VALUES (TIMESTAMPTZ '2026-01-02 03:04:05+00')", "col0 TIMESTAMP WITH TIME ZONE", ""},
		{"SELECT i FROM range(10) t(i)", "i BIGINT", "0 1 2 …"},
		{"DESCRIBE s.book", "column_name VARCHAR, column_type VARCHAR, null VARCHAR, key VARCHAR, default VARCHAR, extra VARCHAR", ""},
		{"SELECT NULL AS a FROM range(3)", "a INTEGER", "NULL NULL NULL"},
		{"SELECT repeat('x', 30000)", "repeat('x', 30000) VARCHAR", ""},
	} {
		a, err := asked(k, tt.sql)
		if err != nil {
			t.Errorf("%s: %v", tt.sql, err)
			continue
		}
		var columns, rows []string
		for _, c := range a.Columns {
			columns = append(columns, c.Name+" "+c.Type)
		}
		for _, r := range a.Rows {
			var row []string
			for _, v := range r {
				if v == nil {
					row = append(row, "NULL")
				} else {
					row = append(row, *v)
				}
			}
			rows = append(rows, strings.Join(row, "|"))
		}
		if a.More {
			rows = append(rows, "…")
		}
		if got := strings.Join(columns, ", "); got != tt.columns {
			t.Errorf("%s: columns %s", tt.sql, got)
		}
		if got := strings.Join(rows, " "); tt.rows != "" && got != tt.rows {
			t.Errorf("%s: rows %s", tt.sql, got)
		}
	}
}

// TestQueryStaysInside tries every way out of the file that DuckDB has: to other
// files, to the network, to the environment, to settings, and into the file.
func TestQueryStaysInside(t *testing.T) {
	k, secret := library(t)
	dir := filepath.Dir(secret)
	t.Setenv("PENSTOCK_MASTER_KEY", "swordfish")
	before, err := os.ReadFile(k.path)
	if err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{
		"SELECT * FROM '" + secret + "'",
		"FROM '" + dir + "/*.csv'",
		"SELECT * FROM read_csv('" + secret + "')",
		"SELECT * FROM read_csv_auto('" + secret + "')",
		"SELECT * FROM read_text('" + secret + "')",
		"SELECT * FROM read_blob('" + secret + "')",
		"SELECT * FROM read_json('" + secret + "')",
		"SELECT * FROM read_ndjson_objects('" + secret + "')",
		"SELECT * FROM read_parquet('" + secret + "')",
		"SELECT * FROM parquet_metadata('" + secret + "')",
		"SELECT * FROM sniff_csv('" + secret + "')",
		"SELECT * FROM glob('" + dir + "/*')",
		"SELECT * FROM query('SELECT * FROM read_text(''" + secret + "'')')",
		"SELECT * FROM query_table('" + secret + "')",
		"SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT * FROM read_text(''" + secret + "'')'))",
		"SELECT (SELECT content FROM read_text('" + secret + "'))",
		"SELECT * FROM read_csv('http://127.0.0.1:9/x.csv')",
		"SELECT * FROM 's3://bucket/x.parquet'",
		"SELECT * FROM sqlite_scan('" + secret + "', 't')",
		"SELECT * FROM postgres_scan('host=127.0.0.1', 'public', 't')",
		"SELECT getenv('PENSTOCK_MASTER_KEY')",
		"SELECT * FROM duckdb_logs_parsed('x')",
		"SELECT * FROM duckdb_secrets()",
		"SELECT * FROM duckdb_settings()",
		"SELECT (SELECT count(*) FROM (WITH x AS (FROM Enable_Logging('QueryLog')) FROM x))",
		"SELECT * FROM s.book WHERE id IN (FROM main.force_checkpoint())",
		"SELECT * FROM enable_logging('QueryLog', storage='file', storage_path='" + dir + "/log')",
		"CALL enable_logging('QueryLog', storage='file', storage_path='" + dir + "/log')",
		"COPY s.book TO '" + dir + "/out.csv'",
		"COPY (SELECT 1) TO '/dev/stdout'",
		"COPY s.book FROM '" + secret + "'",
		"EXPORT DATABASE '" + dir + "/export'",
		"IMPORT DATABASE '" + dir + "'",
		"ATTACH '" + dir + "/other.duckdb' AS o",
		"ATTACH ':memory:' AS o",
		"DETACH library",
		"USE s",
		"INSTALL httpfs",
		"LOAD httpfs",
		"LOAD '" + dir + "/x.duckdb_extension'",
		"FORCE INSTALL httpfs FROM 'http://127.0.0.1:9'",
		"SET enable_external_access = true",
		"SET lock_configuration = false",
		"SET memory_limit = '64GB'",
		"SET temp_directory = '" + dir + "/tmp'",
		"RESET ALL",
		"SET VARIABLE x = 1",
		"PRAGMA enable_profiling = 'json'",
		"PRAGMA profile_output = '" + dir + "/profile'",
		"PRAGMA database_list",
		"CREATE TABLE s.x (a INTEGER)",
		"CREATE TEMP TABLE x AS SELECT 1",
		"CREATE SECRET (TYPE s3)",
		"CREATE MACRO f(a) AS a",
		"INSERT INTO s.book VALUES (4, 'x', 1, NULL)",
		"UPDATE s.book SET title = 'x'",
		"DELETE FROM s.book",
		"DROP TABLE s.book",
		"ALTER TABLE s.book ADD COLUMN x INTEGER",
		"TRUNCATE s.book",
		"VACUUM",
		"CHECKPOINT",
		"FORCE CHECKPOINT",
		"SELECT * FROM checkpoint()",
		"SELECT * FROM force_checkpoint()",
		"BEGIN",
		"PREPARE p AS SELECT 1",
		"EXECUTE p",
		"EXPLAIN SELECT 1",
		"EXPLAIN ANALYZE COPY (SELECT 1) TO '" + dir + "/out.csv'",
		"SELECT 1; SELECT 2",
		"SELECT 1; COPY (SELECT 1) TO '" + dir + "/out.csv'",
		"SELECT 1) TO '" + dir + "/out.csv'; --",
		"SELECT 1) x; COPY (SELECT 1",
		"SELECT ?",
		"SELECT $name",
		"",
		"-- nothing",
	} {
		a, err := asked(k, query)
		var said *destination.QueryError
		if !errors.As(err, &said) {
			t.Errorf("%s: got %+v, %v", query, a, err)
		} else if strings.Contains(err.Error(), "swordfish") {
			t.Errorf("%s: %v", query, err)
		}
	}
	if after, err := os.ReadFile(k.path); err != nil || string(after) != string(before) {
		t.Errorf("the file has changed: %v", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("there are other files: %v, %v", entries, err)
	}
}

// TestQueryMemory: what takes too much ends the query, and not this process.
func TestQueryMemory(t *testing.T) {
	k, _ := library(t)
	for _, query := range []string{
		"SELECT list(i) FROM range(1000000000) t(i)",
		"SELECT length(string_agg(repeat('x', 100000), '')) FROM range(100000)",
		"SELECT repeat('x', 1000000000) || i FROM range(2048) t(i)",
		"SELECT count(*) FROM (SELECT DISTINCT repeat('x', 200) || i FROM range(100000000) t(i))",
	} {
		_, err := asked(k, query)
		var said *destination.QueryError
		if !errors.As(err, &said) || !strings.Contains(said.Message, "memory") {
			t.Errorf("%s: %v", query, err)
		}
	}
}

// TestQueryEnds: a query ends when nobody waits for it, and when a sync needs
// the file, after which it begins again.
func TestQueryEnds(t *testing.T) {
	k, _ := library(t)
	const endless = "SELECT count(*) FROM range(1000000000000) a, range(1000000) b WHERE a.range * b.range = 7"
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	ask := func(ctx context.Context) {
		_, err := k.Query(ctx, destination.Query{SQL: endless, Rows: 1, Bytes: 1})
		ended <- err
	}
	go ask(ctx)
	untilReading(k.path)
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	go ask(ctx)
	untilReading(k.path)
	f, err := acquire(t.Context(), k.path, 64<<20, 1)
	if err != nil {
		t.Fatal(err)
	}
	short, end := context.WithCancel(t.Context())
	end()
	if _, err := k.Query(short, destination.Query{SQL: "SELECT 1", Rows: 1, Bytes: 1}); err == nil || !strings.Contains(err.Error(), "A sync is writing") {
		t.Errorf("while a sync writes: %v", err)
	}
	if err := f.release(64 << 20); err != nil {
		t.Fatal(err)
	}
	untilReading(k.path) // again
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := asked(k, "SELECT 1"); err != nil {
		t.Error(err)
	}
}

// untilReading returns when a query reads the file.
func untilReading(path string) {
	for {
		files.mu.Lock()
		r := files.reading[path]
		files.mu.Unlock()
		if r != nil {
			return
		}
		runtime.Gosched()
	}
}

func TestQueryWithoutFile(t *testing.T) {
	k := &duck{path: filepath.Join(t.TempDir(), "none.duckdb")}
	if _, err := asked(k, "SELECT 1"); err == nil || !strings.Contains(err.Error(), "no file yet") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(k.path); !errors.Is(err, os.ErrNotExist) {
		t.Error("the query has made the file")
	}
}
