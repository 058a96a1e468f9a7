package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/connectortest"
	"github.com/penstock-data/penstock/internal/pgtest"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// following is a source that is followed for as long as its context lasts.
type following struct{ connector.Source }

func (f following) Sync(ctx context.Context, req connector.Request, out connector.Output) error {
	req.Until, req.Every = time.Now().Add(time.Hour), time.Millisecond
	return f.Source.Sync(ctx, req, out)
}

// follow syncs until stop is closed, as often as tables change.
func follow(t *testing.T, m *connectortest.Model, open func() connector.Source, stop <-chan struct{}) (listings int) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { <-stop; cancel() }()
	for {
		listings++
		err := m.Sync(ctx, following{open()})
		switch {
		case errors.Is(err, connector.ErrSchemaChanged):
			continue
		case ctx.Err() != nil:
			return listings
		}
		t.Fatalf("listing %d: the sync ended with %v", listings, err)
	}
}

// TestLogFollowed follows a database while tables are changed, and changed
// again.
func TestLogFollowed(t *testing.T) {
	t.Parallel()
	dsn := newServer(t).url
	pgtest.Exec(t, dsn,
		"create table item (id int primary key, name text)", "insert into item select g, 'n' || g from generate_series(1, 100) g",
		"create table event (day int, id int, primary key (day, id)) partition by list (day)",
		"create table event_0 partition of event for values in (0)")
	m := &connectortest.Model{}
	open := opener(t, dsn, viaLog)
	if err := m.Sync(context.Background(), open()); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	const rounds = 25
	go func() {
		defer close(done)
		for i := range rounds {
			for _, sql := range []string{
				"update item set name = name || '.' where id % 7 = 1",
				fmt.Sprintf("alter table item add c%d int", i),
				fmt.Sprintf("insert into item (id, c%d) values (%d, %d)", i, 1000+i, i),
				fmt.Sprintf("create table event_%d partition of event for values in (%[1]d)", i+1),
				fmt.Sprintf("insert into event select %d, g from generate_series(1, 5) g", i+1),
				fmt.Sprintf("alter table item alter c%d type text using c%[1]d + 1", i),
				fmt.Sprintf("update item set c%d = 'text' where id %% 5 = 0", i),
				fmt.Sprintf("create table new_%d (id int primary key)", i),
				fmt.Sprintf("insert into new_%d values (%[1]d)", i),
				fmt.Sprintf("delete from item where id = %d", i),
				fmt.Sprintf("alter table item rename name to name_%d", i),
				fmt.Sprintf("update item set name_%d = 'renamed' where id = 50", i),
				fmt.Sprintf("alter table item rename name_%d to name", i),
				fmt.Sprintf("alter table item drop c%d", i),
			} {
				pgtest.Exec(t, dsn, sql)
			}
		}
	}()
	listings := follow(t, m, open, done)
	if err := m.Sync(context.Background(), open()); err != nil || len(m.Failed) > 0 {
		t.Fatal(err, m.Failed)
	}
	compare(t, fmt.Sprintf("after %d listings", listings), m, dsn, "item", "event", "new_0", fmt.Sprintf("new_%d", rounds-1))
	t.Logf("tables were listed %d times", listings)
}

