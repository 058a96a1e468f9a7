package main

import (
	"database/sql"
	"encoding/json"
	"math"
	"net/http/httptest"
	"path/filepath"
	"strconv"
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
	c.into(t, service, "duckdb", map[string]any{"path": c.file})
	return c
}

// into starts a server and connects the organization to a destination.
func (c *crm) into(t *testing.T, service, destination string, config map[string]any) {
	t.Helper()
	vendor := httptest.NewServer(c.sim)
	t.Cleanup(vendor.Close)
	c.server = serve(t, t.TempDir(), "--endpoint", service+"="+vendor.URL, "--memory", "512MiB")
	c.destination(t, destination, config)
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

// TestSalesforceFormulas runs the SQL of formulas over what a sync left in a
// destination: it comes to what the organization's own formula fields do, also
// after it has changed.
func TestSalesforceFormulas(t *testing.T) {
	eachWarehouse(t, func(t *testing.T, w warehouse) {
		c := &crm{sim: simulator.New(simulator.Options{Rows: map[string]int{"Invoice__c": 400}})}
		if path, ok := strings.CutPrefix(w.url, "duckdb:"); ok {
			c.into(t, "salesforce", "duckdb", map[string]any{"path": path})
		} else {
			c.into(t, "salesforce", "postgres_warehouse", databaseConfig(t, w.url))
		}
		c.succeeds(t, c.id)
		c.formulas(t, w)
		c.sim.Advance(time.Hour)
		for i, id := range c.sim.IDs("Invoice__c", false) {
			if i%7 == 0 {
				if err := c.sim.Update("Invoice__c", id, simulator.Values{"Due__c": "2026-02-28", "Exact__c": "1000.5050"}); err != nil {
					t.Fatal(err)
				}
			}
		}
		for i, id := range c.sim.IDs("Account", false) {
			var err error
			switch i % 5 {
			case 0:
				err = c.sim.Update("Account", id, simulator.Values{"Name": "Renamed"})
			case 1:
				err = c.sim.Delete("Account", id)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		c.sim.Advance(time.Hour)
		c.succeeds(t, c.id)
		c.formulas(t, w)
	})
}

// formulas compares the columns of a model with the organization's fields, and
// each formula's own SQL with the model.
func (c *crm) formulas(t *testing.T, w warehouse) {
	t.Helper()
	db := w.open(t)
	defer db.Close()
	text := func(query string) (s string) {
		if err := db.QueryRow(query).Scan(&s); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		return s
	}
	model := text("select model from crm.fivetran_formula_model where object = 'invoice_c' and not _fivetran_deleted")
	fields := []string{"Total__c", "Label__c", "Customer__c", "Share__c", "Is_Large__c", "Days_Late__c", "Weekday__c", "Next_Due__c", "Link__c"}
	values := 0
	for _, f := range fields {
		column := schema.ApplicationNaming.Column(f)
		rows, err := db.Query("select id, cast(" + column + " as text) from (" + model + ") m where not _fivetran_deleted")
		if err != nil {
			t.Fatalf("%v\n%s", err, model)
		}
		for rows.Next() {
			var id string
			var got sql.NullString
			if err := rows.Scan(&id, &got); err != nil {
				t.Fatal(err)
			}
			want, ok := c.sim.Value("Invoice__c", id, f)
			if got.Valid != ok || ok && !alike(got.String, want) {
				t.Errorf("%s of %s is %q, in the organization %q", f, id, got.String, want)
			}
			values++
		}
		if err := rows.Err(); err != nil {
			t.Fatalf("%s: %v\n%s", f, err, model)
		}
		from := "select coalesce(view_sql, 'select id, (' || sql || ') as " + column + " from crm.invoice_c') from crm.fivetran_formula where object = 'invoice_c' and field = '" + column + "'"
		differ := "select count(*) from (" + text(from) + ") a join (" + model + ") b on a.id = b.id where a." + column + " is distinct from b." + column
		if n := count(t, db, differ); n > 0 {
			t.Errorf("%s: %d values of the formula's own SQL differ from the model's", f, n)
		}
	}
	if want := len(fields) * c.sim.Count("Invoice__c"); values != want {
		t.Errorf("%d values were compared, not %d", values, want)
	}
	if got := text("select failure_reason || ': ' || message from crm.fivetran_formula_failure_reason where object = 'invoice_c' and field = 'limit_c'"); got != "UNSUPPORTED_REFERENCE: $Setup is not translated: it is in no table." {
		t.Error(got)
	}
	if n := count(t, db, "select count(*) from crm.fivetran_formula where field = 'limit_c' and sql is null and view_sql is null"); n != 1 {
		t.Errorf("%d rows about a formula that has no SQL", n)
	}
}

// alike compares texts, of numbers by what they mean.
func alike(a, b string) bool {
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	return a == b || errX == nil && errY == nil && math.Abs(x-y) <= 1e-9*math.Abs(y)
}
