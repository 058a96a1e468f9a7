package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/connectortest"
	"github.com/penstock-data/penstock/internal/pgtest"
	"github.com/penstock-data/penstock/setup"
)

// standby returns a server that replays the log of s, and is stopped when the
// test ends.
func (s *server) standby(t testing.TB) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	copied := &server{dir: filepath.Join(filepath.Dir(s.dir), "standby"), port: port}
	if out, err := exec.Command("pg_basebackup", "-D", copied.dir, "-R", "-X", "stream", "-c", "fast", "-d", strings.Replace(s.url, "/postgres?", "?", 1)).CombinedOutput(); err != nil {
		t.Fatalf("pg_basebackup: %v\n%s", err, out)
	}
	conf := filepath.Join(copied.dir, "postgresql.conf")
	f, err := os.OpenFile(conf, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(f, "\nport = %s\nhot_standby = on\n", port)
	f.Close()
	if out, err := exec.Command("chown", "-R", "--reference="+s.dir, copied.dir).CombinedOutput(); err != nil {
		t.Fatalf("chown: %v\n%s", err, out)
	}
	copied.start(t)
	t.Cleanup(func() { exec.Command(script, "stop", copied.dir).Run() })
	return copied
}

// replays waits until a standby has replayed all of a server's log.
func (s *server) replays(t testing.TB, from *server) {
	t.Helper()
	end := query(t, from.url, "select pg_current_wal_insert_lsn()")
	for query(t, s.url, "select pg_last_wal_replay_lsn() >= '"+end+"'::pg_lsn") != "t" {
	}
}

// A careless output breaks off when a checkpoint is to be made, of which
// nothing is saved.
type careless struct {
	connector.Source
	after int // checkpoints
}

type carelessOutput struct {
	connector.Output
	left *int
}

func (c *careless) Sync(ctx context.Context, req connector.Request, out connector.Output) error {
	return c.Source.Sync(ctx, req, &carelessOutput{out, &c.after})
}

func (o *carelessOutput) Checkpoint(ctx context.Context, state any) error {
	if *o.left--; *o.left < 0 {
		return errBreak
	}
	return o.Output.Checkpoint(ctx, state)
}

// TestFailover has a standby take the server's place: one that has all that
// was copied, one that lacks rows that were, and one that lacks rows of a sync
// that broke off. And then the first server comes back.
func TestFailover(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		lost    bool // the standby is stopped before
		do      []string
		breaks  bool // the sync of it breaks off
		idle    bool // and there is none
		reread  bool
		because string
	}{
		{name: "all there", do: []string{"update item set v = 1 where id <= 10", "delete from item where id = 20"}},
		{name: "all there, the sync broke off", do: []string{"update item set v = 1 where id <= 10"}, breaks: true},
		{name: "lost before it was read", lost: true, idle: true, do: []string{"update item set v = 1 where id <= 10", "insert into item values (5000)"}},
		{name: "lost", lost: true, do: []string{"update item set v = 1 where id <= 10", "insert into item values (5000)", "delete from item where id = 20"}, reread: true, because: "parted from it at"},
		{name: "lost, the sync broke off", lost: true, do: []string{"update item set v = 1 where id <= 10", "delete from item where id = 20"}, breaks: true, reread: true, because: "parted from it at"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			one := newServer(t)
			pgtest.Exec(t, one.url, "create table item (id int primary key, v int, pad text)", "insert into item select g, 0, repeat('p', 100) from generate_series(1, 1000) g",
				"create table event (id int primary key) partition by list (id)", "create table event_1 partition of event for values in (1)", "insert into event values (1)")
			two := one.standby(t)
			m := &connectortest.Model{}
			for range 2 {
				if err := m.Sync(t.Context(), opener(t, one.url, viaLog)()); err != nil {
					t.Fatal(err)
				}
			}
			two.replays(t, one)
			if c.lost {
				two.stop(t)
			}
			pgtest.Exec(t, one.url, append([]string{"set synchronous_commit = on"}, c.do...)...)
			switch {
			case c.breaks:
				src := &careless{Source: opener(t, one.url, viaLog)()}
				if err := m.Sync(t.Context(), src); !errors.Is(err, errBreak) {
					t.Fatal(err)
				}
			case !c.idle:
				if err := m.Sync(t.Context(), opener(t, one.url, viaLog)()); err != nil {
					t.Fatal(err)
				}
			}
			if !c.lost {
				two.replays(t, one)
			}
			pgtest.Exec(t, one.url, "checkpoint")
			one.stop(t)
			if c.lost {
				two.start(t)
			}
			query(t, two.url, "select pg_promote()")
			pgtest.Exec(t, two.url, "insert into item values (6000, 6, 'after')", "update item set v = 2 where id = 900", "delete from item where id = 901")

			stops := func() connector.Source { return stopping(opener(t, two.url, viaLog)()) }
			before := stateOf(t, m)
			var problem *setup.Problem
			if err := m.Sync(t.Context(), stops()); !errors.As(err, &problem) || problem.Code != "log_gap" {
				t.Fatalf("it does not stop: %v", err)
			}
			after := stateOf(t, m)
			if !c.reread {
				before.Origin = after.Origin
			}
			if diff := cmp.Diff(before, after, cmp.AllowUnexported(visibility{})); diff != "" {
				t.Errorf("a sync that stops has changed something: %s", diff)
			}

			src := &watched{Source: opener(t, two.url, viaLog)()}
			for n := range 2 {
				if err := m.Sync(t.Context(), src); err != nil {
					t.Fatal(err)
				}
				if n == 0 {
					if warned(m, "history_changed") != c.reread || !strings.Contains(fmt.Sprint(m.Warnings), c.because) {
						t.Errorf("warnings %v", m.Warnings)
					}
					if all := src.tables["item"] >= 900; all != c.reread {
						t.Errorf("%d rows were read", src.tables["item"])
					}
				}
				compare(t, c.name, m, two.url, "item", "event")
				pgtest.Exec(t, two.url, "update item set v = 3 where id = 7")
			}

			one.start(t)
			if err := m.Sync(t.Context(), opener(t, one.url, viaLog)()); err != nil || !strings.Contains(fmt.Sprint(m.Warnings), "timeline 2, which was read before, is no part of it") {
				t.Fatal(err, m.Warnings)
			}
			compare(t, "back", m, one.url, "item", "event")
		})
	}
}

