package api

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/store"
)

// id returns the id of what a request makes.
func (e *env) id(path, body string) string {
	e.t.Helper()
	data := e.ok("POST", path, body).data
	if id, ok := data["agent_id"].(string); ok {
		return id
	}
	return data["id"].(string)
}

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

func TestPrivateLinks(t *testing.T) {
	e := newEnv(t)
	a := e.ok("POST", "/v1/private-links", `{"name":"l","region":"AZURE_EASTUS2","service":"SOURCE_AZURE",
		"config":{"connection_service_id":"c","sub_resource_name":"sqlServer","private_dns_records":"a;b","unknown":"x"}}`)
	id := a.data["id"].(string)
	want := map[string]any{"id": id, "name": "l", "region": "AZURE_EASTUS2", "service": "SOURCE_AZURE", "state": "CREATING",
		"state_summary": "The private link is being made.", "account_id": e.user.AccountID, "cloud_provider": "AZURE", "created_by": e.user.ID,
		"created_at": a.data["created_at"], "config": map[string]any{"connection_service_id": "c", "sub_resource_name": "sqlServer", "private_dns_records": "a;b"}}
	if diff := cmp.Diff(want, a.data); a.status != 201 || a.message != "Private link has been created" || diff != "" {
		t.Error(a.status, a.message, diff)
	}
	patch := `{"config":{"connection_service_id":"d","private_dns_records":null}}`
	refused := func() {
		t.Helper()
		if a := e.do("PATCH", "/v1/private-links/"+id, patch); a.status != 409 || a.code != "IllegalState" {
			t.Errorf("got %d %s", a.status, a.body)
		}
	}
	refused()
	e.now = e.now.Add(time.Hour)
	if state := e.ok("GET", "/v1/private-links/"+id, "").data["state"]; state != "FAIL" {
		t.Errorf("state %v", state)
	}
	a = e.ok("PATCH", "/v1/private-links/"+id, patch)
	want["state"], want["state_summary"] = "UPDATING", "The private link is being changed."
	want["config"] = map[string]any{"connection_service_id": "d", "sub_resource_name": "sqlServer"}
	if diff := cmp.Diff(want, a.data); a.message != "Private link has been updated" || diff != "" {
		t.Error(a.message, diff)
	}
	refused()
	if diff := cmp.Diff([]any{want}, e.ok("GET", "/v1/private-links", "").data["items"]); diff != "" {
		t.Error(diff)
	}
	c := e.id("/v1/connections", `{"group_id":"`+e.group("g")+`","service":"15five","run_setup_tests":false,"networking_method":"PrivateLink",
		"private_link_id":"`+id+`","config":{"schema":"s"}}`)
	if a := e.do("DELETE", "/v1/private-links/"+id, ""); a.status != 409 {
		t.Errorf("got %d %s", a.status, a.body)
	}
	if data := e.ok("PATCH", "/v1/connections/"+c, `{"networking_method":"Directly","run_setup_tests":false}`).data; data["private_link_id"] != nil {
		t.Errorf("the link %v stays", data["private_link_id"])
	}
	if a := e.ok("DELETE", "/v1/private-links/"+id, ""); a.message != "Private link with id '"+id+"' is marked for deletion" {
		t.Errorf("got %s", a.body)
	}
}

