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
	pgtest.Exec(t, dsn, "update big set v = 'now small'", "update many set pad = 'q'")
	sync()
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
