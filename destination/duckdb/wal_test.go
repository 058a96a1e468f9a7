package duckdb

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/penstock-data/penstock/schema"
)

// TestKilledAfterWidening opens what a kill leaves behind: the file and the
// log beside it, which holds columns that were widened in every way.
func TestKilledAfterWidening(t *testing.T) {
	from := []schema.Type{
		{Kind: schema.Unspecified}, {Kind: schema.Boolean}, {Kind: schema.Long}, {Kind: schema.Decimal, Precision: 10, Scale: 2}, {Kind: schema.Double},
		{Kind: schema.Date}, {Kind: schema.Datetime}, {Kind: schema.Instant}, {Kind: schema.Time}, {Kind: schema.Binary}, {Kind: schema.JSON},
	}
	path := filepath.Join(t.TempDir(), "x.duckdb")
	w, err := openAt(t, path).Writer(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	before := &schema.Table{Name: schema.Name{Schema: "s", Table: "t"}, Columns: []schema.Column{{Name: "id", Type: schema.Type{Kind: schema.Long}, Key: true}}}
	after := &schema.Table{Name: before.Name, Columns: append([]schema.Column(nil), before.Columns...)}
	for i, k := range from {
		name := string(rune('a' + i))
		before.Columns = append(before.Columns, schema.Column{Name: name, Type: k})
		after.Columns = append(after.Columns, schema.Column{Name: name, Type: schema.Type{Kind: schema.String}})
	}
	if err := w.Migrate(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, before.Arrow())
	defer b.Release()
	b.Field(0).(*array.Int64Builder).Append(1)
	for _, f := range b.Fields()[1:] {
		f.AppendEmptyValue()
	}
	if err := w.Write(t.Context(), schema.Batch{Op: schema.Upsert, Table: before, Record: b.NewRecordBatch()}); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.Migrate(t.Context(), after); err != nil {
		t.Fatal(err)
	}
	killed := filepath.Join(t.TempDir(), "x.duckdb")
	for _, suffix := range []string{"", ".wal"} {
		data, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(killed+suffix, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	again, err := openAt(t, killed).Writer(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if n, err := again.Live(t.Context(), before.Name); n != 1 || err != nil {
		t.Errorf("%d rows, %v", n, err)
	}
}
