package main

import (
	"context"
	"fmt"
)

// A logLoad is a number of changes that gather in the log of the source and
// are then drained into a destination.
type logLoad struct {
	slot, table string
	setUp       []string // makes the table, if it is not there
	changes     []string
	limit       float64 // of CPU microseconds for each change; 0: none
}

// changeTable is the table of the million changes.
const changeTable = `create table if not exists change (id int primary key, a int, b bigint, price numeric(12,2), name text, at timestamptz, flag bool, note text)`

// drain syncs the table, makes the changes, and measures the sync that brings
// them.
func drain(ctx context.Context, b *bench, l logLoad, destination string) (_ []figure, err error) {
	db, err := b.postgres(ctx)
	if err != nil {
		return nil, err
	}
	if destination == "" {
		if destination, err = b.target(ctx, db); err != nil {
			return nil, err
		}
	}
	if err := psql(ctx, db, l.setUp...); err != nil {
		return nil, err
	}
	args := []string{db + "&update_method=WAL_PGOUTPUT&publication_name=penstock_bench&replication_slot=" + l.slot, destination,
		"--table", "public." + l.table, "--state", b.path(l.slot + ".state")}
	defer func() { // a database with a slot cannot be dropped
		if e := psql(ctx, db, "select pg_drop_replication_slot('"+l.slot+"')"); err == nil {
			err = e
		}
	}()
	if _, _, err := b.sync(ctx, args...); err != nil {
		return nil, err
	}
	if err := psql(ctx, db, l.changes...); err != nil {
		return nil, err
	}
	u, n, err := b.sync(ctx, args...)
	if err != nil {
		return nil, err
	}
	return []figure{
		{what: "changes", value: float64(n)},
		{what: "client CPU for each change", value: u.cpu / float64(n) * 1e6, unit: "µs", limit: l.limit},
		{what: "peak memory", value: u.peak, unit: "MB"},
		{what: "changes per second", value: float64(n) / u.wall},
	}, nil
}

// lineitemChanges are updates, inserts and deletes of a part of lineitem, about
// 5:1:1.
func lineitemChanges(part int) []string {
	return []string{
		fmt.Sprintf("update lineitem set l_quantity = l_quantity + 1, l_comment = 'changed' where l_orderkey %% %d = 0", part),
		fmt.Sprintf("insert into lineitem select l_orderkey + %d, l_partkey, l_suppkey, l_linenumber, l_quantity, l_extendedprice, l_discount, l_tax, l_returnflag, l_linestatus, l_shipdate, l_commitdate, l_receiptdate, l_shipinstruct, l_shipmode, l_comment from lineitem where l_orderkey %% %d = 1", 20_000_000+1_000_000*part, 5*part),
		fmt.Sprintf("delete from lineitem where l_orderkey %% %d = 2", 5*part),
	}
}

func logIntoDuckDB(ctx context.Context, b *bench) ([]figure, error) {
	return drain(ctx, b, logLoad{slot: "penstock_bench_duckdb", table: "lineitem", changes: lineitemChanges(117), limit: 15}, "duckdb:"+b.path("log.duckdb"))
}

func logIntoPostgres(ctx context.Context, b *bench) ([]figure, error) {
	return drain(ctx, b, logLoad{slot: "penstock_bench_postgres", table: "lineitem", changes: lineitemChanges(14), limit: 16}, "")
}

func millionIntoDuckDB(ctx context.Context, b *bench) ([]figure, error) {
	return drain(ctx, b, logLoad{slot: "penstock_bench_million", table: "change", setUp: []string{changeTable, "truncate change"}, changes: []string{
		`insert into change select g, g % 1000, g * 7, g / 3.0, 'name of ' || g, now() - g * interval '1 second', g % 3 = 0, repeat('n', g % 40)
			from generate_series(1, 500000) g`,
		`update change set a = a + 1, note = 'updated' where id <= 300000`,
		`delete from change where id > 400000`,
		`do $$ begin for i in 1..100000 loop update change set b = b + 1 where id = i; commit; end loop; end $$`,
	}}, "duckdb:"+b.path("million.duckdb"))
}
