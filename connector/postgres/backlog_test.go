package postgres

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/connectortest"
	"github.com/penstock-data/penstock/internal/pgtest"
)

// goingOn is a source whose syncs go on until they are stopped.
type goingOn struct {
	connector.Source
	stop    chan struct{}
	reached func(at time.Time, changes int64)
}

func (g *goingOn) Sync(ctx context.Context, req connector.Request, out connector.Output) error {
	req.Until, req.Every, req.Stop, req.Reached = time.Now().Add(time.Hour), time.Millisecond, g.stop, g.reached
	return g.Source.Sync(ctx, req, out)
}

// TestGoingOn follows the log, says when changes were committed and until when
// all of them are there, and ends when it is to, though nothing happens.
func TestGoingOn(t *testing.T) {
	t.Parallel()
	dsn := newServer(t).url
	pgtest.Exec(t, dsn, "create table item (id int primary key)", "insert into item values (1)")
	m := &connectortest.Model{}
	var began time.Time
	changes, calls := int64(0), 0
	g := &goingOn{Source: opener(t, dsn, viaLog)(), stop: make(chan struct{})}
	g.reached = func(at time.Time, n int64) {
		now := time.Now()
		if calls++; calls == 1 {
			began = now
			pgtest.Exec(t, dsn, "insert into item values (2), (3)", "create table other (a int)", "update item set id = 4 where id = 3")
		} else if n > 0 && (at.Before(began.Add(-time.Second)) || at.After(now.Add(time.Second))) {
			t.Errorf("committed at %v, between %v and %v", at, began, now)
		}
		if changes += n; changes == 3 && n == 0 && at.After(began) { // all of it is there
			changes = -1 << 40
			close(g.stop)
		}
	}
	for range 3 { // the new table ends one of them
		if err := m.Sync(t.Context(), g); err == nil {
			break
		} else if err != connector.ErrSchemaChanged {
			t.Fatal(err)
		}
	}
	var ids []string
	for _, row := range m.Rows("public.item") {
		id, _, _ := strings.Cut(row, "|") // and when it changed
		ids = append(ids, id)
	}
	if got := strings.Join(ids, " "); got != "1 2 4" {
		t.Errorf("rows %s", got)
	}
	if err := m.Sync(t.Context(), g); err != nil { // stopped from the beginning
		t.Fatal(err)
	}
}

// TestBacklog asks what the server keeps for the slot, and drops it: one that
// a sync made, and another only if that is insisted upon, even while it is
// read.
func TestBacklog(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	dsn, ctx := s.url, t.Context()
	pgtest.Exec(t, dsn, "create table item (id int primary key, pad text)", "alter table item alter pad set storage external", "alter system set max_slot_wal_keep_size = '64MB'", "select pg_reload_conf()")
	open := opener(t, dsn, viaLog)
	keeper := open().(connector.Keeper)
	ask := func(state json.RawMessage) connector.Backlog {
		t.Helper()
		b, err := keeper.Backlog(ctx, state)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	release := func(state json.RawMessage, force bool, want string) {
		t.Helper()
		if what, err := keeper.Release(ctx, state, force); err != nil || what != want {
			t.Fatalf("released %q, want %q: %v", what, want, err)
		}
	}
	const slot = "replication slot penstock"
	if b := ask(nil); b.What != "" {
		t.Errorf("without a slot: %+v", b)
	}
	release(nil, true, "")
	m := &connectortest.Model{}
	copied := func() {
		t.Helper()
		if err := m.Sync(ctx, open()); err != nil {
			t.Fatal(err)
		}
	}
	copied()
	before := ask(m.State)
	pgtest.Exec(t, dsn, "insert into item select g, repeat(md5(g::text), 100) from generate_series(1, 3000) g")
	after := ask(m.State)
	pgtest.Exec(t, dsn, "select pg_switch_wal()", "insert into item values (-1)")
	if b := ask(m.State); b.Lag <= 0 || b.Lag > time.Minute {
		t.Errorf("the first change that was not read is %v old", b.Lag)
	}
	pgtest.Exec(t, dsn, "delete from item where id = -1")
	if before.What != slot || after.Retained-before.Retained < 5<<20 || after.Lost || after.Limit < 48<<20 || after.Limit > 200<<20 {
		t.Errorf("before %+v, after %+v", before, after)
	}
	release(m.State, false, slot)
	copied() // finds by queries what has changed, and makes a slot
	if n := len(m.Rows("public.item")); n != 3000 {
		t.Errorf("%d rows", n)
	}
	release(m.State, false, slot)

	// One of the user's own.
	pgtest.Exec(t, dsn, "select pg_create_logical_replication_slot('penstock', 'pgoutput')")
	copied()
	release(m.State, false, "")
	ready, ended := make(chan struct{}), make(chan error)
	var first sync.Once
	reading := &goingOn{open(), make(chan struct{}), func(time.Time, int64) { first.Do(func() { close(ready) }) }}
	go func() { ended <- m.Sync(ctx, reading) }()
	<-ready
	release(m.State, true, slot)
	if err := <-ended; err == nil {
		t.Error("the sync whose slot was dropped succeeded")
	}

	pgtest.Exec(t, dsn, "create role reader login", "grant select on item to reader", "select pg_create_logical_replication_slot('penstock', 'pgoutput')")
	keeper = opener(t, dsn, viaLog, func(c *config) { c.User = "reader" })().(connector.Keeper)
	if b := ask(nil); b.What != slot || b.Lag != 0 {
		t.Errorf("seen by a role without rights: %+v", b)
	}
	if _, err := keeper.Release(ctx, nil, true); err == nil || !strings.Contains(err.Error(), "SELECT pg_drop_replication_slot('penstock')") {
		t.Errorf("dropped by a role without rights: %v", err)
	}
	for _, method := range []string{"", queryBased} {
		src := opener(t, dsn, func(c *config) { c.UpdateMethod = method })()
		if src.(connector.Keeper).Keeps() || src.(connector.Follower).Follows() {
			t.Errorf("update method %q follows a log", method)
		}
	}
}
