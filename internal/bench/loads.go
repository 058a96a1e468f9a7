package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
)

// copyOut runs psql's COPY of a table to nothing.
func copyOut(ctx context.Context, db, table string) (usage, error) {
	u, _, err := measure(ctx, "sh", "-c", fmt.Sprintf("psql -q -d '%s' -c 'copy %s to stdout (format binary)' >/dev/null", db, table))
	return u, err
}

// turns is how often two things are done that are compared by the clock, one
// after the other, so that a neighbour on the machine slows both alike.
const turns = 3

// limits are those of a load; 0: none.
type limits struct{ cpu, peak, ratio float64 }

// load syncs one table into an empty destination, in turn with psql's COPY of
// it, and gives the usual figures. to makes the destination for each turn.
func load(ctx context.Context, b *bench, table string, to func(db string, turn int) (string, error), l limits) ([]figure, error) {
	db, err := b.postgres(ctx)
	if err != nil {
		return nil, err
	}
	var ours, theirs usage
	var rows float64
	for turn := range turns {
		destination, err := to(db, turn)
		if err != nil {
			return nil, err
		}
		u, n, err := b.sync(ctx, db, destination, "--table", "public."+table)
		if err != nil {
			return nil, err
		}
		ours = usage{cpu: ours.cpu + u.cpu, wall: ours.wall + u.wall, peak: max(ours.peak, u.peak)}
		rows += float64(n)
		if u, err = copyOut(ctx, db, table); err != nil {
			return nil, err
		}
		theirs = usage{cpu: theirs.cpu + u.cpu, wall: theirs.wall + u.wall}
	}
	return []figure{
		{what: "rows", value: rows / turns},
		{what: "client CPU per million rows", value: ours.cpu / rows * 1e6, unit: "s", limit: l.cpu},
		{what: "client CPU per million rows of psql COPY BINARY", value: theirs.cpu / rows * 1e6, unit: "s"},
		{what: "peak memory", value: ours.peak, unit: "MB", limit: l.peak},
		{what: "rows per second", value: rows / ours.wall},
		{what: "rows per second of psql COPY BINARY", value: rows / theirs.wall},
		{what: "ratio of the two", value: theirs.wall / ours.wall, limit: l.ratio, least: true},
	}, nil
}

// toDuckDB makes a file of its own for each turn.
func toDuckDB(b *bench, table string) func(string, int) (string, error) {
	return func(_ string, turn int) (string, error) {
		return "duckdb:" + b.path(fmt.Sprintf("%s_%d.duckdb", table, turn)), nil
	}
}

func lineitemToDuckDB(ctx context.Context, b *bench) ([]figure, error) {
	return load(ctx, b, "lineitem", toDuckDB(b, "lineitem"), limits{cpu: 1.5, peak: 600, ratio: 1})
}

// twoConnections compares two connections with one: in reading alone, and in whole
// loads. Of a whole load the processors may be the limit, whoever reads; both
// kinds then take the CPU seconds shown, the server's not counted.
func twoConnections(ctx context.Context, b *bench) ([]figure, error) {
	db, err := b.postgres(ctx)
	if err != nil {
		return nil, err
	}
	reading, err := benchmarked(ctx, "./connector/postgres", "BenchmarkConnections", "two-over-one", "PENSTOCK_BENCH_POSTGRES="+db)
	if err != nil {
		return nil, err
	}
	var wall, cpu [3]float64
	rows := 0.0
	for range turns {
		for _, n := range []int{1, 2} {
			to := b.path("connections.duckdb")
			u, got, err := b.sync(ctx, db, "duckdb:"+to, "--table", "public.lineitem", "--connections", strconv.Itoa(n))
			if err != nil {
				return nil, err
			}
			wall[n], cpu[n], rows = wall[n]+u.wall, cpu[n]+u.cpu, float64(got)
			if err := os.Remove(to); err != nil {
				return nil, err
			}
		}
	}
	return []figure{
		{what: "reading alone, two over one", value: reading["lineitem"], limit: 1.3, least: true},
		{what: "one: rows per second", value: rows * turns / wall[1]},
		{what: "two: rows per second", value: rows * turns / wall[2]},
		{what: "one: client CPU per million rows", value: cpu[1] / turns / rows * 1e6, unit: "s"},
		{what: "two: client CPU per million rows", value: cpu[2] / turns / rows * 1e6, unit: "s"},
		{what: "whole loads, two over one", value: wall[1] / wall[2], limit: 1.3, least: true},
	}, nil
}

