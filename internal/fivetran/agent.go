package fivetran

import "time"

// NewProxyAgent is the body of POST /v1/proxy.
type NewProxyAgent struct {
	DisplayName string  `json:"display_name"`
	GroupRegion *string `json:"group_region"`
}

// ProxyAgentSecrets is the data of what makes a proxy agent or its secrets,
// which are shown only then.
type ProxyAgentSecrets struct {
	AgentID          string `json:"agent_id"`
	AuthToken        string `json:"auth_token"`
	ClientCert       string `json:"client_cert"`        // PEM
	ClientPrivateKey string `json:"client_private_key"` // PEM
	OrchestratorHost string `json:"orchestrator_host"`
	OrchestratorPort int    `json:"orchestrator_port"`
}

// A ProxyAgent is the data of GET /v1/proxy/{agentId} but for its usage.
type ProxyAgent struct {
	ID           string    `json:"id"`
	AccountID    string    `json:"account_id"`
	RegisteredAt time.Time `json:"registered_at"`
	Region       string    `json:"region"`
	CreatedBy    string    `json:"created_by"`
	DisplayName  string    `json:"display_name"`
	Status       string    `json:"status"` // CONNECTED or NOT_CONNECTED
}

// A ProxyAgentItem is a proxy agent in a list.
type ProxyAgentItem struct {
	ProxyAgent
	ConnectorCount   int `json:"connector_count"`
	DestinationCount int `json:"destination_count"`
}

// ProxyAgentDetails is the data of GET /v1/proxy/{agentId}.
type ProxyAgentDetails struct {
	ProxyAgent
	Usage []ProxyAgentUsage `json:"usage"` // never null
}

// A ProxyAgentUsage is a connection or a destination behind a proxy agent.
type ProxyAgentUsage struct {
	ID      string  `json:"id"`
	Schema  *string `json:"schema"` // null for a destination
	Service string  `json:"service"`
}

// A ProxyAgentConnection is an item of GET /v1/proxy/{agentId}/connections.
type ProxyAgentConnection struct {
	ConnectionID string `json:"connection_id"`
}

// NewHybridAgent is the body of POST /v1/hybrid-deployment-agents.
type NewHybridAgent struct {
	GroupID     string  `json:"group_id"`
	DisplayName string  `json:"display_name"`
	EnvType     string  `json:"env_type"`
	AcceptTerms bool    `json:"accept_terms"`
	AuthType    *string `json:"auth_type"`
}

// ReAuthHybridAgent is the body of …/re-auth.
type ReAuthHybridAgent struct {
	AuthType *string `json:"auth_type"`
}

// A HybridAgent is a hybrid deployment agent.
type HybridAgent struct {
	ID             string     `json:"id"`
	Version        string     `json:"version"` // "" before it ever reported one
	Enabled        bool       `json:"enabled"`
	Online         bool       `json:"online"`
	DisplayName    string     `json:"display_name"`
	GroupID        string     `json:"group_id"`
	RegisteredAt   time.Time  `json:"registered_at"`
	CreatedBy      string     `json:"created_by"`
	DeploymentType string     `json:"deployment_type"`
	UpdatedAt      time.Time  `json:"updated_at"`
	LastUsedAt     *time.Time `json:"last_used_at"` // null before it was ever used
}

// HybridAgentSecrets is the data of what makes a hybrid deployment agent or
// its credentials, which are shown only then.
type HybridAgentSecrets struct {
	HybridAgent
	Files HybridAgentFiles `json:"files"`
	Token string           `json:"token"` // base64
}

// HybridAgentFiles are the files that an agent is started with, in base64.
type HybridAgentFiles struct {
	ConfigJSON        []byte `json:"config_json"`
	AuthJSON          []byte `json:"auth_json"`
	DockerComposeYAML []byte `json:"docker_compose_yaml"`
}

// HybridAgentDetails is the data of GET /v1/hybrid-deployment-agents/{agentId}.
type HybridAgentDetails struct {
	HybridAgent
	Usage []HybridAgentUsage `json:"usage"` // never null
}

// A HybridAgentUsage is a connection that an agent works for.
type HybridAgentUsage struct {
	Schema       string `json:"schema"`
	Service      string `json:"service"`
	ConnectionID string `json:"connection_id"`
}

// A HubRegistration is the body of POST /v1/hvr/register-hub.
type HubRegistration struct {
	Fingerprint  string `json:"fingerprint"`
	Port         int    `json:"port"`
	HubServerURL string `json:"hub_server_url"`
}

// HubRegistered is the data of POST /v1/hvr/register-hub.
type HubRegistered struct {
	AccessToken    string `json:"access_token"` // shown only now
	RegistrationID string `json:"registration_id"`
}
