package api

import (
	"fmt"
	"strings"
	"testing"

	"github.com/penstock-data/penstock/internal/access"
)

// tries are what TestRoleTable does in each role, in a world with a group {g},
// a connection {c} and a team {t} in it, and another group {h} with a
// connection {d}. Changes say nothing or something invalid: 400 is the answer
// to whoever may make them.
var tries = []struct{ name, method, path, body string }{
	{"users", "GET", "/v1/users", ""},
	{"invite", "POST", "/v1/users", `{}`},
	{"demote", "PATCH", "/v1/users/{u}", `{"role":"x"}`},
	{"roles", "GET", "/v1/roles", ""},
	{"newteam", "POST", "/v1/teams", `{}`},
	{"team", "GET", "/v1/teams/{t}", ""},
	{"join", "POST", "/v1/teams/{t}/users", `{}`},
	{"newgroup", "POST", "/v1/groups", `{}`},
	{"group", "GET", "/v1/groups/{g}", ""},
	{"rename", "PATCH", "/v1/groups/{g}", `{}`},
	{"member", "POST", "/v1/groups/{g}/users", `{}`},
	{"expel", "DELETE", "/v1/groups/{g}/users/{u}", ""},
	{"conn", "GET", "/v1/connections/{c}", ""},
	{"change", "PATCH", "/v1/connections/{c}", `{}`},
	{"newconn", "POST", "/v1/connections", `{"group_id":"{g}","service":"15five"}`},
	{"delconn", "DELETE", "/v1/connections/{c}", ""},
	{"h", "GET", "/v1/groups/{h}", ""},
	{"d", "PATCH", "/v1/connections/{d}", `{}`},
}

const roleTable = `
                        users invite demote roles newteam team join newgroup group rename member expel conn change newconn delconn   h   d
Account Administrator     200    400    400   200     400  200  400      400   200    400    400   200  200    400     400     200 200 400
Account Billing           200    403    403   200     403  200  403      403   404    404    404   404  404    404     403     404 404 404
Account Analyst           200    403    403   200     403  200  403      403   200    403    403   403  200    400     400     200 200 400
Account Reviewer          200    403    403   200     403  200  403      403   200    403    403   403  200    403     403     403 200 403
Destination Creator       403    403    404   200     403  404  404      400   404    404    404   404  404    404     403     404 404 404
Manage Destination        403    403    404   403     403  404  404      403   200    400    400   200  200    400     400     200 404 404
Edit Destination          403    403    404   403     403  404  404      403   200    400    403   403  200    400     400     200 404 404
View Destination          403    403    404   403     403  404  404      403   200    403    403   403  200    403     403     403 404 404
Create Connection         403    403    404   403     403  404  404      403   200    403    403   403  404    404     400     404 404 404
Manage Connection         403    403    404   403     403  404  404      403   404    404    404   404  200    400     403     200 404 404
Edit Connection           403    403    404   403     403  404  404      403   404    404    404   404  200    400     403     403 404 404
View Connection           403    403    404   403     403  404  404      403   404    404    404   404  200    403     403     403 404 404
Team Manager              403    403    404   403     403  200  400      403   404    404    404   404  404    404     403     404 404 404
Team Member               403    403    404   403     403  200  403      403   404    404    404   404  404    404     403     404 404 404
none                      403    403    404   403     403  404  404      403   404    404    404   404  404    404     403     404 404 404
`

// TestRoleTable is what each role may do, given to a user and, but for roles in
// teams, to a team that the user is in. Earlier names of roles allow the same
// as the present ones.
func TestRoleTable(t *testing.T) {
	lines := strings.Split(strings.Trim(roleTable, "\n"), "\n")
	rows := map[string][]string{}
	for _, line := range lines[1:] {
		name := strings.TrimSpace(line[:24])
		rows[name] = strings.Fields(line[24:])
	}
	all := append(access.RoleList(), access.Role{Name: "none", Level: access.AccountLevel})
	for _, role := range all {
		want := rows[role.Name]
		if role.Replacement != "" {
			want = rows[role.Replacement]
		}
		for _, through := range []string{"user", "team"} {
			if role.Level == access.TeamLevel && through == "team" {
				continue
			}
			t.Run(role.Name+" by "+through, func(t *testing.T) { tryRole(t, &role, through, want) })
		}
	}
}

func tryRole(t *testing.T, role *access.Role, through string, want []string) {
	e := newEnv(t)
	connection := e.connection()
	group := e.ok("GET", "/v1/connections/"+connection, "").data["group_id"].(string)
	other := e.group("other")
	foreign := e.ok("POST", "/v1/connections", `{"group_id":"`+other+`","service":"15five","config":{"schema":"s","api_key":"k"}}`).data["id"].(string)
	team := e.id("/v1/teams", `{"name":"T"}`)
	u := e.newUser("u@example.com", "")
	e.ok("POST", "/v1/users/"+u+"/groups", `{"id":"`+group+`","role":"View Destination"}`)

	who, id := e.as("who@example.com", "")
	path := "/v1/users/" + id
	if through == "team" {
		path = "/v1/teams/" + e.id("/v1/teams", `{"name":"Theirs"}`)
		e.ok("POST", path+"/users", `{"user_id":"`+id+`"}`)
	}
	give := fmt.Sprintf(`{"role":%q,`, role.Name)
	switch {
	case role.Name == "none":
	case role.Level == access.AccountLevel:
		e.ok("PATCH", path, strings.TrimSuffix(give, ",")+"}")
	case role.Level == access.GroupLevel:
		e.ok("POST", path+"/groups", give+`"id":"`+group+`"}`)
	case role.Level == access.ConnectionLevel:
		e.ok("POST", path+"/connections", give+`"id":"`+connection+`"}`)
	case role.Level == access.TeamLevel:
		e.ok("POST", "/v1/teams/"+team+"/users", give+`"user_id":"`+id+`"}`)
	}
	ids := strings.NewReplacer("{g}", group, "{c}", connection, "{h}", other, "{d}", foreign, "{t}", team, "{u}", u)
	for i, try := range tries {
		a := who.do(try.method, ids.Replace(try.path), ids.Replace(try.body))
		if got := fmt.Sprint(a.status); i >= len(want) || got != want[i] {
			t.Errorf("%s: %s, want %v", try.name, a.body, want)
		}
	}
}
