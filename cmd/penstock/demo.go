package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/penstock-data/penstock/connector/all"
	"github.com/penstock-data/penstock/connector/fifteenfive/simulator"
	"github.com/penstock-data/penstock/connector/sample"
)

type demoCmd struct {
	Data   string `help:"Folder for everything the demonstration makes. Default: a fresh one." placeholder:"DIR"`
	Listen string `default:"127.0.0.1:0" help:"Address to serve on." placeholder:"ADDR"`
	Exit   bool   `help:"End when the data have landed, instead of serving on."`

	outward
}

// Run starts a simulated vendor and the platform, and then does what a person
// would do with curl: a group, a destination, two connections, and a look at
// what became of them.
func (c *demoCmd) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if c.Data == "" {
		dir, err := os.MkdirTemp("", "penstock-demo-")
		if err != nil {
			return err
		}
		c.Data = dir
	}
	vendor, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	sim := simulator.New(simulator.Options{Users: 50, Seed: 1})
	go func() { _ = sim.Serve(ctx, vendor) }() // its end is the demonstration's

	serve := serveCmd{outward: c.outward, Data: filepath.Join(c.Data, "platform"), Syncs: 2, LogFormat: "text", LogLevel: slog.LevelWarn}
	serve.Endpoint = maps.Clone(c.Endpoint)
	if serve.Endpoint == nil {
		serve.Endpoint = map[string]string{}
	}
	serve.Endpoint["15five"] = endpointOf(vendor)
	p, err := serve.open(ctx, append(slices.Clone(all.Services), sample.Service))
	if err != nil {
		return err
	}
	defer p.close()
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- p.serve(ctx, l) }()

	d := &demo{client: client{URL: endpointOf(l), Key: p.key, Secret: p.secret}, file: filepath.Join(c.Data, "warehouse.duckdb")}
	if err := d.show(ctx); err != nil {
		return err
	}
	if !c.Exit {
		fmt.Printf("\nServing on %s until Ctrl-C. Look around:\n\n  %s\n  curl -u %s:%s %s/v1/connections\n", d.URL, d.URL+p.link, d.Key, d.Secret, d.URL)
		<-ctx.Done()
	}
	stop()
	return <-served
}

// A demo is a client of the platform's own API.
type demo struct {
	client
	file string // of the destination
}

func (d *demo) show(ctx context.Context) error {
	var group, destination struct{ ID string }
	if err := d.call(ctx, "POST", "/v1/groups", map[string]any{"name": "Demo"}, &group); err != nil {
		return err
	}
	fmt.Printf("made the group %s\n", group.ID)
	if err := d.call(ctx, "POST", "/v1/destinations", map[string]any{
		"group_id": group.ID, "service": "duckdb", "time_zone_offset": "0", "config": map[string]any{"path": d.file},
	}, &destination); err != nil {
		return err
	}
	fmt.Printf("made its destination, the DuckDB file %s\n", d.file)
	sources := []struct {
		service string
		config  map[string]any
	}{
		{"15five", map[string]any{"schema": "people", "api_key": simulator.DefaultKey}},
		{"sample", map[string]any{"schema_prefix": "db", "opened_at": time.Now().UTC().Format(time.RFC3339)}},
	}
	var ids []string
	for _, s := range sources {
		var conn connectionDetails
		if err := d.call(ctx, "POST", "/v1/connections", map[string]any{
			"group_id": group.ID, "service": s.service, "config": s.config, "sync_frequency": 5,
		}, &conn); err != nil {
			return err
		}
		fmt.Printf("made the connection %s (%s): setup %s\n", conn.ID, s.service, conn.Status.SetupState)
		ids = append(ids, conn.ID)
	}
	for _, id := range ids {
		if err := d.follow(ctx, id); err != nil {
			return err
		}
	}
	var raw json.RawMessage
	if err := d.call(ctx, "GET", "/v1/connections/"+ids[0], nil, &raw); err != nil {
		return err
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, raw, "  ", "  "); err != nil {
		return err
	}
	fmt.Printf("\nGET /v1/connections/%s says:\n\n  %s\n\nWhat landed:\n\n", ids[0], pretty.String())
	for tick := time.NewTicker(100 * time.Millisecond); ; <-tick.C {
		err := d.landed(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		busy, e := d.syncing(ctx, ids) // the next sync has the file already
		if e != nil || !busy {
			return err
		}
	}
}

// syncing reports whether a sync of one of the connections is running.
func (d *demo) syncing(ctx context.Context, ids []string) (bool, error) {
	for _, id := range ids {
		var c connectionDetails
		if err := d.call(ctx, "GET", "/v1/connections/"+id, nil, &c); err != nil {
			return false, err
		}
		if c.Status.SyncState == "syncing" {
			return true, nil
		}
	}
	return false, nil
}

type connectionDetails struct {
	ID          string
	Service     string
	SucceededAt string `json:"succeeded_at"`
	FailedAt    string `json:"failed_at"`
	Status      struct {
		SetupState string `json:"setup_state"`
		SyncState  string `json:"sync_state"`
		Tasks      []struct{ Message string }
	}
}

// follow shows a connection's states until its first sync has ended.
func (d *demo) follow(ctx context.Context, id string) error {
	shown := ""
	for tick := time.NewTicker(100 * time.Millisecond); ; {
		var c connectionDetails
		if err := d.call(ctx, "GET", "/v1/connections/"+id, nil, &c); err != nil {
			return err
		}
		if c.Status.SyncState != shown {
			shown = c.Status.SyncState
			fmt.Printf("%s %s: %s\n", time.Now().Format("15:04:05.0"), id, shown)
		}
		switch {
		case c.FailedAt != "":
			return fmt.Errorf("connection %s failed: %v", id, c.Status.Tasks)
		case c.SucceededAt != "":
			fmt.Printf("%s %s: its first sync has succeeded\n", time.Now().Format("15:04:05.0"), id)
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// landed counts the rows of each table in the file: it is free between syncs.
func (d *demo) landed(ctx context.Context) error {
	db, err := sql.Open("duckdb", d.file+"?access_mode=read_only")
	if err != nil {
		return err
	}
	defer db.Close()
	rows, err := db.QueryContext(ctx, `select table_schema || '.' || table_name from information_schema.tables
		where table_schema not in ('main', 'information_schema') order by 1`)
	if err != nil {
		return err
	}
	defer rows.Close()
	var tables []string
	for rows.Next() {
		var t string
		if err := rows.Scan(&t); err != nil {
			return err
		}
		tables = append(tables, t)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, t := range tables {
		var n int64
		if err := db.QueryRowContext(ctx, `select count(*) from `+quoteDotted(t)).Scan(&n); err != nil {
			return err
		}
		fmt.Printf("  %-40s %8d rows\n", t, n)
	}
	return nil
}

func quoteDotted(name string) string {
	schema, table, _ := bytes.Cut([]byte(name), []byte("."))
	return fmt.Sprintf("%q.%q", schema, table)
}
