package api

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock-data/penstock/internal/access"
)

// meanwhile returns the server, but that something happens in every request
// between its thing being read and whatever the request does with it.
func (e *env) meanwhile(happens func()) *env {
	e.t.Helper()
	s := New(Config{Store: e.store, Engine: e.engine, Connectors: testConnectors, Destinations: testDestinations,
		Now: func() time.Time { return e.now }}).(*server)
	routes := s.routes()
	for i := range routes {
		about := &routes[i].about
		if find := about.find; find != nil {
			about.find = func(s *server, r *request) (access.Place, error) {
				p, err := find(s, r)
				happens()
				return p, err
			}
		}
	}
	s.mux = s.newMux(routes)
	other := *e
	other.handler = watch(e.t, s)
	return &other
}

// TestMeanwhileChanged has a request change a thing that another one changes at
// the same moment: neither undoes what the other did.
func TestMeanwhileChanged(t *testing.T) {
	e := newEnv(t)
	things := e.things()
	vault := e.id("/v1/external-secrets-managers", `{"type":"HASHICORP_VAULT","name":"v","config":{"vault_address":"a","role_id":"r","secret_id":"s"}}`)
	_, key := e.systemKey("narrowed", `[{"resource_type":"CONNECTOR","access_level":"MANAGE"}]`)
	hybrid := `{"hybrid_deployment_agent_id":"` + things["hybrid-deployment-agents"] + `","run_setup_tests":false}`
	secrets := `{"external_secrets_manager_id":"` + things["external-secrets-managers"] + `","run_setup_tests":false}`
	for _, tt := range []struct {
		path                string
		method, rest, other string // of the other request
		mine, more, body    string // of this one
		status              int
		field, want         string // of the thing afterwards
	}{
		{"/v1/system-keys/" + key, "PATCH", "", `{"permissions":[]}`, "PATCH", "", `{"name":"new"}`, 200, "permissions", "[]"},
		{"/v1/transformation-projects/" + things["transformation-projects"], "PATCH", "", `{"project_config":{"threads":4}}`, "POST", "/test", "", 200, "project_config/threads", "4"},
		{"/v1/transformations/" + things["transformations"], "POST", "/run", "", "PATCH", "", `{"paused":true}`, 200, "status", "FAILED"},
		{"/v1/external-secrets-managers/" + vault, "PATCH", "", `{"config":{"role_id":"other"}}`, "PATCH", "", `{"config":{"namespace":"n"}}`, 200, "config/role_id", "other"},
		{"/v1/connections/" + things["connections"], "PATCH", "", secrets, "PATCH", "", hybrid, 409, "external_secrets_manager_id", things["external-secrets-managers"]},
		{"/v1/destinations/" + things["destinations"], "PATCH", "", secrets, "PATCH", "", hybrid, 409, "external_secrets_manager_id", things["external-secrets-managers"]},
	} {
		both := e.meanwhile(func() { e.ok(tt.method, tt.path+tt.rest, tt.other) })
		if a := both.do(tt.mine, tt.path+tt.more, tt.body); a.status != tt.status {
			t.Errorf("%s %s: got %d %s", tt.mine, tt.path+tt.more, a.status, a.body)
		}
		var got any = e.ok("GET", tt.path, "").data
		for name := range strings.SplitSeq(tt.field, "/") {
			got = got.(map[string]any)[name]
		}
		if fmt.Sprint(got) != tt.want {
			t.Errorf("%s: %s is %v, want %s", tt.path, tt.field, got, tt.want)
		}
	}
	for _, path := range []string{"/v1/connections/" + things["connections"], "/v1/destinations/" + things["destinations"]} {
		if data := e.ok("PATCH", path, hybrid).data; data["hybrid_deployment_agent_id"] == nil || data["external_secrets_manager_id"] == nil {
			t.Errorf("%s at last: %v", path, data)
		}
	}
}

