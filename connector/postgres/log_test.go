package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/connectortest"
	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/destination/destinationtest"
	"github.com/penstock-data/penstock/internal/pgtest"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// viaLog makes a config one that reads the log. Servers of a test's own have
// the slot penstock; where there are more databases, each has one.
func viaLog(c *config) {
	c.UpdateMethod, c.Publication, c.ReplicationSlot = byLog, "penstock", "penstock"
	if c.Database != "postgres" {
		c.ReplicationSlot = c.Database
	}
}

// sharedLog is sharedDatabase for syncs by the log.
func sharedLog(t testing.TB) string {
	dsn := sharedDatabase(t)
	t.Cleanup(func() { dropSlot(t, dsn, query(t, dsn, "select current_database()")) })
	return dsn
}

// eachMethod runs a test once for each update method.
func eachMethod(t *testing.T, test func(t *testing.T, method func(*config))) {
	t.Parallel()
	t.Run("queries", func(t *testing.T) { t.Parallel(); test(t, func(*config) {}) })
	t.Run("log", func(t *testing.T) { t.Parallel(); test(t, viaLog) })
}

// byLogs reports whether a method is viaLog.
func byLogs(method func(*config)) bool {
	var c config
	method(&c)
	return c.UpdateMethod == byLog
}

// rewound returns an opener whose slot is put back to where it was first, each
// time, so that every state that a sync ever saved can be gone on from.
func rewound(t *testing.T, dsn string) func() connector.Source {
	pgtest.Exec(t, dsn, "create publication penstock for table item, event", "select pg_create_logical_replication_slot('first', 'pgoutput')")
	open := opener(t, dsn, viaLog)
	return func() connector.Source {
		dropSlot(t, dsn, "penstock")
		pgtest.Exec(t, dsn, "select pg_copy_logical_replication_slot('first', 'penstock')")
		return open()
	}
}

// unread waits until nobody reads a slot: the server sees late that somebody has
// gone.
func unread(t testing.TB, dsn string) {
	t.Helper()
	for query(t, dsn, "select count(*) from pg_replication_slots where active") != "0" {
	}
}

// dropSlot drops a slot if it is there, whoever reads it.
func dropSlot(t testing.TB, dsn, name string) {
	t.Helper()
	for query(t, dsn, "select count(*) from pg_replication_slots where slot_name = '"+name+"' and active") != "0" {
		query(t, dsn, "select count(pg_terminate_backend(active_pid)) from pg_replication_slots where slot_name = '"+name+"' and active")
	}
	query(t, dsn, "select count(pg_drop_replication_slot(slot_name)) from pg_replication_slots where slot_name = '"+name+"'")
}

