package sqlwriter

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

var (
	syncedColumn  = schema.Column{Name: schema.Synced, Type: schema.Type{Kind: schema.Instant}}
	deletedColumn = schema.Column{Name: schema.Deleted, Type: schema.Type{Kind: schema.Boolean}}
	activeColumn  = schema.Column{Name: schema.Active, Type: schema.Type{Kind: schema.Boolean}}
	startColumn   = schema.Column{Name: schema.Start, Type: schema.Type{Kind: schema.Instant}}
	endColumn     = schema.Column{Name: schema.End, Type: schema.Type{Kind: schema.Instant}}
)

var (
	// beginning is since when and until when a row held that was deleted
	// before its table kept versions.
	beginning = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	endOfTime = time.UnixMicro(schema.EndOfTime)
)

// systemColumns returns the columns that the writer itself fills in a table
// of a mode.
func systemColumns(m schema.Mode) []schema.Column {
	switch m {
	case schema.Live:
		return []schema.Column{syncedColumn}
	case schema.History:
		return []schema.Column{syncedColumn, activeColumn, startColumn, endColumn}
	}
	return []schema.Column{syncedColumn, deletedColumn}
}

// A Constant is a column that has one value in all rows of a [Load].
type Constant struct {
	Column string
	Value  any // a time.Time or a bool
}

// constants returns the values of the system columns in rows that arrive.
func constants(m schema.Mode, synced time.Time) []Constant {
	out := []Constant{{schema.Synced, synced}}
	switch m {
	case schema.SoftDelete:
		out = append(out, Constant{schema.Deleted, false})
	case schema.History:
		out = append(out, Constant{schema.Active, true}, Constant{schema.Start, synced}, Constant{schema.End, endOfTime})
	}
	return out
}

// Constant returns a constant's value as it is written in a statement.
func (d *Dialect) Constant(c Constant) string {
	if at, ok := c.Value.(time.Time); ok {
		return d.Instant(at)
	}
	return fmt.Sprint(c.Value)
}

// recognize finds out the mode of a table as a [Database] has found it, and
// takes the system columns of history mode from among its columns. A column
// that has the name of one is the source's own where the table has a column
// that tells of soft delete.
func (d *Dialect) recognize(r *Relation) error {
	if r.Table == nil || r.Deleted {
		return nil
	}
	var found, others []schema.Column
	for _, c := range r.Table.Columns {
		switch c.Name {
		case schema.Active, schema.Start, schema.End:
			found = append(found, c)
		default:
			others = append(others, c)
		}
	}
	r.Table.Columns = others
	switch len(found) {
	case 0:
		if r.Synced {
			r.Table.Mode = schema.Live
		}
	case 3:
		r.Table.Mode = schema.History
		for _, is := range found {
			for _, want := range systemColumns(schema.History) {
				if is.Name != want.Name {
					continue
				}
				if err := d.checkSystem(r.Table.Name, is, want); err != nil {
					return err
				}
			}
		}
	default:
		return &setup.Problem{Code: "history_columns_missing", Message: fmt.Sprintf(
			"Table %s has not all of the columns %s, %s and %s, without which its versions cannot be told apart. Add what is missing, or drop the table to have it made again.",
			r.Table.Name, schema.Active, schema.Start, schema.End)}
	}
	return nil
}

// has reports whether the table has a system column.
func (r *Relation) has(column string) bool {
	switch column {
	case schema.Synced:
		return r.Synced
	case schema.Deleted:
		return r.Deleted
	}
	return r.Table.Mode == schema.History
}

// Switches reports whether the table gets another mode.
func (def *Definition) Switches() bool { return !def.New && def.Have.Table.Mode != def.After.Mode }

// Columns returns all columns that the table is to have.
func (def *Definition) Columns() []schema.Column {
	return slices.Concat(def.After.Columns, systemColumns(def.After.Mode))
}

// Drop returns the columns that go: those of Gone, and the system columns that
// the table's new mode does not have.
func (def *Definition) Drop() []schema.Column {
	out := slices.Clone(def.Gone)
	if !def.Switches() {
		return out
	}
	kept := systemColumns(def.After.Mode)
	for _, c := range systemColumns(def.Have.Table.Mode) {
		if def.Have.has(c.Name) && !slices.Contains(kept, c) {
			out = append(out, c)
		}
	}
	return out
}

