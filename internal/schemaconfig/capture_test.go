package schemaconfig_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/internal/schemaconfig"
	"github.com/penstock-data/penstock/schema"
)

var at = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

// parse reads tables, one a line: "shop.person id* name#3 age" is a table with
// a key and a column whose ID is 3.
func parse(text string) []schema.Table {
	var out []schema.Table
	for line := range strings.Lines(strings.TrimSpace(text)) {
		f := strings.Fields(line)
		sn, tn, ok := strings.Cut(f[0], ".")
		if !ok {
			sn, tn = "", sn
		}
		t := schema.Table{Name: schema.Name{Schema: sn, Table: tn}}
		for _, c := range f[1:] {
			name, id, _ := strings.Cut(c, "#")
			bare := strings.TrimSuffix(name, "*")
			t.Columns = append(t.Columns, schema.Column{Name: bare, Type: schema.Type{Kind: schema.Long}, Key: bare != name, ID: id})
		}
		out = append(out, t)
	}
	return out
}

// choices sets enabled of "schema", "schema.table" and "schema.table.column".
func choices(c *schemaconfig.Config, enabled bool, names ...string) {
	cat := &schemaconfig.Catalog{}
	for _, n := range names {
		f := strings.Split(n, ".")
		switch len(f) {
		case 1:
			c.SchemaOf(cat, f[0]).Enabled = &enabled
		case 2:
			c.TableOf(cat, schema.Name{Schema: f[0], Table: f[1]}).Enabled = &enabled
		case 3:
			c.ColumnOf(cat, schema.Name{Schema: f[0], Table: f[1]}, f[2]).Enabled = &enabled
		}
	}
}

