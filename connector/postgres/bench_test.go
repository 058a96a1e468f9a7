package postgres

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// discard is an Output that counts.
type discard struct {
	pass    bool
	onWrite func(schema.Batch)
	rows    atomic.Int64
}

func (d *discard) Write(_ context.Context, b schema.Batch) error {
	d.rows.Add(b.Rows())
	if d.onWrite != nil {
		d.onWrite(b)
	}
	b.Release()
	return nil
}
func (d *discard) Checkpoint(context.Context, any) error            { return nil }
func (d *discard) Note(context.Context, any) error                  { return nil }
func (d *discard) Fail(schema.Name, error)                          {}
func (d *discard) Warn(setup.Warning)                               {}
func (d *discard) Progress(schema.Name, int64)                      {}
func (d *discard) Live(context.Context, schema.Name) (int64, error) { return d.rows.Load(), nil }
func (d *discard) Passes(_ context.Context, _ *schema.Table, f schema.Format) (bool, error) {
	return d.pass, nil
}

// cpu returns the CPU seconds that this process has used.
func cpu() float64 {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()).Seconds()
}

// BenchmarkLoad reads the benchmark tables of the server that
// PENSTOCK_BENCH_POSTGRES names and reports this process's CPU seconds per
// million rows.
func BenchmarkLoad(b *testing.B) {
	dsn := os.Getenv("PENSTOCK_BENCH_POSTGRES")
	if dsn == "" {
		b.Skip("PENSTOCK_BENCH_POSTGRES names no server")
	}
	for _, c := range []struct {
		name, table string
		pass        bool
	}{
		{"lineitem/arrow", "lineitem", false},
		{"lineitem/pass", "lineitem", true},
		{"wide/arrow", "wide", false},
		{"wide/pass", "wide", true},
	} {
		b.Run(c.name, func(b *testing.B) {
			src, err := open(configOf(b, dsn), connector.Env{})
			if err != nil {
				b.Fatal(err)
			}
			tables, err := src.Tables(context.Background(), func(setup.Warning) {})
			if err != nil {
				b.Fatal(err)
			}
			req := connector.Request{Start: time.Unix(0, 0)}
			for _, t := range tables {
				if t.Table == c.table {
					req.Tables = append(req.Tables, t)
				}
			}
			out := &discard{pass: c.pass}
			start := cpu()
			for b.Loop() {
				if err := src.Sync(context.Background(), req, out); err != nil {
					b.Fatal(err)
				}
			}
			rows := float64(out.rows.Load())
			b.ReportMetric((cpu()-start)/rows*1e6, "cpu-s/Mrow")
			b.ReportMetric(rows/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// BenchmarkConnections reads lineitem from the server that
// PENSTOCK_BENCH_POSTGRES names by one connection and by two, in turn, and
// reports how much faster two are.
func BenchmarkConnections(b *testing.B) {
	dsn := os.Getenv("PENSTOCK_BENCH_POSTGRES")
	if dsn == "" {
		b.Skip("PENSTOCK_BENCH_POSTGRES names no server")
	}
	ctx := context.Background()
	took := func(connections int) time.Duration {
		src, err := open(configOf(b, dsn), connector.Env{Connections: connections})
		if err != nil {
			b.Fatal(err)
		}
		tables, err := src.Tables(ctx, func(setup.Warning) {})
		if err != nil {
			b.Fatal(err)
		}
		tables = slices.DeleteFunc(tables, func(t schema.Table) bool { return t.Table != "lineitem" })
		began := time.Now()
		if err := src.Sync(ctx, connector.Request{Tables: tables, Start: time.Unix(0, 0)}, &discard{}); err != nil {
			b.Fatal(err)
		}
		return time.Since(began)
	}
	b.Run("lineitem", func(b *testing.B) {
		var one, two time.Duration
		for b.Loop() {
			one += took(1)
			two += took(2)
		}
		b.ReportMetric(one.Seconds()/two.Seconds(), "two-over-one")
	})
}

// configOf returns the config for a server's URL.
func configOf(t testing.TB, dsn string, edit ...func(*config)) json.RawMessage {
	t.Helper()
	u, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	cfg := config{
		Host: u.Host, Port: int(u.Port), User: u.User, Password: u.Password, Database: u.Database,
		AuthMethod: passwordAuth, UpdateMethod: queryBased, ConnectionType: directly, CaptureDeletes: true,
	}
	for _, f := range edit {
		f(&cfg)
	}
	raw, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
