package sqlwriter

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

var update = flag.Bool("update", false, "write what comes out to testdata")

// plain is a dialect that shows where the kit asks it something.
var plain = Dialect{
	Quote: func(name string) string { return `"` + name + `"` },
	Type:  func(t schema.Type) string { return strings.ToLower(stored(t).String()) },
	Stored: func(t schema.Type) schema.Type {
		return stored(t)
	},
	Convert: func(expr string, from, to schema.Type) string {
		return fmt.Sprintf("to_%s(%s)", strings.ToLower(to.String()), expr)
	},
	Instant: func(t time.Time) string { return t.UTC().Format("'2006-01-02'") },
}

func stored(t schema.Type) schema.Type {
	if t.Kind == schema.JSON || t.Kind == schema.XML || t.Kind == schema.Unspecified {
		return schema.Type{Kind: schema.String}
	}
	return t
}

// tbl makes a table from words like "id:LONG:key".
func tbl(columns ...string) *schema.Table {
	t := &schema.Table{Name: schema.Name{Schema: "s", Table: "t"}}
	for _, c := range columns {
		f := strings.Split(c, ":")
		typ, err := schema.ParseType(f[1])
		if err != nil {
			panic(err)
		}
		t.Columns = append(t.Columns, schema.Column{Name: f[0], Type: typ, Key: len(f) > 2})
	}
	return t
}

// has is a table as a database finds it.
func has(columns ...string) Relation {
	return Relation{Schema: true, Table: tbl(columns...), Synced: true, Deleted: true}
}

// in is t in a mode.
func in(mode schema.Mode, t *schema.Table) *schema.Table {
	t.Mode = mode
	return t
}

// of is a table of a mode as the kit recognizes it.
func of(mode schema.Mode, columns ...string) Relation {
	return Relation{Schema: true, Table: in(mode, tbl(columns...)), Synced: true, Deleted: mode == schema.SoftDelete}
}

var synced = time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)

