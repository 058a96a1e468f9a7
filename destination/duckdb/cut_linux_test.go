package duckdb

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/destination/destinationtest"
	"github.com/penstock-data/penstock/schema"
)

// TestCutOff cuts syncs off while several tables are written to: once the writer
// is closed nothing has the file open, and nothing goes on beside.
func TestCutOff(t *testing.T) {
	for round := range 120 {
		path := filepath.Join(t.TempDir(), "cut.duckdb")
		ctx, cut := context.WithCancel(t.Context())
		w, err := (&duck{path: path}).Writer(ctx, destination.Options{Synced: destinationtest.SyncTime(1), Memory: 128 << 20})
		if err != nil {
			t.Fatal(err)
		}
		at, calls := int64(rand.IntN(40)), atomic.Int64{}
		ok := func(err error) bool {
			if calls.Add(1) == at {
				go cut()
			}
			return err == nil
		}
		var tables sync.WaitGroup
		for i := range 3 {
			tables.Go(func() {
				table := &schema.Table{Name: schema.Name{Schema: "s", Table: fmt.Sprint("t", i)}, Columns: []schema.Column{
					{Name: "k", Type: schema.Type{Kind: schema.Long}, Key: true}, {Name: "a", Type: schema.Type{Kind: schema.String}}}}
				for n := 0; n < 6 && ok(w.Migrate(ctx, table)) && ok(w.Write(ctx, numbers(table, n*1000, round%2 == 0))) && (n%2 == 0 || ok(w.Flush(ctx))); n++ {
				}
			})
		}
		tables.Wait()
		w.Close()
		if open := opened(t, path); len(open) > 0 {
			t.Fatalf("round %d: %q are open still", round, open)
		}
		cut()
	}
}

// numbers is a batch of 3,000 rows.
func numbers(table *schema.Table, from int, fresh bool) schema.Batch {
	r := array.NewRecordBuilder(memory.DefaultAllocator, table.Arrow())
	defer r.Release()
	for k := range 3000 {
		r.Field(0).(*array.Int64Builder).Append(int64(from + k))
		r.Field(1).(*array.StringBuilder).Append("x")
	}
	return schema.Batch{Op: schema.Upsert, Fresh: fresh, Table: table, Record: r.NewRecordBatch()}
}

// opened returns what this process has open of a file and of what belongs to it.
func opened(t *testing.T, path string) (open []string) {
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if to, err := os.Readlink("/proc/self/fd/" + f.Name()); err == nil && strings.HasPrefix(to, path) {
			open = append(open, to)
		}
	}
	return open
}
