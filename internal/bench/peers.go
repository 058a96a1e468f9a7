package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A peer is a program that copies a table from one PostgreSQL database to
// another, and then what has changed in it.
type peer struct {
	name  string
	table string // of the target, where the copy is; "": there is none to be looked at

	// program finds it, or returns "" with what would show where it is.
	program func() (path, hint string)

	// load and changes return its arguments. settle, which may be nil, copies
	// the first few changes and is not measured: a log has what the others have
	// written as well, and a first merge makes an index.
	load, settle, changes func(w *workplace) []string
}

// A workplace is what peers work on in one turn.
type workplace struct {
	source, target string // URLs
	dir            string // for their files
	since          string // when the changes began; "": they have not
	slot, end      string // of the limit: the slot, and where its changes end
}

// peerTurns is how often all of it is done, one program after the other, so
// that a neighbour on the machine slows them alike.
const peerTurns = 2

// The changes of a turn are of so many transactions, each of ten rows.
const peerChanges = 2000

var peers = []peer{
	{name: "psql and pg_recvlogical", table: "peers.limit_account", program: on("sh", ""),
		load: func(w *workplace) []string {
			return []string{"-c", fmt.Sprintf(`psql -q -d '%s' -c 'create schema if not exists peers; create table peers.limit_account (id bigint, name text, balance numeric(12,2), note text, changed timestamptz)' &&
				psql -q -d '%s' -c 'copy account to stdout (format binary)' | psql -q -d '%s' -c 'copy peers.limit_account from stdin (format binary)'`, w.target, w.source, w.target)}
		},
		changes: func(w *workplace) []string {
			return []string{"-c", fmt.Sprintf(`pg_recvlogical -d '%s' -S %s --start -o proto_version=1 -o publication_names=peers -f - --endpos %s --no-loop >/dev/null`, w.source, w.slot, w.end)}
		}},
	{name: "penstock, log", table: "public.account", load: byLog, settle: byLog, changes: byLog},
	{name: "penstock, queries", table: "q_public.account", load: byQueries, settle: byQueries, changes: byQueries},
	{name: "ingestr", table: "peers.ingestr_account", program: on("ingestr", "PENSTOCK_PEER_INGESTR"), load: ingestr, changes: ingestr},
	{name: "dlt", table: "peers.dlt_account", program: on("", "PENSTOCK_PEER_DLT"), load: dlt, changes: dlt},
	{name: "sling", table: "peers.sling_account", program: on("sling", "PENSTOCK_PEER_SLING"), load: sling, changes: sling},
	{name: "olake", program: on("", "PENSTOCK_PEER_OLAKE"),
		load:    func(w *workplace) []string { return []string{"load", w.source, w.target} },
		changes: func(w *workplace) []string { return []string{"changes", w.source, w.target} }},
}

// on returns how a program is found: by a variable, or by its name.
func on(name, variable string) func() (string, string) {
	return func() (string, string) {
		if variable != "" {
			if path := os.Getenv(variable); path != "" {
				return path, ""
			}
		}
		if path, err := exec.LookPath(name); err == nil {
			return path, ""
		}
		return "", variable
	}
}

func byLog(w *workplace) []string {
	return []string{"sync", w.source + "&update_method=WAL_PGOUTPUT&publication_name=peers&replication_slot=penstock_peers", w.target,
		"--table", "public.account", "--state", filepath.Join(w.dir, "log.state")}
}

func byQueries(w *workplace) []string {
	return []string{"sync", w.source, w.target, "--table", "public.account", "--schema", "q", "--state", filepath.Join(w.dir, "queries.state")}
}

// ingestr keeps no state: it is told since when rows may have changed.
func ingestr(w *workplace) []string {
	args := []string{"ingest", "--yes", "--source-uri", withPassword(w.source), "--source-table", "public.account", "--dest-uri", withPassword(w.target), "--dest-table", "peers.ingestr_account",
		"--incremental-strategy", "merge", "--incremental-key", "changed", "--primary-key", "id"}
	if w.since != "" {
		args = append(args, "--interval-start", w.since)
	}
	return args
}

// withPassword returns a database's URL as dlt wants it, on which ingestr was
// built before version 1: it insists on a password.
func withPassword(db string) string {
	u, err := url.Parse(db)
	if err != nil {
		return db
	}
	if _, ok := u.User.Password(); !ok {
		u.User = url.UserPassword(u.User.Username(), "none")
	}
	u.Scheme = "postgresql"
	return u.String()
}

// dlt's program is a Python that has the package.
func dlt(w *workplace) []string {
	script := fmt.Sprintf(`
import dlt
from dlt.sources.sql_database import sql_table
account = sql_table(credentials=%q, table="account", schema="public", backend="pyarrow", incremental=dlt.sources.incremental("changed"))
account.apply_hints(table_name="dlt_account", primary_key="id", write_disposition="merge")
dlt.pipeline("peers", destination=dlt.destinations.postgres(%q), dataset_name="peers", pipelines_dir=%q).run(account)
`, withPassword(w.source), withPassword(w.target), filepath.Join(w.dir, "dlt"))
	return []string{"-c", script}
}

func sling(w *workplace) []string {
	return []string{"run", "--src-conn", w.source, "--src-stream", "public.account", "--tgt-conn", w.target, "--tgt-object", "peers.sling_account",
		"--mode", "incremental", "--primary-key", "id", "--update-key", "changed"}
}

