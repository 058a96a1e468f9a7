package api

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/internal/store"
)

func TestAccountAndUsers(t *testing.T) {
	e := newEnv(t)
	a := e.ok("GET", "/v1/account/info", "")
	if a.message != "Account information retrieved successfully" || a.data["account_name"] != "Acme" || a.data["user_id"] != e.user.ID {
		t.Errorf("got %s", a.body)
	}
	if _, ok := a.data["system_key_id"]; ok {
		t.Error("a user's key has a system_key_id")
	}
	u := e.ok("GET", "/v1/users/"+e.user.ID, "").data
	want := map[string]any{
		"id": e.user.ID, "email": "owner@example.com", "given_name": "Ada", "family_name": "Lovelace", "verified": true, "invited": false,
		"picture": nil, "phone": nil, "role": "Account Administrator", "active": true,
		"logged_in_at": u["logged_in_at"], "created_at": u["created_at"],
	}
	if diff := cmp.Diff(want, u); diff != "" {
		t.Error(diff)
	}
	for query, n := range map[string]int{"": 1, "?active=true": 1, "?active=false": 0} {
		list := e.ok("GET", "/v1/users"+query, "")
		if items := list.data["items"].([]any); len(items) != n || list.data["next_cursor"] != nil {
			t.Errorf("users%s: %s", query, list.body)
		}
	}
}

func TestGroups(t *testing.T) {
	e := newEnv(t)
	a := e.ok("POST", "/v1/groups", `{"name":"one"}`)
	id := a.data["id"].(string)
	if a.status != 201 || a.message != "Group has been created" || !strings.Contains(id, "_") {
		t.Errorf("got %d %s", a.status, a.body)
	}
	if a := e.ok("PATCH", "/v1/groups/"+id, `{"name":"uno"}`); a.data["name"] != "uno" || a.message != "Group has been updated" {
		t.Errorf("got %s", a.body)
	}
	if a := e.ok("GET", "/v1/groups/"+id, ""); a.data["name"] != "uno" || a.message != "Group details retrieved successfully" {
		t.Errorf("got %s", a.body)
	}
	users := e.ok("GET", "/v1/groups/"+id+"/users", "").data["items"].([]any)
	if len(users) != 1 || users[0].(map[string]any)["id"] != e.user.ID {
		t.Errorf("users %v", users)
	}
	key := e.ok("GET", "/v1/groups/"+id+"/public-key", "").data["public_key"].(string)
	if !strings.HasPrefix(key, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5") || key != e.ok("GET", "/v1/groups/"+id+"/public-key", "").data["public_key"] {
		t.Errorf("public key %q", key)
	}
	other := e.group("two")
	if key == e.ok("GET", "/v1/groups/"+other+"/public-key", "").data["public_key"] {
		t.Error("two groups have one key")
	}
	account := e.ok("GET", "/v1/groups/"+id+"/service-account", "").data["service_account"].(string)
	if !strings.HasPrefix(account, "g-"+strings.ReplaceAll(id, "_", "-")+"@") || !strings.HasSuffix(account, ".iam.gserviceaccount.com") {
		t.Errorf("service account %q", account)
	}
	if a := e.ok("DELETE", "/v1/groups/"+id, ""); a.status != 200 || a.message != "Group with id '"+id+"' has been deleted" {
		t.Errorf("got %d %s", a.status, a.body)
	}
}

func TestPagination(t *testing.T) {
	e := newEnv(t)
	var want []any
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		want = append(want, e.group(name))
	}
	for limit, pages := range map[string]int{"1": 5, "2": 3, "5": 1, "1000": 1, "": 1} {
		var got []any
		cursor, n := "", 0
		for n == 0 || cursor != "" {
			data := e.ok("GET", "/v1/groups?limit="+limit+"&cursor="+cursor, "").data
			for _, item := range data["items"].([]any) {
				got = append(got, item.(map[string]any)["id"])
			}
			cursor, _ = data["next_cursor"].(string)
			if n++; n > 5 {
				break
			}
		}
		if diff := cmp.Diff(want, got); diff != "" || n != pages {
			t.Errorf("limit %q: %d pages, want %d; %s", limit, n, pages, diff)
		}
	}
	var types []string
	cursor := ""
	for range 3 {
		data := e.ok("GET", "/v1/metadata/connector-types?limit=2&cursor="+cursor, "").data
		for _, item := range data["items"].([]any) {
			types = append(types, item.(map[string]any)["id"].(string))
		}
		cursor, _ = data["next_cursor"].(string)
		if cursor == "" {
			break
		}
	}
	if diff := cmp.Diff([]string{"15five", "aws_lambda", "google_sheets", "postgres"}, types); diff != "" {
		t.Error(diff)
	}
}