// TestMeanwhileGone has things deleted while a request is about to use them,
// which is answered as if they had not been there at all.
func TestMeanwhileGone(t *testing.T) {
	e := newHookEnv(t, t.TempDir())
	n := 0
	group := func() string { n++; return e.group(fmt.Sprint("g", n)) }
	of := func(path, body string) func() string {
		return func() string {
			n++
			return e.id(path, strings.NewReplacer("{n}", fmt.Sprint(n), "{g}", group()).Replace(body))
		}
	}
	const config = `"service":"datadog_log","run_setup_tests":false,"config":{"host":"US1"}`
	makes := map[string]func() string{
		"/v1/groups":                    group,
		"/v1/users":                     func() string { n++; return e.newUser(fmt.Sprintf("u%d@example.com", n), "") },
		"/v1/teams":                     of("/v1/teams", `{"name":"t{n}"}`),
		"/v1/system-keys":               of("/v1/system-keys", `{"name":"k{n}","permissions":[]}`),
		"/v1/connections":               of("/v1/connections", `{"group_id":"{g}","service":"15five","config":{"schema":"s","api_key":"k"}}`),
		"/v1/destinations":              of("/v1/destinations", `{"group_id":"{g}","service":"duckdb","time_zone_offset":"0","config":{"path":"p"}}`),
		"/v1/proxy":                     of("/v1/proxy", `{"display_name":"p{n}"}`),
		"/v1/hybrid-deployment-agents":  of("/v1/hybrid-deployment-agents", `{"group_id":"{g}","display_name":"h","env_type":"DOCKER","accept_terms":true}`),
		"/v1/private-links":             of("/v1/private-links", `{"name":"l","region":"GCP_US_EAST4","service":"SOURCE_GCP","config":{"private_connection_service_id":"x"}}`),
		"/v1/external-secrets-managers": of("/v1/external-secrets-managers", `{"type":"AWS_SECRET_MANAGER","name":"m{n}","config":{"role_arn":"r"}}`),
		"/v1/external-logging":          of("/v1/external-logging", `{"group_id":"{g}",`+config+`}`),
		"/v1/webhooks":                  of("/v1/webhooks/account", `{"url":"`+e.url+`/hook","events":["sync_end"]}`),
		"/v1/transformation-projects":   of("/v1/transformation-projects", newProject("{g}", "")),
		"/v1/transformations": func() string {
			return e.id("/v1/transformations", newTransformation(e.id("/v1/transformation-projects", newProject(group(), "")), ""))
		},
	}
	left := map[string]bool{}
	for path := range makes {
		left[path] = true
	}
	place, user := e.group("place"), e.newUser("member@example.com", "")
	for _, tt := range []struct{ path, method, rest, body string }{
		{"/v1/groups", "PATCH", "", `{"name":"renamed"}`},
		{"/v1/groups", "DELETE", "", ""},
		{"/v1/groups", "POST", "/users", `{"email":"member@example.com","role":"View Destination"}`},
		{"/v1/users", "PATCH", "", `{"given_name":"x"}`},
		{"/v1/users", "DELETE", "/role", ""},
		{"/v1/users", "DELETE", "", ""},
		{"/v1/users", "POST", "/groups", `{"id":"` + place + `","role":"View Destination"}`},
		{"/v1/teams", "PATCH", "", `{"name":"x"}`},
		{"/v1/teams", "DELETE", "", ""},
		{"/v1/teams", "POST", "/users", `{"user_id":"` + user + `"}`},
		{"/v1/teams", "POST", "/groups", `{"id":"` + place + `","role":"View Destination"}`},
		{"/v1/system-keys", "PATCH", "", `{"name":"x"}`},
		{"/v1/system-keys", "POST", "/rotate", `{"expiration_period":"ONE_WEEK"}`},
		{"/v1/system-keys", "DELETE", "", ""},
		{"/v1/connections", "PATCH", "", `{"paused":true}`},
		{"/v1/connections", "POST", "/test", ""},
		{"/v1/connections", "POST", "/sync", ""},
		{"/v1/connections", "POST", "/connect-card", `{"connect_card_config":{"redirect_uri":"https://x"}}`},
		{"/v1/connections", "DELETE", "", ""},
		{"/v1/destinations", "PATCH", "", `{"region":"GCP_US_WEST1"}`},
		{"/v1/destinations", "POST", "/test", ""},
		{"/v1/destinations", "DELETE", "", ""},
		{"/v1/proxy", "POST", "/regenerate-secrets", ""},
		{"/v1/proxy", "DELETE", "", ""},
		{"/v1/hybrid-deployment-agents", "PATCH", "/re-auth", ""},
		{"/v1/hybrid-deployment-agents", "DELETE", "", ""},
		{"/v1/private-links", "PATCH", "", `{"config":{"private_connection_service_id":"y"}}`},
		{"/v1/private-links", "DELETE", "", ""},
		{"/v1/external-secrets-managers", "PATCH", "", `{"config":{"role_arn":"y"}}`},
		{"/v1/external-secrets-managers", "DELETE", "", ""},
		{"/v1/external-logging", "PATCH", "", `{"enabled":false}`},
		{"/v1/external-logging", "POST", "/test", ""},
		{"/v1/external-logging", "DELETE", "", ""},
		{"/v1/webhooks", "PATCH", "", `{"active":false}`},
		{"/v1/webhooks", "DELETE", "", ""},
		{"/v1/transformation-projects", "PATCH", "", `{"project_config":{"threads":2}}`},
		{"/v1/transformation-projects", "POST", "/test", ""},
		{"/v1/transformation-projects", "DELETE", "", ""},
		{"/v1/transformations", "PATCH", "", `{"paused":true}`},
		{"/v1/transformations", "POST", "/run", ""},
		{"/v1/transformations", "DELETE", "", ""},
	} {
		delete(left, tt.path)
		id := makes[tt.path]()
		want := e.do(tt.method, tt.path+"/"+missing+tt.rest, tt.body)
		got := e.meanwhile(func() { e.do("DELETE", tt.path+"/"+id, "") }).do(tt.method, tt.path+"/"+id+tt.rest, tt.body)
		if want.status != 404 || got.status != 404 || strings.ReplaceAll(got.body, id, missing) != want.body {
			t.Errorf("%s %s%s: got %d %s, want %s", tt.method, tt.path, tt.rest, got.status, got.body, want.body)
		}
	}
	for path := range left {
		t.Errorf("%s: nothing is tried", path)
	}
}