func stateOf(t *testing.T, m *connectortest.Model) *state {
	t.Helper()
	st, err := parseState(m.State)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// stopping returns a source that is asked to stop at gaps.
func stopping(src connector.Source) connector.Source {
	return edited{src, func(req *connector.Request) { req.StopAtGap = true }}
}

func TestHistory(t *testing.T) {
	got, err := parseHistory([]byte("# comment\n1\t0/3000158\tno recovery target specified\n\n2\t1A/4000000\tbefore 2000-01-01\n"))
	if err != nil || len(got) != 2 || got[1].String() != "0/3000158" || got[2].String() != "1A/4000000" {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"x 0/1", "1", "1 0"} {
		if _, err := parseHistory([]byte(bad)); err == nil {
			t.Errorf("%q is a history", bad)
		}
	}
}

// TestStopAtGap has syncs that are not to heal meet gaps of all kinds: nothing
// is changed until a person acts.
func TestStopAtGap(t *testing.T) {
	t.Parallel()
	dsn, dir, heals := spilling(t)
	stops := func() connector.Source { return stopping(heals()) }
	m := &connectortest.Model{}
	for _, c := range []struct {
		name string
		do   func()
		want string
	}{
		{"slot dropped", func() { dropSlot(t, dsn, "penstock") }, "Replication slot penstock is gone"},
		{"read by somebody else", func() {
			pgtest.Exec(t, dsn, "select pg_replication_slot_advance('penstock', pg_current_wal_flush_lsn())")
		}, "was read by somebody else"},
		{"files damaged", func() {
			spilled(t, heals(), m)
			os.Truncate(files(t, dir)[0], 20)
		}, "or they are damaged"},
	} {
		if err := m.Sync(t.Context(), stops()); err != nil {
			t.Fatal(c.name, err)
		}
		pgtest.Exec(t, dsn, "set synchronous_commit = on", "update item set name = name || '.' where id < 5")
		unread(t, dsn)
		c.do()
		state, kept := string(m.State), len(files(t, dir))
		for range 2 {
			err := m.Sync(t.Context(), stops())
			var problem *setup.Problem
			if !errors.As(err, &problem) || !strings.Contains(problem.Message, c.want) || !strings.Contains(problem.Message, "set at_log_gap to HEAL") {
				t.Fatalf("%s: %v", c.name, err)
			}
		}
		if string(m.State) != state || len(files(t, dir)) != kept {
			t.Errorf("%s: a sync that stops has changed something", c.name)
		}
		if err := m.Sync(t.Context(), heals()); err != nil || !warned(m, "log_gap") {
			t.Fatal(c.name, err, m.Warnings)
		}
		compare(t, c.name, m, dsn, "item", "event")
	}
}