// TestLogChanges syncs after each of a list of changes, and compares with what
// the source has. Tables with a key are read by queries where byQueries names
// them, and else not at all.
func TestLogChanges(t *testing.T) {
	t.Parallel()
	dsn := newServer(t).url
	pgtest.Exec(t, dsn,
		"create table item (id int primary key, name text, big text)",
		"alter table item alter big set storage external",
		"insert into item select g, 'n' || g, repeat('b', 5000) from generate_series(1, 10) g",
		"create table event (day int, id int, name text, primary key (day, id)) partition by list (day)",
		"create table event_1 partition of event for values in (1)",
		"insert into event values (1, 1, 'a'), (1, 2, 'b')",
		"create table loose (a int, b text)",
		"insert into loose values (1, 'x'), (1, 'x'), (2, null)",
		"create table tags (id int primary key, tags text[], doc xml, cost money)",
		"insert into tags values (1, '{a,b}', '<a/>', 5), (2, null, null, null)",
		"create table whole (id int primary key, a text, big text)",
		"alter table whole replica identity full",
		"alter table whole alter big set storage external",
		"insert into whole values (1, 'a', repeat('w', 5000)), (2, 'b', repeat('w', 5000))",
	)
	steps := []struct {
		name string
		do   []string
	}{
		{"load", nil},
		{"nothing", nil},
		{"insert, update, delete", []string{"insert into item values (11, 'eleven', null)", "update item set name = 'one' where id = 1", "delete from item where id = 2"}},
		{"key changed", []string{"update item set id = 12 where id = 3", "update whole set id = 3 where id = 1"}},
		{"keys swapped", []string{"update item set id = -id where id in (6, 7)", "update item set id = case id when -6 then 7 else 6 end where id < 0"}},
		{"deleted and inserted", []string{"delete from item where id = 4", "insert into item values (4, 'again', 'x')", "delete from item where id = 4", "insert into item values (4, 'and again', 'y')"}},
		{"large values untouched", []string{"update item set name = 'kept' where id = 5", "update whole set a = 'kept'", "update item set big = 'small' where id = 6"}},
		{"rolled back", []string{"do $$ begin begin update item set name = 'never'; raise 'no'; exception when others then null; end; end $$"}},
		{"converted values", []string{"update tags set tags = '{c}' where id = 1", "insert into tags values (3, '{{1,2},{3,4}}', '<?xml version=\"1.0\"?><b/>', -1)", "update tags set id = 4 where id = 2"}},
		{"emptied and refilled", []string{"truncate item", "insert into item values (1, 'first', 'b')"}},
		{"column added", []string{"insert into item values (2, 'before', 'b')", "alter table item add extra int", "insert into item values (3, 'after', 'b', 7)"}},
		{"column dropped", []string{"insert into item values (5, 'before', 'b', 1)", "alter table item drop big", "insert into item values (6, 'after', 7)"}},
		{"column type changed", []string{"insert into item values (7, 'before', 1)", "alter table item alter extra type bigint", "insert into item values (8, 'after', 1e10)"}},
		{"column renamed", []string{"insert into item values (9, 'before', 1)", "alter table item rename name to title", "insert into item values (10, 'after', 1)"}},
		{"column renamed and back", []string{"alter table item rename title to other", "update item set other = 'other' where id = 9", "alter table item rename other to title"}},
		{"columns exchanged and back", []string{
			"alter table whole rename a to c", "alter table whole rename big to a", "alter table whole rename c to big",
			"update whole set a = 'short', big = 'changed' where id = 2",
			"alter table whole rename a to c", "alter table whole rename big to a", "alter table whole rename c to big"}},
		{"columns exchanged", []string{"alter table whole rename a to c", "alter table whole rename big to a", "alter table whole rename c to big", "update whole set a = 'x' where id = 2"}},
		{"column with default", []string{"insert into item values (11, 'before', 1)", "alter table item add filled int default 7"}},
		{"column with volatile default", []string{"alter table item add luck float8 default random()"}},
		{"written anew", []string{"alter table item alter extra type bigint using extra + 1"}},
		{"partition made", []string{"create table event_2 partition of event for values in (2)", "insert into event values (2, 1, 'c')"}},
		{"row moved", []string{"update event set day = 2, id = 9 where day = 1 and id = 1"}},
		{"partition emptied", []string{"truncate event_2"}},
		{"root emptied", []string{"insert into event values (1, 5, 'x')", "truncate event", "insert into event values (2, 3, 'y')"}},
		{"partition detached", []string{"alter table event detach partition event_2"}},
		{"partition attached", []string{"insert into event_2 values (2, 4, 'z')", "alter table event attach partition event_2 for values in (2)", "insert into event values (2, 5, 'zz')"}},
		{"identity nothing", []string{"alter table tags replica identity nothing", "insert into tags values (9)"}},
		{"identity again", []string{"alter table tags replica identity default", "update tags set tags = '{z}' where id = 9"}},
		{"published no more", []string{"alter publication penstock drop table item", "delete from item where id = 11"}},
		{"published anew", []string{"alter publication penstock drop table item", "delete from item where id = 10", "alter publication penstock add table item"}},
		{"published in part", []string{"alter publication penstock set (publish = 'insert')", "delete from item where id = 9", "alter publication penstock set (publish = 'insert, update, delete, truncate')"}},
		{"some rows published", []string{"alter publication penstock set table item where (id > 5)", "delete from item where id = 3"}},
		{"some columns published", []string{"alter publication penstock set table item (id)", "update item set title = 'x' where id = 6"}},
		{"table renamed over", []string{"create table twin (id int primary key, title text)", "insert into twin values (1, 'twin')", "drop table item", "alter table twin rename to item"}},
		{"slot dropped", []string{"update item set title = 'lost' where id = 1", "select pg_drop_replication_slot('penstock')", "insert into item values (2, 'then')"}},
		{"slot read by somebody else", []string{"set synchronous_commit = on", "delete from item where id = 2", "select pg_replication_slot_advance('penstock', pg_current_wal_lsn())", "insert into item values (3, 'after')"}},
		{"slot lost", []string{"alter system set max_slot_wal_keep_size = '1MB'", "select pg_reload_conf()", "update item set title = 'unkept'",
			"select pg_switch_wal()", "insert into item values (20, 'a')", "select pg_switch_wal()", "insert into item values (21, 'b')", "select pg_switch_wal()",
			"insert into item values (22, 'c')", "select pg_switch_wal()", "checkpoint", "alter system reset max_slot_wal_keep_size", "select pg_reload_conf()"}},
		{"publication dropped", []string{"drop publication penstock", "update item set title = 'unseen'"}},
	}
	gaps := []string{"slot dropped", "slot read by somebody else", "slot lost", "publication dropped"}
	m := &connectortest.Model{}
	open := opener(t, dsn, viaLog)
	for _, s := range steps {
		unread(t, dsn)
		pgtest.Exec(t, dsn, s.do...)
		for n := range 2 { // what is wrong shows in the second at the latest
			src := &watched{Source: open()}
			if err := m.Sync(context.Background(), src); err != nil {
				t.Fatalf("%s: %v", s.name, err)
			}
			if len(m.Failed) > 0 {
				t.Fatalf("%s: %v", s.name, m.Failed)
			}
			gap := slices.ContainsFunc(m.Warnings, func(w setup.Warning) bool { return w.Code == "log_gap" })
			if want := n == 0 && slices.Contains(gaps, s.name); gap != want {
				t.Errorf("%s, sync %d: warnings %v", s.name, n+1, m.Warnings)
			}
			compare(t, fmt.Sprintf("%s, sync %d", s.name, n+1), m, dsn, "item", "event", "loose", "whole")
			compareAsRead(t, fmt.Sprintf("%s, sync %d", s.name, n+1), m, dsn, "tags")
		}
		if t.Failed() {
			t.Log(string(m.State))
			return
		}
	}
}

