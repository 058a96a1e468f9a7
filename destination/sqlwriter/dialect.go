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

	// FoldsCase says that names which differ only in case are the same name;
	// with CaseOfTables only those of columns are.
	FoldsCase, CaseOfTables bool

	// SwitchesAnew says that a table whose columns have changed cannot have
	// its rows changed in the same transaction: for another mode it is made
	// anew.
	SwitchesAnew bool

	// Same returns a condition that is true where a and b, both columns of
	// the type t, are the same value or both NULL. nil: IS NOT DISTINCT FROM.
	Same func(a, b string, t schema.Type) string

	// The rest is for databases whose statements are not PostgreSQL's, which
	// is what nil stands for.

	// Define returns the statements that make or alter a table.
	Define func(Definition) []string

	// Change returns the statement that changes rows.
	Change func(Change) string

	// Inserted returns the value that the INSERT of a row whose key was
	// there already had for a column, and OnConflict the clause that makes
	// such an INSERT set columns instead. Names are quoted.
	Inserted   func(column string) string
	OnConflict func(key, set []string) string

	// StageIndex returns what the definition of a stage ends in so that its
	// rows are found by key.
	StageIndex func(key []schema.Column) string

	// ReadsStageOnce says that a statement may name a temporary table once
	// only.
	ReadsStageOnce bool

	// JustBefore returns the instant that is a millisecond before that of expr.
	JustBefore func(expr string) string

	// EmptyStage returns the statement that takes all rows out of a stage,
	// within a transaction. nil: a stage is as well dropped and made again.
	EmptyStage func(stage string) string

	// DropStage returns the statement that drops a stage, by its quoted name,
	// within a transaction.
	DropStage func(name string) string
}

// A Change changes, or deletes, the rows t of one table by the rows s of
// another.
type Change struct {
	Target string       // the table with the rows t
	Set    []Assignment // what they get; nil: they are deleted
	Source string       // the table with the rows s, or a query in parentheses; "": Where alone counts
	On     string       // what t and s have in common
	Where  string       // what t must meet besides; "": nothing

	// Unmatched turns the rows t around: those that have no s. Key is then a
	// column of Source, quoted, that is NULL in no row.
	Unmatched bool
	Key       string
}

// An Assignment sets a column, given by its quoted name.
type Assignment struct{ Column, Value string }

func (d *Dialect) change(c Change) string {
	if d.Change != nil {
		return d.Change(c)
	}
	var conditions []string
	joined := ""
	switch {
	case c.Source == "":
	case c.Unmatched:
		conditions = append(conditions, "NOT EXISTS (SELECT 1 FROM "+c.Source+" AS s WHERE "+c.On+")")
	default:
		joined = c.Source + " AS s"
		conditions = append(conditions, c.On)
	}
	if c.Where != "" {
		conditions = append([]string{c.Where}, conditions...)
	}
	var b strings.Builder
	if c.Set == nil {
		b.WriteString("DELETE FROM " + c.Target + " AS t")
		if joined != "" {
			b.WriteString(" USING " + joined)
		}
	} else {
		b.WriteString("UPDATE " + c.Target + " AS t SET ")
		for i, a := range c.Set {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(a.Column + " = " + a.Value)
		}
		if joined != "" {
			b.WriteString(" FROM " + joined)
		}
	}
	if len(conditions) > 0 {
		b.WriteString(" WHERE " + strings.Join(conditions, " AND "))
	}
	return b.String()
}

func (d *Dialect) inserted(column string) string {
	if d.Inserted != nil {
		return d.Inserted(column)
	}
	return "excluded." + column
}

func (d *Dialect) onConflict(key, set []string) string {
	if d.OnConflict != nil {
		return d.OnConflict(key, set)
	}
	return "ON CONFLICT (" + strings.Join(key, ", ") + ") DO UPDATE SET " + strings.Join(set, ", ")
}

func (d *Dialect) same(a, b string, t schema.Type) string {
	if d.Same != nil {
		return d.Same(a, b, t)
	}
	return a + " IS NOT DISTINCT FROM " + b
}

func (d *Dialect) justBefore(expr string) string {
	if d.JustBefore != nil {
		return d.JustBefore(expr)
	}
	return expr + " - INTERVAL '1 millisecond'"
}

func (d *Dialect) dropStage(stage string) string {
	if d.DropStage != nil {
		return d.DropStage(d.Quote(stage))
	}
	return "DROP TABLE " + d.Quote(stage)
}

// Names of the temporary tables in which operations wait for their merge.
// They are private to a session, and a session serves one table at a time.
const (
	upserts = "penstock_upserts"
	updates = "penstock_updates"
	deletes = "penstock_deletes"
	present = "penstock_present"
	filled  = "penstock_filled" // whole rows, made of updates in history mode
	found   = "penstock_found"  // in a stage that is to be changed by it, where ReadsStageOnce holds
)

// Rows is what the rows of an [Inline] are called in its statements.
const Rows = "penstock_rows"

// before is what a table is called while it is made anew, in one transaction.
const before = "penstock_before"

// Seq is the column of a stage that numbers its rows in the order in which
// they came.
const Seq = "_penstock_seq"

// unchanged is the column of a stage of history mode that says whether a row is
// the same as the version before it, or is none but a delete, so that it makes
// no version; NULL: it makes one.
const unchanged = "_penstock_unchanged"

// Columns of queries over stages, of what follows a row or goes before it.
const (
	moment = "_penstock_moment" // when it is
	ends   = "_penstock_ends"   // it is a delete
)

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

// Comment returns what c's comment must say for the column to be understood
// when it is read back; "" if the column's own type tells all.
func (d *Dialect) Comment(c schema.Column) string {
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