// TestInvitedTwice adds one new address to many groups at once.
func TestInvitedTwice(t *testing.T) {
	e := newEnv(t)
	var groups []string
	for i := range 8 {
		groups = append(groups, e.group(fmt.Sprint(i)))
	}
	for round := range 10 {
		var all sync.WaitGroup
		for _, g := range groups {
			all.Go(func() {
				if a := e.do("POST", "/v1/groups/"+g+"/users", fmt.Sprintf(`{"email":"u%d@example.com","role":"View Destination"}`, round)); a.status != 200 {
					t.Errorf("got %d %s", a.status, a.body)
				}
			})
		}
		all.Wait()
	}
}

// TestDeleteKeyFails has the user of a key be unreadable: that is not to say
// that there is no such key.
func TestDeleteKeyFails(t *testing.T) {
	dir := t.TempDir()
	e := newEnvAt(t, dir)
	other, id := e.as("other@example.com", "")
	db, err := sql.Open("sqlite", filepath.Join(dir, "penstock.db"))
	must(t, err)
	defer db.Close()
	_, err = db.ExecContext(t.Context(), `update users set created_at = 'never' where id = $1`, id)
	must(t, err)
	if a := e.do("DELETE", "/v1/penstock/api-keys/"+other.key, ""); a.status != 500 {
		t.Errorf("got %d %s", a.status, a.body)
	}
}
