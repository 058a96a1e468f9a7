package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/penstock-data/penstock/internal/pgtest"
)

// soakMinutes names how long the soak lasts; a few seconds otherwise.
const soakMinutes = "PENSTOCK_SOAK_MINUTES"

// TestSoak lets two connections follow the log of one database into DuckDB and
// into PostgreSQL while it is written to and altered, and meanwhile kills the
// program and crashes the source, at random moments. In the end nothing is
// missing.
func TestSoak(t *testing.T) {
	lasts, between := 15*time.Second, 3*time.Second
	if text := os.Getenv(soakMinutes); text != "" {
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || n <= 0 || n > 24*60 {
			t.Fatalf("%s is %q: it is a number of minutes, a day at most", soakMinutes, text)
		}
		lasts, between = time.Duration(n*float64(time.Minute)), 15*time.Second
	}
	k := newSoak(t)
	rng := rand.New(rand.NewPCG(*killSeed, 1))
	toiling, stop := context.WithCancel(t.Context())
	var toilers sync.WaitGroup
	for i := range 2 {
		toilers.Go(func() { k.toil(toiling, rand.New(rand.NewPCG(*killSeed, uint64(10+i)))) })
	}
	defer toilers.Wait()
	defer stop()
	began := time.Now()
	for left := lasts; left > 0; left = lasts - time.Since(began) {
		k.pause(min(left, time.Duration(rng.Int64N(int64(2*between)))+between/4))
		if rng.IntN(3) == 0 {
			k.crash(t)
		} else {
			k.kill(t)
		}
	}
	stop()
	toilers.Wait()
	k.check(t, time.Since(began))
}

// A soak is what the test has at hand.
type soak struct {
	source  string // URL of a superuser
	data    string
	server  *server
	targets []soaked

	writes, alters, kills, crashes atomic.Int64
}

// A soaked is a connection into one of the destinations.
type soaked struct {
	name, id string
	w        warehouse
}

func newSoak(t *testing.T) *soak {
	ownPostgres(t)
	pgtest.Exec(t, own.url, `drop database if exists soak with (force)`, `create database soak`)
	k := &soak{source: strings.Replace(own.url, "/postgres?", "/soak?", 1), data: t.TempDir()}
	pgtest.Exec(t, k.source, orders...)
	k.server = serve(t, k.data, "--no-rate-limits")
	file := filepath.Join(t.TempDir(), "soak.duckdb")
	k.follow(t, "duckdb", seedGroup, map[string]any{"path": file}, duckWarehouse(file))
	var second struct{ ID string }
	k.server.must(t, "POST", "/v1/groups", map[string]any{"name": "Second"}, &second)
	dsn := pgtest.Database(t)
	k.follow(t, "postgres_warehouse", second.ID, databaseConfig(t, dsn), postgresWarehouse(dsn))
	for _, to := range k.targets {
		await(t, to.name+" has caught up", func() bool { return len(k.latencies(t, to)) > 0 })
	}
	return k
}

// follow makes a destination, and a connection into it that stays on.
func (k *soak) follow(t *testing.T, service, group string, target map[string]any, w warehouse) {
	t.Helper()
	s := k.server
	s.must(t, "POST", "/v1/destinations", map[string]any{"group_id": group, "service": service, "time_zone_offset": "0", "config": target}, nil)
	config := sourceConfig(t, k.source, "soak")
	config["update_method"], config["publication_name"], config["replication_slot"] = "WAL_PGOUTPUT", "soak_"+service, "soak_"+service
	var d details
	s.must(t, "POST", "/v1/connections", map[string]any{"group_id": group, "service": "postgres", "sync_frequency": 5, "config": config}, &d)
	s.must(t, "PATCH", "/v1/penstock/connections/"+d.ID+"/settings", map[string]any{"continuous": true}, nil)
	k.targets = append(k.targets, soaked{service, d.ID, w})
}

// pause lets time go by.
func (k *soak) pause(d time.Duration) { <-time.After(d) }

// kill kills the program and starts it again.
func (k *soak) kill(t *testing.T) {
	k.server.kill()
	k.server = serve(t, k.data, "--no-rate-limits")
	k.kills.Add(1)
}

// crash crashes the source and starts it again.
func (k *soak) crash(t *testing.T) {
	if err := stopOwn(); err != nil {
		t.Fatal(err)
	}
	if err := startOwn(); err != nil {
		t.Fatal(err)
	}
	k.crashes.Add(1)
}

// toil writes to the source until ctx is done, and connects again after a
// crash.
func (k *soak) toil(ctx context.Context, rng *rand.Rand) {
	for ctx.Err() == nil {
		conn, err := pgx.Connect(context.Background(), k.source)
		if err != nil {
			k.pause(50 * time.Millisecond)
			continue
		}
		for ctx.Err() == nil && err == nil {
			err = k.write(conn, rng)
		}
		conn.Close(context.Background())
	}
}

