package schemaconfig

import (
	"maps"
	"slices"

	"github.com/penstock-data/penstock/schema"
)

// Resolve returns what a sync does with a table that the source offers.
//
// Columns of the source's key are never blocked, and masked only so that
// values stay apart. A key of the user's own counts if the source gives none;
// its columns can be blocked, and are no part of it then. A table without any
// key has no history.
func Resolve(c *Config, cat *Catalog, t schema.Table) Treatment {
	r := resolver{c: c, cat: cat, table: t.Name, known: cat.Table(t.Name), choice: c.find(cat, t.Name), keyed: len(t.Key()) > 0}
	choice := r.choice
	if choice == nil {
		choice = &Table{}
	}
	out := Treatment{
		Wanted: r.wanted(),
		Paused: choice.Paused,
		Locked: c.TypeLocked,
		Filter: choice.Filter,
		Other:  func(column string) ColumnTreatment { return r.column(schema.Column{Name: column}) },
	}
	key := false
	for _, col := range t.Columns {
		treat := r.column(col)
		key = key || treat.Key
		if treat == (ColumnTreatment{}) {
			continue
		}
		if out.Columns == nil {
			out.Columns = map[string]ColumnTreatment{}
		}
		out.Columns[col.Name] = treat
	}
	out.Drop, out.Found = r.drop(t), r.known.found()
	if choice.Mode != nil && (key || *choice.Mode != schema.History) {
		out.Mode = *choice.Mode
	}
	return out
}

type resolver struct {
	c      *Config
	cat    *Catalog
	table  schema.Name
	known  *CatalogTable // nil: the catalog has no such table
	choice *Table        // nil: there is none
	keyed  bool          // the source gives it a key
}

func (r *resolver) wanted() bool {
	if SystemTable(r.table.Table) {
		return true
	}
	s := r.c.Schemas[r.cat.Schema(r.table.Schema)]
	switch {
	case s == nil || s.Enabled == nil:
		chosen := s != nil && s.choosesTable()
		if !chosen && !r.cat.knowsSchema(r.table.Schema) && r.c.blocksTables() {
			return false
		}
	case !*s.Enabled:
		return false
	}
	if r.choice == nil || r.choice.Enabled == nil {
		return r.known != nil || !r.c.blocksTables()
	}
	return *r.choice.Enabled
}

func (r *resolver) column(col schema.Column) ColumnTreatment {
	if SystemColumn(col.Name) {
		return ColumnTreatment{Key: col.Key}
	}
	var choice Column
	if r.choice != nil && r.choice.Columns[col.Name] != nil {
		choice = *r.choice.Columns[col.Name]
	}
	known := r.known.Column(col.Name)
	out := ColumnTreatment{Key: col.Key}
	if known != nil {
		out.As = known.As
	}
	if !col.Key && !SystemTable(r.table.Table) {
		if choice.Enabled != nil {
			out.Blocked = !*choice.Enabled
		} else {
			out.Blocked = known == nil && r.known != nil && r.c.blocksColumns()
		}
	}
	out.Key = out.Key || !r.keyed && !out.Blocked && choice.Key != nil && *choice.Key
	out.Mask = r.mask(col.Name, known, choice, out.Key)
	return out
}

// drop returns the columns that are marked to be dropped and blocked still.
func (r *resolver) drop(t schema.Table) (out []string) {
	if r.choice == nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(r.choice.Columns)) {
		col := schema.Column{Name: name}
		if i := t.Index(name); i >= 0 {
			col = t.Columns[i]
		}
		if choice := r.choice.Columns[name]; choice != nil && choice.Drop && r.column(col).Blocked {
			out = append(out, name)
		}
	}
	return out
}

// mask returns what becomes of a column's values. A rule that matched an
// earlier name of the column matches it still.
func (r *resolver) mask(column string, known *CatalogColumn, choice Column, key bool) Mask {
	names := []string{column}
	if known != nil {
		names = append(names, known.Former...)
	}
	var mask Mask
	for _, m := range r.c.Masks {
		if slices.ContainsFunc(names, func(n string) bool { return m.Matches(r.full(n)) }) {
			mask = m
			break
		}
	}
	lossy := mask.How == MaskRedact || mask.How == MaskTruncate
	if choice.Hashed && mask.How != MaskRedact || key && lossy {
		return Mask{How: MaskHash}
	}
	mask.Pattern = ""
	return mask
}

func (r *resolver) full(column string) string {
	return r.cat.Schema(r.table.Schema) + "." + r.table.Table + "." + column
}