// TestRecordErrors is what clients are told. {g} is a group, {p} a proxy agent,
// {h} a hybrid deployment agent, {l} a private link, {c} a connection, {j} a
// project, {t} a transformation, {q} one of a package.
func TestRecordErrors(t *testing.T) {
	const get, post, patch, del = "GET", "POST", "PATCH", "DELETE"
	const proxy, hybrid, links = "/v1/proxy", "/v1/hybrid-deployment-agents", "/v1/private-links"
	const projects, transforms, conns = "/v1/transformation-projects", "/v1/transformations", "/v1/connections"
	root := newEnv(t)
	g := root.group("g")
	c := root.id(conns, `{"group_id":"`+g+`","service":"15five","run_setup_tests":false,"config":{"schema":"s"}}`)
	j := root.id(projects, newProject(g, ""))
	ids := strings.NewReplacer("{g}", g, "{c}", c, "{j}", j,
		"{p}", root.id(proxy, `{"display_name":"p"}`),
		"{h}", root.id(hybrid, `{"group_id":"`+g+`","display_name":"h","env_type":"DOCKER","accept_terms":true}`),
		"{l}", root.id(links, `{"name":"l","region":"GCP_US_EAST4","service":"SOURCE_GCP","config":{"private_connection_service_id":"x"}}`),
		"{t}", root.id(transforms, newTransformation(j, "")),
		"{q}", root.id(transforms, `{"type":"QUICKSTART","schedule":{"schedule_type":"INTEGRATED"},"transformation_config":{"package_name":"p","connection_ids":["`+c+`"]}}`))
	agent := func(more string) string {
		return `{"group_id":"{g}","display_name":"x","env_type":"DOCKER"` + more + `}`
	}
	link := func(service, config string) string {
		return `{"name":"x","region":"GCP_US_EAST4","service":"` + service + `","config":` + config + `}`
	}
	conn := func(more string) string {
		return `{"group_id":"{g}","service":"15five","run_setup_tests":false,"config":{"schema":"x"},` + more + `}`
	}
	plan := func(schedule string) string { return `{"schedule":` + schedule + `}` }
	const forbidden, terms = "You do not have permission to perform this operation", "Field 'accept_terms' must be true"
	for _, tt := range []struct {
		method, path, body string
		as                 string // "": the administrator
		status             int
		code, message      string
	}{
		{post, proxy, `{}`, "", 400, "InvalidInput", "Field 'display_name' is required"},
		{post, proxy, `{"display_name":"x","group_region":"MOON"}`, "", 400, "InvalidInput", "Group region not supported."},
		{post, proxy, `{"display_name":"p"}`, "", 409, "Conflict", "Proxy agent with same name already exists."},
		{post, proxy, `{"display_name":"x"}`, "reviewer", 403, "Forbidden", forbidden},
		{get, proxy, "", "stranger", 403, "Forbidden", forbidden},
		{get, proxy + "/{h}", "", "", 404, "NotFound", "Proxy Agent not found."},
		{get, proxy + "/{p}", "", "stranger", 404, "NotFound", "Proxy Agent not found."},
		{get, proxy + "/x/connections", "", "", 404, "NotFound", "Proxy Agent not found."},
		{del, proxy + "/x", "", "", 404, "NotFound", "Proxy Agent not found."},
		{del, proxy + "/{p}", "", "reviewer", 403, "Forbidden", forbidden},
		{post, proxy + "/{p}/regenerate-secrets", "", "reviewer", 403, "Forbidden", forbidden},
		{post, proxy + "/x/regenerate-secrets", "", "", 404, "NotFound", "Proxy Agent not found."},
		{"PUT", proxy + "/{p}/regenerate-secrets", "", "", 405, "MethodNotAllowed", "HTTP 405 Method Not Allowed"},
		{get, proxy + "/{p}/regenerate-secrets", "", "", 405, "MethodNotAllowed", "HTTP 405 Method Not Allowed"},

		{post, hybrid, agent(`,"accept_terms":false`), "", 400, "InvalidInput", terms},
		{post, hybrid, agent(``), "", 400, "InvalidInput", terms},
		{post, hybrid, `{"group_id":"{g}","env_type":"DOCKER","accept_terms":true}`, "", 400, "InvalidInput", "Field 'display_name' is required"},
		{post, hybrid, `{"display_name":"x","env_type":"DOCKER","accept_terms":true}`, "", 400, "InvalidInput", "Field 'group_id' is required"},
		{post, hybrid, `{"group_id":"{g}","display_name":"x","env_type":"ABACUS","accept_terms":true}`, "", 400, "InvalidInput", "Invalid value for field 'env_type'"},
		{post, hybrid, agent(`,"accept_terms":true,"auth_type":"x"`), "", 400, "InvalidInput", "Invalid value for field 'auth_type'"},
		{post, hybrid, `{"group_id":"x","display_name":"x","env_type":"DOCKER","accept_terms":true}`, "", 404, "NotFound_Group", "Group with id 'x' does not exist."},
		{post, hybrid, agent(`,"accept_terms":true`), "reviewer", 403, "Forbidden", forbidden},
		{get, hybrid + "/{p}", "", "", 404, "NotFound_RemoteExecutionAgent", "Hybrid Deployment Agent not found."},
		{patch, hybrid + "/x/re-auth", `{}`, "", 404, "NotFound_RemoteExecutionAgent", "Hybrid Deployment Agent not found."},
		{patch, hybrid + "/{h}/re-auth", `{"auth_type":"x"}`, "", 400, "InvalidInput", "Invalid value for field 'auth_type'"},
		{post, hybrid + "/{h}/reset-credentials", "", "reviewer", 403, "Forbidden", forbidden},
		{del, hybrid + "/x", "", "", 404, "NotFound_RemoteExecutionAgent", "Hybrid Deployment Agent not found."},

		{post, links, link("SOURCE_GCP", `{}`), "", 400, "InvalidInput", "Field 'private_connection_service_id' is required"},
		{post, links, link("SOURCE_GCP", `null`), "", 400, "InvalidInput", "Field 'config' is required"},
		{post, links, link("SOURCE_GCP", `{"private_connection_service_id":1}`), "", 400, "InvalidInput", "Invalid 'config' object"},
		{post, links, link("SOURCE_MOON", `{}`), "", 400, "InvalidInput", "Unsupported service 'SOURCE_MOON'"},
		{post, links, `{"name":"x","region":"MOON","service":"SOURCE_GCP","config":{}}`, "", 400, "InvalidInput", "Group region not supported."},
		{post, links, link("SOURCE_GCP", `{}`), "reviewer", 403, "Forbidden", forbidden},
		{get, links + "/x", "", "", 404, "NotFound", "Private Link with id 'x' does not exist."},
		{patch, links + "/x", `{}`, "", 404, "NotFound", "Private Link with id 'x' does not exist."},
		{del, links + "/x", "", "", 404, "NotFound", "Private Link with id 'x' does not exist."},
		{del, links + "/{l}", "", "reviewer", 403, "Forbidden", forbidden},

		{post, conns, conn(`"proxy_agent_id":"{p}"`), "", 400, "InvalidInput", "Networking method must be ProxyAgent in order to set proxy_agent_id"},
		{post, conns, conn(`"networking_method":"ProxyAgent"`), "", 400, "InvalidInput", "Field 'proxy_agent_id' is required"},
		{post, conns, conn(`"networking_method":"PrivateLink","proxy_agent_id":"{p}"`), "", 400, "InvalidInput", "Field 'private_link_id' is required"},
		{post, conns, conn(`"networking_method":"PrivateLink","private_link_id":"{p}"`), "", 404, "NotFound", "Private Link with id '{p}' does not exist."},
		{post, conns, conn(`"hybrid_deployment_agent_id":"{p}"`), "", 404, "NotFound_RemoteExecutionAgent", "Hybrid Deployment Agent not found."},
		{patch, conns + "/{c}", `{"private_link_id":"{l}"}`, "", 400, "InvalidInput", "Networking method must be PrivateLink in order to set private_link_id"},
		{patch, conns + "/{c}", `{"networking_method":"ProxyAgent","proxy_agent_id":"x"}`, "", 404, "NotFound", "Proxy Agent not found."},
		{patch, conns + "/{c}", `{"networking_method":"Wire"}`, "", 400, "InvalidInput", "Invalid value for field 'networking_method'"},

		{post, "/v1/hvr/register-hub", `{"port":1,"hub_server_url":"u"}`, "", 400, "InvalidInput", "Field 'fingerprint' is required"},
		{post, "/v1/hvr/register-hub", `{"fingerprint":"f","hub_server_url":"u"}`, "", 400, "InvalidInput", "Invalid value for field 'port'"},
		{post, "/v1/hvr/register-hub", `{"fingerprint":"f","port":1,"hub_server_url":"u"}`, "reviewer", 403, "Forbidden", forbidden},
		{post, "/v1/certificates", `{"hash":"h","encoded_cert":"c"}`, "", 400, "InvalidInput", "Field 'connection_id' is required"},
		{post, "/v1/certificates", `{"connection_id":"x"}`, "", 404, "NotFound_Connection", "Connection with id 'x' does not exist."},
		{post, "/v1/certificates", `{"destination_id":"x"}`, "", 404, "NotFound_Destination", "Destination with id 'x' does not exist."},
		{post, "/v1/certificates", `{"connection_id":"{c}"}`, "", 400, "InvalidInput", "Field 'hash' is required"},
		{post, "/v1/certificates", `{"connection_id":"{c}"}`, "reviewer", 403, "Forbidden", forbidden},

		{post, conns + "/{c}/connect-card", `{}`, "", 400, "InvalidInput", "Field 'connect_card_config' is required"},
		{post, conns + "/{c}/connect-card", `{"connect_card_config":{}}`, "", 400, "InvalidInput", "Field 'redirect_uri' is required"},
		{post, conns + "/{c}/connect-card", `{"connect_card_config":{"redirect_uri":"ftp://x"}}`, "", 400, "InvalidInput", "Invalid value for field 'redirect_uri': it begins with https or http"},
		{post, conns + "/{c}/connect-card", `{}`, "reviewer", 403, "Forbidden", forbidden},
		{post, "/v1/connectors/x/connect-card", `{}`, "", 404, "NotFound_Connector", "Connector with id 'x' does not exist."},

		{patch, conns + "/{c}", plan(`{}`), "", 400, "InvalidInput", "Field 'schedule_type' is required"},
		{patch, conns + "/{c}", plan(`{"schedule_type":"SOMETIMES"}`), "", 400, "InvalidInput", "Invalid schedule: field 'schedule_type' is one of INTERVAL, TIME_OF_DAY, CRON"},
		{patch, conns + "/{c}", plan(`{"schedule_type":"CRON","cron":"x"}`), "", 400, "InvalidInput", "Invalid schedule: field 'cron' is minute, hour, day of the month, month and day of the week, such as 30 6 * * MON-FRI"},
		{patch, conns + "/{c}", plan(`{"schedule_type":"INTERVAL","interval":"often"}`), "", 400, "InvalidInput", "Invalid value for field 'interval'"},
		{get, conns + "/{c}/sync-history?start_time=yesterday", "", "", 400, "InvalidInput", "Invalid value for parameter 'start_time': it is a time such as 2026-01-01T00:00:00Z"},
		{get, conns + "/{c}/sync-history?start_time=2026-01-02T00:00:00Z&end_time=2026-01-01T00:00:00Z", "", "", 400, "InvalidInput", "Parameter 'end_time' must be after 'start_time'"},
		{get, conns + "/{c}/sync-history?start_time=2026-01-01T00:00:00Z&end_time=2026-01-09T00:00:00Z", "", "", 400, "InvalidInput", "The range between 'start_time' and 'end_time' can be at most 7 days"},
		{get, conns + "/x/sync-history", "", "", 404, "NotFound_Connection", "Connection with id 'x' does not exist."},
		{get, conns + "/x/errors", "", "", 404, "NotFound_Connection", "Connection with id 'x' does not exist."},
		{get, conns + "/{c}/errors?cursor=7", "", "", 400, "InvalidInput", "Invalid value for parameter 'cursor'"},

		{post, projects, `{"group_id":"{g}","type":"DBT_CORE"}`, "", 400, "InvalidInput", "Field 'project_config' is required"},
		{post, projects, `{"group_id":"{g}","type":"DBT_GIT","project_config":{}}`, "", 400, "InvalidInput", "Invalid value for field 'type'"},
		{post, projects, `{"group_id":"{g}","type":"DBT_CORE","project_config":{"dbt_version":"1","default_schema":"s"}}`, "", 400, "InvalidInput", "Field 'git_remote_url' is required"},
		{post, projects, newProject("x", ""), "", 404, "NotFound_Group", "Group with id 'x' does not exist."},
		{post, projects, newProject("{g}", ""), "reviewer", 403, "Forbidden", forbidden},
		{get, projects + "/x", "", "", 404, "NotFound_TransformationProject", "Transformation project with id 'x' does not exist."},
		{patch, projects + "/{j}", `{"project_config":{"threads":-1}}`, "", 400, "InvalidInput", "Invalid value for field 'threads'"},
		{post, projects + "/{j}/test", "", "reviewer", 403, "Forbidden", forbidden},
		{del, projects + "/{j}", "", "", 409, "Conflict", "Transformation project with id '{j}' cannot be deleted because it has transformations"},

		{post, transforms, `{}`, "", 400, "InvalidInput", "Field 'type' is required"},
		{post, transforms, newTransformation("x", ""), "", 404, "NotFound_TransformationProject", "Transformation project with id 'x' does not exist."},
		{post, transforms, newTransformation("{j}", ""), "reviewer", 403, "Forbidden", forbidden},
		{post, transforms, `{"type":"DBT_CORE","schedule":{"schedule_type":"INTEGRATED"},"transformation_config":{"project_id":"{j}","name":"n"}}`, "", 400, "InvalidInput", "Field 'steps' is required"},
		{post, transforms, `{"type":"QUICKSTART","schedule":{"schedule_type":"INTEGRATED"},"transformation_config":{"package_name":"p","connection_ids":["x"]}}`, "", 404, "NotFound_Connection", "Connection with id 'x' does not exist."},
		{patch, transforms + "/{t}", plan(`{}`), "", 400, "InvalidInput", "Field 'schedule_type' is required"},
		{patch, transforms + "/{t}", plan(`{"schedule_type":"TIME_OF_DAY","time_of_day":"06:15"}`), "", 400, "InvalidInput", "Invalid schedule: field 'time_of_day' is a full or a half hour"},
		{patch, transforms + "/{t}", plan(`{"schedule_type":"CRON","cron":["0 * * * *","x"]}`), "", 400, "InvalidInput", "Invalid schedule: field 'cron' is minute, hour, day of the month, month and day of the week, such as 30 6 * * MON-FRI"},
		{patch, transforms + "/{t}", plan(`{"schedule_type":"INTEGRATED","connection_ids":["x"]}`), "", 404, "NotFound_Connection", "Connection with id 'x' does not exist."},
		{patch, transforms + "/{t}", plan(`{"schedule_type":"INTEGRATED","transformation_ids":["{t}"]}`), "", 400, "InvalidInput", "Transformation '{t}' cannot be waited for"},
		{patch, transforms + "/{t}", `{"transformation_config":{"project_id":"x"}}`, "", 400, "InvalidInput", "Field 'project_id' cannot be changed"},
		{get, transforms + "/x", "", "", 404, "NotFound_Transformation", "Transformation with id 'x' does not exist."},
		{get, transforms + "/{t}", "", "stranger", 404, "NotFound_Transformation", "Transformation with id '{t}' does not exist."},
		{get, transforms + "?type=x", "", "", 400, "InvalidInput", "Invalid value for parameter 'type'"},
		{post, transforms + "/{t}/run", "", "reviewer", 403, "Forbidden", forbidden},
		{post, transforms + "/x/run", "", "", 404, "NotFound_Transformation", "Transformation with id 'x' does not exist."},
		{post, transforms + "/{t}/cancel", "", "", 409, "Conflict", "Transformation with id '{t}' is not running"},
		{post, transforms + "/{t}/upgrade", "", "", 400, "InvalidInput", "Only the package of a QUICKSTART transformation can be upgraded"},
		{post, transforms + "/{q}/upgrade", "", "", 404, "NotFound", "Transformation package of transformation '{q}' does not exist."},
		{get, transforms + "/{t}/run", "", "", 405, "MethodNotAllowed", "HTTP 405 Method Not Allowed"},
		{get, transforms + "/package-metadata/x", "", "", 404, "NotFound", "Transformation package with id 'x' does not exist."},
		{del, transforms + "/package-metadata/x", "", "", 405, "MethodNotAllowed", "HTTP 405 Method Not Allowed"},
		{del, transforms + "/x", "", "", 404, "NotFound_Transformation", "Transformation with id 'x' does not exist."},
	} {
		t.Run(tt.method+" "+tt.path+" "+tt.as, func(t *testing.T) {
			e := *root
			e.t = t
			if role, ok := map[string]string{"reviewer": access.Reviewer, "stranger": ""}[tt.as]; ok {
				e.loginOnce(role)
			}
			a := e.do(tt.method, ids.Replace(tt.path), ids.Replace(tt.body))
			if a.status != tt.status || a.code != tt.code || a.message != ids.Replace(tt.message) {
				t.Errorf("%s\ngot  %d %s %q\nwant %d %s %q", tt.body, a.status, a.code, a.message, tt.status, tt.code, ids.Replace(tt.message))
			}
		})
	}
}

