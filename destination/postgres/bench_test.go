package postgres

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/destination/destinationtest"
	"github.com/penstock-data/penstock/internal/pgtest"
	"github.com/penstock-data/penstock/schema"
)

func cpu() time.Duration {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

const (
	benchRows  = 2_000_000
	benchBatch = 20_000
)

func benchWriter(b *testing.B, d destination.Destination, t *schema.Table) destination.Writer {
	b.Helper()
	w, err := d.Writer(b.Context(), destination.Options{Synced: time.Unix(1e9, 0)})
	if err == nil {
		err = w.Migrate(b.Context(), t)
	}
	if err != nil {
		b.Fatal(err)
	}
	return w
}

func benchEnd(b *testing.B, w destination.Writer) {
	b.Helper()
	if err := w.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkArrow loads rows from Arrow records into an empty table and reports
// what it takes of this process, the making of the records not counted.
func BenchmarkArrow(b *testing.B) {
	t := destinationtest.Lineitem(schema.Name{Schema: "bench", Table: "arrow"})
	record := destinationtest.LineitemRows(t, 0, benchBatch, 0)
	for b.Loop() {
		w := benchWriter(b, openAt(b, pgtest.Database(b)), t)
		start := cpu()
		for range benchRows / benchBatch {
			record.Retain()
			if err := w.Write(b.Context(), schema.Batch{Op: schema.Upsert, Table: t, Record: record, Fresh: true}); err != nil {
				b.Fatal(err)
			}
		}
		benchEnd(b, w)
		b.ReportMetric((cpu()-start).Seconds()/(benchRows/1e6), "cpu-s/Mrow")
	}
}

// BenchmarkTuples passes rows on in PostgreSQL's own format.
func BenchmarkTuples(b *testing.B) {
	t := destinationtest.Lineitem(schema.Name{Schema: "bench", Table: "tuples"})
	data := encoded(b, t)
	for b.Loop() {
		w := benchWriter(b, openAt(b, pgtest.Database(b)), t)
		start := cpu()
		for range benchRows / benchBatch {
			if err := w.Write(b.Context(), schema.Batch{Op: schema.Upsert, Table: t, Fresh: true,
				Encoded: &schema.Encoded{Format: schema.PostgresBinary, Rows: benchBatch, Data: data}}); err != nil {
				b.Fatal(err)
			}
		}
		benchEnd(b, w)
		b.ReportMetric((cpu()-start).Seconds()/(benchRows/1e6), "cpu-s/Mrow")
	}
}

// encoded returns benchBatch rows of t as a server sends them.
func encoded(b *testing.B, t *schema.Table) []byte {
	b.Helper()
	ctx := b.Context()
	d := openAt(b, pgtest.Database(b))
	w := benchWriter(b, d, t)
	err := w.Write(ctx, schema.Batch{Op: schema.Upsert, Table: t, Fresh: true, Record: destinationtest.LineitemRows(t, 0, benchBatch, 0)})
	if err != nil {
		b.Fatal(err)
	}
	benchEnd(b, w)
	c, err := d.(*warehouse).connect(ctx)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close(ctx)
	return copied(b, c, "SELECT "+list(t.Columns)+" FROM "+dialect.Table(t.Name))
}

// copied returns the tuples of a query in binary format.
func copied(t testing.TB, c *pgconn.PgConn, query string) []byte {
	t.Helper()
	var out tupleWriter
	if _, err := c.CopyTo(context.Background(), &out, "COPY ("+query+") TO STDOUT (FORMAT binary)"); err != nil {
		t.Fatal(err)
	}
	return out[len(copyHeader) : len(out)-len(copyTrailer)]
}

type tupleWriter []byte

func (w *tupleWriter) Write(p []byte) (int, error) {
	*w = append(*w, p...)
	return len(p), nil
}

func BenchmarkTrickle(b *testing.B) {
	destinationtest.Trickle(b, func(b *testing.B) destination.Destination { return openAt(b, pgtest.Database(b)) })
}
