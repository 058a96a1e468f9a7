package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/connectortest"
	"github.com/penstock-data/penstock/internal/pgtest"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// threeTables are tables of several pages, read in the order of their names.
func threeTables(t *testing.T, dsn string) {
	for _, name := range []string{"a", "b", "c"} {
		pgtest.Exec(t, dsn,
			"create table "+name+" (id int primary key, v int, pad text)",
			"insert into "+name+" select g, g, repeat('x', 900) from generate_series(1, 30) g")
	}
}

// TestTableChangesInSync changes tables in the middle of a historical load.
func TestTableChangesInSync(t *testing.T) { eachMethod(t, testTableChangesInSync) }

func testTableChangesInSync(t *testing.T, method func(*config)) {
	for _, c := range []struct {
		name   string
		do     string // while table a is being read, after its first range
		failed string
		later  bool // the sync itself does not see it

		counted bool // rows go, which only a comparison of counts tells
	}{
		{"not read yet, dropped", "drop table b cascade", "b", false, false},
		{"not read yet, column type changed", "alter table b alter v type text using 'v' || v", "", false, false},
		{"not read yet, column dropped", "alter table b drop v", "", false, false},
		{"not read yet, truncated", "truncate b", "", false, true},
		{"beneath a view, column type changed", "alter table b alter v type bigint", "", false, false},
		{"being read, dropped", "drop table a", "a", false, false},
		{"being read, column type changed", "alter table a alter v type bigint using v + 1", "", false, false},
		{"being read, column dropped", "alter table a drop v", "", false, false},
		{"being read, truncated", "truncate a", "", false, true},
		{"being read, vacuumed in full", "vacuum full a", "", false, false},
		{"being read, clustered", "create index a_desc on a (id desc); cluster a using a_desc", "", false, false},
		{"being read, renamed", "alter table a rename to z", "a", false, false},
		{"being read, replaced", "drop table a; create table a (id int primary key, v int, pad text); insert into a values (1, 2, 'new')", "", false, true},
		{"being read, rows moved", "update a set v = v + 100", "", true, false},
		{"being read, rows deleted", "delete from a where id > 2", "", true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dsn := sharedLog(t)
			threeTables(t, dsn)
			pgtest.Exec(t, dsn, "create view b_inner as select id from b", "create view d as select id + 1 id from b_inner")
			// Without the comparison of counts, nothing else would set a
			// wrong read right.
			counted := func(cfg *config) { method(cfg); cfg.CaptureDeletes = c.counted }
			src := &watched{Source: opener(t, dsn, counted)(), onCheckpoint: func(n int) error {
				if n == 1 && c.do != "" {
					pgtest.Exec(t, dsn, strings.Split(c.do, "; ")...)
				}
				return nil
			}}
			m := &connectortest.Model{}
			if err := m.Sync(context.Background(), src); err != nil {
				t.Fatal(err)
			}
			for _, table := range []string{"a", "b", "c"} {
				err := m.Failed[schema.Name{Schema: "public", Table: table}]
				if (err != nil) != (table == c.failed) {
					t.Errorf("table %s failed: %v", table, err)
				}
			}
			// A table that was written anew is seen whole or not at all, at
			// once; other changes show in the next sync.
			for _, table := range []string{"a", "b", "c"} {
				if table != c.failed && !c.later {
					compare(t, "at once", m, dsn, table)
				}
			}
			if c.failed != "b" && !c.later {
				compare(t, "at once", m, dsn, "d")
			}
			if err := m.Sync(context.Background(), opener(t, dsn, counted)()); err != nil {
				t.Fatal(err)
			}
			for _, table := range []string{"a", "b", "c"} {
				if table != c.failed {
					compare(t, "afterwards", m, dsn, table)
				}
			}
		})
	}
}

// TestPrivilegeRevokedInSync takes one table of three away.
func TestPrivilegeRevokedInSync(t *testing.T) {
	t.Parallel()
	dsn := sharedDatabase(t)
	threeTables(t, dsn)
	role := "revoked_role"
	pgtest.Exec(t, dsn, "create role "+role+" login", "grant select on a, b, c to "+role)
	t.Cleanup(func() { pgtest.Exec(t, dsn, "drop owned by "+role, "drop role "+role) })
	m := &connectortest.Model{}
	src := &watched{Source: opener(t, dsn, func(c *config) { c.User = role })(), onCheckpoint: func(n int) error {
		if n == 1 {
			pgtest.Exec(t, dsn, "revoke select on b from "+role)
		}
		return nil
	}}
	if err := m.Sync(context.Background(), src); err != nil {
		t.Fatal(err)
	}
	err := m.Failed[schema.Name{Schema: "public", Table: "b"}]
	if p := setup.AsProblem(err); p == nil || p.Code != "permission_denied" || len(m.Failed) != 1 {
		t.Errorf("failed: %v", m.Failed)
	}
	compare(t, "after", m, dsn, "a", "c")
}