func TestDestinations(t *testing.T) {
	e := newEnv(t)
	group := e.group("g")
	a := e.ok("POST", "/v1/destinations", `{"group_id":"`+group+`","service":"postgres_warehouse","time_zone_offset":"3",
		"run_setup_tests":false,"config":{"host":"h","port":443,"password":"p","unknown":1}}`)
	want := map[string]any{
		"id": group, "group_id": group, "service": "postgres_warehouse", "region": "GCP_US_EAST4", "time_zone_offset": "+3",
		"setup_status": "incomplete", "daylight_saving_time_enabled": false, "networking_method": "Directly",
		"private_link_id": nil, "proxy_agent_id": nil, "local_processing_agent_id": nil, "hybrid_deployment_agent_id": nil, "external_secrets_manager_id": nil,
		"config": map[string]any{"host": "h", "port": "443", "password": "******", "connection_type": "Directly"},
	}
	if diff := cmp.Diff(want, a.data); a.status != 201 || a.message != "Destination has been created" || diff != "" {
		t.Error(a.status, a.message, diff)
	}
	a = e.ok("POST", "/v1/destinations/"+group+"/test", "{}")
	want["setup_status"] = "connected"
	want["setup_tests"] = []any{map[string]any{"title": "Connecting to the host", "status": "PASSED", "message": ""}}
	if diff := cmp.Diff(want, a.data); a.message != "Setup tests have been completed" || diff != "" {
		t.Error(a.message, diff)
	}
	a = e.ok("PATCH", "/v1/destinations/"+group, `{"time_zone_offset":"-5","daylight_saving_time_enabled":true,"region":"AWS_US_EAST_1"}`)
	want["time_zone_offset"], want["daylight_saving_time_enabled"], want["region"] = "-5", true, "AWS_US_EAST_1"
	if diff := cmp.Diff(want, a.data); a.message != "Destination has been updated" || diff != "" {
		t.Error(a.message, diff)
	}
	if e.engine.tests != 1 {
		t.Errorf("%d test runs, want 1: the config did not change", e.engine.tests)
	}
	a = e.ok("PATCH", "/v1/destinations/"+group, `{"config":{"host":"bad","password":"******","port":"444"}}`)
	want["config"].(map[string]any)["host"], want["config"].(map[string]any)["port"], want["setup_status"] = "bad", "444", "broken"
	delete(want, "setup_tests")
	delete(a.data, "setup_tests")
	if diff := cmp.Diff(want, a.data); diff != "" {
		t.Error(diff)
	}
	stored, err := e.store.Destination(t.Context(), group)
	must(t, err)
	if !strings.Contains(string(stored.Config), `"password":"p"`) {
		t.Error("the password was not kept")
	}
	items := e.ok("GET", "/v1/destinations", "").data["items"].([]any)
	delete(want, "config")
	if diff := cmp.Diff([]any{want}, items); diff != "" {
		t.Error(diff)
	}
	if a := e.ok("DELETE", "/v1/destinations/"+group, ""); a.message != "Destination with id '"+group+"' has been deleted" {
		t.Errorf("got %q", a.message)
	}
}