// loginOnce is login that can be called again.
func (e *env) loginOnce(role string) {
	e.t.Helper()
	u, err := e.store.UserByEmail(e.t.Context(), role+"@example.com")
	if err != nil {
		e.login(e.t, role)
		return
	}
	e.key, e.secret, err = e.store.CreateAPIKey(e.t.Context(), u.ID)
	must(e.t, err)
}

func newProject(group, more string) string {
	return `{"group_id":"` + group + `","type":"DBT_CORE","project_config":{"dbt_version":"1.9","default_schema":"s",
		"git_remote_url":"git@example.com:x.git","environment_vars":["DBT_ENV_SECRET_A=hunter2","DBT_B=b"]}` + more + `}`
}

func newTransformation(project, more string) string {
	return `{"type":"DBT_CORE","schedule":{"schedule_type":"TIME_OF_DAY","time_of_day":"06:30","days_of_week":["MONDAY"]},
		"transformation_config":{"project_id":"` + project + `","name":"n","steps":[{"name":"run","command":"dbt run"}]}` + more + `}`
}

func TestTransformationProjects(t *testing.T) {
	e := newEnv(t)
	g := e.group("g")
	a := e.ok("POST", "/v1/transformation-projects", newProject(g, `,"run_tests":false`))
	id := a.data["id"].(string)
	config := map[string]any{"dbt_version": "1.9", "default_schema": "s", "git_remote_url": "git@example.com:x.git",
		"environment_vars": []any{"DBT_ENV_SECRET_A=******", "DBT_B=b"}, "public_key": e.store.GroupPublicKey(g)}
	want := map[string]any{"id": id, "type": "DBT_CORE", "group_id": g, "created_at": a.data["created_at"], "created_by_id": e.user.ID,
		"status": "NOT_READY", "errors": []any{}, "project_config": config}
	if diff := cmp.Diff(want, a.data); a.status != 201 || a.message != "Transformation project created successfully" || diff != "" {
		t.Error(a.status, a.message, diff)
	}
	a = e.ok("PATCH", "/v1/transformation-projects/"+id, `{"run_tests":false,"project_config":{"threads":4,"git_branch":"main","git_remote_url":"no",
		"environment_vars":["DBT_ENV_SECRET_A=******","DBT_C=c"]}}`)
	config["threads"], config["git_branch"], config["environment_vars"] = 4.0, "main", []any{"DBT_ENV_SECRET_A=******", "DBT_C=c"}
	if diff := cmp.Diff(want, a.data); a.message != "Transformation project updated successfully" || diff != "" {
		t.Error(a.message, diff)
	}
	p, err := e.store.ProjectIn(t.Context(), e.user.AccountID, id)
	must(t, err)
	if !bytes.Contains(p.Config, []byte("DBT_ENV_SECRET_A=hunter2")) {
		t.Error("the secret was not kept")
	}
	a = e.ok("POST", "/v1/transformation-projects/"+id+"/test", "")
	want["status"], want["errors"] = "ERROR", []any{"The group has no destination.", noDBT}
	want["setup_tests"] = []any{
		map[string]any{"title": "Checking the destination", "status": "FAILED", "message": "The group has no destination."},
		map[string]any{"title": "Running dbt", "status": "FAILED", "message": noDBT},
	}
	if diff := cmp.Diff(want, a.data); a.message != "Transformation project test completed successfully" || diff != "" {
		t.Error(a.message, diff)
	}
	if diff := cmp.Diff(want, e.ok("GET", "/v1/transformation-projects/"+id, "").data); diff != "" {
		t.Error(diff)
	}
	list := e.ok("GET", "/v1/transformation-projects", "").data["items"].([]any)
	if len(list) != 1 || list[0].(map[string]any)["id"] != id {
		t.Errorf("list %v", list)
	}
	if a := e.ok("DELETE", "/v1/transformation-projects/"+id, ""); a.message != "Transformation project with id '"+id+"' has been deleted" {
		t.Errorf("got %s", a.body)
	}
}

