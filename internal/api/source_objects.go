package api

import (
	"net/url"

	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/schemaconfig"
)

// sourceObjects are what a connection's source has, parents first.
type sourceObjects struct {
	schemas, tables []fivetran.SourceObject
	columns         []fivetran.SourceColumn
}

// sourceSchemas, sourceTables and sourceColumns list what the source had when it
// was last looked at. Airflow's provider 2.4.0 tells OpenLineage what they say
// (operators.py).
func (s *server) sourceSchemas(r *request) (any, error) {
	o, err := s.sourceObjects(r)
	if err != nil {
		return nil, err
	}
	return partOf(r, o.schemas, as[fivetran.SourceObject])
}

func (s *server) sourceTables(r *request) (any, error) {
	o, err := s.sourceObjects(r)
	if err != nil {
		return nil, err
	}
	return partOf(r, o.tables, as[fivetran.SourceObject])
}

func (s *server) sourceColumns(r *request) (any, error) {
	o, err := s.sourceObjects(r)
	if err != nil {
		return nil, err
	}
	return partOf(r, o.columns, as[fivetran.SourceColumn])
}

func as[T any](v *T) T { return *v }

func (s *server) sourceObjects(r *request) (o sourceObjects, err error) {
	c, src, err := s.findConnection(r)
	if err != nil {
		return o, err
	}
	cfg, cat, err := s.captured(r)
	if err != nil {
		return o, err
	}
	names, err := s.names(r.Context(), c, src)
	if err != nil {
		return o, err
	}
	for i := range cat.Tables {
		if t := &cat.Tables[i]; !t.Gone {
			o.add(cfg, cat, t, names)
		}
	}
	return o, nil
}

// add adds a table, and its schema before the first. Tables are in the order of
// their schemas.
func (o *sourceObjects) add(cfg *schemaconfig.Config, cat *schemaconfig.Catalog, t *schemaconfig.CatalogTable, names schemaconfig.Names) {
	called := cat.Schema(t.Schema)
	parent := url.PathEscape(called)
	if n := len(o.schemas); n == 0 || o.schemas[n-1].ID != parent {
		o.schemas = append(o.schemas, fivetran.SourceObject{ID: parent, NameInSource: called, NameInDestination: names.Schema(t.Schema)})
	}
	table := parent + "/" + url.PathEscape(t.Table)
	o.tables = append(o.tables, fivetran.SourceObject{ID: table, ParentID: parent, NameInSource: t.Table, NameInDestination: names.Table(t.Table)})
	for _, v := range schemaconfig.Columns(cfg, cat, t, names) {
		if t.Column(v.Name).Gone {
			continue
		}
		o.columns = append(o.columns, fivetran.SourceColumn{
			SourceObject: fivetran.SourceObject{ID: table + "/" + url.PathEscape(v.Name), ParentID: table, NameInSource: v.Name, NameInDestination: v.Destination},
			TypeInSource: v.Type.String(), TypeInDestination: v.Type.String(), IsPrimaryKey: v.Key,
		})
	}
}
