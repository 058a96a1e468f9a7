package mysql

import (
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

// The benchmarks load rows into an empty table, in both ways, and report what
// it takes of this process, the making of the records not counted.

func BenchmarkInfile(b *testing.B) {
	benchmark(b, func() destination.Destination { return openOwn(b) })
}

func BenchmarkInsert(b *testing.B) {
	benchmark(b, func() destination.Destination { return withoutInfile{openOwn(b).(own)} })
}

func benchmark(b *testing.B, open func() destination.Destination) {
	const rows, batch = 1_000_000, 20_000
	t := destinationtest.Lineitem(schema.Name{Schema: "bench", Table: "lineitem"})
	record := destinationtest.LineitemRows(t, 0, batch, 0)
	for b.Loop() {
		w, err := open().Writer(b.Context(), destination.Options{Synced: time.Unix(1e9, 0)})
		if err == nil {
			err = w.Migrate(b.Context(), t)
		}
		if err != nil {
			b.Fatal(err)
		}
		start := cpu()
		for range rows / batch {
			record.Retain()
			if err := w.Write(b.Context(), schema.Batch{Op: schema.Upsert, Table: t, Record: record, Fresh: true}); err != nil {
				b.Fatal(err)
			}
		}
		if err := w.Flush(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric((cpu()-start).Seconds()/(rows/1e6), "cpu-s/Mrow")
		w.Close()
	}
}
