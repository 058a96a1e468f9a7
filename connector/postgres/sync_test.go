package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/connectortest"
	"github.com/penstock-data/penstock/internal/pgtest"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// opener returns a function that opens the database of dsn anew, with ranges
// of one page and a checkpoint after every range, so that little data has
// many places to break at.
func opener(t *testing.T, dsn string, edit ...func(*config)) func() connector.Source {
	raw := configOf(t, dsn, edit...)
	return func() connector.Source {
		src, err := open(raw, connector.Env{})
		if err != nil {
			t.Fatal(err)
		}
		s := src.(*source)
		s.workers, s.rangeBytes, s.checkpointBytes = 1, 8192, 1
		return s
	}
}

// TestStopAnywhere breaks and resumes syncs at every event.
func TestStopAnywhere(t *testing.T) { eachMethod(t, testStopAnywhere) }

func testStopAnywhere(t *testing.T, method func(*config)) {
	dsn := newServer(t).url // others' transactions would hold back the horizon
	pgtest.Exec(t, dsn,
		"create table item (id int primary key, name text, price numeric(10,2))",
		"insert into item select g, repeat('x', 700) || g, g / 7.0 from generate_series(1, 16) g",
		"create table note (body text)",
		"insert into note select repeat('y', 900) || g from generate_series(1, 11) g",
		"create view cheap as select id, name from item where price < 2",
		"create table event (day int, id int, primary key (day, id)) partition by list (day)",
		"create table event_1 partition of event for values in (1)",
		"create table event_2 partition of event for values in (2)",
		"insert into event values (1, 1), (1, 2), (2, 1)",
	)
	open := opener(t, dsn)
	if byLogs(method) {
		open = rewound(t, dsn)
	}
	m := connectortest.Run(t, open,
		func() {
			pgtest.Exec(t, dsn,
				"update item set price = 99 where id in (3, 4)",
				"delete from item where id in (5, 16)",
				"insert into item values (41, 'new', null)",
				"update item set id = 100 where id = 10",
				"insert into event values (2, 2)", "delete from event where day = 1 and id = 1")
		},
		func() {
			pgtest.Exec(t, dsn, "delete from note where body like '%1'", "insert into note values ('n')", "truncate item")
		},
		func() { pgtest.Exec(t, dsn, "insert into item values (1, 'again', 1)") },
	)
	if diff := cmp.Diff([]string{"1|again|1"}, m.Rows("public.item", "id", "name", "price")); diff != "" {
		t.Errorf("rows after TRUNCATE: %s", diff)
	}
	if got, want := len(m.Rows("public.note")), 11-2+1; got != want {
		t.Errorf("note has %d rows, want %d", got, want)
	}
	if diff := cmp.Diff([]string{"1|2", "2|1", "2|2"}, m.Rows("public.event", "day", "id")); diff != "" {
		t.Error(diff)
	}
}

