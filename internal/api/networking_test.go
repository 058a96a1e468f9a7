package api

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/penstock-data/penstock/setup"
)

// TestNetworking asks for a tunnel or an agent in the ways in which it can be
// asked for.
func TestNetworking(t *testing.T) {
	const tunnel = `"tunnel_host":"t","tunnel_port":22,"tunnel_user":"u"`
	source := func(more, config string) string {
		return `{"service":"postgres","run_setup_tests":false,"group_id":"{g}"` + more + `,"config":{"schema_prefix":"p","host":"h"` + config + `}}`
	}
	target := func(more, config string) string {
		return `{"service":"postgres_warehouse","run_setup_tests":false,"time_zone_offset":"0","group_id":"{g}"` + more + `,"config":{"host":"h"` + config + `}}`
	}
	type step struct {
		body   string
		status int
		method string // or the message, of an error
	}
	for _, tt := range []struct {
		name, path string
		steps      []step // the first creates, the others modify
	}{
		{"by networking_method", "/v1/connections", []step{{source(`,"networking_method":"SshTunnel"`, ","+tunnel), 201, "SshTunnel"}}},
		{"by connection_type", "/v1/connections", []step{{source("", `,"connection_type":"SshTunnel",`+tunnel), 201, "SshTunnel"}}},
		{"by naming a tunnel", "/v1/connections", []step{{source("", ","+tunnel), 201, "SshTunnel"}}},
		{"by both", "/v1/connections", []step{{source(`,"networking_method":"SshTunnel"`, `,"connection_type":"SshTunnel",`+tunnel), 201, "SshTunnel"}}},
		{"a method that is the default", "/v1/connections", []step{{source(`,"networking_method":"Directly"`, ","+tunnel), 201, "SshTunnel"}}},
		{"not", "/v1/connections", []step{{source("", ""), 201, "Directly"}}},
		{"not, though it is named", "/v1/connections", []step{{source("", `,"connection_type":"Directly",`+tunnel), 201, "Directly"}}},
		{"contradiction", "/v1/connections", []step{{source(`,"networking_method":"PrivateLink"`, `,"connection_type":"SshTunnel"`), 400, "Fields 'networking_method' and 'connection_type' contradict each other"}}},
		{"no tunnels here", "/v1/connections", []step{{`{"service":"15five","run_setup_tests":false,"group_id":"{g}","networking_method":"SshTunnel","config":{"schema":"s"}}`, 400, "Networking method 'SshTunnel' is not supported"}}},
		{"incomplete", "/v1/connections", []step{{`{"service":"postgres","group_id":"{g}","networking_method":"SshTunnel","config":{"schema_prefix":"p","host":"h","database":"d","user":"u"}}`, 400, "Field 'tunnel_host' is required"}}},
		{"changes", "/v1/connections", []step{
			{source("", ""), 201, "Directly"},
			{`{"run_setup_tests":false,"config":{` + tunnel + `}}`, 200, "SshTunnel"},
			{`{"paused":true}`, 200, "SshTunnel"},
			{`{"run_setup_tests":false,"networking_method":"Directly"}`, 200, "Directly"},
			{`{"run_setup_tests":false,"networking_method":"Directly","config":{"connection_type":"SshTunnel"}}`, 200, "SshTunnel"},
			{`{"run_setup_tests":false,"networking_method":"SshTunnel","config":{"connection_type":null}}`, 200, "Directly"},
		}},
		{"agent by networking_method", "/v1/connections", []step{
			{source(`,"networking_method":"ProxyAgent","proxy_agent_id":"{p}"`, ""), 201, "ProxyAgent"},
			{`{"run_setup_tests":false,"config":{"connection_type":"ProxyAgent","host":"i"}}`, 200, "ProxyAgent"},
			{`{"paused":true}`, 200, "ProxyAgent"},
			{`{"run_setup_tests":false,"config":{"connection_type":"SshTunnel",` + tunnel + `}}`, 200, "SshTunnel"},
			{`{"run_setup_tests":false,"networking_method":"ProxyAgent","proxy_agent_id":"{p}"}`, 200, "ProxyAgent"},
			{`{"run_setup_tests":false,"config":{"connection_type":"ProxyAgent",` + tunnel + `}}`, 200, "ProxyAgent"},
			{`{"run_setup_tests":false,"config":{"connection_type":"Directly"}}`, 200, "Directly"},
		}},
		{"agent by connection_type", "/v1/connections", []step{{source(`,"proxy_agent_id":"{p}"`, `,"connection_type":"ProxyAgent"`), 201, "ProxyAgent"}}},
		{"agent that is not named", "/v1/connections", []step{{source("", `,"connection_type":"ProxyAgent"`), 400, "Field 'proxy_agent_id' is required"}}},
		{"agent of a destination", "/v1/destinations", []step{
			{target(`,"networking_method":"ProxyAgent","proxy_agent_id":"{p}"`, ""), 201, "ProxyAgent"},
			{`{"run_setup_tests":false,"config":{"connection_type":"ProxyAgent","host":"i"}}`, 200, "ProxyAgent"},
		}},
		{"no such method", "/v1/connections", []step{
			{source("", ""), 201, "Directly"},
			{`{"run_setup_tests":false,"config":{"connection_type":"Pigeon"}}`, 400, "Invalid 'config' object: field 'connection_type' is one of Directly, PrivateLink, SshTunnel, ProxyAgent"},
		}},
		{"destination", "/v1/destinations", []step{
			{target(`,"networking_method":"SshTunnel"`, ","+tunnel), 201, "SshTunnel"},
			{`{"run_setup_tests":false,"config":{"connection_type":"Directly"}}`, 200, "Directly"},
			{`{"run_setup_tests":false,"networking_method":"SshTunnel"}`, 200, "SshTunnel"},
		}},
		{"destination that names a tunnel", "/v1/destinations", []step{{target("", ","+tunnel), 201, "Directly"}}},
		{"destination without tunnels", "/v1/destinations", []step{{`{"service":"duckdb","group_id":"{g}","time_zone_offset":"0","networking_method":"SshTunnel","config":{"path":"p"}}`, 400, "Networking method 'SshTunnel' is not supported"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := newEnv(t)
			group := e.group("g")
			agent := e.ok("POST", "/v1/proxy", `{"display_name":"p"}`).data["agent_id"].(string)
			key := e.ok("GET", "/v1/groups/"+group+"/public-key", "").data["public_key"]
			path, verb := tt.path, "POST"
			for _, st := range tt.steps {
				a := e.do(verb, path, strings.NewReplacer("{g}", group, "{p}", agent).Replace(st.body))
				if a.status != st.status {
					t.Fatalf("%s: %d %s", st.body, a.status, a.body)
				}
				if st.status >= 400 {
					if a.message != st.method {
						t.Errorf("got %q, want %q", a.message, st.method)
					}
					return
				}
				if verb == "POST" {
					path, verb = path+"/"+a.data["id"].(string), "PATCH"
				}
				config := a.data["config"].(map[string]any)
				if a.data["networking_method"] != st.method || config["connection_type"] != st.method {
					t.Errorf("%s: networking_method %v, connection_type %v, want %s", st.body, a.data["networking_method"], config["connection_type"], st.method)
				}
				if shown := a.data["proxy_agent_id"]; (shown == agent) != (st.method == "ProxyAgent") {
					t.Errorf("%s: proxy_agent_id %v", st.body, shown)
				}
				if shown := config["public_key"]; (shown == key) != (st.method == "SshTunnel") {
					t.Errorf("%s: public_key %v", st.body, shown)
				}
			}
		})
	}
}

// TestTakes asks for services that can be reached in fewer ways than others.
func TestTakes(t *testing.T) {
	some := networked{service: setup.Describe("Some", struct {
		Way string `json:"connection_type" enum:"Directly,SshTunnel"`
	}{})}
	none := networked{service: setup.Describe("None", struct{}{})}
	for method, want := range map[string][2]bool{"Directly": {true, true}, "SshTunnel": {true, false}, "ProxyAgent": {false, true}} {
		if got := [2]bool{some.takes(method), none.takes(method)}; got != want {
			t.Errorf("%s: %v, want %v", method, got, want)
		}
		if asked := some.connectionType(json.RawMessage(`{"connection_type":"` + method + `"}`)); (asked != nil) != want[0] {
			t.Errorf("%s: a config asks for %v", method, asked)
		}
	}
}
