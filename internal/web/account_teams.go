package web

import (
	"slices"
	"time"
)

// A team is one as the API has it.
type team struct {
	ID, Name, Description string
	Role                  string // "": none in the account
}

// A named is anything with an id and a name.
type named struct{ ID, Name string }

// A place is a group or a connection in which a team has a role.
type place struct {
	ID, Role string
	Name     string `json:"-"` // "": the visitor does not see it
}

// A memberRow is a user in a team.
type memberRow struct {
	UserID    string `json:"user_id"`
	Role      string
	CreatedAt time.Time `json:"created_at"`
	Email     string    `json:"-"` // "": the visitor does not see it
}

func showTeams(v *visit, h accountHead) (any, error) {
	teams, err := all[team](v, "/v1/teams")
	if err != nil {
		return nil, err
	}
	roles, err := v.rolesOf("ACCOUNT")
	return struct {
		accountHead
		Teams []team
		Roles []string
	}{h, teams, roles}, err
}

func doTeams(v *visit) ([]onceShown, error) {
	switch v.field("do") {
	case "create":
		return nil, v.api("POST", "/v1/teams", v.fields("name", "description", "role"), nil)
	case "delete":
		return nil, v.api("DELETE", "/v1/teams/"+v.pathField("id"), nil, nil)
	}
	return nil, errNothing
}

// A teamPage is a team with who is in it and where it has a role.
type teamPage struct {
	accountHead
	Team                *team
	Members             []memberRow
	Users               []user // who can be added
	Groups, Connections []place
	OtherGroups         []named

	Roles, MemberRoles, GroupRoles, ConnectionRoles []string
}

// A chosenRole is a choice among roles, of which one is given.
type chosenRole struct {
	Of    string // whom it is given, or where
	Given string
	Roles []string
}

// Role returns the choice for somebody or for a place that has a role, which may
// be one that is not offered any more.
func (p *teamPage) Role(of, given string, roles []string) chosenRole {
	if !slices.Contains(roles, given) {
		roles = append([]string{given}, roles...)
	}
	return chosenRole{of, given, roles}
}

func showTeam(v *visit, h accountHead) (any, error) {
	one := "/v1/teams/" + v.escaped("id")
	p := &teamPage{accountHead: h, Team: new(team)}
	if err := v.api("GET", one, nil, p.Team); err != nil {
		return nil, err
	}
	var err error
	if p.Members, err = seen(all[memberRow](v, one+"/users")); err != nil {
		return nil, err
	}
	users, err := seen(all[user](v, "/v1/users"))
	if err != nil {
		return nil, err
	}
	member := map[string]int{}
	for i, m := range p.Members {
		member[m.UserID] = i + 1
	}
	for _, u := range users {
		if i := member[u.ID]; i > 0 {
			p.Members[i-1].Email = u.Email
		} else {
			p.Users = append(p.Users, u)
		}
	}
	if p.Groups, p.OtherGroups, err = v.places(one+"/groups", "/v1/groups"); err != nil {
		return nil, err
	}
	if p.Connections, _, err = v.places(one+"/connections", ""); err != nil {
		return nil, err
	}
	for scope, to := range map[string]*[]string{"ACCOUNT": &p.Roles, "TEAM": &p.MemberRoles, "DESTINATION": &p.GroupRoles, "CONNECTOR": &p.ConnectionRoles} {
		if *to, err = v.rolesOf(scope); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// places returns where a team has a role, with their names if they are in the
// list of them, and those in that list where it has none.
func (v *visit) places(path, list string) (have []place, others []named, err error) {
	if have, err = seen(all[place](v, path)); err != nil || list == "" {
		return have, nil, err
	}
	in := map[string]int{}
	for i, p := range have {
		in[p.ID] = i + 1
	}
	all, err := seen(all[named](v, list))
	for _, n := range all {
		if i := in[n.ID]; i > 0 {
			have[i-1].Name = n.Name
		} else {
			others = append(others, n)
		}
	}
	return have, others, err
}

func doTeam(v *visit) ([]onceShown, error) {
	one := "/v1/teams/" + v.escaped("id")
	switch v.field("do") {
	case "save":
		body := v.fields("name")
		body["description"] = v.field("description")
		if role := v.field("role"); role != "" {
			body["role"] = role
		} else {
			body["role"] = nil
		}
		return nil, v.api("PATCH", one, body, nil)
	case "add":
		return nil, v.api("POST", one+"/users", v.fields("user_id", "role"), nil)
	case "member":
		return nil, v.api("PATCH", one+"/users/"+v.pathField("id"), v.fields("role"), nil)
	case "remove":
		return nil, v.api("DELETE", one+"/users/"+v.pathField("id"), nil, nil)
	case "group":
		return nil, v.api("POST", one+"/groups", v.fields("id", "role"), nil)
	case "in group":
		return nil, v.api("PATCH", one+"/groups/"+v.pathField("id"), v.fields("role"), nil)
	case "ungroup":
		return nil, v.api("DELETE", one+"/groups/"+v.pathField("id"), nil, nil)
	case "in connection":
		return nil, v.api("PATCH", one+"/connections/"+v.pathField("id"), v.fields("role"), nil)
	case "unconnect":
		return nil, v.api("DELETE", one+"/connections/"+v.pathField("id"), nil, nil)
	}
	return nil, errNothing
}

// groups returns the groups that the visitor sees.
func (v *visit) groups() ([]named, error) { return seen(all[named](v, "/v1/groups")) }

func nameOf(list []named, id string) string {
	for _, n := range list {
		if n.ID == id {
			return n.Name
		}
	}
	return id
}
