package fifteenfive

import (
	"context"
	"net/http/httptest"
	"syscall"
	"testing"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/fifteenfive/simulator"
	"github.com/penstock-data/penstock/schema"
)

// nothing is an Output that takes everything.
type nothing struct {
	connector.Output
	rows int64
}

func (n *nothing) Write(_ context.Context, b schema.Batch) error {
	n.rows += b.Rows()
	b.Release()
	return nil
}
func (*nothing) Checkpoint(context.Context, any) error { return nil }
func (*nothing) Note(context.Context, any) error       { return nil }
func (*nothing) Progress(schema.Name, int64)           {}

// 100,000 pulses over the network of this machine in pages of 100, scanned
// into batches that nobody takes: the source's share of the 20 µs CPU per row
// that they may cost into DuckDB. The simulator's work is included.
func BenchmarkPulses(b *testing.B) {
	sim := simulator.New(simulator.Options{Users: 1, Pulses: 100_000, Now: func() time.Time { return later }, Start: began})
	srv := httptest.NewServer(sim)
	defer srv.Close()
	raw := []byte(`{"schema":"s","api_key":"` + simulator.DefaultKey + `"}`)
	var pulse schema.Table
	for _, t := range tables {
		if t.Name.Table == "pulse" {
			pulse = t
		}
	}
	var rows int64
	before := cpu(b)
	for b.Loop() {
		src, err := Service.Open(raw, connector.Env{Endpoint: srv.URL})
		if err != nil {
			b.Fatal(err)
		}
		out := &nothing{}
		if err := src.Sync(b.Context(), connector.Request{Tables: []schema.Table{pulse}, Start: later}, out); err != nil {
			b.Fatal(err)
		}
		rows += out.rows
	}
	if rows < 100_000*int64(b.N) {
		b.Errorf("%d rows in %d syncs", rows, b.N)
	}
	b.ReportMetric(float64((cpu(b)-before).Nanoseconds())/float64(rows)/1000, "µs-CPU/row")
}

func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
