package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/internal/engine"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/schema"
)

// TestVerification is the life of a verification.
func TestVerification(t *testing.T) {
	e := newEnv(t)
	conn := e.database()
	id := strings.TrimPrefix(conn, "/v1/connections/")
	ours := "/v1/penstock/connections/" + id
	e.ok("POST", conn+"/schemas/reload", "")
	e.ok("PATCH", conn+"/schemas/hr/tables/person", `{"enabled":false}`)

	for _, tt := range []struct {
		name, body string
		status     int
		message    string
	}{
		{"no tables", `{"tables":{}}`, 400, "The scope of the verification is empty"},
		{"no tables of a schema", `{"tables":{"hr":[]}}`, 400, "The scope of the verification has no tables for schema 'hr'"},
		{"a wrong table", `{"tables":{"hr":["x"]}}`, 400, "Table 'x' of schema 'hr' does not exist."},
		{"a blocked table", `{"tables":{"hr":["person"]}}`, 400, "Table 'person' of schema 'hr' is not enabled"},
		{"too long a list", `{"list":1001}`, 400, "Invalid value for field 'list': it is a number from 0 to 1000"},
	} {
		if a := e.do("POST", ours+"/verify", tt.body); a.status != tt.status || a.message != tt.message {
			t.Errorf("%s: %s", tt.name, a.body)
		}
	}
	a := e.do("POST", ours+"/verify", `{"tables":{"Sales":["Order","note"]},"list":3}`)
	vid, _ := a.data["id"].(string)
	if a.status != http.StatusAccepted || a.data["state"] != "running" || vid == "" {
		t.Fatalf("started: %d %s", a.status, a.body)
	}
	if a := e.do("POST", ours+"/verify", ""); a.status != 409 || a.message != "The connection is being verified already" {
		t.Errorf("a second one: %s", a.body)
	}
	v, err := e.store.Verification(t.Context(), id, vid, e.now)
	must(t, err)
	if diff := cmp.Diff([]schema.Name{{Schema: "Sales", Table: "Order"}, {Schema: "Sales", Table: "note"}}, v.Tables); diff != "" || v.List != 3 {
		t.Errorf("asked for %d (-want +got)\n%s", v.List, diff)
	}
	result, err := json.Marshal(engine.VerifyResult{Source: "Sales.Order", Destination: "db_sales.order", SourceRows: 9, DestinationRows: 8, Lost: 1,
		MaskedColumns: []string{"customerName"}})
	must(t, err)
	v.Checks = []store.TableCheck{{Table: v.Tables[0], State: store.CheckDone, Wrong: true, Result: result}, {Table: v.Tables[1], State: store.CheckPending}}
	v.Total, v.Done, v.Wrong = 2, 1, 1
	must(t, e.store.SaveVerification(t.Context(), v, e.now.Add(time.Minute)))
	got := e.ok("GET", ours+"/verifications/"+vid, "").data
	first := got["tables"].([]any)[0]
	if s := fmt.Sprint(got["tables_total"], got["tables_done"], got["tables_wrong"], at(first, "schema"), at(first, "state"), at(first, "destination"),
		at(first, "source_rows"), at(first, "lost"), at(first, "masked_columns"), at(first, "error")); s != "2 1 1Salesdonedb_sales.order9 1 [customerName] <nil>" {
		t.Errorf("under way: %s", s)
	}
	list := e.ok("GET", ours+"/verifications", "").data["items"].([]any)
	if len(list) != 1 || at(list[0], "id") != vid || at(list[0], "tables") != nil || at(list[0], "tables_done") != 1.0 {
		t.Errorf("list: %v", list)
	}
	if a := e.ok("DELETE", ours+"/verifications/"+vid, ""); a.data["state"] != "canceled" || a.data["ended_at"] == nil {
		t.Errorf("canceled: %s", a.body)
	}
	e.ok("DELETE", ours+"/verifications/"+vid, "")
	e.now = e.now.Add(time.Second)
	later := e.ok("POST", ours+"/verify", "").data["id"]
	e.now = e.now.Add(time.Hour)
	if got := e.ok("GET", fmt.Sprintf("%s/verifications/%s", ours, later), "").data; got["state"] != "failed" || got["reason"] != store.Interrupted {
		t.Errorf("of a dead server: %v", got)
	}

	for _, method := range []string{"GET", "DELETE"} {
		if a := e.do(method, ours+"/verifications/x", ""); a.status != 404 || a.code != "NotFound_Verification" {
			t.Errorf("%s of none: %s", method, a.body)
		}
	}
	_, err = e.store.UpdateConnection(t.Context(), id, func(c *store.Connection) error { c.SetupState = store.Broken; return nil })
	must(t, err)
	if a := e.do("POST", ours+"/verify", ""); a.status != 409 || !strings.HasPrefix(a.message, "The connection is not connected") {
		t.Errorf("of one that is not connected: %s", a.body)
	}
	if a := e.do("POST", "/v1/penstock/connections/x/verify", ""); a.status != 404 {
		t.Errorf("of no connection: %s", a.body)
	}
}

