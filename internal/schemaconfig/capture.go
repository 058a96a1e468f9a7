package schemaconfig

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/penstock-data/penstock/schema"
)

// Capture returns what is known and chosen after a source was seen to offer
// tables, all that it has. Nothing of the arguments is changed.
//
// What is new and kept out by the handling is blocked by name, so that a later
// change of the handling does not let it in. The columns of a new table that
// somebody chose by name are not new in that sense, and those of a new table
// that is blocked are copied once it is enabled. What a column was chosen to
// be it stays when the source tells that it was renamed.
func Capture(c Config, cat Catalog, offered []schema.Table, at time.Time) (Config, Catalog) {
	c = c.Clone()
	after := Catalog{CapturedAt: at, Unnamed: cat.Unnamed}
	seen := map[schema.Name]bool{}
	for _, t := range offered {
		seen[t.Name] = true
		was := cat.Table(t.Name)
		is := was.merge(t, c.CarryRenames)
		after.Tables = append(after.Tables, is)
		c.followRenames(&cat, was, &is)
		c.admit(&cat, was, &is)
	}
	for _, t := range cat.Tables {
		if !seen[t.Name] {
			t.Columns, t.Gone = slices.Clone(t.Columns), true
			after.Tables = append(after.Tables, t)
		}
	}
	sortTables(after.Tables)
	return c, after
}

// Find returns what is known and chosen after rows of a table turned out to
// have columns that the source did not offer. Nothing of the arguments is
// changed.
func Find(c Config, cat Catalog, table schema.Name, columns []schema.Column) (Config, Catalog) {
	t := cat.Table(table)
	if t == nil {
		return c, cat
	}
	c = c.Clone()
	cat.Tables = slices.Clone(cat.Tables)
	t = cat.Table(table)
	was := *t
	t.Columns = slices.Clone(t.Columns)
	for _, col := range columns {
		if have := t.Column(col.Name); have != nil {
			if have.Found {
				have.Type = schema.Join(have.Type, col.Type)
			}
			continue
		}
		t.Columns = append(t.Columns, CatalogColumn{Column: col, Found: true})
	}
	c.admit(&cat, &was, t)
	return c, cat
}

// admit blocks what is new in a table, or the table, if the handling says so.
// was is nil for a new table.
func (c *Config) admit(cat *Catalog, was, is *CatalogTable) {
	name := cat.Schema(is.Schema)
	if !cat.knowsSchema(is.Schema) && c.blocksTables() {
		s := c.schema(name)
		if s.Enabled == nil && !s.choosesTable() {
			s.Enabled = new(false)
		}
	}
	if was == nil {
		if !SystemTable(is.Table) && c.blocksTables() {
			if t := c.table(name, is.Table); t.Enabled == nil {
				t.Enabled = new(false)
			}
		}
		return
	}
	if !c.blocksColumns() || SystemTable(is.Table) {
		return
	}
	for _, col := range is.Columns {
		if was.knew(col, is) || col.Key || SystemColumn(col.Name) {
			continue
		}
		if cc := c.column(name, is.Table, col.Name); cc.Enabled == nil {
			cc.Enabled = new(false)
		}
	}
}

// knew reports whether a column of the table as it is now was known before,
// by its name or by an earlier one.
func (t *CatalogTable) knew(col CatalogColumn, is *CatalogTable) bool {
	if len(col.Former) > 0 {
		return true
	}
	was := t.Column(col.Name)
	if was == nil {
		return false
	}
	return was.ID == "" || !slices.ContainsFunc(is.Columns, func(o CatalogColumn) bool {
		return o.ID == was.ID && o.Name != col.Name // the name is free for another since
	})
}

// followRenames gives columns that were renamed the choices for their earlier
// names, and the table's filter their new ones.
func (c *Config) followRenames(cat *Catalog, was, is *CatalogTable) {
	t := c.find(cat, is.Name)
	if was == nil || t == nil {
		return
	}
	renamed := map[string]string{} // the new name by the one before
	for _, col := range is.Columns {
		if len(col.Former) == 0 || was.Column(col.Name) != nil && slices.Equal(was.Column(col.Name).Former, col.Former) {
			continue
		}
		renamed[col.Former[len(col.Former)-1]] = col.Name
	}
	if len(renamed) == 0 {
		return
	}
	before := t.Columns
	t.Columns = maps.Clone(before)
	for from, to := range renamed {
		if choice := before[from]; choice != nil {
			moved := *choice
			moved.Drop = false
			t.Columns[to] = &moved
		}
	}
	if f, err := schema.ParseFilter(t.Filter); err == nil {
		t.Filter = f.Rename(renamed).String()
	}
}

func (c *Config) blocksTables() bool {
	return c.Handling == BlockAll || c.Handling == AllowColumns
}

func (c *Config) blocksColumns() bool { return c.Handling == BlockAll }

func (c *Catalog) knowsSchema(name string) bool {
	return slices.ContainsFunc(c.Tables, func(t CatalogTable) bool { return t.Schema == name })
}

// choosesTable reports whether a table was enabled by name, which speaks for
// the schema too.
func (s *Schema) choosesTable() bool {
	for _, t := range s.Tables {
		if t.Enabled != nil && *t.Enabled {
			return true
		}
	}
	return false
}

// systemTables are what Fivetran's documentation "System columns and tables"
// lists as its connectors' own (read 2026-11).
var systemTables = []string{
	"fivetran_api_call", "fivetran_audit", "fivetran_formula", "fivetran_formula_failure_reason", "fivetran_formula_model",
	"fivetran_query", "fivetran_picklist_field", "fivetran_picklist_field_value", "fivetran_dependent_picklist_relation",
}

// SystemTable reports whether a table is a service's own account of itself,
// which cannot be blocked.
func SystemTable(name string) bool { return slices.Contains(systemTables, strings.ToLower(name)) }

// SystemColumn reports whether a column is one that Penstock or a service adds
// to what the source has, which cannot be blocked or hashed.
func SystemColumn(name string) bool { return strings.HasPrefix(strings.ToLower(name), "_fivetran_") }
