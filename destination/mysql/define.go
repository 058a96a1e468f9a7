package mysql

import (
	"fmt"
	"slices"
	"strings"

	"github.com/penstock-data/penstock/destination/sqlwriter"
	"github.com/penstock-data/penstock/schema"
)

// wider begins the names of the columns that a widening fills beside the ones
// that they are to replace. One that is found in a table is what a sync that
// broke off has left.
const wider = "_penstock_wider_"

// define returns the statements for a definition. One ALTER TABLE changes all
// that the server can convert by itself, wholly or not at all. Values that it
// would convert in its own way go into a new column first, which the same ALTER
// TABLE puts in the place of the old: until then the table is what it was.
func (d *database) define(def sqlwriter.Definition) []string {
	table := quote(def.Name.Schema) + "." + quote(def.Name.Table)
	if def.New {
		var out, columns []string
		if def.NewSchema {
			out = append(out, "CREATE DATABASE IF NOT EXISTS "+quote(def.Name.Schema)+" CHARACTER SET utf8mb4 COLLATE "+d.server.collation)
		}
		for _, c := range def.Add {
			columns = append(columns, d.column(c))
		}
		return append(out, fmt.Sprintf("CREATE TABLE %s (%s) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE %s", table, strings.Join(columns, ", "), d.server.collation))
	}
	known := d.take(def.Name)
	if def.Switches() {
		return d.replace(def, known, table)
	}
	var out, add, set, clauses []string
	for _, name := range known.leftovers {
		clauses = append(clauses, "DROP COLUMN "+quote(name))
	}
	if clauses != nil {
		out, clauses = append(out, alter(table, clauses)), nil
	}
	for _, c := range def.Add {
		clauses = append(clauses, "ADD COLUMN "+d.column(c))
	}
	drop := false
	for i, a := range def.Alter {
		retypes := d.d.Retypes(a)
		drop = drop || retypes && slices.Contains(known.key, a.After.Name)
		if !retypes || converts(a.Before.Type, a.After.Type) {
			clauses = append(clauses, "MODIFY COLUMN "+d.column(a.After))
			continue
		}
		from, to := quote(a.After.Name), quote(fmt.Sprintf("%s%d", wider, i))
		add = append(add, "ADD COLUMN "+to+" "+d.types.Name(a.After.Type))
		set = append(set, to+" = "+convert(from, a.Before.Type, a.After.Type))
		place := "FIRST"
		if j := def.After.Index(a.After.Name); j > 0 {
			place = "AFTER " + quote(def.After.Columns[j-1].Name)
		}
		clauses = append(clauses, "DROP COLUMN "+from, "CHANGE COLUMN "+to+" "+d.column(a.After)+" "+place)
	}
	if add != nil {
		out = append(out, alter(table, add), "UPDATE "+table+" SET "+strings.Join(set, ", "))
	}
	for _, c := range def.Drop() {
		clauses = append(clauses, "DROP COLUMN "+quote(c.Name))
		drop = drop || slices.Contains(known.key, c.Name)
	}
	if drop {
		clauses = append(clauses, d.dropIndex(def.Name))
	}
	return append(out, alter(table, clauses))
}

// replace makes the table anew for another mode, beside the one that is there,
// with the indexes that somebody has given it. Until the two are renamed, in one
// statement, the table is what it was.
func (d *database) replace(def sqlwriter.Definition, known extra, table string) []string {
	anew, old := d.d.Table(sibling("_penstock_anew_", def.Name)), d.d.Table(sibling("_penstock_old_", def.Name))
	var clauses []string
	for _, name := range known.leftovers {
		clauses = append(clauses, "DROP COLUMN "+quote(name))
	}
	if known.key != nil {
		clauses = append(clauses, d.dropIndex(def.Name))
	}
	for _, c := range def.Add {
		clauses = append(clauses, "ADD COLUMN "+d.column(c))
	}
	for _, a := range def.Alter {
		clauses = append(clauses, "MODIFY COLUMN "+d.column(a.After))
	}
	for _, c := range def.Drop() {
		clauses = append(clauses, "DROP COLUMN "+quote(c.Name))
	}
	out := []string{"DROP TABLE IF EXISTS " + anew, "CREATE TABLE " + anew + " LIKE " + table}
	if clauses != nil {
		out = append(out, alter(anew, clauses))
	}
	return append(out, d.d.Copy(def, table, anew),
		fmt.Sprintf("RENAME TABLE %s TO %s, %s TO %s", table, old, anew, table), "DROP TABLE IF EXISTS "+old)
}

// dropIndex returns the clause that drops the index on a table's key. The next
// merge makes it again.
func (d *database) dropIndex(name schema.Name) string {
	d.setIndex(name, nil, index{})
	return "DROP INDEX " + quote(keyIndex)
}

// sibling returns the name of a table that stands beside another for a while.
func sibling(prefix string, n schema.Name) schema.Name {
	return schema.Name{Schema: n.Schema, Table: schema.Shorten(prefix+n.Table, 64)}
}

func alter(table string, clauses []string) string {
	return "ALTER TABLE " + table + " " + strings.Join(clauses, ", ")
}

// column returns the definition of a column.
func (d *database) column(c schema.Column) string {
	s := quote(c.Name) + " " + d.types.Name(c.Type)
	if comment := d.d.Comment(c); comment != "" {
		s += " COMMENT " + quoteText(comment)
	}
	return s
}

// converts reports whether the server converts a column from one type to the
// other as [convert] does.
func converts(from, to schema.Type) bool {
	switch {
	case from.Kind == schema.Unspecified:
		return true
	case types.IsText(to):
		switch from.Kind {
		case schema.Short, schema.Int, schema.Long, schema.Date:
			return missingZeros(from, to) == ""
		case schema.Decimal:
			return missingZeros(from, to) == ""
		}
		return types.IsText(from)
	}
	return from.Kind != schema.Float || to.Kind != schema.Double
}
