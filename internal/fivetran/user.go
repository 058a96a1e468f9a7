package fivetran

import "time"

// NewUser is the body of POST /v1/users.
type NewUser struct {
	Email      string `json:"email"`
	GivenName  string `json:"given_name"`
	FamilyName string `json:"family_name"`
	Phone      string `json:"phone"`
	Picture    string `json:"picture"`
	Role       string `json:"role"` // in the account; "": none
}

// UpdateUser is the body of PATCH /v1/users/{userId}.
type UpdateUser struct {
	GivenName  *string          `json:"given_name"`
	FamilyName *string          `json:"family_name"`
	Phone      Nullable[string] `json:"phone"`
	Picture    Nullable[string] `json:"picture"`
	Role       Nullable[string] `json:"role"`
}

// NewGroupUser is the body of POST /v1/groups/{groupId}/users.
type NewGroupUser struct {
	Email string `json:"email"`
	Role  string `json:"role"`
}

// A Team is the data of GET /v1/teams/{teamId}.
type Team struct {
	ID          string  `json:"id"`
	Name        string  `json:"name"`
	Description string  `json:"description"`
	Role        *string `json:"role"` // in the account; null: none
}

// UpdateTeam is the body of POST /v1/teams and of PATCH /v1/teams/{teamId}.
type UpdateTeam struct {
	Name        *string          `json:"name"`
	Description *string          `json:"description"`
	Role        Nullable[string] `json:"role"`
}

// A TeamUser is a user in a team.
type TeamUser struct {
	UserID    string    `json:"user_id"`
	Role      string    `json:"role"`
	CreatedAt time.Time `json:"created_at"`
}

// UpdateTeamUser is the body of POST /v1/teams/{teamId}/users, and without the
// user's id of the PATCH below it.
type UpdateTeamUser struct {
	UserID string `json:"user_id"`
	Role   string `json:"role"`
}

// A Membership is the role of a user or a team in a group or for a connection,
// whose id it has.
type Membership struct {
	ID        string    `json:"id"`
	Role      string    `json:"role"`
	CreatedAt time.Time `json:"created_at"`
}

// UpdateMembership is the body of the POST of a membership, and without the id
// of its PATCH.
type UpdateMembership struct {
	ID   string `json:"id"`
	Role string `json:"role"`
}

// A Role is an item of GET /v1/roles.
type Role struct {
	Name            string   `json:"name"`
	Description     string   `json:"description"`
	IsCustom        bool     `json:"is_custom"`
	Scope           []string `json:"scope"`
	IsDeprecated    bool     `json:"is_deprecated"`
	ReplacementRole *string  `json:"replacement_role_name"` // null unless it is deprecated
}

// A LoginLink lets a user sign in once and choose a password. It is Penstock's
// own, under /v1/penstock.
type LoginLink struct {
	Link      string    `json:"link"` // shown only now
	ExpiresAt time.Time `json:"expires_at"`
}
