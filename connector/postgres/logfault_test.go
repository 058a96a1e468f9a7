package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/connectortest"
	"github.com/penstock-data/penstock/internal/pgtest"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// TestLogPassesTableOver has a table that the log was handed left out of some
// syncs: what changes meanwhile is not lost.
func TestLogPassesTableOver(t *testing.T) {
	t.Parallel()
	dsn := newServer(t).url
	pgtest.Exec(t, dsn, "create role reader login replication", "grant create on database postgres to reader")
	for _, n := range []string{"a", "b"} {
		pgtest.Exec(t, dsn, "create table "+n+" (id int primary key, v int)", "insert into "+n+" select g, 0 from generate_series(1, 5) g", "grant select on "+n+" to reader")
	}
	pgtest.Exec(t, dsn, "create publication penstock for table a, b")
	b := schema.Name{Schema: "public", Table: "b"}
	open := opener(t, dsn, viaLog, func(c *config) { c.User = "reader" })
	pause := func(req *connector.Request) {
		req.Tables, req.Paused = req.Tables[:1:1], []schema.Name{b}
	}
	m := &connectortest.Model{}
	for _, c := range []struct {
		name       string
		edit       func(*connector.Request)
		do, undo   []string
		onlyPaused bool
	}{
		{name: "loaded", edit: func(*connector.Request) {}},
		{name: "paused", edit: pause},
		{name: "not readable", edit: func(req *connector.Request) {
			req.Tables = append(req.Tables[:1:1], schema.Table{Name: b, Columns: req.Tables[0].Columns})
		},
			do: []string{"revoke select on b from reader"}, undo: []string{"grant select on b to reader"}},
		{name: "all paused", edit: func(req *connector.Request) {
			req.Paused, req.Tables = []schema.Name{req.Tables[0].Name, b}, nil
		}},
		{name: "all wanted", edit: func(*connector.Request) {}},
	} {
		pgtest.Exec(t, dsn, append(c.do, "update a set v = v + 1 where id < 3", "update b set v = v + 1 where id < 3", "delete from b where id = (select max(id) from b)")...)
		if err := m.Sync(context.Background(), edited{open(), c.edit}); err != nil {
			t.Fatal(c.name, err)
		}
		pgtest.Exec(t, dsn, append(c.undo, "update b set v = v + 1 where id = 2")...)
		if err := m.Sync(context.Background(), open()); err != nil || len(m.Failed) > 0 {
			t.Fatal(c.name, err, m.Failed)
		}
		compare(t, c.name, m, dsn, "a", "b")
		if st, err := parseState(m.State); err != nil || st.Table(b) == nil || st.Table(b).Log == nil {
			t.Errorf("%s: table b is not read by the log: %s", c.name, m.State)
		}
	}
}

// TestNoTables syncs when no table is wanted, or can be read now.
func TestNoTables(t *testing.T) {
	eachMethod(t, func(t *testing.T, method func(*config)) {
		dsn := newServer(t).url
		pgtest.Exec(t, dsn, "create table a (id int primary key)", "insert into a values (1)")
		m := &connectortest.Model{}
		none := func(schema.Table) bool { return false }
		for i, want := range []func(schema.Table) bool{none, nil, none, none, nil} {
			if err := m.SyncTables(context.Background(), opener(t, dsn, method)(), want); err != nil {
				t.Fatal(i, err)
			}
		}
		compare(t, "at last", m, dsn, "a")
	})
}

// TestLogKeys is about keys that are large, that have several text forms, and
// that tables have which inherit.
func TestLogKeys(t *testing.T) {
	t.Parallel()
	dsn := newServer(t).url
	pgtest.Exec(t, dsn,
		"create table large (id text primary key, v int, pad text)", "alter table large alter id set storage external", "alter table large alter pad set storage external",
		"insert into large select repeat(g::text, 2300), 0, repeat('p', 3000) from generate_series(1, 3) g",
		"create table blank (id bpchar primary key, v int)", "insert into blank values ('a', 1), ('b', 1)",
		"create table parent (id int primary key, tags int[])", "insert into parent values (1, '{1}'), (2, '{2}')",
		"create table child (primary key (id)) inherits (parent)", "insert into child values (1, '{9}')",
	)
	m := &connectortest.Model{}
	for _, c := range [][]string{
		nil,
		{"update large set v = 1", "update blank set id = 'a ' where id = 'a'", "update parent set tags = tags || 3"},
		{"update large set pad = 'small'", "update blank set v = 2"},
		{"update large set id = id || 'x' where v = 1"},
	} {
		pgtest.Exec(t, dsn, c...)
		if err := m.Sync(context.Background(), opener(t, dsn, viaLog)()); err != nil || len(m.Failed) > 0 {
			t.Fatal(err, m.Failed)
		}
		compareAsRead(t, fmt.Sprintf("%.80q", c), m, dsn, "large", "blank")
		for _, n := range []string{"parent", "child"} {
			want := query(t, dsn, "select string_agg(id || '|' || to_json(tags)::text, ' ' order by id) from only "+n)
			if got := strings.Trim(fmt.Sprint(m.Rows("public."+n, "id", "tags")), "[]"); got != strings.Trim(want, "[]") {
				t.Errorf("%.80q: %s has %s, want %s", c, n, got, want)
			}
		}
		st, err := parseState(m.State)
		if err != nil {
			t.Fatal(err)
		}
		for name, ts := range st.All() {
			if ts.Log == nil {
				t.Errorf("%s is not read by the log", name)
			}
		}
	}
}

