package api

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/internal/store"
)

// TestDetailsWhole is the whole of a connection's details, fresh from its
// creation with defaults only: what is there, what is null, what is absent.
func TestDetailsWhole(t *testing.T) {
	e := newEnv(t)
	group := e.group("g")
	created := e.ok("POST", "/v1/connections", `{"group_id":"`+group+`","service":"postgres","run_setup_tests":false,
		"data_delay_sensitivity":null,"data_delay_threshold":null,
		"config":{"schema_prefix":"pg","host":"h","database":"d","user":"u","password":"p"}}`)
	if created.status != 201 || created.message != "Connection has been created" {
		t.Errorf("got %d %q", created.status, created.message)
	}
	id := created.data["id"].(string)
	want := map[string]any{
		"id": id, "group_id": group, "service": "postgres", "service_version": 1.0, "schema": "pg",
		"connected_by": e.user.ID, "created_at": created.data["created_at"], "succeeded_at": nil, "failed_at": nil,
		"paused": false, "pause_after_trial": false, "sync_frequency": 360.0, "daily_sync_time": nil, "schedule_type": "auto",
		"data_delay_sensitivity": "NORMAL", "data_delay_threshold": 0.0,
		"networking_method": "Directly", "private_link_id": nil, "proxy_agent_id": nil, "local_processing_agent_id": nil,
		"hybrid_deployment_agent_id": nil, "external_secrets_manager_id": nil, "destination_schema_names": "FIVETRAN_NAMING",
		"status": map[string]any{
			"setup_state": "incomplete", "sync_state": "scheduled", "update_state": "on_schedule", "is_historical_sync": true, "schema_status": "ready",
			"rescheduled_for": nil, "tasks": []any{}, "warnings": []any{},
		},
		"config": map[string]any{
			"schema_prefix": "pg", "host": "h", "port": 5432.0, "database": "d", "user": "u", "password": "******", "update_method": "QUERY_BASED", "connection_type": "Directly",
		},
	}
	if diff := cmp.Diff(want, created.data); diff != "" {
		t.Error("created", diff)
	}
	details, _ := e.details(id)
	if diff := cmp.Diff(want, details); diff != "" {
		t.Error("details", diff)
	}
	if at, err := time.Parse(time.RFC3339, details["created_at"].(string)); err != nil || time.Since(at) > time.Minute {
		t.Errorf("created_at %v", details["created_at"])
	}
}

