package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/penstock-data/penstock/connector/connectortest"
	"github.com/penstock-data/penstock/internal/pgtest"
	"github.com/penstock-data/penstock/schema"
)

// TestWriters syncs, with breaks, while transactions of all kinds run, and
// compares when they have ended.
func TestWriters(t *testing.T) { eachMethod(t, testWriters) }

func testWriters(t *testing.T, method func(*config)) {
	s := newServer(t)
	s.configure(t, "max_prepared_transactions = 20\nlogical_decoding_work_mem = 64kB", "") // so that parts of transactions are sent
	pgtest.Exec(t, s.url,
		"create table k (id int primary key, v int, pad text)",
		"insert into k select g, 0, repeat('x', 600) from generate_series(1, 200) g",
		"create table p (id int primary key, v int, pad text) partition by hash (id)",
		"create table p0 partition of p for values with (modulus 2, remainder 0)",
		"create table p1 partition of p for values with (modulus 2, remainder 1)",
		"insert into p select * from k",
		"create table n (id int, v int, pad text)",
		"insert into n select * from k where id < 50",
		"alter table k alter pad set storage external")

	// A new slot would wait for the prepared transactions.
	m := &connectortest.Model{}
	if err := m.Sync(context.Background(), opener(t, s.url, method)()); err != nil {
		t.Fatal(err)
	}
	const writers, transactions = 3, 60
	var wg sync.WaitGroup
	done := make(chan struct{})
	for i := range writers {
		wg.Go(func() { write(t, s.url, uint64(i), transactions) })
	}
	go func() { wg.Wait(); close(done) }()

	rnd := rand.New(rand.NewPCG(42, 0))
	syncs, broken := 0, 0
	for running := true; running; syncs++ {
		select {
		case <-done:
			running = false
		default:
		}
		left := rnd.IntN(60)
		src := &watched{Source: opener(t, s.url, method)()}
		src.Source.(*source).workers = 2
		var mu sync.Mutex
		src.onWrite = func(schema.Batch) error {
			mu.Lock()
			defer mu.Unlock()
			if left--; left == 0 {
				return errStop
			}
			return nil
		}
		if err := m.Sync(context.Background(), src); errors.Is(err, errStop) {
			broken++
		} else if err != nil {
			t.Fatal(err)
		}
		if len(m.Failed) > 0 {
			t.Fatal(m.Failed)
		}
	}
	for _, id := range lines(t, s.url, "select gid from pg_prepared_xacts order by gid") {
		pgtest.Exec(t, s.url, "commit prepared '"+id+"'")
	}
	if err := m.Sync(context.Background(), opener(t, s.url, method)()); err != nil {
		t.Fatal(err)
	}
	compare(t, fmt.Sprintf("after %d syncs, %d of them broken", syncs, broken), m, s.url, "k", "p", "n")
	if st, err := parseState(m.State); err != nil || (st.Log != nil) != (st.Tables["public"]["k"].Log != nil) {
		t.Errorf("table k is not read as it should be: %v, %s", err, m.State)
	}
}

// write runs random transactions, of which some stay open for a while, some
// are rolled back in whole or in part, and some are prepared.
func write(t *testing.T, url string, seed uint64, n int) {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close(ctx)
	rnd := rand.New(rand.NewPCG(7, seed))
	exec := func(sql string) bool {
		_, err := conn.Exec(ctx, sql)
		return err == nil
	}
	change := func() bool {
		table := []string{"k", "p", "n"}[rnd.IntN(3)]
		id := rnd.IntN(250)
		switch rnd.IntN(6) {
		case 0:
			conflict := " on conflict (id) do nothing"
			if table == "n" {
				conflict = ""
			}
			return exec(fmt.Sprintf("insert into %s values (%d, %d, 'new')%s", table, id, rnd.IntN(1000), conflict))
		case 1:
			return exec(fmt.Sprintf("delete from %s where id = %d", table, id))
		case 2:
			if table == "n" {
				return true
			}
			return exec(fmt.Sprintf("update %s set id = %d where id = %d and not exists (select from %[1]s where id = %d)", table, 1000+rnd.IntN(100), id, 1000))
		case 3:
			return exec(fmt.Sprintf("update %s set v = v + 1 where id between %d and %d", table, id, id+rnd.IntN(20)))
		case 4: // a value of its own file, if the table has such
			return exec(fmt.Sprintf("update %s set pad = repeat('z', 3000) where id between %d and %d", table, id, id+rnd.IntN(3)))
		}
		return exec(fmt.Sprintf("update %s set v = v + 1, pad = repeat('y', %d) where id between %d and %d", table, rnd.IntN(900), id, id+rnd.IntN(20)))
	}
	for i := range n {
		exec("begin")
		exec("set local lock_timeout = '50ms'")
		ok := true
		for range 1 + rnd.IntN(6) {
			exec("savepoint s")
			if sub := change(); !sub || rnd.IntN(4) == 0 {
				ok = exec("rollback to savepoint s") && ok
			} else {
				exec("release savepoint s")
			}
		}
		switch {
		case !ok || rnd.IntN(6) == 0:
			exec("rollback")
		case rnd.IntN(15) == 0:
			exec(fmt.Sprintf("prepare transaction 'w%d_%d'", seed, i))
		default:
			exec("commit")
		}
	}
}

