package api

import (
	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/schemaconfig"
	"github.com/penstock-data/penstock/schema"
)

// A change changes what is chosen of a source, as far as the source and the
// choices themselves allow it. What it leaves behind after an error is not to
// be kept.
type change struct {
	cfg *schemaconfig.Config
	cat *schemaconfig.Catalog
}

func (ch *change) all(req *fivetran.SchemaConfigChange) error {
	if err := presetHandling(ch.cfg, req); err != nil {
		return err
	}
	for name, s := range req.Schemas {
		if err := ch.schema(name, s); err != nil {
			return err
		}
	}
	return nil
}

func (ch *change) schema(name string, req *fivetran.SchemaChange) error {
	if !ch.knows(name) {
		return notFound(fivetran.NotFoundSchema, "Schema '%s' does not exist.", name)
	}
	if req == nil {
		return nil
	}
	if req.Enabled != nil {
		ch.cfg.SchemaOf(ch.cat, name).Enabled = req.Enabled
	}
	for table, t := range req.Tables {
		if err := ch.table(schema.Name{Schema: name, Table: table}, t); err != nil {
			return err
		}
	}
	return nil
}

func (ch *change) knows(name string) bool {
	for i := range ch.cat.Tables {
		if ch.cat.Schema(ch.cat.Tables[i].Schema) == name {
			return true
		}
	}
	return false
}

// find returns a table that is named as in the API.
func (ch *change) find(n schema.Name) (*schemaconfig.CatalogTable, error) {
	if !ch.knows(n.Schema) {
		return nil, notFound(fivetran.NotFoundSchema, "Schema '%s' does not exist.", n.Schema)
	}
	t := ch.cat.Table(n)
	if t == nil {
		return nil, notFound(fivetran.NotFoundTable, "Table '%s' of schema '%s' does not exist.", n.Table, n.Schema)
	}
	return t, nil
}

func (ch *change) table(n schema.Name, req *fivetran.TableChange) error {
	t, err := ch.find(n)
	if err != nil || req == nil {
		return err
	}
	if req.Enabled != nil {
		view := ch.view(t)
		switch {
		case view.Patch.Allowed:
			ch.cfg.TableOf(ch.cat, t.Name).Enabled = req.Enabled
		case *req.Enabled != view.Enabled:
			return invalidInput("Field 'enabled' of table '%s' of schema '%s' cannot be changed: %s", n.Table, n.Schema, because(view.Patch))
		}
	}
	for column, c := range req.Columns {
		if err := ch.column(t, column, c); err != nil {
			return err
		}
	}
	if req.SyncMode != nil {
		return ch.mode(n, t, *req.SyncMode)
	}
	return nil
}

func (ch *change) mode(n schema.Name, t *schemaconfig.CatalogTable, name string) error {
	mode, ok := schema.ParseMode(name)
	switch {
	case !ok:
		return invalidInput("Invalid value for field 'sync_mode': it is one of SOFT_DELETE, HISTORY, LIVE")
	case mode == schema.History && !ch.keyed(t):
		return invalidInput("Table '%s' of schema '%s' doesn't support history mode: it has no primary key", n.Table, n.Schema)
	}
	ch.cfg.TableOf(ch.cat, t.Name).Mode = &mode
	return nil
}

func (ch *change) column(t *schemaconfig.CatalogTable, name string, req *fivetran.ColumnChange) error {
	view, err := ch.findColumn(t, name)
	if err != nil || req == nil {
		return err
	}
	if req.Enabled != nil {
		switch {
		case view.Patch.Allowed:
			choice := ch.cfg.ColumnOf(ch.cat, t.Name, name)
			choice.Enabled, choice.Drop = req.Enabled, choice.Drop && !*req.Enabled
		case *req.Enabled != view.Enabled:
			return invalidInput("Field 'enabled' of column '%s' of table '%s' cannot be changed: %s", name, t.Table, because(view.Patch))
		}
	}
	if req.Hashed != nil {
		if *req.Hashed && view.Patch.Code == schemaconfig.ReasonSystemColumn {
			return invalidInput("Column '%s' of table '%s' cannot be hashed: %s", name, t.Table, because(view.Patch))
		}
		if *req.Hashed != view.Hashed || view.Patch.Allowed {
			ch.cfg.ColumnOf(ch.cat, t.Name, name).Hashed = *req.Hashed
		}
	}
	if key := req.IsPrimaryKey; key != nil && *key != view.Key {
		if t.Keyed() {
			return invalidInput("Field 'is_primary_key' of column '%s' of table '%s' cannot be changed: the source gives the table its primary key", name, t.Table)
		}
		ch.cfg.ColumnOf(ch.cat, t.Name, name).Key = key
	}
	return nil
}

