package api

import (
	"regexp"
	"strings"
	"testing"
)

// missing is the id of nothing.
const missing = "no_such_thing"

// hide makes one of each kind of thing and returns their ids by the paths that
// lead to them.
func (e *hookEnv) hide() map[string]string {
	e.t.Helper()
	connection := e.connection()
	group := e.ok("GET", "/v1/connections/"+connection, "").data["group_id"].(string)
	e.ok("POST", "/v1/destinations", `{"group_id":"`+group+`","service":"duckdb","time_zone_offset":"0","config":{"path":"x"}}`)
	e.ok("POST", "/v1/external-logging", `{"group_id":"`+group+`","service":"datadog_log","run_setup_tests":false,"config":{"host":"US1"}}`)
	project := e.id("/v1/transformation-projects", newProject(group, ""))
	hook := e.id("/v1/webhooks/group/"+group, `{"url":"`+e.url+`/hook","events":["sync_end"]}`)
	_, systemKey := e.systemKey("k", `[]`)
	return map[string]string{
		"/v1/users":                     e.user.ID,
		"/v1/penstock/users":            e.user.ID,
		"/v1/penstock/api-keys":         e.key,
		"/v1/system-keys":               systemKey,
		"/v1/teams":                     e.id("/v1/teams", `{"name":"Hidden"}`),
		"/v1/groups":                    group,
		"/v1/destinations":              group,
		"/v1/penstock/destinations":     group,
		"/v1/webhooks/group":            group,
		"/v1/external-logging":          group,
		"/v1/webhooks":                  hook,
		"/v1/penstock/webhooks":         hook,
		"/v1/connections":               connection,
		"/v1/connectors":                connection,
		"/v1/penstock/connections":      connection,
		"/v1/proxy":                     e.id("/v1/proxy", `{"display_name":"p"}`),
		"/v1/hybrid-deployment-agents":  e.id("/v1/hybrid-deployment-agents", `{"group_id":"`+group+`","display_name":"h","env_type":"DOCKER","accept_terms":true}`),
		"/v1/private-links":             e.id("/v1/private-links", `{"name":"l","region":"GCP_US_EAST4","service":"SOURCE_GCP","config":{"private_connection_service_id":"x"}}`),
		"/v1/external-secrets-managers": e.id("/v1/external-secrets-managers", `{"type":"AWS_SECRET_MANAGER","name":"m","config":{"role_arn":"r"}}`),
		"/v1/transformation-projects":   project,
		"/v1/transformations":           e.id("/v1/transformations", newTransformation(project, "")),
	}
}

// shown are the paths to what everybody sees; and to packages, whose visibility
// has tests of its own.
var shown = regexp.MustCompile(`^/v1/(metadata|transformations/package-metadata|connector-sdk)/`)

// alike makes a request about a thing that the caller cannot see, by its {id}
// in path or body, and the same about nothing: both must be answered in the
// same words.
func (e *env) alike(id, method, path, body string) {
	e.t.Helper()
	ask := func(id string) answer {
		return e.do(method, strings.ReplaceAll(path, "{id}", id), strings.ReplaceAll(body, "{id}", id))
	}
	a, b := ask(id), ask(missing)
	if a.status != b.status || strings.ReplaceAll(a.body, id, missing) != b.body {
		e.t.Errorf("%s %s %s\nhidden:  %d %s\nmissing: %d %s", method, path, body, a.status, a.body, b.status, b.body)
	}
}

