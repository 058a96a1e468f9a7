package main

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/penstock-data/penstock/internal/pgtest"
	"github.com/penstock-data/penstock/schema"
)

// TestServerRefusedTable has somebody's constraint in the destination refuse rows
// of one table: the others go on, by queries and by the log, the slot is not held
// back, and everybody is told. Once the constraint is gone nothing is missing.
func TestServerRefusedTable(t *testing.T) {
	for _, method := range []string{"QUERY_BASED", "WAL_PGOUTPUT"} {
		t.Run(method+" duckdb", func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "w.duckdb")
			refused(t, method, duckWarehouse(file), "duckdb", map[string]any{"path": file}, func(statement string) {
				db := database(t, "duckdb", file, statement)
				if err := db.Close(); err != nil {
					t.Fatal(err)
				}
			})
		})
		t.Run(method+" postgres", func(t *testing.T) {
			dsn := pgtest.Database(t)
			refused(t, method, postgresWarehouse(dsn), "postgres_warehouse", databaseConfig(t, dsn), func(statement string) { pgtest.Exec(t, dsn, statement) })
		})
	}
}

func refused(t *testing.T, method string, w warehouse, service string, target map[string]any, restrict func(statement string)) {
	source := pgtest.Database(t)
	pgtest.Exec(t, source, "create table good (id int primary key, v text)", "create table bad (id int primary key, v text)",
		"insert into good select n, 'v' from generate_series(1, 100) n", "insert into bad select n, 'v' from generate_series(1, 100) n")
	config := sourceConfig(t, source, "shop")
	config["update_method"] = method
	if method != "QUERY_BASED" {
		config["publication_name"], config["replication_slot"] = "refused", "refused_"+service
		t.Cleanup(func() { // a database with a slot cannot be dropped
			pgtest.Exec(t, source, "select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = current_database()")
		})
	}
	s := serve(t, t.TempDir())
	s.destination(t, service, target)
	id := s.connection(t, config).ID
	s.succeeds(t, id)
	name := func(table string) compared {
		return compared{source: schema.Name{Schema: "public", Table: table}, destination: schema.Name{Schema: "shop_public", Table: table}}
	}

	restrict(`alter table shop_public.bad alter column v set not null`)
	for n := range 3 {
		pgtest.Exec(t, source, fmt.Sprintf("insert into good values (%d, 'v')", 200+n), "update bad set v = null where id = 7", fmt.Sprintf("update bad set v = 'w' where id = %d", 10+n))
		d := s.succeeds(t, id)
		if !says(d.Status.Warnings, "table_failed", "public.bad", "does not take its rows") {
			t.Errorf("warnings: %+v", d.Status.Warnings)
		}
		equal(t, source, w, []compared{name("good")})
		var tables struct {
			Items []struct {
				Table, Status string
				Error         string
			}
		}
		s.must(t, "GET", "/v1/penstock/connections/"+id+"/tables", nil, &tables)
		for _, table := range tables.Items {
			if failed := table.Status == "failed" && table.Error != ""; failed != (table.Table == "bad") {
				t.Errorf("table %+v", table)
			}
		}
	}
	if method != "QUERY_BASED" {
		src := openPostgres(t, source)
		defer src.Close()
		var behind int64
		pgtest.Exec(t, source, "select pg_switch_wal()")
		s.succeeds(t, id)
		if err := src.QueryRow(`select pg_wal_lsn_diff(pg_current_wal_flush_lsn(), confirmed_flush_lsn)::bigint from pg_replication_slots where slot_name = $1`, config["replication_slot"]).Scan(&behind); err != nil || behind > 8<<20 {
			t.Errorf("the slot is %d bytes behind: %v", behind, err)
		}
	}

	restrict(`alter table shop_public.bad alter column v drop not null`)
	d := s.succeeds(t, id)
	if len(d.Status.Warnings) > 0 {
		t.Errorf("warnings that are over: %+v", d.Status.Warnings)
	}
	equal(t, source, w, []compared{name("good"), name("bad")})
	pgtest.Exec(t, source, "update bad set v = 'x' where id < 50", "delete from bad where id = 60")
	s.succeeds(t, id)
	equal(t, source, w, []compared{name("good"), name("bad")})
}
