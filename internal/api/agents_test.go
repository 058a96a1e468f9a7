package api

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestProxyAgents(t *testing.T) {
	e := newEnv(t)
	a := e.ok("POST", "/v1/proxy", `{"display_name":"edge","group_region":"AWS_EU_NORTH_1"}`)
	id := a.data["agent_id"].(string)
	if _, err := tls.X509KeyPair([]byte(a.data["client_cert"].(string)), []byte(a.data["client_private_key"].(string))); err != nil {
		t.Error(err)
	}
	if a.status != 201 || a.message != "Proxy agent has been created" || len(a.data["auth_token"].(string)) < 32 ||
		a.data["orchestrator_host"] != "example.com" || a.data["orchestrator_port"] != 80.0 {
		t.Errorf("got %d %s %v", a.status, a.message, a.data["orchestrator_port"])
	}
	details := e.ok("GET", "/v1/proxy/"+id, "")
	want := map[string]any{"id": id, "account_id": e.user.AccountID, "display_name": "edge", "region": "AWS_EU_NORTH_1", "created_by": e.user.ID,
		"registered_at": details.data["registered_at"], "status": "NOT_CONNECTED", "usage": []any{}}
	if diff := cmp.Diff(want, details.data); diff != "" {
		t.Error(diff)
	}
	for _, secret := range []string{a.data["auth_token"].(string), "PRIVATE KEY"} {
		if strings.Contains(details.body, secret) {
			t.Error("the details tell a secret")
		}
	}
	again := e.ok("POST", "/v1/proxy/"+id+"/regenerate-secrets", "")
	if again.data["agent_id"] != id || again.data["auth_token"] == a.data["auth_token"] || again.message != "Proxy agent secrets have been regenerated" {
		t.Errorf("got %s", again.body)
	}

	group := e.group("g")
	through := `"networking_method":"ProxyAgent","proxy_agent_id":"` + id + `","run_setup_tests":false`
	e.ok("POST", "/v1/destinations", `{"group_id":"`+group+`","service":"postgres_warehouse","time_zone_offset":"0",`+through+`,"config":{"host":"h"}}`)
	c := e.id("/v1/connections", `{"group_id":"`+group+`","service":"15five",`+through+`,"config":{"schema":"s","api_key":"k"}}`)
	usage := []any{
		map[string]any{"id": c, "schema": "s", "service": "15five"},
		map[string]any{"id": group, "schema": nil, "service": "postgres_warehouse"},
	}
	if diff := cmp.Diff(usage, e.ok("GET", "/v1/proxy/"+id, "").data["usage"]); diff != "" {
		t.Error(diff)
	}
	list := e.ok("GET", "/v1/proxy", "")
	item := list.data["items"].([]any)[0].(map[string]any)
	if item["id"] != id || item["connector_count"] != 1.0 || item["destination_count"] != 1.0 || list.message != "Proxy agent retrieved successfully" {
		t.Errorf("got %s", list.body)
	}
	conns := e.ok("GET", "/v1/proxy/"+id+"/connections", "")
	if diff := cmp.Diff([]any{map[string]any{"connection_id": c}}, conns.data["items"]); diff != "" {
		t.Error(diff)
	}
	if a := e.do("DELETE", "/v1/proxy/"+id, ""); a.status != 409 || a.code != "Conflict" || a.message != "Proxy agent have attached connections." {
		t.Errorf("got %d %s", a.status, a.body)
	}
	for _, path := range []string{"/v1/connections/" + c, "/v1/destinations/" + group} {
		data := e.ok("PATCH", path, `{"networking_method":"Directly","proxy_agent_id":null,"run_setup_tests":false}`).data
		if data["proxy_agent_id"] != nil || data["networking_method"] != "Directly" {
			t.Errorf("%s: %v", path, data)
		}
	}
	if a := e.ok("DELETE", "/v1/proxy/"+id, ""); a.message != "Agent "+id+" successfully deleted" {
		t.Errorf("got %s", a.body)
	}
}