func golden(t *testing.T, name string, statements []string) {
	t.Helper()
	got := strings.Join(statements, ";\n")
	if got != "" {
		got += ";\n"
	}
	path := filepath.Join("testdata", name+".sql")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func TestPlan(t *testing.T) {
	catalog := plain
	catalog.Catalog = "c"
	anew := catalog
	anew.Alters = func(_, to schema.Type) bool { return to.Kind != schema.String }
	switches := anew
	switches.SwitchesAnew = true
	live, history := schema.Live, schema.History
	cases := []struct {
		name    string
		dialect *Dialect
		have    Relation
		want    *schema.Table
		after   *schema.Table
	}{
		{"create_live", &plain, Relation{Schema: true}, in(live, tbl("id:LONG:key")), in(live, tbl("id:LONG:key"))},
		{"create_history", &plain, Relation{Schema: true}, in(history, tbl("id:LONG:key", "_fivetran_start:UTC_DATETIME")), in(history, tbl("id:LONG:key"))},
		{"widen_history_anew", &anew, of(history, "id:INT:key", "a:INT"), in(history, tbl("id:INT:key", "a:STRING")), in(history, tbl("id:INT:key", "a:STRING"))},
		{"soft_to_history", &plain, has("id:INT:key", "a:INT"), in(history, tbl("id:LONG:key", "b:INT")), in(history, tbl("id:LONG:key", "a:INT", "b:INT"))},
		{"soft_to_history_anew", &switches, has("id:INT:key"), in(history, tbl("id:INT:key")), in(history, tbl("id:INT:key"))},
		{"soft_to_live", &plain, has("id:INT:key"), in(live, tbl("id:INT:key")), in(live, tbl("id:INT:key"))},
		{"soft_to_live_anew", &switches, has("id:INT:key"), in(live, tbl("id:INT:key")), in(live, tbl("id:INT:key"))},
		{"history_to_soft", &plain, of(history, "id:INT:key", "n:INT:key"), tbl("id:INT:key", "n:INT:key"), tbl("id:INT:key", "n:INT:key")},
		{"history_to_soft_anew", &switches, of(history, "id:INT:key"), tbl("id:INT:key"), tbl("id:INT:key")},
		{"history_to_live", &plain, of(history, "id:INT:key"), in(live, tbl("id:INT:key")), in(live, tbl("id:INT:key"))},
		{"live_to_soft", &plain, of(live, "id:INT:key"), tbl("id:INT:key"), tbl("id:INT:key")},
		{"live_to_history", &plain, of(live, "id:INT:key"), in(history, tbl("id:INT:key")), in(history, tbl("id:INT:key"))},
		{"own_to_history", &plain, Relation{Schema: true, Table: tbl("id:INT:key")}, in(history, tbl("id:INT:key")), in(history, tbl("id:INT:key"))},
		{"create", &plain, Relation{}, tbl("id:LONG:key", "a:STRING", "j:JSON", "d:DECIMAL(5,2)"), tbl("id:LONG:key", "a:STRING", "j:JSON", "d:DECIMAL(5,2)")},
		{"create_in_schema", &plain, Relation{Schema: true}, tbl("id:JSON:key"), tbl("id:JSON:key")},
		{"create_in_catalog", &catalog, Relation{}, tbl("id:LONG:key"), tbl("id:LONG:key")},
		{"unchanged", &plain, has("id:LONG:key", "a:STRING", "b:DOUBLE"), tbl("b:FLOAT", "id:INT:key"), tbl("id:LONG:key", "a:STRING", "b:DOUBLE")},
		{"add_columns", &plain, has("id:LONG:key"), tbl("a:STRING", "id:LONG:key", "j:JSON"), tbl("id:LONG:key", "a:STRING", "j:JSON")},
		{"widen", &plain, has("id:INT:key", "a:INT", "j:JSON", "n:BOOLEAN"), tbl("id:LONG:key", "a:BOOLEAN", "j:XML", "n:UNSPECIFIED"), tbl("id:LONG:key", "a:STRING", "j:STRING", "n:BOOLEAN")},
		{"widen_anew", &anew, has("id:INT:key", "a:INT", "b:INT"), tbl("id:LONG:key", "a:BOOLEAN", "n:JSON"), tbl("id:LONG:key", "a:STRING", "b:INT", "n:JSON")},
		{"widen_in_place", &anew, has("id:INT:key", "a:INT"), tbl("id:LONG:key", "a:LONG"), tbl("id:LONG:key", "a:LONG")},
		{"first_value", &plain, has("id:INT:key", "u:UNSPECIFIED", "v:UNSPECIFIED"), tbl("id:INT:key", "u:LONG", "v:JSON"), tbl("id:INT:key", "u:LONG", "v:JSON")},
		{"other_key", &plain, has("id:INT:key", "a:INT", "b:STRING"), tbl("id:INT", "a:INT:key"), tbl("id:INT", "a:INT:key", "b:STRING")},
		{"no_system_columns", &plain, Relation{Schema: true, Table: tbl("id:INT:key")}, tbl("id:INT:key"), tbl("id:INT:key")},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			statements, after, err := c.dialect.Plan(c.have, c.want)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, "plan_"+c.name, statements)
			if diff := cmp.Diff(c.after, after); diff != "" {
				t.Errorf("the table afterwards (-want +got):\n%s", diff)
			}
			have := Relation{Schema: true, Table: after, Synced: true, Deleted: after.Mode == schema.SoftDelete}
			again, _, err := c.dialect.Plan(have, c.want)
			if err != nil || len(again) > 0 {
				t.Errorf("and again: %q, %v", again, err)
			}
		})
	}
}

func TestWithout(t *testing.T) {
	statements, after := plain.Without(of(schema.History, "id:LONG:key", "a:JSON", "b:INT"), 1)
	golden(t, "plan_without", statements)
	if diff := cmp.Diff(in(schema.History, tbl("id:LONG:key", "b:INT")), after); diff != "" {
		t.Errorf("the table afterwards (-want +got):\n%s", diff)
	}
}

