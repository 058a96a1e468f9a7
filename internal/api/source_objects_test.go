package api

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSourceObjects lists what a source has, as the older metadata API did.
func TestSourceObjects(t *testing.T) {
	e := newEnv(t)
	conn := e.database()
	id := strings.TrimPrefix(conn, "/v1/connections/")
	path := "/v1/metadata/connectors/" + id
	for _, what := range []string{"/schemas", "/tables", "/columns"} {
		if a := e.do("GET", path+what, ""); a.status != 404 || a.code != "NotFound_SchemaConfig" {
			t.Errorf("%s before the source was read: %d %s", what, a.status, a.body)
		}
		if a := e.do("GET", "/v1/metadata/connectors/nobody"+what, ""); a.status != 404 || a.code != "NotFound_Connection" {
			t.Errorf("%s of no connection: %d %s", what, a.status, a.body)
		}
		if a := e.do("GET", path+what, "", "-"); a.status != 401 {
			t.Errorf("%s without a key: %d", what, a.status)
		}
	}
	e.engine.offers = nil
	e.engine.offers = append(e.engine.offers, offer("hr.Person", "id*", "Mail"), offer("hr.a/b", "id*"), offer("sales.item", "id*"))
	e.ok("POST", conn+"/schemas/reload", "")
	items := func(what string) []any { return e.ok("GET", path+what, "").data["items"].([]any) }
	object := func(id, parent, source, destination string) map[string]any {
		o := map[string]any{"id": id, "name_in_source": source, "name_in_destination": destination}
		if parent != "" {
			o["parent_id"] = parent
		}
		return o
	}
	prefix := e.ok("GET", conn, "").data["schema"].(string) + "_"
	if diff := cmp.Diff([]any{object("hr", "", "hr", prefix+"hr"), object("sales", "", "sales", prefix+"sales")}, items("/schemas")); diff != "" {
		t.Error(diff)
	}
	tables := items("/tables")
	if diff := cmp.Diff(object("hr/a%2Fb", "hr", "a/b", tables[1].(map[string]any)["name_in_destination"].(string)), tables[1]); diff != "" || len(tables) != 3 {
		t.Error(len(tables), diff)
	}
	columns := items("/columns")
	want := object("hr/Person/Mail", "hr/Person", "Mail", "mail")
	want["type_in_source"], want["type_in_destination"], want["is_primary_key"], want["is_foreign_key"] = at(columns[1], "type_in_source"), at(columns[1], "type_in_source"), false, false
	if diff := cmp.Diff(want, columns[1]); diff != "" || len(columns) != 4 || at(columns[0], "is_primary_key") != true || at(columns[1], "type_in_source") == "" {
		t.Error(len(columns), columns[0], diff)
	}
	first := e.ok("GET", path+"/tables?limit=2", "").data
	rest := e.ok("GET", path+"/tables?cursor="+first["next_cursor"].(string), "").data
	if len(first["items"].([]any)) != 2 || len(rest["items"].([]any)) != 1 || rest["next_cursor"] != nil {
		t.Errorf("pages %v, %v", first, rest)
	}
}
