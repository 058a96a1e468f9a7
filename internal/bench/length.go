package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
)

// segmentPages is how many pages PostgreSQL keeps in one file of a table, a
// gigabyte's (manual of version 15, chapter "Database File Layout").
const segmentPages = 1 << 17

// length loads a table of one gigabyte and one of many, and compares the peaks
// of memory. The long table has its first file again and again, by another link,
// so that it needs no more room than the short one: a page does not know where
// in a table it stands.
func length(ctx context.Context, b *bench) ([]figure, error) {
	if os.Getenv("PENSTOCK_BENCH_POSTGRES") != "" {
		fmt.Println("the loads of long tables are left out: they need a server of their own, whose files can be linked")
		return nil, nil
	}
	db, err := b.postgres(ctx)
	if err != nil {
		return nil, err
	}
	file, err := b.segment(ctx, db)
	if err != nil {
		return nil, err
	}
	var figures []figure
	var peaks []float64
	for _, gb := range []int{1, b.gb} {
		if err := repeat(file, gb); err != nil {
			return nil, err
		}
		to := b.path(fmt.Sprintf("long_%d.duckdb", gb))
		u, n, err := b.sync(ctx, db, "duckdb:"+to, "--table", "public.long")
		if err != nil {
			return nil, err
		}
		name, rows := fmt.Sprintf("%d GB: ", gb), float64(n)
		figures = append(figures,
			figure{what: name + "rows", value: rows},
			figure{what: name + "client CPU per million rows", value: u.cpu / rows * 1e6, unit: "s"},
			figure{what: name + "rows per second", value: rows / u.wall},
			figure{what: name + "peak memory", value: u.peak, unit: "MB", limit: 600})
		peaks = append(peaks, u.peak)
		if err := os.Remove(to); err != nil {
			return nil, err
		}
	}
	figures = append(figures, figure{what: "peak of the long one over that of the short one", value: peaks[1] / peaks[0], limit: 1.2})
	return figures, psql(ctx, db, "drop table long")
}

// segment makes a table that is one full file, and returns that file's path.
func (b *bench) segment(ctx context.Context, db string) (string, error) {
	columns := "l_partkey, l_suppkey, l_linenumber, l_quantity, l_extendedprice, l_discount, l_tax, l_returnflag, l_linestatus, l_shipdate, l_commitdate, l_receiptdate, l_shipinstruct, l_shipmode, l_comment"
	err := psql(ctx, db,
		"create table long (like lineitem including all) with (autovacuum_enabled = false)",
		"insert into long select * from lineitem",
		"insert into long select l_orderkey + 100000000, "+columns+" from lineitem limit 3000000",
		fmt.Sprintf("delete from long where ctid >= '(%d,0)'", segmentPages),
		"vacuum (freeze) long", // cuts off what was emptied, and leaves nothing that a reader would note in a page
		"checkpoint")
	if err != nil {
		return "", err
	}
	_, out, err := measure(ctx, "psql", "-qAt", "-d", db, "-c", "select pg_relation_size('long'), current_setting('data_directory') || '/' || pg_relation_filepath('long')")
	if err != nil {
		return "", err
	}
	size, path, _ := strings.Cut(strings.TrimSpace(string(out)), "|")
	if size != "1073741824" {
		return "", fmt.Errorf("the table that is to fill a file has %s bytes", size)
	}
	return path, nil
}

// repeat makes a table of one full file as many gigabytes long.
func repeat(file string, gb int) error {
	for i := 1; i < gb; i++ {
		next := fmt.Sprintf("%s.%d", file, i)
		if err := os.Remove(next); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if err := os.Link(file, next); err != nil {
			return err
		}
	}
	return nil
}
