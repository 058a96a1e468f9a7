package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock-data/penstock/internal/pgtest"
)

// Hashes can be made again by whoever has the key, and are the same in every
// destination, be it reached by decoded rows or not.
func TestSyncBlocksAndHashes(t *testing.T) {
	dsn := pgtest.Database(t)
	pgtest.Exec(t, dsn, "create schema s", "create table s.person (id int primary key, email text, price numeric(10,2), ssn text)",
		"insert into s.person select i, 'p' || i || '@x', i, 'secret' from generate_series(1, 100) i")
	hash := func(s string) string {
		m := hmac.New(sha256.New, []byte("a key"))
		m.Write([]byte(s))
		return base64.StdEncoding.EncodeToString(m.Sum(nil))
	}
	eachWarehouse(t, func(t *testing.T, w warehouse) {
		args := []string{"sync", dsn, w.url, "--block", "*.ssn", "--block", "*.id", "--hash", "s.person.email", "--hash", "*.PRICE"}
		code, _, stderr := run(t, nil, args...)
		if code == 0 || !strings.Contains(stderr, "PENSTOCK_HASH_KEY") {
			t.Errorf("without a key it ended with %d and\n%s", code, stderr)
		}
		code, stdout, stderr := run(t, []string{"PENSTOCK_HASH_KEY=a key"}, args...)
		if code != 0 || strings.Contains(stdout+stderr, "secret") {
			t.Fatalf("it ended with %d and\n%s%s", code, stdout, stderr)
		}
		db := w.open(t)
		defer db.Close()
		var rows, columns int
		var email, price string
		err := db.QueryRow(`select count(*), max(case when id = 7 then email end), max(case when id = 7 then price end) from s.person`).Scan(&rows, &email, &price)
		if err != nil || rows != 100 || email != hash("p7@x") || price != hash("7") {
			t.Errorf("%d rows, e-mail %q, price %q, %v", rows, email, price, err)
		}
		err = db.QueryRow(`select count(*) from information_schema.columns where table_schema = 's' and table_name = 'person' and column_name = 'ssn'`).Scan(&columns)
		if err != nil || columns != 0 {
			t.Errorf("%d columns ssn, %v", columns, err)
		}
	})
}

// A column goes from the destination, data in place, and comes anew; a table
// that somebody has dropped is read whole.
func TestSyncDropsAndRestores(t *testing.T) {
	dsn := pgtest.Database(t)
	pgtest.Exec(t, dsn, "create schema s", "create table s.person (id int primary key, email text, ssn text)", "create table s.visit (id int primary key)",
		"insert into s.person select i, 'p' || i || '@x', 'secret' from generate_series(1, 100) i", "insert into s.visit values (1)")
	eachWarehouse(t, func(t *testing.T, w warehouse) {
		state := filepath.Join(t.TempDir(), "state.json")
		columns := func() int64 {
			return w.number(t, `select count(*) from information_schema.columns where table_schema = 's' and table_name = 'person' and column_name in ('email', 'ssn')`)
		}
		args := []string{dsn, w.url, "--state", state}
		syncJSON(t, args...)
		code, stdout, stderr := run(t, nil, append([]string{"plan", "--drop", "*.ssn", "--drop", "*.id"}, args...)...)
		if code != 0 || !strings.Contains(stdout, " drop ssn") || strings.Contains(stdout, "drop id") || columns() != 2 {
			t.Errorf("a plan ended with %d and %d columns, and\n%s%s", code, columns(), stdout, stderr)
		}
		for range 2 {
			if s := syncJSON(t, append(args, "--drop", "*.ssn")...); columns() != 1 || len(s.Warnings) != 0 {
				t.Errorf("%d columns, warnings %q", columns(), s.Warnings)
			}
		}
		pgtest.Exec(t, dsn, "update s.person set email = null where id = 1")
		syncJSON(t, args...)
		if n := w.number(t, "select count(ssn) from s.person"); columns() != 2 || n == 0 {
			t.Errorf("enabled again: %d columns, %d values", columns(), n)
		}

		if file, ok := strings.CutPrefix(w.url, "duckdb:"); ok {
			database(t, "duckdb", file, "drop table s.person").Close()
		} else {
			pgtest.Exec(t, w.url, "drop table s.person")
		}
		if _, stdout, _ := run(t, nil, append([]string{"plan"}, args...)...); !strings.Contains(stdout, "historical") {
			t.Errorf("planned\n%s", stdout)
		}
		s := syncJSON(t, args...)
		if n := w.number(t, "select count(*) from s.person where ssn = 'secret'"); n != 100 || s.Rows != 100 || !strings.Contains(strings.Join(s.Warnings, ""), "s.person") {
			t.Errorf("restored: %d rows of which %d were sent, warnings %q", n, s.Rows, s.Warnings)
		}
	})
}
