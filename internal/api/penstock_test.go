package api

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/internal/storetest"
	"github.com/penstock-data/penstock/schema"
)

// TestTableResync asks for it in all ways.
func TestTableResync(t *testing.T) {
	e := newEnv(t)
	conn := e.database()
	id := strings.TrimPrefix(conn, "/v1/connections/")
	e.ok("POST", conn+"/schemas/reload", "")
	e.ok("PATCH", conn+"/schemas/hr/tables/person", `{"enabled":false}`)
	if a := e.ok("POST", conn+"/resync", `{"scope":{"Sales":["Order"]}}`); a.message != "Sync has been successfully triggered for connection with id '"+id+"'" {
		t.Errorf("message %q", a.message)
	}
	if a := e.ok("POST", conn+"/schemas/tables/resync", `{"Sales":["note","Order"]}`); a.message != "Re-sync has been triggered successfully" {
		t.Errorf("message %q", a.message)
	}
	e.ok("POST", conn+"/schemas/Sales/tables/raw/resync", "")
	if a := e.do("POST", conn+"/schemas/hr/tables/person/resync", ""); a.status != 400 || a.message != "Table 'person' of schema 'hr' is not enabled" {
		t.Errorf("table that is not enabled: %s", a.body)
	}
	if _, st := e.details(id); st["is_historical_sync"] != true { // the first
		t.Errorf("status %v", st)
	}
	ours := "/v1/penstock/connections/" + id
	var again []string
	for _, item := range e.ok("GET", ours+"/tables", "").data["items"].([]any) {
		again = append(again, fmt.Sprint(at(item, "table"), " ", at(item, "status"), " ", at(item, "resync")))
	}
	want := []string{"Order pending true", "note pending true", "raw pending true", "fivetran_audit pending false", "person blocked false"}
	if diff := cmp.Diff(want, again); diff != "" {
		t.Errorf("tables (-want +got)\n%s", diff)
	}
	run := e.engine.start()
	must(t, e.store.SetProgress(t.Context(), run.Token(), store.RunProgress{Rows: 5, Bytes: 50, Tables: []store.TableProgress{{Table: schema.Name{Schema: "Sales", Table: "Order"}, Rows: 5, Bytes: 50, Expected: 9}}}, e.now))
	item := e.ok("GET", ours+"/tables", "").data["items"].([]any)[0]
	if at(item, "status") != "syncing" || at(item, "rows") != 5.0 || at(item, "bytes") != 50.0 || at(item, "started_at") == nil || at(item, "rows_expected") != 9.0 {
		t.Errorf("while it syncs: %v", item)
	}
	e.engine.finish(run, store.Outcome{Kind: store.RunSucceeded, Tables: []store.RunTable{
		{Source: schema.Name{Schema: "Sales", Table: "Order"}, Upserted: 9}, {Source: schema.Name{Schema: "Sales", Table: "note"}, Error: "permission denied"}}})
	items := e.ok("GET", ours+"/tables", "").data["items"].([]any)
	if at(items[0], "status") != "synced" || at(items[0], "synced_at") == nil || at(items[1], "status") != "failed" || at(items[1], "error") != "permission denied" {
		t.Errorf("after it: %v", items[:2])
	}

	// A source that cannot.
	g := e.group("sheets")
	sheet := e.ok("POST", "/v1/connections", `{"group_id":"`+g+`","service":"google_sheets","config":{"schema":"s","table":"t"}}`).data["id"].(string)
	e.engine.offers = []schema.Table{offer(".t", "a")}
	e.ok("POST", "/v1/connections/"+sheet+"/schemas/reload", "")
	if a := e.do("POST", "/v1/connections/"+sheet+"/resync", `{"scope":{"google_sheets":["t"]}}`); a.status != 400 || a.message != "The connector does not support table-level re-sync" {
		t.Errorf("a source that cannot: %s", a.body)
	}
	if s := at(e.ok("GET", "/v1/connections/"+sheet+"/schemas", "").data, "schemas", "google_sheets", "name_in_destination"); s != "s" {
		t.Errorf("name of a source's only schema: %v", s)
	}
}

