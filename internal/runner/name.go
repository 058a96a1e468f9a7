package runner

import (
	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/schema"
)

// sourceNames is the value of destination_schema_names that keeps the
// source's names.
const sourceNames = "SOURCE_NAMING"

// schemaNames returns the rule that makes a destination schema of a source's.
func schemaNames(f connector.SchemaFormat, c *store.Connection, naming schema.Naming) func(source string) string {
	return f.Destination(c.Config, c.Schema, naming)
}
