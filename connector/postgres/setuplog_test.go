package postgres

import (
	"context"
	"strings"
	"testing"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/internal/pgtest"
	"github.com/penstock-data/penstock/setup"
)

// TestSetupLog tries what can be wrong with a connection that reads the log,
// and what setup tests and syncs say.
func TestSetupLog(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.configure(t, "max_replication_slots = 2", "")
	pgtest.Exec(t, s.url, "create role reader login", "create role replicator login replication",
		"create table a (id int primary key)", "create table b (id int primary key)", "grant select on a, b to reader, replicator",
		"create publication one for table a", "create publication part for table a, b with (publish = 'insert')")
	user := func(name, publication string) func(*config) {
		return func(c *config) {
			viaLog(c)
			c.User, c.Publication = name, publication
		}
	}
	slot := func(name string) func(*config) {
		return func(c *config) {
			viaLog(c)
			c.ReplicationSlot = name
		}
	}
	for _, c := range []struct {
		name    string
		do      string
		edit    func(*config)
		last    string // title of the last test
		status  setup.Status
		message string // is part of it
		problem string // code of what a sync says; "": it succeeds
	}{
		{"all well", "", user("replicator", "one"), testPublication, setup.Passed, "public.b: it is not in the publication; run: ALTER PUBLICATION", ""},
		{"owner", "", viaLog, testPublication, setup.Passed, "the first sync makes it", ""},
		{"no REPLICATION", "", func(c *config) { user("reader", "one")(c); c.ReplicationSlot = "other" }, testReplication, setup.Failed, `ALTER ROLE "reader" REPLICATION`, "replication_not_allowed"},
		{"no publication", "", user("replicator", "none"), testPublication, setup.Failed, `CREATE PUBLICATION "none" FOR TABLE only "public"."a", only "public"."b"`, "publication_missing"},
		{"inserts only", "", user("replicator", "part"), testPublication, setup.Passed, "SET (publish = 'insert, update, delete, truncate')", ""},
		{"another plugin", "select pg_create_logical_replication_slot('other', 'test_decoding')", slot("other"), testSlot, setup.Failed, "set replication_slot to another name", "slot_unusable"},
		{"no room", "", slot("third"), testSlot, setup.Failed, "max_replication_slots", "slots_exhausted"},
		{"not a slot's name", "select pg_drop_replication_slot('other')", slot("Some Slot"), testPublication, setup.Passed, "", "replication_slot"},
		{"locked", "alter role replicator nologin", user("replicator", "one"), testLogin, setup.Failed, "not permitted to log in", "authentication_failed"},
		{"level", "alter system set wal_level = replica", slot("third"), testLevel, setup.Failed, "ALTER SYSTEM SET wal_level", "wal_level"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.do != "" {
				pgtest.Exec(t, s.url, c.do)
			}
			if c.last == testLevel {
				dropSlot(t, s.url, "penstock")
				s.configure(t, "", "")
			}
			src, err := open(configOf(t, s.url, c.edit), connector.Env{})
			if err != nil {
				t.Fatal(err)
			}
			results := src.Test(context.Background())
			last := results[len(results)-1]
			if last.Title != c.last || last.Status != c.status || !strings.Contains(last.Message, c.message) {
				t.Errorf("the last result is %+v\nwant %s %s %q", last, c.last, c.status, c.message)
			}
			tables, err := src.Tables(context.Background(), func(setup.Warning) {})
			if err == nil {
				err = src.Sync(context.Background(), connector.Request{Tables: tables}, &discard{})
			}
			code := ""
			if p := setup.AsProblem(err); p != nil {
				code = p.Code
			} else if err != nil {
				code = err.Error()
			}
			if code != c.problem {
				t.Errorf("a sync ends with %q (%v), want %q", code, err, c.problem)
			}
		})
	}
}
