package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/penstock-data/penstock/internal/access"
)

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
	repository := func(url string) string {
		return strings.Replace(newProject("{g}", ""), "git@example.com:x.git", url, 1)
	}
	const credentials = "Invalid value for field 'git_remote_url': it must not contain credentials"
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
		{post, projects, repository("https://user:hunter2@example.com/x.git"), "", 400, "InvalidInput", credentials},
		{post, projects, repository("HTTPS://token@example.com/x.git"), "", 400, "InvalidInput", credentials},
		{post, projects, repository("ssh://git:hunter2@example.com/x.git"), "", 400, "InvalidInput", credentials},
		{post, projects, repository("https://user:%zz@example.com/x.git"), "", 400, "InvalidInput", "Invalid value for field 'git_remote_url'"},
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
