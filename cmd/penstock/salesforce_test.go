package main

import (
	"database/sql"
	"encoding/json"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock-data/penstock/connector/salesforce/simulator"
	"github.com/penstock-data/penstock/schema"
)

// A crm is an organization and the server that copies it.
type crm struct {
	*server
	sim  *simulator.Simulator
	file string // of the warehouse
	id   string // of the connection
}

// TestSalesforce is the way of an organization into a warehouse, by the API: a
// group, a connection, the first sync, changes and deletes, a quota that is
// used up, and what is there afterwards.
func TestSalesforce(t *testing.T) {
	for _, service := range []string{"salesforce", "salesforce_sandbox"} {
		t.Run(service, func(t *testing.T) {
			c := newCRM(t, service)
			c.succeeds(t, c.id)
			c.schemas(t)
			c.equal(t)

			c.live(t)
			c.succeeds(t, c.id)
			c.equal(t)

			c.live(t)
			c.sim.SetUsage(93_000)
			before := c.sim.Requests("query")
			c.must(t, "POST", "/v1/connections/"+c.id+"/sync", nil, nil)
			c.rescheduled(t)
			if n := c.sim.Requests("query") - before; n > 0 {
				t.Errorf("%d queries although the quota is used up", n)
			}
			c.sim.SetUsage(0)
			c.succeeds(t, c.id)
			c.equal(t)

			// The quota is used up in the middle: by the login, which does not
			// count, the descriptions, and some tables.
			c.live(t)
			c.sim.SetUsage(89_996)
			c.must(t, "POST", "/v1/connections/"+c.id+"/sync", nil, nil)
			c.rescheduled(t)
			c.sim.SetUsage(0)
			c.succeeds(t, c.id)
			c.equal(t)
			if n := c.sim.Jobs(); n > 0 {
				t.Errorf("%d jobs of Bulk API were left behind", n)
			}
			for _, secret := range []string{simulator.DefaultClientSecret, simulator.DefaultRefreshToken, c.sim.RefreshToken()} {
				if strings.Contains(c.stderr.String()+c.stdout.String(), secret) {
					t.Error("a secret is in the log")
				}
			}
		})
	}
}

func newCRM(t *testing.T, service string) *crm {
	c := &crm{sim: simulator.New(simulator.Options{RotateTokens: true, Rows: map[string]int{"Account": 4500, "Contact": 12_000}}), file: filepath.Join(t.TempDir(), "w.duckdb")}
	vendor := httptest.NewServer(c.sim)
	t.Cleanup(vendor.Close)
	c.server = serve(t, t.TempDir(), "--endpoint", service+"="+vendor.URL, "--memory", "512MiB")
	c.destination(t, "duckdb", map[string]any{"path": c.file})
	a := c.call(t, "POST", "/v1/connections", map[string]any{
		"group_id": seedGroup, "service": service, "schedule_type": "manual", "config": map[string]any{"schema": "crm", "api_usage_limit": 90},
		"auth": map[string]any{
			"client_access": map[string]any{"client_id": simulator.DefaultClientID, "client_secret": simulator.DefaultClientSecret},
			"refresh_token": simulator.DefaultRefreshToken,
		},
	})
	var d details
	if err := json.Unmarshal(a.Data, &d); err != nil || a.status != 201 || d.Status.SetupState != "connected" {
		t.Fatalf("the connection: %d %s", a.status, a.raw)
	}
	for _, secret := range []string{simulator.DefaultClientSecret, simulator.DefaultRefreshToken, `"auth"`} {
		if strings.Contains(a.raw, secret) {
			t.Errorf("%s is in %s", secret, a.raw)
		}
	}
	if d.Config["connecting_user"] != simulator.DefaultUsername || d.Config["connecting_user_email"] != simulator.DefaultUsername ||
		d.Config["organization_id"] != simulator.OrganizationID || d.Config["connection_type"] != "Directly" {
		t.Errorf("the config is %v", d.Config)
	}
	c.id = d.ID
	return c
}

// schemas looks at the one schema of the source, which is called salesforce
// whatever the destination's is.
func (c *crm) schemas(t *testing.T) {
	t.Helper()
	var got struct {
		Schemas map[string]struct {
			Name   string `json:"name_in_destination"`
			Tables map[string]struct {
				Name string `json:"name_in_destination"`
			}
		}
	}
	c.must(t, "GET", "/v1/connections/"+c.id+"/schemas", nil, &got)
	s, ok := got.Schemas["salesforce"]
	if !ok || len(got.Schemas) != 1 || s.Name != "crm" || s.Tables["OpportunityLineItem"].Name != "opportunity_line_item" || s.Tables["Product2"].Name != "product_2" {
		t.Errorf("the schemas are %+v", got)
	}
}

// live changes the organization.
func (c *crm) live(t *testing.T) {
	t.Helper()
	c.sim.Advance(25 * time.Hour)
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, object := range []string{"Account", "Contact", "Opportunity", "User", "UserRole"} {
		ids := c.sim.IDs(object, false)
		must(c.sim.Update(object, ids[0], nil))
		_, err := c.sim.Insert(object, nil)
		must(err)
		if object != "User" {
			must(c.sim.Delete(object, ids[len(ids)/2]))
		}
	}
	c.sim.Advance(time.Hour)
}

// rescheduled waits until the sync has been put off for an hour.
func (c *crm) rescheduled(t *testing.T) {
	t.Helper()
	var d struct {
		Status struct {
			SyncState      string    `json:"sync_state"`
			RescheduledFor time.Time `json:"rescheduled_for"`
		}
	}
	await(t, "the sync is rescheduled", func() bool {
		c.must(t, "GET", "/v1/connections/"+c.id, nil, &d)
		return d.Status.SyncState == "rescheduled"
	})
	if wait := time.Until(d.Status.RescheduledFor); wait < 50*time.Minute || wait > time.Hour {
		t.Errorf("it goes on in %v", wait)
	}
}

// equal compares what the warehouse has with what the organization has.
func (c *crm) equal(t *testing.T) {
	t.Helper()
	db := duckWarehouse(c.file).open(t)
	defer db.Close()
	for _, object := range c.sim.Names() {
		if strings.HasSuffix(object, "ChangeEvent") {
			continue
		}
		table := "crm." + schema.ApplicationNaming.Table(object)
		if got, want := count(t, db, "select count(*) from "+table+" where not _fivetran_deleted"), c.sim.Count(object); got != want {
			t.Errorf("%s: %d rows, the organization has %d", table, got, want)
		}
	}
	for _, object := range []string{"Account", "Contact", "Opportunity"} {
		table := "crm." + schema.ApplicationNaming.Table(object)
		deleted := len(c.sim.IDs(object, true)) - c.sim.Count(object)
		if got := count(t, db, "select count(*) from "+table+" where is_deleted and _fivetran_deleted"); got != deleted {
			t.Errorf("%s: %d rows are deleted, in the organization %d", table, got, deleted)
		}
	}
	if n := count(t, db, "select count(*) from crm.fivetran_api_call where uri like '%jobs%'"); n > 0 {
		t.Errorf("%d calls of the first sync were recorded", n)
	}
}

func count(t *testing.T, db *sql.DB, query string) (n int) {
	t.Helper()
	if err := db.QueryRow(query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}
