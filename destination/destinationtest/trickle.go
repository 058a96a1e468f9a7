package destinationtest

import (
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/schema"
)

// Trickle measures what a sync costs a destination that stays on with its
// source: a thousand changes, all over a million rows in so many tables and some
// of them new, made durable again and again. It reports how long each time took,
// half and all but one in a hundred of them at most, and of this process's
// processor.
func Trickle(b *testing.B, open func(*testing.B) destination.Destination) {
	for _, tables := range []int{1, 50} {
		b.Run(fmt.Sprintf("%d_tables", tables), func(b *testing.B) { trickle(b, open(b), tables) })
	}
}

func trickle(b *testing.B, d destination.Destination, tables int) {
	const batch, changes = 20_000, 1000
	rows, spread := 1_000_000/tables, max(1, 20/tables)
	ctx := b.Context()
	w, err := d.Writer(ctx, destination.Options{Synced: time.Unix(1e9, 0), Memory: 256 << 20})
	var all []*schema.Table
	for i := range tables {
		t := Lineitem(schema.Name{Schema: "bench", Table: fmt.Sprintf("trickle_%d", i)})
		if all = append(all, t); err == nil {
			err = w.Migrate(ctx, t)
		}
	}
	write := func(t *schema.Table, from, n int, fresh bool, salt uint32) {
		if err == nil {
			err = w.Write(ctx, schema.Batch{Op: schema.Upsert, Table: t, Record: LineitemRows(t, from, n, salt), Fresh: fresh})
		}
	}
	flush := func() {
		if err == nil {
			err = w.Flush(ctx)
		}
	}
	for _, t := range all {
		for from := 0; from < rows; from += batch {
			write(t, from, min(batch, rows-from), true, 0)
		}
	}
	flush()
	var took []time.Duration
	var spent time.Duration
	for n := 0; b.Loop(); n++ {
		began, used := time.Now(), processor()
		for _, t := range all {
			each := changes / tables / spread
			for i := range spread {
				at := (n*7919 + i*rows/spread) % (rows - each)
				if i == 0 && n%tables == 0 {
					at = rows + n*each // new ones
				}
				write(t, at, each, false, uint32(n+1))
			}
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