func TestHybridAgents(t *testing.T) {
	e := newEnv(t)
	group := e.group("g")
	body := `{"group_id":"` + group + `","display_name":"here","env_type":"DOCKER","accept_terms":true,"auth_type":"MANUAL"}`
	a := e.ok("POST", "/v1/hybrid-deployment-agents", body)
	id := a.data["id"].(string)
	if a.status != 201 || a.message != "Hybrid deployment agent has been created" {
		t.Errorf("got %d %s", a.status, a.message)
	}
	files := func(data map[string]any) (auth map[string]string) {
		t.Helper()
		for name, text := range data["files"].(map[string]any) {
			b, err := base64.StdEncoding.DecodeString(text.(string))
			if err != nil || len(b) == 0 {
				t.Errorf("%s: %q, %v", name, text, err)
			}
			if name == "auth_json" {
				must(t, json.Unmarshal(b, &auth))
			}
		}
		return auth
	}
	auth := files(a.data)
	if _, err := tls.X509KeyPair([]byte(auth["client_cert"]), []byte(auth["client_private_key"])); err != nil {
		t.Error(err)
	}
	details := e.ok("GET", "/v1/hybrid-deployment-agents/"+id, "")
	want := map[string]any{"id": id, "version": "", "enabled": true, "online": false, "display_name": "here", "group_id": group,
		"registered_at": a.data["registered_at"], "created_by": e.user.ID, "deployment_type": "DOCKER", "updated_at": a.data["updated_at"],
		"last_used_at": nil, "usage": []any{}}
	if diff := cmp.Diff(want, details.data); diff != "" {
		t.Error(diff)
	}
	for _, method := range []string{"PATCH", "POST"} {
		again := e.ok(method, "/v1/hybrid-deployment-agents/"+id+"/re-auth", `{"auth_type":"AUTO"}`)
		if again.status != 200 || again.message != "Hybrid deployment agent re-authentication successful" || again.data["token"] == a.data["token"] ||
			files(again.data)["client_cert"] == auth["client_cert"] {
			t.Errorf("got %d %s", again.status, again.message)
		}
	}
	if a := e.ok("POST", "/v1/hybrid-deployment-agents/"+id+"/reset-credentials", ""); a.message != "Successfully reset credentials the agent with id = "+id {
		t.Errorf("got %s", a.body)
	}

	// Connections go by their destination's agent unless they say otherwise.
	e.ok("POST", "/v1/destinations", `{"group_id":"`+group+`","service":"duckdb","time_zone_offset":"0","hybrid_deployment_agent_id":"`+id+`","run_setup_tests":false,"config":{"path":"p"}}`)
	conn := func(schema, more string) map[string]any {
		return e.ok("POST", "/v1/connections", `{"group_id":"`+group+`","service":"15five","run_setup_tests":false,"config":{"schema":"`+schema+`"}`+more+`}`).data
	}
	by, without := conn("a", ""), conn("b", `,"hybrid_deployment_agent_id":null`)
	if by["hybrid_deployment_agent_id"] != id || by["local_processing_agent_id"] != id || without["hybrid_deployment_agent_id"] != nil {
		t.Errorf("agents %v, %v", by["hybrid_deployment_agent_id"], without["hybrid_deployment_agent_id"])
	}
	usage := []any{map[string]any{"schema": "a", "service": "15five", "connection_id": by["id"]}}
	for query, n := range map[string]int{"": 1, "?groupId=" + group: 1, "?groupId=other": 0} {
		items := e.ok("GET", "/v1/hybrid-deployment-agents"+query, "").data["items"].([]any)
		if len(items) != n {
			t.Errorf("%q: %d agents", query, len(items))
		} else if n > 0 {
			if diff := cmp.Diff(usage, items[0].(map[string]any)["usage"]); diff != "" {
				t.Error(diff)
			}
		}
	}
	if a := e.do("DELETE", "/v1/hybrid-deployment-agents/"+id, ""); a.status != 409 {
		t.Errorf("got %d %s", a.status, a.body)
	}
	e.ok("DELETE", "/v1/connections/"+by["id"].(string), "")
	e.ok("DELETE", "/v1/connections/"+without["id"].(string), "")
	e.ok("DELETE", "/v1/destinations/"+group, "")
	if a := e.ok("DELETE", "/v1/hybrid-deployment-agents/"+id, ""); a.message != "Hybrid deployment agent with id = "+id+" has been deleted." {
		t.Errorf("got %s", a.body)
	}
	e.id("/v1/hybrid-deployment-agents", body)
	e.ok("DELETE", "/v1/groups/"+group, "") // its agents go with it
	if items := e.ok("GET", "/v1/hybrid-deployment-agents", "").data["items"].([]any); len(items) != 0 {
		t.Errorf("%d agents are left", len(items))
	}
}