// TestLogKeylessOnce has tables listed again in a sync that has read tables
// without a key: read again in the same sync, what is gone from them would stay.
func TestLogKeylessOnce(t *testing.T) {
	t.Parallel()
	dsn := newServer(t).url
	pgtest.Exec(t, dsn, "create table item (id int primary key, v int)", "insert into item values (1, 0)",
		"create table loose (a int)", "insert into loose values (1), (2)", "create view looking as select a from loose")
	m := &connectortest.Model{}
	if err := m.Sync(context.Background(), opener(t, dsn, viaLog)()); err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, dsn, "insert into loose values (3)")
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	m.Clock = func() time.Time { return start }
	sent := map[string]bool{}
	src := &watched{Source: opener(t, dsn, viaLog)(), onWrite: func(b schema.Batch) error {
		if sent[b.Table.Name.Table] = true; sent["loose"] && sent["looking"] && !sent[""] {
			sent[""] = true
			pgtest.Exec(t, dsn, "set synchronous_commit = on", "delete from loose where a = 1", "alter table item add w int", "update item set w = 1")
		}
		return nil
	}}
	if err := m.Sync(context.Background(), src); !errors.Is(err, connector.ErrSchemaChanged) {
		t.Fatal(err)
	}
	if err := m.Sync(context.Background(), opener(t, dsn, viaLog)()); err != nil || len(m.Failed) > 0 {
		t.Fatal(err, m.Failed)
	}
	start = start.Add(time.Minute)
	if err := m.Sync(context.Background(), opener(t, dsn, viaLog)()); err != nil || len(m.Failed) > 0 {
		t.Fatal(err, m.Failed)
	}
	compare(t, "a sync later", m, dsn, "item", "loose", "looking")
}

// TestLogVersionsOnce has a transaction begun twice: its rows hold since one
// time.
func TestLogVersionsOnce(t *testing.T) {
	t.Parallel()
	dsn := newServer(t).url
	pgtest.Exec(t, dsn, "create table item (id int primary key, v int)", "insert into item values (1, 0)",
		"create table loose (a int)", "insert into loose values (1)")
	out := &keeping{}
	sync := func() error {
		src, err := open(configOf(t, dsn, viaLog), connector.Env{})
		if err != nil {
			t.Fatal(err)
		}
		tables, err := src.Tables(t.Context(), func(setup.Warning) {})
		if err != nil {
			t.Fatal(err)
		}
		return src.Sync(t.Context(), connector.Request{Tables: tables, Start: time.Now(), State: out.state}, out)
	}
	if err := sync(); err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, dsn, "insert into loose values (2)")
	var starts []arrow.Timestamp
	altered := false
	out.onWrite = func(b schema.Batch) {
		if b.Table.Name.Table == "loose" && !altered {
			altered = true
			pgtest.Exec(t, dsn, "set synchronous_commit = on; update item set v = 1; alter table item add w int; update item set w = 2")
		}
		if i := b.Table.Index(schema.Start); i >= 0 {
			starts = append(starts, b.Record.Column(i).(*array.Timestamp).TimestampValues()...)
		}
	}
	if err := sync(); !errors.Is(err, connector.ErrSchemaChanged) {
		t.Fatal(err)
	}
	if err := sync(); err != nil {
		t.Fatal(err)
	}
	if len(starts) < 3 || len(slices.Compact(slices.Clone(starts))) != 1 {
		t.Errorf("they hold since %d", starts)
	}
}

// A breaking output forgets what is to be saved once rows of a table have come.
type breaking struct {
	keeping
	broken bool
}

func (b *breaking) Checkpoint(ctx context.Context, state any) error {
	if b.broken {
		return errors.New("the power is off")
	}
	return b.keeping.Checkpoint(ctx, state)
}

