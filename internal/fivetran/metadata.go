package fivetran

import "encoding/json"

// ConnectorType is the data of GET /v1/metadata/connector-types/{service}.
// In the list config and auth are absent.
type ConnectorType struct {
	ID                string    `json:"id"`
	Name              string    `json:"name"`
	Type              string    `json:"type"`
	Description       string    `json:"description"`
	IconURL           string    `json:"icon_url,omitempty"`
	Icons             []string  `json:"icons"`
	LinkToDocs        string    `json:"link_to_docs,omitempty"`
	LinkToERD         string    `json:"link_to_erd,omitempty"`
	ConnectorClass    string    `json:"connector_class"` // standard, lite
	ServiceStatus     string    `json:"service_status"`
	StatusUpdatedAt   string    `json:"service_status_updated_at,omitempty"`
	SupportedFeatures []Feature `json:"supported_features"`
	Config            *Property `json:"config,omitempty"`
	Auth              *Property `json:"auth,omitempty"` // absent for services that need none
	SecretsKeys       *Property `json:"external_secrets_keys_config,omitempty"`
}

// A Feature is something that a connector can do.
type Feature struct {
	ID    string `json:"id"`
	Notes string `json:"notes,omitempty"`
}

// A Property describes a config field in a dialect of JSON Schema.
type Property struct {
	Type        string               `json:"type"`
	Title       string               `json:"title"`
	Description string               `json:"description"`
	Readonly    bool                 `json:"readonly"`
	Nullable    bool                 `json:"nullable"`
	Immutable   bool                 `json:"immutable"`
	FieldStatus string               `json:"fieldStatus"`
	Format      string               `json:"format,omitempty"` // "password" for secrets
	Default     json.RawMessage      `json:"default,omitempty"`
	Enum        []string             `json:"enum,omitempty"`
	Properties  map[string]*Property `json:"properties,omitempty"` // of an object
	Items       *Property            `json:"items,omitempty"`      // of an array
	Required    []string             `json:"required,omitempty"`   // of an object
}
