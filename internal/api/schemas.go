package api

import (
	"context"
	"errors"
	"reflect"

	"github.com/penstock-data/penstock/internal/engine"
	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/schemaconfig"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/schema"
)

func (s *server) schemaConfig(r *request) (any, error) {
	c, src, err := s.findConnection(r)
	if err != nil {
		return nil, err
	}
	cfg, cat, err := s.captured(r)
	if err != nil {
		return nil, err
	}
	return s.wireSchemaConfig(r.Context(), c, src, cfg, cat)
}

// captured returns what is known and chosen of the source of the connection
// that the path names, which somebody must have looked at.
func (s *server) captured(r *request) (*schemaconfig.Config, *schemaconfig.Catalog, error) {
	cat, err := s.Store.Catalog(r.Context(), r.id())
	if err != nil {
		return nil, nil, err
	}
	if !cat.Captured() {
		return nil, nil, notCaptured(r)
	}
	cfg, err := s.Store.SchemaConfig(r.Context(), r.id())
	return cfg, cat, err
}

func notCaptured(r *request) error {
	return notFound(fivetran.NotFoundSchemaConfig, "Connection with id '%s' doesn't have schema config", r.id())
}

// createSchemaConfig keeps choices for a source that nobody has looked at.
// What they name that turns out not to exist has no effect.
func (s *server) createSchemaConfig(r *request) (any, error) {
	var req fivetran.SchemaConfigChange
	if err := r.read(&req); err != nil {
		return nil, err
	}
	c, src, err := s.findConnection(r)
	if err != nil {
		return nil, err
	}
	if req.Schemas == nil {
		return nil, fieldRequired("schemas")
	}
	cfg, _, err := s.Store.UpdateSchema(r.Context(), r.id(), func(cfg *schemaconfig.Config, cat *schemaconfig.Catalog) error {
		if cat.Captured() {
			return conflict("Connection with id '%s' already has a schema config", r.id())
		}
		cfg.Schemas = nil
		return preset(cfg, &req)
	})
	if err != nil {
		return nil, err
	}
	names, err := s.names(r.Context(), c, src)
	if err != nil {
		return nil, err
	}
	return echo(cfg, names), nil
}

func (s *server) updateSchemaConfig(r *request) (any, error) {
	var req fivetran.SchemaConfigChange
	if err := r.read(&req); err != nil {
		return nil, err
	}
	return s.change(r, func(ch *change) error { return ch.all(&req) })
}

func (s *server) updateSchema(r *request) (any, error) {
	var req fivetran.SchemaChange
	if err := r.read(&req); err != nil {
		return nil, err
	}
	return s.change(r, func(ch *change) error { return ch.schema(r.PathValue("schema"), &req) })
}

func (s *server) updateTable(r *request) (any, error) {
	var req fivetran.TableChange
	if err := r.read(&req); err != nil {
		return nil, err
	}
	return s.change(r, func(ch *change) error { return ch.table(r.table(), &req) })
}

func (s *server) updateColumn(r *request) (any, error) {
	var req fivetran.ColumnChange
	if err := r.read(&req); err != nil {
		return nil, err
	}
	return s.change(r, func(ch *change) error {
		t, err := ch.find(r.table())
		if err != nil {
			return err
		}
		return ch.column(t, r.PathValue("column"), &req)
	})
}

// table returns the table that the path names.
func (r *request) table() schema.Name {
	return schema.Name{Schema: r.PathValue("schema"), Table: r.PathValue("table")}
}

// change changes what is chosen of a captured source and answers with all of
// it. A sync that is running begins again with what is chosen now.
func (s *server) change(r *request, apply func(*change) error) (any, error) {
	c, src, err := s.findConnection(r)
	if err != nil {
		return nil, err
	}
	cfg, cat, err := s.applyChange(r, apply)
	if err != nil {
		return nil, err
	}
	return s.wireSchemaConfig(r.Context(), c, src, cfg, cat)
}