// TestHidden asks for all kinds of things on every path that names one, and by
// the fields of bodies that do, as somebody who has roles, but elsewhere.
func TestHidden(t *testing.T) {
	e := newHookEnv(t, t.TempDir())
	ids := e.hide()
	caller, user := e.as("caller@example.com", "")
	group := e.group("elsewhere")
	mine := e.ok("POST", "/v1/connections", `{"group_id":"`+group+`","service":"15five","config":{"schema":"s","api_key":"k"}}`).data["id"].(string)
	team := e.id("/v1/teams", `{"name":"Elsewhere"}`)
	project := e.id("/v1/transformation-projects", newProject(group, ""))
	e.ok("POST", "/v1/users/"+user+"/groups", `{"id":"`+group+`","role":"Manage Destination"}`)
	e.ok("POST", "/v1/teams/"+team+"/users", `{"user_id":"`+user+`","role":"Team Manager"}`)

	other := regexp.MustCompile(`\{[^}]*\}`)
	for _, r := range new(server).routes() {
		prefix, rest, named := strings.Cut(r.path, "/{id}")
		if !named || shown.MatchString(r.path) {
			continue
		}
		id := ids[prefix]
		if id == "" {
			t.Errorf("%s: nothing is hidden there", r.path)
			continue
		}
		rest = strings.ReplaceAll(rest, "{what}", "test")
		caller.alike(id, r.method, prefix+"/{id}"+other.ReplaceAllString(rest, missing), `{}`)
	}

	for _, tt := range []struct{ of, method, path, body string }{
		{"/v1/groups", "GET", "/v1/connections?group_id={id}", ""},
		{"/v1/groups", "POST", "/v1/connections", `{"group_id":"{id}","service":"15five","config":{"schema":"x","api_key":"k"}}`},
		{"/v1/groups", "POST", "/v1/destinations", `{"group_id":"{id}","service":"duckdb","time_zone_offset":"0","config":{"path":"x"}}`},
		{"/v1/groups", "POST", "/v1/hybrid-deployment-agents", `{"group_id":"{id}","display_name":"x","env_type":"DOCKER","accept_terms":true}`},
		{"/v1/groups", "POST", "/v1/transformation-projects", newProject("{id}", "")},
		{"/v1/groups", "POST", "/v1/external-logging", `{"group_id":"{id}","service":"datadog_log","run_setup_tests":false,"config":{"host":"US1"}}`},
		{"/v1/groups", "GET", "/v1/transformations?group_id={id}", ""},
		{"/v1/groups", "POST", "/v1/teams/" + team + "/groups", `{"id":"{id}","role":"View Destination"}`},
		{"/v1/groups", "PATCH", "/v1/teams/" + team + "/groups/{id}", `{"role":"View Destination"}`},
		{"/v1/connections", "POST", "/v1/teams/" + team + "/connections", `{"id":"{id}","role":"View Connection"}`},
		{"/v1/connections", "POST", "/v1/teams/" + team + "/connectors", `{"id":"{id}","role":"View Connection"}`},
		{"/v1/connections", "POST", "/v1/certificates", `{"connection_id":"{id}","hash":"x","encoded_cert":"x"}`},
		{"/v1/destinations", "POST", "/v1/fingerprints", `{"destination_id":"{id}","hash":"x","public_key":"x"}`},
		{"/v1/connections", "POST", "/v1/transformations", `{"type":"QUICKSTART","schedule":{"schedule_type":"INTEGRATED"},"transformation_config":{"package_name":"p","connection_ids":["` + mine + `","{id}"]}}`},
		{"/v1/transformation-projects", "POST", "/v1/transformations", newTransformation("{id}", "")},
		{"/v1/transformation-projects", "GET", "/v1/transformations?project_id={id}", ""},
		{"/v1/transformations", "POST", "/v1/transformations", newTransformation(project, `,"schedule":{"schedule_type":"INTEGRATED","transformation_ids":["{id}"]}`)},
		{"/v1/proxy", "PATCH", "/v1/connections/" + mine, `{"networking_method":"ProxyAgent","proxy_agent_id":"{id}"}`},
		{"/v1/private-links", "PATCH", "/v1/connections/" + mine, `{"networking_method":"PrivateLink","private_link_id":"{id}"}`},
		{"/v1/external-secrets-managers", "PATCH", "/v1/connections/" + mine, `{"external_secrets_manager_id":"{id}"}`},
		{"/v1/hybrid-deployment-agents", "PATCH", "/v1/connections/" + mine, `{"hybrid_deployment_agent_id":"{id}"}`},
		{"/v1/users", "DELETE", "/v1/teams/" + team + "/users/{id}", ""},
		{"/v1/users", "GET", "/v1/penstock/api-keys?user_id={id}", ""},
		{"/v1/users", "POST", "/v1/penstock/api-keys", `{"user_id":"{id}"}`},
	} {
		caller.alike(ids[tt.of], tt.method, tt.path, tt.body)
	}

	// A user who has no role is nobody to a group's manager, not so one who is
	// in the group because of a role in the account.
	_, stranger := e.as("stranger@example.com", "")
	caller.alike(stranger, "DELETE", "/v1/groups/"+group+"/users/{id}", "")
	caller.alike(stranger, "GET", "/v1/users/{id}", "")
}