// TestOpenTransactions has transactions that are under way during a sync,
// while later ones have ended, and that end after it.
func TestOpenTransactions(t *testing.T) { eachMethod(t, testOpenTransactions) }

func testOpenTransactions(t *testing.T, method func(*config)) {
	s := newServer(t)
	s.configure(t, "max_prepared_transactions = 20", "")
	pgtest.Exec(t, s.url, "create table item (id int primary key, v text)", "insert into item select g, 'old' from generate_series(1, 9) g")
	m := &connectortest.Model{}
	sync := func(when string) {
		t.Helper()
		if err := m.Sync(context.Background(), opener(t, s.url, method)()); err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		compare(t, when, m, s.url, "item")
	}
	sync("load")
	for _, c := range []struct {
		name, do, end string
	}{
		{"plain", "update item set v = 'plain' where id = 1", "commit"},
		{"subtransaction", "savepoint a; update item set v = 'sub' where id = 2; release a; savepoint b; delete from item where id = 3; rollback to b", "commit"},
		{"prepared", "update item set v = 'prepared' where id = 4; prepare transaction 'p'", "commit prepared 'p'"},
		{"rolled back", "update item set v = 'never' where id = 5", "rollback"},
		{"deleting", "delete from item where id = 6", "commit"},
	} {
		ctx := context.Background()
		conn, err := pgx.Connect(ctx, s.url)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.PgConn().Exec(ctx, "begin; "+c.do).ReadAll(); err != nil {
			t.Fatal(err)
		}
		pgtest.Exec(t, s.url, "insert into item values (100 + (select count(*) from item), 'later')")
		sync(c.name + " under way")
		pgtest.Exec(t, s.url, "update item set v = v || '!' where id = 9")
		if _, err := conn.Exec(ctx, c.end); err != nil {
			t.Fatal(err)
		}
		conn.Close(ctx)
		sync(c.name + " ended")
	}
}

// TestCrashAfterSync has the source crash right after a sync. Though its
// commits are not synchronous, it must still have all that the sync saw.
func TestCrashAfterSync(t *testing.T) { eachMethod(t, testCrashAfterSync) }

func testCrashAfterSync(t *testing.T, method func(*config)) {
	s := newServer(t)
	pgtest.Exec(t, s.url, "create table item (id int primary key, v int)", "checkpoint")
	m := &connectortest.Model{}
	for i := range 3 {
		pgtest.Exec(t, s.url, fmt.Sprintf("insert into item values (%d, 0)", i), "update item set v = v + 1")
		if err := m.Sync(context.Background(), opener(t, s.url, method)()); err != nil {
			t.Fatal(err)
		}
		s.stop(t)
		s.start(t)
		compare(t, "after the crash", m, s.url, "item")
	}
}

// TestRowsMoveBetweenRuns changes rows after a load was interrupted: one that
// was sent, one that was sent and is gone, and one that was not sent and moves
// to a page that was read.
func TestRowsMoveBetweenRuns(t *testing.T) { eachMethod(t, testRowsMoveBetweenRuns) }

func testRowsMoveBetweenRuns(t *testing.T, method func(*config)) {
	dsn := newServer(t).url
	pgtest.Exec(t, dsn, "create table item (id int primary key, v text)",
		"insert into item select g, repeat('x', 900) from generate_series(1, 40) g")
	m := &connectortest.Model{}
	src := &watched{Source: opener(t, dsn, method)(), onCheckpoint: func(n int) error {
		if n == 2 {
			return errStop
		}
		return nil
	}}
	if err := m.Sync(context.Background(), src); !errors.Is(err, errStop) {
		t.Fatal(err)
	}
	pgtest.Exec(t, dsn, killSessions) // the broken sync's snapshot goes with its session
	pgtest.Exec(t, dsn, "delete from item where id in (2, 3)", "vacuum item", "update item set v = 'changed' where id = 4",
		"update item set v = repeat('y', 900) where id in (30, 31)")
	if at := query(t, dsn, "select ctid from item where id = 30"); at[:3] != "(0," {
		t.Fatalf("row 30 is at %s, not on a page that was read", at)
	}
	if err := m.Sync(context.Background(), opener(t, dsn, method)()); err != nil {
		t.Fatal(err)
	}
	compare(t, "resumed", m, dsn, "item")
	if len(m.Failed) > 0 {
		t.Error(m.Failed)
	}
}