// Fill returns what the columns of a table's new mode are to have in its rows t.
// The table, quoted, has all columns of its old mode still.
func (d *Dialect) Fill(def Definition, table string) []Assignment {
	if !def.Switches() {
		return nil
	}
	deleted, active, start, end := d.Quote(schema.Deleted), d.Quote(schema.Active), d.Quote(schema.Start), d.Quote(schema.End)
	never, forever := d.Instant(beginning), d.Instant(endOfTime)
	synced := d.Quote(schema.Synced)
	switch {
	case def.After.Mode == schema.SoftDelete && def.Have.Table.Mode == schema.History:
		return []Assignment{{deleted, "t." + active + " IS NOT TRUE"}}
	case def.After.Mode == schema.SoftDelete:
		return []Assignment{{deleted, "false"}}
	case def.After.Mode != schema.History:
		return nil
	case !def.Have.Synced: // a table of somebody's own
		return []Assignment{{active, "true"}, {start, never}, {end, forever}}
	case def.Have.Deleted:
		// Of the rows that are there nobody knows since when, but as of the
		// last sync; of those that are gone nobody knows from when to when.
		last := fmt.Sprintf("(SELECT last FROM (SELECT coalesce(max(%s), %s) AS last FROM %s) AS latest)", synced, never, table)
		gone := "CASE WHEN t." + deleted + " IS TRUE THEN " + never + " ELSE "
		return []Assignment{{active, "t." + deleted + " IS NOT TRUE"}, {start, gone + last + " END"}, {end, gone + forever + " END"}}
	}
	return []Assignment{{active, "true"}, {start, "coalesce(t." + synced + ", " + never + ")"}, {end, forever}}
}

// Surplus returns the change that deletes the rows which a table's new mode
// does not keep; nil: it keeps all. The table is as for [Dialect.Fill].
func (d *Dialect) Surplus(def Definition, table string) *Change {
	if !def.Switches() {
		return nil
	}
	was, to := def.Have.Table.Mode, def.After.Mode
	switch {
	case was == schema.History && to == schema.Live:
		return &Change{Target: table, Where: "t." + d.Quote(schema.Active) + " IS NOT TRUE"}
	case was == schema.History: // of each key the latest version stays
		keys, start := d.names(def.Have.Table, true), d.Quote(schema.Start)
		if len(keys) == 0 { // somebody took the notes of what it was
			keys = d.names(def.After, true)
		}
		return &Change{Target: table,
			Source: fmt.Sprintf("(SELECT %s, max(%s) AS %s FROM %s GROUP BY %s)", strings.Join(keys, ", "), start, start, table, strings.Join(keys, ", ")),
			On:     equal(keys) + " AND t." + start + " < s." + start}
	case to == schema.Live && def.Have.Deleted:
		return &Change{Target: table, Where: "t." + d.Quote(schema.Deleted) + " IS TRUE"}
	}
	return nil
}

// Copy returns the statement that fills a new table as def has it from the
// one that was.
func (d *Dialect) Copy(def Definition, from, to string) string {
	var columns, values []string
	for _, c := range def.Have.Table.Columns {
		q := d.Quote(c.Name)
		columns = append(columns, q)
		values = append(values, d.convert("t."+q, c.Type, typeOf(def.After, c)))
	}
	for _, c := range systemColumns(def.After.Mode) {
		if q := d.Quote(c.Name); def.Have.has(c.Name) {
			columns, values = append(columns, q), append(values, "t."+q)
		}
	}
	for _, a := range d.Fill(def, from) {
		columns, values = append(columns, a.Column), append(values, a.Value)
	}
	sql := fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s AS t", to, strings.Join(columns, ", "), strings.Join(values, ", "), from)
	switch c := d.Surplus(def, from); {
	case c == nil:
	case c.Source == "":
		sql += " WHERE NOT (" + c.Where + ")"
	default:
		sql += " WHERE NOT EXISTS (SELECT 1 FROM " + c.Source + " AS s WHERE " + c.On + ")"
	}
	return sql
}

// equal compares columns of t and s, given by their quoted names.
func equal(columns []string) string {
	same := make([]string, len(columns))
	for i, c := range columns {
		same[i] = "t." + c + " = s." + c
	}
	return strings.Join(same, " AND ")
}
