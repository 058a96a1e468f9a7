package sqlwriter

import (
	"fmt"
	"strings"
	"time"

	"github.com/penstock-data/penstock/schema"
)

// A Merge is a set of staged operations on one table. The stages are described
// by the columns that they have beside [Seq]; nil: nothing is staged.
type Merge struct {
	Table  *schema.Table // as it stands in the destination
	Synced time.Time

	Upserts, Updates, Deletes *schema.Table

	Empty  bool // the table has no rows
	Unique bool // the key is a unique index, so that ON CONFLICT (key) works
	Inline bool // the operations are of one kind and not staged, but are the table [Rows]
}

// rows returns the table in which the rows of a stage are.
func (d *Dialect) rows(m Merge, stage string) string {
	if m.Inline {
		return d.Quote(Rows)
	}
	return d.Quote(stage)
}

// timed reports whether the staged deletes say since when rows are gone.
func (m *Merge) timed() bool { return m.Table.Mode == schema.History && starts(m.Deletes) }

// starts reports whether what is staged says when it happened; nil: nothing is.
func starts(shape *schema.Table) bool { return shape != nil && shape.Index(schema.Start) >= 0 }

// Prepare returns the statements that leave in the stages only what counts:
// the last upsert and the last update of each key, and no update or delete that
// an upsert of the same key follows. What is left may be applied in the order
// upserts, updates, deletes, whatever order it came in.
//
// In history mode an update that follows a delete does not count either: there
// is no version that it could make another of.
//
// Deletes that tell their time each end a version, so they count as well, and
// go in the order of time. There are no updates beside them.
func (d *Dialect) Prepare(m Merge) []string {
	var out []string
	if m.timed() {
		out = d.orderDeletes(m)
	}
	if m.Upserts != nil {
		out = append(out, d.keepLast(upserts, m.Upserts)...)
	}
	for _, s := range []struct {
		stage string
		shape *schema.Table
	}{{updates, m.Updates}, {deletes, m.Deletes}} {
		if s.shape != nil && m.Upserts != nil && !m.timed() {
			seq := d.Quote(Seq)
			out = append(out, d.change(Change{Target: d.Quote(s.stage), Source: d.Quote(upserts),
				On: d.sameKey(m.Table, s.shape, m.Upserts) + " AND t." + seq + " < s." + seq}))
		}
	}
	if m.Table.Mode == schema.History && m.Updates != nil && m.Deletes != nil {
		seq := d.Quote(Seq)
		out = append(out, d.change(Change{Target: d.Quote(updates), Source: d.Quote(deletes),
			On: d.sameKey(m.Table, m.Updates, m.Deletes) + " AND t." + seq + " > s." + seq}))
	}
	if m.Updates != nil {
		out = append(out, d.keepLast(updates, m.Updates)...)
	}
	return out
}

// Apply returns the statements, to be run in one transaction after those of
// Prepare, that bring what is staged into the table.
func (d *Dialect) Apply(m Merge) []string {
	if m.Table.Mode == schema.History {
		return d.applyVersions(m)
	}
	var out []string
	name := d.Table(m.Table.Name)
	if m.Upserts != nil {
		if !m.Empty && !m.Unique {
			out = append(out, d.change(Change{Target: name, Source: d.rows(m, upserts), On: d.sameKey(m.Table, m.Table, m.Upserts)}))
		}
		out = append(out, d.insert(m))
	}
	if m.Updates != nil {
		set := []Assignment{{d.Quote(schema.Synced), d.Instant(m.Synced)}}
		for _, c := range m.Updates.Columns {
			if !c.Key {
				set = append(set, Assignment{d.Quote(c.Name), d.staged(m.Table, c)})
			}
		}
		out = append(out, d.change(Change{Target: name, Set: set, Source: d.rows(m, updates), On: d.sameKey(m.Table, m.Table, m.Updates)}))
	}
	if m.Deletes != nil {
		c := d.gone(m.Table, m.Synced)
		c.Source, c.On = d.rows(m, deletes), d.sameKey(m.Table, m.Table, m.Deletes)
		out = append(out, d.change(c))
	}
	return out
}

