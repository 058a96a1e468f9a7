package api

import (
	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/schemaconfig"
	"github.com/penstock-data/penstock/schema"
)

func (s *server) resyncConnection(r *request) (any, error) {
	var req fivetran.ResyncRequest
	if err := r.read(&req); err != nil {
		return nil, err
	}
	if req.Scope != nil {
		return nil, s.resyncScope(r, *req.Scope)
	}
	return nil, s.Engine.Resync(r.Context(), r.id())
}

func (s *server) resyncTables(r *request) (any, error) {
	var scope map[string][]string
	if err := r.read(&scope); err != nil {
		return nil, err
	}
	return nil, s.resyncScope(r, scope)
}

// resyncScope re-syncs tables that a request names by schema, all or none.
func (s *server) resyncScope(r *request, scope map[string][]string) error {
	tables, err := s.namedTables(r, scope, "re-sync")
	if err != nil {
		return err
	}
	return s.Engine.ResyncTables(r.Context(), r.id(), tables)
}

func (s *server) resyncTable(r *request) (any, error) {
	cfg, cat, err := s.captured(r)
	if err != nil {
		return nil, err
	}
	ch := &change{cfg, cat}
	t, err := ch.find(r.table())
	if err == nil {
		err = ch.syncs(t)
	}
	if err != nil {
		return nil, err
	}
	return nil, s.Engine.ResyncTables(r.Context(), r.id(), []schema.Name{t.Name})
}

// syncs refuses a table that no sync would read.
func (ch *change) syncs(t *schemaconfig.CatalogTable) error {
	if t.Gone {
		return invalidInput("Table '%s' of schema '%s' does not exist in the source any more", t.Table, ch.cat.Schema(t.Schema))
	}
	if !schemaconfig.Resolve(ch.cfg, ch.cat, schema.Table{Name: t.Name}).Wanted {
		return invalidInput("Table '%s' of schema '%s' is not enabled", t.Table, ch.cat.Schema(t.Schema))
	}
	return nil
}