func TestTransformations(t *testing.T) {
	e := newEnv(t)
	g := e.group("g")
	project := e.id("/v1/transformation-projects", newProject(g, ""))
	a := e.ok("POST", "/v1/transformations", newTransformation(project, ""))
	id := a.data["id"].(string)
	want := map[string]any{"id": id, "status": "NEW", "type": "DBT_CORE", "paused": false, "created_at": a.data["created_at"],
		"created_by_id": e.user.ID, "output_model_names": []any{},
		"schedule":              map[string]any{"schedule_type": "TIME_OF_DAY", "time_of_day": "06:30", "days_of_week": []any{"MONDAY"}},
		"transformation_config": map[string]any{"project_id": project, "name": "n", "steps": []any{map[string]any{"name": "run", "command": "dbt run"}}}}
	if diff := cmp.Diff(want, a.data); a.status != 201 || a.message != "Transformation created successfully" || diff != "" {
		t.Error(a.status, a.message, diff)
	}
	a = e.ok("PATCH", "/v1/transformations/"+id, `{"paused":true,"schedule":{"schedule_type":"CRON","cron":["0 6 * * *","0 18 * * *"]},"transformation_config":{"name":"m"}}`)
	want["paused"], want["schedule"] = true, map[string]any{"schedule_type": "CRON", "cron": []any{"0 6 * * *", "0 18 * * *"}}
	want["transformation_config"].(map[string]any)["name"] = "m"
	if diff := cmp.Diff(want, a.data); a.message != "Transformation updated successfully" || diff != "" {
		t.Error(a.message, diff)
	}

	events, err := e.store.Events(t.Context(), 0, 1000)
	must(t, err)
	at := events[len(events)-1].ID
	if a := e.ok("POST", "/v1/transformations/"+id+"/run", `{"full_refresh":true}`); a.message != "Transformation with id '"+id+"' has been started" {
		t.Errorf("got %s", a.body)
	}
	data := e.ok("GET", "/v1/transformations/"+id, "").data
	if data["status"] != "FAILED" || data["last_started_at"] == nil || data["last_ended_at"] == nil {
		t.Errorf("a run that nobody did: %v", data)
	}
	events, err = e.store.Events(t.Context(), at, 10)
	must(t, err)
	if len(events) != 2 || events[0].Kind != store.TransformationStart || events[1].Kind != store.TransformationHasFailed ||
		!strings.Contains(string(events[1].Data), noDBT) {
		t.Errorf("events %v", events)
	}

	c := e.id("/v1/connections", `{"group_id":"`+g+`","service":"15five","run_setup_tests":false,"config":{"schema":"s"}}`)
	quick := e.ok("POST", "/v1/transformations", `{"type":"QUICKSTART","paused":true,"schedule":{"schedule_type":"INTEGRATED","transformation_ids":["`+id+`"]},
		"transformation_config":{"package_name":"p","connection_ids":["`+c+`"],"excluded_models":["m"],"name":"no"}}`).data
	wantConfig := map[string]any{"package_name": "p", "connection_ids": []any{c}, "excluded_models": []any{"m"}, "upgrade_available": false}
	if diff := cmp.Diff(wantConfig, quick["transformation_config"]); diff != "" {
		t.Error(diff)
	}
	for query, want := range map[string][]any{
		"":                             {id, quick["id"]},
		"?group_id=" + g:               {id, quick["id"]},
		"?group_id=other":              nil,
		"?project_id=" + project:       {id},
		"?type=QUICKSTART":             {quick["id"]},
		"?type=DBT_CORE&group_id=" + g: {id},
	} {
		var got []any
		for _, item := range e.ok("GET", "/v1/transformations"+query, "").data["items"].([]any) {
			got = append(got, item.(map[string]any)["id"])
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", query, diff)
		}
	}
	if items := e.ok("GET", "/v1/transformations/package-metadata?service=s&name=n", "").data["items"].([]any); len(items) != 0 {
		t.Errorf("packages %v", items)
	}
	if a := e.ok("DELETE", "/v1/transformations/"+id, ""); a.message != "Transformation with id '"+id+"' has been deleted" {
		t.Errorf("got %s", a.body)
	}
}

