package api

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/store"
)

// A call is a request and what is to come of it. {user} and the like stand for
// ids of the world.
type call struct {
	method, path, body string
	status             int
	code, message      string // "": any
}

// calls makes requests one after the other.
func (e *env) calls(ids map[string]string, all []call) {
	e.t.Helper()
	fill := func(s string) string {
		for name, id := range ids {
			s = strings.ReplaceAll(s, "{"+name+"}", id)
		}
		return s
	}
	for _, c := range all {
		a := e.do(c.method, fill(c.path), fill(c.body))
		if a.status != c.status || c.code != "" && a.code != c.code || c.message != "" && a.message != fill(c.message) {
			e.t.Errorf("%s %s %s: %d %s, want %d %s %s", c.method, fill(c.path), fill(c.body), a.status, a.body, c.status, c.code, c.message)
		}
	}
}

// newUser makes a user with a role in the account and returns the id.
func (e *env) newUser(email, role string) string {
	e.t.Helper()
	return e.ok("POST", "/v1/users", fmt.Sprintf(`{"email":%q,"given_name":"Eve","family_name":"Ash","role":%q}`, email, role)).data["id"].(string)
}

func TestUsers(t *testing.T) {
	e := newEnv(t)
	a := e.ok("POST", "/v1/users", `{"email":"eve@example.com","given_name":"Eve","family_name":"Ash","phone":"+1","role":"Account Reviewer"}`)
	id := a.data["id"].(string)
	if a.status != 201 || a.data["verified"] != false || a.data["invited"] != true || a.data["logged_in_at"] != nil || a.data["role"] != "Account Reviewer" {
		t.Errorf("got %d %s", a.status, a.body)
	}
	u := e.ok("PATCH", "/v1/users/"+id, `{"given_name":"Eva","phone":null,"role":"Account Analyst"}`).data
	if u["given_name"] != "Eva" || u["phone"] != nil || u["role"] != "Account Analyst" || u["family_name"] != "Ash" {
		t.Errorf("got %v", u)
	}
	e.calls(map[string]string{"eve": id, "me": e.user.ID}, []call{
		{"POST", "/v1/users", `{"given_name":"x","family_name":"y"}`, 400, "InvalidInput", "Field 'email' is required"},
		{"POST", "/v1/users", `{"email":"Eve <eve@x.com>","given_name":"x","family_name":"y"}`, 400, "InvalidInput", ""},
		{"POST", "/v1/users", `{"email":"eve","given_name":"x","family_name":"y"}`, 400, "InvalidInput", ""},
		{"POST", "/v1/users", `{"email":".@example.com","given_name":"x","family_name":"y"}`, 400, "InvalidInput", ""},
		{"POST", "/v1/users", `{"email":"eve..@example.com","given_name":"x","family_name":"y"}`, 400, "InvalidInput", ""},
		{"POST", "/v1/users", `{"email":"new@example.com","family_name":"y"}`, 400, "InvalidInput", "Field 'given_name' is required"},
		{"POST", "/v1/users", `{"email":"new@example.com","given_name":"x"}`, 400, "InvalidInput", "Field 'family_name' is required"},
		{"POST", "/v1/users", `{"email":"eve@example.com","given_name":"x","family_name":"y"}`, 409, "Conflict", ""},
		{"POST", "/v1/users", `{"email":"z@example.com","given_name":"x","family_name":"y","role":"Emperor"}`, 400, "InvalidInput", ""},
		{"PATCH", "/v1/users/{me}", `{"role":"Account Reviewer"}`, 400, "InvalidInput", "You cannot change your own role"},
		{"PATCH", "/v1/users/{me}", `{"role":"Account Administrator"}`, 200, "", "User has been updated"},
		{"DELETE", "/v1/users/{me}", ``, 409, "Conflict", "User with id '{me}' is the only Account Administrator of the account: give another user that role first"},
		{"DELETE", "/v1/users/{me}/role", ``, 400, "InvalidInput", ""},
		{"PATCH", "/v1/users/{eve}", `{"role":null}`, 200, "Success", ""},
		{"PATCH", "/v1/users/{eve}", `{"role":"Account Administrator"}`, 200, "Success", ""},
		{"DELETE", "/v1/users/{eve}/role", ``, 200, "Success", "User role in account has been removed"},
		{"DELETE", "/v1/users/{eve}", ``, 200, "Success", "User with id '{eve}' has been deleted"},
		{"DELETE", "/v1/users/{eve}", ``, 404, "NotFound", ""},
		{"GET", "/v1/users/{eve}", ``, 404, "NotFound", ""},
	})
}

