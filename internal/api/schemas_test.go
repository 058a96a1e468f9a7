package api

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/internal/engine"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/internal/storetest"
	"github.com/penstock-data/penstock/schema"
)

// offer returns a table; a column with an asterisk is part of the key.
func offer(name string, columns ...string) schema.Table {
	sn, tn, _ := strings.Cut(name, ".")
	t := schema.Table{Name: schema.Name{Schema: sn, Table: tn}}
	for _, c := range columns {
		plain := strings.TrimSuffix(c, "*")
		t.Columns = append(t.Columns, schema.Column{Name: plain, Type: schema.Type{Kind: schema.String}, Key: plain != c})
	}
	return t
}

// shop is what the source of most tests offers.
func shop() []schema.Table {
	return []schema.Table{
		offer("Sales.Order", "id*", "customerName", "total"),
		offer("Sales.note", "body", "author"),
		offer("Sales.raw"),
		offer("hr.person", "id*", "mail", "salary"),
		offer("hr.fivetran_audit", "id*", "message"),
	}
}

// database makes a postgres connection into a destination with short names,
// its setup tests passed, and returns its path.
func (e *env) database() string {
	e.t.Helper()
	e.engine.offers = shop()
	g := e.group("g")
	e.ok("POST", "/v1/destinations", `{"group_id":"`+g+`","service":"postgres_warehouse","time_zone_offset":"0","config":{"host":"h","database":"d","user":"u","password":"p"}}`)
	body := `{"group_id":"` + g + `","service":"postgres","config":{"schema_prefix":"db","host":"h","database":"d","user":"u"}}`
	return "/v1/connections/" + e.ok("POST", "/v1/connections", body).data["id"].(string)
}

// at returns what a response has under keys.
func at(v any, keys ...string) any {
	for _, k := range keys {
		m, _ := v.(map[string]any)
		v = m[k]
	}
	return v
}

