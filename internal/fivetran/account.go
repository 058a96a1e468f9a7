package fivetran

import "time"

// AccountInfo is the data of GET /v1/account/info.
type AccountInfo struct {
	AccountID   string `json:"account_id"`
	AccountName string `json:"account_name"`
	UserID      string `json:"user_id,omitempty"`       // absent for a system key
	SystemKeyID string `json:"system_key_id,omitempty"` // absent for a user's key
}

// A Group is the data of GET /v1/groups/{groupId}.
type Group struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"created_at"`
}

// GroupName is the body of POST /v1/groups and of PATCH /v1/groups/{groupId}.
type GroupName struct {
	Name string `json:"name"`
}

// GroupPublicKey is the data of GET /v1/groups/{groupId}/public-key.
type GroupPublicKey struct {
	PublicKey string `json:"public_key"`
}

// GroupServiceAccount is the data of GET /v1/groups/{groupId}/service-account.
type GroupServiceAccount struct {
	ServiceAccount string `json:"service_account"`
}

// A User is the data of GET /v1/users/{userId}.
type User struct {
	ID         string     `json:"id"`
	Email      string     `json:"email"`
	GivenName  string     `json:"given_name"`
	FamilyName string     `json:"family_name"`
	Verified   bool       `json:"verified"`
	Invited    bool       `json:"invited"`
	Picture    *string    `json:"picture"`
	Phone      *string    `json:"phone"`
	Role       *string    `json:"role"` // null without a role in the account
	LoggedInAt *time.Time `json:"logged_in_at"`
	CreatedAt  time.Time  `json:"created_at"`
	Active     bool       `json:"active"`
}