func TestMemberships(t *testing.T) {
	e := newEnv(t)
	connection := e.connection()
	group := e.ok("GET", "/v1/connections/"+connection, "").data["group_id"].(string)
	team := e.ok("POST", "/v1/teams", `{"name":"Data"}`).data["id"].(string)
	for _, of := range []struct{ members, id string }{{"users", e.newUser("eve@example.com", "")}, {"teams", team}} {
		for _, in := range []struct{ places, id, role, other, word string }{
			{"groups", group, "Destination Administrator", "View Destination", "Group"},
			{"connections", connection, "Connector Administrator", "View Connection", "Connection"},
			{"connectors", connection, "Connector Administrator", "View Connection", "Connection"},
		} {
			path := "/v1/" + of.members + "/" + of.id + "/" + in.places
			gone := "NotFound_" + in.word
			if in.places == "connectors" {
				gone = "NotFound_Connector"
			}
			ids := map[string]string{"p": in.id}
			body := `{"id":"{p}","role":"` + in.role + `"}`
			e.calls(ids, []call{
				{"GET", path + "/{p}", "", 404, "NotFound", ""},
				{"PATCH", path + "/{p}", `{"role":"` + in.role + `"}`, 404, "NotFound", ""},
				{"POST", path, `{"role":"` + in.role + `"}`, 400, "InvalidInput", "Field 'id' is required"},
				{"POST", path, `{"id":"{p}"}`, 400, "InvalidInput", "Field 'role' is required"},
				{"POST", path, `{"id":"{p}","role":"Account Reviewer"}`, 400, "InvalidInput", ""},
				{"POST", path, `{"id":"nothing","role":"` + in.role + `"}`, 404, gone, ""},
				{"POST", path, body, 201, "Success", in.word + " membership has been created"},
				{"POST", path, body, 409, "Conflict", ""},
				{"PATCH", path + "/{p}", `{"role":"` + in.other + `"}`, 200, "Success", in.word + " membership has been updated"},
			})
			if m := e.ok("GET", path+"/"+in.id, "").data; m["id"] != in.id || m["role"] != in.other || m["created_at"] == nil {
				t.Errorf("%s: %v", path, m)
			}
			if items := e.ok("GET", path, "").data["items"].([]any); len(items) != 1 {
				t.Errorf("%s: %v", path, items)
			}
			e.calls(ids, []call{
				{"DELETE", path + "/{p}", "", 200, "Success", in.word + " membership has been deleted"},
				{"DELETE", path + "/{p}", "", 404, "NotFound", ""},
			})
		}
	}
}

func TestTeams(t *testing.T) {
	e := newEnv(t)
	id := e.ok("POST", "/v1/teams", `{"name":"Data","description":"d","role":"Account Reviewer"}`).data["id"].(string)
	eve := e.newUser("eve@example.com", "")
	want := map[string]any{"id": id, "name": "Daten", "description": "d", "role": "Account Reviewer"}
	if diff := cmp.Diff(want, e.ok("PATCH", "/v1/teams/"+id, `{"name":"Daten"}`).data); diff != "" {
		t.Error(diff)
	}
	e.calls(map[string]string{"t": id, "eve": eve}, []call{
		{"POST", "/v1/teams", `{}`, 400, "InvalidInput", "Field 'name' is required"},
		{"POST", "/v1/teams", `{"name":"Daten"}`, 409, "Conflict", ""},
		{"POST", "/v1/teams", `{"name":"x","role":"Team Member"}`, 400, "InvalidInput", ""},
		{"DELETE", "/v1/teams/{t}/role", "", 200, "Success", "Team role in account has been removed"},
		{"POST", "/v1/teams/{t}/users", `{"user_id":"{eve}"}`, 201, "Success", "User has been added to the team"},
		{"POST", "/v1/teams/{t}/users", `{"user_id":"{eve}"}`, 409, "Conflict", ""},
		{"POST", "/v1/teams/{t}/users", `{"user_id":"nobody"}`, 404, "NotFound", ""},
		{"GET", "/v1/teams/{t}/users/{eve}", "", 200, "Success", "Team user details retrieved successfully"},
		{"PATCH", "/v1/teams/{t}/users/{eve}", `{"role":"Team Manager"}`, 200, "Success", "User role has been updated"},
		{"DELETE", "/v1/teams/{t}/users/{eve}", "", 200, "Success", "User has been removed from the team"},
		{"GET", "/v1/teams/{t}/users/{eve}", "", 404, "NotFound", ""},
		{"DELETE", "/v1/teams/{t}", "", 200, "Success", "Team has been deleted"},
		{"GET", "/v1/teams/{t}", "", 404, "NotFound_Team", ""},
	})
	roles := e.ok("GET", "/v1/roles?limit=1000", "").data["items"].([]any)
	if len(roles) != len(access.RoleList()) {
		t.Errorf("%d roles", len(roles))
	}
}

