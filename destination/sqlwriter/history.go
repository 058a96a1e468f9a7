package sqlwriter

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/penstock-data/penstock/schema"
)

// The versions of a row do not overlap, and what the table has of a row after a
// sync follows from what it had before the sync and from the row's last state,
// however its operations were cut into batches and merges and however often
// they are repeated. So a version that a sync has made is made again by the
// next merge of the same sync, and one that it has ended goes on if the row is
// again what it was.

// applyVersions is Apply for history mode.
func (d *Dialect) applyVersions(m Merge) []string {
	var out []string
	if m.Upserts != nil {
		out = append(out, d.land(m, upserts, m.Upserts)...)
	}
	if m.Updates != nil {
		whole := keyedBy(m.Table, m.Updates)
		if i := m.Updates.Index(schema.Start); i >= 0 {
			whole.Columns = append(whole.Columns, m.Updates.Columns[i])
		}
		out = append(out, d.stage(filled, whole, schema.History), d.fill(m, whole))
		m.Empty = false
		out = append(out, d.land(m, filled, whole)...)
		out = append(out, d.dropStage(filled))
	}
	if m.Deletes != nil {
		c := d.gone(m.Table, m.Synced)
		c.Source, c.On = d.Quote(deletes), d.sameKey(m.Table, m.Table, m.Deletes)
		c.Where = d.live(schema.History, "t.")
		out = append(out, d.change(c))
	}
	return out
}

// fill makes whole rows of the staged updates and the versions that they are
// about: the active one, or the one that held when the change was made. A row
// that is gone has none.
func (d *Dialect) fill(m Merge, whole *schema.Table) string {
	var columns, values []string
	for _, c := range whole.Columns {
		q := d.Quote(c.Name)
		columns = append(columns, q)
		if j := m.Updates.Index(c.Name); j >= 0 {
			values = append(values, d.staged(m.Table, m.Updates.Columns[j]))
		} else {
			values = append(values, "t."+q)
		}
	}
	name, seq, where := d.Table(m.Table.Name), d.Quote(Seq), d.live(schema.History, "t.")
	if whole.Index(schema.Start) >= 0 {
		start := d.Quote(schema.Start)
		is := d.live(schema.History, "a.")
		for _, k := range d.names(m.Updates, true) {
			is += " AND a." + k + " = t." + k
		}
		where = fmt.Sprintf("t.%s < s.%s AND t.%s >= %s AND EXISTS (SELECT 1 FROM %s AS a WHERE %s)",
			start, start, d.Quote(schema.End), d.justBefore("s."+start), name, is)
	}
	return fmt.Sprintf("INSERT INTO %s (%s, %s) SELECT %s, s.%s FROM %s AS t JOIN %s AS s ON %s WHERE %s",
		d.Quote(filled), strings.Join(columns, ", "), seq, strings.Join(values, ", "), seq, name, d.Quote(updates),
		d.sameKey(m.Table, m.Table, m.Updates), where)
}

// land makes versions of the rows in a stage.
func (d *Dialect) land(m Merge, stage string, shape *schema.Table) []string {
	name, s := d.Table(m.Table.Name), d.Quote(stage)
	start, end := d.Quote(schema.Start), d.Quote(schema.End)
	active, synced := d.Quote(schema.Active), Assignment{d.Quote(schema.Synced), d.Instant(m.Synced)}
	key := d.sameKey(m.Table, m.Table, shape)
	if shape.Index(schema.Start) >= 0 {
		if m.Empty {
			return []string{d.insertChain(m, stage, shape)}
		}
		// The table is to know of each key what came before the first of its
		// versions, and then the versions in the stage.
		keys := strings.Join(d.names(shape, true), ", ")
		first := fmt.Sprintf("(SELECT %s, min(%s) AS %s FROM %s GROUP BY %s)", keys, start, start, s, keys)
		return []string{
			d.change(Change{Target: name, Source: first, On: key + " AND t." + start + " >= s." + start}),
			d.change(Change{Target: name, Set: []Assignment{{active, "false"}, {end, d.justBefore("s." + start)}, synced},
				Source: first, On: key + " AND t." + end + " >= s." + start}),
			d.insertChain(m, stage, shape),
		}
	}
	if m.Empty {
		return []string{d.insertVersions(m, stage, shape)}
	}
	q, now, ended := d.Quote(unchanged), d.Instant(m.Synced), d.Instant(m.Synced.Add(-time.Millisecond))
	// The version before this sync, if it held when the sync began.
	held := func(row string) string { return row + start + " < " + now + " AND " + row + end + " >= " + ended }
	return []string{
		// The comparison is not a condition of the join: only the rows that
		// are found by their key are to be read whole.
		d.change(Change{Target: s, Set: []Assignment{{q, d.equalRows(m.Table, shape)}}, Source: name,
			On: d.sameKey(m.Table, shape, keyedBy(m.Table, shape)) + " AND " + held("s.")}),
		d.change(Change{Target: name, Source: s, On: key, Where: "t." + start + " >= " + now}),
		d.change(Change{Target: name, Source: s, On: key, Where: held("t."), Set: []Assignment{
			{active, "s." + q}, {end, "CASE WHEN s." + q + " THEN " + d.Instant(endOfTime) + " ELSE " + ended + " END"}, synced}}),
		d.insertVersions(m, stage, shape),
	}
}

