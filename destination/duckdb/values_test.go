package duckdb

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/destination/destinationtest"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// texts returns rows of a table with one text column, numbered from 1.
func texts(t *schema.Table, values ...string) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, t.Arrow())
	defer b.Release()
	for i, v := range values {
		b.Field(0).(*array.Int64Builder).Append(int64(i + 1))
		b.Field(1).(*array.StringBuilder).Append(v)
	}
	return b.NewRecordBatch()
}

// TestValuesNotHeld writes what DuckDB would take without a word and then not
// be able to read.
func TestValuesNotHeld(t *testing.T) {
	table := &schema.Table{Name: schema.Name{Schema: "main", Table: "t"}, Columns: []schema.Column{
		{Name: "id", Type: schema.Type{Kind: schema.Long}, Key: true},
		{Name: "date", Type: schema.Type{Kind: schema.Date}},
		{Name: "datetime", Type: schema.Type{Kind: schema.Datetime}},
		{Name: "instant", Type: schema.Type{Kind: schema.Instant}},
		{Name: "time", Type: schema.Type{Kind: schema.Time}},
		{Name: "text", Type: schema.Type{Kind: schema.String}},
	}}
	record := func() arrow.RecordBatch {
		b := array.NewRecordBuilder(memory.DefaultAllocator, table.Arrow())
		defer b.Release()
		for id, bad := range []bool{false, true} {
			date, at, of, text := int32(-2147483646), int64(minTime), int64(endTime), "ü\x00z"
			if bad {
				date, at, of, text = -2147483648, minTime-1, endTime+1, "a\xffb"
			}
			b.Field(0).(*array.Int64Builder).Append(int64(id))
			b.Field(1).(*array.Date32Builder).Append(arrow.Date32(date))
			b.Field(2).(*array.TimestampBuilder).Append(arrow.Timestamp(at))
			b.Field(3).(*array.TimestampBuilder).Append(arrow.Timestamp(at))
			b.Field(4).(*array.Time64Builder).Append(arrow.Time64(of))
			b.Field(5).(*array.StringBuilder).Append(text)
		}
		return b.NewRecordBatch()
	}
	d := openAt(t, filepath.Join(t.TempDir(), "x.duckdb"))
	var warnings []string
	w, err := d.Writer(t.Context(), destination.Options{Memory: 64 << 20, Warn: func(w setup.Warning) { warnings = append(warnings, w.Message) }})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Migrate(t.Context(), table); err != nil {
		t.Fatal(err)
	}
	if err := w.Write(t.Context(), schema.Batch{Op: schema.Upsert, Table: table, Record: record(), Fresh: true}); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.Close()
	for i, c := range table.Columns[1:] {
		if len(warnings) <= i || !strings.Contains(warnings[i], "table main.t, column "+c.Name) {
			t.Fatalf("warnings: %q", warnings)
		}
	}
	got := selectText(t, d, table.Name, table.Columns)
	null := destinationtest.Null
	want := [][]string{
		{"0", "5877642-06-25 BC", "290309-12-22T00:00:00 BC", "290309-12-22T00:00:00Z BC", "24:00:00", "ü\x00z"},
		{"1", null, null, null, null, "a\ufffdb"},
	}
	slices.SortFunc(got, slices.Compare)
	for i := range want {
		if !slices.Equal(got[i], want[i]) {
			t.Errorf("got %q, want %q", got[i], want[i])
		}
	}

	w, err = d.Writer(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err = w.Write(t.Context(), schema.Batch{Op: schema.Upsert, Table: table, Record: record()}); err == nil {
		err = w.Flush(t.Context())
	}
	if err == nil || !strings.Contains(err.Error(), "table main.t, column date") {
		t.Errorf("without anybody to warn: %v", err)
	}

	w, err = d.Writer(t.Context(), destination.Options{Memory: 64 << 20, Warn: func(setup.Warning) {}})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	table.Columns[1].Key = true
	if err = w.Write(t.Context(), schema.Batch{Op: schema.Upsert, Table: table, Record: record()}); err == nil {
		err = w.Flush(t.Context())
	}
	if err == nil || !strings.Contains(err.Error(), "table main.t, column date") {
		t.Errorf("in a key: %v", err)
	}
}
