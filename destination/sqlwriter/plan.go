package sqlwriter

import (
	"fmt"
	"slices"
	"strings"

	"github.com/penstock-data/penstock/schema"
)

// A Relation is a table as a [Database] finds it.
type Relation struct {
	Schema bool          // the schema exists
	Table  *schema.Table // the columns but for the next two; nil: there is no table

	// Synced and Deleted say whether these system columns exist. Those of
	// history mode the kit itself finds among the table's columns, as it
	// finds the mode.
	Synced, Deleted bool
}

// A Definition is what a table lacks, or has too much. Nothing in it narrows a
// column of the source's or changes its values, and only those of Gone go.
// Where it switches the table's mode, [Dialect.Surplus] and [Dialect.Fill] say
// which rows go and what the rest get, and [Definition.Drop] which system
// columns go last, or [Dialect.Copy] does all of it on the way into a new table.
type Definition struct {
	Name      schema.Name
	NewSchema bool            // the schema is to be made first
	New       bool            // the table is to be made, with the columns of Add
	Add       []schema.Column // new columns, in their order
	Alter     []Alteration    // columns that are there
	Gone      []schema.Column // columns of the source's that are to go
	Have      Relation        // the table without it
	After     *schema.Table   // the table with it, but for the system columns
}

// An Alteration makes a column hold another type. The types differ, or the
// comments that the two columns have do, or both.
type Alteration struct{ Before, After schema.Column }

func (def *Definition) empty() bool {
	return !def.New && !def.Switches() && len(def.Add)+len(def.Alter) == 0
}

// Plan returns the statements that make the table of have hold the batches of
// want as well, and the table as it stands afterwards. There are none if all is
// there.
func (d *Dialect) Plan(have Relation, want *schema.Table) ([]string, *schema.Table, error) {
	if err := d.check(have, want); err != nil {
		return nil, nil, err
	}
	want = withoutStart(want)
	def := d.lacks(have, want)
	if def.empty() {
		return nil, def.After, nil
	}
	return d.statements(def), def.After, nil
}

// Without returns the statements that drop a column of have's table, and the
// table as it stands afterwards.
func (d *Dialect) Without(have Relation, column int) ([]string, *schema.Table) {
	columns := have.Table.Columns
	after := &schema.Table{Name: have.Table.Name, Mode: have.Table.Mode, Columns: slices.Delete(slices.Clone(columns), column, column+1)}
	return d.statements(Definition{Name: after.Name, Gone: columns[column : column+1], Have: have, After: after}), after
}

func (d *Dialect) statements(def Definition) []string {
	if d.Define != nil {
		return d.Define(def)
	}
	return d.define(def)
}

func (d *Dialect) lacks(have Relation, want *schema.Table) Definition {
	if have.Table == nil {
		add := slices.Concat(want.Columns, systemColumns(want.Mode))
		return Definition{Name: want.Name, NewSchema: !have.Schema, New: true, Add: add, After: want}
	}
	after := &schema.Table{Name: want.Name, Columns: slices.Clone(have.Table.Columns), Mode: want.Mode}
	def := Definition{Name: want.Name, Have: have, After: after}
	for _, c := range systemColumns(want.Mode) {
		if !have.has(c.Name) {
			def.Add = append(def.Add, c)
		}
	}
	for i := range after.Columns {
		c := &after.Columns[i]
		was := *c
		// A key column keeps its flag only if the table's key is still that.
		if j := want.Index(c.Name); j >= 0 {
			c.Type, c.Key = schema.Join(c.Type, want.Columns[j].Type), want.Columns[j].Key
		} else {
			c.Key = false
		}
		a := Alteration{was, *c}
		if d.Retypes(a) || d.Comment(a.Before) != d.Comment(a.After) {
			def.Alter = append(def.Alter, a)
		}
	}
	for _, c := range want.Columns {
		if after.Index(c.Name) < 0 {
			after.Columns = append(after.Columns, c)
			def.Add = append(def.Add, c)
		}
	}
	return def
}

// Retypes reports whether a changes the values of its column, or the type
// that the column has in the destination; else it is about the comment.
func (d *Dialect) Retypes(a Alteration) bool {
	from, to := a.Before.Type, a.After.Type
	return from != to && (d.Type(from) != d.Type(to) || !interchangeable(from, to))
}

