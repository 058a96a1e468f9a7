package fivetran

import "time"

// A Package is a Connector SDK package.
type Package struct {
	ID             string    `json:"id"`
	ConnectionID   *string   `json:"connection_id,omitempty"` // absent for one that no connection runs
	CreatedBy      string    `json:"created_by"`
	LastUpdatedBy  string    `json:"last_updated_by"`
	CreatedAt      time.Time `json:"created_at"`
	UpdatedAt      time.Time `json:"updated_at"`
	FileSHA256Hash string    `json:"file_sha256_hash"` // in hexadecimal
}
