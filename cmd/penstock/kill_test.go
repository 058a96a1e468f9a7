package main

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/penstock-data/penstock/internal/pgtest"
	"github.com/penstock-data/penstock/schema"
)

// orders is a database that lives on while its copy is made and broken.
var orders = []string{
	`create table item (id int primary key, name text, price numeric(10,2), note text)`,
	`insert into item select i, 'item ' || i, i / 8.0, repeat(md5(i::text), 2) from generate_series(1, 20000) i`,
	`create table sale (shop int, no bigint, at timestamptz, amount float8, primary key (shop, no))`,
	`insert into sale select i % 7, i, '2024-01-01'::timestamptz + i * interval '1 minute', i / 3.0 from generate_series(1, 30000) i`,
	`create sequence fresh start 1000000`,
	`create table visit (id int, what text, primary key (id)) partition by hash (id)`,
	`create table visit_0 partition of visit for values with (modulus 2, remainder 0)`,
	`create table visit_1 partition of visit for values with (modulus 2, remainder 1)`,
	`insert into visit select i, repeat('visit ' || i, 8) from generate_series(1, 15000) i`,
	`create table note (at timestamptz, line text)`,
	`insert into note select '2024-01-01'::timestamptz + i * interval '1 minute', md5(i::text) from generate_series(1, 8000) i`,
}

var ordersTables = []string{"item", "sale", "visit", "note"}

// A workload changes orders, a transaction at a time, until it is stopped.
type workload struct {
	stop context.CancelFunc
	done chan error
}

func startWorkload(t testing.TB, dsn string, seed uint64) *workload {
	ctx, stop := context.WithCancel(t.Context())
	w := &workload{stop: stop, done: make(chan error, 1)}
	go func() { w.done <- work(ctx, dsn, rand.New(rand.NewPCG(seed, 1))) }()
	t.Cleanup(stop)
	return w
}

func work(ctx context.Context, dsn string, rng *rand.Rand) error {
	conn, err := pgx.Connect(context.Background(), dsn)
	if err != nil {
		return err
	}
	defer conn.Close(context.Background())
	for ctx.Err() == nil {
		n := rng.IntN(40000)
		changes := []string{
			fmt.Sprintf(`insert into item select i, 'new', 1, repeat('n', 100) from generate_series(%d, %d) i on conflict (id) do update set note = 'again'`, n, n+rng.IntN(200)),
			fmt.Sprintf(`update item set price = price + 1 where id between %d and %d`, n, n+rng.IntN(300)),
			fmt.Sprintf(`delete from item where id between %d and %d`, n, n+rng.IntN(200)),
			fmt.Sprintf(`update sale set no = nextval('fresh') where no between %d and %d`, n, n+rng.IntN(300)),
			fmt.Sprintf(`delete from sale where no between %d and %d`, n, n+rng.IntN(100)),
			fmt.Sprintf(`insert into sale select 9, i, now(), 0 from generate_series(%d, %d) i on conflict do nothing`, n, n+rng.IntN(300)),
			fmt.Sprintf(`update visit set what = 'seen' where id between %d and %d`, n, n+rng.IntN(300)),
			fmt.Sprintf(`insert into note select now(), 'n' || i from generate_series(%d, %d) i`, n, n+rng.IntN(50)),
			fmt.Sprintf(`delete from note where line like '%x%%'`, rng.IntN(4096)),
		}
		if rng.IntN(400) == 0 {
			changes = append(changes, `truncate visit`, `insert into visit select i, 'back' from generate_series(1, 15000) i on conflict do nothing`)
		}
		tx, err := conn.Begin(context.Background())
		if err != nil {
			return err
		}
		for range 1 + rng.IntN(3) {
			if _, err := tx.Exec(context.Background(), changes[rng.IntN(len(changes))]); err != nil {
				return err
			}
		}
		if rng.IntN(5) == 0 {
			err = tx.Rollback(context.Background())
		} else {
			err = tx.Commit(context.Background())
		}
		if err != nil {
			return err
		}
		// A source is not busy with nothing else.
		if _, err := conn.Exec(context.Background(), `select pg_sleep(0.01)`); err != nil {
			return err
		}
	}
	return nil
}

// end stops the workload after the transaction at hand.
func (w *workload) end(t testing.TB) {
	t.Helper()
	w.stop()
	if err := <-w.done; err != nil {
		t.Fatal(err)
	}
}

// killSeed makes the kill test kill at other moments.
var killSeed = flag.Uint64("seed", 42, "seed of the moments at which the program is killed")

// killCount is how often the program is killed with each kind of destination.
var killCount = flag.Int("kills", 25, "how often the program is killed, each way")

