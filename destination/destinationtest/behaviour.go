package destinationtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/schema"
)

// testMigrate adds columns in mid-sync and looks at what Table tells.
func testMigrate(t *testing.T, s Subject) {
	d := s.Open(t)
	w := open(t, d, 1, nil)
	name := scriptTable("t", "").Name
	if got, err := w.Table(t.Context(), name); err != nil || got != nil {
		t.Fatalf("before it exists: %v, %v", got, err)
	}
	must(t, w.Migrate(t.Context(), scriptTable("t", "a")))
	must(t, w.Write(t.Context(), scriptBatch(t, "t", "upsert.a", []string{"1,x", "2,x"})))
	must(t, w.Migrate(t.Context(), scriptTable("t", "ba")))
	must(t, w.Write(t.Context(), scriptBatch(t, "t", "upsert.b", []string{"3,y"})))
	must(t, w.Write(t.Context(), scriptBatch(t, "t", "upsert.ba", []string{"2,m,n"})))
	must(t, w.Flush(t.Context()))
	must(t, w.Migrate(t.Context(), scriptTable("t", "a")))
	got, err := w.Table(t.Context(), name)
	must(t, err)
	if want := scriptTable("t", "ab").Columns; !slices.Equal(got.Columns, want) {
		t.Errorf("got %v, want %v", got.Columns, want)
	}
	must(t, w.Close())
	if got, want := scriptRows(t, s, d, "t"), []string{"1,x,-@1", "2,n,m@1", "3,-,y@1"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}

	// The key changes: rows are found by the new one.
	w = open(t, d, 2, nil)
	byA := scriptTable("t", "ab")
	byA.Columns[0].Key, byA.Columns[1].Key = false, true
	must(t, w.Migrate(t.Context(), byA))
	b := scriptBatch(t, "t", "upsert", []string{"7,n,z"})
	b.Table = byA
	must(t, w.Write(t.Context(), b))
	must(t, w.Flush(t.Context()))
	got, err = w.Table(t.Context(), name)
	must(t, err)
	if !slices.Equal(got.Columns, byA.Columns) {
		t.Errorf("got %v, want %v", got.Columns, byA.Columns)
	}
	must(t, w.Close())
	if got, want := scriptRows(t, s, d, "t"), []string{"1,x,-@1", "3,-,y@1", "7,n,z@2"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// testKeyless writes rows whose key was made of their values: equal rows are
// one, also in a batch that is said to be fresh.
func testKeyless(t *testing.T, s Subject) {
	d := s.Open(t)
	table := &schema.Table{Name: schema.Name{Schema: "scripts", Table: "loose"}, Columns: []schema.Column{
		{Name: "a", Type: schema.Type{Kind: schema.String}},
		{Name: schema.RowID, Type: schema.Type{Kind: schema.String}, Key: true},
	}}
	for sync := range 2 {
		w := open(t, d, sync, nil)
		must(t, w.Migrate(t.Context(), table))
		for range 2 {
			b := array.NewRecordBuilder(memory.DefaultAllocator, table.Arrow())
			for _, v := range []string{"x", "y", "x"} {
				b.Field(0).(*array.StringBuilder).Append(v)
				b.Field(1).(*array.StringBuilder).Append("hash of " + v)
			}
			must(t, w.Write(t.Context(), schema.Batch{Op: schema.Upsert, Table: table, Fresh: true, Record: b.NewRecordBatch()}))
			b.Release()
		}
		if n, err := w.Live(t.Context(), table.Name); n != 2 || err != nil {
			t.Errorf("sync %d: live: %d, %v, want 2", sync, n, err)
		}
		must(t, w.Flush(t.Context()))
		must(t, w.Close())
	}
	got := s.Select(t, d, table.Name, table.Columns)
	slices.SortFunc(got, slices.Compare)
	if want := [][]string{{"x", "hash of x"}, {"y", "hash of y"}}; !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// testConcurrent writes several tables at once, from two writers.
func testConcurrent(t *testing.T, s Subject) {
	d := s.Open(t)
	const tables, batches = 40, 3
	writers := []destination.Writer{open(t, d, 1, nil), open(t, d, 1, nil)}
	var wait sync.WaitGroup
	for i := range tables {
		wait.Go(func() {
			w, table := writers[i%2], fmt.Sprintf("t%d", i)
			if err := w.Migrate(t.Context(), scriptTable(table, "ab")); err != nil {
				t.Error(err)
				return
			}
			for n := range batches {
				verb := []string{"fresh", "upsert"}[i/2%2]
				if err := w.Write(t.Context(), scriptBatch(t, table, verb, []string{fmt.Sprintf("%d,x,%d", n, i)})); err != nil {
					t.Error(err)
					return
				}
			}
			if n, err := w.Live(t.Context(), scriptTable(table, "").Name); err != nil || n != batches {
				t.Errorf("%s: live %d, %v", table, n, err)
			}
		})
	}
	wait.Wait()
	for _, w := range writers {
		must(t, w.Flush(t.Context()))
	}
	for _, w := range writers {
		must(t, w.Close())
	}
	for i := range tables {
		var want []string
		for n := range batches {
			want = append(want, fmt.Sprintf("%d,x,%d@1", n, i))
		}
		if got := scriptRows(t, s, d, fmt.Sprintf("t%d", i)); !slices.Equal(got, want) {
			t.Errorf("table %d: got %v, want %v", i, got, want)
		}
	}
}

// testCancelled ends the context in mid-sync; what was flushed stays.
func testCancelled(t *testing.T, s Subject) {
	d := s.Open(t)
	w := open(t, d, 1, nil)
	must(t, w.Migrate(t.Context(), scriptTable("t", "ab")))
	must(t, w.Write(t.Context(), scriptBatch(t, "t", "fresh", []string{"1,x,y"})))
	must(t, w.Flush(t.Context()))
	ctx, cancel := context.WithCancel(t.Context())
	must(t, w.Write(ctx, scriptBatch(t, "t", "fresh", []string{"2,x,y"})))
	cancel()
	err := w.Flush(ctx)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Flush of a cancelled sync: %v", err)
	}
	if err := w.Write(t.Context(), scriptBatch(t, "t", "upsert", []string{"3,x,y"})); err == nil {
		t.Error("a writer that failed goes on")
	}
	must(t, w.Close())
	if got, want := scriptRows(t, s, d, "t"), []string{"1,x,y@1"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if err := w.Write(t.Context(), scriptBatch(t, "t", "upsert", []string{"3,x,y"})); err == nil {
		t.Error("a closed writer goes on")
	}
}

// testNoTable ends the rows of tables that are not there, which have none, and
// goes on.
func testNoTable(t *testing.T, s Subject) {
	d := s.Open(t)
	w := open(t, d, 1, nil)
	must(t, w.Migrate(t.Context(), scriptTable("t", "ab")))
	for _, op := range []schema.Op{schema.Truncate, schema.Sweep} {
		must(t, w.Write(t.Context(), schema.Batch{Op: op, Table: scriptTable("other", ""), Before: SyncTime(1)}))
	}
	must(t, w.Write(t.Context(), scriptBatch(t, "t", "upsert", []string{"1,x,y"})))
	must(t, w.Flush(t.Context()))
	must(t, w.Close())
	if got, want := scriptRows(t, s, d, "t"), []string{"1,x,y@1"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// testUntyped writes rows with a column of which nobody knows the type yet, in
// front of others, to a table that has one.
func testUntyped(t *testing.T, s Subject) {
	for _, fresh := range []bool{true, false} {
		d := s.Open(t)
		w := open(t, d, 1, nil)
		must(t, w.Migrate(t.Context(), scriptTable("t", "ab")))
		b := scriptBatch(t, "t", "upsert", []string{"1,-,y"})
		b.Table.Columns[1].Type, b.Fresh = schema.Type{Kind: schema.Unspecified}, fresh
		must(t, w.Write(t.Context(), b))
		must(t, w.Flush(t.Context()))
		must(t, w.Close())
		if got, want := scriptRows(t, s, d, "t"), []string{"1,-,y@1"}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

// testRefused writes what is no promise of anybody's.
func testRefused(t *testing.T, s Subject) {
	cases := []struct {
		name  string
		batch func() schema.Batch
		names string // what the error must name
	}{
		{"no table", func() schema.Batch { return scriptBatch(t, "other", "upsert", []string{"1,x,y"}) }, "does not exist"},
		{"no column", func() schema.Batch { return scriptBatch(t, "t", "upsert.abc", []string{"1,x,y,z"}) }, "column c"},
		{"no key", func() schema.Batch {
			b := scriptBatch(t, "t", "upsert", []string{"1,x,y"})
			b.Table.Columns[0].Key = false
			return b
		}, "key"},
		{"null key", func() schema.Batch {
			b := scriptBatch(t, "t", "upsert", []string{"1,-,y"})
			b.Table.Columns[1].Key = true
			return b
		}, "column a"},
		{"wider than the table", func() schema.Batch {
			b := scriptBatch(t, "t", "upsert", []string{"1,x,y"})
			b.Table.Columns[1].Type = schema.Type{Kind: schema.Binary}
			return b
		}, "column a"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := s.Open(t)
			w := open(t, d, 1, nil)
			defer w.Close()
			must(t, w.Migrate(t.Context(), scriptTable("t", "ab")))
			err := w.Write(t.Context(), c.batch())
			if err == nil || !strings.Contains(err.Error(), c.names) {
				t.Errorf("got %v, want an error that names %s", err, c.names)
			}
		})
	}
	t.Run("system column", func(t *testing.T) {
		w := open(t, s.Open(t), 1, nil)
		defer w.Close()
		table := scriptTable("t", "a")
		table.Columns[1].Name = schema.Deleted
		if err := w.Migrate(t.Context(), table); err == nil || !strings.Contains(err.Error(), schema.Deleted) {
			t.Errorf("got %v", err)
		}
		must(t, w.Migrate(t.Context(), scriptTable("t", "a"))) // and the writer goes on
	})
}

// testLong writes more than fits into a stage, and merges it again.
func testLong(t *testing.T, s Subject) {
	d := s.Open(t)
	table := Lineitem(schema.Name{Schema: "bench", Table: "lineitem"})
	const rows, batch = 200_000, 10_000
	for sync := range 2 {
		w := open(t, d, sync, nil)
		must(t, w.Migrate(t.Context(), table))
		for g := 0; g < rows; g += batch {
			must(t, w.Write(t.Context(), schema.Batch{Op: schema.Upsert, Table: table, Fresh: true,
				Record: LineitemRows(table, g, batch, uint32(sync))}))
		}
		n, err := w.Live(t.Context(), table.Name)
		must(t, err)
		if n != rows {
			t.Errorf("sync %d: %d rows, want %d", sync, n, rows)
		}
		must(t, w.Flush(t.Context()))
		must(t, w.Close())
	}
}

// testWidenedBeside widens a column that was just updated while a load of
// another table goes on.
func testWidenedBeside(t *testing.T, s Subject) {
	d := s.Open(t)
	of := func(columns string, n schema.Kind) *schema.Table {
		table := scriptTable("t", columns)
		table.Columns[table.Index("n")].Type.Kind = n
		return table
	}
	write := func(w destination.Writer, table *schema.Table, verb string, words ...string) {
		t.Helper()
		b, err := batchOf(table, verb, words)
		must(t, err)
		must(t, w.Write(t.Context(), b))
	}
	busy, wide := scriptTable("busy", "ab"), of("an", schema.Long)
	w := open(t, d, 1, nil)
	must(t, w.Migrate(t.Context(), of("an", schema.Short)))
	write(w, of("an", schema.Short), "fresh", "1,x,1", "2,x,1", "3,x,1")
	must(t, w.Flush(t.Context()))
	must(t, w.Migrate(t.Context(), busy))
	write(w, busy, "fresh", "1,x,y")
	write(w, of("n", schema.Short), "update", "2,7")
	must(t, w.Migrate(t.Context(), wide))
	write(w, busy, "fresh", "2,x,y")
	must(t, w.Flush(t.Context()))
	must(t, w.Close())
	if got, want := Rows(t, s, d, wide), []string{"1,x,1@1", "2,x,7@1", "3,x,1@1"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
