package main

import (
	"testing"

	"github.com/penstock-data/penstock/internal/pgtest"
	"github.com/penstock-data/penstock/schema"
)

// TestSiblings moves rows between databases under the ids that Fivetran has for
// where they run, and with an update method by its older name.
func TestSiblings(t *testing.T) {
	source, target := pgtest.Database(t), pgtest.Database(t)
	pgtest.Exec(t, source, `create table thing (id int primary key, name text)`, `insert into thing select i, 'thing ' || i from generate_series(1, 100) i`)
	s := serve(t, t.TempDir())
	s.destination(t, "postgres_rds_warehouse", databaseConfig(t, target))
	config := sourceConfig(t, source, "shop")
	config["update_method"] = "XMIN"
	var d details
	s.must(t, "POST", "/v1/connections", map[string]any{
		"group_id": seedGroup, "service": "google_cloud_postgresql", "schedule_type": "manual", "config": config,
	}, &d)
	if d.Config["update_method"] != "XMIN" {
		t.Errorf("its config is %v", d.Config)
	}
	for range 2 {
		s.succeeds(t, d.ID)
		equal(t, source, postgresWarehouse(target), []compared{
			{source: schema.Name{Schema: "public", Table: "thing"}, destination: schema.Name{Schema: "shop_public", Table: "thing"}},
		})
		pgtest.Exec(t, source, `delete from thing where id < 10`, `update thing set name = 'other' where id = 50`, `insert into thing select max(id) + 1, 'new' from thing`)
	}
}
