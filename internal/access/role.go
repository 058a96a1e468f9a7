package access

import "slices"

// A Level is where a role can be given.
type Level string

const (
	AccountLevel    Level = "ACCOUNT"
	GroupLevel      Level = "DESTINATION"
	ConnectionLevel Level = "CONNECTOR"
	TeamLevel       Level = "TEAM"
)

// A Role is a set of grants that users and teams are given at one level: for
// the whole account, for a group, for a connection, or in a team.
type Role struct {
	Name        string
	Level       Level
	Description string
	Replacement string // the role that replaces a deprecated one; "": it is not deprecated

	allows map[Resource]Actions
}

// Names of roles that the program itself gives.
const (
	Administrator     = "Account Administrator"
	Reviewer          = "Account Reviewer"
	ManageDestination = "Manage Destination"
	ManageConnection  = "Manage Connection"
	TeamManager       = "Team Manager"
	TeamMember        = "Team Member"
)

// The sets of grants that several roles share. Names and descriptions of roles
// follow Fivetran's pages "Role-based access control" and "Role permission
// matrix tables" (read 2026-11), whose cells could not be read: what each role
// may do is concluded from its description.
var (
	everything = map[Resource]Actions{Account: Manage, Users: Manage, Roles: Manage, Teams: Manage, Webhooks: Manage, Agents: Manage,
		Destinations: Manage, Transformations: Manage, Connections: Manage}
	manageGroup = map[Resource]Actions{Destinations: Read | Edit | Delete, Webhooks: Manage, Agents: Manage, Transformations: Manage, Connections: Manage}
	editGroup   = map[Resource]Actions{Destinations: Read | Edit, Webhooks: Read, Agents: Read, Transformations: Manage, Connections: Manage}
	viewGroup   = map[Resource]Actions{Destinations: Read, Webhooks: Read, Agents: Read, Transformations: Read, Connections: Read}
	createIn    = map[Resource]Actions{Destinations: Read, Connections: Create}
)

// roles are all roles, in the order in which they are listed.
var roles = []Role{
	{Name: Administrator, Level: AccountLevel, allows: everything,
		Description: "Sees and changes everything: users, teams, keys, security, destinations, connections, transformations and logging."},
	{Name: "Account Billing", Level: AccountLevel,
		Description: "Sees the account and what it uses, but no destinations and no connections.",
		allows:      map[Resource]Actions{Account: Read, Users: Read, Roles: Read, Teams: Read}},
	{Name: "Account Analyst", Level: AccountLevel,
		Description: "Sees all destinations, and creates, changes and deletes connections and transformations in them.",
		allows: map[Resource]Actions{Account: Read, Users: Read, Roles: Read, Teams: Read, Webhooks: Read, Agents: Read,
			Destinations: Read, Transformations: Manage, Connections: Manage}},
	{Name: Reviewer, Level: AccountLevel,
		Description: "Sees everything and changes nothing.",
		allows: map[Resource]Actions{Account: Read, Users: Read, Roles: Read, Teams: Read, Webhooks: Read, Agents: Read,
			Destinations: Read, Transformations: Read, Connections: Read}},
	{Name: "Destination Creator", Level: AccountLevel,
		Description: "Creates destinations, and manages those that it has created.",
		allows:      map[Resource]Actions{Account: Read, Roles: Read, Destinations: Create}},

	{Name: ManageDestination, Level: GroupLevel, allows: manageGroup,
		Description: "Changes and deletes the destination, its members and logging, and manages its connections and transformations."},
	{Name: "Edit Destination", Level: GroupLevel, allows: editGroup,
		Description: "Changes the destination, and manages its connections and transformations."},
	{Name: "View Destination", Level: GroupLevel, allows: viewGroup,
		Description: "Sees the destination with its connections and transformations."},
	{Name: "Create Connection", Level: GroupLevel, allows: createIn,
		Description: "Sees the destination, creates connections in it, and manages those that it has created."},
	{Name: "Destination Administrator", Level: GroupLevel, allows: manageGroup, Replacement: ManageDestination,
		Description: "The earlier name of Manage Destination."},
	{Name: "Destination Analyst", Level: GroupLevel, allows: editGroup, Replacement: "Edit Destination",
		Description: "The earlier name of Edit Destination."},
	{Name: "Destination Reviewer", Level: GroupLevel, allows: viewGroup, Replacement: "View Destination",
		Description: "The earlier name of View Destination."},
	{Name: "Connector Creator", Level: GroupLevel, allows: createIn, Replacement: "Create Connection",
		Description: "The earlier name of Create Connection."},

	{Name: ManageConnection, Level: ConnectionLevel, allows: map[Resource]Actions{Connections: Read | Edit | Delete},
		Description: "Changes, syncs and deletes the connection."},
	{Name: "Edit Connection", Level: ConnectionLevel, allows: map[Resource]Actions{Connections: Read | Edit},
		Description: "Changes and syncs the connection."},
	{Name: "View Connection", Level: ConnectionLevel, allows: map[Resource]Actions{Connections: Read},
		Description: "Sees the connection."},
	{Name: "Connector Administrator", Level: ConnectionLevel, allows: map[Resource]Actions{Connections: Read | Edit | Delete}, Replacement: ManageConnection,
		Description: "The earlier name of Manage Connection."},
	{Name: "Connector Collaborator", Level: ConnectionLevel, allows: map[Resource]Actions{Connections: Read | Edit}, Replacement: "Edit Connection",
		Description: "The earlier name of Edit Connection."},
	{Name: "Connector Reviewer", Level: ConnectionLevel, allows: map[Resource]Actions{Connections: Read}, Replacement: "View Connection",
		Description: "The earlier name of View Connection."},

	{Name: TeamManager, Level: TeamLevel, allows: map[Resource]Actions{Teams: Read | Edit},
		Description: "Adds users to the team, changes their role in it, and removes them."},
	{Name: TeamMember, Level: TeamLevel, allows: map[Resource]Actions{Teams: Read},
		Description: "Has what the team was given."},
}

