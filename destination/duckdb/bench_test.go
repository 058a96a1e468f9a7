package duckdb

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/destination/destinationtest"
	"github.com/penstock-data/penstock/destination/sqlwriter"
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

// BenchmarkMerge merges changes of one and of ten percent into five million
// rows, at the end of the table or all over it, in each mode, and by the SQL
// that one would write by hand: a DELETE and an INSERT in one transaction.
// It reports what each takes of the processor until the file is closed,
// without the making of the rows, and for the SQL by hand how much of that is
// the arrival of the rows in a table beside.
func BenchmarkMerge(b *testing.B) {
	const rows = 5_000_000
	table := destinationtest.Lineitem(schema.Name{Schema: "bench", Table: "lineitem"})
	folder := b.TempDir()
	base := map[schema.Mode]string{}
	for _, mode := range []schema.Mode{schema.SoftDelete, schema.Live, schema.History} {
		table.Mode = mode
		base[mode] = filepath.Join(folder, mode.String())
		benchSync(b, base[mode], 0, table, func(write func(schema.Batch)) {
			for g := 0; g < rows; g += 20_000 {
				write(schema.Batch{Op: schema.Upsert, Table: table, Fresh: true, Record: destinationtest.LineitemRows(table, g, 20_000, 0)})
			}
		})
	}
	patterns := []struct {
		name    string
		from    int
		batches int
		step    int
		size    int
		salt    uint32
	}{
		{"1_percent_at_the_end", rows - 50_000, 30, 2000, 2000, 1}, // 10,000 of them new
		{"1_percent_all_over", 0, 250, 20_000, 200, 1},
		{"10_percent_at_the_end", rows - 450_000, 250, 2000, 2000, 1}, // 50,000 of them new
		{"10_percent_all_over", 0, 250, 20_000, 2000, 1},
		{"10_percent_unchanged", 0, 250, 20_000, 2000, 0},
	}
	for _, p := range patterns {
		records := make([]arrow.RecordBatch, p.batches)
		for i := range records {
			records[i] = destinationtest.LineitemRows(table, p.from+i*p.step, p.size, p.salt)
		}
		changes := func(write func(schema.Batch)) {
			for _, r := range records {
				r.Retain()
				write(schema.Batch{Op: schema.Upsert, Table: table, Record: r})
			}
		}
		b.Run(p.name+"/by_hand", func(b *testing.B) {
			table.Mode = schema.SoftDelete
			var took, arrival time.Duration
			for b.Loop() {
				path := copied(b, base[schema.SoftDelete])
				start := cpu()
				arrival += byHand(b, path, table, changes)
				took += cpu() - start
			}
			b.ReportMetric(took.Seconds()*1000/float64(b.N), "cpu-ms")
			b.ReportMetric(arrival.Seconds()*1000/float64(b.N), "arrival-cpu-ms")
		})
		for _, mode := range []schema.Mode{schema.SoftDelete, schema.Live, schema.History} {
			b.Run(p.name+"/"+mode.String(), func(b *testing.B) {
				table.Mode = mode
				var took time.Duration
				for b.Loop() {
					path := copied(b, base[mode])
					start := cpu()
					benchSync(b, path, 1, table, changes)
					took += cpu() - start
				}
				b.ReportMetric(took.Seconds()*1000/float64(b.N), "cpu-ms")
			})
		}
		for _, r := range records {
			r.Release()
		}
	}
}

// benchSync is one sync of one table.
func benchSync(b *testing.B, path string, hour int, table *schema.Table, batches func(write func(schema.Batch))) {
	b.Helper()
	w, err := openAt(b, path).Writer(b.Context(), destination.Options{Synced: time.Unix(1e9, 0).Add(time.Duration(hour) * time.Hour), Memory: 256 << 20})
	if err == nil {
		err = w.Migrate(b.Context(), table)
	}
	batches(func(c schema.Batch) {
		if err == nil {
			err = w.Write(b.Context(), c)
		}
	})
	if err == nil {
		err = w.Flush(b.Context())
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		b.Fatal(err)
	}
}

// byHand merges changes with SQL that knows all about the table, and returns
// what the arrival of the rows took.
func byHand(b *testing.B, path string, table *schema.Table, changes func(write func(schema.Batch))) time.Duration {
	b.Helper()
	ctx := b.Context()
	f, err := acquire(ctx, path, 192<<20, 0)
	if err != nil {
		b.Fatal(err)
	}
	start := cpu()
	d := dialect
	d.Catalog = f.catalog
	s, err := newDatabase(f, nil, 192<<20, 32<<20, renewAfter).Session(ctx)
	if err != nil {
		b.Fatal(err)
	}
	var columns, names []string
	for _, c := range table.Columns {
		columns, names = append(columns, quote(c.Name)+" "+types.Name(c.Type)), append(names, quote(c.Name))
	}
	if err := s.Exec(ctx, "CREATE TEMP TABLE changes ("+strings.Join(columns, ", ")+", "+quote(sqlwriter.Seq)+" BIGINT)"); err != nil {
		b.Fatal(err)
	}
	l := sqlwriter.Load{Name: table.Name, Into: "changes", Shape: table, Stage: true}
	for _, c := range table.Columns {
		l.To = append(l.To, c.Type)
	}
	st, err := s.Load(ctx, l)
	changes(func(c schema.Batch) {
		if err == nil {
			err = st.Write(ctx, c, 0)
		}
	})
	if err == nil {
		err = st.End(ctx)
	}
	arrival := cpu() - start
	if err == nil {
		list := strings.Join(names, ", ")
		err = s.Exec(ctx,
			"DELETE FROM "+d.Table(table.Name)+" AS t USING changes AS s WHERE t.l_orderkey = s.l_orderkey AND t.l_linenumber = s.l_linenumber",
			"INSERT INTO "+d.Table(table.Name)+" ("+list+", _fivetran_synced, _fivetran_deleted) SELECT "+list+", now(), false FROM changes",
			"DROP TABLE changes")
	}
	if err == nil {
		err = s.Close()
	}
	if err == nil {
		err = f.release(192 << 20)
	}
	if err != nil {
		b.Fatal(err)
	}
	return arrival
}

func copied(b *testing.B, path string) string {
	b.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	to := filepath.Join(b.TempDir(), "bench.duckdb")
	if err := os.WriteFile(to, data, 0o600); err != nil {
		b.Fatal(err)
	}
	return to
}

func BenchmarkTrickle(b *testing.B) {
	destinationtest.Trickle(b, func(b *testing.B) destination.Destination {
		return openAt(b, filepath.Join(b.TempDir(), "trickle.duckdb"))
	})
}