// TestLogTrouble follows a database until something happens to the server, and
// syncs again.
func TestLogTrouble(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	pgtest.Exec(t, s.url, "create table item (id int primary key, v text)", "insert into item select g, 'v' from generate_series(1, 50) g")
	m := &connectortest.Model{}
	open := opener(t, s.url, viaLog)
	for _, c := range []struct {
		name string
		do   func()
		gap  bool // the next sync warns that the log has one
	}{
		{"restarted", func() { s.stop(t); s.start(t) }, false},
		{"sender ended", func() {
			pgtest.Exec(t, s.url, "select pg_terminate_backend(active_pid) from pg_replication_slots")
		}, false},
		{"sessions ended", func() { pgtest.Exec(t, s.url, killSessions) }, false},
		{"slot dropped", func() { dropSlot(t, s.url, "penstock") }, true},
		{"publication dropped", func() { pgtest.Exec(t, s.url, "drop publication penstock", "update item set v = 'unpublished'") }, true},
	} {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		ready := make(chan struct{})
		src := &watched{Source: following{open()}}
		src.onCheckpoint = func(n int) error {
			if n == 1 {
				close(ready)
			}
			return nil
		}
		pgtest.Exec(t, s.url, "update item set v = v || '.' where id < 10")
		done := make(chan struct{})
		go func() {
			defer close(done)
			<-ready
			pgtest.Exec(t, s.url, "delete from item where id = (select min(id) from item)")
			c.do()
		}()
		if err := m.Sync(ctx, src); err == nil || ctx.Err() != nil {
			t.Errorf("%s: the sync ended with %v", c.name, err)
		}
		<-done
		cancel()
		pgtest.Exec(t, s.url, "update item set v = v || '!' where id > 40")
		if err := m.Sync(context.Background(), open()); err != nil || len(m.Failed) > 0 {
			t.Fatal(c.name, err, m.Failed)
		}
		gap := slices.ContainsFunc(m.Warnings, func(w setup.Warning) bool { return w.Code == "log_gap" })
		if gap != c.gap {
			t.Errorf("%s: warnings %v", c.name, m.Warnings)
		}
		compare(t, c.name, m, s.url, "item")
	}
}

// TestLogLarge has rows and transactions that are larger than what memory is
// for.
func TestLogLarge(t *testing.T) {
	t.Parallel()
	dsn := newServer(t).url
	pgtest.Exec(t, dsn, "alter system set logical_decoding_work_mem = '64kB'", "select pg_reload_conf()")
	pgtest.Exec(t, dsn, "create table big (id int primary key, v text, w text)", "alter table big alter w set storage external",
		"create table many (id int primary key, v int, pad text)")
	m := &connectortest.Model{}
	sync := func() {
		t.Helper()
		src := opener(t, dsn, viaLog)()
		src.(*source).env.Memory = 1 << 20
		if err := m.Sync(context.Background(), src); err != nil || len(m.Failed) > 0 {
			t.Fatal(err, m.Failed)
		}
	}
	sync()
	pgtest.Exec(t, dsn, "insert into big values (1, repeat('x', 30000000), repeat('w', 10000000)), (2, 'small', repeat('w', 100000))",
		"insert into many select g, 0, repeat('p', 100) from generate_series(1, 20000) g",
		"update many set v = id where id % 2 = 0", "delete from many where id % 3 = 0", "update many set id = -id where id % 5 = 0")
	sync()
	compare(t, "inserted", m, dsn, "big", "many")
	pgtest.Exec(t, dsn, "update big set v = 'now small'", "update many set pad = 'q'",
		`do $$ begin
			begin insert into many select g, 7, 'gone' from generate_series(30000, 35000) g; raise 'no'; exception when others then null; end;
			begin
				insert into many select g, 8, 'stays' from generate_series(30000, 33000) g;
				begin update many set v = 9; raise 'no'; exception when others then null; end;
				delete from many where id % 7 = 0;
			end;
		end $$`)
	sync()
	if v := query(t, dsn, "select server_version_num::int < 140000 or stream_txns > 0 from pg_stat_replication_slots, current_setting('server_version_num') server_version_num"); v != "t" {
		t.Error("no transaction was sent in parts")
	}
	compare(t, "changed", m, dsn, "big", "many")
}

