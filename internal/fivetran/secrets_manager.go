package fivetran

import (
	"encoding/json"
	"time"
)

// A SecretsManager is the data of GET /v1/external-secrets-managers/{esmId}.
type SecretsManager struct {
	ID        string          `json:"id"`
	Type      string          `json:"type"`
	Name      string          `json:"name"`
	Config    json.RawMessage `json:"config,omitempty"` // absent from lists
	Hybrid    bool            `json:"is_hybrid_deployment"`
	CreatedAt time.Time       `json:"created_at"`
	UpdatedAt time.Time       `json:"updated_at"`
}

// NewSecretsManager is the body of POST /v1/external-secrets-managers. Of
// PATCH only Config counts.
type NewSecretsManager struct {
	Type   string          `json:"type"`
	Name   string          `json:"name"`
	Config json.RawMessage `json:"config"`
	Hybrid bool            `json:"is_hybrid_deployment"`
}

// A SecretsManagerEntity is an item of GET …/{esmId}/entities.
type SecretsManagerEntity struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Enabled   bool      `json:"enabled"`
	Type      string    `json:"type"` // SOURCE or DESTINATION
	ManagerID string    `json:"secret_manager_id"`
	CreatedAt time.Time `json:"created_at"`
}