// TestChanges syncs after each of a list of changes and compares with what
// the source says.
func TestChanges(t *testing.T) {
	t.Parallel()
	s := newServer(t) // others' transactions would hold back the horizon
	dsn := s.url
	pgtest.Exec(t, dsn,
		"create extension postgres_fdw",
		"create server itself foreign data wrapper postgres_fdw options (host '127.0.0.1', port '"+s.port+"', dbname 'postgres')",
		"create user mapping for postgres server itself options (user 'postgres')",
		"create foreign table far (id int, name text) server itself options (table_name 'item')",
		"create table item (id int primary key, name text)",
		"insert into item select g, 'n' || g from generate_series(1, 10) g",
		"create table event (day int, id int, name text, primary key (day, id)) partition by list (day)",
		"create table event_1 partition of event for values in (1)",
		"insert into event values (1, 1, 'a'), (1, 2, 'b')",
		"create table event_2 (day int not null, id int not null, name text, primary key (day, id))",
		"insert into event_2 values (2, 1, 'c'), (2, 2, 'd')",
		"create table twin (id int primary key, name text)",
		"insert into twin select g, 't' || g from generate_series(5, 15) g",
		"create table loose (a int, b text)",
		"insert into loose values (1, 'x'), (1, 'x'), (2, null)",
		"create materialized view sums as select count(*) n from loose",
		"create view busy as select day, count(*) n from event group by day",
		"create table base (id int primary key)",
		"create table derived (extra int) inherits (base)",
		"insert into base values (1)", "insert into derived values (1, 10), (2, 20)",
	)
	steps := []struct {
		name string
		do   []string
		sent []string // tables of which rows are sent, those aside that are read again in every sync; nil: not checked
	}{
		{"load", nil, nil},
		{"nothing", nil, []string{}},
		{"update", []string{"update item set name = 'changed' where id = 1"}, []string{"item"}},
		{"subtransaction", []string{"do $$ begin begin update item set name = 'sub' where id = 2; exception when others then null; end; end $$"}, []string{"item"}},
		{"rolled back", []string{"do $$ begin begin update item set name = 'never'; raise 'no'; exception when others then null; end; end $$"}, []string{}},
		{"delete", []string{"delete from item where id = 3"}, []string{}},
		{"delete and insert", []string{"delete from item where id = 4", "insert into item values (11, 'eleven')"}, []string{"item"}},
		{"key changed", []string{"update item set id = 12 where id = 5"}, []string{"item"}},
		{"keys swapped", []string{"update item set id = -id where id in (6, 7)", "update item set id = case id when -6 then 7 else 6 end where id < 0"}, []string{"item"}},
		{"vacuum full", []string{"vacuum full item"}, []string{}},
		{"column added", []string{"alter table item add extra int"}, []string{}},
		{"column filled", []string{"update item set extra = 5 where id = 1"}, []string{"item"}},
		{"column with default", []string{"alter table item add filled int default 7"}, []string{"item"}},
		{"column type changed", []string{"alter table item alter extra type bigint"}, []string{"item"}},
		{"column dropped", []string{"alter table item drop extra"}, []string{}},
		{"duplicate inserted", []string{"insert into loose values (1, 'x')"}, []string{"loose"}},
		{"duplicate deleted", []string{"delete from loose where ctid = (select max(ctid) from loose)"}, nil},
		{"loose updated", []string{"update loose set b = 'y' where a = 2"}, []string{"loose"}},
		{"loose emptied", []string{"truncate loose"}, nil},
		{"loose refilled", []string{"insert into loose values (3, 'z')", "refresh materialized view sums"}, []string{"loose", "sums"}},
		{"partition attached", []string{"alter table event attach partition event_2 for values in (2)"}, []string{"event"}},
		{"only partition without key detached", []string{"create table gone (a int) partition by list (a)", "create table gone_1 partition of gone for values in (1)", "insert into gone values (1)"}, []string{"gone"}},
		{"detached", []string{"alter table gone detach partition gone_1"}, nil},
		{"row moved between partitions", []string{"update event set day = 2, id = 9 where day = 1 and id = 1"}, []string{"event"}},
		{"partition detached", []string{"alter table event detach partition event_1"}, nil},
		{"table renamed over", []string{"drop table item", "alter table twin rename to item"}, nil},
		{"table emptied", []string{"truncate item"}, nil},
		{"table written again", []string{"insert into item values (1, 'again')"}, []string{"item"}},
	}
	m := &connectortest.Model{}
	open := opener(t, dsn)
	for i, step := range steps {
		if len(step.do) > 0 {
			pgtest.Exec(t, dsn, step.do...)
		}
		src := &watched{Source: open()}
		if err := m.Sync(context.Background(), src); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if len(m.Failed) > 0 {
			t.Errorf("%s: failed: %v", step.name, m.Failed)
		}
		if step.sent != nil {
			if diff := cmp.Diff(step.sent, src.sent()); diff != "" {
				t.Errorf("%s: rows of other tables were sent (-want +got):\n%s", step.name, diff)
			}
		}
		compare(t, step.name, m, dsn, "item", "event", "loose", "sums", "busy", "base", "derived", "far")
		if i >= 21 {
			compare(t, step.name, m, dsn, "gone")
		}
	}
}

// compare reports where the model differs from the source.
func compare(t *testing.T, when string, m *connectortest.Model, dsn string, tables ...string) {
	t.Helper()
	for _, table := range tables {
		var columns, exprs []string
		for _, c := range lines(t, dsn, fmt.Sprintf("select attname from pg_attribute where attrelid = '%s'::regclass and attnum > 0 and not attisdropped order by attnum", table)) {
			columns = append(columns, c)
			exprs = append(exprs, fmt.Sprintf("coalesce(%s::text, 'NULL')", c))
		}
		only := "only "
		if query(t, dsn, fmt.Sprintf("select relkind in ('p', 'v', 'f') from pg_class where oid = '%s'::regclass", table)) == "t" {
			only = ""
		}
		want := lines(t, dsn, fmt.Sprintf("select distinct concat_ws('|', %s) from %s%s", strings.Join(exprs, ", "), only, table))
		got := slices.Clone(m.Rows("public."+table, columns...))
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s differs (-source +destination):\n%s", when, table, diff)
		}
	}
}

// watched notes what a source does, and does something itself at times.
type watched struct {
	connector.Source
	mu     sync.Mutex
	tables map[string]int64

	onWrite      func(b schema.Batch) error
	onCheckpoint func(n int) error
	checkpoints  int
}