// findColumn returns how a column of t is shown.
func (ch *change) findColumn(t *schemaconfig.CatalogTable, name string) (*schemaconfig.ColumnView, error) {
	if !configurable(t) {
		return nil, invalidInput("Table `%s` of schema `%s` doesn't supports columns configuration", t.Table, ch.cat.Schema(t.Schema))
	}
	views := ch.columns(t)
	for i := range views {
		if views[i].Name == name {
			return &views[i], nil
		}
	}
	return nil, notFound(fivetran.NotFoundColumn, "Column '%s' of table '%s' of schema '%s' does not exist.", name, t.Table, ch.cat.Schema(t.Schema))
}

// drop marks a blocked column to be dropped from the destination.
func (ch *change) drop(n schema.Name, name string) error {
	t, err := ch.find(n)
	if err != nil {
		return err
	}
	view, err := ch.findColumn(t, name)
	if err != nil {
		return err
	}
	if view.Enabled && !t.Column(name).Gone {
		return conflict("Column '%s' of table '%s' of schema '%s' is not blocked", name, n.Table, n.Schema)
	}
	choice := ch.cfg.ColumnOf(ch.cat, t.Name, name)
	choice.Enabled, choice.Drop = new(bool), true
	return nil
}

// same leaves names as they are: for views of which the names are not needed.
var same = schemaconfig.Names{Schema: keep, Table: keep, Column: keep}

func keep(name string) string { return name }

func (ch *change) columns(t *schemaconfig.CatalogTable) []schemaconfig.ColumnView {
	return schemaconfig.Columns(ch.cfg, ch.only(t), t, same)
}

func (ch *change) view(t *schemaconfig.CatalogTable) schemaconfig.TableView {
	return schemaconfig.View(ch.cfg, ch.only(t), same)[0].Tables[0]
}

// only returns a catalog of one table: a request may change thousands, and
// what is shown of one does not depend on the others.
func (ch *change) only(t *schemaconfig.CatalogTable) *schemaconfig.Catalog {
	return &schemaconfig.Catalog{CapturedAt: ch.cat.CapturedAt, Unnamed: ch.cat.Unnamed, Tables: []schemaconfig.CatalogTable{*t}}
}

// keyed reports whether the table has a key, the source's or the user's own.
func (ch *change) keyed(t *schemaconfig.CatalogTable) bool {
	for _, c := range ch.columns(t) {
		if c.Key {
			return true
		}
	}
	return false
}

// configurable reports whether single columns of a table can be chosen: they
// must be known.
func configurable(t *schemaconfig.CatalogTable) bool { return len(t.Columns) > 0 }

func because(p schemaconfig.Patch) string {
	switch p.Code {
	case schemaconfig.ReasonSystemTable:
		return "it is a system table"
	case schemaconfig.ReasonSystemColumn:
		return "it is a system column"
	case schemaconfig.ReasonDeleted:
		return "it does not exist in the source any more"
	}
	return p.Text
}

// preset makes choices for a source that nobody has looked at.
func preset(cfg *schemaconfig.Config, req *fivetran.SchemaConfigChange) error {
	if err := presetHandling(cfg, req); err != nil {
		return err
	}
	var none schemaconfig.Catalog
	for sn, s := range req.Schemas {
		choice := cfg.SchemaOf(&none, sn)
		if s == nil {
			continue
		}
		choice.Enabled = s.Enabled
		for tn, t := range s.Tables {
			if err := presetTable(cfg.TableOf(&none, schema.Name{Schema: sn, Table: tn}), t); err != nil {
				return err
			}
		}
	}
	return nil
}

func presetTable(choice *schemaconfig.Table, req *fivetran.TableChange) error {
	if req == nil {
		return nil
	}
	choice.Enabled = req.Enabled
	if req.SyncMode != nil {
		mode, ok := schema.ParseMode(*req.SyncMode)
		if !ok {
			return invalidInput("Invalid value for field 'sync_mode': it is one of SOFT_DELETE, HISTORY, LIVE")
		}
		choice.Mode = &mode
	}
	for name, c := range req.Columns {
		if c == nil {
			continue
		}
		if choice.Columns == nil {
			choice.Columns = map[string]*schemaconfig.Column{}
		}
		choice.Columns[name] = &schemaconfig.Column{Enabled: c.Enabled, Hashed: c.Hashed != nil && *c.Hashed, Key: c.IsPrimaryKey}
	}
	return nil
}

func presetHandling(cfg *schemaconfig.Config, req *fivetran.SchemaConfigChange) error {
	if v := req.SchemaChangeHandling; v != nil {
		switch h := schemaconfig.Handling(*v); h {
		case schemaconfig.AllowAll, schemaconfig.AllowColumns, schemaconfig.BlockAll:
			cfg.Handling = h
		default:
			return invalidInput("Invalid value for field 'schema_change_handling': it is one of ALLOW_ALL, ALLOW_COLUMNS, BLOCK_ALL")
		}
	}
	if v := req.IsTypeLocked; v != nil {
		cfg.TypeLocked = *v
	}
	return nil
}