// TestKilledAtRandom kills the program with -9 while it loads and while it
// increments, and compares the data when it was left alone in the end. The
// moment is a number of bytes that have passed between it and its source or
// destination, or the end of the sync.
func TestKilledAtRandom(t *testing.T) {
	t.Run("duckdb", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "w.duckdb")
		killed(t, duckWarehouse(file), "duckdb", map[string]any{"path": file}, nil, nil)
	})
	t.Run("log", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "w.duckdb")
		killed(t, duckWarehouse(file), "duckdb", map[string]any{"path": file}, nil, map[string]any{
			"update_method": "WAL_PGOUTPUT", "publication_name": "orders", "replication_slot": "orders"})
	})
	t.Run("postgres", func(t *testing.T) {
		dsn := pgtest.Database(t)
		config := databaseConfig(t, dsn)
		p := newProxy(t, config["host"].(string), config["port"].(string))
		config["host"], config["port"] = p.host, p.port
		killed(t, postgresWarehouse(dsn), "postgres_warehouse", config, p, nil)
	})
}

// killed runs a connection to a destination, which is beyond far if that is not
// nil, with a source of which method is more of the config.
func killed(t *testing.T, w warehouse, service string, target map[string]any, far *proxy, method map[string]any) {
	source := pgtest.Database(t)
	pgtest.Exec(t, source, orders...)
	config := sourceConfig(t, source, "shop")
	maps.Copy(config, method)
	t.Cleanup(func() { // a database with a slot cannot be dropped
		pgtest.Exec(t, source, "select pg_terminate_backend(active_pid, 10000) from pg_replication_slots where database = current_database() and active",
			"select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = current_database()")
	})
	near := newProxy(t, config["host"].(string), config["port"].(string))
	config["host"], config["port"] = near.host, near.port

	var tables []compared
	for _, n := range ordersTables {
		tables = append(tables, compared{
			source: schema.Name{Schema: "public", Table: n}, destination: schema.Name{Schema: "shop_public", Table: n}, keyless: n == "note",
		})
	}
	data := t.TempDir()
	s := serve(t, data)
	s.destination(t, service, target)
	id := s.connection(t, config).ID
	rng := rand.New(rand.NewPCG(*killSeed, 42))
	busy := startWorkload(t, source, *killSeed)
	volume := newVolumes(4 << 20)
	midway := 0
	for i := range *killCount {
		if i%6 == 5 { // load again
			s.must(t, "POST", "/v1/connections/"+id+"/resync", map[string]any{}, nil)
			volume = newVolumes(4 << 20)
		}
		d := s.details(t, id)
		if d.Status.SyncState != "syncing" {
			s.must(t, "POST", "/v1/connections/"+id+"/sync", nil, nil)
		}
		if volume.strike(s, near, far, rng) {
			midway++
		}
		s.kill()
		s = serve(t, data)
		if i%9 == 8 { // in the middle of it all, a look at the data
			busy.end(t)
			settle(t, s, id)
			equal(t, source, w, tables)
			busy = startWorkload(t, source, *killSeed+uint64(i))
		}
	}
	busy.end(t)
	settle(t, s, id)
	equal(t, source, w, tables)
	t.Logf("%d of %d kills hit a sync", midway, *killCount)
	if midway < *killCount/2 {
		t.Errorf("only %d of %d kills hit a sync", midway, *killCount)
	}
	if d := s.details(t, id); d.FailedAt != "" || len(d.Status.Tasks)+len(d.Status.Warnings) > 0 {
		t.Errorf("the killings left %+v", d)
	}
}

// settle lets the run that a kill left behind end, and one more that sees all.
func settle(t *testing.T, s *server, id string) {
	t.Helper()
	await(t, "the run that was left behind ends", func() bool { return s.details(t, id).Status.SyncState != "syncing" })
	s.succeeds(t, id)
}

// volumes remembers how much passes in a sync, as far as is known, for moments
// to be chosen within.
type volumes struct{ near, far int64 }

func newVolumes(n int64) *volumes { return &volumes{near: n, far: n} }

// strike returns at a random moment of the sync that is running, or at its
// end, and reports whether it is still running.
func (v *volumes) strike(s *server, near, far *proxy, rng *rand.Rand) bool {
	p, most := near, &v.near
	if far != nil && rng.IntN(2) == 0 {
		p, most = far, &v.far
	}
	before := p.passed.Load()
	at := rng.Int64N(*most + 1)
	reached := p.after(at)
	for {
		lines, more := s.stderr.lines()
		for _, l := range lines {
			if strings.Contains(l, `"sync ended"`) {
				*most = max(p.passed.Load()-before, 1000) // the next sync is about as long
				return false
			}
		}
		select {
		case <-reached:
			return true
		case <-more:
		}
	}
}
