// Package records reads a file that declares services which this program cannot
// sync, so that connections and destinations of them can be kept: a whole
// configuration can be brought across before there is a connector for each part.
//
// A connector is written as GET /v1/metadata/connector-types/{service} describes
// one, Fivetran's own answers included, and a destination in the same way as far
// as it applies. What this program has stays as it is; the file adds to what a
// connector says of itself: pictures, documents, status.
package records

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// A file is what a records file holds.
type file struct {
	Connectors []struct {
		fivetran.ConnectorType

		// SchemaFormat is a connector.SchemaFormat; "": the one that the
		// config's fields are those of.
		SchemaFormat connector.SchemaFormat `json:"schema_format"`
	} `json:"connectors"`
	Destinations []fivetran.ConnectorType `json:"destinations"`
}

// Add returns services with those that a file declares. Errors name the file,
// the service and the field.
func Add(name string, connectors []connector.Service, destinations []destination.Service) ([]connector.Service, []destination.Service, error) {
	raw, err := os.ReadFile(name)
	if err != nil {
		return nil, nil, err
	}
	var f file
	if err := json.Unmarshal(raw, &f); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	connectors, destinations = slices.Clone(connectors), slices.Clone(destinations)
	for _, c := range f.Connectors {
		s, err := source(&c.ConnectorType, c.SchemaFormat)
		if err == nil {
			err = place(&connectors, s, func(s *connector.Service) string { return s.ID }, complete)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%s: connector %q: %w", name, c.ID, err)
		}
	}
	for _, d := range f.Destinations {
		s, err := target(&d)
		if err == nil {
			err = place(&destinations, s, func(s *destination.Service) string { return s.ID }, leave)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%s: destination %q: %w", name, d.ID, err)
		}
	}
	return connectors, destinations, nil
}

// place adds a declared service to all, or has known, the service of that id
// which is there already, deal with it.
func place[S any](all *[]S, declared S, id func(*S) string, known func(known *S, declared *S) error) error {
	if id(&declared) == "" {
		return errors.New("a service has an id")
	}
	i := slices.IndexFunc(*all, func(s S) bool { return id(&s) == id(&declared) })
	if i < 0 {
		*all = append(*all, declared)
		return nil
	}
	return known(&(*all)[i], &declared)
}

var errTwice = errors.New("it is declared twice")

// leave has a destination that this program has stay as it is.
func leave(known, _ *destination.Service) error {
	if known.Absent != nil {
		return errTwice
	}
	return nil
}

// complete lets a connector that this program has say what it does not say of
// itself in a declared one's words.
func complete(known, declared *connector.Service) error {
	if known.Absent != nil {
		return errTwice
	}
	l, more := &known.Listing, declared.Listing
	for _, text := range []struct{ own, other *string }{
		{&l.Class, &more.Class}, {&l.Status, &more.Status}, {&l.StatusSince, &more.StatusSince}, {&l.Docs, &more.Docs}, {&l.ERD, &more.ERD},
	} {
		if *text.own == "" {
			*text.own = *text.other
		}
	}
	if l.Icons == nil {
		l.Icons = more.Icons
	}
	return nil
}

func source(t *fivetran.ConnectorType, format connector.SchemaFormat) (s connector.Service, err error) {
	s = connector.Service{
		ID: t.ID, Name: t.Name, Kind: t.Type, Description: t.Description, Naming: schema.ApplicationNaming, Absent: absent("connector", t),
		Listing: connector.Listing{Class: t.ConnectorClass, Status: t.ServiceStatus, StatusSince: t.StatusUpdatedAt, Icons: t.Icons, Docs: t.LinkToDocs, ERD: t.LinkToERD},
	}
	if t.IconURL != "" && !slices.Contains(t.Icons, t.IconURL) {
		s.Icons = append([]string{t.IconURL}, t.Icons...)
	}
	for _, f := range t.SupportedFeatures {
		s.Features = append(s.Features, f.ID)
	}
	config := configOf(t)
	if s.SchemaFormat = format; format == "" {
		s.SchemaFormat = formatOf(config)
	}
	names, ok := formats[s.SchemaFormat]
	if !ok {
		return s, fmt.Errorf("schema_format %q is none", format)
	}
	// The API has the fields that name the destination schema itself.
	config = slices.DeleteFunc(config, func(f setup.Field) bool { return slices.Contains(names, f.Name) })
	if s.Config, err = describe(t.Name, config); err != nil {
		return s, err
	}
	if t.Auth != nil {
		s.Auth, err = describe(t.Name, secret(fields(t.Auth)))
	}
	return s, err
}

func target(t *fivetran.ConnectorType) (s destination.Service, err error) {
	s = destination.Service{ID: t.ID, Name: t.Name, MaxName: 255, Absent: absent("destination", t)}
	s.Config, err = describe(t.Name, configOf(t))
	return s, err
}

// configOf returns the fields of a service's config. Those that external secrets
// managers may keep are named beside it.
func configOf(t *fivetran.ConnectorType) []setup.Field {
	config := fields(t.Config)
	if t.SecretsKeys != nil {
		for i := range config {
			config[i].External = t.SecretsKeys.Properties[config[i].Name] != nil
		}
	}
	return config
}

func absent(what string, t *fivetran.ConnectorType) *setup.Problem {
	return &setup.Problem{Code: "no_" + what, Message: fmt.Sprintf("This installation has no %s for %s (%s): what is configured is kept, but nothing is synced.", what, t.Name, t.ID)}
}

// formats are the fields of each schema format.
var formats = map[connector.SchemaFormat][]string{
	connector.FormatSchema:           {"schema"},
	connector.FormatSchemaPrefix:     {"schema_prefix"},
	connector.FormatSchemaTable:      {"schema", "table"},
	connector.FormatSchemaTableGroup: {"schema", "table_group_name"},
}

// formatOf returns the schema format whose fields a config has.
func formatOf(config []setup.Field) connector.SchemaFormat {
	has := func(name string) bool {
		return slices.ContainsFunc(config, func(f setup.Field) bool { return f.Name == name })
	}
	switch {
	case has("schema_prefix"):
		return connector.FormatSchemaPrefix
	case has("schema") && has("table"):
		return connector.FormatSchemaTable
	case has("schema") && has("table_group_name"):
		return connector.FormatSchemaTableGroup
	}
	return connector.FormatSchema
}
