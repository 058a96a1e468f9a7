package runner

import (
	"encoding/json"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/schema"
)

// sourceNames is the value of destination_schema_names that keeps the
// source's names.
const sourceNames = "SOURCE_NAMING"

// schemaNames returns the rule that makes a destination schema of a source's
// schema: the one schema that the config names, or its prefix before each.
func schemaNames(f connector.SchemaFormat, c *store.Connection, naming schema.Naming) func(source string) string {
	var names struct {
		Schema string `json:"schema"`
		Prefix string `json:"schema_prefix"`
	}
	json.Unmarshal(c.Config, &names) // a config that is no object has no names
	if f != connector.FormatSchemaPrefix {
		name := names.Schema
		if name == "" {
			name = c.Schema
		}
		return func(string) string { return name }
	}
	prefix := names.Prefix
	if prefix == "" {
		prefix = c.Schema
	}
	return func(source string) string {
		if source == "" {
			return prefix
		}
		return prefix + "_" + naming.Schema(source)
	}
}