// compareAsRead compares with what a sync by queries reads.
func compareAsRead(t *testing.T, when string, m *connectortest.Model, dsn string, tables ...string) {
	t.Helper()
	read := &connectortest.Model{}
	if err := read.Sync(context.Background(), opener(t, dsn)()); err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		var columns []string
		for _, c := range read.Columns("public." + table) {
			columns = append(columns, c.Name)
		}
		if diff := cmp.Diff(read.Rows("public."+table, columns...), m.Rows("public."+table, columns...)); diff != "" {
			t.Errorf("%s: %s differs (-queries +log):\n%s", when, table, diff)
		}
	}
}

// TestEveryTypeFromLog has the values of all types come by the log, and by
// queries where the log has not what queries read.
func TestEveryTypeFromLog(t *testing.T) {
	t.Parallel()
	dsn := sharedLog(t)
	typesIn(t, dsn)
	var tables, fill []string
	for i, c := range typeCases {
		tables = append(tables, fmt.Sprintf("t%d", i))
		pgtest.Exec(t, dsn, fmt.Sprintf("create table t%d (id int primary key, v %s)", i, c.sql))
		for j, v := range c.values {
			fill = append(fill, fmt.Sprintf("insert into t%d values (%d, %s)", i, j, v[0]))
		}
		fill = append(fill, fmt.Sprintf("insert into t%d values (-1, null)", i))
	}
	for name, random := range map[string]string{
		"numeric(38,19)": "(random() - 0.5) * 10 ^ (random() * 38 - 19)", "numeric(15,2)": "(random() - 0.5) * 1e12", "numeric": "(random() - 0.5) * 10 ^ (random() * 60 - 30)",
		"numeric(10,-3)": "(random() - 0.5) * 1e9", "numeric(3,5)": "random() / 1000",
		"timestamp": "timestamp '0001-01-01' + random() * interval '9998 years'", "timestamptz": "timestamptz '4700-01-01 BC' + random() * interval '12000 years'",
		"date": "date '4700-01-01 BC' + (random() * 5000000)::int", "time": "time '00:00' + random() * interval '1 day'",
		"real": "random() * 10 ^ (random() * 60 - 30)", "double precision": "random() * 10 ^ (random() * 600 - 300)", "bytea": "sha256(random()::text::bytea)",
		"timestamp(0)": "timestamp '294246-01-01' + random() * interval '2 years'",
	} {
		table := fmt.Sprintf("r%d", len(tables))
		tables = append(tables, table)
		pgtest.Exec(t, dsn, fmt.Sprintf("create table %s (id int primary key, v %s)", table, name))
		fill = append(fill, fmt.Sprintf("insert into %s select g, %s from generate_series(1, 300) g", table, random))
	}
	// A cast that gives another text than the type's output function.
	pgtest.Exec(t, dsn, "create function shout(mark) returns text language sql as $$ select 'mark ' || ($1).a $$",
		"create cast (mark as text) with function shout(mark)", "create table cast_away (id int primary key, v mark)")
	tables, fill = append(tables, "cast_away"), append(fill, "insert into cast_away values (1, row(7))")

	m := &connectortest.Model{}
	for range 2 {
		if err := m.Sync(context.Background(), opener(t, dsn, viaLog)()); err != nil || len(m.Failed) > 0 {
			t.Fatal(err, m.Failed)
		}
		pgtest.Exec(t, dsn, fill...)
		fill = nil
	}
	st, err := parseState(m.State)
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		if st.Tables["public"][table].Log == nil {
			t.Errorf("table %s is not read by the log", table)
		}
	}
	compareAsRead(t, "inserted", m, dsn, tables...)
}