// compact returns a schema config in few words, for comparison.
func compact(data map[string]any) string {
	var lines []string
	mark := func(v any) string {
		s := "+"
		if at(v, "enabled") == false {
			s = "-"
		}
		if at(v, "hashed") == true {
			s += "#"
		}
		if at(v, "enabled_patch_settings", "allowed") == false {
			s += fmt.Sprint("!", at(v, "enabled_patch_settings", "reason_code"), " ")
		}
		return s
	}
	schemas := data["schemas"].(map[string]any)
	for _, sn := range slices.Sorted(maps.Keys(schemas)) {
		lines = append(lines, fmt.Sprintf("%s%s=%s", mark(schemas[sn]), sn, at(schemas[sn], "name_in_destination")))
		tables := at(schemas[sn], "tables").(map[string]any)
		for _, tn := range slices.Sorted(maps.Keys(tables)) {
			t := tables[tn]
			line := fmt.Sprintf("%s %s%s=%s %v", sn, mark(t), tn, at(t, "name_in_destination"), at(t, "sync_mode"))
			columns := at(t, "columns").(map[string]any)
			for _, cn := range slices.Sorted(maps.Keys(columns)) {
				line += fmt.Sprintf(" %s%s=%s", mark(columns[cn]), cn, at(columns[cn], "name_in_destination"))
			}
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

func TestSchemaConfig(t *testing.T) {
	storetest.Each(t, func(t *testing.T, location string) {
		e := newEnvAt(t, location)
		conn := e.database()
		if a := e.do("GET", conn+"/schemas", ""); a.status != 404 || a.code != "NotFound_SchemaConfig" {
			t.Fatalf("before the capture: %d %s", a.status, a.body)
		}
		steps := []struct{ name, method, path, body, want, message string }{
			{"reload", "POST", "/schemas/reload", `{}`, `
				+Sales=db_sales
				Sales +Order=order SOFT_DELETE
				Sales +note=note SOFT_DELETE
				Sales +raw=raw SOFT_DELETE
				+hr=db_hr
				hr +!SYSTEM_TABLE fivetran_audit=fivetran_audit SOFT_DELETE
				hr +person=person SOFT_DELETE`, "Schema configuration has been reloaded"},
			{"patch all", "PATCH", "/schemas", `{"schema_change_handling":"ALLOW_COLUMNS","schemas":{
				"Sales":{"tables":{"Order":{"sync_mode":"HISTORY","columns":{"customerName":{"hashed":true},"total":{"enabled":false},"id":{"enabled":true}}},
				"note":{"enabled":false,"columns":{"body":{"is_primary_key":true}}}}},"hr":null}}`, `
				+Sales=db_sales
				Sales +Order=order HISTORY +#customerName=customer_name -total=total
				Sales -note=note SOFT_DELETE +body=body
				Sales +raw=raw SOFT_DELETE
				+hr=db_hr
				hr +!SYSTEM_TABLE fivetran_audit=fivetran_audit SOFT_DELETE
				hr +person=person SOFT_DELETE`, "Schema configuration has been modified"},
			{"patch a schema", "PATCH", "/schemas/hr", `{"enabled":false,"tables":{"fivetran_audit":{"enabled":true}}}`, `
				+Sales=db_sales
				Sales +Order=order HISTORY +#customerName=customer_name -total=total
				Sales -note=note SOFT_DELETE +body=body
				Sales +raw=raw SOFT_DELETE
				-hr=db_hr
				hr +!SYSTEM_TABLE fivetran_audit=fivetran_audit SOFT_DELETE
				hr +person=person SOFT_DELETE`, "Database schema configuration has been modified"},
			{"patch a table", "PATCH", "/schemas/Sales/tables/note", `{"enabled":true,"sync_mode":"LIVE"}`, `
				+Sales=db_sales
				Sales +Order=order HISTORY +#customerName=customer_name -total=total
				Sales +note=note LIVE +body=body
				Sales +raw=raw SOFT_DELETE
				-hr=db_hr
				hr +!SYSTEM_TABLE fivetran_audit=fivetran_audit SOFT_DELETE
				hr +person=person SOFT_DELETE`, "Table configuration has been modified"},
			{"patch a column", "PATCH", "/schemas/Sales/tables/Order/columns/customerName", `{"enabled":false,"hashed":false}`, `
				+Sales=db_sales
				Sales +Order=order HISTORY -customerName=customer_name -total=total
				Sales +note=note LIVE +body=body
				Sales +raw=raw SOFT_DELETE
				-hr=db_hr
				hr +!SYSTEM_TABLE fivetran_audit=fivetran_audit SOFT_DELETE
				hr +person=person SOFT_DELETE`, "Column configuration has been modified"},
			{"reload and exclude", "POST", "/schemas/reload", `{"exclude_mode":"EXCLUDE"}`, `
				-Sales=db_sales
				Sales -Order=order HISTORY -customerName=customer_name -total=total
				Sales -note=note LIVE +body=body
				Sales -raw=raw SOFT_DELETE
				-hr=db_hr
				hr +!SYSTEM_TABLE fivetran_audit=fivetran_audit SOFT_DELETE
				hr -person=person SOFT_DELETE`, "Schema configuration has been reloaded"},
			{"reload and include", "POST", "/schemas/reload", `{"exclude_mode":"INCLUDE"}`, `
				+Sales=db_sales
				Sales +Order=order HISTORY -customerName=customer_name -total=total
				Sales +note=note LIVE +body=body
				Sales +raw=raw SOFT_DELETE
				+hr=db_hr
				hr +!SYSTEM_TABLE fivetran_audit=fivetran_audit SOFT_DELETE
				hr +person=person SOFT_DELETE`, "Schema configuration has been reloaded"},
		}
		for _, step := range steps {
			e.engine.restarted = nil
			a := e.ok(step.method, conn+step.path, step.body)
			want := strings.ReplaceAll(strings.TrimSpace(step.want), "\t", "")
			if diff := cmp.Diff(want, compact(a.data)); diff != "" || a.message != step.message {
				t.Fatalf("%s: %s (-want +got)\n%s", step.name, a.message, diff)
			}
			if diff := cmp.Diff(a.data, e.ok("GET", conn+"/schemas", "").data); diff != "" {
				t.Fatalf("%s: GET says (-answer +GET)\n%s", step.name, diff)
			}
			if restarted := len(e.engine.restarted) > 0; restarted == (step.name == "reload") {
				t.Errorf("%s: a running sync begins again: %v", step.name, restarted)
			}
			e.engine.restarted = nil
			if step.method == "PATCH" {
				e.ok(step.method, conn+step.path, step.body)
				if len(e.engine.restarted) > 0 {
					t.Errorf("%s: once more changed something", step.name)
				}
			}
		}

		// What appears and vanishes in the source.
		e.engine.offers = append(shop()[2:], offer("new.table", "id*"), offer("Sales.Order", "id*", "total", "fresh"))
		want := strings.ReplaceAll(strings.TrimSpace(`
			+Sales=db_sales
			Sales +Order=order HISTORY -!DELETED customerName=customer_name -total=total
			Sales +!DELETED note=note LIVE +!DELETED body=body
			Sales +raw=raw SOFT_DELETE
			+hr=db_hr
			hr +!SYSTEM_TABLE fivetran_audit=fivetran_audit SOFT_DELETE
			hr +person=person SOFT_DELETE
			-new=db_new
			new -table=table SOFT_DELETE`), "\t", "")
		if diff := cmp.Diff(want, compact(e.ok("POST", conn+"/schemas/reload", `{"exclude_mode":"PRESERVE"}`).data)); diff != "" {
			t.Errorf("after changes of the source (-want +got)\n%s", diff)
		}
		data := e.ok("GET", conn+"/schemas/Sales/tables/Order/columns", "").data
		var columns []string
		for name, c := range data["columns"].(map[string]any) {
			columns = append(columns, fmt.Sprint(name, " ", at(c, "enabled"), " ", at(c, "is_primary_key")))
		}
		slices.Sort(columns)
		if diff := cmp.Diff([]string{"fresh true false", "id true true", "total false false"}, columns); diff != "" {
			t.Errorf("columns (-want +got)\n%s", diff)
		}
		// By the older name of the path.
		older := strings.Replace(conn, "connections", "connectors", 1)
		e.ok("GET", older+"/schemas", "")
		e.ok("PATCH", older+"/schemas/hr/tables/person/columns/mail", `{"hashed":true}`)
		e.ok("GET", older+"/schemas/hr/tables/person/columns", "")
	})
}

// TestSchemaConfigErrors is what clients are told of what cannot be chosen,
// and that nothing is chosen then.
func TestSchemaConfigErrors(t *testing.T) {
	e := newEnv(t)
	conn := e.database()
	e.ok("POST", conn+"/schemas/reload", "")
	e.engine.offers = slices.DeleteFunc(shop(), func(t schema.Table) bool { return t.Table == "note" })
	e.ok("POST", conn+"/schemas/reload", "")
	before := compact(e.ok("GET", conn+"/schemas", "").data)
	other := "/v1/connections/" + e.okCreate(t, "other")
	incomplete := "/v1/connections/" + e.okCreate(t, "incomplete", `"run_setup_tests":false`)
	const order = "/schemas/Sales/tables/Order"
	for _, tt := range []struct {
		name, method, path, body string
		status                   int
		code, message            string
	}{
		{"no connection", "GET", "/v1/connections/x/schemas", "", 404, "NotFound_Connection", "Connection with id 'x' does not exist."},
		{"no connection, reload", "POST", "/v1/connectors/x/schemas/reload", "{}", 404, "NotFound_Connector", "Connector with id 'x' does not exist."},
		{"not captured", "PATCH", other + "/schemas", `{}`, 404, "NotFound_SchemaConfig", ""},
		{"not captured, schema", "PATCH", other + "/schemas/s", `{"enabled":true}`, 404, "NotFound_SchemaConfig", ""},
		{"not captured, columns", "GET", other + "/schemas/s/tables/t/columns", "", 404, "NotFound_SchemaConfig", ""},
		{"not captured, drop", "DELETE", other + "/schemas/s/tables/t/columns/c", "", 404, "NotFound_SchemaConfig", ""},
		{"exclude mode", "POST", conn + "/schemas/reload", `{"exclude_mode":"SOME"}`, 400, "InvalidInput", "Invalid value for field 'exclude_mode': it is one of PRESERVE, EXCLUDE, INCLUDE"},
		{"handling", "PATCH", conn + "/schemas", `{"schema_change_handling":"ALLOW"}`, 400, "InvalidInput", "Invalid value for field 'schema_change_handling': it is one of ALLOW_ALL, ALLOW_COLUMNS, BLOCK_ALL"},
		{"wrong type", "PATCH", conn + "/schemas", `{"schemas":{"hr":{"enabled":"yes"}}}`, 400, "InvalidInput", "Invalid value for field 'enabled'"},
		{"no object", "PATCH", conn + "/schemas", `[]`, 400, "InvalidInput", "The request body is not a JSON object"},
		{"no schema", "PATCH", conn + "/schemas/sales", `{"enabled":true}`, 404, "NotFound_Schema", "Schema 'sales' does not exist."},
		{"no schema, in all", "PATCH", conn + "/schemas", `{"schema_change_handling":"BLOCK_ALL","schemas":{"hr":{"enabled":false},"x":{}}}`, 404, "NotFound_Schema", "Schema 'x' does not exist."},
		{"no table", "PATCH", conn + "/schemas/Sales/tables/order", `{"enabled":true}`, 404, "NotFound_Table", "Table 'order' of schema 'Sales' does not exist."},
		{"no column", "PATCH", conn + order + "/columns/customername", `{"enabled":true}`, 404, "NotFound_Column", "Column 'customername' of table 'Order' of schema 'Sales' does not exist."},
		{"no column, in a table", "PATCH", conn + order, `{"enabled":false,"columns":{"x":{"enabled":true}}}`, 404, "NotFound_Column", ""},
		{"no columns to choose", "PATCH", conn + "/schemas/Sales/tables/raw/columns/c", `{"enabled":false}`, 400, "InvalidInput", "Table `raw` of schema `Sales` doesn't supports columns configuration"},
		{"mode", "PATCH", conn + order, `{"sync_mode":"SCD2"}`, 400, "InvalidInput", "Invalid value for field 'sync_mode': it is one of SOFT_DELETE, HISTORY, LIVE"},
		{"history without a key", "PATCH", conn + "/schemas/Sales/tables/raw", `{"sync_mode":"HISTORY"}`, 400, "InvalidInput", "Table 'raw' of schema 'Sales' doesn't support history mode: it has no primary key"},
		{"key column", "PATCH", conn + order + "/columns/id", `{"enabled":false}`, 400, "InvalidInput", ""},
		{"source's key", "PATCH", conn + order + "/columns/total", `{"is_primary_key":true}`, 400, "InvalidInput", "Field 'is_primary_key' of column 'total' of table 'Order' cannot be changed: the source gives the table its primary key"},
		{"system table", "PATCH", conn + "/schemas/hr/tables/fivetran_audit", `{"enabled":false}`, 400, "InvalidInput", "Field 'enabled' of table 'fivetran_audit' of schema 'hr' cannot be changed: it is a system table"},
		{"table that is gone", "PATCH", conn + "/schemas/Sales/tables/note", `{"enabled":false}`, 400, "InvalidInput", "Field 'enabled' of table 'note' of schema 'Sales' cannot be changed: it does not exist in the source any more"},
		{"columns of no table", "GET", conn + "/schemas/Sales/tables/x/columns", "", 404, "NotFound_Table", "Table 'x' of schema 'Sales' does not exist."},
		{"columns of a table that is gone", "GET", conn + "/schemas/Sales/tables/note/columns", "", 404, "NotFound_Table", "Table 'note' of schema 'Sales' does not exist in the source any more."},
		{"drop of what is not blocked", "DELETE", conn + order + "/columns/total", "", 409, "Conflict", "Column 'total' of table 'Order' of schema 'Sales' is not blocked"},
		{"drop of no column", "DELETE", conn + order + "/columns/x", "", 404, "NotFound_Column", ""},
		{"drop of nothing", "POST", conn + "/schemas/drop-columns", `{}`, 400, "InvalidInput", "Field 'schemas' is required"},
		{"drop of no tables", "POST", conn + "/schemas/drop-columns", `{"schemas":{"hr":{}}}`, 400, "InvalidInput", "Field 'tables' is required"},
		{"drop of no columns", "POST", conn + "/schemas/drop-columns", `{"schemas":{"hr":{"tables":{"person":{"columns":[]}}}}}`, 400, "InvalidInput", "Field 'columns' is required"},
		{"create twice", "POST", conn + "/schemas", `{"schemas":{}}`, 409, "Conflict", ""},
		{"create nothing", "POST", other + "/schemas", `{}`, 400, "InvalidInput", "Field 'schemas' is required"},
		{"create with a wrong mode", "POST", other + "/schemas", `{"schemas":{"s":{"tables":{"t":{"sync_mode":"X"}}}}}`, 400, "InvalidInput", ""},
		{"resync of no schema", "POST", conn + "/resync", `{"scope":{"x":["t"]}}`, 400, "InvalidInput", "Schema 'x' does not exist."},
		{"resync of no table", "POST", conn + "/schemas/tables/resync", `{"hr":["person","x"]}`, 400, "InvalidInput", "Table 'x' of schema 'hr' does not exist."},
		{"resync of no table, in the path", "POST", conn + "/schemas/hr/tables/x/resync", "", 404, "NotFound_Table", "Table 'x' of schema 'hr' does not exist."},
		{"resync of a table that is gone", "POST", conn + "/schemas/Sales/tables/note/resync", "", 400, "InvalidInput", "Table 'note' of schema 'Sales' does not exist in the source any more"},
		{"no state", "POST", "/v1/penstock" + strings.TrimPrefix(conn, "/v1") + "/states/7/restore", "", 404, "NotFound_State", ""},
		{"no number", "POST", "/v1/penstock" + strings.TrimPrefix(conn, "/v1") + "/states/x/restore", "", 404, "NotFound_State", ""},
	} {
		a := e.do(tt.method, tt.path, tt.body)
		if a.status != tt.status || a.code != tt.code || tt.message != "" && a.message != tt.message {
			t.Errorf("%s: got %d %s %q\nwant %d %s %q", tt.name, a.status, a.code, a.message, tt.status, tt.code, tt.message)
		}
	}
	if after := compact(e.ok("GET", conn+"/schemas", "").data); after != before {
		t.Errorf("what was refused was chosen (-before +after)\n%s", cmp.Diff(before, after))
	}
	e.ok("POST", incomplete+"/schemas/reload", "{}")
	if a := e.do("GET", incomplete+"/schemas/hr/tables/person/columns", ""); a.status != 409 {
		t.Errorf("columns of a connection that is not connected: %d %s", a.status, a.body)
	}
	e.engine.offerErr = &engine.ServiceError{Err: errors.New("list the tables: the host does not answer")}
	if a := e.do("POST", conn+"/schemas/reload", ""); a.status != 400 || a.message != "The schema cannot be read from the source: list the tables: the host does not answer" {
		t.Errorf("source does not answer: %d %s", a.status, a.body)
	}
}

// okCreate makes another connection in a group of its own.
func (e *env) okCreate(t *testing.T, name string, more ...string) string {
	t.Helper()
	body := `{"group_id":"` + e.group(name) + `","service":"postgres","config":{"schema_prefix":"` + name + `","host":"h","database":"d","user":"u"}`
	for _, m := range more {
		body += "," + m
	}
	return e.ok("POST", "/v1/connections", body+"}").data["id"].(string)
}

// TestPreCreatedSchemaConfig chooses before anything is known.
func TestPreCreatedSchemaConfig(t *testing.T) {
	e := newEnv(t)
	conn := e.database()
	a := e.ok("POST", conn+"/schemas", `{"schema_change_handling":"BLOCK_ALL","schemas":{"Sales":{"enabled":true,"tables":{
		"Order":{"enabled":true,"sync_mode":"LIVE","columns":{"customerName":{"enabled":true,"hashed":true},"id":{"enabled":false}}},"nothing":{"enabled":true}}}}}`)
	if a.message != "Schema configuration pre-created successfully" || a.data["enable_new_by_default"] != false || a.data["schema_change_handling"] != "BLOCK_ALL" {
		t.Errorf("answer %s", a.body)
	}
	want := "+Sales=db_sales\nSales +Order=order LIVE +#customerName=customer_name -id=id\nSales +nothing=nothing <nil>"
	if diff := cmp.Diff(want, compact(a.data)); diff != "" {
		t.Errorf("echo (-want +got)\n%s", diff)
	}
	if a := e.do("GET", conn+"/schemas", ""); a.code != "NotFound_SchemaConfig" {
		t.Errorf("before the capture: %s", a.body)
	}
	want = `+Sales=db_sales
Sales +Order=order LIVE +#customerName=customer_name +!OTHER id=id
Sales -note=note SOFT_DELETE
Sales -raw=raw SOFT_DELETE
-hr=db_hr
hr +!SYSTEM_TABLE fivetran_audit=fivetran_audit SOFT_DELETE
hr -person=person SOFT_DELETE`
	if diff := cmp.Diff(want, compact(e.ok("POST", conn+"/schemas/reload", "").data)); diff != "" {
		t.Errorf("captured (-want +got)\n%s", diff)
	}
}

// TestDropColumns marks columns to be dropped, all of a request or none.
func TestDropColumns(t *testing.T) {
	e := newEnv(t)
	conn := e.database()
	e.ok("POST", conn+"/schemas/reload", "")
	e.ok("PATCH", conn+"/schemas/hr/tables/person", `{"columns":{"mail":{"enabled":false},"salary":{"enabled":false}}}`)
	marked := func() []string {
		cfg, err := e.store.SchemaConfig(t.Context(), strings.TrimPrefix(conn, "/v1/connections/"))
		must(t, err)
		var all []string
		for name, c := range cfg.Schemas["hr"].Tables["person"].Columns {
			if c.Drop {
				all = append(all, name)
			}
		}
		slices.Sort(all)
		return all
	}
	if a := e.do("POST", conn+"/schemas/drop-columns", `{"schemas":{"hr":{"tables":{"person":{"columns":["mail"]}}},"Sales":{"tables":{"Order":{"columns":["total"]}}}}}`); a.status != 409 {
		t.Errorf("one of two is not blocked: %d %s", a.status, a.body)
	}
	if got := marked(); got != nil {
		t.Errorf("marked all the same: %v", got)
	}
	if a := e.ok("POST", conn+"/schemas/drop-columns", `{"schemas":{"hr":{"tables":{"person":{"columns":["mail"]}}}}}`); a.message != "Column(s) successfully marked for deletion" {
		t.Errorf("message %q", a.message)
	}
	if a := e.ok("DELETE", conn+"/schemas/hr/tables/person/columns/salary", ""); a.message != "Column successfully marked for deletion" {
		t.Errorf("message %q", a.message)
	}
	if diff := cmp.Diff([]string{"mail", "salary"}, marked()); diff != "" {
		t.Error(diff)
	}
	e.ok("PATCH", conn+"/schemas/hr/tables/person/columns/mail", `{"enabled":true}`)
	if diff := cmp.Diff([]string{"salary"}, marked()); diff != "" {
		t.Errorf("after it was enabled again: %s", diff)
	}
	// A column that the source lost need not be blocked.
	e.engine.offers[0] = offer("Sales.Order", "id*", "customerName")
	e.ok("POST", conn+"/schemas/reload", "")
	e.ok("DELETE", conn+"/schemas/Sales/tables/Order/columns/total", "")
}

// TestSchemaStatus blocks a connection before its first row, and lets it go.
func TestSchemaStatus(t *testing.T) {
	e := newEnv(t)
	conn := e.database()
	id := strings.TrimPrefix(conn, "/v1/connections/")
	status := func() any { return at(e.ok("GET", conn, "").data, "status", "schema_status") }
	if s := status(); s != "ready" {
		t.Fatalf("schema_status %v", s)
	}
	e.ok("PATCH", conn, `{"schema_status":"blocked_on_capture"}`)
	if s := status(); s != "blocked_on_capture" || len(e.engine.restarted) != 1 {
		t.Errorf("schema_status %v; a running sync was stopped: %v", s, e.engine.restarted)
	}
	run := e.engine.start()
	e.engine.finish(run, store.Outcome{Kind: store.RunCaptured})
	if c, st := e.details(id); c["succeeded_at"] != nil || st["is_historical_sync"] != true || st["sync_state"] != "scheduled" {
		t.Errorf("after the capture: %v %v", c["succeeded_at"], st)
	}
	if run, err := e.store.Claim(t.Context(), "test", e.now, 1); run != nil || err != nil {
		t.Errorf("it is due again at once: %v, %v", run, err)
	}
	e.ok("PATCH", conn, `{"schema_status":"ready"}`)
	e.engine.start() // the first load is due
}
