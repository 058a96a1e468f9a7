package destinationtest

import (
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

var keyColumn = schema.Column{Name: "k", Type: schema.Type{Kind: schema.Long}, Key: true}

// allTypes is a table with a column for each sample.
func allTypes(name string) *schema.Table {
	t := &schema.Table{Name: schema.Name{Schema: "types", Table: name}, Columns: []schema.Column{keyColumn}}
	for _, s := range samples {
		t.Columns = append(t.Columns, schema.Column{Name: column(s.t), Type: s.t})
	}
	return t
}

// testTypes writes the samples of all types, straight into a table and by a
// merge, and expects each back as it was.
func testTypes(t *testing.T, s Subject) {
	d := s.Open(t)
	var warnings []setup.Warning
	w := open(t, d, 1, &warnings)
	rows := 0
	for _, x := range samples {
		rows = max(rows, len(x.values))
	}
	batch := func(table *schema.Table, fresh bool) schema.Batch {
		b := array.NewRecordBuilder(memory.DefaultAllocator, table.Arrow())
		defer b.Release()
		for i := range rows {
			appendValue(b.Field(0), keyColumn.Type, i)
			for j, x := range samples {
				appendValue(b.Field(j+1), x.t, x.values[i%len(x.values)])
			}
		}
		return schema.Batch{Op: schema.Upsert, Table: table, Fresh: fresh, Record: b.NewRecordBatch()}
	}
	loaded, merged := allTypes("loaded"), allTypes("merged")
	for _, table := range []*schema.Table{loaded, merged} {
		must(t, w.Migrate(t.Context(), table))
		got, err := w.Table(t.Context(), table.Name)
		must(t, err)
		if !slices.Equal(got.Columns, table.Columns) {
			t.Errorf("the table reads back as\n%v, want\n%v", got.Columns, table.Columns)
		}
	}
	must(t, w.Write(t.Context(), batch(loaded, true)))
	must(t, w.Write(t.Context(), batch(merged, false)))
	must(t, w.Flush(t.Context()))
	must(t, w.Write(t.Context(), batch(merged, false)))
	must(t, w.Flush(t.Context()))
	must(t, w.Close())

	w = open(t, d, 2, nil)
	for _, table := range []*schema.Table{loaded, merged} {
		got, err := w.Table(t.Context(), table.Name)
		must(t, err)
		if !slices.Equal(got.Columns, table.Columns) {
			t.Errorf("%s reads back as\n%v, want\n%v", table.Name, got.Columns, table.Columns)
		}
	}
	must(t, w.Close())
	lost := 0
	for _, table := range []*schema.Table{loaded, merged} {
		got := s.Select(t, d, table.Name, table.Columns)
		if len(got) != rows {
			t.Fatalf("%s: %d rows, want %d", table.Name, len(got), rows)
		}
		for _, row := range got {
			i, err := strconv.Atoi(row[0])
			must(t, err)
			for j, x := range samples {
				v := x.values[i%len(x.values)]
				want := text(v, x.t, x.t)
				if !s.Keeps(x.t, want) {
					want = Null
					lost++
				}
				if row[j+1] != want {
					t.Errorf("%s: %v in %s: got %s, want %s", table.Name, v, x.t, row[j+1], want)
				}
			}
		}
	}
	if (lost > 0) != (len(warnings) > 0) {
		t.Errorf("%d values were not kept, and there are %d warnings", lost, len(warnings))
	}
}

// testUnchanged reads values of all types again, and widens some of them
// before: no row has changed by that. Then it changes all of them.
func testUnchanged(t *testing.T, s Subject) {
	d := s.Open(t)
	table := allTypes("unchanged")
	table.Mode = schema.History
	wide := &schema.Table{Name: table.Name, Mode: table.Mode, Columns: slices.Clone(table.Columns)}
	for i, c := range wide.Columns {
		if i%2 == 1 {
			wide.Columns[i].Type = schema.Join(c.Type, schema.Type{Kind: schema.String})
		}
	}
	const rows = 8
	for sync, migrated := range []*schema.Table{table, table, wide, wide} {
		var warnings []setup.Warning
		w := open(t, d, sync, &warnings)
		must(t, w.Migrate(t.Context(), migrated))
		b := array.NewRecordBuilder(memory.DefaultAllocator, table.Arrow())
		for i := range rows {
			appendValue(b.Field(0), keyColumn.Type, i)
			for j, x := range samples {
				n := i
				if sync == 3 {
					n++
				}
				appendValue(b.Field(j+1), x.t, x.values[n%len(x.values)])
			}
		}
		must(t, w.Write(t.Context(), schema.Batch{Op: schema.Upsert, Table: table, Record: b.NewRecordBatch()}))
		b.Release()
		n, err := w.Live(t.Context(), table.Name)
		must(t, err)
		if n != rows {
			t.Errorf("sync %d: %d rows are active, want %d", sync, n, rows)
		}
		must(t, w.Flush(t.Context()))
		must(t, w.Close())
		want := rows
		if sync == 3 {
			want = 2 * rows
		}
		if got := s.Select(t, d, table.Name, wide.Columns[:1]); len(got) != want {
			t.Errorf("sync %d: %d versions, want %d", sync, len(got), want)
		}
	}
}

// testWidening changes a column of each type to each other type, with rows
// written before and after the change, and rows of the first type again.
func testWidening(t *testing.T, s Subject) {
	d := s.Open(t)
	for i, from := range samples {
		name := schema.Name{Schema: "types", Table: fmt.Sprintf("from_%d", i)}
		before := &schema.Table{Name: name, Columns: []schema.Column{keyColumn}}
		after := &schema.Table{Name: name, Columns: []schema.Column{keyColumn}}
		joined := &schema.Table{Name: name, Columns: []schema.Column{keyColumn}}
		for _, to := range samples {
			before.Columns = append(before.Columns, schema.Column{Name: column(to.t), Type: from.t})
			after.Columns = append(after.Columns, schema.Column{Name: column(to.t), Type: to.t})
			joined.Columns = append(joined.Columns, schema.Column{Name: column(to.t), Type: schema.Join(from.t, to.t)})
		}
		t.Run(from.t.String(), func(t *testing.T) {
			var warnings []setup.Warning
			w := open(t, d, 1, &warnings)
			key := 0
			want := map[int][]string{}
			// write writes rows of a table's types whose values are of the
			// samples that of gives, by column.
			write := func(table *schema.Table, of func(j int) sample, rows int, fresh bool) {
				b := array.NewRecordBuilder(memory.DefaultAllocator, table.Arrow())
				defer b.Release()
				for i := range rows {
					appendValue(b.Field(0), keyColumn.Type, key)
					want[key] = []string{strconv.Itoa(key)}
					for j := range samples {
						x := of(j)
						v := x.values[i%len(x.values)]
						appendValue(b.Field(j+1), x.t, v)
						to := joined.Columns[j+1].Type
						wanted := text(v, x.t, to)
						if !s.Keeps(x.t, text(v, x.t, x.t)) {
							wanted = Null
						}
						want[key] = append(want[key], wanted)
					}
					key++
				}
				must(t, w.Write(t.Context(), schema.Batch{Op: schema.Upsert, Table: table, Fresh: fresh, Record: b.NewRecordBatch()}))
			}
			same := func(int) sample { return from }
			must(t, w.Migrate(t.Context(), before))
			write(before, same, len(from.values), true)
			must(t, w.Migrate(t.Context(), after))
			if i%2 == 0 { // and so from a widened table that is still open
				write(before, same, len(from.values), true)
			}
			must(t, w.Flush(t.Context()))
			must(t, w.Close())
			w = open(t, d, 2, &warnings)
			got, err := w.Table(t.Context(), name)
			must(t, err)
			if !slices.Equal(got.Columns, joined.Columns) {
				t.Errorf("the widened table reads back as\n%v, want\n%v", got.Columns, joined.Columns)
			}
			must(t, w.Migrate(t.Context(), after))
			rows := 0
			for _, x := range samples {
				rows = max(rows, len(x.values))
			}
			write(after, func(j int) sample { return samples[j] }, rows, true)
			write(before, same, len(from.values), false)
			must(t, w.Flush(t.Context()))
			must(t, w.Close())
			all := s.Select(t, d, name, joined.Columns)
			if len(all) != len(want) {
				t.Fatalf("%d rows, want %d", len(all), len(want))
			}
			for _, row := range all {
				k, err := strconv.Atoi(row[0])
				must(t, err)
				for j, c := range joined.Columns {
					if row[j] != want[k][j] {
						t.Errorf("row %d, %s: %s as %s: got %s, want %s", k, c.Name, from.t, c.Type, row[j], want[k][j])
					}
				}
			}
		})
	}
}