func TestGroupUsers(t *testing.T) {
	e := newEnv(t)
	g := e.group("g")
	emails := func() (all []string) {
		for _, u := range e.ok("GET", "/v1/groups/"+g+"/users", "").data["items"].([]any) {
			all = append(all, u.(map[string]any)["email"].(string))
		}
		return all
	}
	e.newUser("billing@example.com", "Account Billing")
	e.newUser("reviewer@example.com", "Account Reviewer")
	e.calls(map[string]string{"g": g}, []call{
		{"POST", "/v1/groups/{g}/users", `{"email":"new@example.com","role":"Destination Administrator"}`, 200, "Success", "User has been added to the group"},
		{"POST", "/v1/groups/{g}/users", `{"email":"new@example.com","role":"Destination Administrator"}`, 409, "Conflict", ""},
		{"POST", "/v1/groups/{g}/users", `{"email":"new@example.com","role":"Account Administrator"}`, 400, "InvalidInput", ""},
		{"POST", "/v1/groups/{g}/users", `{"email":"billing@example.com","role":"View Destination"}`, 200, "Success", ""},
		{"DELETE", "/v1/groups/{g}/users/nobody", "", 404, "NotFound", ""},
	})
	if diff := cmp.Diff([]string{"owner@example.com", "billing@example.com", "reviewer@example.com", "new@example.com"}, emails()); diff != "" {
		t.Error(diff)
	}
	roles := map[any]any{} // in the group
	for _, u := range e.ok("GET", "/v1/groups/"+g+"/users", "").data["items"].([]any) {
		u := u.(map[string]any)
		roles[u["email"]] = u["role"]
	}
	want := map[any]any{"owner@example.com": roles["owner@example.com"], "reviewer@example.com": nil, "billing@example.com": "View Destination", "new@example.com": "Destination Administrator"}
	if diff := cmp.Diff(want, roles); diff != "" {
		t.Error(diff)
	}
	added, err := e.store.UserByEmail(t.Context(), "new@example.com")
	must(t, err)
	e.calls(map[string]string{"g": g, "u": added.ID, "me": e.user.ID}, []call{
		{"DELETE", "/v1/groups/{g}/users/{u}", "", 200, "Success", "User with id '{u}' has been removed from the group"},
		{"DELETE", "/v1/groups/{g}/users/{u}", "", 404, "NotFound", ""},
		{"DELETE", "/v1/groups/{g}/users/{me}", "", 200, "Success", ""}, // who stays, by the role in the account
	})
	if diff := cmp.Diff([]string{"owner@example.com", "billing@example.com", "reviewer@example.com"}, emails()); diff != "" {
		t.Error(diff)
	}
}

// as makes a user with an API key, and returns a server to use as that user.
func (e *env) as(email, role string) (*env, string) {
	e.t.Helper()
	u := &store.User{AccountID: e.user.AccountID, Email: email, Role: role}
	must(e.t, e.store.CreateUser(e.t.Context(), u))
	key, secret, err := e.store.CreateAPIKey(e.t.Context(), u.ID)
	must(e.t, err)
	other := *e
	other.key, other.secret, other.user = key, secret, u
	return &other, u.ID
}