// TestLogVersions is about history mode, in which rows come with the time
// since when they hold, each version whole.
func TestLogVersions(t *testing.T) {
	t.Parallel()
	dsn := newServer(t).url
	pgtest.Exec(t, dsn, "create table item (id int primary key, v text, big text)", "alter table item alter big set storage external",
		"insert into item values (1, 'a', repeat('x', 5000))")
	src, err := open(configOf(t, dsn, viaLog), connector.Env{})
	if err != nil {
		t.Fatal(err)
	}
	tables, err := src.Tables(t.Context(), func(setup.Warning) {})
	if err != nil {
		t.Fatal(err)
	}
	if last := tables[0].Columns[3]; !last.IsStart() {
		t.Fatalf("the last column is %v", last)
	}
	out := &keeping{}
	began := time.Now()
	if err := src.Sync(t.Context(), connector.Request{Tables: tables, Start: began}, out); err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, dsn, "update item set v = 'b'", "insert into item values (2, 'c', null)", "update item set v = 'd' where id = 2")
	var got []string
	var starts []arrow.Timestamp
	out.onWrite = func(b schema.Batch) {
		for i := range int(b.Rows()) {
			row := []string{b.Op.String()}
			for j, c := range b.Record.Columns() {
				if b.Table.Columns[j].IsStart() {
					starts = append(starts, c.(*array.Timestamp).Value(i))
				} else {
					row = append(row, fmt.Sprintf("%.3s", exact(c, i)))
				}
			}
			got = append(got, strings.Join(row, " "))
		}
	}
	if err := src.Sync(t.Context(), connector.Request{Tables: tables, State: out.state, Start: time.Now()}, out); err != nil {
		t.Fatal(err)
	}
	// The row with the large value is read again.
	want := []string{"upsert 2 c NUL", "upsert 2 d NUL", "upsert 1 b xxx"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
	if len(starts) != 3 || starts[0] >= starts[1] || int64(starts[0]) <= began.UnixMicro() || int64(starts[1]) > time.Now().UnixMicro()+1000 {
		t.Errorf("they hold since %v, the table was read at %v", starts, began.UnixMicro())
	}
}

