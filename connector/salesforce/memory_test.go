package salesforce

import (
	"context"
	"fmt"
	"net/http/httptest"
	"runtime"
	"testing"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/connectortest"
	"github.com/penstock-data/penstock/connector/salesforce/simulator"
	"github.com/penstock-data/penstock/schema"
)

// A scale is an Output that drops rows, and weighs what is in memory each time
// that some come.
type scale struct {
	*connectortest.Model
	rows       int64
	first, top int64 // bytes: before the sync, and the most since
}

func (s *scale) Write(_ context.Context, b schema.Batch) error {
	if b.Op == schema.Upsert {
		s.rows += b.Rows()
	}
	s.top = max(s.top, weigh()) // with the batch
	b.Release()
	return nil
}

func (s *scale) Checkpoint(context.Context, any) error { return nil }

// weigh returns the bytes that are in use.
func weigh() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// taken syncs an object over the network of this machine, and returns how much
// memory that took.
func taken(t *testing.T, o *org, object string, rows int64) int64 {
	t.Helper()
	srv := httptest.NewServer(o.Simulator)
	defer srv.Close()
	s := o.open(t)
	s.env.HTTP, s.address = srv.Client(), srv.URL
	s.poll = 1
	src := only{s, []string{object}}
	tables, err := src.Tables(t.Context(), nil)
	check(t, err)
	out := &scale{Model: &connectortest.Model{Failed: map[schema.Name]error{}, Expected: map[schema.Name]int64{}}, first: weigh()}
	check(t, src.Sync(t.Context(), connector.Request{Tables: tables, Start: o.Now()}, out))
	if len(out.Failed) > 0 || out.rows < rows {
		t.Fatalf("%d rows, want %d; failed: %v", out.rows, rows, out.Failed)
	}
	return out.top - out.first
}

// A result ten times as long takes no more memory, however wide its rows are.
func TestMemory(t *testing.T) {
	for _, c := range []struct {
		name   string
		fields int
		rows   int
		bulk   bool
		more   int64 // MiB that the longer result may take more
		most   int64 // MiB
	}{
		{"narrow, bulk", 5, 20_000, true, 4, 12},
		{"wide, bulk", 500, 400, true, 4, 12},
		{"narrow, REST", 5, 2_000, false, 4, 20},
		{"wide, REST", 500, 300, false, 24, 100}, // a page of 100,000 values, and what a parser keeps
	} {
		t.Run(c.name, func(t *testing.T) {
			o := newOrg(t, simulator.Options{})
			o.adapt = func(s *source) {
				if s.bulkFrom = 1; !c.bulk {
					s.bulkFrom = 1 << 40
				}
			}
			var took [2]int64
			for i, name := range []string{"Short__c", "Long__c"} {
				wide := simulator.Object{Name: name, KeyPrefix: fmt.Sprint("a0", i), Fields: []simulator.Field{
					{Name: "Id", Type: "id", Length: 18}, {Name: "IsDeleted", Type: "boolean"}, {Name: "SystemModstamp", Type: "datetime"}}}
				for i := range c.fields {
					wide.Fields = append(wide.Fields, simulator.Field{Name: fmt.Sprintf("Field_%03d__c", i), Type: "string", Length: 80})
				}
				rows := c.rows
				if i == 1 {
					rows *= 10
				}
				check(t, o.AddObject(wide, rows))
				took[i] = taken(t, o, name, int64(rows))
			}
			t.Logf("%d KiB, ten times as long %d KiB", took[0]>>10, took[1]>>10)
			if took[1] > took[0]+c.more<<20 || took[1] > c.most<<20 {
				t.Errorf("%d KiB, ten times as long %d KiB", took[0]>>10, took[1]>>10)
			}
		})
	}
}