// TestAuthority has people with roles at all levels try what they may and what
// they may not. What one may not see is as if it were not there.
func TestAuthority(t *testing.T) {
	e := newEnv(t)
	connection := e.connection()
	group := e.ok("GET", "/v1/connections/"+connection, "").data["group_id"].(string)
	otherGroup := e.group("other")
	other := e.ok("POST", "/v1/connections", `{"group_id":"`+otherGroup+`","service":"15five","config":{"schema":"s","api_key":"k"}}`).data["id"].(string)
	give := func(user, places, id, role string) {
		t.Helper()
		e.ok("POST", "/v1/users/"+user+"/"+places, `{"id":"`+id+`","role":"`+role+`"}`)
	}
	manager, id := e.as("manager@example.com", "")
	give(id, "groups", group, "Manage Destination")
	editor, id := e.as("editor@example.com", "")
	give(id, "connections", connection, "Edit Connection")
	creator, id := e.as("creator@example.com", "")
	give(id, "groups", group, "Create Connection")
	maker, _ := e.as("maker@example.com", "Destination Creator")
	mate, id := e.as("mate@example.com", "")
	team := e.ok("POST", "/v1/teams", `{"name":"T"}`).data["id"].(string)
	e.ok("POST", "/v1/teams/"+team+"/users", `{"user_id":"`+id+`","role":"Team Manager"}`)
	e.ok("POST", "/v1/teams/"+team+"/groups", `{"id":"`+group+`","role":"View Destination"}`)
	nobody, eve := e.as("nobody@example.com", "")

	ids := map[string]string{"c": connection, "o": other, "g": group, "og": otherGroup, "t": team, "eve": eve, "none": "no_such_thing"}
	missing := func(path, code string) call { return call{"GET", path, "", 404, code, ""} }
	manager.calls(ids, []call{
		{"GET", "/v1/connections/{c}", "", 200, "", ""},
		{"PATCH", "/v1/connections/{c}", `{"paused":true}`, 200, "", ""},
		missing("/v1/connections/{o}", "NotFound_Connection"),
		missing("/v1/groups/{og}", "NotFound_Group"),
		{"PATCH", "/v1/connections/{o}", `{"paused":true}`, 404, "NotFound_Connection", ""},
		{"POST", "/v1/connections", `{"group_id":"{og}","service":"15five","config":{"schema":"x","api_key":"k"}}`, 404, "NotFound_Group", ""},
		{"POST", "/v1/groups", `{"name":"mine"}`, 403, "Forbidden", ""},
		{"GET", "/v1/users", "", 403, "Forbidden", ""},
		{"POST", "/v1/groups/{g}/users", `{"email":"friend@example.com","role":"View Destination"}`, 200, "", ""},
		{"POST", "/v1/users/{eve}/groups", `{"id":"{g}","role":"View Destination"}`, 404, "NotFound", ""},
	})
	editor.calls(ids, []call{
		{"PATCH", "/v1/connections/{c}", `{"paused":false}`, 200, "", ""},
		{"POST", "/v1/connections/{c}/sync", `{}`, 200, "", ""},
		{"DELETE", "/v1/connections/{c}", "", 403, "Forbidden", ""},
		missing("/v1/groups/{g}", "NotFound_Group"),
		missing("/v1/connections/{o}", "NotFound_Connection"),
		{"POST", "/v1/connections", `{"group_id":"{g}","service":"15five","config":{"schema":"x","api_key":"k"}}`, 403, "Forbidden", ""},
	})
	made := creator.ok("POST", "/v1/connections", `{"group_id":"`+group+`","service":"15five","config":{"schema":"made","api_key":"k"}}`).data["id"].(string)
	creator.calls(map[string]string{"c": connection, "m": made}, []call{
		{"GET", "/v1/connections/{m}", "", 200, "", ""},
		{"PATCH", "/v1/connections/{m}", `{"paused":true}`, 200, "", ""},
		missing("/v1/connections/{c}", "NotFound_Connection"),
	})
	own := maker.ok("POST", "/v1/groups", `{"name":"own"}`).data["id"].(string)
	maker.calls(map[string]string{"own": own, "g": group}, []call{
		{"PATCH", "/v1/groups/{own}", `{"name":"mine"}`, 200, "", ""},
		{"POST", "/v1/destinations", `{"group_id":"{own}","service":"duckdb","time_zone_offset":"0","config":{"path":"x"}}`, 201, "", ""},
		missing("/v1/groups/{g}", "NotFound_Group"),
	})
	mate.calls(ids, []call{
		{"GET", "/v1/connections/{c}", "", 200, "", ""},
		{"PATCH", "/v1/connections/{c}", `{"paused":true}`, 403, "Forbidden", ""},
		missing("/v1/connections/{o}", "NotFound_Connection"),
		{"POST", "/v1/teams/{t}/users", `{"user_id":"{eve}"}`, 201, "", ""},
		{"POST", "/v1/teams/{t}/groups", `{"id":"{og}","role":"View Destination"}`, 404, "NotFound_Group", ""},
		{"PATCH", "/v1/teams/{t}/groups/{g}", `{"role":"Manage Destination"}`, 403, "Forbidden", ""},
		{"PATCH", "/v1/teams/{t}", `{"role":"Account Administrator"}`, 403, "Forbidden", ""},
		{"DELETE", "/v1/teams/{t}", "", 403, "Forbidden", ""},
	})
	nobody.calls(ids, []call{ // in the team by now
		{"GET", "/v1/connections/{c}", "", 200, "", ""},
		{"GET", "/v1/users/{eve}", "", 200, "", ""},
	})

	for who, seen := range map[*env]map[string]int{
		manager: {"/v1/connections": 2, "/v1/groups": 1, "/v1/teams": 0}, editor: {"/v1/connections": 1, "/v1/groups": 0},
		maker: {"/v1/groups": 1, "/v1/destinations": 1, "/v1/connections": 0}, mate: {"/v1/connections": 2, "/v1/teams": 1},
		e: {"/v1/connections": 3, "/v1/groups": 3, "/v1/teams": 1},
	} {
		for path, n := range seen {
			if items := who.ok("GET", path, "").data["items"].([]any); len(items) != n {
				t.Errorf("%s sees %d of %s, not %d", who.user.Email, len(items), path, n)
			}
		}
	}
	// To the letter as what does not exist.
	a, b := manager.do("GET", "/v1/connections/"+other, ""), manager.do("GET", "/v1/connections/no_such_thing", "")
	if strings.ReplaceAll(a.body, other, "no_such_thing") != b.body {
		t.Errorf("invisible: %s, missing: %s", a.body, b.body)
	}
}