// TestPlan asks what changes would do, and sees that they are not made.
func TestPlan(t *testing.T) {
	e := newEnv(t)
	conn := e.database()
	ours := "/v1/penstock" + strings.TrimPrefix(conn, "/v1")
	loads := func(a answer) string {
		var all []string
		for _, item := range a.data["tables"].([]any) {
			all = append(all, fmt.Sprint(at(item, "table"), " ", at(item, "load"), " ", at(item, "why")))
		}
		return strings.Join(all, ", ")
	}
	const all = "Order historical new, note historical new, raw historical new, person historical new, fivetran_audit historical new"
	for range 2 {
		a := e.ok("GET", ours+"/plan", `{"schemas":{"hr":{"enabled":false}}}`) // a GET has no body; nobody has looked at the source
		if got := loads(a); got != all || a.data["schema_status"] != "ready" {
			t.Errorf("planned %s", a.body)
		}
		first, _ := json.Marshal(a.data["tables"].([]any)[0])
		want := `{"columns":[{"change":"add","name":"a","type":"INT","was":null},{"change":"widen","name":"b","type":"LONG","was":"INT"},` +
			`{"change":"drop","name":"c","type":null,"was":"INT"}],"create":false,"destination":"d.Order","error":null,"load":"historical",` +
			`"rows_expected":0,"schema":"Sales","switch_from":"LIVE","sync_mode":"SOFT_DELETE","table":"Order","why":"new"}`
		if string(first) != want {
			t.Errorf("planned %s\nwant %s", first, want)
		}
		a = e.ok("POST", ours+"/plan", `{"schemas":{"Sales":{"tables":{"note":{"enabled":false},"Order":{"sync_mode":"HISTORY"}}}},"settings":{"paused_tables":{"hr":{"person":true}}}}`)
		if got := loads(a); got != "Order historical new, note none blocked, raw historical new, person none paused, fivetran_audit historical new" {
			t.Errorf("with changes: %s", got)
		}
		if mode := at(a.data["tables"].([]any)[0], "sync_mode"); mode != "HISTORY" {
			t.Errorf("mode %v", mode)
		}
	}
	if a := e.do("POST", ours+"/plan", `{"schemas":{"nope":{}}}`); a.status != 404 || a.code != "NotFound_Schema" {
		t.Errorf("with a wrong schema: %s", a.body)
	}
	if a := e.do("POST", ours+"/plan", `{"settings":{"masks":[{"pattern":"x","how":"HASH"}]}}`); a.status != 400 {
		t.Errorf("with a wrong mask: %s", a.body)
	}
	for _, tt := range []struct {
		err     error
		status  int
		message string
	}{
		{&engine.ServiceError{Err: fmt.Errorf("no route to host")}, 400, "The plan cannot be made: no route to host"},
		{fmt.Errorf("%w (50s)", engine.ErrPlanTime), 504, "The source and the destination did not answer in time (50s)"},
	} {
		e.engine.offerErr = tt.err
		if a := e.do("GET", ours+"/plan", ""); a.status != tt.status || a.message != tt.message {
			t.Errorf("%v: %s", tt.err, a.body)
		}
	}
}