// TestLogVersionsAgain breaks a sync off when rows of the log have arrived and
// the state has not been saved, and hands another table over in the sync that
// sends them again: they hold since the times that they had.
func TestLogVersionsAgain(t *testing.T) {
	t.Parallel()
	dsn := newServer(t).url
	pgtest.Exec(t, dsn, "create table item (id int primary key, v int)", "insert into item values (1, 0)")
	out := &breaking{}
	var starts []arrow.Timestamp
	sync := func(begins time.Time) error {
		src, err := open(configOf(t, dsn, viaLog), connector.Env{})
		if err != nil {
			t.Fatal(err)
		}
		tables, err := src.Tables(t.Context(), func(setup.Warning) {})
		if err != nil {
			t.Fatal(err)
		}
		starts = nil
		return src.Sync(t.Context(), connector.Request{Tables: tables, Start: begins, State: out.state}, out)
	}
	out.onWrite = func(b schema.Batch) {
		if i := b.Table.Index(schema.Start); i >= 0 && b.Table.Name.Table == "item" {
			starts = append(starts, b.Record.Column(i).(*array.Timestamp).TimestampValues()...)
		}
	}
	for _, ahead := range []time.Duration{-time.Minute, time.Minute} { // our clock, of the source's
		// A table that is handed over holds since then, by our clock.
		pgtest.Exec(t, dsn, "drop table item", "create table item (id int primary key, v int)", "insert into item values (1, 0)")
		if err := sync(time.Now().Add(ahead)); err != nil {
			t.Fatal(err)
		}
		pgtest.Exec(t, dsn, "update item set v = 1", "update item set v = 2")
		hears := out.onWrite
		out.onWrite = func(b schema.Batch) { hears(b); out.broken = true }
		if err := sync(time.Now().Add(ahead)); err == nil {
			t.Fatal("a sync ends well that was broken off")
		}
		once := starts
		out.onWrite, out.broken = hears, false
		pgtest.Exec(t, dsn, "drop table if exists other", "create table other (id int primary key)", "insert into other values (1)")
		if err := sync(time.Now().Add(ahead)); err != nil {
			t.Fatal(err)
		}
		if len(once) != 2 || !slices.Equal(starts, once) || once[0] >= once[1] {
			t.Errorf("ahead by %v they hold since %d, and the second time since %d", ahead, once, starts)
		}
	}
}

// TestLogOfAnotherServer has another server answer in the middle of a sync, as
// it seems: the sync ends, and the next begins anew.
func TestLogOfAnotherServer(t *testing.T) {
	t.Parallel()
	dsn := newServer(t).url
	pgtest.Exec(t, dsn, "create role reader login replication", "create table a (id int primary key)", "insert into a values (1), (2)",
		"create table b (id int primary key)", "insert into b values (1)",
		"grant select on a, b to reader", "create publication penstock for table a, b")
	open := opener(t, dsn, viaLog, func(c *config) { c.User = "reader" })
	m := &connectortest.Model{}
	src := &watched{Source: open()}
	src.onWrite = func(b schema.Batch) error {
		if src.onWrite = nil; b.Table.Name.Table == "a" {
			pgtest.Exec(t, dsn, "revoke execute on function pg_control_system from public", "truncate b")
		}
		return nil
	}
	if err := m.Sync(context.Background(), src); err == nil || !strings.Contains(err.Error(), "another server") {
		t.Error(err)
	}
	if err := m.Sync(context.Background(), open()); err != nil || len(m.Failed) > 0 {
		t.Fatal(err, m.Failed)
	}
	compare(t, "afterwards", m, dsn, "a", "b")
}

// TestSlotOfTwoPhases has a slot that sends transactions when they are
// prepared, which may still be rolled back.
func TestSlotOfTwoPhases(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	if query(t, s.url, "select current_setting('server_version_num')::int < 140000") == "t" {
		t.Skip("the server has no such slots")
	}
	s.configure(t, "max_prepared_transactions = 2", "")
	pgtest.Exec(t, s.url, "create table a (id int primary key)", "create publication penstock for table a",
		"select pg_create_logical_replication_slot('penstock', 'pgoutput', false, true)")
	m := &connectortest.Model{}
	err := m.Sync(context.Background(), opener(t, s.url, viaLog)())
	if p := setup.AsProblem(err); p == nil || p.Code != "slot_unusable" || !strings.Contains(p.Message, "two_phase") {
		pgtest.Exec(t, s.url, "begin; insert into a values (1); prepare transaction 'x'")
		t.Error(err, m.Sync(context.Background(), opener(t, s.url, viaLog)()))
	}
}