// TestTimeZone shows that daily connections follow their destination's clock,
// and that the engine hears of it.
func TestTimeZone(t *testing.T) {
	e := newEnv(t)
	id := e.connection()
	group, _ := e.details(id)
	dest := "/v1/destinations/" + group["group_id"].(string)
	e.ok("POST", "/v1/destinations", `{"group_id":"`+group["group_id"].(string)+`","service":"duckdb","time_zone_offset":"0","config":{"path":"p"}}`)
	e.engine.finish(e.engine.start(), store.Outcome{Kind: store.RunSucceeded})
	e.ok("PATCH", "/v1/connections/"+id, `{"sync_frequency":1440,"daily_sync_time":"03:00"}`)
	hour := func() int {
		c, err := e.store.Connection(t.Context(), id)
		must(t, err)
		return c.DueAt.Hour()
	}
	if h := hour(); h != 3 {
		t.Errorf("due at %d UTC, want 3", h)
	}
	e.engine.changed = nil
	e.ok("PATCH", dest, `{"time_zone_offset":"+2"}`)
	if h := hour(); h != 1 {
		t.Errorf("due at %d UTC, want 1", h)
	}
	if diff := cmp.Diff([]string{id}, e.engine.changed); diff != "" {
		t.Error("changed", diff)
	}
}

func TestConnectionsList(t *testing.T) {
	e := newEnv(t)
	a, b := e.group("a"), e.group("b")
	for _, c := range []string{`"` + a + `","service":"15five","config":{"schema":"x"`, `"` + a + `","service":"15five","config":{"schema":"y"`,
		`"` + b + `","service":"google_sheets","config":{"schema":"x","table":"t"`} {
		e.ok("POST", "/v1/connections", `{"run_setup_tests":false,"group_id":`+c+`}}`)
	}
	for query, want := range map[string][]string{
		"/v1/connections":                                {"x", "y", "x.t"},
		"/v1/connections?schema=x":                       {"x"},
		"/v1/connections?group_id=" + b:                  {"x.t"},
		"/v1/connections?group_id=" + b + "&schema=x":    nil,
		"/v1/connections?schema=X":                       nil,
		"/v1/groups/" + a + "/connections":               {"x", "y"},
		"/v1/groups/" + a + "/connections?schema=y":      {"y"},
		"/v1/groups/" + b + "/connections?group_id=" + a: {"x.t"},
	} {
		var got []string
		for _, item := range e.ok("GET", query, "").data["items"].([]any) {
			got = append(got, item.(map[string]any)["schema"].(string))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", query, diff)
		}
	}
}