func TestHubsAndOldCertificates(t *testing.T) {
	e := newEnv(t)
	hub := `{"fingerprint":"f","port":4340,"hub_server_url":"https://hub.example.com"}`
	a, b := e.ok("POST", "/v1/hvr/register-hub", hub), e.ok("POST", "/v1/hvr/register-hub", hub)
	if a.message != "HVR hub has been registered" || a.data["registration_id"] == b.data["registration_id"] || a.data["access_token"] == b.data["access_token"] {
		t.Errorf("got %s, %s", a.body, b.body)
	}
	cert := `"hash":"` + testHash + `","encoded_cert":"` + base64.StdEncoding.EncodeToString(testDER) + `"`
	c := e.connection()
	data, _ := e.details(c)
	group := data["group_id"].(string)
	e.ok("POST", "/v1/destinations", `{"group_id":"`+group+`","service":"duckdb","time_zone_offset":"0","config":{"path":"p"}}`)
	for field, id := range map[string]string{"connection_id": c, "destination_id": group} {
		if a := e.ok("POST", "/v1/certificates", `{`+cert+`,"`+field+`":"`+id+`"}`); a.status != 200 || a.message != "The certificate has been approved." || a.data != nil {
			t.Errorf("got %d %s", a.status, a.body)
		}
		list := e.ok("GET", "/v1/"+strings.TrimSuffix(field, "_id")+"s/"+id+"/certificates", "").data["items"].([]any)
		if len(list) != 1 || list[0].(map[string]any)["hash"] != testHash {
			t.Errorf("%s: %v", field, list)
		}
	}
}

