package fivetran

import (
	"encoding/json"
	"time"
)

// NewPrivateLink is the body of POST /v1/private-links.
type NewPrivateLink struct {
	Name    string          `json:"name"`
	Region  string          `json:"region"`
	Service string          `json:"service"`
	Config  json.RawMessage `json:"config"`
}

// UpdatePrivateLink is the body of PATCH /v1/private-links/{privateLinkId}.
type UpdatePrivateLink struct {
	Config json.RawMessage `json:"config"`
}

// States of a private link.
const (
	LinkCreating = "CREATING"
	LinkUpdating = "UPDATING"
	LinkFailed   = "FAIL"
)

// A PrivateLink is the data of GET /v1/private-links/{privateLinkId}, and an
// item of the list.
type PrivateLink struct {
	ID            string          `json:"id"`
	Name          string          `json:"name"`
	Region        string          `json:"region"`
	Service       string          `json:"service"`
	State         string          `json:"state"`
	StateSummary  string          `json:"state_summary"`
	AccountID     string          `json:"account_id"`
	CloudProvider string          `json:"cloud_provider"`
	CreatedAt     time.Time       `json:"created_at"`
	CreatedBy     string          `json:"created_by"`
	Config        json.RawMessage `json:"config"`
}
