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

// Plan returns the statements that make the table of have hold the batches of
// want as well, and the table as it stands afterwards. There are none if all is
// there.
func (d *Dialect) Plan(have Relation, want *schema.Table) ([]string, *schema.Table, error) {
	if err := d.check(have, want); err != nil {
		return nil, nil, err
	}
	name := d.Table(want.Name)
	if have.Table == nil {
		return d.create(have, want, name), want, nil
	}
	var out []string
	anew := false
	after := &schema.Table{Name: want.Name, Columns: append([]schema.Column(nil), have.Table.Columns...)}
	if !have.Synced {
		out = append(out, fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s %s", name, d.Quote(schema.Synced), d.Type(schema.Type{Kind: schema.Instant})))
	}
	if !have.Deleted {
		out = append(out, fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s %s", name, d.Quote(schema.Deleted), d.Type(schema.Type{Kind: schema.Boolean})))
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
		if c.Type != was.Type && (d.Type(c.Type) != d.Type(was.Type) || !interchangeable(was.Type, c.Type)) {
			anew = anew || d.Alters != nil && !d.Alters(was.Type, c.Type)
			out = append(out, fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s TYPE %s USING %s",
				name, d.Quote(c.Name), d.Type(c.Type), d.convert(d.Quote(c.Name), was.Type, c.Type)))
		}
		if d.comment(*c) != d.comment(was) {
			out = append(out, d.commentOn(name, *c))
		}
	}
	for _, c := range want.Columns {
		if after.Index(c.Name) >= 0 {
			continue
		}
		after.Columns = append(after.Columns, c)
		out = append(out, fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s %s", name, d.Quote(c.Name), d.Type(c.Type)))
		if d.comment(c) != "" {
			out = append(out, d.commentOn(name, c))
		}
	}
	if anew {
		out = d.replace(have, after, name)
	}
	return out, after, nil
}

// replace makes the table anew as after describes it, with the rows of have.
func (d *Dialect) replace(have Relation, after *schema.Table, name string) []string {
	old := d.Table(schema.Name{Schema: after.Schema, Table: before})
	var columns, values []string
	for _, c := range have.Table.Columns {
		q := d.Quote(c.Name)
		columns = append(columns, q)
		values = append(values, d.convert(q, c.Type, typeOf(after, c)))
	}
	if have.Synced {
		columns, values = append(columns, d.Quote(schema.Synced)), append(values, d.Quote(schema.Synced))
	}
	if have.Deleted {
		columns, values = append(columns, d.Quote(schema.Deleted)), append(values, d.Quote(schema.Deleted))
	}
	out := []string{fmt.Sprintf("ALTER TABLE %s RENAME TO %s", name, d.Quote(before))}
	out = append(out, d.create(have, after, name)...)
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

func (d *Dialect) create(have Relation, t *schema.Table, name string) []string {
	var out []string
	if !have.Schema {
		out = append(out, "CREATE SCHEMA IF NOT EXISTS "+d.schema(t.Schema))
	}
	columns := make([]string, 0, len(t.Columns)+2)
	for _, c := range t.Columns {
		columns = append(columns, d.Quote(c.Name)+" "+d.Type(c.Type))
	}
	columns = append(columns,
		d.Quote(schema.Synced)+" "+d.Type(schema.Type{Kind: schema.Instant}),
		d.Quote(schema.Deleted)+" "+d.Type(schema.Type{Kind: schema.Boolean}))
	out = append(out, fmt.Sprintf("CREATE TABLE %s (%s)", name, strings.Join(columns, ", ")))
	for _, c := range t.Columns {
		if d.comment(c) != "" {
			out = append(out, d.commentOn(name, c))
		}
	}
	return out
}

func (d *Dialect) commentOn(table string, c schema.Column) string {
	text := "NULL"
	if s := d.comment(c); s != "" {
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