// RoleList returns all roles, in the order in which they are listed.
func RoleList() []Role { return slices.Clone(roles) }

// FindRole returns the role of a name that can be given at a level, or nil.
func FindRole(name string, at Level) *Role {
	for i := range roles {
		if r := &roles[i]; r.Name == name && r.Level == at {
			return r
		}
	}
	return nil
}

// Allows returns the actions that the role allows on a resource.
func (r *Role) Allows(res Resource) Actions { return r.allows[res] }

// Covers reports whether somebody with the grants may give the role at a
// place: whoever gives more than they have would gain by it.
func (gs Grants) Covers(r *Role, p Place) bool {
	for res := Account; res <= Connections; res++ {
		if a := r.allows[res]; a != 0 && !gs.May(res, a, p) {
			return false
		}
	}
	return true
}

// accountGrants are the grants of account roles, made once: they are looked up
// with every request.
var accountGrants = func() map[string]Grants {
	all := map[string]Grants{}
	for i := range roles {
		if r := &roles[i]; r.Level == AccountLevel {
			all[r.Name] = r.grants(nil, nil)
		}
	}
	return all
}()

// OfAccountRole returns the grants of a role for the whole account; none for
// one that does not exist, or "". The caller must not append to them.
func OfAccountRole(name string) Grants { return slices.Clip(accountGrants[name]) }

// OfMembership returns the grants of a role that somebody has at a place below
// the account: in a group, for a connection, or in a team, by its id.
func OfMembership(role string, at Level, id string) Grants {
	r := FindRole(role, at)
	switch {
	case r == nil || at == AccountLevel:
		return nil
	case at == GroupLevel:
		return r.grants([]string{id}, nil)
	}
	return r.grants(nil, []string{id})
}

// grants returns the role's grants in an order that does not change.
func (r *Role) grants(groups, ids []string) Grants {
	var gs Grants
	for res := Account; res <= Connections; res++ {
		if a := r.allows[res]; a != 0 {
			gs = append(gs, Grant{Resource: res, Actions: a, Groups: groups, IDs: ids})
		}
	}
	return gs
}