// TestDetailsFields is every field that is not always the same: what must
// happen for it to be there, and what makes it go.
func TestDetailsFields(t *testing.T) {
	const absent = "(absent)"
	patch := func(body string) func(*env, string) {
		return func(e *env, id string) { e.ok("PATCH", "/v1/connections/"+id, body) }
	}
	row := func(f func(*store.Connection)) func(*env, string) {
		return func(e *env, id string) {
			_, err := e.store.UpdateConnection(e.t.Context(), id, func(c *store.Connection) error { f(c); return nil })
			must(e.t, err)
		}
	}
	at := time.Date(2026, 7, 1, 12, 0, 0, 123456000, time.UTC)
	const atText = `"2026-07-01T12:00:00.123456Z"`
	for _, tt := range []struct {
		name, field string
		steps       []func(*env, string)
		want        string // JSON, or absent
	}{
		{"tests have run", "setup_tests", nil, `[{"title":"Connecting to the host","status":"PASSED","message":""}]`},
		{"tests have not run", "setup_tests", []func(*env, string){row(func(c *store.Connection) { c.SetupTests = nil })}, absent},
		{"a test failed", "setup_tests", []func(*env, string){patch(`{"config":{"api_key":"bad"}}`)},
			`[{"title":"Connecting to the host","status":"PASSED","message":""},{"title":"Logging in","status":"FAILED","message":"The password is wrong."}]`},
		{"succeeded", "succeeded_at", []func(*env, string){row(func(c *store.Connection) { c.SucceededAt = at })}, atText},
		{"failed", "failed_at", []func(*env, string){row(func(c *store.Connection) { c.FailedAt = at })}, atText},
		{"daily", "daily_sync_time", []func(*env, string){patch(`{"sync_frequency":1440,"daily_sync_time":"03:00"}`)}, `"03:00"`},
		{"daily without a time", "daily_sync_time", []func(*env, string){patch(`{"sync_frequency":1440}`)}, `null`},
		{"daily, time taken back", "daily_sync_time", []func(*env, string){patch(`{"sync_frequency":1440,"daily_sync_time":"03:00"}`), patch(`{"daily_sync_time":null}`)}, `null`},
		{"no longer daily", "daily_sync_time", []func(*env, string){patch(`{"sync_frequency":1440,"daily_sync_time":"03:00"}`), patch(`{"sync_frequency":60}`)}, `null`},
		{"frequency", "sync_frequency", []func(*env, string){patch(`{"sync_frequency":5}`)}, `5`},
		{"manual", "schedule_type", []func(*env, string){patch(`{"schedule_type":"manual"}`)}, `"manual"`},
		{"paused", "paused", []func(*env, string){patch(`{"paused":true}`)}, `true`},
		{"after trial", "pause_after_trial", []func(*env, string){patch(`{"pause_after_trial":true}`)}, `true`},
		{"custom delay", "data_delay_threshold", []func(*env, string){patch(`{"data_delay_sensitivity":"CUSTOM","data_delay_threshold":7}`)}, `7`},
		{"delay not custom", "data_delay_threshold", []func(*env, string){patch(`{"data_delay_sensitivity":"CUSTOM","data_delay_threshold":7}`), patch(`{"data_delay_sensitivity":"LOW"}`)}, `0`},
		{"sensitivity", "data_delay_sensitivity", []func(*env, string){patch(`{"data_delay_sensitivity":"HIGH"}`)}, `"HIGH"`},
		{"nobody connected it", "connected_by", []func(*env, string){row(func(c *store.Connection) { c.ConnectedBy = "" })}, `null`},
		{"private link", "private_link_id", []func(*env, string){row(func(c *store.Connection) { c.PrivateLinkID = "l" })}, `"l"`},
		{"proxy agent", "proxy_agent_id", []func(*env, string){row(func(c *store.Connection) { c.ProxyAgentID = "a" })}, `"a"`},
		{"hybrid agent", "hybrid_deployment_agent_id", []func(*env, string){row(func(c *store.Connection) { c.HybridAgentID = "a" })}, `"a"`},
		{"hybrid agent by its older name", "local_processing_agent_id", []func(*env, string){row(func(c *store.Connection) { c.HybridAgentID = "a" })}, `"a"`},
		{"secrets manager", "external_secrets_manager_id", []func(*env, string){row(func(c *store.Connection) { c.SecretsManagerID = "m" })}, `"m"`},
		{"source naming", "destination_schema_names", []func(*env, string){row(func(c *store.Connection) { c.SchemaNames = "SOURCE_NAMING" })}, `"SOURCE_NAMING"`},
		{"no details of the source", "source_sync_details", nil, absent},
		{"details of the source", "source_sync_details", []func(*env, string){row(func(c *store.Connection) { c.SourceSyncDetails = json.RawMessage(`{"last_synced":"x"}`) })}, `{"last_synced":"x"}`},
		{"no card", "connect_card_config", nil, absent},
		{"card", "connect_card_config", []func(*env, string){row(func(c *store.Connection) { c.ConnectCard = json.RawMessage(`{"redirect_uri":"https://x"}`) })}, `{"redirect_uri":"https://x"}`},
		{"no card's token", "connect_card", nil, absent},
		{"no destination configuration", "destination_configuration", nil, absent},
		{"destination configuration", "destination_configuration", []func(*env, string){patch(`{"destination_configuration":{"virtual_warehouse":"w"}}`)}, `{"virtual_warehouse":"w"}`},
		{"config", "config", []func(*env, string){patch(`{"config":{"api_key":"new"}}`)}, `{"schema":"fifteen","api_key":"******"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := newEnv(t)
			id := e.connection()
			for _, step := range tt.steps {
				step(e, id)
			}
			data, _ := e.details(id)
			checkField(t, data, tt.field, tt.want)
			item := e.ok("GET", "/v1/connections", "").data["items"].([]any)[0].(map[string]any)
			if tt.field == "config" || tt.field == "setup_tests" {
				tt.want = absent // lists are lighter
			}
			checkField(t, item, tt.field, tt.want)
		})
	}
}

func checkField(t *testing.T, obj map[string]any, field, want string) {
	t.Helper()
	got := "(absent)"
	if v, ok := obj[field]; ok {
		b, _ := json.Marshal(v)
		got = string(b)
	}
	var a, b any
	if json.Unmarshal([]byte(got), &a) != nil || json.Unmarshal([]byte(want), &b) != nil {
		a, b = got, want
	}
	if diff := cmp.Diff(b, a); diff != "" {
		t.Errorf("%s: %s", field, diff)
	}
}

// TestStates takes one connection through the transitions of its three states.
func TestStates(t *testing.T) {
	e := newEnv(t)
	id := e.connection()
	var run *store.Run
	patch := func(body string) { e.ok("PATCH", "/v1/connections/"+id, body) }
	step := func(name string, do func(), setupState, syncState, updateState string, historical bool) {
		t.Helper()
		if do != nil {
			do()
		}
		_, st := e.details(id)
		got := []any{st["setup_state"], st["sync_state"], st["update_state"], st["is_historical_sync"]}
		if diff := cmp.Diff([]any{setupState, syncState, updateState, historical}, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if (st["rescheduled_for"] != nil) != (syncState == "rescheduled") {
			t.Errorf("%s: rescheduled_for %v", name, st["rescheduled_for"])
		}
	}
	later := func(d time.Duration) func() { return func() { e.now = e.now.Add(d) } }
	start := func() { run = e.engine.start() }
	finish := func(o store.Outcome) func() { return func() { e.engine.finish(run, o) } }

	step("created and tested", nil, "connected", "scheduled", "on_schedule", true)
	step("first sync", start, "connected", "syncing", "on_schedule", true)
	step("long first sync", later(48*time.Hour), "connected", "syncing", "on_schedule", true)
	step("first success", finish(store.Outcome{Kind: store.RunSucceeded}), "connected", "scheduled", "on_schedule", false)
	step("nothing for too long", later(8*time.Hour), "connected", "scheduled", "delayed", false)
	step("delayed, syncing", start, "connected", "syncing", "delayed", false)
	step("put off", finish(store.Outcome{Kind: store.RunRescheduled, RescheduledFor: e.now.Add(time.Hour)}), "connected", "rescheduled", "delayed", false)
	step("paused while put off", func() { patch(`{"paused":true}`) }, "connected", "paused", "on_schedule", false)
	step("enabled", func() { patch(`{"paused":false}`) }, "connected", "rescheduled", "delayed", false)
	step("asked for while put off", func() { e.ok("POST", "/v1/connections/"+id+"/sync", `{"force":true}`) }, "connected", "scheduled", "delayed", false)
	step("it starts", start, "connected", "syncing", "delayed", false)
	step("and fails for good", finish(store.Outcome{Kind: store.RunFailed, Task: &store.Alert{Code: "authentication_failed", Message: "The key is wrong."}}), "broken", "scheduled", "delayed", false)
	data, st := e.details(id)
	if diff := cmp.Diff([]any{map[string]any{"code": "authentication_failed", "message": "The key is wrong."}}, st["tasks"]); diff != "" {
		t.Error("tasks", diff)
	}
	if data["failed_at"] == nil {
		t.Error("failed_at is null")
	}
	step("tests fail too", func() { patch(`{"config":{"api_key":"bad"}}`) }, "broken", "scheduled", "delayed", false)
	step("mended", func() { patch(`{"config":{"api_key":"good"}}`) }, "connected", "scheduled", "delayed", false)
	if _, st := e.details(id); len(st["tasks"].([]any)) != 0 {
		t.Errorf("tasks %v", st["tasks"])
	}
	step("manual is never late", func() { patch(`{"schedule_type":"manual"}`) }, "connected", "scheduled", "on_schedule", false)
	step("re-sync", func() { e.ok("POST", "/v1/connections/"+id+"/resync", "") }, "connected", "scheduled", "on_schedule", true)
	step("runs", start, "connected", "syncing", "on_schedule", true)
	step("with a warning", finish(store.Outcome{Kind: store.RunSucceeded, Warnings: []store.Alert{{Code: "table_skipped", Message: "m", Details: json.RawMessage(`"d"`)}}}), "connected", "scheduled", "on_schedule", false)
	_, st = e.details(id)
	if diff := cmp.Diff([]any{map[string]any{"code": "table_skipped", "message": "m", "details": "d"}}, st["warnings"]); diff != "" {
		t.Error("warnings", diff)
	}
	step("historical by PATCH", func() { patch(`{"is_historical_sync":true}`) }, "connected", "scheduled", "on_schedule", true)
	step("paused", func() { patch(`{"paused":true}`) }, "connected", "paused", "on_schedule", true)

	before := e.engine.changed
	patch(`{"paused":false}`)
	if len(e.engine.changed) != len(before)+1 {
		t.Error("the engine was not told of a change")
	}
}

// TestSetupStates is the way from incomplete to connected.
func TestSetupStates(t *testing.T) {
	e := newEnv(t)
	group := e.group("g")
	id := e.ok("POST", "/v1/connections", `{"group_id":"`+group+`","service":"15five","config":{"schema":"s","api_key":"bad"}}`).data["id"].(string)
	check := func(want string) {
		t.Helper()
		if _, st := e.details(id); st["setup_state"] != want {
			t.Errorf("setup_state %v, want %s", st["setup_state"], want)
		}
	}
	check("incomplete")
	e.ok("PATCH", "/v1/connections/"+id, `{"config":{"api_key":"good"},"run_setup_tests":false}`)
	check("incomplete")
	if n := e.engine.tests; n != 1 {
		t.Errorf("%d test runs, want 1", n)
	}
	a := e.ok("POST", "/v1/connections/"+id+"/test", `{}`)
	if a.message != "Setup tests have been completed" || a.data["id"] != id {
		t.Errorf("got %s", a.body)
	}
	check("connected")
	e.ok("PATCH", "/v1/connections/"+id, `{"paused":true}`)
	if n := e.engine.tests; n != 2 {
		t.Errorf("%d test runs after pausing, want 2", n)
	}
	e.ok("PATCH", "/v1/connections/"+id, `{"paused":true,"run_setup_tests":true}`)
	if n := e.engine.tests; n != 3 {
		t.Errorf("%d test runs after asking for them, want 3", n)
	}
}