// copied returns the columns that are copied of the tables offered, as
// "schema.table column column", a line a table.
func copied(c *schemaconfig.Config, cat *schemaconfig.Catalog, offered []schema.Table) string {
	var lines []string
	for _, t := range offered {
		treat := schemaconfig.Resolve(c, cat, t)
		if !treat.Wanted {
			continue
		}
		line := t.Name.String()
		for _, col := range t.Columns {
			if !treat.Column(col.Name).Blocked {
				line += " " + col.Name
			}
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func TestHandling(t *testing.T) {
	const before = `
a.one id* x
a.two id*`
	const after = `
a.one id* x y
a.two id*
a.three id* z
b.four id*`
	for _, tt := range []struct {
		name      string
		handling  schemaconfig.Handling
		yes, no   []string // given before the first capture
		first     string   // what is copied at first
		then      string   // of what is there later
		yesLater  []string // chosen then
		finally   string
		finallyBy schemaconfig.Handling // "": no change
	}{
		{name: "all", handling: schemaconfig.AllowAll,
			first: "a.one id x\na.two id", then: "a.one id x y\na.three id z\na.two id\nb.four id",
			finally: "a.one id x y\na.three id z\na.two id\nb.four id", finallyBy: schemaconfig.BlockAll},
		{name: "nothing said",
			first: "a.one id x\na.two id", then: "a.one id x y\na.three id z\na.two id\nb.four id",
			finally: "a.one id x y\na.three id z\na.two id\nb.four id"},
		{name: "all but some", handling: schemaconfig.AllowAll, no: []string{"a.two", "a.one.x", "b", "a.one.id"},
			first: "a.one id", then: "a.one id y\na.three id z",
			yesLater: []string{"b"}, finally: "a.one id y\na.three id z\nb.four id"},
		{name: "columns", handling: schemaconfig.AllowColumns, yes: []string{"a.one"},
			first: "a.one id x", then: "a.one id x y",
			finally: "a.one id x y", finallyBy: schemaconfig.AllowAll}, // what was kept out stays out
		{name: "columns, and a table later", handling: schemaconfig.AllowColumns, yes: []string{"a.one"},
			first: "a.one id x", then: "a.one id x y",
			yesLater: []string{"a.three"}, finally: "a.one id x y\na.three id z"},
		{name: "none", handling: schemaconfig.BlockAll, yes: []string{"a.one"}, no: []string{"a.one.x"},
			first: "a.one id", then: "a.one id",
			finally: "a.one id", finallyBy: schemaconfig.AllowAll},
		{name: "none, and some later", handling: schemaconfig.BlockAll, yes: []string{"a"},
			first: "", then: "",
			yesLater: []string{"a.three", "a.one", "b.four"}, finally: "a.one id x\na.three id z"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, cat := schemaconfig.Config{Handling: tt.handling}, schemaconfig.Catalog{}
			choices(&c, true, tt.yes...)
			choices(&c, false, tt.no...)
			c, cat = schemaconfig.Capture(c, cat, parse(before), at)
			if got := copied(&c, &cat, parse(before)); got != tt.first {
				t.Errorf("at first:\n%s\nwant:\n%s", got, tt.first)
			}
			c, cat = schemaconfig.Capture(c, cat, parse(after), at)
			if got := copied(&c, &cat, parse(after)); got != tt.then {
				t.Errorf("then:\n%s\nwant:\n%s", got, tt.then)
			}
			choices(&c, true, tt.yesLater...)
			if tt.finallyBy != "" {
				c.Handling = tt.finallyBy
			}
			c, cat = schemaconfig.Capture(c, cat, parse(after), at)
			if got := copied(&c, &cat, parse(after)); got != tt.finally {
				t.Errorf("finally:\n%s\nwant:\n%s", got, tt.finally)
			}
		})
	}
}

// Before anything was captured the handling decides alone.
func TestUncaptured(t *testing.T) {
	offered := parse("a.one id* x\na.two id*")
	for handling, want := range map[schemaconfig.Handling]string{
		"": "a.one id x\na.two id", schemaconfig.AllowColumns: "a.two id", schemaconfig.BlockAll: "a.two id",
	} {
		c := schemaconfig.Config{Handling: handling}
		choices(&c, true, "a.two")
		if got := copied(&c, &schemaconfig.Catalog{}, offered); got != want {
			t.Errorf("%s:\n%s\nwant:\n%s", handling, got, want)
		}
	}
}

func TestCatalogKeepsWhatIsGone(t *testing.T) {
	_, cat := schemaconfig.Capture(schemaconfig.Config{}, schemaconfig.Catalog{}, parse("b.one id* x y\na.two id*"), at)
	later := parse("b.one id* y z")
	later[0].Columns[1].Type = schema.Type{Kind: schema.String}
	_, cat = schemaconfig.Capture(schemaconfig.Config{}, cat, later, at.Add(time.Hour))
	long, text := schema.Type{Kind: schema.Long}, schema.Type{Kind: schema.String}
	want := schemaconfig.Catalog{CapturedAt: at.Add(time.Hour), Tables: []schemaconfig.CatalogTable{
		{Name: schema.Name{Schema: "a", Table: "two"}, Gone: true, Columns: []schemaconfig.CatalogColumn{{Column: schema.Column{Name: "id", Type: long, Key: true}}}},
		{Name: schema.Name{Schema: "b", Table: "one"}, Columns: []schemaconfig.CatalogColumn{
			{Column: schema.Column{Name: "id", Type: long, Key: true}}, {Column: schema.Column{Name: "y", Type: text}},
			{Column: schema.Column{Name: "z", Type: long}}, {Column: schema.Column{Name: "x", Type: long}, Gone: true},
		}},
	}}
	if d := cmp.Diff(want, cat); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	_, cat = schemaconfig.Capture(schemaconfig.Config{}, cat, parse("b.one id* x y\na.two id*"), at)
	if cat.Tables[0].Gone || cat.Tables[1].Column("x").Gone || !cat.Tables[1].Column("z").Gone {
		t.Errorf("back again: %+v", cat)
	}
}

func TestCaptureChangesNoArgument(t *testing.T) {
	c, cat := schemaconfig.Config{Handling: schemaconfig.BlockAll}, schemaconfig.Catalog{}
	choices(&c, true, "a.one", "a.one.x")
	before := c.Clone()
	c2, cat2 := schemaconfig.Capture(c, cat, parse("a.one id*#1 x#2\na.two id*"), at)
	if d := cmp.Diff(before, c); d != "" {
		t.Errorf("the config: -want +got\n%s", d)
	}
	before = c2.Clone()
	_, _ = schemaconfig.Capture(c2, cat2, parse("a.one id*#1 y#2 z#3"), at)
	schemaconfig.Find(c2, cat2, schema.Name{Schema: "a", Table: "one"}, []schema.Column{{Name: "w"}})
	if d := cmp.Diff(before, c2); d != "" {
		t.Errorf("the config captured: -want +got\n%s", d)
	}
	if len(cat2.Tables[0].Columns) != 2 || cat2.Tables[0].Column("x").Gone {
		t.Errorf("the catalog captured is %+v", cat2)
	}
}

func TestRenames(t *testing.T) {
	for _, tt := range []struct {
		name    string
		carry   bool
		offered []string // one after the other
		want    string   // name and destination's name of each column
	}{
		{"not carried", false, []string{"s.t id*#1 a#2", "s.t id*#1 b#2"}, "id:id b:b"},
		{"carried", true, []string{"s.t id*#1 a#2", "s.t id*#1 b#2"}, "id:id b:a"},
		{"twice", true, []string{"s.t id*#1 a#2", "s.t id*#1 b#2", "s.t id*#1 c#2"}, "id:id c:a"},
		{"and back", true, []string{"s.t id*#1 a#2", "s.t id*#1 b#2", "s.t id*#1 a#2"}, "id:id a:a"},
		{"swapped", true, []string{"s.t a#1 b#2", "s.t b#1 a#2"}, "b:a a:b"},
		{"another takes the name", true, []string{"s.t a#1", "s.t b#1", "s.t b#1 a#3"}, "b:a a:a_2"},
		{"another takes the name at once", true, []string{"s.t a#1", "s.t b#1 a#3"}, "b:a a:a_2"},
		{"and stays", true, []string{"s.t a#1", "s.t b#1 a#3", "s.t b#1 a#3"}, "b:a a:a_2"},
		{"dropped and added", true, []string{"s.t a#1 b#2", "s.t a#1 b#3"}, "a:a b:b"},
		{"the table made anew", true, []string{"s.t a#1.1 b#1.2", "s.t b#2.1 a#2.2"}, "b:b a:a"},
		{"no IDs", true, []string{"s.t a b", "s.t a c"}, "a:a c:c"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, cat := schemaconfig.Config{CarryRenames: tt.carry}, schemaconfig.Catalog{}
			for _, o := range tt.offered {
				c, cat = schemaconfig.Capture(c, cat, parse(o), at)
			}
			last := parse(tt.offered[len(tt.offered)-1])[0]
			treat := schemaconfig.Resolve(&c, &cat, last)
			var got []string
			for _, col := range last.Columns {
				as := treat.Column(col.Name).As
				if as == "" {
					as = col.Name
				}
				got = append(got, col.Name+":"+as)
			}
			if g := strings.Join(got, " "); g != tt.want {
				t.Errorf("got %s, want %s", g, tt.want)
			}
		})
	}
}

// What was chosen for a column holds for it under its next name, whether or
// not the rename is carried to the destination.
func TestChoicesFollowRenames(t *testing.T) {
	for _, carry := range []bool{false, true} {
		c, cat := schemaconfig.Config{CarryRenames: carry, Handling: schemaconfig.BlockAll,
			Masks: []schemaconfig.Mask{{Pattern: "*.phone", How: schemaconfig.MaskRedact}}}, schemaconfig.Catalog{}
		choices(&c, true, "s.t", "s.t.phone")
		choices(&c, false, "s.t.secret")
		n := schema.Name{Schema: "s", Table: "t"}
		c.ColumnOf(&cat, n, "email").Hashed = true
		c.TableOf(&cat, n).Filter = "email = 5 AND id < 3"
		c, cat = schemaconfig.Capture(c, cat, parse("s.t id*#1 email#2 secret#3 phone#4"), at)
		for _, now := range []string{"s.t id*#1 mail#2 hidden#3 tel#4", "s.t id*#1 post#2 deep#3 fon#4 secret#5"} {
			c, cat = schemaconfig.Capture(c, cat, parse(now), at)
			table := parse(now)[0]
			treat := schemaconfig.Resolve(&c, &cat, table)
			email, secret, phone := treat.Column(table.Columns[1].Name), treat.Column(table.Columns[2].Name), treat.Column(table.Columns[3].Name)
			if want := table.Columns[1].Name + " = 5 AND id < 3"; treat.Filter != want {
				t.Errorf("carry %v, %s: the filter is %s", carry, now, treat.Filter)
			}
			if email.Blocked || email.Mask.How != schemaconfig.MaskHash || !secret.Blocked || phone.Blocked || phone.Mask.How != schemaconfig.MaskRedact {
				t.Errorf("carry %v, %s: %+v", carry, now, treat.Columns)
			}
		}
	}
}

// A column that takes the name of one that was renamed is new.
func TestNewColumnUnderAnOldName(t *testing.T) {
	c, cat := schemaconfig.Capture(schemaconfig.Config{}, schemaconfig.Catalog{}, parse("s.t id*#1 a#2"), at)
	c.Handling = schemaconfig.BlockAll
	now := parse("s.t id*#1 b#2 a#3")
	c, cat = schemaconfig.Capture(c, cat, now, at)
	if got, want := copied(&c, &cat, now), "s.t id b"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	choices(&c, true, "s.t.a")
	c, cat = schemaconfig.Capture(c, cat, now, at)
	if got, want := copied(&c, &cat, now), "s.t id b a"; got != want {
		t.Errorf("enabled: got %s, want %s", got, want)
	}
}

func TestFind(t *testing.T) {
	n := schema.Name{Table: "user"}
	for _, tt := range []struct {
		handling schemaconfig.Handling
		want     bool // the column is blocked
	}{{schemaconfig.AllowAll, false}, {schemaconfig.AllowColumns, false}, {schemaconfig.BlockAll, true}} {
		c, cat := schemaconfig.Config{}, schemaconfig.Catalog{Unnamed: "service"}
		c, cat = schemaconfig.Capture(c, cat, parse("user id*"), at)
		c.Handling = tt.handling
		if got := new(schemaconfig.Resolve(&c, &cat, parse("user id*")[0])).Column("custom").Blocked; got != tt.want {
			t.Errorf("%s: blocked is %v on the way", tt.handling, got)
		}
		found := []schema.Column{{Name: "custom", Type: schema.Type{Kind: schema.Int}}}
		c, cat = schemaconfig.Find(c, cat, n, found)
		found[0].Type.Kind = schema.Long
		c, cat = schemaconfig.Find(c, cat, n, found)
		c, cat = schemaconfig.Capture(c, cat, parse("user id*"), at)
		col := cat.Table(n).Column("custom")
		if col == nil || col.Gone || col.Type.Kind != schema.Long {
			t.Errorf("%s: the catalog has %+v", tt.handling, col)
		}
		c.Handling = schemaconfig.AllowAll
		if got := new(schemaconfig.Resolve(&c, &cat, parse("user id*")[0])).Column("custom").Blocked; got != tt.want {
			t.Errorf("%s: blocked is %v later", tt.handling, got)
		}
	}
}
