package main

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	_ "github.com/duckdb/duckdb-go/v2"
	_ "github.com/jackc/pgx/v5/stdlib"
)

// equal loads both tables into both destinations and compares what is there,
// by SQL on each side: the number of rows, and for each column the number of
// values and a sum of hashes of their text. The figures are how many columns
// were compared and how many differed.
func equal(ctx context.Context, b *bench) ([]figure, error) {
	db, err := b.postgres(ctx)
	if err != nil {
		return nil, err
	}
	target, err := b.target(ctx, db)
	if err != nil {
		return nil, err
	}
	file := b.path("equal.duckdb")
	var compared, differing float64
	for _, table := range []string{"lineitem", "wide"} {
		for _, d := range []string{target, "duckdb:" + file} {
			if _, _, err := b.sync(ctx, db, d, "--table", "public."+table); err != nil {
				return nil, err
			}
		}
		source, err := open(ctx, "pgx", db)
		if err != nil {
			return nil, err
		}
		columns, err := source.columns(ctx, table)
		if err != nil {
			return nil, err
		}
		want, err := source.sums(ctx, table, columns, postgresHash)
		if err != nil {
			return nil, err
		}
		for _, d := range []struct{ driver, dsn, hash string }{{"pgx", target, postgresHash}, {"duckdb", file + "?access_mode=read_only", duckdbHash}} {
			side, err := open(ctx, d.driver, d.dsn)
			if err != nil {
				return nil, err
			}
			got, err := side.sums(ctx, table, columns, d.hash)
			if err != nil {
				return nil, err
			}
			side.Close()
			for i := range want {
				if compared++; got[i] != want[i] {
					differing++
					name := append([]string{"rows"}, columns...)[i]
					fmt.Printf("%s.%s: source %s, %s %s\n", table, name, want[i], d.driver, got[i])
				}
			}
		}
		source.Close()
	}
	return []figure{
		{what: "counts and columns compared", value: compared},
		{what: "of them different", value: differing, limit: 0.5},
	}, nil
}

// The first 32 bits of the MD5 of a value's text, as a number.
const (
	postgresHash = `('x' || substr(md5(%s::text), 1, 8))::bit(32)::bigint`
	duckdbHash   = `CAST('0x' || substr(md5(regexp_replace(CAST(%s AS VARCHAR), '^(-?\d+)\.0$', '\1')), 1, 8) AS BIGINT)` // a whole double has ".0" there
)

type side struct{ *sql.DB }

func open(ctx context.Context, driver, dsn string) (*side, error) {
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	zone := "set timezone = 'UTC'"
	_, err = db.ExecContext(ctx, zone)
	return &side{db}, err
}

func (s *side) columns(ctx context.Context, table string) (names []string, err error) {
	rows, err := s.QueryContext(ctx, `select column_name from information_schema.columns where table_schema = 'public' and table_name = $1 order by ordinal_position`, table)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var n string
		if err := rows.Scan(&n); err != nil {
			return nil, err
		}
		names = append(names, n)
	}
	return names, rows.Err()
}

// sums returns the number of rows, then for each column its values and their hashes.
func (s *side) sums(ctx context.Context, table string, columns []string, hash string) ([]string, error) {
	exprs := []string{"count(*)::text"}
	for _, c := range columns {
		q := `"` + c + `"`
		exprs = append(exprs, fmt.Sprintf("count(%s)::text || ' ' || coalesce(sum(%s), 0)::text", q, fmt.Sprintf(hash, q)))
	}
	out := make([]string, len(exprs))
	into := make([]any, len(exprs))
	for i := range out {
		into[i] = &out[i]
	}
	err := s.QueryRowContext(ctx, "select "+strings.Join(exprs, ", ")+" from public."+table).Scan(into...)
	return out, err
}
