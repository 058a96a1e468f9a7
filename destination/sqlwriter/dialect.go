// Package sqlwriter is the kit for destinations that speak SQL.
//
// [New] makes a [destination.Writer] of a [Database]. The kit decides what is
// done: which tables are created, altered and how; whether rows go straight
// into a table or are staged; in which order staged operations are merged; what
// soft delete means. The Database only runs statements and fills tables from
// batches. A [Dialect] is where the SQL of two destinations differs.
package sqlwriter

import (
	"strings"
	"time"

	"github.com/penstock-data/penstock/schema"
)

// A Dialect is what differs between the SQL of destinations.
type Dialect struct {
	// Quote returns an identifier as it is written in a statement.
	Quote func(name string) string

	// Catalog stands before the schema in names, if it is not "".
	Catalog string

	// Type returns the column type that holds the values of t exactly.
	Type func(t schema.Type) string

	// Stored returns the type that a column made by Type tells of itself.
	// Where it is not t, the kit keeps t in the column's comment.
	Stored func(t schema.Type) schema.Type

	// Convert returns an expression for the value of expr, of the type from,
	// as a value of the wider type to. Rows written before a column was
	// widened and rows written after it go through the same expression.
	Convert func(expr string, from, to schema.Type) string

	// Alters reports whether ALTER TABLE may have the expression of Convert.
	// Where it may not, the table is made anew with the column widened.
	// nil: it always may.
	Alters func(from, to schema.Type) bool

	// Instant returns a literal of the type that Type gives for an Instant.
	Instant func(time.Time) string

	// LoadConverts says that a [Load] may have expressions; else a load that
	// needs one goes through a stage.
	LoadConverts bool

	// FoldsCase says that names which differ only in case are the same name.
	FoldsCase bool
}

// Names of the temporary tables in which operations wait for their merge.
// They are private to a session, and a session serves one table at a time.
const (
	upserts = "penstock_upserts"
	updates = "penstock_updates"
	deletes = "penstock_deletes"
	present = "penstock_present"
)

// before is what a table is called while it is made anew, in one transaction.
const before = "penstock_before"

// Seq is the column of a stage that numbers its rows in the order in which
// they came.
const Seq = "_penstock_seq"

// Table returns a table's name as it is written in a statement.
func (d *Dialect) Table(n schema.Name) string { return d.schema(n.Schema) + "." + d.Quote(n.Table) }

func (d *Dialect) schema(name string) string {
	if d.Catalog == "" {
		return d.Quote(name)
	}
	return d.Quote(d.Catalog) + "." + d.Quote(name)
}

// column returns expr, a column of type from, as a value of type to.
func (d *Dialect) convert(expr string, from, to schema.Type) string {
	if from == to {
		return expr
	}
	return d.Convert(expr, from, to)
}

// comment returns what c's comment must say for the column to be understood
// when it is read back; "" if the column's own type tells all.
func (d *Dialect) comment(c schema.Column) string {
	switch {
	case c.Key:
		return c.Type.String() + " key"
	case d.Stored(c.Type) != c.Type:
		return c.Type.String()
	}
	return ""
}

// Column returns a column of the type stored, whose comment is as given.
// A comment that is not the kit's, or that no longer agrees with the column's
// type because somebody has altered it, is passed over.
func (d *Dialect) Column(name string, stored schema.Type, comment string) schema.Column {
	c := schema.Column{Name: name, Type: stored}
	text, key := strings.CutSuffix(comment, " key")
	t, err := schema.ParseType(text)
	if err != nil {
		return c
	}
	c.Key = key
	if d.Stored(t) == stored {
		c.Type = t
	}
	return c
}

func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