type watchedOutput struct {
	connector.Output
	w *watched
}

func (w *watched) Sync(ctx context.Context, req connector.Request, out connector.Output) error {
	w.tables = make(map[string]int64)
	return w.Source.Sync(ctx, req, &watchedOutput{out, w})
}

func (o *watchedOutput) Write(ctx context.Context, b schema.Batch) error {
	if b.Op == schema.Upsert && b.Table.Table != "busy" && b.Table.Table != "far" {
		o.w.mu.Lock()
		o.w.tables[b.Table.Table] += b.Rows()
		o.w.mu.Unlock()
	}
	if o.w.onWrite != nil {
		if err := o.w.onWrite(b); err != nil {
			b.Release()
			return err
		}
	}
	return o.Output.Write(ctx, b)
}

func (o *watchedOutput) Checkpoint(ctx context.Context, state any) error {
	o.w.checkpoints++
	if err := o.Output.Checkpoint(ctx, state); err != nil {
		return err
	}
	if o.w.onCheckpoint != nil {
		return o.w.onCheckpoint(o.w.checkpoints)
	}
	return nil
}

// sent returns the tables of which rows were written, in order.
func (w *watched) sent() []string {
	names := []string{}
	for name := range w.tables {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// TestIdleSync leaves no trace when nothing has changed.
func TestIdleSync(t *testing.T) {
	t.Parallel()
	dsn := newServer(t).url // others' transactions would hold back the horizon
	pgtest.Exec(t, dsn, "create table item (id int primary key)", "insert into item values (1)", "create table loose (a int)", "insert into loose values (1)")
	m := &connectortest.Model{}
	src := &watched{Source: opener(t, dsn)()}
	for range 2 {
		src.checkpoints = 0
		if err := m.Sync(context.Background(), src); err != nil {
			t.Fatal(err)
		}
	}
	if src.checkpoints > 0 || len(src.tables) > 0 {
		t.Errorf("%d checkpoints, rows of %v", src.checkpoints, src.sent())
	}
}

// TestDeletesNotCaptured keeps rows that are gone from the source.
func TestDeletesNotCaptured(t *testing.T) {
	t.Parallel()
	dsn := sharedDatabase(t)
	pgtest.Exec(t, dsn, "create table item (id int primary key)", "insert into item values (1), (2)")
	m := &connectortest.Model{}
	open := opener(t, dsn, func(c *config) { c.CaptureDeletes = false })
	for _, do := range []string{"select", "delete from item where id = 1", "insert into item values (3)"} {
		pgtest.Exec(t, dsn, do)
		if err := m.Sync(context.Background(), open()); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"1", "2", "3"}, m.Rows("public.item")); diff != "" {
		t.Error(diff)
	}
}

// TestDestinationTampered has rows vanish from the destination.
func TestDestinationTampered(t *testing.T) {
	t.Parallel()
	dsn := sharedDatabase(t)
	pgtest.Exec(t, dsn, "create table item (id int primary key)", "insert into item select generate_series(1, 5)")
	m := &connectortest.Model{}
	open := opener(t, dsn)
	if err := m.Sync(context.Background(), open()); err != nil {
		t.Fatal(err)
	}
	key := schema.Table{Name: schema.Name{Schema: "public", Table: "item"}, Columns: []schema.Column{{Name: "id", Type: schema.Type{Kind: schema.Int}, Key: true}}}
	if err := m.Write(context.Background(), schema.Batch{Op: schema.Sweep, Table: &key}); err != nil {
		t.Fatal(err)
	}
	if got := m.Rows("public.item"); got != nil {
		t.Fatalf("rows are left: %v", got)
	}
	if err := m.Sync(context.Background(), open()); err != nil {
		t.Fatal(err)
	}
	compare(t, "after", m, dsn, "item")
}

// TestPrivileges has tables that the role may read, may not, and may in part.
func TestPrivileges(t *testing.T) {
	t.Parallel()
	dsn := sharedDatabase(t)
	role := strings.ToLower(t.Name()) + "_role"
	pgtest.Exec(t, dsn,
		"create role "+role+" login",
		"create table open (id int primary key)", "insert into open values (1)",
		"create table closed (id int primary key)",
		"create table partly (id int primary key, secret text)", "insert into partly values (1, 's')",
		"create table root_only (id int primary key) partition by range (id)",
		"create table root_only_1 partition of root_only for values from (0) to (10)", "insert into root_only values (1), (2)",
		"create schema hidden", "create table hidden.h (id int)",
		"grant usage on schema public to "+role,
		"grant select on open, root_only to "+role,
		"grant select (id) on partly to "+role)
	t.Cleanup(func() { pgtest.Exec(t, dsn, "drop owned by "+role, "drop role "+role) })
	open := opener(t, dsn, func(c *config) { c.User = role })
	m := &connectortest.Model{}
	synced := func(when string) {
		t.Helper()
		if err := m.Sync(context.Background(), open()); err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		if len(m.Failed) > 0 {
			t.Errorf("%s: failed: %v", when, m.Failed)
		}
		compare(t, when, m, dsn, "open", "root_only")
	}
	synced("load")
	if diff := cmp.Diff([]string{"1"}, m.Rows("public.partly")); diff != "" {
		t.Error(diff)
	}
	want := []setup.Warning{
		{Code: "table_skipped", Message: "table hidden.h is left out: the role has no USAGE on schema hidden"},
		{Code: "table_skipped", Message: "table public.closed is left out: the role has no SELECT on it"},
		{Code: "column_skipped", Message: "table public.partly is read without secret: the role has no SELECT on them"},
	}
	if diff := cmp.Diff(want, m.Warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	pgtest.Exec(t, dsn, "insert into root_only values (3)", "delete from root_only where id = 1", "insert into partly values (2, 's')", "delete from partly where id = 1")
	synced("increment")
	if diff := cmp.Diff([]string{"2"}, m.Rows("public.partly")); diff != "" {
		t.Error(diff)
	}
	results := open().Test(context.Background())
	last := results[len(results)-1]
	wantTest := setup.TestResult{Title: "Permission Test", Status: setup.Warned, Message: "schema hidden: no SELECT on h; schema public: no SELECT on closed"}
	if diff := cmp.Diff(wantTest, last); diff != "" {
		t.Errorf("setup test (-want +got):\n%s", diff)
	}
}

// TestStateVersions refuses a state that it cannot know.
func TestStateVersions(t *testing.T) {
	for _, c := range []struct {
		state string
		ok    bool
	}{{"", true}, {"null", true}, {`{"version":1,"origin":"x"}`, true}, {`{"version":2}`, false}, {"[]", false}} {
		if _, err := parseState(json.RawMessage(c.state)); (err == nil) != c.ok {
			t.Errorf("state %s: %v", c.state, err)
		}
	}
}

func TestRanges(t *testing.T) {
	type ranges = []pageRange
	for _, c := range []struct {
		done        ranges
		pages, step int64
		want        ranges
	}{
		{nil, 0, 8, ranges{{Lo: 0, Hi: endOfTable}}},
		{nil, 8, 8, ranges{{Lo: 0, Hi: endOfTable}}},
		{nil, 20, 8, ranges{{Lo: 0, Hi: 8}, {Lo: 8, Hi: 16}, {Lo: 16, Hi: endOfTable}}},
		{ranges{{Lo: 0, Hi: 8}}, 20, 8, ranges{{Lo: 8, Hi: 16}, {Lo: 16, Hi: endOfTable}}},
		{ranges{{Lo: 8, Hi: 16}}, 20, 8, ranges{{Lo: 0, Hi: 8}, {Lo: 16, Hi: endOfTable}}},
		{ranges{{Lo: 8, Hi: 16}}, 40, 30, ranges{{Lo: 0, Hi: 8}, {Lo: 16, Hi: endOfTable}}},
		{ranges{{Lo: 16, Hi: endOfTable}}, 60, 8, ranges{{Lo: 0, Hi: 8}, {Lo: 8, Hi: 16}}},
		{ranges{{Lo: 0, Hi: endOfTable}}, 60, 8, nil},
		{nil, 0, endOfTable, ranges{{Lo: 0, Hi: endOfTable}}},
		{ranges{{Lo: 0, Hi: 5}}, 0, endOfTable, ranges{{Lo: 5, Hi: endOfTable}}},
	} {
		if diff := cmp.Diff(c.want, rest(c.done, c.pages, c.step)); diff != "" {
			t.Errorf("%v of %d pages by %d (-want +got):\n%s", c.done, c.pages, c.step, diff)
		}
	}
	var p partState
	for _, r := range []pageRange{{Lo: 8, Hi: 16}, {Lo: 24, Hi: endOfTable}, {Lo: 0, Hi: 8}, {Lo: 16, Hi: 24}} {
		p.finish(r)
	}
	if diff := cmp.Diff(ranges{{Lo: 0, Hi: endOfTable}}, p.Done); diff != "" {
		t.Error(diff)
	}
}

var errStop = errors.New("stop here")

func encode(t *testing.T, st *state) json.RawMessage {
	t.Helper()
	raw, err := json.Marshal(st)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
