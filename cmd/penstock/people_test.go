package main

import (
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/fivetran/go-fivetran"

	"github.com/penstock-data/penstock/connector/fifteenfive/simulator"
)

// People are a server, a simulated 15Five that it reads, and a connection
// between that and a DuckDB file: what a client needs to see syncs that really
// run.
type people struct {
	*server
	vendor *simulator.Simulator
	file   string // of the destination
	id     string // of the connection, whose tables are in the schema people
}

func newPeople(t *testing.T, more ...string) *people {
	t.Helper()
	p := &people{vendor: simulator.New(simulator.Options{Users: 5, Seed: 1}), file: filepath.Join(t.TempDir(), "w.duckdb")}
	vendor := httptest.NewServer(p.vendor)
	t.Cleanup(vendor.Close)
	p.server = serve(t, t.TempDir(), append(more, "--endpoint", "15five="+vendor.URL)...)
	p.destination(t, "duckdb", map[string]any{"path": p.file})
	p.id = p.connectPeople(t)
	return p
}

// connectPeople makes a connection to the vendor that syncs on demand only.
func (p *people) connectPeople(t *testing.T) string {
	t.Helper()
	var d details
	p.must(t, "POST", "/v1/connections", map[string]any{
		"group_id": seedGroup, "service": "15five", "schedule_type": "manual",
		"config": map[string]any{"schema": "people", "api_key": simulator.DefaultKey},
	}, &d)
	if d.Status.SetupState != "connected" {
		t.Fatalf("the connection is %+v", d)
	}
	return d.ID
}

// client returns Fivetran's client for Go, of the server.
func (s *server) client() *fivetran.Client {
	c := fivetran.New(s.key, s.secret)
	c.BaseURL(s.base + "/v1")
	return c
}

// count returns what a query of one number says of the destination.
func (p *people) count(t *testing.T, query string) (n int) {
	t.Helper()
	db := duckWarehouse(p.file).open(t)
	defer db.Close()
	if err := db.QueryRow(query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// tables returns how many tables of a name the destination has.
func (p *people) tables(t *testing.T, name string) int {
	t.Helper()
	return p.count(t, "select count(*) from information_schema.tables where table_schema = 'people' and table_name = '"+name+"'")
}
