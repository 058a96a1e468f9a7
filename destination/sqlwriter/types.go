package sqlwriter

import (
	"fmt"

	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// Types are the column types of a database. What has none of its own is kept
// as text.
type Types struct {
	// Names are the types as the database itself writes them, text's among
	// them, and Decimal's if it is that of numbers of any size.
	Names map[schema.Kind]string

	// Text is how a column of text is declared. "": by its name.
	Text string

	// Decimal is the format of the name of a decimal with its digits, and
	// MaxScale how many of them may be after the point; 0: all.
	Decimal  string
	MaxScale int16

	// Instead are the kinds that are kept as another.
	Instead map[schema.Kind]schema.Kind
}

// Stored is [Dialect.Stored].
func (ts *Types) Stored(t schema.Type) schema.Type {
	if k, ok := ts.Instead[t.Kind]; ok {
		return schema.Type{Kind: k}
	}
	if t.Kind == schema.Decimal && !t.Unbounded() {
		if ts.MaxScale == 0 || t.Scale <= ts.MaxScale {
			return t
		}
	} else if ts.Names[t.Kind] != "" {
		return t
	}
	return schema.Type{Kind: schema.String}
}

// IsText reports whether values of t are kept as text.
func (ts *Types) IsText(t schema.Type) bool { return ts.Stored(t).Kind == schema.String }

// Name is [Dialect.Type].
func (ts *Types) Name(t schema.Type) string {
	t = ts.Stored(t)
	switch {
	case t.Kind == schema.Decimal && !t.Unbounded():
		return fmt.Sprintf(ts.Decimal, t.Precision, t.Scale)
	case t.Kind == schema.String && ts.Text != "":
		return ts.Text
	}
	return ts.Names[t.Kind]
}

// Parse returns the type of a column of which the database tells name, and
// whether there is one.
func (ts *Types) Parse(name string) (schema.Type, bool) {
	for k, n := range ts.Names {
		if n == name {
			return schema.Type{Kind: k}, true
		}
	}
	var p, s int
	if n, _ := fmt.Sscanf(name, ts.Decimal, &p, &s); n == 2 {
		t := schema.DecimalOf(p, s)
		return t, !t.Unbounded() && ts.Name(t) == name
	}
	return schema.Type{}, false
}

// Found adds a column to r's table as the database tells of it. One of a type
// that the kit does not write is a Problem.
func (ts *Types) Found(r *Relation, d *Dialect, column, typ, comment string) error {
	t, ok := ts.Parse(typ)
	if !ok {
		return &setup.Problem{Code: "column_type_unknown", Message: fmt.Sprintf(
			"Column %s of table %s has the type %s, which Penstock does not write. Change it to %s, or drop the table to have it made again.",
			column, r.Table.Name, typ, ts.Name(schema.Type{Kind: schema.String}))}
	}
	c := d.Column(column, t, comment)
	switch column {
	case schema.Synced:
		r.Synced = true
		return d.checkSystem(r.Table.Name, c, syncedColumn)
	case schema.Deleted:
		r.Deleted = true
		return d.checkSystem(r.Table.Name, c, deletedColumn)
	}
	r.Table.Columns = append(r.Table.Columns, c)
	return nil
}

// checkSystem refuses a system column that somebody has given another type: it
// would hold something else than what the writer puts into it.
func (d *Dialect) checkSystem(table schema.Name, is, want schema.Column) error {
	if d.Stored(is.Type) == d.Stored(want.Type) {
		return nil
	}
	return &setup.Problem{Code: "system_column_type", Message: fmt.Sprintf(
		"The system column %s of table %s is %s instead of %s. Change its type back to %s, or drop the table to have it made again.",
		is.Name, table, is.Type, want.Type, d.Type(want.Type))}
}
