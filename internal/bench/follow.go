package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// written is a million rows in so many tables of accounts, which are written to
// while connections follow them.
type written int

const (
	changesPerSecond = 1000
	followFor        = time.Minute
	manyTables       = 50
)

// table returns the name of one of the tables, by its number or a variable of
// pgbench.
func (n written) table(which string) string {
	if n == 1 {
		return "account"
	}
	return "account_" + which
}

func (n written) rows() int { return 1_000_000 / int(n) }

// made returns the statements that make the tables.
func (n written) made() (statements []string) {
	for i := range int(n) {
		t := n.table(strconv.Itoa(i + 1))
		statements = append(statements,
			"create table "+t+" (id bigint primary key, name text, balance numeric(12,2), note text, changed timestamptz default now())",
			fmt.Sprintf("insert into %s select i, 'account ' || i, i / 7.0, md5(i::text) from generate_series(1, %d) i", t, n.rows()))
	}
	return statements
}

// changes is what pgbench runs: ten rows of one table change at a time.
func (n written) changes() string {
	return fmt.Sprintf(`\set t random(1, %d)
\set id random(1, %d)
update %s set balance = balance + 1, changed = now() where id between :id and :id + 9;
`, int(n), n.rows()-10, n.table(":t"))
}

// followIntoDuckDB and followIntoPostgres measure how long it takes from a
// commit at the source until it can be read in the destination, with a thousand
// changes a second all over a million rows.
func followIntoDuckDB(tables written) func(context.Context, *bench) ([]figure, error) {
	return func(ctx context.Context, b *bench) ([]figure, error) {
		return follow(ctx, b, tables, "duckdb", func(string) (map[string]any, error) {
			return map[string]any{"path": b.path(fmt.Sprintf("follow%d.duckdb", tables))}, nil
		})
	}
}

func followIntoPostgres(tables written) func(context.Context, *bench) ([]figure, error) {
	return func(ctx context.Context, b *bench) ([]figure, error) {
		return follow(ctx, b, tables, "postgres_warehouse", func(db string) (map[string]any, error) {
			to, err := b.target(ctx, db)
			return configOf(to), err
		})
	}
}

func follow(ctx context.Context, b *bench, tables written, service string, target func(db string) (map[string]any, error)) (figures []figure, err error) {
	db, err := b.changing(ctx, tables)
	if err != nil {
		return nil, err
	}
	to, err := target(db)
	if err != nil {
		return nil, err
	}
	s, err := b.serve(ctx, fmt.Sprintf("%s%d", service, tables))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.end()) }()
	id, err := s.stays(ctx, service, to, db)
	if err != nil {
		return nil, err
	}
	if _, err := s.latency(ctx, id, func(l *latency, fresh string) bool { return fresh != "" }); err != nil {
		return nil, err
	}
	cpu, err := cpuOf(s.pid)
	if err != nil {
		return nil, err
	}
	if err := b.change(ctx, db, tables, followFor); err != nil {
		return nil, err
	}
	least := int64(changesPerSecond * followFor.Seconds() * 0.95)
	l, err := s.latency(ctx, id, func(l *latency, _ string) bool { return l != nil && l.Changes >= least })
	if err != nil {
		return nil, err
	}
	after, err := cpuOf(s.pid)
	if err != nil {
		return nil, err
	}
	memory, err := memoryOf(s.pid, "VmRSS")
	return []figure{
		{what: "changes", value: float64(l.Changes)},
		{what: "latency, p50", value: l.P50, unit: "s", limit: 2},
		{what: "latency, p95", value: l.P95, unit: "s"},
		{what: "latency, p99", value: l.P99, unit: "s", limit: 5},
		{what: "CPU per change", value: (after - cpu) / float64(l.Changes) * 1e6, unit: "µs"},
		{what: "memory", value: memory, unit: "MB"},
	}, err
}

