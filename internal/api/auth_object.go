package api

import (
	"encoding/json"

	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/setup"
)

// authField is how to log in to a source by OAuth. To clients it is an object
// beside the config, which responses do not have; within, it is a field of it.
const authField = "auth"

// withAuth returns a request's config with its auth, if the service has any.
func (src *source) withAuth(req *fivetran.ConnectionSettings) error {
	if !given(req.Auth) || src.config.Field(authField) == nil {
		return nil
	}
	config := map[string]json.RawMessage{}
	if given(req.Config) && json.Unmarshal(req.Config, &config) != nil {
		return invalidInput("Invalid 'config' object")
	}
	config[authField] = req.Auth
	var err error
	req.Config, err = json.Marshal(config)
	return err
}

// wireConfig returns a connection's config as responses have it.
func (src *source) wireConfig(config json.RawMessage) (json.RawMessage, error) {
	if src.config.Field(authField) != nil {
		fields := map[string]json.RawMessage{}
		if err := setup.Decode(config, &fields); err != nil {
			return nil, err
		}
		delete(fields, authField)
		var err error
		if config, err = json.Marshal(fields); err != nil {
			return nil, err
		}
	}
	return src.config.Mask(config)
}

// describeConfig sets what the metadata say of a service's config and auth.
func describeConfig(t *fivetran.ConnectorType, src *source) {
	var fields []setup.Field
	for _, f := range src.config.Fields {
		if f.Name == authField {
			t.Auth = properties(f.Fields)
			t.Auth.Title = src.Name + " auth object"
			continue
		}
		fields = append(fields, f)
	}
	t.Config = properties(fields)
	t.Config.Title = src.Name + " config object"
}