// TestNoEscalation: nobody gets more than they had by giving roles, and nobody
// takes from others what they could not give.
func TestNoEscalation(t *testing.T) {
	e := newEnv(t)
	connection := e.connection()
	group := e.ok("GET", "/v1/connections/"+connection, "").data["group_id"].(string)
	powerful, plain := e.id("/v1/teams", `{"name":"Powerful","role":"Account Administrator"}`), e.id("/v1/teams", `{"name":"Plain"}`)
	viewers := e.id("/v1/teams", `{"name":"Viewers"}`)
	e.ok("POST", "/v1/teams/"+viewers+"/groups", `{"id":"`+group+`","role":"View Destination"}`)
	editor, editorID := e.as("editor@example.com", "")
	e.ok("POST", "/v1/users/"+editorID+"/groups", `{"id":"`+group+`","role":"Edit Destination"}`)
	managerID := e.newUser("manager@example.com", "")
	e.ok("POST", "/v1/users/"+managerID+"/groups", `{"id":"`+group+`","role":"Manage Destination"}`)
	led, leader := e.as("leader@example.com", "")
	e.ok("POST", "/v1/teams/"+plain+"/users", `{"user_id":"`+leader+`","role":"Team Manager"}`)
	e.ok("PATCH", "/v1/teams/"+plain, `{"role":"Account Reviewer"}`)
	eve := e.newUser("eve@example.com", "")
	ids := map[string]string{"me": e.user.ID, "eve": eve, "g": group, "c": connection, "editor": editorID, "manager": managerID, "leader": leader,
		"powerful": powerful, "plain": plain, "viewers": viewers,
		"empty": e.id("/v1/teams", `{"name":"Empty"}`)}

	clerk, _ := e.systemKey("clerk", `[{"resource_type":"USER","access_level":"MANAGE"},{"resource_type":"TEAM","access_level":"MANAGE"}]`)
	clerk.calls(ids, []call{
		{"POST", "/v1/users", `{"email":"x@example.com","given_name":"x","family_name":"y"}`, 201, "", ""},
		{"POST", "/v1/users", `{"email":"y@example.com","given_name":"x","family_name":"y","role":"Account Reviewer"}`, 403, "Forbidden", ""},
		{"PATCH", "/v1/users/{eve}", `{"role":"Account Administrator"}`, 403, "Forbidden", ""},
		{"PATCH", "/v1/users/{eve}", `{"given_name":"Eva"}`, 200, "", ""},
		{"PATCH", "/v1/users/{me}", `{"role":"Account Reviewer"}`, 403, "Forbidden", ""},
		{"PATCH", "/v1/users/{me}", `{"role":null}`, 403, "Forbidden", ""},
		{"DELETE", "/v1/users/{me}/role", "", 403, "Forbidden", ""},
		{"DELETE", "/v1/users/{me}", "", 403, "Forbidden", ""},
		{"POST", "/v1/teams", `{"name":"New","role":"Account Reviewer"}`, 403, "Forbidden", ""},
		{"POST", "/v1/teams/{powerful}/users", `{"user_id":"{eve}"}`, 403, "Forbidden", ""},
		{"POST", "/v1/teams/{viewers}/users", `{"user_id":"{eve}"}`, 403, "Forbidden", ""},
		{"DELETE", "/v1/teams/{powerful}/role", "", 403, "Forbidden", ""},
		{"DELETE", "/v1/teams/{powerful}", "", 403, "Forbidden", ""},
		{"DELETE", "/v1/users/{editor}", "", 403, "Forbidden", ""}, // with whom roles in a group would go
		{"DELETE", "/v1/users/{leader}", "", 403, "Forbidden", ""},
		{"DELETE", "/v1/teams/{viewers}", "", 403, "Forbidden", ""},
		{"DELETE", "/v1/users/{eve}", "", 200, "", ""},
		{"DELETE", "/v1/teams/{empty}", "", 200, "", ""},
	})
	ids["eve"] = e.newUser("eve@example.com", "")
	editor.calls(ids, []call{
		{"POST", "/v1/groups/{g}/users", `{"email":"friend@example.com","role":"View Destination"}`, 403, "Forbidden", ""},
		{"DELETE", "/v1/groups/{g}/users/{manager}", "", 403, "Forbidden", ""},
		{"PATCH", "/v1/users/{editor}", `{"given_name":"E"}`, 403, "Forbidden", ""}, // one sees oneself, and that is all
		{"PATCH", "/v1/users/{editor}", `{"role":"Account Administrator"}`, 403, "Forbidden", ""},
		{"POST", "/v1/users/{editor}/groups", `{"id":"{g}","role":"Manage Destination"}`, 403, "Forbidden", ""},
		{"PATCH", "/v1/users/{editor}/groups/{g}", `{"role":"Manage Destination"}`, 403, "Forbidden", ""},
		{"GET", "/v1/users/{editor}/groups/{g}", "", 200, "", ""},
	})
	led.calls(ids, []call{
		{"POST", "/v1/teams/{plain}/users", `{"user_id":"{eve}"}`, 201, "", ""},
		{"PATCH", "/v1/teams/{plain}", `{"name":"Plainer"}`, 200, "", ""},
		{"PATCH", "/v1/teams/{plain}", `{"role":"Account Analyst"}`, 403, "Forbidden", ""},
		{"POST", "/v1/teams/{plain}/groups", `{"id":"{g}","role":"Manage Destination"}`, 403, "Forbidden", ""},
	})
	limited, _ := e.systemKey("limited", `[{"resource_type":"DESTINATION","access_level":"MANAGE","resource_filter":{"group_ids":["`+group+`"]}},
		{"resource_type":"TEAM","access_level":"MANAGE","resource_filter":{"ids":["`+plain+`"]}},
		{"resource_type":"USER","access_level":"MANAGE","resource_filter":{"ids":["`+ids["eve"]+`"]}}]`)
	limited.calls(ids, []call{
		{"PATCH", "/v1/groups/{g}", `{"name":"renamed"}`, 200, "", ""},
		{"POST", "/v1/groups", `{"name":"another"}`, 403, "Forbidden", ""},
		{"POST", "/v1/groups/{g}/users", `{"email":"friend@example.com","role":"Manage Destination"}`, 403, "Forbidden", ""}, // it reaches the connections
		{"POST", "/v1/teams", `{"name":"another"}`, 403, "Forbidden", ""},
		{"POST", "/v1/users", `{"email":"z@example.com","given_name":"x","family_name":"y"}`, 403, "Forbidden", ""},
	})
	for path, n := range map[string]int{"/v1/users": 1, "/v1/teams": 1, "/v1/groups": 1} {
		if items := limited.ok("GET", path, "").data["items"].([]any); len(items) != n {
			t.Errorf("%s: %d items, want %d", path, len(items), n)
		}
	}
}

// TestInactive: there are no users who are not active.
func TestInactive(t *testing.T) {
	e := newEnv(t)
	group, team := e.group("g"), e.id("/v1/teams", `{"name":"T"}`)
	e.ok("POST", "/v1/teams/"+team+"/users", `{"user_id":"`+e.user.ID+`"}`)
	for _, path := range []string{"/v1/users", "/v1/groups/" + group + "/users", "/v1/teams/" + team + "/users"} {
		for query, n := range map[string]int{"": 1, "?active=true": 1, "?active=false": 0} {
			if items := e.ok("GET", path+query, "").data["items"].([]any); len(items) != n {
				t.Errorf("%s%s: %d users", path, query, len(items))
			}
		}
	}
}
