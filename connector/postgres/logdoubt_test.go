package postgres

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/penstock-data/penstock/connector/connectortest"
	"github.com/penstock-data/penstock/internal/pgtest"
)

// sessionOf returns a connection on which transactions can stay open.
func sessionOf(t *testing.T, dsn string) func(sql ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(t.Context()) })
	return func(sql ...string) {
		t.Helper()
		for _, s := range sql {
			if _, err := conn.Exec(t.Context(), s); err != nil {
				t.Fatalf("%s: %v", s, err)
			}
		}
	}
}

// TestLogColumnListChanged has the publication's list of columns changed while
// a transaction is running that is sent in parts.
func TestLogColumnListChanged(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	if query(t, s.url, "select current_setting('server_version_num')::int < 150000") == "t" {
		t.Skip("the server's publications have no lists of columns")
	}
	s.configure(t, "logical_decoding_work_mem = '64kB'", "")
	for _, c := range []struct{ name, from, to string }{
		{"fewer", "item (id, v, pad)", "item (id, v)"},
		{"more", "item (id, v)", "item (id, v, pad)"},
		{"none", "item (id, v, pad)", "item"},
		{"others", "item (id, pad)", "item (id, v, pad)"},
	} {
		pgtest.Exec(t, s.url, "drop table if exists item", "drop publication if exists penstock", "create table item (id int primary key, v int, pad text)",
			"insert into item select g, 0, 'p' from generate_series(1, 100) g", "create publication penstock for table "+c.from)
		dropSlot(t, s.url, "penstock")
		m := &connectortest.Model{}
		open := opener(t, s.url, viaLog)
		for range 2 {
			if err := m.Sync(t.Context(), open()); err != nil {
				t.Fatal(err)
			}
		}
		do := sessionOf(t, s.url)
		do("begin", "insert into item select g, 1, repeat(md5(g::text), 20) from generate_series(1000, 2000) g")
		met, all, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
		var committed atomic.Pointer[time.Time]
		var once, whole sync.Once
		src := &goingOn{Source: open(), stop: make(chan struct{})}
		src.reached = func(at time.Time, _ int64) {
			once.Do(func() { close(met) })
			if c := committed.Load(); c != nil && at.After(*c) {
				whole.Do(func() { close(all) })
			}
		}
		var err error
		go func() { defer close(ended); err = m.Sync(t.Context(), src) }()
		select {
		case <-met:
		case <-ended:
			t.Fatal(c.name, err)
		}
		pgtest.Exec(t, s.url, "alter publication penstock set table "+c.to)
		do("set synchronous_commit = on", "update item set v = v + 1", "insert into item select g, 2, repeat(md5(g::text), 20) from generate_series(3000, 4000) g", "commit")
		pgtest.Exec(t, s.url, "set synchronous_commit = on", "delete from item where id < 10")
		committed.Store(new(time.Now()))
		select {
		case <-all:
			close(src.stop)
			<-ended
		case <-ended:
		}
		t.Logf("%s: the sync that followed ended with %v", c.name, err)
		for range 2 {
			err = m.Sync(t.Context(), open())
		}
		if err != nil || len(m.Failed) > 0 {
			t.Fatal(c.name, err, m.Failed)
		}
		compare(t, c.name, m, s.url, "item")
	}
}

// TestLogLeafTruncated empties a partition alone, of which the log says nothing
// where changes are published under the root's name.
func TestLogLeafTruncated(t *testing.T) {
	t.Parallel()
	for _, root := range []string{"false", "true"} {
		t.Run("via root "+root, func(t *testing.T) {
			t.Parallel()
			dsn := newServer(t).url
			pgtest.Exec(t, dsn, "create table event (day int, id int, primary key (day, id)) partition by list (day)",
				"create table event_1 partition of event for values in (1)", "create table event_2 partition of event for values in (2)",
				"insert into event select g % 2 + 1, g from generate_series(1, 20) g",
				"create publication penstock for table event with (publish_via_partition_root = "+root+")")
			m := &connectortest.Model{}
			for _, sql := range []string{"select", "insert into event values (1, 50)", "truncate event_2", "insert into event values (2, 51)", "truncate event_1, event_2"} {
				pgtest.Exec(t, dsn, sql, "insert into event values (1, (select coalesce(max(id), 0) + 100 from event))")
				for range 2 {
					if err := m.Sync(t.Context(), opener(t, dsn, viaLog)()); err != nil || len(m.Failed) > 0 {
						t.Fatal(sql, err, m.Failed)
					}
					compare(t, sql, m, dsn, "event")
				}
			}
		})
	}
}