// taken is what a peer took in all turns.
type taken struct{ load, changes usage }

func (u *usage) add(v usage) {
	u.cpu, u.wall, u.peak = u.cpu+v.cpu, u.wall+v.wall, max(u.peak, v.peak)
}

// comparePeers runs all peers that are there, and prints what they took beside
// what Penstock took by the log.
func comparePeers(ctx context.Context, b *bench) error {
	var there []peer
	for _, p := range peers {
		if p.program == nil {
			p.program = func() (string, string) { return b.program, "" }
		}
		path, hint := p.program()
		if path == "" {
			fmt.Printf("%s is not there; %s would say where it is\n", p.name, hint)
			continue
		}
		p.program = func() (string, string) { return path, "" }
		there = append(there, p)
	}
	took := make([]taken, len(there))
	for turn := range peerTurns {
		if err := b.peerTurn(ctx, there, took, turn); err != nil {
			return err
		}
	}
	ours := 0
	for i, p := range there {
		if p.name == "penstock, log" {
			ours = i
		}
	}
	fmt.Printf("%-24s  %-42s  %s\n", "", "load of 1,000,000 rows", fmt.Sprintf("changes of %d rows", peerChanges*10))
	for i, p := range there {
		fmt.Printf("%-24s  %s  %s\n", p.name, beside(took[i].load, took[ours].load), beside(took[i].changes, took[ours].changes))
	}
	return nil
}

// beside writes what something took, and how many times ours that is.
func beside(u, ours usage) string {
	if u.wall == 0 {
		return fmt.Sprintf("%-42s", "failed")
	}
	return fmt.Sprintf("CPU %6.2f s ×%-5.2f %6.2f s ×%-5.2f %4.0f MB", u.cpu/peerTurns, u.cpu/ours.cpu, u.wall/peerTurns, u.wall/ours.wall, u.peak)
}

func (b *bench) peerTurn(ctx context.Context, there []peer, took []taken, turn int) error {
	w := &workplace{dir: b.path("peers" + strconv.Itoa(turn)), slot: "limit_peers"}
	if err := os.MkdirAll(w.dir, 0o755); err != nil {
		return err
	}
	var err error
	if w.source, err = b.changing(ctx, 1); err != nil {
		return err
	}
	if w.target, err = b.target(ctx, w.source); err != nil {
		return err
	}
	if err := psql(ctx, w.source, "create index on account (changed)", "create publication peers for table account"); err != nil {
		return err
	}
	for i := range there {
		if err := there[i].run(ctx, w, there[i].load, &took[i].load); err != nil {
			fmt.Printf("%s cannot load: %v\n", there[i].name, err)
			there[i].load, took[i] = nil, taken{}
		}
	}
	if err := b.change(ctx, w.source, 1, 0, "-t", "5"); err != nil {
		return err
	}
	for i := range there {
		if there[i].load != nil {
			if err := there[i].run(ctx, w, there[i].settle, &usage{}); err != nil {
				return err
			}
		}
	}
	if err := psql(ctx, w.source, "select pg_create_logical_replication_slot('limit_peers', 'pgoutput')"); err != nil {
		return err
	}
	defer func() { // the next turn's database replaces this one
		_ = psql(context.WithoutCancel(ctx), w.source, "select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = current_database() and not active")
	}()
	w.since = time.Now().UTC().Add(-time.Second).Format(time.RFC3339)
	if err := b.change(ctx, w.source, 1, 0, "-t", strconv.Itoa(peerChanges/4)); err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, "psql", "-Atq", "-d", w.source, "-c", "select pg_current_wal_lsn()").Output()
	if err != nil {
		return err
	}
	w.end = strings.TrimSpace(string(out))
	if err := psql(ctx, w.source, "select pg_logical_emit_message(false, 'bench', 'the end')", "select pg_switch_wal()"); err != nil {
		return err
	}
	for i := range there {
		if there[i].load == nil {
			continue
		}
		if err := there[i].run(ctx, w, there[i].changes, &took[i].changes); err != nil {
			fmt.Printf("%s cannot copy changes: %v\n", there[i].name, err)
			took[i].changes = usage{}
		}
	}
	return nil
}

// run runs the peer, and looks whether the copy is equal afterwards.
func (p *peer) run(ctx context.Context, w *workplace, args func(*workplace) []string, took *usage) error {
	if args == nil {
		return nil
	}
	program, _ := p.program()
	u, _, err := measure(ctx, program, args(w)...)
	if err != nil {
		return err
	}
	took.add(u)
	if p.table == "" || p.table == "peers.limit_account" {
		return nil
	}
	sum := func(db, table string) (string, error) {
		out, err := exec.CommandContext(ctx, "psql", "-Atq", "-d", db, "-c", "select count(*), sum(balance), sum(hashtext(note)::bigint) from "+table).Output()
		return string(out), err
	}
	want, err := sum(w.source, "account")
	if err != nil {
		return err
	}
	got, err := sum(w.target, p.table)
	if err == nil && got != want {
		err = fmt.Errorf("its copy is another one: %s instead of %s", strings.TrimSpace(got), strings.TrimSpace(want))
	}
	return err
}