// changing returns the URL of a database with the tables of accounts alone.
func (b *bench) changing(ctx context.Context, tables written) (string, error) {
	admin, err := b.admin(ctx)
	if err != nil {
		return "", err
	}
	const name = "penstock_bench_changing"
	free := `select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = '` + name + `' and not active`
	if err := psql(ctx, admin, free, "drop database if exists "+name+" with (force)", "create database "+name); err != nil {
		return "", err
	}
	db := withDatabase(admin, name)
	return db, psql(ctx, db, tables.made()...)
}

// change changes rows of accounts for a time.
func (b *bench) change(ctx context.Context, db string, tables written, lasts time.Duration, more ...string) error {
	script := b.path("change.sql")
	if err := os.WriteFile(script, []byte(tables.changes()), 0o600); err != nil {
		return err
	}
	args := append([]string{"-n", "-c", "4", "-f", script}, more...)
	if len(more) == 0 {
		args = append(args, "-R", strconv.Itoa(changesPerSecond/10), "-T", strconv.Itoa(int(lasts.Seconds())))
	}
	if out, err := exec.CommandContext(ctx, "pgbench", append(args, db)...).CombinedOutput(); err != nil {
		return fmt.Errorf("pgbench: %w\n%s", err, out)
	}
	return nil
}

// A serving is the program's server at work.
type serving struct {
	base string
	pid  int
	end  func() error
}

// serve starts a server on a folder of its own.
func (b *bench) serve(ctx context.Context, folder string) (*serving, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	addr := "127.0.0.1:" + strconv.Itoa(port)
	if err := os.WriteFile(b.path("seed.json"), []byte(seed), 0o600); err != nil {
		return nil, err
	}
	cmd, err := b.start(ctx, addr, "serve", "--data", b.path(folder), "--listen", addr, "--no-rate-limits", "--seed", b.path("seed.json"))
	if err != nil {
		return nil, err
	}
	return &serving{"http://" + addr, cmd.Process.Pid, func() error {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			return err
		}
		return ended(ctx, cmd.Process)
	}}, nil
}

// ended waits for the end of a process, so that the next benchmark can have what
// it has.
func ended(ctx context.Context, p *os.Process) error {
	for !errors.Is(p.Signal(syscall.Signal(0)), os.ErrProcessDone) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	return nil
}

// stays makes a destination and a connection into it that stays on with db,
// and returns the connection's id.
func (s *serving) stays(ctx context.Context, service string, target map[string]any, db string) (string, error) {
	if _, err := post(ctx, s.base+"/v1/destinations", map[string]any{
		"group_id": "bench_group", "service": service, "time_zone_offset": "0", "config": target,
	}); err != nil {
		return "", err
	}
	config := configOf(db)
	config["schema_prefix"], config["update_method"] = "bench", "WAL_PGOUTPUT"
	config["publication_name"], config["replication_slot"] = "bench_"+service, "bench_"+service
	id, err := post(ctx, s.base+"/v1/connections", map[string]any{
		"group_id": "bench_group", "service": "postgres", "sync_frequency": 15, "config": config,
	})
	if err != nil {
		return "", err
	}
	return id, call(ctx, "PATCH", s.base+"/v1/penstock/connections/"+id+"/settings", map[string]any{"continuous": true}, nil)
}

// A latency is that of a run, in seconds.
type latency struct {
	Changes int64
	P50     float64 `json:"p50_seconds"`
	P95     float64 `json:"p95_seconds"`
	P99     float64 `json:"p99_seconds"`
}

// latency waits until the latest run of a connection has one that is wanted.
func (s *serving) latency(ctx context.Context, id string, wanted func(l *latency, fresh string) bool) (*latency, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	var page struct {
		Items []struct {
			Outcome, Reason string
			FreshAt         string `json:"fresh_at"`
			Latency         *latency
		}
	}
	for {
		if err := call(ctx, "GET", s.base+"/v1/penstock/connections/"+id+"/runs", nil, &page); err != nil {
			return nil, err
		}
		if n := len(page.Items); n > 0 {
			if last := page.Items[n-1]; wanted(last.Latency, last.FreshAt) {
				return last.Latency, nil
			}
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w; the runs are %+v", ctx.Err(), page.Items)
		case <-time.After(time.Second):
		}
	}
}
