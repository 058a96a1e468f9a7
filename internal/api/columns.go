package api

import (
	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/schemaconfig"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/schema"
)

// columns shows all columns that a table has in the source now.
func (s *server) columns(r *request) (any, error) {
	c, src, err := s.findConnection(r)
	if err != nil {
		return nil, err
	}
	if _, _, err := s.captured(r); err != nil {
		return nil, err
	}
	if c.SetupState != store.Connected {
		return nil, conflict("Connection with id '%s' is not connected: its setup_state is '%s'", c.ID, c.SetupState)
	}
	cfg, cat, err := s.capture(r)
	if err != nil {
		return nil, err
	}
	names, err := s.names(r.Context(), c, src)
	if err != nil {
		return nil, err
	}
	t, err := (&change{cfg, cat}).find(r.table())
	if err != nil {
		// Dagster's plug-in asks by the destination's names (dagster-fivetran
		// 0.29, fivetran_event_iterator.py).
		if t = arriving(cat, names, r.table()); t == nil {
			return nil, err
		}
	}
	if t.Gone {
		return nil, notFound(fivetran.NotFoundTable, "Table '%s' of schema '%s' does not exist in the source any more.", t.Table, r.table().Schema)
	}
	var there []schemaconfig.ColumnView
	for _, v := range schemaconfig.Columns(cfg, cat, t, names) {
		if !t.Column(v.Name).Gone {
			there = append(there, v)
		}
	}
	return fivetran.TableColumns{Columns: wireColumns(there)}, nil
}

// arriving returns the table that the destination calls n, or nil.
func arriving(cat *schemaconfig.Catalog, names schemaconfig.Names, n schema.Name) *schemaconfig.CatalogTable {
	for i := range cat.Tables {
		t := &cat.Tables[i]
		if names.Table(t.Table) == n.Table && names.Schema(t.Schema) == n.Schema {
			return t
		}
	}
	return nil
}

func (s *server) dropColumn(r *request) (any, error) {
	_, _, err := s.applyChange(r, func(ch *change) error { return ch.drop(r.table(), r.PathValue("column")) })
	return nil, err
}

// dropColumns marks several columns, or none if one of them cannot be.
func (s *server) dropColumns(r *request) (any, error) {
	var req fivetran.DropColumns
	if err := r.read(&req); err != nil {
		return nil, err
	}
	if len(req.Schemas) == 0 {
		return nil, fieldRequired("schemas")
	}
	_, _, err := s.applyChange(r, func(ch *change) error {
		for sn, sc := range req.Schemas {
			if len(sc.Tables) == 0 {
				return fieldRequired("tables")
			}
			for tn, t := range sc.Tables {
				if len(t.Columns) == 0 {
					return fieldRequired("columns")
				}
				for _, column := range t.Columns {
					if err := ch.drop(schema.Name{Schema: sn, Table: tn}, column); err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
	return nil, err
}
