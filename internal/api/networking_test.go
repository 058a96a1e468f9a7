package api

import (
	"strings"
	"testing"
)

// TestNetworking asks for a tunnel in the ways in which it can be asked for.
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
			key := e.ok("GET", "/v1/groups/"+group+"/public-key", "").data["public_key"]
			path, verb := tt.path, "POST"
			for _, st := range tt.steps {
				a := e.do(verb, path, strings.ReplaceAll(st.body, "{g}", group))
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
				if shown := config["public_key"]; (shown == key) != (st.method == "SshTunnel") {
					t.Errorf("%s: public_key %v", st.body, shown)
				}
			}
		})
	}
}
