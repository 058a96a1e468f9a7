package api

import (
	"encoding/json"
	"maps"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/setup"
)

// authField is where the config of a connection, as it is kept, has what
// requests give as "auth" beside it.
const authField = connector.AuthField

// withAuth returns what a request says of a connection's config and of its auth
// as one. The auth of a service that describes none is more of its config:
// Terraform's provider 1.9.37 gives databases' passwords so (tests/e2e).
func (src *source) withAuth(config, auth json.RawMessage) (json.RawMessage, error) {
	if !given(auth) {
		return config, nil
	}
	obj, more := map[string]json.RawMessage{}, map[string]json.RawMessage{authField: auth}
	if given(config) && json.Unmarshal(config, &obj) != nil {
		return nil, &setup.InvalidConfig{Message: "Invalid 'config' object"}
	}
	if src.Auth == nil {
		more = nil
		if json.Unmarshal(auth, &more) != nil {
			return nil, &setup.InvalidConfig{Message: "Invalid 'auth' object"}
		}
	}
	maps.Copy(obj, more)
	return json.Marshal(obj)
}

// shown returns a connection's config as responses have it: secrets masked, and
// without auth, which the definition has in requests only.
func (src *source) shown(config json.RawMessage) (json.RawMessage, error) {
	config, err := src.config.Mask(config)
	if err != nil || src.Auth == nil {
		return config, err
	}
	return src.config.Set(config, authField, "")
}