// TestWraparound takes the transaction counter round its 32 bits.
func TestWraparound(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	bin := query(t, s.url, "select setting from pg_config where name = 'BINDIR'")
	pgtest.Exec(t, s.url, "update pg_database set datallowconn = true")
	pgtest.Exec(t, s.url, "create table item (id int primary key, v int)", "insert into item select g, 0 from generate_series(1, 1000) g")
	m := &connectortest.Model{}
	sync := func(when string) int64 {
		t.Helper()
		src := &watched{Source: opener(t, s.url)()}
		if err := m.Sync(context.Background(), src); err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		compare(t, when, m, s.url, "item")
		return src.tables["item"]
	}
	// jump sets the next transaction's id, no more than 2^31 ahead.
	jump := func(epoch int, xid uint32) {
		t.Helper()
		for _, db := range []string{"postgres", "template0", "template1"} {
			pgtest.Exec(t, "postgres://postgres@127.0.0.1:"+s.port+"/"+db+"?sslmode=disable", "vacuum freeze")
		}
		pgtest.Exec(t, s.url, "checkpoint")
		if out, err := s.run(filepath.Join(bin, "pg_ctl"), "-D", s.dir, "-m", "fast", "-w", "stop"); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		const perSegment = 32 * 8192 * 4 // transactions of a file of pg_xact
		segment := filepath.Join("pg_xact", fmt.Sprintf("%04X", xid/perSegment))
		if _, err := os.Stat(filepath.Join(s.dir, segment)); err != nil {
			s.owned(t, segment, make([]byte, 32*8192))
		}
		if out, err := s.run(filepath.Join(bin, "pg_resetwal"), "-f", "-e", fmt.Sprint(epoch), "-x", fmt.Sprint(xid), "-D", s.dir); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		s.start(t)
	}
	burn := func(n int) {
		pgtest.Exec(t, s.url, fmt.Sprintf("do $$ begin for i in 1..%d loop begin perform txid_current(); insert into burnt values (i); exception when division_by_zero then null; end; commit; end loop; end $$", n))
	}
	pgtest.Exec(t, s.url, "create table burnt (i int)")

	sync("load")
	jump(0, 2_000_000_000)
	pgtest.Exec(t, s.url, "update item set v = 1 where id <= 10")
	if n := sync("two thousand million on"); n < 10 || n >= 1000 {
		t.Errorf("%d rows were sent for 10 changes", n)
	}
	jump(0, 4_000_000_000)
	jump(0, 4_294_966_000)
	pgtest.Exec(t, s.url, "update item set v = 2 where id = 20", "delete from item where id = 21")
	if n := sync("beyond comparison"); n != 999 {
		t.Errorf("%d rows were sent, not all 999", n)
	}
	before := query(t, s.url, "select txid_current()")
	burn(3000)
	if after := query(t, s.url, "select txid_current() >> 32"); after != "1" {
		t.Fatalf("the counter was %s and is now in epoch %s", before, after)
	}
	pgtest.Exec(t, s.url, "update item set v = 3 where id between 30 and 39", "delete from item where id = 40")
	if n := sync("round the corner"); n < 10 || n >= 999 {
		t.Errorf("%d rows were sent for 10 changes", n)
	}
	if n := sync("and nothing more"); n >= 999 {
		t.Errorf("%d rows were sent for no change", n)
	}
}

// run runs a program as the owner of the server's folder.
func (s *server) run(program string, args ...string) ([]byte, error) {
	cmd := exec.Command(program, args...)
	if os.Getuid() == 0 {
		cmd = exec.Command("runuser", append([]string{"-u", "postgres", "--", program}, args...)...)
	}
	cmd.Dir = "/"
	return cmd.CombinedOutput()
}

// TestOtherHistory reads everything again when the server's transaction ids
// are not those of the state.
func TestOtherHistory(t *testing.T) {
	t.Parallel()
	dsn := sharedDatabase(t)
	pgtest.Exec(t, dsn, "create table item (id int primary key)", "insert into item select generate_series(1, 20)")
	m := &connectortest.Model{}
	if err := m.Sync(context.Background(), opener(t, dsn)()); err != nil {
		t.Fatal(err)
	}
	st, err := parseState(m.State)
	if err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]func(){
		"another cluster": func() { st.Origin = "7000000000000000000/00000001" },
		"the counter has gone backwards": func() {
			for _, p := range st.Tables["public"]["item"].Parts {
				p.Horizon = 1 << 40
			}
		},
	} {
		edit()
		m.State = encode(t, st)
		src := &watched{Source: opener(t, dsn)()}
		if err := m.Sync(context.Background(), src); err != nil {
			t.Fatal(err)
		}
		if n := src.tables["item"]; n != 20 {
			t.Errorf("%s: %d rows were sent", name, n)
		}
		compare(t, name, m, dsn, "item")
		if st, err = parseState(m.State); err != nil {
			t.Fatal(err)
		}
	}
}