func TestMetadata(t *testing.T) {
	e := newEnv(t)
	a := e.ok("GET", "/v1/metadata/connector-types/postgres", "")
	if a.message != "Connector configuration retrieved successfully" {
		t.Errorf("got %q", a.message)
	}
	config := a.data["config"].(map[string]any)
	if diff := cmp.Diff([]any{"schema_prefix", "host", "database", "user"}, config["required"]); diff != "" {
		t.Error(diff)
	}
	if config["title"] != "PostgreSQL config object" || config["type"] != "object" {
		t.Errorf("config %v", config)
	}
	props := config["properties"].(map[string]any)
	field := func(more map[string]any) map[string]any {
		f := map[string]any{"description": "", "readonly": false, "nullable": true, "immutable": false, "fieldStatus": "general_availability"}
		for k, v := range more {
			f[k] = v
		}
		return f
	}
	for name, want := range map[string]map[string]any{
		"schema_prefix": field(map[string]any{"type": "string", "title": "Destination schema prefix", "immutable": true, "nullable": false}),
		"host":          field(map[string]any{"type": "string", "title": "Host", "description": "DB instance host or IP address.", "nullable": false}),
		"port":          field(map[string]any{"type": "integer", "title": "Port", "default": 5432.0}),
		"password":      field(map[string]any{"type": "string", "title": "Password", "format": "password"}),
		"update_method": field(map[string]any{"type": "string", "title": "Update method", "default": "QUERY_BASED", "enum": []any{"QUERY_BASED", "WAL_PGOUTPUT"}}),
	} {
		if diff := cmp.Diff(any(want), props[name]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	sheets := e.ok("GET", "/v1/metadata/connector-types/google_sheets", "").data["config"].(map[string]any)["properties"].(map[string]any)
	if items := sheets["named_ranges"].(map[string]any)["items"].(map[string]any); items["type"] != "string" {
		t.Errorf("items %v", items)
	}
	list := e.ok("GET", "/v1/metadata/connector-types", "")
	first := list.data["items"].([]any)[0].(map[string]any)
	if list.message != "Connectors list retrieved successfully" || first["id"] != "15five" || first["config"] != nil {
		t.Errorf("first %v", first)
	}
	public := e.ok("GET", "/public/connector-types", "", "-")
	if diff := cmp.Diff(list.data["items"], public.data["items"]); public.message != "Connector metadata retrieved successfully" || diff != "" {
		t.Error(diff)
	}
}

// TestState is the state of connections whose code is their owner's.
func TestState(t *testing.T) {
	e := newEnv(t)
	id := e.ok("POST", "/v1/connections", `{"group_id":"`+e.group("g")+`","service":"aws_lambda","config":{"schema":"s"}}`).data["id"].(string)
	path := "/v1/connections/" + id + "/state"
	for _, tt := range []struct {
		method, body string
		status       int
		want         string
	}{
		{"GET", "", 400, "The state of connection '" + id + "' does not exist"},
		{"PATCH", "", 400, "The request body is missing"},
		{"PATCH", `{"state":1}`, 400, "Invalid value for field 'state'"},
		{"PATCH", `{"state":{"cursor":"a"}}`, 200, "Connection state has been updated"},
		{"PATCH", `{"state":null}`, 200, "Connection state has been updated"},
		{"GET", "", 200, "Connection state retrieved successfully"},
	} {
		if a := e.do(tt.method, path, tt.body); a.status != tt.status || a.message != tt.want {
			t.Errorf("%s %s: %d %q", tt.method, tt.body, a.status, a.message)
		}
	}
	if a := e.ok("GET", path, ""); a.data["state"].(map[string]any)["cursor"] != "a" {
		t.Errorf("got %s", a.body)
	}
	e.engine.start()
	if a := e.do("PATCH", path, `{"state":{}}`); a.status != 409 || a.code != "Conflict" {
		t.Errorf("during a sync: %d %s", a.status, a.body)
	}
}

// TestAccepted are the requests that are not quite as the definition has
// them and that clients send.
func TestAccepted(t *testing.T) {
	e := newEnv(t)
	id := e.connection()
	for _, tt := range []struct{ name, method, path, body, headers string }{
		{"no Accept", "GET", "/v1/connections/{c}", "", ""},
		{"version 2", "GET", "/v1/connections/{c}", "", "Accept: application/json;version=2"},
		{"any type", "GET", "/v1/connections/{c}", "", "Accept: */*"},
		{"one of several", "GET", "/v1/connections/{c}", "", "Accept: text/html, application/json;q=0.9"},
		{"trailing slash", "GET", "/v1/connections/{c}/", "", ""},
		{"HEAD", "HEAD", "/v1/connections/{c}", "", ""},
		{"body of version 2", "PATCH", "/v1/connections/{c}", `{"paused":false}`, "Content-Type: application/json;version=2"},
		{"charset", "PATCH", "/v1/connections/{c}", `{"paused":false}`, "Content-Type: application/json; charset=utf-8"},
		{"POST without a body", "POST", "/v1/connections/{c}/sync", "", ""},
		{"type without a body", "POST", "/v1/connections/{c}/force", "", "Content-Type: application/json"},
		{"test without a body", "POST", "/v1/connections/{c}/test", "", ""},
		{"null scope", "POST", "/v1/connections/{c}/resync", `{"scope":null}`, ""},
		{"unknown fields", "PATCH", "/v1/connections/{c}", `{"paused":false,"x":{"y":[]}}`, ""},
		{"leaving a proxy", "PATCH", "/v1/connections/{c}", `{"proxy_agent_id":null,"networking_method":"Directly"}`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var headers []string
			if tt.headers != "" {
				headers = append(headers, tt.headers)
			}
			if a := e.do(tt.method, strings.ReplaceAll(tt.path, "{c}", id), tt.body, headers...); a.status != 200 {
				t.Errorf("got %d %s", a.status, a.body)
			}
		})
	}
}