// inline returns what Apply does where the operations are not staged.
func (d *Dialect) inline(m Merge) (out []Reading) {
	statements := d.Apply(m)
	for i, sql := range statements {
		// The first of two makes room for upserts.
		out = append(out, Reading{SQL: sql, Keys: m.Deletes != nil || i < len(statements)-1})
	}
	return out
}

// insert adds the staged upserts to the table. A column of the table that they
// do not have becomes NULL, also in a row that is there.
func (d *Dialect) insert(m Merge) string {
	var columns, values, set []string
	for _, c := range m.Table.Columns {
		q := d.Quote(c.Name)
		j := m.Upserts.Index(c.Name)
		if j >= 0 {
			columns = append(columns, q)
			values = append(values, d.staged(m.Table, m.Upserts.Columns[j]))
		}
		switch {
		case j < 0:
			set = append(set, q+" = NULL")
		case !m.Upserts.Columns[j].Key:
			set = append(set, q+" = "+d.inserted(q))
		}
	}
	for _, c := range constants(m.Table.Mode, m.Synced) {
		q := d.Quote(c.Column)
		columns, values = append(columns, q), append(values, d.Constant(c))
		set = append(set, q+" = "+d.inserted(q))
	}
	sql := fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s AS s",
		d.Table(m.Table.Name), strings.Join(columns, ", "), strings.Join(values, ", "), d.rows(m, upserts))
	if m.Unique && !m.Empty {
		sql += " " + d.onConflict(d.names(m.Upserts, true), set)
	}
	return sql
}

// gone returns what becomes of rows t that are no longer in the source, the
// rows not yet chosen.
func (d *Dialect) gone(table *schema.Table, synced time.Time) Change {
	c := Change{Target: d.Table(table.Name)}
	switch table.Mode {
	case schema.SoftDelete:
		c.Set = []Assignment{{d.Quote(schema.Deleted), "true"}, {d.Quote(schema.Synced), d.Instant(synced)}}
	case schema.History:
		c.Set = d.ended(d.Instant(synced))
	}
	return c
}

// live returns the condition that a row t, whose columns begin with prefix, is
// still in the source; "" if all are.
func (d *Dialect) live(mode schema.Mode, prefix string) string {
	switch mode {
	case schema.SoftDelete:
		return prefix + d.Quote(schema.Deleted) + " IS NOT TRUE"
	case schema.History:
		return prefix + d.Quote(schema.Active) + " IS TRUE"
	}
	return ""
}

// Truncate returns the statement for live rows last synced before t, or never:
// they are from before the table had the column. With soft delete it leaves the
// time of their last sync: nothing was read about them.
func (d *Dialect) Truncate(table *schema.Table, t, synced time.Time) string {
	c := d.gone(table, synced)
	if table.Mode == schema.SoftDelete {
		c.Set = c.Set[:1]
	}
	c.Where = "(t." + d.Quote(schema.Synced) + " >= " + d.Instant(t) + ") IS NOT TRUE"
	if live := d.live(table.Mode, "t."); live != "" {
		c.Where += " AND " + live
	}
	return d.change(c)
}

// Sweep returns the statement for the live rows whose key was not gathered.
// keys describes the stage of gathered keys; nil: there is none, and so no row
// is left at the source.
func (d *Dialect) Sweep(table, keys *schema.Table, synced time.Time) string {
	c := d.gone(table, synced)
	c.Where = d.live(table.Mode, "t.")
	if keys != nil {
		c.Source, c.On = d.Quote(present), d.sameKey(table, table, keys)
		c.Unmatched, c.Key = true, d.Quote(Seq)
	}
	return d.change(c)
}

