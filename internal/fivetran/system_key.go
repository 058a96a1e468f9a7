package fivetran

import "time"

// A SystemKey is the data of GET /v1/system-keys/{keyId}.
type SystemKey struct {
	ID          string       `json:"id"`
	Name        string       `json:"name"`
	Key         string       `json:"key"`
	Secret      string       `json:"secret,omitempty"` // only in answers that make one
	Permissions []Permission `json:"permissions"`
	CreatedAt   time.Time    `json:"created_at"`
	UpdatedAt   time.Time    `json:"updated_at"`
	ExpiredAt   *time.Time   `json:"expired_at"` // null: never
	LastUsedAt  *time.Time   `json:"last_used_at"`
}

// A Permission is what a system key allows on one kind of resource.
type Permission struct {
	ResourceType   string          `json:"resource_type"`
	AccessLevel    string          `json:"access_level"`              // NONE, READ, MANAGE
	ResourceFilter *ResourceFilter `json:"resource_filter,omitempty"` // absent: everywhere
}

// A ResourceFilter says on which things a permission holds.
type ResourceFilter struct {
	IDs      []string `json:"ids,omitempty"`
	GroupIDs []string `json:"group_ids,omitempty"`
}

// NewSystemKey is the body of POST /v1/system-keys. That of a PATCH has no
// expiration, that of a rotation nothing else.
type NewSystemKey struct {
	Name             *string       `json:"name"`
	ExpirationPeriod *string       `json:"expiration_period"` // ONE_WEEK, ONE_MONTH, THREE_MONTHS, SIX_MONTHS, INFINITE
	Permissions      *[]Permission `json:"permissions"`
}

// An APIKey is a user's key, which is ours: Fivetran has no operations for
// them.
type APIKey struct {
	Key       string    `json:"key"`
	Secret    string    `json:"secret,omitempty"` // only in the answer that makes it
	UserID    string    `json:"user_id"`
	CreatedAt time.Time `json:"created_at"`
}

// NewAPIKey is the body of POST /v1/penstock/api-keys.
type NewAPIKey struct {
	UserID string `json:"user_id"` // "": the caller's own
}