func TestConnectCards(t *testing.T) {
	e := newEnv(t)
	c := e.connection()
	a := e.ok("POST", "/v1/connections/"+c+"/connect-card", `{"connect_card_config":{"redirect_uri":"https://your.site/path","hide_setup_guide":true}}`)
	card := a.data["connect_card"].(map[string]any)
	want := map[string]any{"connector_id": c, "connect_card": card, "connect_card_config": map[string]any{"redirect_uri": "https://your.site/path", "hide_setup_guide": true}}
	if diff := cmp.Diff(want, a.data); a.status != 200 || a.message != "Connection Connect Card has been created" || diff != "" {
		t.Error(a.status, a.message, diff)
	}
	token := card["token"].(string)
	if uri := "http://example.com/connect-card/setup?auth=" + token + "&hide_setup_guide=true&redirect_uri=https%3A%2F%2Fyour.site%2Fpath"; card["uri"] != uri {
		t.Errorf("uri %s, want %s", card["uri"], uri)
	}
	if held, err := e.store.ConnectCard(t.Context(), token, e.now); err != nil || held.ConnectionID != c || held.AccountID != e.user.AccountID {
		t.Errorf("card %v, %v", held, err)
	}
	if a := e.ok("GET", "/v1/connections/"+c, ""); strings.Contains(a.body, token) || a.data["connect_card_config"] == nil {
		t.Errorf("got %s", a.body)
	}
	created := e.ok("POST", "/v1/connectors", `{"group_id":"`+e.group("h")+`","service":"15five","run_setup_tests":false,"config":{"schema":"s"},
		"connect_card_config":{"redirect_uri":"http://x"}}`).data
	token = created["connect_card"].(map[string]any)["token"].(string)
	if held, err := e.store.ConnectCard(t.Context(), token, e.now); err != nil || held.ConnectionID != created["id"] {
		t.Errorf("card %v, %v", held, err)
	}
}