// TestLogRenamed renames tables while they are followed: what changes after that
// is another table's.
func TestLogRenamed(t *testing.T) {
	t.Parallel()
	dsn := newServer(t).url
	pgtest.Exec(t, dsn, "create table item (id int primary key, v text)", "insert into item values (1, 'a')",
		"create table twin (id int primary key, v text)", "insert into twin values (1, 'twin')", "create publication penstock for all tables")
	m := &connectortest.Model{}
	open := opener(t, dsn, viaLog)
	if err := m.Sync(t.Context(), open()); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		pgtest.Exec(t, dsn, "set synchronous_commit = on", "update item set v = 'b'", "alter table item rename to thing", "insert into thing values (2, 'thing')", "update thing set v = 'c' where id = 1",
			"begin; alter table twin rename to other; alter table thing rename to twin; commit", "insert into twin values (3, 'was thing')", "insert into other values (4, 'was twin')",
			"create table item (id int primary key, v text)", "insert into item values (9, 'new')")
	}()
	follow(t, m, open, done)
	if rows := m.Rows("public.item", "id", "v"); len(rows) > 1 {
		t.Errorf("the renamed table's rows went on into the old one: %q", rows)
	}
	if err := m.Sync(t.Context(), open()); err != nil || len(m.Failed) > 0 {
		t.Fatal(err, m.Failed)
	}
	compare(t, "afterwards", m, dsn, "item", "twin", "other")
}

// TestLogUnflushed syncs right after commits that did not wait for the disk.
func TestLogUnflushed(t *testing.T) {
	t.Parallel()
	dsn := newServer(t).url
	pgtest.Exec(t, dsn, "alter system set wal_writer_delay = '3s'", "select pg_reload_conf()", "create table item (id int primary key, v int)")
	m := &connectortest.Model{}
	for i := range 4 {
		pgtest.Exec(t, dsn, "set synchronous_commit = off", fmt.Sprintf("insert into item values (%d, 0)", i), "update item set v = v + 1")
		if err := m.Sync(t.Context(), opener(t, dsn, viaLog)()); err != nil {
			t.Fatal(err)
		}
		compare(t, fmt.Sprint(i), m, dsn, "item")
	}
}

// TestLogUnseen has a commit that others never see, because a standby that it
// waits for is away, while a row is to be read again.
func TestLogUnseen(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	pgtest.Exec(t, s.url, "create table item (id int primary key, v int, twice int generated always as (v * 2) stored)", "insert into item values (1, 1)")
	open := opener(t, s.url, viaLog)
	m := &connectortest.Model{}
	for range 2 {
		if err := m.Sync(t.Context(), open()); err != nil {
			t.Fatal(err)
		}
	}
	pgtest.Exec(t, s.url, "alter system set synchronous_standby_names = 'nobody'", "select pg_reload_conf()")
	for query(t, s.url, "show synchronous_standby_names") != "nobody" {
	}
	committed := make(chan struct{})
	go func() {
		defer close(committed)
		pgtest.Exec(t, s.url, "set synchronous_commit = on; update item set v = 2")
	}()
	for query(t, s.url, "select exists (select from pg_stat_activity where wait_event = 'SyncRep')") != "t" {
	}
	src := open().(*source)
	src.patience = 50 * time.Millisecond
	err := m.Sync(t.Context(), src)
	if err == nil || !strings.Contains(err.Error(), "synchronous_standby_names") {
		t.Errorf("the sync ended with %v", err)
	}
	pgtest.Exec(t, s.url, "alter system reset synchronous_standby_names", "select pg_reload_conf()")
	<-committed
	if err := m.Sync(t.Context(), open()); err != nil {
		t.Fatal(err)
	}
	compareAsRead(t, "when it is seen", m, s.url, "item")
}

// TestFramesShrink has the buffer be its usual size again after a large message.
func TestFramesShrink(t *testing.T) {
	var sent bytes.Buffer
	sizes := []int{10, 3000, 5 << 20, 20, 7 << 20, 6 << 20, 1, 0, 2000, 4096}
	for i, n := range sizes {
		sent.WriteByte(byte('a' + i))
		binary.Write(&sent, binary.BigEndian, uint32(n+4))
		sent.Write(bytes.Repeat([]byte{byte(i)}, n))
	}
	f := frames{r: &sent, buf: make([]byte, 4096)}
	for i, n := range sizes {
		kind, body, err := f.next()
		if err != nil || kind != byte('a'+i) || len(body) != n || bytes.Count(body, []byte{byte(i)}) != n {
			t.Fatalf("message %d: kind %c, %d bytes, %v", i, kind, len(body), err)
		}
	}
	if len(f.buf) != 4096 {
		t.Errorf("the buffer has %d bytes", len(f.buf))
	}
}
