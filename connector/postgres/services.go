package postgres

import (
	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// Services are PostgreSQL, read by queries or by its log, wherever it runs. Fivetran has an
// id for each of these places and the same config for all, but for what can be
// chosen in it (its API definition, 2026-07).
var Services = []connector.Service{
	service("postgres", "PostgreSQL", nil),
	service("aurora_postgres", "Amazon Aurora PostgreSQL", nil),
	service("azure_postgres", "Azure Database for PostgreSQL", choices{"auth_method": {passwordAuth, "ENTRA_ID"}}),
	service("google_cloud_postgresql", "Google Cloud SQL for PostgreSQL", choices{"auth_method": {passwordAuth, clientCertificate}}),
	service("heroku_postgres", "Heroku Postgres", choices{"auth_method": {passwordAuth, clientCertificate}, "update_method": {queryBased, xmin}}),
	service("postgres_rds", "Amazon RDS for PostgreSQL", nil),
}

// choices are the values of fields, by name, where they are fewer than the
// config's own.
type choices map[string][]string

func service(id, name string, fewer choices) connector.Service {
	d := setup.Describe(name, config{})
	for field, values := range fewer {
		d.Field(field).Enum = values
	}
	return connector.Service{
		ID:           id,
		Name:         name,
		Kind:         "Database",
		Description:  "Copies the tables, views and foreign tables of a database in " + name + ".",
		SchemaFormat: connector.FormatSchemaPrefix,
		Naming:       schema.DatabaseNaming,
		Config:       d,
		Features:     []string{"CAPTURE_DELETES", "COLUMN_HASHING", "DATA_BLOCKING", "RE_SYNC"},
		Open:         open,
	}
}
