package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestOracle shows that the oracle hears what is wrong.
func TestOracle(t *testing.T) {
	o, err := loadOracle()
	must(t, err)
	if o == nil {
		t.Skip("Fivetran's API definition is not at hand: PENSTOCK_SHARED names no folder that has it")
	}
	const status = `"status":{"setup_state":"connected","sync_state":"scheduled","update_state":"on_schedule","is_historical_sync":false,"tasks":[],"warnings":[]}`
	const connection = `{"code":"Success","message":"m","data":{"id":"i","service":"postgres","schema":"s","paused":false,"group_id":"g","service_version":1,
		"created_at":"2026-07-01T12:00:00Z","pause_after_trial":false,"sync_frequency":60,"data_delay_sensitivity":"LOW","schedule_type":"auto","succeeded_at":null,
		"config":{"port":1,"update_method":"QUERY_BASED"},` + status + `}}`
	const destination = `{"code":"Success","message":"m","data":{"id":"i","service":"postgres_warehouse","region":"GCP_US_EAST4","group_id":"i","time_zone_offset":"+3",
		"setup_status":"connected","config":{"port":"443"}}}`
	const schemas = `{"code":"Success","message":"m","data":{"schema_change_handling":"ALLOW_ALL","enable_new_by_default":true,"schemas":{"s":{"name_in_destination":"s",
		"enabled":true,"tables":{"t":{"name_in_destination":"t","enabled":true,"sync_mode":"LIVE","supports_columns_config":true,"supports_history_mode":true,
		"enabled_patch_settings":{"allowed":false,"reason_code":"DELETED"},"columns":{"c":{"name_in_destination":"c","enabled":true,"hashed":false,
		"is_primary_key":false,"enabled_patch_settings":{"allowed":true}}}}}}}}}`
	const conn, dest = "/v1/connections/c", "/v1/destinations/d"
	for _, tt := range []struct {
		name, path, body, old, new string
		ok                         bool
	}{
		{"connection", conn, connection, "", "", true},
		{"destination", dest, destination, "", "", true},
		{"older path", "/v1/connectors/c", connection, "", "", true},
		{"field missing", conn, connection, `"schema":"s",`, ``, false},
		{"field unknown", conn, connection, `"schema":"s",`, `"schema":"s","scheme":"s",`, false},
		{"null", conn, connection, `"service_version":1`, `"service_version":null`, false},
		{"enum", conn, connection, `"LOW"`, `"SOME"`, false},
		{"enum of integers", conn, connection, `"sync_frequency":60`, `"sync_frequency":61`, false},
		{"time", conn, connection, `2026-07-01T12:00:00Z`, `yesterday`, false},
		{"nested", conn, connection, `"tasks":[]`, `"tasks":null`, false},
		{"config's type", conn, connection, `"port":1`, `"port":"1"`, false},
		{"config's enum", conn, connection, `QUERY_BASED`, `XMIN`, false},
		{"destination's port", dest, destination, `"443"`, `443`, false},
		{"destination's status", dest, destination, `"connected"`, `"CONNECTED"`, false},
		{"code", conn, connection, `Success`, `OK`, false},
		{"message", conn, connection, `"message":"m"`, `"message":""`, false},
		{"schemas", conn + "/schemas", schemas, "", "", true},
		{"schema without a field", conn + "/schemas", schemas, `"s":{"name_in_destination":"s",`, `"s":{`, false},
		{"mode", conn + "/schemas", schemas, `LIVE`, `NONE`, false},
		{"table's reason", conn + "/schemas", schemas, `DELETED`, `SYSTEM_COLUMN`, false},
		{"table's further field", conn + "/schemas", schemas, `"supports_history_mode"`, `"paused":true,"supports_history_mode"`, false},
		{"column without a field", conn + "/schemas", schemas, `"hashed":false,`, ``, false},
		{"no such path", "/v1/nothing", connection, "", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			body := strings.Replace(tt.body, tt.old, tt.new, 1)
			h := http.Header{"Content-Type": {"application/json"}}
			err := o.check(httptest.NewRequest("GET", tt.path, nil), 200, h, []byte(body))
			if (err == nil) != tt.ok {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestDocumentHears shows the same of what holds answers against our own
// document.
func TestDocumentHears(t *testing.T) {
	d, err := loadDocument()
	must(t, err)
	const state = `{"code":"Success","message":"m","data":{"items":[{"version":1,"current":true,"run_id":null,"rows":0,"saved_at":"2026-07-01T12:00:00Z","bytes":3}],"next_cursor":null}}`
	op := d.operation("GET", "/v1/penstock/connections/c/states")
	for _, tt := range []struct {
		name, old, new, media string
		status                int
		ok                    bool
	}{
		{"as it is", "", "", "application/json", 200, true},
		{"field missing", `"rows":0,`, ``, "application/json", 200, false},
		{"field unknown", `"rows":0,`, `"rows":0,"row":0,`, "application/json", 200, false},
		{"null", `"rows":0`, `"rows":null`, "application/json", 200, false},
		{"type", `"version":1`, `"version":"1"`, "application/json", 200, false},
		{"time", `2026-07-01T12:00:00Z`, `yesterday`, "application/json", 200, false},
		{"no cursor", `,"next_cursor":null`, ``, "application/json", 200, false},
		{"code", `"Success"`, `"Error"`, "application/json", 200, false},
		{"media type", "", "", "text/html", 200, false},
		{"status", "", "", "application/json", 201, false},
	} {
		body := strings.Replace(state, tt.old, tt.new, 1)
		if err := d.check(op, tt.status, http.Header{"Content-Type": {tt.media}}, []byte(body)); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