// TestLogBesideLoads loads a table in many rounds, and meanwhile changes
// another, which has been handed over.
func TestLogBesideLoads(t *testing.T) {
	t.Parallel()
	dsn := newServer(t).url
	pgtest.Exec(t, dsn, "create table a (id int primary key, v int)", "insert into a select g, 0 from generate_series(1, 10) g")
	m := &connectortest.Model{}
	if err := m.Sync(context.Background(), opener(t, dsn, viaLog)()); err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, dsn, "create table b (id int primary key, v int, pad text)",
		"insert into b select g, 0, repeat('x', 900) from generate_series(1, 60) g")
	src := opener(t, dsn, viaLog)()
	src.(*source).roundTime = 0
	w := &watched{Source: src}
	n := 0
	var order []string
	w.onWrite = func(b schema.Batch) error {
		order = append(order, b.Table.Table)
		if n++; n < 20 {
			pgtest.Exec(t, dsn, fmt.Sprintf("update a set v = %d", n), fmt.Sprintf("update b set v = v + 1 where id %% 7 = %d", n%7), fmt.Sprintf("delete from b where id = %d", 60-n))
		}
		return nil
	}
	if err := m.Sync(context.Background(), w); err != nil || len(m.Failed) > 0 {
		t.Fatal(err, m.Failed)
	}
	if first := slices.Index(order, "a"); first < 0 || !slices.Contains(order[first:], "b") {
		t.Errorf("the other table waited: %v", order)
	}
	if err := m.Sync(context.Background(), opener(t, dsn, viaLog)()); err != nil || len(m.Failed) > 0 {
		t.Fatal(err, m.Failed)
	}
	compare(t, "loaded", m, dsn, "a", "b")
}

// TestLogTableRefused has the destination refuse one table in the middle of
// the log: the others go on, and it is set right once it is taken again.
func TestLogTableRefused(t *testing.T) {
	t.Parallel()
	dsn := newServer(t).url
	for _, n := range []string{"a", "b"} {
		pgtest.Exec(t, dsn, "create table "+n+" (id int primary key, v int)", "insert into "+n+" select g, 0 from generate_series(1, 10) g")
	}
	m := &connectortest.Model{}
	open := opener(t, dsn, viaLog)
	if err := m.Sync(context.Background(), open()); err != nil {
		t.Fatal(err)
	}
	b := schema.Name{Schema: "public", Table: "b"}
	refusing := &watched{Source: open(), onWrite: func(batch schema.Batch) error {
		if batch.Table.Name == b {
			return &connector.TableError{Table: b, Err: errStop}
		}
		return nil
	}}
	pgtest.Exec(t, dsn, "update a set v = 1", "update b set v = 1", "delete from b where id = 3")
	if err := m.Sync(context.Background(), refusing); err != nil || !errors.Is(m.Failed[b], errStop) || len(m.Failed) != 1 {
		t.Fatal(err, m.Failed)
	}
	compare(t, "refused", m, dsn, "a")
	pgtest.Exec(t, dsn, "update a set v = 2", "update b set v = 2 where id > 5")
	for range 2 {
		if err := m.Sync(context.Background(), open()); err != nil || len(m.Failed) > 0 {
			t.Fatal(err, m.Failed)
		}
		compare(t, "taken again", m, dsn, "a", "b")
		pgtest.Exec(t, dsn, "delete from b where id = 7")
	}
}

// TestMethodChanges changes the update method to and fro: nothing is read again
// that has not changed.
func TestMethodChanges(t *testing.T) {
	t.Parallel()
	dsn := newServer(t).url
	pgtest.Exec(t, dsn, "create table item (id int primary key, v int)", "insert into item select g, 0 from generate_series(1, 100) g",
		"create table loose (v int)", "insert into loose values (1)")
	m := &connectortest.Model{}
	warned := func(code string) bool {
		return slices.ContainsFunc(m.Warnings, func(w setup.Warning) bool { return w.Code == code })
	}
	for i, c := range []struct {
		method  func(*config)
		sent    int64
		warning string
	}{
		{func(*config) {}, 100, ""}, {viaLog, 2, "not_logged"}, {viaLog, 2, ""}, {func(*config) {}, 3, "slot_unused"}, {func(*config) {}, 2, ""}, {viaLog, 2, "not_logged"},
		{func(c *config) { viaLog(c); c.ReplicationSlot = "other" }, 3, "slot_unused"},
	} {
		src := &watched{Source: opener(t, dsn, c.method)()}
		if err := m.Sync(context.Background(), src); err != nil || len(m.Failed) > 0 {
			t.Fatal(err, m.Failed)
		}
		compare(t, fmt.Sprint("sync ", i), m, dsn, "item", "loose")
		if n := src.tables["item"]; n > c.sent { // keys that are compared aside
			t.Errorf("sync %d sent %d rows", i, n)
		}
		for _, code := range []string{"not_logged", "slot_unused"} {
			if warned(code) != (code == c.warning) {
				t.Errorf("sync %d warned: %v", i, m.Warnings)
			}
		}
		pgtest.Exec(t, dsn, fmt.Sprintf("update item set v = v + 1 where id in (%d, %d)", i+1, i+2))
	}
}