func TestPlanRefuses(t *testing.T) {
	folds := plain
	folds.FoldsCase = true
	cases := []struct {
		name    string
		dialect *Dialect
		have    Relation
		want    *schema.Table
		names   []string // none: it is fine
	}{
		{"one name twice", &plain, Relation{}, tbl("id:LONG:key", "a:STRING", "a:INT"), []string{"s.t", "a"}},
		{"names that differ in case", &folds, Relation{}, tbl("id:LONG:key", "Name:STRING", "name:STRING"), []string{"Name", "name"}},
		{"kept apart by case", &plain, Relation{}, tbl("id:LONG:key", "Name:STRING", "name:STRING"), nil},
		{"one that is there", &folds, has("id:LONG:key", "Name:STRING"), tbl("id:LONG:key", "name:STRING"), []string{"Name", "name"}},
		{"a system column", &plain, Relation{}, tbl("id:LONG:key", "_fivetran_synced:STRING"), []string{"_fivetran_synced"}},
		{"a system column of history mode", &plain, Relation{}, in(schema.History, tbl("id:LONG:key", "_fivetran_end:UTC_DATETIME")), []string{"_fivetran_end"}},
		{"a start that is no time", &plain, Relation{}, in(schema.History, tbl("id:LONG:key", "_fivetran_start:STRING")), []string{"_fivetran_start"}},
		{"a start in live mode", &plain, Relation{}, in(schema.Live, tbl("id:LONG:key", "_fivetran_start:UTC_DATETIME")), []string{"_fivetran_start"}},
		{"a start of the source's own", &plain, Relation{}, tbl("id:LONG:key", "_fivetran_start:UTC_DATETIME"), nil},
		{"one that another mode has", &plain, has("id:LONG:key", "_fivetran_active:BOOLEAN"), in(schema.History, tbl("id:LONG:key")), []string{"_fivetran_active", "HISTORY"}},
		{"a system column in other case", &folds, Relation{}, tbl("id:LONG:key", "_FIVETRAN_DELETED:STRING"), []string{"_FIVETRAN_DELETED"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := c.dialect.Plan(c.have, c.want)
			if (err == nil) != (c.names == nil) {
				t.Fatalf("got %v, want an error that names %q", err, c.names)
			}
			for _, n := range c.names {
				if !strings.Contains(err.Error(), n) {
					t.Errorf("%v does not name %s", err, n)
				}
			}
		})
	}
}

func TestMerge(t *testing.T) {
	table := tbl("id:LONG:key", "n:LONG:key", "a:STRING", "b:STRING", "c:DOUBLE")
	whole := tbl("id:LONG:key", "n:INT:key", "a:STRING", "b:INT", "c:DOUBLE")
	some := tbl("id:LONG:key", "n:LONG:key", "b:INT")
	keys := tbl("n:SHORT:key", "id:LONG:key")
	cases := []struct {
		name string
		m    Merge
	}{
		{"upserts", Merge{Upserts: whole}},
		{"upserts_into_empty", Merge{Upserts: whole, Empty: true, Unique: true}},
		{"upserts_on_conflict", Merge{Upserts: whole, Unique: true}},
		{"upserts_of_some_columns", Merge{Upserts: some}},
		{"upserts_of_some_columns_on_conflict", Merge{Upserts: some, Unique: true}},
		{"updates", Merge{Updates: some}},
		{"deletes", Merge{Deletes: keys}},
		{"all", Merge{Upserts: whole, Updates: some, Deletes: keys}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.m.Table, c.m.Synced = table, synced
			golden(t, "merge_"+c.name, slices.Concat(plain.Prepare(c.m), plain.Apply(c.m)))
		})
	}
	chain := tbl("id:LONG:key", "n:INT:key", "_fivetran_start:UTC_DATETIME", "b:INT")
	for _, c := range append(cases, []struct {
		name string
		m    Merge
	}{
		{"chain", Merge{Upserts: chain}},
		{"chain_into_empty", Merge{Upserts: chain, Empty: true}},
		{"chain_of_updates", Merge{Updates: chain}},
		{"chain_and_deletes", Merge{Upserts: chain, Deletes: tbl("id:LONG:key", "n:INT:key", "_fivetran_start:UTC_DATETIME")}},
		{"timed_deletes", Merge{Deletes: tbl("n:SHORT:key", "id:LONG:key", "_fivetran_start:UTC_DATETIME")}},
	}...) {
		t.Run("history_"+c.name, func(t *testing.T) {
			c.m.Table, c.m.Synced = keyedBy(table, table), synced
			c.m.Table.Mode = schema.History
			golden(t, "history_"+c.name, slices.Concat(plain.Prepare(c.m), plain.Apply(c.m)))
		})
	}
	for _, mode := range []schema.Mode{schema.Live, schema.History} {
		table := in(mode, keyedBy(table, table))
		golden(t, "marks_"+strings.ToLower(mode.String()), []string{
			plain.Truncate(table, synced, synced),
			plain.Sweep(table, keys, synced),
			plain.Sweep(table, nil, synced),
			plain.Live(table),
			plain.stage(upserts, whole, mode),
		})
	}
	golden(t, "marks", []string{
		plain.Truncate(table, synced, synced),
		plain.Sweep(table, keys, synced),
		plain.Sweep(table, nil, synced),
		plain.Live(table),
		plain.Any(table.Name),
		plain.stage(upserts, whole, table.Mode),
	})
}

