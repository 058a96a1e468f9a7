package api

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/setup"
)

// A source is a connector service as the API knows it.
type source struct {
	connector.Service
	config *setup.Description // the service's own fields after those that name the destination schema; see authField
	detail fivetran.ConnectorType
	item   fivetran.ConnectorType // detail without config
}

// sources and targets are the services by id.
type (
	sources map[string]*source
	targets map[string]*destination.Service
)

func newSources(services []connector.Service) sources {
	all := sources{}
	for _, svc := range services {
		src := &source{Service: svc, config: svc.Config.With(svc.SchemaFormat.Fields()...)}
		src.detail = connectorType(src)
		if svc.Auth != nil {
			src.config = src.config.With(setup.Field{Name: authField, Type: setup.Object, Fields: svc.Auth.Fields})
		}
		src.item = src.detail
		src.item.Config, src.item.Auth, src.item.SecretsKeys = nil, nil, nil
		all[svc.ID] = src
	}
	return all
}

func newTargets(services []destination.Service) targets {
	all := targets{}
	for i := range services {
		all[services[i].ID] = &services[i]
	}
	return all
}

// schemaName returns the name that a connection's config gives its
// destination schema: "schema", "schema.table" or the prefix.
func (src *source) schemaName(config json.RawMessage) (string, error) {
	var c struct {
		Schema string `json:"schema"`
		Table  string `json:"table"`
		Group  string `json:"table_group_name"`
		Prefix string `json:"schema_prefix"`
	}
	if err := setup.Decode(config, &c); err != nil {
		return "", err
	}
	for _, f := range src.SchemaFormat.Fields() {
		value := map[string]string{"schema": c.Schema, "table": c.Table, "table_group_name": c.Group, "schema_prefix": c.Prefix}[f.Name]
		if value == "" {
			return "", fieldRequired(f.Name)
		}
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == '.' || r == '"' }) {
			return "", invalidInput("Invalid 'config' object: field '%s' is not a valid name", f.Name)
		}
	}
	switch src.SchemaFormat {
	case connector.FormatSchemaPrefix:
		return c.Prefix, nil
	case connector.FormatSchemaTable:
		return c.Schema + "." + c.Table, nil
	case connector.FormatSchemaTableGroup:
		return c.Schema + "." + c.Group, nil
	}
	return c.Schema, nil
}

func connectorType(src *source) fivetran.ConnectorType {
	t := fivetran.ConnectorType{
		ID:                src.ID,
		Name:              src.Name,
		Type:              src.Kind,
		Description:       src.Description,
		Icons:             []string{},
		LinkToDocs:        src.Docs,
		LinkToERD:         src.ERD,
		ConnectorClass:    cmp.Or(src.Class, "standard"),
		ServiceStatus:     cmp.Or(src.Status, "general_availability"),
		StatusUpdatedAt:   src.StatusSince,
		SupportedFeatures: []fivetran.Feature{},
		Config:            properties(src.config.Fields),
	}
	for _, id := range src.Features {
		t.SupportedFeatures = append(t.SupportedFeatures, fivetran.Feature{ID: id})
	}
	t.Config.Title = src.Name + " config object"
	if len(src.Icons) > 0 {
		t.IconURL, t.Icons = src.Icons[0], src.Icons
	}
	if src.Auth != nil {
		t.Auth = properties(src.Auth.Fields)
		t.Auth.Title = src.Name + " auth object"
	}
	t.SecretsKeys = secretsFields(src.Service.Config)
	return t
}

// properties describes an object with the fields.
func properties(fields []setup.Field) *fivetran.Property {
	p := &fivetran.Property{Type: string(setup.Object), FieldStatus: "general_availability", Properties: map[string]*fivetran.Property{}}
	for _, f := range fields {
		p.Properties[f.Name] = property(f)
		if f.Required {
			p.Required = append(p.Required, f.Name)
		}
	}
	return p
}

func property(f setup.Field) *fivetran.Property {
	p := &fivetran.Property{Type: string(f.Type)}
	switch {
	case f.Type == setup.Object:
		p = properties(f.Fields)
	case f.Item == setup.Object:
		p.Items = properties(f.Fields)
	case f.Type == setup.Array:
		p.Items = &fivetran.Property{Type: string(f.Item), FieldStatus: "general_availability", Enum: f.Enum}
	default:
		p.Enum = f.Enum
	}
	p.Title, p.Description, p.FieldStatus = f.Title, f.Help, "general_availability"
	p.Readonly, p.Immutable, p.Nullable = f.Readonly, f.Immutable, !f.Required
	p.Default = f.Default
	secret := p
	if f.Type == setup.Array {
		secret = p.Items
	}
	if f.Secret {
		secret.Format = "password"
	}
	return p
}

// listConnectorTypes lists the services by id: the list changes only with the
// program.
func (s *server) listConnectorTypes(r *request) (any, error) {
	return partOf(r, s.types, func(src **source) fivetran.ConnectorType { return (*src).item })
}

func (s *server) connectorType(r *request) (any, error) {
	src := s.sources[r.id()]
	if src == nil {
		return nil, notFound(fivetran.NotFound, "Connector type '%s' does not exist.", r.id())
	}
	return src.detail, nil
}

// sorted returns the services in the order of their ids.
func (all sources) sorted() []*source {
	var list []*source
	for _, src := range all {
		list = append(list, src)
	}
	slices.SortFunc(list, func(a, b *source) int { return strings.Compare(a.ID, b.ID) })
	return list
}

// publicConnectorTypes describes all services to whoever asks.
func (s *server) publicConnectorTypes(*request) (any, error) {
	p := fivetran.Page[fivetran.ConnectorType]{Items: make([]fivetran.ConnectorType, len(s.types))}
	for i, src := range s.types {
		p.Items[i] = src.item
	}
	return p, nil
}