// Live returns the query that counts the rows that are still in the source.
func (d *Dialect) Live(table *schema.Table) string {
	sql := "SELECT count(*) FROM " + d.Table(table.Name)
	if live := d.live(table.Mode, ""); live != "" {
		sql += " WHERE " + live
	}
	return sql
}

// Any returns the query that counts to one if the table has a row.
func (d *Dialect) Any(name schema.Name) string {
	return fmt.Sprintf("SELECT count(*) FROM (SELECT 1 FROM %s LIMIT 1) AS t", d.Table(name))
}

// stage returns the statement that makes an empty stage of a shape, for a table
// of a mode.
func (d *Dialect) stage(stage string, shape *schema.Table, mode schema.Mode) string {
	columns := make([]string, 0, len(shape.Columns)+2)
	for _, c := range shape.Columns {
		columns = append(columns, d.Quote(c.Name)+" "+d.Type(c.Type))
	}
	if mode == schema.History {
		columns = append(columns, d.Quote(unchanged)+" "+d.Type(schema.Type{Kind: schema.Boolean}))
	}
	columns = append(columns, d.Quote(Seq)+" "+d.Type(schema.Type{Kind: schema.Long}))
	if d.StageIndex != nil {
		var key []schema.Column
		for _, c := range shape.Columns {
			if c.Key {
				key = append(key, c)
			}
		}
		columns = append(columns, d.StageIndex(key))
	}
	return fmt.Sprintf("CREATE TEMPORARY TABLE %s (%s)", d.Quote(stage), strings.Join(columns, ", "))
}

// keepLast leaves the last row of each key in a stage, or of each version where
// the source says when rows changed.
func (d *Dialect) keepLast(stage string, shape *schema.Table) []string {
	keys := d.names(shape, true)
	if shape.Index(schema.Start) >= 0 { // of each version
		keys = append(keys, d.Quote(schema.Start))
	}
	q, seq, list := d.Quote(stage), d.Quote(Seq), strings.Join(keys, ", ")
	lasts := fmt.Sprintf("SELECT %s, max(%s) AS %s FROM %s GROUP BY %s HAVING count(*) > 1", list, seq, seq, q, list)
	return d.revise(Change{Target: q, On: equal(keys) + " AND t." + seq + " < s." + seq}, lasts)
}

// revise returns the statements that change a stage by what a query finds in
// it, the rows s.
func (d *Dialect) revise(c Change, query string) []string {
	if !d.ReadsStageOnce {
		c.Source = "(" + query + ")"
		return []string{d.change(c)}
	}
	c.Source = d.Quote(found)
	return []string{"CREATE TEMPORARY TABLE " + c.Source + " AS " + query, d.change(c), d.dropStage(found)}
}

// sameKey compares the keys of t and s as values of the table's key columns.
// t has the types of left, s those of right.
func (d *Dialect) sameKey(table, left, right *schema.Table) string {
	var out []string
	for _, c := range right.Columns {
		if !c.Key {
			continue
		}
		q := d.Quote(c.Name)
		is := typeOf(table, c)
		out = append(out, d.convert("t."+q, typeOf(left, c), is)+" = "+d.convert("s."+q, c.Type, is))
	}
	return strings.Join(out, " AND ")
}

// staged returns the value of a stage's column as the table's type.
func (d *Dialect) staged(table *schema.Table, c schema.Column) string {
	return d.convert("s."+d.Quote(c.Name), c.Type, typeOf(table, c))
}

// names returns the quoted names of t's columns, or of its key only.
func (d *Dialect) names(t *schema.Table, key bool) []string {
	var out []string
	for _, c := range t.Columns {
		if c.Key || !key {
			out = append(out, d.Quote(c.Name))
		}
	}
	return out
}

// typeOf returns the type of the table's column with c's name, or c's own.
func typeOf(t *schema.Table, c schema.Column) schema.Type {
	if i := t.Index(c.Name); i >= 0 {
		return t.Columns[i].Type
	}
	return c.Type
}