func TestPublicURL(t *testing.T) {
	request := func(target string, s *server) string {
		return s.base(&request{Request: httptest.NewRequest("GET", target, nil)})
	}
	for _, tt := range []struct{ public, target, want string }{
		{"", "http://10.0.0.1:8080/x", "http://10.0.0.1:8080"},
		{"", "https://penstock.example.com/x", "https://penstock.example.com"},
		{"https://p.example.com/at/", "http://10.0.0.1:8080/x", "https://p.example.com/at"},
	} {
		if got := request(tt.target, &server{Config: Config{PublicURL: tt.public}}); got != tt.want {
			t.Errorf("%+v: %s", tt, got)
		}
	}
}

// TestSchedules is the schedule object of connections, step by step.
func TestSchedules(t *testing.T) {
	e := newEnv(t)
	id := e.connection()
	for _, tt := range []struct {
		patch, schedule, frequency, daily, kind string // JSON
	}{
		{`{"schedule":{"schedule_type":"CRON","cron":"0 6,18 * * MON-FRI"}}`, `{"schedule_type":"CRON","cron":"0 6,18 * * MON-FRI"}`, `null`, `null`, `"auto"`},
		{`{"paused":false}`, `{"schedule_type":"CRON","cron":"0 6,18 * * MON-FRI"}`, `null`, `null`, `"auto"`},
		{`{"schedule":{"schedule_type":"TIME_OF_DAY","time_of_day":"06:00","days_of_week":["FRIDAY","MONDAY"]}}`,
			`{"schedule_type":"TIME_OF_DAY","time_of_day":"06:00","days_of_week":["MONDAY","FRIDAY"]}`, `null`, `null`, `"auto"`},
		{`{"schedule":{"schedule_type":"TIME_OF_DAY","time_of_day":"06:00"}}`, `{"schedule_type":"TIME_OF_DAY","time_of_day":"06:00"}`, `1440`, `"06:00"`, `"auto"`},
		{`{"schedule":{"schedule_type":"INTERVAL","interval":7}}`, `{"schedule_type":"INTERVAL","interval":7}`, `null`, `null`, `"auto"`},
		{`{"schedule":{"schedule_type":"INTERVAL","interval":15},"sync_frequency":60}`, `{"schedule_type":"INTERVAL","interval":15}`, `15`, `null`, `"auto"`},
		{`{"schedule":{"schedule_type":"MANUAL"}}`, `{"schedule_type":"INTERVAL","interval":15}`, `15`, `null`, `"manual"`},
		{`{"schedule_type":"auto"}`, `{"schedule_type":"INTERVAL","interval":15}`, `15`, `null`, `"auto"`},
		{`{"schedule":null}`, "(absent)", `360`, `null`, `"auto"`},
		{`{"schedule":{"schedule_type":"CRON","cron":"* * * * *"}}`, `{"schedule_type":"CRON","cron":"* * * * *"}`, `null`, `null`, `"auto"`},
		{`{"sync_frequency":"1440","daily_sync_time":"03:00"}`, "(absent)", `1440`, `"03:00"`, `"auto"`},
	} {
		data := e.ok("PATCH", "/v1/connections/"+id, tt.patch).data
		for field, want := range map[string]string{"schedule": tt.schedule, "sync_frequency": tt.frequency, "daily_sync_time": tt.daily, "schedule_type": tt.kind} {
			checkField(t, data, field, want)
		}
	}
	if n := len(e.engine.changed); n != 11 {
		t.Errorf("the engine heard of %d changes", n)
	}
	made := e.ok("POST", "/v1/connections", `{"group_id":"`+e.group("h")+`","service":"15five","config":{"schema":"s","api_key":"k"},
		"schedule":{"schedule_type":"INTERVAL","interval":5}}`).data
	checkField(t, made, "schedule", `{"schedule_type":"INTERVAL","interval":5}`)
}

