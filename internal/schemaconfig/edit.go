package schemaconfig

import (
	"fmt"
	"maps"
	"slices"

	"github.com/penstock-data/penstock/schema"
)

// Clone returns a copy that shares nothing with c that can be changed.
func (c Config) Clone() Config {
	c.Masks = slices.Clone(c.Masks)
	c.Schemas = maps.Clone(c.Schemas)
	for sn, s := range c.Schemas {
		if s == nil {
			delete(c.Schemas, sn)
			continue
		}
		s := *s
		s.Tables = maps.Clone(s.Tables)
		for tn, t := range s.Tables {
			if t == nil {
				delete(s.Tables, tn)
				continue
			}
			t := *t
			t.Columns = maps.Clone(t.Columns)
			for cn, col := range t.Columns {
				if col == nil {
					delete(t.Columns, cn)
					continue
				}
				col := *col
				t.Columns[cn] = &col
			}
			s.Tables[tn] = &t
		}
		c.Schemas[sn] = &s
	}
	return c
}

// EnableAll chooses every schema and table that the catalog knows, or blocks
// them all. Columns stay as they are, as do tables that cannot be blocked.
func (c *Config) EnableAll(cat *Catalog, enabled bool) {
	for i := range cat.Tables {
		t := &cat.Tables[i]
		if t.Gone || SystemTable(t.Table) {
			continue
		}
		name := cat.Schema(t.Schema)
		c.schema(name).Enabled = new(enabled)
		c.table(name, t.Table).Enabled = new(enabled)
	}
}

// SchemaOf returns the choices for a schema, to be changed; an entry is made
// if there is none.
func (c *Config) SchemaOf(cat *Catalog, name string) *Schema { return c.schema(cat.Schema(name)) }

// TableOf returns the choices for a table, to be changed; an entry is made if
// there is none.
func (c *Config) TableOf(cat *Catalog, n schema.Name) *Table {
	return c.table(cat.Schema(n.Schema), n.Table)
}

// ColumnOf returns the choices for a column, to be changed; an entry is made
// if there is none.
func (c *Config) ColumnOf(cat *Catalog, n schema.Name, column string) *Column {
	return c.column(cat.Schema(n.Schema), n.Table, column)
}

// Dropped notes that the destination has a column no more: what was asked for
// is done.
func (c *Config) Dropped(cat *Catalog, n schema.Name, column string) {
	if t := c.find(cat, n); t != nil && t.Columns[column] != nil {
		t.Columns[column].Drop = false
	}
}

func (c *Config) schema(name string) *Schema {
	if c.Schemas == nil {
		c.Schemas = map[string]*Schema{}
	}
	s := c.Schemas[name]
	if s == nil {
		s = &Schema{}
		c.Schemas[name] = s
	}
	return s
}

func (c *Config) table(in, name string) *Table {
	s := c.schema(in)
	if s.Tables == nil {
		s.Tables = map[string]*Table{}
	}
	t := s.Tables[name]
	if t == nil {
		t = &Table{}
		s.Tables[name] = t
	}
	return t
}

func (c *Config) column(in, table, name string) *Column {
	t := c.table(in, table)
	if t.Columns == nil {
		t.Columns = map[string]*Column{}
	}
	col := t.Columns[name]
	if col == nil {
		col = &Column{}
		t.Columns[name] = col
	}
	return col
}

// find returns the choices for a table, or nil.
func (c *Config) find(cat *Catalog, n schema.Name) *Table {
	s := c.Schemas[cat.Schema(n.Schema)]
	if s == nil {
		return nil
	}
	return s.Tables[n.Table]
}

// Check returns what is wrong with the choices in themselves, in words for
// the person who made them, or nil.
func (c *Config) Check() error {
	switch c.Handling {
	case "", AllowAll, AllowColumns, BlockAll:
	default:
		return fmt.Errorf("schema_change_handling %q is none of %s, %s, %s", c.Handling, AllowAll, AllowColumns, BlockAll)
	}
	for _, m := range c.Masks {
		if err := m.Check(); err != nil {
			return err
		}
	}
	return nil
}