// killSessions ends a source's connections and waits for their ends.
const killSessions = `
	select pg_terminate_backend(pid, 5000) from pg_stat_activity
	where application_name = 'penstock' and datname = current_database()`

// TestConnectionsKilled ends the source's connections at each of its writes.
func TestConnectionsKilled(t *testing.T) {
	t.Parallel()
	dsn := sharedDatabase(t)
	threeTables(t, dsn)
	for at := 1; ; at++ {
		writes, killed := 0, false
		src := &watched{Source: opener(t, dsn)(), onWrite: func(schema.Batch) error {
			if writes++; writes == at {
				killed = true
				pgtest.Exec(t, dsn, killSessions)
			}
			return nil
		}}
		m := &connectortest.Model{}
		err := m.Sync(context.Background(), src)
		if !killed {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		if err != nil && setup.AsProblem(err) != nil {
			t.Fatalf("killed at write %d: a problem: %v", at, err)
		}
		if err := m.Sync(context.Background(), opener(t, dsn)()); err != nil {
			t.Fatal(err)
		}
		compare(t, fmt.Sprintf("killed at write %d", at), m, dsn, "a", "b", "c")
	}
}

// TestServerRestarts stops the server in mid-sync.
func TestServerRestarts(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	threeTables(t, s.url)
	m := &connectortest.Model{}
	src := &watched{Source: opener(t, s.url)(), onCheckpoint: func(n int) error {
		if n == 3 {
			s.stop(t)
		}
		return nil
	}}
	err := m.Sync(context.Background(), src)
	if err == nil || setup.AsProblem(err) != nil {
		t.Errorf("server gone in mid-sync: %v", err)
	}
	err = m.Sync(context.Background(), opener(t, s.url)())
	if err == nil || setup.AsProblem(err) != nil {
		t.Errorf("server not there: %v", err)
	}
	s.start(t)
	pgtest.Exec(t, s.url, "update a set v = 0 where id = 1", "delete from c where id < 5")
	again := &watched{Source: opener(t, s.url)()}
	if err := m.Sync(context.Background(), again); err != nil {
		t.Fatal(err)
	}
	compare(t, "back again", m, s.url, "a", "b", "c")
	if n := again.tables["a"]; n >= 30 {
		t.Errorf("%d rows of a were sent again: the sync did not resume", n)
	}
}

// TestOutputFails returns the output's error as it is, and leaves nothing behind.
func TestOutputFails(t *testing.T) {
	dsn := sharedDatabase(t)
	threeTables(t, dsn)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	src := &watched{Source: opener(t, dsn)(), onWrite: func(schema.Batch) error { return errStop }}
	if err := new(connectortest.Model).Sync(context.Background(), src); err != errStop {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	src.onWrite = func(schema.Batch) error { cancel(); return nil }
	if err := new(connectortest.Model).Sync(ctx, src); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestLimitsOfTheRole has a role whose statements and sessions may last
// almost no time.
func TestLimitsOfTheRole(t *testing.T) {
	t.Parallel()
	dsn := sharedDatabase(t)
	pgtest.Exec(t, dsn, "create table a (id int primary key)", "insert into a select generate_series(1, 10)",
		"create view slow as select id, pg_sleep(0.02)::text from a",
		"create role limited login", "grant select on a, slow to limited",
		"alter role limited set statement_timeout = 50", "alter role limited set idle_in_transaction_session_timeout = 50")
	t.Cleanup(func() { pgtest.Exec(t, dsn, "drop owned by limited", "drop role limited") })
	m := &connectortest.Model{}
	if err := m.Sync(context.Background(), opener(t, dsn, func(c *config) { c.User = "limited" })()); err != nil {
		t.Fatal(err)
	}
	compare(t, "load", m, dsn, "a", "slow")
	if len(m.Failed) > 0 {
		t.Error(m.Failed)
	}
}

// TestBatchesOfWideRows cuts batches by bytes.
func TestBatchesOfWideRows(t *testing.T) {
	t.Parallel()
	dsn := sharedDatabase(t)
	pgtest.Exec(t, dsn, "create table wide (id int primary key, v text)",
		"insert into wide select g, repeat('0123456789', 30000 + g) from generate_series(1, 40) g",
		"insert into wide values (0, repeat('x', 10000000))")
	for _, pass := range []bool{false, true} {
		var largest, total int64
		src, err := open(configOf(t, dsn), connector.Env{Memory: 8 << 20})
		if err != nil {
			t.Fatal(err)
		}
		tables, err := src.Tables(context.Background(), nil)
		if err != nil {
			t.Fatal(err)
		}
		out := &discard{pass: pass, onWrite: func(b schema.Batch) {
			if b.Rows() > 1 {
				largest = max(largest, b.Bytes())
			}
			total += b.Rows()
		}}
		if err := src.Sync(context.Background(), connector.Request{Tables: tables}, out); err != nil {
			t.Fatal(err)
		}
		if largest > 1<<20 || total != 41 {
			t.Errorf("passing %v: %d rows, largest batch %d bytes", pass, total, largest)
		}
	}
}