// TestHiddenUses has people who see an agent or a secrets manager look at what
// is reached through it: it is listed as far as they see it.
func TestHiddenUses(t *testing.T) {
	e := newEnv(t)
	here, there := e.group("here"), e.group("there")
	hybrid := e.id("/v1/hybrid-deployment-agents", `{"group_id":"`+here+`","display_name":"h","env_type":"DOCKER","accept_terms":true}`)
	proxy := e.id("/v1/proxy", `{"display_name":"p"}`)
	manager := e.id("/v1/external-secrets-managers", `{"type":"AWS_SECRET_MANAGER","name":"m","config":{"role_arn":"r"}}`)
	through := `"hybrid_deployment_agent_id":"` + hybrid + `","external_secrets_manager_id":"` + manager + `","networking_method":"ProxyAgent","proxy_agent_id":"` + proxy + `","run_setup_tests":false`
	for _, g := range []string{here, there} {
		e.ok("POST", "/v1/connections", `{"group_id":"`+g+`","service":"15five",`+through+`,"config":{"schema":"s_`+g+`","api_key":"k"}}`)
		e.ok("POST", "/v1/destinations", `{"group_id":"`+g+`","service":"postgres_warehouse","time_zone_offset":"0",`+through+`,"config":{"host":"h"}}`)
	}
	viewer, id := e.as("viewer@example.com", "")
	e.ok("POST", "/v1/users/"+id+"/groups", `{"id":"`+here+`","role":"View Destination"}`)
	billing, _ := e.as("billing@example.com", "Account Billing")
	partly, _ := e.systemKey("partly", `[{"resource_type":"ACCOUNT","access_level":"READ"},{"resource_type":"REMOTE_EXECUTION_AGENT","access_level":"READ"},
		{"resource_type":"CONNECTOR","access_level":"READ"},{"resource_type":"CONNECTOR","access_level":"NONE","resource_filter":{"group_ids":["`+there+`"]}},
		{"resource_type":"DESTINATION","access_level":"READ","resource_filter":{"ids":["`+there+`"]}}]`)
	count := func(who *env, path string, in ...string) int {
		t.Helper()
		a := who.ok("GET", path, "")
		var v any = a.data
		for _, name := range in {
			if list, ok := v.([]any); ok {
				v = list[0]
			}
			v = v.(map[string]any)[name]
		}
		if n, ok := v.(float64); ok {
			return int(n)
		}
		return len(v.([]any))
	}
	const secrets = "/v1/external-secrets-managers"
	for _, tt := range []struct {
		who  *env
		path string
		in   []string
		want int
	}{
		{e, "/v1/hybrid-deployment-agents/" + hybrid, []string{"usage"}, 2},
		{viewer, "/v1/hybrid-deployment-agents/" + hybrid, []string{"usage"}, 1},
		{viewer, "/v1/hybrid-deployment-agents", []string{"items", "usage"}, 1},
		{partly, "/v1/hybrid-deployment-agents/" + hybrid, []string{"usage"}, 1},
		{e, "/v1/proxy/" + proxy, []string{"usage"}, 4},
		{partly, "/v1/proxy/" + proxy, []string{"usage"}, 2},
		{partly, "/v1/proxy", []string{"items", "connector_count"}, 1},
		{partly, "/v1/proxy", []string{"items", "destination_count"}, 1},
		{e, secrets + "-entities", []string{"items"}, 4},
		{billing, secrets + "-entities", []string{"items"}, 0},
		{billing, secrets + "/" + manager + "/entities", []string{"items"}, 0},
		{partly, secrets + "-entities", []string{"items"}, 2},
		{partly, secrets + "/" + manager + "/entities?type=source", []string{"items"}, 1},
		{partly, secrets + "/" + manager + "/entities?type=destination", []string{"items"}, 1},
	} {
		if got := count(tt.who, tt.path, tt.in...); got != tt.want {
			t.Errorf("%s as %s: %d, want %d", tt.path, tt.who.key, got, tt.want)
		}
	}
}

// TestHiddenMemberships has somebody who sees users and teams, but no groups,
// look at what roles these have.
func TestHiddenMemberships(t *testing.T) {
	e := newEnv(t)
	connection := e.connection()
	group := e.ok("GET", "/v1/connections/"+connection, "").data["group_id"].(string)
	team := e.id("/v1/teams", `{"name":"Data"}`)
	member, user := e.as("member@example.com", "")
	billing, _ := e.as("billing@example.com", "Account Billing")
	clerk, _ := e.systemKey("clerk", `[{"resource_type":"USER","access_level":"MANAGE"},{"resource_type":"TEAM","access_level":"MANAGE"}]`)
	for _, path := range []string{"/v1/users/" + user, "/v1/teams/" + team} {
		for places, m := range map[string]struct{ id, role string }{"/groups": {group, "View Destination"}, "/connections": {connection, "View Connection"}} {
			list := path + places
			e.ok("POST", list, `{"id":"`+m.id+`","role":"`+m.role+`"}`)
			for who, n := range map[*env]int{e: 1, billing: 0, clerk: 0} {
				if items := who.ok("GET", list, "").data["items"].([]any); len(items) != n {
					t.Errorf("%s: %d memberships, want %d", list, len(items), n)
				}
			}
			billing.alike(m.id, "GET", list+"/{id}", "")
			for _, method := range []string{"GET", "PATCH", "DELETE"} {
				clerk.alike(m.id, method, list+"/{id}", `{"role":"`+m.role+`"}`)
			}
			clerk.alike(m.id, "POST", list, `{"id":"{id}","role":"`+m.role+`"}`)
		}
	}
	if items := member.ok("GET", "/v1/users/"+user+"/groups", "").data["items"].([]any); len(items) != 1 {
		t.Errorf("of its own memberships one sees %v", items)
	}
}