func TestColumn(t *testing.T) {
	text, long := schema.Type{Kind: schema.String}, schema.Type{Kind: schema.Long}
	cases := []struct {
		stored  schema.Type
		comment string
		want    schema.Column
	}{
		{long, "", schema.Column{Name: "c", Type: long}},
		{long, "LONG key", schema.Column{Name: "c", Type: long, Key: true}},
		{text, "JSON", schema.Column{Name: "c", Type: schema.Type{Kind: schema.JSON}}},
		{text, "XML key", schema.Column{Name: "c", Type: schema.Type{Kind: schema.XML}, Key: true}},
		{text, "what the customer is called", schema.Column{Name: "c", Type: text}},
		{text, "the key", schema.Column{Name: "c", Type: text}},
		{text, "INT key", schema.Column{Name: "c", Type: text, Key: true}}, // altered to text by somebody
		{long, "JSON", schema.Column{Name: "c", Type: long}},
	}
	for _, c := range cases {
		if got := plain.Column("c", c.stored, c.comment); got != c.want {
			t.Errorf("%s with %q: got %v, want %v", c.stored, c.comment, got, c.want)
		}
	}
}

func TestRecognize(t *testing.T) {
	cases := []struct {
		name            string
		columns         []string
		synced, deleted bool
		mode            schema.Mode
		left            int    // columns
		problem         string // in which the error names
	}{
		{"soft delete", []string{"id:LONG:key"}, true, true, schema.SoftDelete, 1, ""},
		{"soft delete, the source's own columns", []string{"id:LONG:key", "_fivetran_active:BOOLEAN"}, true, true, schema.SoftDelete, 2, ""},
		{"live", []string{"id:LONG:key"}, true, false, schema.Live, 1, ""},
		{"history", []string{"id:LONG:key", "_fivetran_active:BOOLEAN", "_fivetran_start:UTC_DATETIME", "a:INT", "_fivetran_end:UTC_DATETIME"}, true, false, schema.History, 2, ""},
		{"somebody's own", []string{"id:LONG"}, false, false, schema.SoftDelete, 1, ""},
		{"history, a column dropped by hand", []string{"id:LONG:key", "_fivetran_active:BOOLEAN", "_fivetran_end:UTC_DATETIME"}, true, false, 0, 0, "history_columns_missing"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := Relation{Schema: true, Table: tbl(c.columns...), Synced: c.synced, Deleted: c.deleted}
			err := plain.recognize(&r)
			if c.problem != "" {
				if p := setup.AsProblem(err); p == nil || p.Code != c.problem {
					t.Fatalf("got %v, want %s", err, c.problem)
				}
				return
			}
			if err != nil || r.Table.Mode != c.mode || len(r.Table.Columns) != c.left {
				t.Errorf("got %v, %v, %v", err, r.Table.Mode, r.Table.Columns)
			}
		})
	}
}