// TestLogDeletes is about the versions that a destination makes of rows that
// come and go: they begin and end when transactions were committed.
func TestLogDeletes(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.configure(t, "track_commit_timestamp = on", "")
	pgtest.Exec(t, s.url, "create table item (id int primary key, v text)", "insert into item values (1, 'a'), (2, 'a'), (3, 'a')")
	src, err := open(configOf(t, s.url, viaLog), connector.Env{})
	if err != nil {
		t.Fatal(err)
	}
	tables, err := src.Tables(t.Context(), func(setup.Warning) {})
	if err != nil {
		t.Fatal(err)
	}
	began, m, out := time.Now().Truncate(time.Microsecond), &destinationtest.Memory{}, &keeping{}
	var sent []schema.Batch
	out.onWrite = func(b schema.Batch) {
		if b.Record != nil {
			b.Record.Retain()
		}
		sent = append(sent, b)
	}
	land := func(at time.Time) {
		t.Helper()
		w, err := m.Writer(t.Context(), destination.Options{Synced: at})
		if err == nil {
			err = w.Migrate(t.Context(), &schema.Table{Name: tables[0].Name, Mode: schema.History, Columns: tables[0].Columns[:2]})
		}
		for _, b := range sent {
			if b.Record != nil {
				b.Record.Retain()
			}
			err = errors.Join(err, w.Write(t.Context(), b))
		}
		if err = errors.Join(err, w.Flush(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	if err := src.Sync(t.Context(), connector.Request{Tables: tables, Start: began}, out); err != nil {
		t.Fatal(err)
	}
	land(began)
	sent = nil
	var at []time.Time
	for _, sql := range []string{
		/* 0 */ "insert into item values (4, 'a')",
		/* 1 */ "update item set v = 'b' where id = 4",
		/* 2 */ "delete from item where id = 4",
		/* 3 */ "insert into item values (4, 'c')",
		/* 4 */ "delete from item where id = 1",
		/* 5 */ "with gone as (delete from item where id = 2) update item set id = 5 where id = 3",
		/* 6 */ "delete from item where id = 4",
		/* 7 */ "insert into item values (4, 'd'), (2, 'b')",
		/* 8 */ "delete from item where id = 5; insert into item values (5, 'z'); delete from item where id = 4",
	} {
		xid := query(t, s.url, sql+"; select txid_current()") // of one transaction
		us := query(t, s.url, "select (extract(epoch from pg_xact_commit_timestamp('"+xid+"'::xid)) * 1000000)::bigint")
		n, err := strconv.ParseInt(us, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		at = append(at, time.UnixMicro(n).UTC())
	}
	if err := src.Sync(t.Context(), connector.Request{Tables: tables, State: out.state, Start: time.Now()}, out); err != nil {
		t.Fatal(err)
	}
	text := func(at time.Time) string { return at.UTC().Format(time.RFC3339Nano) }
	row := func(values string, from, until time.Time) string {
		return values + " " + text(from) + " " + text(until)
	}
	before := func(at time.Time) time.Time { return at.Add(-time.Millisecond) }
	end := time.UnixMicro(schema.EndOfTime)
	want := []string{
		row("1 a", began, at[4]),
		row("2 a", began, at[5]), row("2 b", at[7], end),
		row("3 a", began, at[5]),
		row("4 a", at[0], before(at[1])), row("4 b", at[1], at[2]), row("4 c", at[3], at[6]), row("4 d", at[7], at[8]),
		row("5 a", at[5], before(at[8])), row("5 z", at[8], end),
	}
	for _, again := range []string{"", "repeated, "} {
		land(time.Now())
		var got []string
		for _, r := range destinationtest.MemorySubject.Select(t, m, tables[0].Name,
			[]schema.Column{{Name: "id"}, {Name: "v"}, {Name: schema.Start}, {Name: schema.End}}) {
			got = append(got, strings.Join(r, " "))
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s-want +got:\n%s", again, diff)
		}
	}
}
