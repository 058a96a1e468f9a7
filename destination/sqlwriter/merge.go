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
}

// Prepare returns the statements that leave in the stages only what counts:
// the last upsert and the last update of each key, and no update or delete that
// an upsert of the same key follows. What is left may be applied in the order
// upserts, updates, deletes, whatever order it came in.
func (d *Dialect) Prepare(m Merge) []string {
	var out []string
	for _, s := range []struct {
		stage string
		shape *schema.Table
	}{{upserts, m.Upserts}, {updates, m.Updates}} {
		if s.shape != nil {
			out = append(out, d.keepLast(s.stage, s.shape)...)
		}
	}
	for _, s := range []struct {
		stage string
		shape *schema.Table
	}{{updates, m.Updates}, {deletes, m.Deletes}} {
		if s.shape != nil && m.Upserts != nil {
			seq := d.Quote(Seq)
			out = append(out, d.change(Change{Target: d.Quote(s.stage), Source: d.Quote(upserts),
				On: d.sameKey(m.Table, s.shape, m.Upserts) + " AND t." + seq + " < s." + seq}))
		}
	}
	return out
}

// Apply returns the statements, to be run in one transaction after those of
// Prepare, that bring what is staged into the table.
func (d *Dialect) Apply(m Merge) []string {
	var out []string
	name := d.Table(m.Table.Name)
	if m.Upserts != nil {
		if !m.Empty && !m.Unique {
			out = append(out, d.change(Change{Target: name, Source: d.Quote(upserts), On: d.sameKey(m.Table, m.Table, m.Upserts)}))
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
		out = append(out, d.change(Change{Target: name, Set: set, Source: d.Quote(updates), On: d.sameKey(m.Table, m.Table, m.Updates)}))
	}
	if m.Deletes != nil {
		out = append(out, d.change(Change{Target: name, Set: d.setDeleted(m.Synced), Source: d.Quote(deletes), On: d.sameKey(m.Table, m.Table, m.Deletes)}))
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
	synced, deleted := d.Quote(schema.Synced), d.Quote(schema.Deleted)
	columns = append(columns, synced, deleted)
	values = append(values, d.Instant(m.Synced), "false")
	sql := fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s AS s",
		d.Table(m.Table.Name), strings.Join(columns, ", "), strings.Join(values, ", "), d.Quote(upserts))
	if m.Unique && !m.Empty {
		set = append(set, synced+" = "+d.inserted(synced), deleted+" = "+d.inserted(deleted))
		sql += " " + d.onConflict(d.names(m.Upserts, true), set)
	}
	return sql
}

// Truncate returns the statement that marks as deleted the live rows last
// synced before t, or never: they are from before the table had the column. It
// leaves the time of their last sync: nothing was read about them.
func (d *Dialect) Truncate(name schema.Name, t time.Time) string {
	deleted := d.Quote(schema.Deleted)
	return d.change(Change{Target: d.Table(name), Set: []Assignment{{deleted, "true"}},
		Where: "(t." + d.Quote(schema.Synced) + " >= " + d.Instant(t) + ") IS NOT TRUE AND t." + deleted + " IS NOT TRUE"})
}

// Sweep returns the statement that marks as deleted the live rows whose key was
// not gathered. keys describes the stage of gathered keys; nil: there is none,
// and so no row is left at the source.
func (d *Dialect) Sweep(table, keys *schema.Table, synced time.Time) string {
	c := Change{Target: d.Table(table.Name), Set: d.setDeleted(synced), Where: "t." + d.Quote(schema.Deleted) + " IS NOT TRUE"}
	if keys != nil {
		c.Source, c.On = d.Quote(present), d.sameKey(table, table, keys)
		c.Unmatched, c.Key = true, d.Quote(Seq)
	}
	return d.change(c)
}

// Live returns the query that counts the rows not marked as deleted.
func (d *Dialect) Live(name schema.Name) string {
	return fmt.Sprintf("SELECT count(*) FROM %s WHERE %s IS NOT TRUE", d.Table(name), d.Quote(schema.Deleted))
}

// Any returns the query that counts to one if the table has a row.
func (d *Dialect) Any(name schema.Name) string {
	return fmt.Sprintf("SELECT count(*) FROM (SELECT 1 FROM %s LIMIT 1) AS t", d.Table(name))
}

// stage returns the statement that makes an empty stage of a shape.
func (d *Dialect) stage(stage string, shape *schema.Table) string {
	columns := make([]string, 0, len(shape.Columns)+1)
	for _, c := range shape.Columns {
		columns = append(columns, d.Quote(c.Name)+" "+d.Type(c.Type))
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

// keepLast leaves the last row of each key in a stage.
func (d *Dialect) keepLast(stage string, shape *schema.Table) []string {
	keys := d.names(shape, true)
	same := make([]string, len(keys))
	for i, k := range keys {
		same[i] = "t." + k + " = s." + k
	}
	q, seq, list := d.Quote(stage), d.Quote(Seq), strings.Join(keys, ", ")
	lasts := fmt.Sprintf("SELECT %s, max(%s) AS %s FROM %s GROUP BY %s HAVING count(*) > 1", list, seq, seq, q, list)
	c := Change{Target: q, Source: "(" + lasts + ")", On: strings.Join(same, " AND ") + " AND t." + seq + " < s." + seq}
	if !d.ReadsStageOnce {
		return []string{d.change(c)}
	}
	c.Source = d.Quote(last)
	return []string{"CREATE TEMPORARY TABLE " + c.Source + " AS " + lasts, d.change(c), d.dropStage(last)}
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

func (d *Dialect) setDeleted(synced time.Time) []Assignment {
	return []Assignment{{d.Quote(schema.Deleted), "true"}, {d.Quote(schema.Synced), d.Instant(synced)}}
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