// TestStateVersions lists the states of a connection and returns to one.
func TestStateVersions(t *testing.T) {
	storetest.Each(t, func(t *testing.T, location string) {
		e := newEnvAt(t, location)
		conn := e.database()
		id := strings.TrimPrefix(conn, "/v1/connections/")
		ours := "/v1/penstock/connections/" + id
		if items := e.ok("GET", ours+"/states", "").data["items"].([]any); len(items) != 0 {
			t.Fatalf("at first: %v", items)
		}
		run := e.engine.start()
		for i := range 3 {
			must(t, e.store.SetState(t.Context(), run.Token(), json.RawMessage(fmt.Sprintf(`{"n":%d}`, i)), int64(10*i), e.now))
		}
		if a := e.do("POST", ours+"/states/1/restore", ""); a.status != 409 || a.message != errSyncing.Error() {
			t.Errorf("while it syncs: %d %s", a.status, a.body)
		}
		e.engine.finish(run, store.Outcome{Kind: store.RunSucceeded})
		items := e.ok("GET", ours+"/states", "").data["items"].([]any)
		if len(items) != 3 || at(items[0], "version") != 3.0 || at(items[0], "current") != true || at(items[0], "rows") != 20.0 ||
			at(items[0], "run_id") != run.ID || at(items[1], "current") != false {
			t.Fatalf("states %v", items)
		}
		a := e.ok("POST", ours+"/states/1/restore", "")
		if a.message != "Connection state has been restored" || a.data["version"] != 4.0 || a.data["run_id"] != nil {
			t.Errorf("restored: %s", a.body)
		}
		state, err := e.store.State(t.Context(), id)
		must(t, err)
		if string(state) != `{"n":0}` {
			t.Errorf("state %s", state)
		}
	})
}