// define returns a definition in PostgreSQL's statements.
func (d *Dialect) define(def Definition) []string {
	name := d.Table(def.Name)
	if def.New {
		return d.create(def, name)
	}
	if def.Switches() && d.SwitchesAnew {
		return d.replace(def, name)
	}
	for _, a := range def.Alter {
		if d.Alters != nil && d.Retypes(a) && !d.Alters(a.Before.Type, a.After.Type) {
			return d.replace(def, name)
		}
	}
	var out []string
	add := func(c schema.Column) {
		out = append(out, fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s %s", name, d.Quote(c.Name), d.Type(c.Type)))
		if d.Comment(c) != "" {
			out = append(out, d.commentOn(name, c))
		}
	}
	for _, c := range def.Add {
		add(c)
	}
	for _, a := range def.Alter {
		if d.Retypes(a) {
			out = append(out, fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s TYPE %s USING %s",
				name, d.Quote(a.After.Name), d.Type(a.After.Type), d.convert(d.Quote(a.After.Name), a.Before.Type, a.After.Type)))
		}
		if d.Comment(a.Before) != d.Comment(a.After) {
			out = append(out, d.commentOn(name, a.After))
		}
	}
	if c := d.Surplus(def, name); c != nil {
		out = append(out, d.change(*c))
	}
	if fill := d.Fill(def, name); fill != nil {
		out = append(out, d.change(Change{Target: name, Set: fill}))
	}
	for _, c := range def.Drop() {
		out = append(out, fmt.Sprintf("ALTER TABLE %s DROP COLUMN %s", name, d.Quote(c.Name)))
	}
	return out
}

// replace makes the table anew as def wants it, with the rows that it has.
func (d *Dialect) replace(def Definition, name string) []string {
	old := d.Table(schema.Name{Schema: def.Name.Schema, Table: before})
	whole := Definition{Name: def.Name, New: true, Add: def.Columns()}
	out := []string{fmt.Sprintf("ALTER TABLE %s RENAME TO %s", name, d.Quote(before))}
	out = append(out, d.create(whole, name)...)
	return append(out, d.Copy(def, old, name), "DROP TABLE "+old)
}

// interchangeable reports whether a value of from is, unchanged, a value of to
// wherever both have one column type.
func interchangeable(from, to schema.Type) bool {
	text := func(t schema.Type) bool {
		return t.Kind == schema.XML || t.Kind == schema.JSON || t.Kind == schema.String || t.Unbounded() || t.Kind == schema.Unspecified
	}
	return text(from) && text(to)
}

func (d *Dialect) create(def Definition, name string) []string {
	var out []string
	if def.NewSchema {
		out = append(out, "CREATE SCHEMA IF NOT EXISTS "+d.schema(def.Name.Schema))
	}
	columns := make([]string, 0, len(def.Add))
	for _, c := range def.Add {
		columns = append(columns, d.Quote(c.Name)+" "+d.Type(c.Type))
	}
	out = append(out, fmt.Sprintf("CREATE TABLE %s (%s)", name, strings.Join(columns, ", ")))
	for _, c := range def.Add {
		if d.Comment(c) != "" {
			out = append(out, d.commentOn(name, c))
		}
	}
	return out
}

func (d *Dialect) commentOn(table string, c schema.Column) string {
	text := "NULL"
	if s := d.Comment(c); s != "" {
		text = literal(s)
	}
	return fmt.Sprintf("COMMENT ON COLUMN %s.%s IS %s", table, d.Quote(c.Name), text)
}

// check refuses a table whose names the destination cannot tell apart.
func (d *Dialect) check(have Relation, want *schema.Table) error {
	fold := func(s string) string {
		if d.FoldsCase {
			return strings.ToLower(s)
		}
		return s
	}
	seen := map[string]string{}
	if have.Table != nil {
		if have.Table.Name != want.Name {
			return fmt.Errorf("table %s cannot be kept apart from table %s, which exists: here names differ by more than case", want.Name, have.Table.Name)
		}
		for _, c := range have.Table.Columns {
			if reserved(want.Mode, fold(c.Name)) {
				return fmt.Errorf("table %s has a column %s, which is the name of a system column in the mode %s", want.Name, c.Name, want.Mode)
			}
			seen[fold(c.Name)] = c.Name
		}
	}
	fresh := map[string]bool{}
	for _, c := range want.Columns {
		f := fold(c.Name)
		if want.Mode == schema.History && c.IsStart() {
			continue // when the source's rows changed
		}
		if reserved(want.Mode, f) {
			return fmt.Errorf("table %s: column %s has the name of a system column", want.Name, c.Name)
		}
		if other, ok := seen[f]; ok && (other != c.Name || fresh[f]) {
			return fmt.Errorf("table %s: columns %s and %s have one name here", want.Name, other, c.Name)
		}
		seen[f], fresh[f] = c.Name, true
	}
	return nil
}

// reserved reports whether a name is that of a system column in a table of a
// mode. What history mode adds is reserved in live mode as well: there nothing
// else would tell the two apart.
func reserved(m schema.Mode, name string) bool {
	switch name {
	case schema.Synced, schema.Deleted:
		return true
	case schema.Active, schema.Start, schema.End:
		return m != schema.SoftDelete
	}
	return false
}

// withoutStart returns t without the column in which a source says when its
// rows changed: it is the writer's, though not its own to fill.
func withoutStart(t *schema.Table) *schema.Table {
	i := t.Index(schema.Start)
	if t.Mode != schema.History || i < 0 {
		return t
	}
	return &schema.Table{Name: t.Name, Columns: slices.Delete(slices.Clone(t.Columns), i, i+1), Mode: t.Mode}
}