func (s *server) applyChange(r *request, apply func(*change) error) (*schemaconfig.Config, *schemaconfig.Catalog, error) {
	changed := false
	cfg, cat, err := s.Store.UpdateSchema(r.Context(), r.id(), func(cfg *schemaconfig.Config, cat *schemaconfig.Catalog) error {
		if !cat.Captured() {
			return notCaptured(r)
		}
		before := cfg.Clone()
		if err := apply(&change{cfg, cat}); err != nil {
			return err
		}
		changed = !reflect.DeepEqual(before, *cfg)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	if changed {
		err = s.Engine.Restart(r.Context(), r.id())
	}
	return cfg, cat, err
}

// reloadSchemaConfig looks what the source offers now.
func (s *server) reloadSchemaConfig(r *request) (any, error) {
	var req fivetran.ReloadSchemaConfig
	if err := r.read(&req); err != nil {
		return nil, err
	}
	mode := "PRESERVE"
	if req.ExcludeMode != nil {
		mode = *req.ExcludeMode
	}
	if mode != "PRESERVE" && mode != "EXCLUDE" && mode != "INCLUDE" {
		return nil, invalidInput("Invalid value for field 'exclude_mode': it is one of PRESERVE, EXCLUDE, INCLUDE")
	}
	c, src, err := s.findConnection(r)
	if err != nil {
		return nil, err
	}
	cfg, cat, err := s.capture(r)
	if err == nil && mode != "PRESERVE" {
		cfg, cat, err = s.applyChange(r, func(ch *change) error {
			ch.cfg.EnableAll(ch.cat, mode == "INCLUDE")
			return nil
		})
	}
	if err != nil {
		return nil, err
	}
	return s.wireSchemaConfig(r.Context(), c, src, cfg, cat)
}

// capture looks what the source offers of the connection that the path names.
func (s *server) capture(r *request) (*schemaconfig.Config, *schemaconfig.Catalog, error) {
	cfg, cat, err := s.Engine.Capture(r.Context(), r.id())
	var of *engine.ServiceError
	if errors.As(err, &of) && r.Context().Err() == nil {
		return nil, nil, &apiError{400, fivetran.BadRequest, "The schema cannot be read from the source: " + of.Error()}
	}
	return cfg, cat, err
}

// names are the rules by which a connection's destination calls what it gets.
func (s *server) names(ctx context.Context, c *store.Connection, src *source) (schemaconfig.Names, error) {
	naming, longest := src.Naming, 0
	if c.SchemaNames == "SOURCE_NAMING" {
		naming = schema.SourceNaming
	}
	d, err := s.Store.Destination(ctx, c.GroupID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return schemaconfig.Names{}, err
	}
	if err == nil && s.targets[d.Service] != nil {
		longest = s.targets[d.Service].MaxName
	}
	shorten := func(name func(string) string) func(string) string {
		return func(source string) string { return schema.Shorten(name(source), longest) }
	}
	return schemaconfig.Names{
		Schema: shorten(src.SchemaFormat.Destination(c.Config, c.Schema, naming)),
		Table:  shorten(naming.Table),
		Column: shorten(naming.Column),
	}, nil
}

func (s *server) wireSchemaConfig(ctx context.Context, c *store.Connection, src *source,
	cfg *schemaconfig.Config, cat *schemaconfig.Catalog) (any, error) {
	names, err := s.names(ctx, c, src)
	if err != nil {
		return nil, err
	}
	out := newSchemaConfig(cfg)
	for _, sv := range schemaconfig.View(cfg, cat, names) {
		ws := fivetran.SchemaSet{NameInDestination: sv.Destination, Enabled: sv.Enabled, Tables: make(map[string]fivetran.TableConfig, len(sv.Tables))}
		for i := range sv.Tables {
			tv := &sv.Tables[i]
			ws.Tables[tv.Name] = fivetran.TableConfig{
				SyncMode:              tv.Mode.String(),
				NameInDestination:     tv.Destination,
				Enabled:               tv.Enabled,
				Columns:               wireColumns(tv.Columns),
				EnabledPatchSettings:  wirePatch(tv.Patch),
				SupportsColumnsConfig: configurable(cat.Table(schema.Name{Schema: sv.Name, Table: tv.Name})),
				SupportsHistoryMode:   tv.History,
			}
		}
		out.Schemas[sv.Name] = ws
	}
	return out, nil
}

func newSchemaConfig(cfg *schemaconfig.Config) fivetran.SchemaConfig {
	handling := cfg.Handling
	if handling == "" {
		handling = schemaconfig.AllowAll
	}
	return fivetran.SchemaConfig{
		EnableNewByDefault:   handling == schemaconfig.AllowAll,
		SchemaChangeHandling: string(handling),
		Schemas:              map[string]fivetran.SchemaSet{},
	}
}

func wireColumns(views []schemaconfig.ColumnView) map[string]fivetran.ColumnConfig {
	columns := make(map[string]fivetran.ColumnConfig, len(views))
	for _, v := range views {
		columns[v.Name] = fivetran.ColumnConfig{
			NameInDestination:    v.Destination,
			Enabled:              v.Enabled,
			Hashed:               v.Hashed,
			EnabledPatchSettings: wirePatch(v.Patch),
			IsPrimaryKey:         v.Key,
		}
	}
	return columns
}

func wirePatch(p schemaconfig.Patch) fivetran.PatchSettings {
	return fivetran.PatchSettings{Allowed: p.Allowed, ReasonCode: string(p.Code), Reason: p.Text}
}

// echo shows choices for a source that nobody has looked at.
func echo(cfg *schemaconfig.Config, names schemaconfig.Names) fivetran.SchemaConfig {
	out := newSchemaConfig(cfg)
	allowed := fivetran.PatchSettings{Allowed: true}
	for sn, sc := range cfg.Schemas {
		ws := fivetran.SchemaSet{NameInDestination: names.Schema(sn), Enabled: chosen(sc.Enabled), Tables: map[string]fivetran.TableConfig{}}
		for tn, t := range sc.Tables {
			wt := fivetran.TableConfig{NameInDestination: names.Table(tn), Enabled: chosen(t.Enabled), Columns: map[string]fivetran.ColumnConfig{},
				EnabledPatchSettings: allowed, SupportsColumnsConfig: true, SupportsHistoryMode: true}
			if t.Mode != nil {
				wt.SyncMode = t.Mode.String()
			}
			for cn, col := range t.Columns {
				wt.Columns[cn] = fivetran.ColumnConfig{NameInDestination: names.Column(cn), Enabled: chosen(col.Enabled), Hashed: col.Hashed,
					IsPrimaryKey: col.Key != nil && *col.Key, EnabledPatchSettings: allowed}
			}
			ws.Tables[tn] = wt
		}
		out.Schemas[sn] = ws
	}
	return out
}

// chosen returns a choice of enabled; what nobody chose is.
func chosen(enabled *bool) bool { return enabled == nil || *enabled }