func wideToDuckDB(ctx context.Context, b *bench) ([]figure, error) {
	return load(ctx, b, "wide", toDuckDB(b, "wide"), limits{cpu: 11, peak: 1000})
}

func lineitemToPostgres(ctx context.Context, b *bench) ([]figure, error) {
	empty := func(db string, _ int) (string, error) { return b.target(ctx, db) }
	return load(ctx, b, "lineitem", empty, limits{cpu: 0.5})
}

// incrementIntoDuckDB changes 60,000 rows of lineitem, a tenth of them new and
// none deleted, and syncs them into the five million.
func incrementIntoDuckDB(ctx context.Context, b *bench) ([]figure, error) {
	db, err := b.postgres(ctx)
	if err != nil {
		return nil, err
	}
	args := []string{db, "duckdb:" + b.path("increment.duckdb"), "--table", "public.lineitem", "--state", b.path("increment.state")}
	if _, _, err := b.sync(ctx, args...); err != nil {
		return nil, err
	}
	if err := psql(ctx, db,
		"update lineitem set l_quantity = l_quantity + 1, l_comment = 'changed' where l_orderkey % 93 = 0",
		"insert into lineitem select l_orderkey + 10000000, l_partkey, l_suppkey, l_linenumber, l_quantity, l_extendedprice, l_discount, l_tax, l_returnflag, l_linestatus, l_shipdate, l_commitdate, l_receiptdate, l_shipinstruct, l_shipmode, l_comment from lineitem where l_orderkey % 800 = 1",
	); err != nil {
		return nil, err
	}
	u, n, err := b.sync(ctx, args...)
	if err != nil {
		return nil, err
	}
	return []figure{
		{what: "changed rows", value: float64(n)},
		{what: "CPU per change, merge included", value: u.cpu / float64(n) * 1e6, unit: "µs", limit: 20},
		{what: "peak memory", value: u.peak, unit: "MB"},
		{what: "seconds", value: u.wall, unit: "s"},
	}, nil
}

// pulseToDuckDB reads 100,000 rows from the simulator, which runs beside.
func pulseToDuckDB(ctx context.Context, b *bench) ([]figure, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	addr := "127.0.0.1:" + strconv.Itoa(port)
	if _, err := b.start(ctx, addr, "simulate", "15five", "--listen", addr, "--limit", "0", "--pulses", "100000", "--seed", "1", "--key", benchKey); err != nil {
		return nil, err
	}
	os.Setenv("PENSTOCK_BENCH_KEY", benchKey)
	u, n, err := b.sync(ctx, "15five:?api_key=${PENSTOCK_BENCH_KEY}", "duckdb:"+b.path("pulse.duckdb"), "--table", "pulse",
		"--endpoint", "http://"+addr)
	if err != nil {
		return nil, err
	}
	return []figure{
		{what: "rows", value: float64(n), limit: 100_000, least: true},
		{what: "CPU per row", value: u.cpu / float64(n) * 1e6, unit: "µs", limit: 20},
		{what: "peak memory", value: u.peak, unit: "MB"},
	}, nil
}

const benchKey = "bench-bench-bench-bench-bench-be" // 32 characters, as 15Five's are

// simulatorLogin is what `penstock simulate salesforce` accepts.
const simulatorLogin = "client_id=3MVG9simulator0client0id00000000000001&client_secret=simulator0client0secret0000000000000001&refresh_token=5Aep861simulator0refresh0token000000001"

// leadsToDuckDB reads 300,000 rows of 50 fields by Bulk API from the simulator,
// which runs beside.
func leadsToDuckDB(ctx context.Context, b *bench) ([]figure, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	addr := "127.0.0.1:" + strconv.Itoa(port)
	if _, err := b.start(ctx, addr, "simulate", "salesforce", "--listen", addr, "--rows", "Lead=300000"); err != nil {
		return nil, err
	}
	u, n, err := b.sync(ctx, "salesforce:?"+simulatorLogin, "duckdb:"+b.path("salesforce.duckdb"), "--table", "salesforce.Lead",
		"--block", "salesforce.Lead.Jigsaw*", "--block", "salesforce.Lead.IndividualId", "--endpoint", "http://"+addr)
	if err != nil {
		return nil, err
	}
	return []figure{
		{what: "rows", value: float64(n), limit: 300_000, least: true},
		{what: "CPU per row", value: u.cpu / float64(n) * 1e6, unit: "µs", limit: 15},
		{what: "peak memory", value: u.peak, unit: "MB"},
	}, nil
}
