package web

import "slices"

// A place is a group or a connection in which a user or a team has a role.
type place struct {
	ID, Role string
	Name     string `json:"-"` // "": the visitor does not see it
}

// uses are where a user or a team has a role, beyond that in the account.
type uses struct {
	May                 bool // the visitor may change them
	Groups, Connections []place
	OtherGroups         []named

	GroupRoles, ConnectionRoles []string
}

// A chosenRole is a choice among roles, of which one is given.
type chosenRole struct {
	Of    string // whom it is given, or where
	Given string // "": none
	Roles []string
}

// Role returns the choice for somebody or for a place that has a role, which may
// be one that is not offered any more.
func (accountHead) Role(of, given string, roles []string) chosenRole {
	if given != "" && !slices.Contains(roles, given) {
		roles = append([]string{given}, roles...)
	}
	return chosenRole{of, given, roles}
}

// uses returns those of whoever has a path of the API.
func (v *visit) uses(one string, may bool) (u uses, err error) {
	u.May = may
	if u.Groups, err = seen(all[place](v, one+"/groups")); err != nil {
		return u, err
	}
	if u.Connections, err = seen(all[place](v, one+"/connections")); err != nil {
		return u, err
	}
	groups, err := v.groups()
	if err != nil {
		return u, err
	}
	for _, g := range groups {
		if i := slices.IndexFunc(u.Groups, func(p place) bool { return p.ID == g.ID }); i >= 0 {
			u.Groups[i].Name = g.Name
		} else {
			u.OtherGroups = append(u.OtherGroups, g)
		}
	}
	if u.GroupRoles, err = v.rolesOf("DESTINATION"); err == nil {
		u.ConnectionRoles, err = v.rolesOf("CONNECTOR")
	}
	return u, err
}

// doUses changes one of them.
func (v *visit) doUses(one string) error {
	switch v.field("do") {
	case "group":
		return v.api("POST", one+"/groups", v.fields("id", "role"), nil)
	case "in group":
		return v.api("PATCH", one+"/groups/"+v.pathField("id"), v.fields("role"), nil)
	case "ungroup":
		return v.api("DELETE", one+"/groups/"+v.pathField("id"), nil, nil)
	case "in connection":
		return v.api("PATCH", one+"/connections/"+v.pathField("id"), v.fields("role"), nil)
	case "unconnect":
		return v.api("DELETE", one+"/connections/"+v.pathField("id"), nil, nil)
	}
	return errNothing
}
