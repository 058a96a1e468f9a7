package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
)

// A logLoad is a number of changes that gather in the log of the source and
// are then drained into a destination.
type logLoad struct {
	slot, table string
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

// A million is a number of changes that are drained again and again: by us, and
// by pg_recvlogical, which reads the same and does nothing with it.
type million struct {
	b            *bench
	db, end      string // where the changes are, and where in the log they end
	file, before string // the destination, and a folder that keeps how it was
	state        string
}

// The slot that the changes are read from, and one that stays before them.
const (
	millionSlot  = "penstock_bench_million"
	millionFirst = "penstock_bench_first"
)

func (m *million) sync(ctx context.Context) (usage, int64, error) {
	return m.b.sync(ctx, m.db+"&update_method=WAL_PGOUTPUT&publication_name=penstock_bench&replication_slot="+millionSlot, "duckdb:"+m.file,
		"--table", "public.change", "--state", m.state)
}

// gather makes the changes, after a sync of the empty table.
func (m *million) gather(ctx context.Context) error {
	if err := psql(ctx, m.db, changeTable, "truncate change"); err != nil {
		return err
	}
	if _, _, err := m.sync(ctx); err != nil {
		return err
	}
	if err := os.Mkdir(m.before, 0o755); err != nil {
		return err
	}
	if _, _, err := measure(ctx, "cp", m.file, m.state, m.before); err != nil {
		return err
	}
	keep := "select pg_copy_logical_replication_slot('" + millionSlot + "', '" + millionFirst + "')"
	if err := psql(ctx, m.db, append([]string{keep}, millionChanges...)...); err != nil {
		return err
	}
	_, end, err := measure(ctx, "psql", "-qAt", "-d", m.db, "-c", "select pg_current_wal_flush_lsn()")
	m.end = strings.TrimSpace(string(end))
	return err
}

// rewind makes everything as it was before the changes.
func (m *million) rewind(ctx context.Context) error {
	if _, _, err := measure(ctx, "cp", "-r", m.before+"/.", m.b.dir); err != nil {
		return err
	}
	return psql(ctx, m.db, "select pg_drop_replication_slot('"+millionSlot+"')",
		"select pg_copy_logical_replication_slot('"+millionFirst+"', '"+millionSlot+"')")
}

// drop drops the slots: a database with a slot cannot be dropped.
func (m *million) drop() error {
	return psql(context.Background(), m.db, "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name in ('"+millionSlot+"', '"+millionFirst+"')")
}

// drainTurns is how often a million changes are drained by each, one after the
// other, so that a neighbour on the machine slows both alike.
const drainTurns = 3

func millionIntoDuckDB(ctx context.Context, b *bench) (_ []figure, err error) {
	db, err := b.postgres(ctx)
	if err != nil {
		return nil, err
	}
	m := &million{b: b, db: db, file: b.path("million.duckdb"), before: b.path("before"), state: b.path("million.state")}
	defer func() { err = errors.Join(err, m.drop()) }()
	if err := m.gather(ctx); err != nil {
		return nil, err
	}
	var theirs, ours usage
	var rows float64
	for range drainTurns {
		if err := m.rewind(ctx); err != nil {
			return nil, err
		}
		u, _, err := measure(ctx, "pg_recvlogical", "-d", db, "-S", millionSlot, "--start", "--no-loop",
			"-o", "proto_version=1", "-o", "publication_names=penstock_bench", "-f", "/dev/null", "--endpos", m.end)
		if err != nil {
			return nil, err
		}
		theirs = usage{cpu: theirs.cpu + u.cpu, wall: theirs.wall + u.wall}
		if err := m.rewind(ctx); err != nil {
			return nil, err
		}
		u, n, err := m.sync(ctx)
		if err != nil {
			return nil, err
		}
		ours = usage{cpu: ours.cpu + u.cpu, wall: ours.wall + u.wall, peak: max(ours.peak, u.peak)}
		rows += float64(n)
	}
	return []figure{
		{what: "changes", value: rows / drainTurns},
		{what: "client CPU for each change", value: ours.cpu / rows * 1e6, unit: "µs"},
		{what: "client CPU of pg_recvlogical for each", value: theirs.cpu / rows * 1e6, unit: "µs"},
		{what: "peak memory", value: ours.peak, unit: "MB"},
		{what: "changes per second", value: rows / ours.wall},
		{what: "changes per second that pg_recvlogical reads", value: rows / theirs.wall},
		{what: "ratio of the two", value: theirs.wall / ours.wall, limit: 0.8, least: true},
	}, nil
}

// millionChanges are half inserts, by one transaction, and 100,000 updates by
// one each.
var millionChanges = []string{
	`insert into change select g, g % 1000, g * 7, g / 3.0, 'name of ' || g, now() - g * interval '1 second', g % 3 = 0, repeat('n', g % 40)
		from generate_series(1, 500000) g`,
	`update change set a = a + 1, note = 'updated' where id <= 300000`,
	`delete from change where id > 400000`,
	`do $$ begin for i in 1..100000 loop update change set b = b + 1 where id = i; commit; end loop; end $$`,
}
