package api

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/penstock-data/penstock/internal/store"
)

// TestAirflow sends what Airflow's Fivetran provider 2.4.0 sends, in its
// order: paths from when connections were called connectors, some with a
// slash at their end, POSTs without a body, and a version in Content-Type.
func TestAirflow(t *testing.T) {
	e := newEnv(t)
	id := e.connection()
	const contentType = "Content-Type: application/json;version=2"
	do := func(method, path, body string) map[string]any {
		t.Helper()
		return e.ok(method, path, body, contentType).data
	}
	do("GET", "/v1/users", "") // how it tests a connection to the API
	groups := do("GET", "/v1/groups/", "")["items"].([]any)
	group := groups[0].(map[string]any)["id"].(string)
	if items := do("GET", "/v1/groups/"+group+"/connectors/", "")["items"].([]any); items[0].(map[string]any)["id"] != id {
		t.Errorf("connectors of the group: %v", items)
	}
	connector := "/v1/connectors/" + id
	if c := do("GET", connector, ""); c["status"].(map[string]any)["setup_state"] != "connected" || c["paused"] != false {
		t.Errorf("connector: %v", c)
	}
	do("PATCH", connector, `{"schedule_type":"manual"}`)
	if c := do("GET", connector, ""); c["schedule_type"] != "manual" {
		t.Errorf("schedule_type %v", c["schedule_type"])
	}
	previous := do("GET", connector, "")["succeeded_at"]
	do("POST", connector+"/force", "")
	run := e.engine.start()
	if c := do("GET", connector, ""); c["status"].(map[string]any)["sync_state"] != "syncing" || c["succeeded_at"] != previous {
		t.Errorf("syncing: %v", c)
	}
	e.now = e.now.Add(time.Minute)
	e.engine.finish(run, store.Outcome{Kind: store.RunSucceeded})
	c := do("GET", connector, "")
	if at, err := time.Parse(time.RFC3339, c["succeeded_at"].(string)); err != nil || !at.Equal(e.now.UTC().Truncate(time.Microsecond)) {
		t.Errorf("succeeded_at %v", c["succeeded_at"])
	}
	if c["failed_at"] != nil || c["status"].(map[string]any)["sync_state"] != "scheduled" {
		t.Errorf("after the sync: %v", c)
	}
	do("POST", connector+"/resync", "")
	do("POST", connector+"/test", "")
	do("GET", "/v1/metadata/connectors", "")
	do("PATCH", connector, `{"paused":true}`)
	do("DELETE", connector, "")
}

// TestDagster sends what dagster-fivetran sends for a sync that it waits for.
func TestDagster(t *testing.T) {
	e := newEnv(t)
	id := e.connection()
	group := e.ok("GET", "/v1/groups", "").data["items"].([]any)[0].(map[string]any)["id"].(string)
	e.ok("POST", "/v1/destinations", `{"group_id":"`+group+`","service":"duckdb","time_zone_offset":"0","config":{"path":"p"}}`)
	e.ok("GET", "/v1/groups/"+group+"/connectors", "")
	e.ok("GET", "/v1/destinations/"+group, "")
	connector := "/v1/connectors/" + id
	e.ok("PATCH", connector, `{"schedule_type":"manual"}`)
	e.ok("POST", connector+"/force", "")
	run := e.engine.start()
	e.engine.finish(run, store.Outcome{Kind: store.RunFailed})
	if c := e.ok("GET", connector, "").data; c["failed_at"] == nil || c["succeeded_at"] != nil {
		t.Errorf("max of %v and %v is what it polls", c["succeeded_at"], c["failed_at"])
	}
	e.ok("POST", connector+"/resync", "{}")
}

// TestOlderNames asks by the older names of paths for what the clients above
// do not.
func TestOlderNames(t *testing.T) {
	e := newEnv(t)
	idOf := strings.NewReplacer("+", "-", "/", "_", "=", "").Replace
	function := e.id("/v1/connections", `{"group_id":"`+e.group("functions")+`","service":"aws_lambda","config":{"schema":"s"}}`)
	ids := strings.NewReplacer("{c}", strings.Replace(e.database(), "/connections/", "/connectors/", 1), "{f}", "/v1/connectors/"+function,
		"{der}", base64.StdEncoding.EncodeToString(testDER), "{hash}", testHash, "{key}", testKey, "{keyhash}", testKeyHash, "{id}", idOf(testHash), "{keyid}", idOf(testKeyHash))
	for _, tt := range []struct{ method, path, body string }{
		{"POST", "{c}/schemas", `{"schema_change_handling":"ALLOW_ALL","schemas":{}}`},
		{"POST", "{c}/schemas/reload", ""},
		{"PATCH", "{c}/schemas", `{"schema_change_handling":"ALLOW_COLUMNS"}`},
		{"PATCH", "{c}/schemas/Sales", `{"enabled":true}`},
		{"PATCH", "{c}/schemas/Sales/tables/Order", `{"columns":{"total":{"enabled":false}}}`},
		{"DELETE", "{c}/schemas/Sales/tables/Order/columns/total", ""},
		{"POST", "{c}/schemas/drop-columns", `{"schemas":{"Sales":{"tables":{"Order":{"columns":["total"]}}}}}`},
		{"POST", "{c}/schemas/tables/resync", `{"Sales":["Order"]}`},
		{"POST", "{c}/schemas/Sales/tables/Order/resync", ""},
		{"POST", "{c}/sync", ""},
		{"POST", "{c}/certificates", `{"hash":"{hash}","encoded_cert":"{der}"}`},
		{"GET", "{c}/certificates/{id}", ""},
		{"DELETE", "{c}/certificates/{id}", ""},
		{"POST", "{c}/fingerprints", `{"hash":"{keyhash}","public_key":"{key}"}`},
		{"GET", "{c}/fingerprints/{keyid}", ""},
		{"DELETE", "{c}/fingerprints/{keyid}", ""},
		{"PATCH", "{f}/state", `{"state":{"cursor":"a"}}`},
		{"GET", "{f}/state", ""},
		{"GET", "/v1/metadata/connectors/15five", ""},
	} {
		e.ok(tt.method, ids.Replace(tt.path), ids.Replace(tt.body))
	}
}
