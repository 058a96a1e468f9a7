package api

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/setup"
)

// A keysPatch is what a request says of external_secrets_keys_config: names in
// an external secrets manager by fields of the config, null for none.
type keysPatch = fivetran.Nullable[map[string]*string]

// secretsKeys returns the names that a request leaves of those that were there
// before. They end with the manager that they are for.
func secretsKeys(about *setup.Description, before map[string]string, manager string, asked keysPatch) (map[string]string, error) {
	after := maps.Clone(before)
	if after == nil || manager == "" || asked.Given && asked.Value == nil {
		after = map[string]string{}
	}
	if asked.Value != nil {
		for _, name := range slices.Sorted(maps.Keys(*asked.Value)) {
			f, key := about.Field(name), (*asked.Value)[name]
			switch {
			case f == nil || !f.External:
				return nil, invalidInput("Invalid 'external_secrets_keys_config' object: field '%s' cannot be kept by an external secrets manager", name)
			case key == nil || *key == "":
				delete(after, name)
			case manager == "":
				return nil, fieldRequired("external_secrets_manager_id")
			default:
				after[name] = *key
			}
		}
	}
	if len(after) == 0 {
		return nil, nil
	}
	return after, nil
}

// lacking returns the required fields that neither a config nor a secrets
// manager has.
func lacking(about *setup.Description, config json.RawMessage, keys map[string]string) []string {
	return slices.DeleteFunc(about.Missing(config), func(name string) bool { return keys[name] != "" })
}

// secretsFields describes external_secrets_keys_config; nil if nothing can be
// kept elsewhere.
func secretsFields(about *setup.Description) *fivetran.Property {
	var fields []setup.Field
	for _, f := range about.Fields {
		if f.External {
			fields = append(fields, setup.Field{Name: f.Name, Title: f.Title, Type: setup.String, Help: "Name in the external secrets manager."})
		}
	}
	if fields == nil {
		return nil
	}
	return properties(fields)
}