// TestLogUntil ends at its time, with all that came saved as often as was
// asked.
func TestLogUntil(t *testing.T) {
	t.Parallel()
	dsn := newServer(t).url
	pgtest.Exec(t, dsn, "create table item (id int primary key)")
	m := &connectortest.Model{}
	saved := make(chan int)
	src := &watched{Source: until{opener(t, dsn, viaLog)(), time.Second}, onCheckpoint: func(n int) error {
		select {
		case saved <- n:
		default:
		}
		return nil
	}}
	done := make(chan error)
	go func() { done <- m.Sync(context.Background(), src) }()
	rows := 0
	for running := true; running; {
		select {
		case <-saved:
			rows++
			pgtest.Exec(t, dsn, fmt.Sprintf("insert into item values (%d)", rows))
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			running = false
		}
	}
	if rows == 0 {
		t.Fatal("nothing was saved")
	}
	if err := m.Sync(context.Background(), opener(t, dsn, viaLog)()); err != nil {
		t.Fatal(err)
	}
	compare(t, "at the end", m, dsn, "item")
}

// until is a source that is followed for a while.
type until struct {
	connector.Source
	d time.Duration
}

func (u until) Sync(ctx context.Context, req connector.Request, out connector.Output) error {
	req.Until, req.Every = time.Now().Add(u.d), time.Millisecond
	return u.Source.Sync(ctx, req, out)
}

// TestLogBeforeOthers has a commit that waits for a standby: it is in the log,
// and nobody else sees it yet. A table that is read by queries meanwhile must
// not be handed over: the log has already told of it.
func TestLogBeforeOthers(t *testing.T) {
	t.Parallel()
	dsn := newServer(t).url
	for _, n := range []string{"a", "b"} {
		pgtest.Exec(t, dsn, "create table "+n+" (id int primary key, v int, tags int[])", "insert into "+n+" values (1, 0), (2, 0)")
	}
	m := &connectortest.Model{}
	sync := func(when string) {
		t.Helper()
		if err := m.Sync(context.Background(), opener(t, dsn, viaLog)()); err != nil || len(m.Failed) > 0 {
			t.Fatal(when, err, m.Failed)
		}
	}
	values := func(table string) string { return fmt.Sprint(m.Rows("public."+table, "id", "v")) }
	sync("load")
	pgtest.Exec(t, dsn, "alter table a drop tags", "alter table b drop tags") // which would have to be read again
	sync("without")
	pgtest.Exec(t, dsn, "alter system set synchronous_standby_names = 'nobody'", "select pg_reload_conf()")
	committed := make(chan struct{})
	go func() {
		defer close(committed)
		pgtest.Exec(t, dsn, "set synchronous_commit = on; update a set v = 1; update b set v = 1; delete from b where id = 2")
	}()
	for query(t, dsn, "select count(*) from pg_stat_activity where wait_event = 'SyncRep'") == "0" {
	}
	sync("waiting")
	if a, b := values("a"), values("b"); a != "[1|1 2|1]" || b != "[1|1]" {
		t.Errorf("the log brought %s and %s", a, b)
	}
	var err error
	if m.State, err = opener(t, dsn, viaLog)().(*source).Forget(m.State, []schema.Name{{Schema: "public", Table: "b"}}); err != nil {
		t.Fatal(err)
	}
	sync("read again")
	if b := values("b"); b != "[1|0 2|0]" {
		t.Errorf("queries brought %s", b)
	}
	pgtest.Exec(t, dsn, "alter system reset synchronous_standby_names", "select pg_reload_conf()")
	<-committed
	sync("committed")
	compare(t, "committed", m, dsn, "a", "b")
}
