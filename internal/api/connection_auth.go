package api

import (
	"encoding/json"

	"github.com/penstock-data/penstock/setup"
)

// authField is where the config of a connection, as it is kept, has what
// requests give as "auth" beside it. No config has a field of that name.
const authField = ".auth"

// withAuth returns what a request says of a connection's config and of its auth
// as one. Auth that the service has no use for is passed over.
func (src *source) withAuth(config, auth json.RawMessage) (json.RawMessage, error) {
	if src.Auth == nil || !given(auth) {
		return config, nil
	}
	obj := map[string]json.RawMessage{}
	if given(config) {
		if err := json.Unmarshal(config, &obj); err != nil {
			return nil, &setup.InvalidConfig{Message: "Invalid 'config' object"}
		}
	}
	obj[authField] = auth
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
