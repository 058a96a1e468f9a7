package postgres

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/internal/pgtest"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// keeping is a discard that keeps the state.
type keeping struct {
	discard
	state json.RawMessage
}

func (k *keeping) Checkpoint(_ context.Context, state any) (err error) {
	k.state, err = json.Marshal(state)
	return err
}

// changes are a million: half of them inserts of one transaction, 300,000
// updates and 100,000 deletes of one each, and 100,000 updates of as many.
var changes = []string{
	`insert into change select g, g % 1000, g * 7, g / 3.0, 'name of ' || g, now() - g * interval '1 second', g % 3 = 0, repeat('n', g % 40)
		from generate_series(1, 500000) g`,
	`update change set a = a + 1, note = 'updated' where id <= 300000`,
	`delete from change where id > 400000`,
	`do $$ begin for i in 1..100000 loop update change set b = b + 1 where id = i; commit; end loop; end $$`,
}

const changesTable = `create table change (id int primary key, a int, b bigint, price numeric(12,2), name text, at timestamptz, flag bool, note text)`

// BenchmarkLog reads a million changes that have gathered in the log of the
// server that PENSTOCK_BENCH_POSTGRES names, in turn with pg_recvlogical, and
// reports the CPU time of both for each change, and how fast we were by its
// measure.
func BenchmarkLog(b *testing.B) {
	dsn := os.Getenv("PENSTOCK_BENCH_POSTGRES")
	if dsn == "" {
		b.Skip("PENSTOCK_BENCH_POSTGRES names no server")
	}
	ctx := context.Background()
	dsn = pgtest.DatabaseOn(b, dsn)
	pgtest.Exec(b, dsn, changesTable)
	src, err := open(configOf(b, dsn, func(c *config) { viaLog(c); c.ReplicationSlot = "penstock_bench" }), connector.Env{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { dropSlot(b, dsn, "penstock_bench"); dropSlot(b, dsn, "penstock_bench_first") })
	tables, err := src.Tables(ctx, func(setup.Warning) {})
	if err != nil {
		b.Fatal(err)
	}
	begin := &keeping{}
	if err := src.Sync(ctx, connector.Request{Tables: tables, Start: time.Now()}, begin); err != nil {
		b.Fatal(err)
	}
	query(b, dsn, "select pg_copy_logical_replication_slot('penstock_bench', 'penstock_bench_first')")
	pgtest.Exec(b, dsn, changes...)
	pgtest.Exec(b, dsn, "checkpoint")
	end := query(b, dsn, "select pg_current_wal_flush_lsn()")
	recv := filepath.Join(query(b, dsn, "select setting from pg_config where name = 'BINDIR'"), "pg_recvlogical")
	again := func() {
		dropSlot(b, dsn, "penstock_bench")
		query(b, dsn, "select pg_copy_logical_replication_slot('penstock_bench_first', 'penstock_bench')")
	}
	var theirs, ours, theirCPU, ourCPU float64
	for b.Loop() {
		again()
		cmd := exec.Command(recv, "-d", dsn, "--slot", "penstock_bench", "--start", "-n", "-o", "proto_version=1", "-o", "publication_names=penstock", "-f", "/dev/null", "--endpos="+end)
		at := time.Now()
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
		theirs += time.Since(at).Seconds()
		used := cmd.ProcessState.SysUsage().(*syscall.Rusage)
		theirCPU += time.Duration(used.Utime.Nano() + used.Stime.Nano()).Seconds()

		again()
		out := &discard{onWrite: func(schema.Batch) {}}
		at, was := time.Now(), cpu()
		if err := src.Sync(ctx, connector.Request{State: begin.state, Tables: tables, Start: time.Now()}, out); err != nil {
			b.Fatal(err)
		}
		ours += time.Since(at).Seconds()
		ourCPU += cpu() - was
		if n := out.rows.Load(); n < 999_000 {
			b.Fatalf("%d rows came", n)
		}
	}
	n := float64(b.N)
	b.ReportMetric(ourCPU/n, "cpu-µs/change")
	b.ReportMetric(theirCPU/n, "recvlogical-cpu-µs/change")
	b.ReportMetric(1e3*n/ours, "kchanges/s")
	b.ReportMetric(1e3*n/theirs, "recvlogical-kchanges/s")
	b.ReportMetric(100*theirs/ours, "%-of-recvlogical")
}
