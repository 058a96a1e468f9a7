package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/fivetran/go-fivetran"
	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/internal/storetest"
	"github.com/penstock-data/penstock/schema"
)

// TestTerraform is what its provider 1.9.37 does for fivetran_connector_schema_config,
// through the client that it uses.
func TestTerraform(t *testing.T) {
	storetest.Each(t, func(t *testing.T, location string) {
		e := newEnvAt(t, location)
		srv := httptest.NewServer(e.handler)
		defer srv.Close()
		client := fivetran.New(e.key, e.secret)
		client.BaseURL(srv.URL + "/v1")
		ctx := context.Background()
		id := strings.TrimPrefix(e.database(), "/v1/connections/")

		before, err := client.NewConnectionSchemaDetails().ConnectionID(id).Do(ctx)
		if err == nil || before.Code != "NotFound_SchemaConfig" {
			t.Fatalf("before: %+v, %v", before, err)
		}
		loaded, err := client.NewConnectionSchemaReload().ConnectionID(id).ExcludeMode("PRESERVE").Do(ctx)
		must(t, err)
		if len(loaded.Data.Schemas["Sales"].Tables) != 3 || loaded.Data.SchemaChangeHandling != "ALLOW_ALL" {
			t.Errorf("reloaded %+v", loaded.Data)
		}
		columns, err := client.NewConnectionColumnConfigListService().ConnectionId(id).Schema("hr").Table("person").Do(ctx)
		must(t, err)
		if len(columns.Data.Columns) != 3 || !*columns.Data.Columns["id"].IsPrimaryKey || *columns.Data.Columns["id"].EnabledPatchSettings.Allowed {
			t.Errorf("columns %+v", columns.Data)
		}
		person := fivetran.NewConnectionSchemaConfigTable().Enabled(true).SyncMode("HISTORY").
			Column("salary", fivetran.NewConnectionSchemaConfigColumn().Enabled(false)).
			Column("mail", fivetran.NewConnectionSchemaConfigColumn().Enabled(true).Hashed(true))
		_, err = client.NewConnectionSchemaUpdateService().ConnectionID(id).SchemaChangeHandling("BLOCK_ALL").
			Schema("hr", fivetran.NewConnectionSchemaConfigSchema().Enabled(true).Table("person", person)).
			Schema("Sales", fivetran.NewConnectionSchemaConfigSchema().Enabled(false)).Do(ctx)
		must(t, err)
		after, err := client.NewConnectionSchemaDetails().ConnectionID(id).Do(ctx)
		must(t, err)
		got := after.Data.Schemas["hr"].Tables["person"]
		if after.Data.SchemaChangeHandling != "BLOCK_ALL" || *after.Data.Schemas["Sales"].Enabled || *got.SyncMode != "HISTORY" ||
			*got.Columns["salary"].Enabled || !*got.Columns["mail"].Hashed || got.Columns["id"] != nil {
			t.Errorf("after: %+v", got)
		}

		_, err = client.NewConnectionTableConfigUpdateService().ConnectionId(id).Schema("hr").Table("person").SyncMode("LIVE").Do(ctx)
		must(t, err)
		_, err = client.NewConnectionDatabaseSchemaConfigUpdateService().ConnectionId(id).Schema("Sales").Enabled(true).Do(ctx)
		must(t, err)
		_, err = client.NewConnectionColumnConfigUpdateService().ConnectionId(id).Schema("hr").Table("person").Column("salary").Enabled(true).Do(ctx)
		must(t, err)
		_, err = client.NewConnectionReSyncTable().ConnectionID(id).Schema("hr").Table("person").Do(ctx)
		must(t, err)
		asked, err := e.store.AskedResyncs(ctx, id)
		must(t, err)
		if diff := cmp.Diff([]schema.Name{{Schema: "hr", Table: "person"}}, asked); diff != "" {
			t.Error(diff)
		}
		if gone, err := client.NewConnectionReSyncTable().ConnectionID(id).Schema("hr").Table("x").Do(ctx); err == nil || gone.Code != "NotFound_Table" {
			t.Errorf("re-sync of no table: %+v, %v", gone, err)
		}
	})
}

// TestLargeSchema is a source of thousands of tables: everything works, and
// the connection's details do not get slower.
func TestLargeSchema(t *testing.T) {
	e := newEnv(t)
	conn := e.database()
	id := strings.TrimPrefix(conn, "/v1/connections/")
	e.engine.offers = nil
	change := map[string]any{}
	for i := range 3000 {
		columns := []string{"id*"}
		for c := range 30 {
			columns = append(columns, fmt.Sprint("column_", c))
		}
		name := fmt.Sprint("table_", i)
		e.engine.offers = append(e.engine.offers, offer("public."+name, columns...))
		change[name] = map[string]any{"enabled": i%2 == 0, "columns": map[string]any{"column_7": map[string]any{"enabled": false}}}
	}
	e.ok("POST", conn+"/schemas/reload", "")
	body, err := json.Marshal(map[string]any{"schemas": map[string]any{"public": map[string]any{"tables": change}}})
	must(t, err)
	tables := at(e.ok("PATCH", conn+"/schemas", string(body)).data, "schemas", "public", "tables").(map[string]any)
	if len(tables) != 3000 || at(tables["table_2999"], "enabled") != false || at(tables["table_2998"], "columns", "column_7", "enabled") != false {
		t.Errorf("%d tables, %v", len(tables), tables["table_2999"])
	}
	cat, err := e.store.Catalog(t.Context(), id)
	must(t, err)
	if len(cat.Tables) != 3000 || len(cat.Tables[0].Columns) != 31 {
		t.Errorf("catalog of %d tables", len(cat.Tables))
	}
	_, st := e.details(id)
	if st["schema_status"] != "ready" {
		t.Errorf("status %v", st)
	}
}