// write changes rows in a transaction, or a table now and then. What the
// database refuses is no matter.
func (k *soak) write(conn *pgx.Conn, rng *rand.Rand) error {
	sql, count := change(rng), &k.writes
	if rng.IntN(100) == 0 {
		sql, count = alter(rng), &k.alters
	}
	tag, err := conn.Exec(context.Background(), sql)
	if count.Add(max(1, tag.RowsAffected())); err != nil && !conn.IsClosed() {
		err = nil
	}
	if err == nil {
		_, err = conn.Exec(context.Background(), `select pg_sleep(0.02)`)
	}
	return err
}

func change(rng *rand.Rand) string {
	n, rows := rng.IntN(40_000), rng.IntN(20)
	return []string{
		fmt.Sprintf(`insert into item (id, name, note) select i, 'new', repeat('n', 100) from generate_series(%d, %d) i on conflict (id) do update set note = 'again'`, n, n+rows),
		fmt.Sprintf(`update item set price = coalesce(price, 0) + 1 where id between %d and %d`, n, n+rows),
		fmt.Sprintf(`delete from item where id between %d and %d`, n, n+rows),
		fmt.Sprintf(`update sale set no = nextval('fresh') where no between %d and %d`, n, n+rows),
		fmt.Sprintf(`delete from sale where no between %d and %d`, n, n+rows),
		fmt.Sprintf(`insert into sale select 9, i, now(), 0 from generate_series(%d, %d) i on conflict do nothing`, n, n+rows),
		fmt.Sprintf(`update visit set what = 'seen %d' where id between %d and %d`, n, n, n+rows),
		fmt.Sprintf(`insert into visit select i, repeat('visit ', 2000) from generate_series(%d, %d) i on conflict (id) do update set id = excluded.id + 100000`, n, n+rows/4),
		fmt.Sprintf(`insert into note select now(), 'n' || i from generate_series(%d, %d) i`, n, n+rows),
	}[rng.IntN(9)]
}

func alter(rng *rand.Rand) string {
	n := rng.IntN(5)
	return []string{
		fmt.Sprintf(`alter table item add column more_%d int default %d`, n, n),
		fmt.Sprintf(`alter table item drop column if exists more_%d`, n),
		fmt.Sprintf(`alter table sale add column less_%d text`, n),
		fmt.Sprintf(`alter table sale drop column if exists less_%d`, n),
		fmt.Sprintf(`create table extra_%d (id int primary key, x text)`, n),
		fmt.Sprintf(`insert into extra_%d select i, md5(i::text) from generate_series(1, 500) i on conflict do nothing`, n),
		fmt.Sprintf(`drop table if exists extra_%d`, n),
		`alter table item alter column price type numeric(14,2)`,
		`truncate visit`,
	}[rng.IntN(9)]
}

// A latency is that of a run, in seconds.
type latency struct {
	Changes int64
	P50     float64 `json:"p50_seconds"`
	P95     float64 `json:"p95_seconds"`
	P99     float64 `json:"p99_seconds"`
}

// latencies returns those of the connection's runs.
func (k *soak) latencies(t *testing.T, to soaked) (all []latency) {
	var page struct {
		Items []struct {
			FreshAt string `json:"fresh_at"`
			Latency *latency
		}
	}
	k.server.must(t, "GET", "/v1/penstock/connections/"+to.id+"/runs?limit=1000", nil, &page)
	for _, r := range page.Items {
		if r.Latency != nil {
			all = append(all, *r.Latency)
		} else if r.FreshAt != "" {
			all = append(all, latency{})
		}
	}
	return all
}

// check has both connections read what is left, and compares.
func (k *soak) check(t *testing.T, lasted time.Duration) {
	t.Logf("%v, %d rows written, %d statements of DDL, %d kills of the program, %d crashes of the source",
		lasted.Round(time.Second), k.writes.Load(), k.alters.Load(), k.kills.Load(), k.crashes.Load())
	for _, to := range k.targets {
		k.server.must(t, "PATCH", "/v1/connections/"+to.id, map[string]any{"schedule_type": "manual"}, nil)
		asked := time.Now()
		for k.server.details(t, to.id).Status.SyncState == "syncing" { // it has everything to catch up with that came last
			k.pause(100 * time.Millisecond)
		}
		t.Logf("%s: the run ended %v after it was asked to", to.name, time.Since(asked).Round(time.Second))
		k.server.succeeds(t, to.id)
		worst := latency{}
		for _, l := range k.latencies(t, to) {
			worst = latency{worst.Changes + l.Changes, max(worst.P50, l.P50), max(worst.P95, l.P95), max(worst.P99, l.P99)}
		}
		t.Logf("%s: latency of %d changes, in the worst run: p50 %.2f s, p95 %.2f s, p99 %.2f s", to.name, worst.Changes, worst.P50, worst.P95, worst.P99)
	}
	if code := k.server.terminate(t); code != 0 {
		t.Errorf("the server ended with %d:\n%s", code, k.server.stderr.String())
	}
	for _, to := range k.targets {
		code, stdout, stderr := run(t, nil, "verify", k.source, to.w.url, "--schema", "soak", "--json")
		var found struct{ Tables []json.RawMessage }
		if json.Unmarshal([]byte(stdout), &found); code != 0 {
			t.Errorf("verify of %s ended with %d:\n%s%s", to.name, code, stdout, stderr)
		}
		t.Logf("%s: verify of %d tables ended with %d", to.name, len(found.Tables), code)
	}
}
