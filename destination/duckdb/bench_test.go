package duckdb

import (
	"encoding/json"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/destination/destinationtest"
	"github.com/penstock-data/penstock/schema"
)

func cpu() time.Duration {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

func peak() int64 {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return r.Maxrss
}

func openAt(t testing.TB, path string) destination.Destination {
	t.Helper()
	config, _ := json.Marshal(Config{Path: path})
	d, err := Service.Open(config, destination.Env{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// BenchmarkLineitem loads five million rows into an empty table, then merges
// 60,000 changes, and reports what each took of the processor, the making of the
// rows not counted.
func BenchmarkLineitem(b *testing.B) {
	const rows, batch, changes = 5_000_000, 20_000, 60_000
	ctx := b.Context()
	table := destinationtest.Lineitem(schema.Name{Schema: "bench", Table: "lineitem"})
	for b.Loop() {
		path := filepath.Join(b.TempDir(), "bench.duckdb")
		run := func(from, n int, fresh bool, salt uint32) time.Duration {
			w, err := openAt(b, path).Writer(ctx, destination.Options{Synced: time.Unix(1e9, 0), Memory: 256 << 20})
			if err != nil {
				b.Fatal(err)
			}
			if err := w.Migrate(ctx, table); err != nil {
				b.Fatal(err)
			}
			start := cpu()
			for g := from; g < from+n; g += batch {
				r := destinationtest.LineitemRows(table, g, batch, salt)
				if err := w.Write(ctx, schema.Batch{Op: schema.Upsert, Table: table, Record: r, Fresh: fresh}); err != nil {
					b.Fatal(err)
				}
			}
			if err := w.Flush(ctx); err != nil {
				b.Fatal(err)
			}
			if err := w.Close(); err != nil {
				b.Fatal(err)
			}
			return cpu() - start
		}
		start := cpu()
		for g := 0; g < 500_000; g += batch {
			destinationtest.LineitemRows(table, g, batch, 0).Release()
		}
		making := cpu() - start
		load := run(0, rows, true, 0)
		b.ReportMetric((load-making*10).Seconds()/(rows/1e6), "cpu-s/Mrow")
		b.ReportMetric(float64(peak())/1024, "peak-MiB")
		merge := run(rows-50_000, changes, false, 1)
		b.ReportMetric(float64((merge-making*changes/500_000).Microseconds())/changes, "cpu-µs/change")
	}
}
