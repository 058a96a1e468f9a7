package sqlwriter

import (
	"fmt"
	"strings"

	"github.com/penstock-data/penstock/schema"
)

// A Relation is a table as a [Database] finds it.
type Relation struct {
	Schema bool          // the schema exists
	Table  *schema.Table // the columns but for the two system columns; nil: there is no table

	// Synced and Deleted say whether the two system columns exist.
	Synced, Deleted bool
}

// A Definition is what a table lacks. Nothing in it drops or narrows anything.
type Definition struct {
	Name      schema.Name
	NewSchema bool            // the schema is to be made first
	New       bool            // the table is to be made, with the columns of Add
	Add       []schema.Column // new columns, in their order
	Alter     []Alteration    // columns that are there
	Have      Relation        // the table without it
	After     *schema.Table   // the table with it, but for the two system columns
}

// An Alteration makes a column hold another type. The types differ, or the
// comments that the two columns have do, or both.
type Alteration struct{ Before, After schema.Column }

func (d *Definition) empty() bool { return !d.New && len(d.Add)+len(d.Alter) == 0 }

var (
	syncedColumn  = schema.Column{Name: schema.Synced, Type: schema.Type{Kind: schema.Instant}}
	deletedColumn = schema.Column{Name: schema.Deleted, Type: schema.Type{Kind: schema.Boolean}}
)

// Plan returns the statements that make the table of have hold the batches of
// want as well, and the table as it stands afterwards. There are none if all is
// there.
func (d *Dialect) Plan(have Relation, want *schema.Table) ([]string, *schema.Table, error) {
	if err := d.check(have, want); err != nil {
		return nil, nil, err
	}
	def := d.lacks(have, want)
	if def.empty() {
		return nil, def.After, nil
	}
	if d.Define != nil {
		return d.Define(def), def.After, nil
	}
	return d.define(def), def.After, nil
}

func (d *Dialect) lacks(have Relation, want *schema.Table) Definition {
	if have.Table == nil {
		add := append(append([]schema.Column(nil), want.Columns...), syncedColumn, deletedColumn)
		return Definition{Name: want.Name, NewSchema: !have.Schema, New: true, Add: add, After: want}
	}
	after := &schema.Table{Name: want.Name, Columns: append([]schema.Column(nil), have.Table.Columns...)}
	def := Definition{Name: want.Name, Have: have, After: after}
	if !have.Synced {
		def.Add = append(def.Add, syncedColumn)
	}
	if !have.Deleted {
		def.Add = append(def.Add, deletedColumn)
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
	return out
}

// replace makes the table anew as def wants it, with the rows that it has.
func (d *Dialect) replace(def Definition, name string) []string {
	old := d.Table(schema.Name{Schema: def.Name.Schema, Table: before})
	var columns, values []string
	for _, c := range def.Have.Table.Columns {
		q := d.Quote(c.Name)
		columns = append(columns, q)
		values = append(values, d.convert(q, c.Type, typeOf(def.After, c)))
	}
	if def.Have.Synced {
		columns, values = append(columns, d.Quote(schema.Synced)), append(values, d.Quote(schema.Synced))
	}
	if def.Have.Deleted {
		columns, values = append(columns, d.Quote(schema.Deleted)), append(values, d.Quote(schema.Deleted))
	}
	whole := Definition{Name: def.Name, New: true, Add: append(append([]schema.Column(nil), def.After.Columns...), syncedColumn, deletedColumn)}
	out := []string{fmt.Sprintf("ALTER TABLE %s RENAME TO %s", name, d.Quote(before))}
	out = append(out, d.create(whole, name)...)
	return append(out,
		fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s", name, strings.Join(columns, ", "), strings.Join(values, ", "), old),
		"DROP TABLE "+old)
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
			seen[fold(c.Name)] = c.Name
		}
	}
	fresh := map[string]bool{}
	for _, c := range want.Columns {
		f := fold(c.Name)
		if f == schema.Synced || f == schema.Deleted {
			return fmt.Errorf("table %s: column %s has the name of a system column", want.Name, c.Name)
		}
		if other, ok := seen[f]; ok && (other != c.Name || fresh[f]) {
			return fmt.Errorf("table %s: columns %s and %s have one name here", want.Name, other, c.Name)
		}
		seen[f], fresh[f] = c.Name, true
	}
	return nil
}
