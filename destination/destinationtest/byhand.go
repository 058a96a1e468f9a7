package destinationtest

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// A Hand is what somebody can do to a table who knows SQL and not the writer.
// In statements {} stands for the table's name.
type Hand struct {
	Run func(t testing.TB, d destination.Destination, name schema.Name, statement string)

	// Retype returns the statement that gives a column another type, Uncomment
	// the one that takes a column's comment away; types are schema's, and Foreign
	// is one of the destination's that has no like there.
	Retype    func(column, typ string) string
	Uncomment func(column string, t schema.Type) string
	Type      func(schema.Type) string
	Foreign   string

	// Depend makes something that depends on the column a, so that it cannot be
	// dropped, and Release drops that. Named is what an error must say of it.
	Depend, Release, Named string

	// Restrict makes the column a take no NULL any more, and Free undoes that.
	Restrict, Free string
}

// handTable has the columns of the table that is changed by hand.
func handTable(mode schema.Mode) *schema.Table {
	t := scriptTable("t", "an")
	t.Mode = mode
	t.Columns = append(t.Columns, schema.Column{Name: "j", Type: schema.Type{Kind: schema.JSON}})
	return t
}

// testByHand changes a table between two syncs: what is missing comes back, and
// what the writer cannot write into is refused in words.
func testByHand(t *testing.T, s Subject) {
	h := s.Hand
	integer, date := h.Type(schema.Type{Kind: schema.Int}), h.Type(schema.Type{Kind: schema.Date})
	long, document := schema.Type{Kind: schema.Long}, schema.Type{Kind: schema.JSON}
	cases := []struct {
		name      string
		mode      schema.Mode
		hand      []string
		want      string // of k, a, n, j, and whether it is deleted
		problem   string // why the table is refused instead, and
		mentioned string // what it names
	}{
		{"nothing", schema.SoftDelete, nil, "1,z,5000000000,{},false 2,x,7,[1],true 3,x,7,[1],false", "", ""},
		{"a column is dropped", schema.SoftDelete, []string{"ALTER TABLE {} DROP COLUMN a"}, "1,z,5000000000,{},false 2,-,7,[1],true 3,-,7,[1],false", "", ""},
		{"a type is narrowed", schema.SoftDelete, []string{h.Retype("n", integer)}, "1,z,5000000000,{},false 2,x,7,[1],true 3,x,7,[1],false", "", ""},
		{"the key's type is narrowed", schema.SoftDelete, []string{h.Retype("k", integer)}, "1,z,5000000000,{},false 2,x,7,[1],true 3,x,7,[1],false", "", ""},
		{"a type of one's own", schema.SoftDelete, []string{h.Retype("n", h.Foreign)}, "", "column_type_unknown", "Column n of table"},
		{"the synced time is dropped", schema.SoftDelete, []string{"ALTER TABLE {} DROP COLUMN " + schema.Synced}, "1,z,5000000000,{},false 2,x,7,[1],true 3,x,7,[1],false", "", ""},
		{"the mark of deleted rows is dropped", schema.SoftDelete, []string{"ALTER TABLE {} DROP COLUMN " + schema.Deleted}, "1,z,5000000000,{},false 2,x,7,[1],true 3,x,7,[1],false", "", ""},
		{"both are dropped", schema.SoftDelete, []string{"ALTER TABLE {} DROP COLUMN " + schema.Synced, "ALTER TABLE {} DROP COLUMN " + schema.Deleted}, "1,z,5000000000,{},false 2,x,7,[1],true 3,x,7,[1],-", "", ""},
		{"the synced time is a day", schema.SoftDelete, []string{h.Retype(schema.Synced, date)}, "", "system_column_type", schema.Synced},
		{"the mark of deleted rows is a number", schema.SoftDelete, []string{h.Retype(schema.Deleted, integer)}, "", "system_column_type", schema.Deleted},
		{"rows are deleted", schema.SoftDelete, []string{"DELETE FROM {} WHERE k < 3"}, "1,z,5000000000,{},false 3,x,7,[1],false", "", ""},
		{"the table is dropped", schema.SoftDelete, []string{"DROP TABLE {}"}, "1,z,5000000000,{},false", "", ""},
		{"what is remembered of types is gone", schema.SoftDelete, []string{h.Uncomment("k", long), h.Uncomment("j", document)}, "1,z,5000000000,{},false 2,x,7,[1],true 3,x,7,[1],false", "", ""},
		{"a version's end is dropped", schema.History, []string{"ALTER TABLE {} DROP COLUMN " + schema.End}, "", "history_columns_missing", schema.End},
		{"a version's end is a day", schema.History, []string{h.Retype(schema.End, date)}, "", "system_column_type", schema.End},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d, table := s.Open(t), handTable(c.mode)
			write := func(w destination.Writer, verb string, columns *schema.Table, words ...string) {
				t.Helper()
				b, err := batchOf(columns, verb, words)
				must(t, err)
				must(t, w.Write(t.Context(), b))
			}
			for range 2 { // the second merges, with an index where there is one
				w := open(t, d, 1, nil)
				must(t, w.Migrate(t.Context(), table))
				write(w, "upsert", table, "1,x,7,[1]", "2,x,7,[1]", "3,x,7,[1]")
				must(t, w.Flush(t.Context()))
				must(t, w.Close())
			}
			for _, statement := range c.hand {
				h.Run(t, d, table.Name, statement)
			}
			w := open(t, d, 2, nil)
			defer w.Close()
			err := w.Migrate(t.Context(), table)
			if c.problem != "" {
				var own *destination.TableError
				p := setup.AsProblem(err)
				if p == nil || p.Code != c.problem || !strings.Contains(p.Message, c.mentioned) || !errors.As(err, &own) {
					t.Fatalf("got %v, want the problem %s of this table that names %s", err, c.problem, c.mentioned)
				}
				other := scriptTable("other", "a")
				must(t, w.Migrate(t.Context(), other)) // and the others go on
				return
			}
			must(t, err)
			update := &schema.Table{Name: table.Name, Columns: slices.Clone(table.Columns[:2])}
			write(w, "upsert", table, "1,z,5000000000,{}")
			write(w, "update", update, "9,z")
			write(w, "present", &schema.Table{Name: table.Name, Columns: table.Columns[:1]}, "1", "3")
			write(w, "sweep", table)
			must(t, w.Flush(t.Context()))
			got, err := w.Table(t.Context(), table.Name)
			must(t, err)
			if !got.Columns[got.Index("k")].Key {
				t.Errorf("the key is forgotten: %v", got.Columns)
			}
			must(t, w.Close())
			columns := append(slices.Clone(table.Columns), schema.Column{Name: schema.Deleted, Type: schema.Type{Kind: schema.Boolean}})
			var rows []string
			for _, r := range s.Select(t, d, table.Name, columns) {
				rows = append(rows, strings.ReplaceAll(strings.Join(r, ","), Null, "-"))
			}
			slices.Sort(rows)
			if got := strings.Join(rows, " "); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// testDepended drops a column that something depends on: nothing has changed,
// and the writer goes on. Later it is dropped.
func testDepended(t *testing.T, s Subject) {
	d, h, table := s.Open(t), s.Hand, scriptTable("t", "ab")
	w := open(t, d, 1, nil)
	must(t, w.Migrate(t.Context(), table))
	must(t, w.Write(t.Context(), scriptBatch(t, "t", "upsert", []string{"1,x,y"})))
	must(t, w.Flush(t.Context()))
	must(t, w.Close())
	h.Run(t, d, table.Name, h.Depend)

	w = open(t, d, 2, nil)
	must(t, w.Migrate(t.Context(), table))
	must(t, w.Write(t.Context(), scriptBatch(t, "t", "upsert", []string{"2,x,y"})))
	err := w.Drop(t.Context(), table.Name, "a")
	if !errors.As(err, new(*destination.TableError)) || !strings.Contains(err.Error(), h.Named) {
		t.Errorf("got %v, want an error of this table that says %q", err, h.Named)
	}
	must(t, w.Write(t.Context(), scriptBatch(t, "t", "upsert", []string{"3,x,y"})))
	must(t, w.Flush(t.Context()))
	must(t, w.Close())
	if got, want := Rows(t, s, d, table), []string{"1,x,y@1", "2,x,y@2", "3,x,y@2"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	h.Run(t, d, table.Name, h.Release)
	w = open(t, d, 3, nil)
	must(t, w.Drop(t.Context(), table.Name, "a"))
	for column, what := range map[string]string{"k": "key", schema.Synced: "system column", schema.Deleted: "system column", schema.RowID: "system column"} {
		if err := w.Drop(t.Context(), table.Name, column); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: got %v, want an error that says it is a %s", column, err, what)
		}
	}
	must(t, w.Drop(t.Context(), schema.Name{Schema: "scripts", Table: "none"}, "a"))
	must(t, w.Close())
	if got, want := Rows(t, s, d, scriptTable("t", "b")), []string{"1,y@1", "2,y@2", "3,y@2"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
