package fivetran

import "encoding/json"

// DestinationItem is a destination in a list, DestinationResponse in the
// definition.
type DestinationItem struct {
	ID                        string `json:"id"` // that of the group
	Service                   string `json:"service"`
	Region                    string `json:"region"`
	GroupID                   string `json:"group_id"`
	TimeZoneOffset            string `json:"time_zone_offset"`
	SetupStatus               string `json:"setup_status"` // lower case, as the service sends it; the definition has it in upper case
	DaylightSavingTimeEnabled bool   `json:"daylight_saving_time_enabled"`

	PrivateLinkID            *string `json:"private_link_id"`
	NetworkingMethod         string  `json:"networking_method"`
	ProxyAgentID             *string `json:"proxy_agent_id"`
	LocalProcessingAgentID   *string `json:"local_processing_agent_id"` // the older name of the next
	HybridDeploymentAgentID  *string `json:"hybrid_deployment_agent_id"`
	ExternalSecretsManagerID *string `json:"external_secrets_manager_id"`
}

// A Destination is the data of GET /v1/destinations/{destinationId} and of
// what else answers with a whole destination: DestinationExtendedResponse.
type Destination struct {
	DestinationItem
	SetupTests []SetupTest     `json:"setup_tests,omitzero"` // absent before the first run
	Config     json.RawMessage `json:"config"`               // secrets as ******

	ExternalSecretsKeys map[string]string `json:"external_secrets_keys_config,omitempty"` // absent where an external secrets manager keeps nothing
}

// DestinationSettings are the fields that requests to create and to modify a
// destination share. Null means absent.
type DestinationSettings struct {
	Config                    json.RawMessage  `json:"config"`
	Region                    *string          `json:"region"`
	TimeZoneOffset            *string          `json:"time_zone_offset"`
	DaylightSavingTimeEnabled *bool            `json:"daylight_saving_time_enabled"`
	NetworkingMethod          *string          `json:"networking_method"`
	ProxyAgentID              Nullable[string] `json:"proxy_agent_id"`
	PrivateLinkID             Nullable[string] `json:"private_link_id"`
	HybridDeploymentAgentID   Nullable[string] `json:"hybrid_deployment_agent_id"`
	ExternalSecretsManagerID  Nullable[string] `json:"external_secrets_manager_id"`

	ExternalSecretsKeys Nullable[map[string]*string] `json:"external_secrets_keys_config"` // null: none

	Tests
}

// NewDestination is the body of POST /v1/destinations.
type NewDestination struct {
	GroupID string `json:"group_id"`
	Service string `json:"service"`
	DestinationSettings
}

// UpdateDestination is the body of PATCH /v1/destinations/{destinationId}.
type UpdateDestination struct{ DestinationSettings }
