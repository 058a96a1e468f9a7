package destinationtest

import (
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/schema"
)

// Trickle measures what a sync costs a destination that stays on with its
// source: a thousand changes, all over a table of a million rows and some of
// them new, made durable again and again. It reports how long each time took,
// half and all but one in a hundred of them at most, and of this process's
// processor.
func Trickle(b *testing.B, d destination.Destination) {
	const rows, batch, changes, spread = 1_000_000, 20_000, 1000, 20
	ctx := b.Context()
	table := Lineitem(schema.Name{Schema: "bench", Table: "trickle"})
	w, err := d.Writer(ctx, destination.Options{Synced: time.Unix(1e9, 0), Memory: 256 << 20})
	if err == nil {
		err = w.Migrate(ctx, table)
	}
	write := func(from, n int, fresh bool, salt uint32) {
		if err == nil {
			err = w.Write(ctx, schema.Batch{Op: schema.Upsert, Table: table, Record: LineitemRows(table, from, n, salt), Fresh: fresh})
		}
	}
	flush := func() {
		if err == nil {
			err = w.Flush(ctx)
		}
	}
	for from := 0; from < rows; from += batch {
		write(from, batch, true, 0)
	}
	flush()
	var took []time.Duration
	var spent time.Duration
	for n := 0; b.Loop(); n++ {
		began, used := time.Now(), processor()
		for i := range spread {
			at := (n*7919 + i*rows/spread) % rows
			if i == 0 {
				at = rows + n*changes/spread // new ones
			}
			write(at, changes/spread, false, uint32(n+1))
		}
		flush()
		took = append(took, time.Since(began))
		spent += processor() - used
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2].Seconds()*1000, "p50-ms")
	b.ReportMetric(took[len(took)*99/100].Seconds()*1000, "p99-ms")
	b.ReportMetric(spent.Seconds()*1000/float64(len(took)), "cpu-ms")
}

func processor() time.Duration {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
