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
	if m.timed() {
		out = append(out, d.endFirst(m))
	}
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
	if m.Deletes != nil && !m.timed() {
		c := d.gone(m.Table, m.Synced)
		c.Source, c.On = d.Quote(deletes), d.sameKey(m.Table, m.Table, m.Deletes)
		c.Where = d.live(schema.History, "t.")
		out = append(out, d.change(c))
	}
	return out
}

// endFirst ends the versions that the table has at the first delete of their
// key. If an upsert came before that, it still ends them when it began.
func (d *Dialect) endFirst(m Merge) string {
	return d.change(Change{Target: d.Table(m.Table.Name), Set: d.ended("s." + d.Quote(schema.Start)),
		Source: d.first(deletes, m.Deletes), On: d.sameKey(m.Table, m.Table, m.Deletes), Where: d.live(schema.History, "t.")})
}

// first returns a query for when the first of what is staged of each key was.
func (d *Dialect) first(stage string, shape *schema.Table) string {
	keys, start := strings.Join(d.names(shape, true), ", "), d.Quote(schema.Start)
	return fmt.Sprintf("(SELECT %s, min(%s) AS %s FROM %s GROUP BY %s)", keys, start, start, d.Quote(stage), keys)
}

// ended returns what becomes of a version that has ended at some time.
func (d *Dialect) ended(at string) []Assignment {
	start := "t." + d.Quote(schema.Start) // it can have begun later
	return []Assignment{{d.Quote(schema.Active), "false"},
		{d.Quote(schema.End), "CASE WHEN " + start + " > " + at + " THEN " + start + " ELSE " + at + " END"}}
}

// orderDeletes gives each staged delete that tells its time a place among what
// is staged of its key, so that time alone orders them: none is earlier than
// what came before it, and none is left that is no earlier than an upsert that
// came after it.
func (d *Dialect) orderDeletes(m Merge) []string {
	seq, start, latest, gone := d.Quote(Seq), d.Quote(schema.Start), d.Quote(moment), d.Quote(unchanged)
	keys := strings.Join(d.names(m.Deletes, true), ", ")
	from := fmt.Sprintf("SELECT %s, %s, %s, true AS %s FROM %s", keys, start, seq, gone, d.Quote(deletes))
	if m.Upserts != nil {
		from += fmt.Sprintf(" UNION ALL SELECT %s, %s, %s, false FROM %s", keys, start, seq, d.Quote(upserts))
	}
	from = fmt.Sprintf("SELECT e.*, max(e.%s) OVER (PARTITION BY %s ORDER BY %s) AS %s FROM (%s) AS e", start, keys, seq, latest, from)
	later := fmt.Sprintf("SELECT %s, %s AS %s FROM (%s) AS e WHERE e.%s AND e.%s > e.%s", seq, latest, start, from, gone, latest, start)
	out := d.revise(Change{Target: d.Quote(deletes), Set: []Assignment{{start, "s." + start}}, On: "t." + seq + " = s." + seq}, later)
	if m.Upserts != nil {
		out = append(out, d.change(Change{Target: d.Quote(deletes), Source: d.Quote(upserts),
			On: d.sameKey(m.Table, m.Deletes, m.Upserts) + " AND t." + seq + " < s." + seq + " AND t." + start + " >= s." + start}))
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
		// The table is to know of each key what came before the first of its
		// versions, and then the versions in the stage.
		var out []string
		if first := d.first(stage, shape); !m.Empty {
			out = append(out,
				d.change(Change{Target: name, Source: first, On: key + " AND t." + start + " >= s." + start}),
				d.change(Change{Target: name, Set: []Assignment{{active, "false"}, {end, d.justBefore("s." + start)}, synced},
					Source: first, On: key + " AND t." + end + " >= s." + start}))
		}
		return append(out, d.insertChain(m, stage, shape)...)
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
// next of its key, or until it is deleted. The deletes become rows of the stage
// that are no versions.
func (d *Dialect) insertChain(m Merge, stage string, shape *schema.Table) []string {
	columns, values := d.sourceColumns(m.Table, shape)
	start, q := "s."+d.Quote(schema.Start), d.Quote(unchanged)
	keys := d.names(shape, true)
	for i := range keys {
		keys[i] = "s." + keys[i]
	}
	over := fmt.Sprintf(" OVER (PARTITION BY %s ORDER BY %s)", strings.Join(keys, ", "), start)
	from, until := d.Quote(stage)+" AS s", "lead("+start+")"+over
	end := d.justBefore(until)
	var out []string
	if m.timed() {
		moved := strings.Join(append(d.names(m.Deletes, true), d.Quote(schema.Start), d.Quote(Seq)), ", ")
		out = append(out, fmt.Sprintf("INSERT INTO %s (%s, %s) SELECT %s, true FROM %s", d.Quote(stage), moved, q, moved, d.Quote(deletes)))
		over = strings.TrimSuffix(over, ")") + ", s." + d.Quote(Seq) + ")"
		from = fmt.Sprintf("(SELECT s.*, lead(%s)%s AS %s, lead(s.%s)%s AS %s FROM %s) AS s WHERE s.%s IS NOT TRUE",
			start, over, d.Quote(moment), q, over, d.Quote(ends), from, q)
		until = "s." + d.Quote(moment)
		end = "CASE WHEN s." + d.Quote(ends) + " THEN " + until + " ELSE " + d.justBefore(until) + " END"
	}
	for _, a := range []Assignment{
		{schema.Synced, d.Instant(m.Synced)},
		{schema.Start, start},
		{schema.Active, until + " IS NULL"},
		{schema.End, "coalesce(" + end + ", " + d.Instant(endOfTime) + ")"},
	} {
		columns, values = append(columns, d.Quote(a.Column)), append(values, a.Value)
	}
	return append(out, fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s",
		d.Table(m.Table.Name), strings.Join(columns, ", "), strings.Join(values, ", "), from))
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