// equalRows returns a condition that is true where a row t of a stage has what
// the row s of the table has.
func (d *Dialect) equalRows(table, shape *schema.Table) string {
	var out []string
	for _, c := range table.Columns {
		q := d.Quote(c.Name)
		switch j := shape.Index(c.Name); {
		case j < 0:
			out = append(out, "s."+q+" IS NULL")
		case !shape.Columns[j].Key:
			out = append(out, d.same("s."+q, d.convert("t."+q, shape.Columns[j].Type, c.Type), c.Type))
		}
	}
	if out == nil {
		return "true"
	}
	return strings.Join(out, " AND ")
}

// insertVersions adds the rows of a stage that are not what they were, as
// versions that hold since the sync began.
func (d *Dialect) insertVersions(m Merge, stage string, shape *schema.Table) string {
	columns, values := d.sourceColumns(m.Table, shape)
	for _, c := range constants(schema.History, m.Synced) {
		columns, values = append(columns, d.Quote(c.Column)), append(values, d.Constant(c))
	}
	return fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s AS s WHERE s.%s IS NOT TRUE",
		d.Table(m.Table.Name), strings.Join(columns, ", "), strings.Join(values, ", "), d.Quote(stage), d.Quote(unchanged))
}

// insertChain adds the rows of a stage as versions that hold each until the
// next of its key.
func (d *Dialect) insertChain(m Merge, stage string, shape *schema.Table) string {
	columns, values := d.sourceColumns(m.Table, shape)
	start := "s." + d.Quote(schema.Start)
	keys := d.names(shape, true)
	for i := range keys {
		keys[i] = "s." + keys[i]
	}
	next := fmt.Sprintf("lead(%s) OVER (PARTITION BY %s ORDER BY %s)", start, strings.Join(keys, ", "), start)
	for _, a := range []Assignment{
		{schema.Synced, d.Instant(m.Synced)},
		{schema.Start, start},
		{schema.Active, next + " IS NULL"},
		{schema.End, "coalesce(" + d.justBefore(next) + ", " + d.Instant(endOfTime) + ")"},
	} {
		columns, values = append(columns, d.Quote(a.Column)), append(values, a.Value)
	}
	return fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s AS s",
		d.Table(m.Table.Name), strings.Join(columns, ", "), strings.Join(values, ", "), d.Quote(stage))
}

// sourceColumns returns the columns that a stage has of the table's, and their
// values.
func (d *Dialect) sourceColumns(table, shape *schema.Table) (columns, values []string) {
	for _, c := range table.Columns {
		if j := shape.Index(c.Name); j >= 0 {
			columns, values = append(columns, d.Quote(c.Name)), append(values, d.staged(table, shape.Columns[j]))
		}
	}
	return columns, values
}

// keyedBy returns table with the key that shape has.
func keyedBy(table, shape *schema.Table) *schema.Table {
	k := &schema.Table{Name: table.Name, Columns: slices.Clone(table.Columns), Mode: table.Mode}
	for i := range k.Columns {
		j := shape.Index(k.Columns[i].Name)
		k.Columns[i].Key = j >= 0 && shape.Columns[j].Key
	}
	return k
}
