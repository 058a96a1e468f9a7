package schemaconfig

import "github.com/penstock-data/penstock/schema"

// A Reason says why a setting cannot be changed. "": it can.
type Reason string

const (
	ReasonSystemTable  Reason = "SYSTEM_TABLE"
	ReasonSystemColumn Reason = "SYSTEM_COLUMN"
	ReasonDeleted      Reason = "DELETED"
	ReasonOther        Reason = "OTHER"
)

// A Patch says whether enabled can be changed.
type Patch struct {
	Allowed bool
	Code    Reason
	Text    string // set with ReasonOther only
}

// Patch says whether the table can be enabled and blocked.
func (t *CatalogTable) Patch() Patch {
	switch {
	case SystemTable(t.Table):
		return Patch{Code: ReasonSystemTable}
	case t.Gone:
		return Patch{Code: ReasonDeleted}
	}
	return Patch{Allowed: true}
}

// PatchColumn says whether a column can be enabled and blocked. One that the
// catalog does not know can.
func (t *CatalogTable) PatchColumn(name string) Patch {
	c := t.Column(name)
	switch {
	case SystemColumn(name):
		return Patch{Code: ReasonSystemColumn}
	case SystemTable(t.Table):
		return Patch{Code: ReasonOther, Text: "The table is a system table, whose columns are always synced"}
	case t.Gone || c != nil && c.Gone:
		return Patch{Code: ReasonDeleted}
	case c != nil && c.Key:
		return Patch{Code: ReasonOther, Text: "The column is part of the primary key, without which rows cannot be told apart; it can be hashed"}
	}
	return Patch{Allowed: true}
}

// Names are the rules that make a destination's names of a source's. Schema is
// given "" for a source without schemas.
type Names struct {
	Schema, Table, Column func(source string) string
}

// A SchemaView is how a schema is shown to people.
type SchemaView struct {
	Name, Destination string
	Enabled           bool
	Tables            []TableView // in order of name
}

// A TableView is how a table is shown.
type TableView struct {
	Name, Destination string
	Enabled           bool
	Paused            bool
	Mode              schema.Mode
	History           bool // it can be kept with its history
	Patch             Patch
	Columns           []ColumnView // those whose state was ever set, in the source's order
}

// A ColumnView is how a column is shown.
type ColumnView struct {
	Name, Destination string
	Type              schema.Type
	Enabled, Hashed   bool
	Key               bool
	Patch             Patch
}

// View returns how the choices are shown: all schemas and tables that the
// catalog knows, in order of name, and of their columns those that have an
// entry in the Config.
func View(c *Config, cat *Catalog, names Names) []SchemaView {
	var out []SchemaView
	for i := range cat.Tables {
		t := &cat.Tables[i]
		name := cat.Schema(t.Schema)
		s := c.Schemas[name]
		if len(out) == 0 || out[len(out)-1].Name != name {
			out = append(out, SchemaView{
				Name: name, Destination: names.Schema(t.Schema),
				Enabled: s == nil || s.Enabled == nil || *s.Enabled,
			})
		}
		last := &out[len(out)-1]
		last.Tables = append(last.Tables, viewTable(c, cat, t, names))
	}
	return out
}

func viewTable(c *Config, cat *Catalog, t *CatalogTable, names Names) TableView {
	choice := c.find(cat, t.Name)
	if choice == nil {
		choice = &Table{}
	}
	treat := Resolve(c, cat, t.current())
	v := TableView{
		Name: t.Table, Destination: names.Table(t.Table),
		Enabled: SystemTable(t.Table) || choice.Enabled == nil || *choice.Enabled,
		Paused:  choice.Paused, Mode: treat.Mode, Patch: t.Patch(),
	}
	for _, col := range Columns(c, cat, t, names) {
		v.History = v.History || col.Key
		if choice.Columns[col.Name] != nil {
			v.Columns = append(v.Columns, col)
		}
	}
	return v
}

// Columns returns how all columns of a table are shown.
func Columns(c *Config, cat *Catalog, t *CatalogTable, names Names) []ColumnView {
	treat := Resolve(c, cat, t.current())
	choice := c.find(cat, t.Name)
	var out []ColumnView
	for i := range t.Columns {
		col := &t.Columns[i]
		v := ColumnView{Name: col.Name, Type: col.Type, Patch: t.PatchColumn(col.Name)}
		v.Destination = names.Column(col.Name)
		if col.As != "" {
			v.Destination = names.Column(col.As)
		}
		how := treat.Column(col.Name)
		v.Enabled, v.Key = !how.Blocked, how.Key
		v.Hashed = choice != nil && choice.Columns[col.Name] != nil && choice.Columns[col.Name].Hashed
		out = append(out, v)
	}
	return out
}

// current returns the table with the columns that it has.
func (t *CatalogTable) current() schema.Table {
	out := schema.Table{Name: t.Name}
	for _, c := range t.Columns {
		if !c.Gone {
			out.Columns = append(out.Columns, c.Column)
		}
	}
	return out
}
