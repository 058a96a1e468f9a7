package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
)

// copyRate runs psql's COPY of a table to nothing and returns its rows per second.
func copyRate(ctx context.Context, db, table string, rows float64) (float64, error) {
	u, _, err := measure(ctx, "sh", "-c", fmt.Sprintf("psql -q -d '%s' -c 'copy %s to stdout (format binary)' >/dev/null", db, table))
	return rows / u.wall, err
}

// load syncs one table into an empty destination and gives the usual figures.
func load(ctx context.Context, b *bench, table, destination string, cpuLimit, peakLimit float64) ([]figure, error) {
	db, err := b.postgres(ctx)
	if err != nil {
		return nil, err
	}
	if destination == "" {
		if destination, err = b.target(ctx, db); err != nil {
			return nil, err
		}
	}
	u, n, err := b.sync(ctx, db, destination, "--table", "public."+table)
	if err != nil {
		return nil, err
	}
	rows := float64(n)
	rate, err := copyRate(ctx, db, table, rows)
	if err != nil {
		return nil, err
	}
	f := []figure{
		{what: "rows", value: rows},
		{what: "client CPU per million rows", value: u.cpu / rows * 1e6, unit: "s", limit: cpuLimit},
		{what: "peak memory", value: u.peak, unit: "MB", limit: peakLimit},
		{what: "rows per second", value: rows / u.wall},
		{what: "rows per second of psql COPY BINARY", value: rate},
	}
	ratio := figure{what: "ratio of the two", value: rows / u.wall / rate}
	if table == "lineitem" && peakLimit > 0 {
		ratio.limit, ratio.least = 0.6, true
	}
	return append(f, ratio), nil
}

func lineitemToDuckDB(ctx context.Context, b *bench) ([]figure, error) {
	return load(ctx, b, "lineitem", "duckdb:"+b.path("lineitem.duckdb"), 1.8, 600)
}

// connectionTurns is how often each number of connections loads lineitem, one
// after the other, so that a neighbour on the machine slows both alike.
const connectionTurns = 3

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
	for range connectionTurns {
		for _, n := range []int{1, 2} {
			to := b.path("connections.duckdb")
			u, got, err := b.sync(ctx, fmt.Sprintf("%s&connections=%d", db, n), "duckdb:"+to, "--table", "public.lineitem")
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
		{what: "one: rows per second", value: rows * connectionTurns / wall[1]},
		{what: "two: rows per second", value: rows * connectionTurns / wall[2]},
		{what: "one: client CPU per million rows", value: cpu[1] / connectionTurns / rows * 1e6, unit: "s"},
		{what: "two: client CPU per million rows", value: cpu[2] / connectionTurns / rows * 1e6, unit: "s"},
		{what: "whole loads, two over one", value: wall[1] / wall[2]},
	}, nil
}

func wideToDuckDB(ctx context.Context, b *bench) ([]figure, error) {
	return load(ctx, b, "wide", "duckdb:"+b.path("wide.duckdb"), 11, 1000)
}

func lineitemToPostgres(ctx context.Context, b *bench) ([]figure, error) {
	return load(ctx, b, "lineitem", "", 0.5, 0)
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