func TestSyncHistory(t *testing.T) {
	e := newEnv(t)
	id := e.connection()
	sync := func(o store.Outcome) *store.Run {
		t.Helper()
		_, err := e.store.UpdateConnection(t.Context(), id, func(c *store.Connection) error { c.TriggeredAt = e.now; return nil })
		must(t, err)
		e.now = e.now.Add(time.Minute)
		run := e.engine.start()
		if o.Kind != "" {
			e.engine.finish(run, o)
		}
		return run
	}
	first := e.now
	runs := []*store.Run{
		sync(store.Outcome{Kind: store.RunSucceeded, Bytes: 2_500_000}),
		sync(store.Outcome{Kind: store.RunFailed, Reason: "no route to host", Warnings: []store.Alert{{Code: store.SyncFailed, Message: "no route to host"}}}),
		sync(store.Outcome{Kind: store.RunRescheduled, Reason: "quota", RescheduledFor: e.now.Add(time.Hour)}),
		sync(store.Outcome{Kind: store.RunCanceled, Reason: "stopped"}),
		sync(store.Outcome{}),
	}
	volume := func(v any) map[string]any { return map[string]any{"volume": v} }
	item := func(i int, status string, extract, load any, reason string) map[string]any {
		m := map[string]any{"sync_id": runs[i].ID, "status": status, "start": runs[i].StartedAt.Format(time.RFC3339Nano),
			"stages": map[string]any{"extract": volume(extract), "process": volume(nil), "load": volume(load)}}
		if reason != "" {
			m["reason"] = reason
		}
		return m
	}
	want := []map[string]any{item(0, "COMPLETED", 2.5, 2.5, ""), item(1, "FAILURE", 0.0, nil, "no route to host"),
		item(2, "RESCHEDULED", 0.0, nil, "quota"), item(3, "CANCELED", 0.0, nil, "stopped"), item(4, "INCOMPLETE", 0.0, nil, "")}
	e.now = e.now.Add(time.Second) // the window's end is not in it
	read := func(query string) (got []map[string]any) {
		t.Helper()
		for cursor := ""; ; {
			data := e.ok("GET", "/v1/connections/"+id+"/sync-history?limit=2"+query+"&cursor="+cursor, "").data
			for _, v := range data["items"].([]any) {
				m := v.(map[string]any)
				if (m["end"] == nil) != (m["status"] == "INCOMPLETE") {
					t.Errorf("%v ends at %v", m["status"], m["end"])
				}
				delete(m, "end")
				got = append(got, m)
			}
			if cursor, _ = data["next_cursor"].(string); cursor == "" {
				return got
			}
		}
	}
	at := func(t time.Time) string { return strings.ReplaceAll(t.UTC().Format(time.RFC3339Nano), "+", "%2B") }
	if diff := cmp.Diff(want, read("")); diff != "" {
		t.Error(diff)
	}
	for query, n := range map[string]int{
		"&start_time=" + at(runs[1].StartedAt):                                  4,
		"&end_time=" + at(runs[1].StartedAt):                                    1,
		"&start_time=" + at(first) + "&end_time=" + at(runs[4].StartedAt):       4,
		"&start_time=" + at(first.AddDate(0, 0, -6)) + "&end_time=" + at(e.now): 5,
		"&start_time=2020-01-01T00:00:00Z":                                      0,
	} {
		if got := read(query); len(got) != n {
			t.Errorf("%s: %d syncs, want %d", query, len(got), n)
		}
	}
}

func TestConnectionErrors(t *testing.T) {
	e := newEnv(t)
	id := e.connection()
	if items := e.ok("GET", "/v1/connections/"+id+"/errors", "").data["items"].([]any); len(items) != 0 {
		t.Errorf("errors %v", items)
	}
	failed := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	_, err := e.store.UpdateConnection(t.Context(), id, func(c *store.Connection) error {
		c.Tasks = []store.Alert{{Code: "reconnect", Message: "Log in again."}}
		c.Warnings = []store.Alert{{Code: store.SyncFailed, Message: "no route"}, {Code: "names_collide", Message: "a and A"}}
		c.FailedAt = failed
		return nil
	})
	must(t, err)
	item := func(kind, title, reason, message string) any {
		return map[string]any{"type": kind, "title": title, "reason": reason, "message": message, "created_at": "2026-07-01T12:00:00Z"}
	}
	want := []any{item("reconnect", "Reconnect", "reconnect", "Log in again."), item("unknown_sync_failure", "Sync failed", "sync_failed", "no route"),
		item("sync_warning", "Names collide", "names_collide", "a and A")}
	if diff := cmp.Diff(want, e.ok("GET", "/v1/connections/"+id+"/errors", "").data["items"]); diff != "" {
		t.Error(diff)
	}
	page := e.ok("GET", "/v1/connections/"+id+"/errors?limit=1&cursor=1", "").data
	if diff := cmp.Diff(want[1:2], page["items"]); diff != "" || page["next_cursor"] != "2" {
		t.Error(diff, page["next_cursor"])
	}
}

// TestReviewersSeeAll asks for every list and detail of this file as a
// reviewer.
func TestReviewersSeeAll(t *testing.T) {
	e := newEnv(t)
	g := e.group("g")
	p := e.id("/v1/proxy", `{"display_name":"p"}`)
	h := e.id("/v1/hybrid-deployment-agents", `{"group_id":"`+g+`","display_name":"h","env_type":"DOCKER","accept_terms":true}`)
	l := e.id("/v1/private-links", `{"name":"l","region":"GCP_US_EAST4","service":"SOURCE_GCP","config":{"private_connection_service_id":"x"}}`)
	j := e.id("/v1/transformation-projects", newProject(g, ""))
	tr := e.id("/v1/transformations", newTransformation(j, ""))
	e.login(t, access.Reviewer)
	for path, id := range map[string]string{"/v1/proxy": p, "/v1/hybrid-deployment-agents": h, "/v1/private-links": l,
		"/v1/transformation-projects": j, "/v1/transformations": tr} {
		if items := e.ok("GET", path, "").data["items"].([]any); len(items) != 1 {
			t.Errorf("%s: %d items", path, len(items))
		}
		if a := e.ok("GET", path+"/"+id, ""); a.data["id"] != id {
			t.Errorf("%s: %s", path, a.body)
		}
		if a := e.do("DELETE", path+"/"+id, ""); a.status != http.StatusForbidden {
			t.Errorf("%s: %d", path, a.status)
		}
	}
}
