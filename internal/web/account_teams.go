package web

import "time"

// A team is one as the API has it.
type team struct {
	ID, Name, Description string
	Role                  string // "": none in the account
}

// A named is anything with an id and a name.
type named struct{ ID, Name string }

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
	uses
	Team    *team
	Members []memberRow
	Users   []user // who can be added

	Roles, MemberRoles []string
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
	if p.uses, err = v.uses(one, h.Edits("team", "", p.Team.ID)); err != nil {
		return nil, err
	}
	if p.Roles, err = v.rolesOf("ACCOUNT"); err != nil {
		return nil, err
	}
	p.MemberRoles, err = v.rolesOf("TEAM")
	return p, err
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
	}
	return nil, v.doUses(one)
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