// TestSettings chooses what Fivetran has not.
func TestSettings(t *testing.T) {
	e := newEnv(t)
	conn := e.database()
	path := "/v1/penstock" + strings.TrimPrefix(conn, "/v1") + "/settings"
	text := func(a answer) string {
		b, err := json.Marshal(a.data)
		must(t, err)
		return string(b)
	}
	for _, tt := range []struct {
		name, method, body string
		status             int
		want               string // the data, or the message
	}{
		{"at first", "GET", "", 200, `{"at_log_gap":"HEAL","at_log_limit":"KEEP","can_follow":true,"carry_renames":false,"continuous":false,"log_limit_bytes":0,"masks":[],"paused_tables":{},"row_filters":{}}`},
		{"masks before the capture", "PATCH", `{"masks":[{"pattern":"*.mail","how":"KEEP_DOMAIN"},{"pattern":"hr.*.salary","how":"TRUNCATE","keep":1}]}`, 200,
			`{"at_log_gap":"HEAL","at_log_limit":"KEEP","can_follow":true,"carry_renames":false,"continuous":false,"log_limit_bytes":0,"masks":[{"how":"KEEP_DOMAIN","pattern":"*.mail"},{"how":"TRUNCATE","keep":1,"pattern":"hr.*.salary"}],"paused_tables":{},"row_filters":{}}`},
		{"a wrong mask", "PATCH", `{"masks":[{"pattern":"*.mail","how":"DROP"}]}`, 400,
			`Invalid value for field 'masks': mask "*.mail": how is "DROP", which is none of HASH, REDACT, TRUNCATE, KEEP_DOMAIN`},
		{"no table", "PATCH", `{"masks":[],"paused_tables":{"hr":{"x":true}}}`, 404, `Table 'x' of schema 'hr' does not exist.`},
		{"a table", "PATCH", `{"masks":null,"carry_renames":true,"paused_tables":{"hr":{"person":true}}}`, 200,
			`{"at_log_gap":"HEAL","at_log_limit":"KEEP","can_follow":true,"carry_renames":true,"continuous":false,"log_limit_bytes":0,"masks":[{"how":"KEEP_DOMAIN","pattern":"*.mail"},{"how":"TRUNCATE","keep":1,"pattern":"hr.*.salary"}],"paused_tables":{"hr":{"person":true}},"row_filters":{}}`},
		{"goes on", "PATCH", `{"masks":[],"paused_tables":{"hr":{"person":false}}}`, 200, `{"at_log_gap":"HEAL","at_log_limit":"KEEP","can_follow":true,"carry_renames":true,"continuous":false,"log_limit_bytes":0,"masks":[],"paused_tables":{},"row_filters":{}}`},
		{"is kept", "GET", "", 200, `{"at_log_gap":"HEAL","at_log_limit":"KEEP","can_follow":true,"carry_renames":true,"continuous":false,"log_limit_bytes":0,"masks":[],"paused_tables":{},"row_filters":{}}`},
	} {
		e.engine.restarted = nil
		a := e.do(tt.method, path, tt.body)
		got := a.message
		if a.status == 200 {
			got = text(a)
		}
		if a.status != tt.status || got != tt.want {
			t.Errorf("%s: %d %s\nwant %d %s", tt.name, a.status, got, tt.status, tt.want)
		}
		if restarted := len(e.engine.restarted) > 0; restarted != (tt.method == "PATCH" && tt.status == 200) {
			t.Errorf("%s: a running sync begins again: %v", tt.name, restarted)
		}
		if strings.HasPrefix(tt.name, "a wrong") {
			e.ok("POST", conn+"/schemas/reload", "")
		}
		if tt.name == "a table" {
			items := e.ok("GET", strings.TrimSuffix(path, "/settings")+"/tables", "").data["items"].([]any)
			if last := items[len(items)-1]; at(last, "table") != "person" || at(last, "status") != "paused" {
				t.Errorf("table: %v", last)
			}
		}
	}
	filters := func(table, condition string) string {
		return fmt.Sprintf(`{"row_filters":{"hr":{%q:%s}}}`, table, condition)
	}
	const wrong = `Invalid value for field 'row_filters': the condition for table 'person' of schema 'hr' `
	for _, tt := range []struct {
		body    string
		status  int
		want    string // the filters, or the message
		changes bool
	}{
		{filters("person", `"salary>='1000'and(mail LIKE '%@x')"`), 200, `{"hr":{"person":"salary >= '1000' AND mail LIKE '%@x'"}}`, true},
		{filters("person", `"(salary >= '1000') AND mail LIKE '%@x'"`), 200, `{"hr":{"person":"salary >= '1000' AND mail LIKE '%@x'"}}`, false}, // the same
		{`{"carry_renames":true}`, 200, `{"hr":{"person":"salary >= '1000' AND mail LIKE '%@x'"}}`, false},
		{filters("person", `"salary >="`), 400, wrong + `cannot be used: at character 10: expected a value: a number, text in single quotes, TRUE or FALSE, found the end`, false},
		{filters("person", `"wage > 5"`), 400, wrong + `cannot be used: there is no column wage`, false},
		{filters("person", `"salary = 5"`), 400, wrong + `cannot be used: column salary is STRING: 5 is no text; text stands in single quotes`, false},
		{filters("person", `" "`), 400, wrong + `is empty; null removes it`, false},
		{filters("x", `"a = 1"`), 404, `Table 'x' of schema 'hr' does not exist.`, false},
		{`{"row_filters":{"x":{"y":null}}}`, 404, `Schema 'x' does not exist.`, false},
		{filters("person", `null`), 200, `{}`, true},
		{filters("person", `null`), 200, `{}`, false},
	} {
		e.engine.restarted = nil
		a := e.do("PATCH", path, tt.body)
		got := a.message
		if a.status == 200 {
			b, err := json.Marshal(a.data["row_filters"])
			must(t, err)
			got = strings.ReplaceAll(string(b), `\u003e`, ">")
		}
		if a.status != tt.status || got != tt.want {
			t.Errorf("%s: %d %s\nwant %d %s", tt.body, a.status, got, tt.status, tt.want)
		}
		if restarted := len(e.engine.restarted) > 0; restarted != tt.changes {
			t.Errorf("%s: a running sync begins again: %v", tt.body, restarted)
		}
	}
	asked, err := e.store.AskedResyncs(t.Context(), strings.TrimPrefix(conn, "/v1/connections/"))
	if err != nil || len(asked) != 1 || asked[0].String() != "hr.person" {
		t.Errorf("%v are to be read again, %v", asked, err)
	}
	if a := e.do("GET", "/v1/penstock/connections/x/settings", ""); a.status != 404 {
		t.Errorf("no connection: %d", a.status)
	}
}
