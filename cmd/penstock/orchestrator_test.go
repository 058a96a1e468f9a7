package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/penstock-data/penstock/connector/simulate"
)

// An orchestrator sends requests as plug-ins of other people's schedulers do:
// to paths from when connections were called connectors, with a version in
// Content-Type, POSTs without a body among them.
type orchestrator struct {
	*people
	agent string // its User-Agent
}

// do sends a request. The status must be what plug-ins take for good.
func (o orchestrator) do(t *testing.T, method, path, body string) (data map[string]any) {
	t.Helper()
	status, data := o.try(t, method, path, body)
	if status != http.StatusOK {
		t.Fatalf("%s %s: %d %v", method, path, status, data)
	}
	return data
}

func (o orchestrator) try(t *testing.T, method, path, body string) (status int, data map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, o.base+"/v1/"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body == "" {
		req.Body = nil
	}
	req.SetBasicAuth(o.key, o.secret)
	req.Header.Set("User-Agent", o.agent)
	if method != "GET" {
		req.Header.Set("Content-Type", "application/json;version=2")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var a struct {
		Code string
		Data map[string]any
	}
	if err := json.Unmarshal(raw, &a); err != nil || (a.Code == "Success") != (resp.StatusCode < 300) {
		t.Fatalf("%s %s: %d %s: %v", method, path, resp.StatusCode, raw, err)
	}
	return resp.StatusCode, a.Data
}

// A polled connection is what plug-ins look at while they wait.
type polled struct {
	succeeded, failed time.Time // zero: never
	state, setup      string
	paused            bool
	manual            bool
	again             time.Time // rescheduled for
}

func (o orchestrator) poll(t *testing.T) polled {
	t.Helper()
	c := o.do(t, "GET", "connectors/"+o.id, "")
	status := c["status"].(map[string]any)
	at := func(v any) (at time.Time) {
		if s, ok := v.(string); ok {
			var err error
			if at, err = time.Parse(time.RFC3339, s); err != nil {
				t.Fatal(err)
			}
		}
		return at
	}
	return polled{at(c["succeeded_at"]), at(c["failed_at"]), status["sync_state"].(string), status["setup_state"].(string),
		c["paused"].(bool), c["schedule_type"] == "manual", at(status["rescheduled_for"])}
}

// later returns the later of the times at which syncs succeeded and failed.
func (p polled) later() time.Time {
	if p.failed.After(p.succeeded) {
		return p.failed
	}
	return p.succeeded
}

// wait polls until a sync ended after one time.
func (o orchestrator) wait(t *testing.T, after time.Time) (p polled) {
	t.Helper()
	await(t, "a sync ends", func() bool {
		p = o.poll(t)
		return p.later().After(after)
	})
	return p
}

// TestClientAirflow is a day of the Airflow provider, fivetran-async 2.4.0: its
// hook, operator and sensor (hooks.py, operators.py, sensors.py).
func TestClientAirflow(t *testing.T) {
	o := orchestrator{newPeople(t), "airflow_provider_fivetran_async/1.0.0-airflow_version/3.3.2"}
	connector := "connectors/" + o.id
	o.do(t, "GET", "users", "") // how it tests its connection

	// By names instead of an id: the group's, then the schema's.
	groups := o.do(t, "GET", "groups/", "")["items"].([]any)
	if g := groups[0].(map[string]any); g["name"] != "Warehouse" || g["id"] != seedGroup {
		t.Fatalf("groups %v", groups)
	}
	all := o.do(t, "GET", "groups/"+seedGroup+"/connectors/", "")["items"].([]any)
	if c := all[0].(map[string]any); c["schema"] != "people" || c["id"] != o.id {
		t.Fatalf("connectors %v", all)
	}
	o.do(t, "GET", "groups/"+seedGroup, "")
	o.do(t, "GET", "destinations/"+seedGroup, "")

	// It takes over the schedule, starts a paused connection, and waits.
	o.do(t, "PATCH", connector, `{"schedule_type": "auto", "paused": true}`)
	before := o.poll(t)
	if before.setup != "connected" || before.manual || before.state != "paused" {
		t.Fatalf("before it says %+v", before)
	}
	o.do(t, "PATCH", connector, `{"schedule_type": "manual"}`)
	o.do(t, "PATCH", connector, `{"paused": false}`)
	o.do(t, "POST", connector+"/force", "")
	after := o.wait(t, before.later())
	if after.succeeded.IsZero() || !after.failed.IsZero() || !after.manual || after.paused || after.state != "scheduled" {
		t.Fatalf("after the sync it says %+v", after)
	}
	if o.tables(t, "users") != 1 {
		t.Error("nothing was copied")
	}
	o.do(t, "GET", connector+"/schemas", "")
	for _, what := range []string{"tables", "columns"} { // for OpenLineage
		if items := o.do(t, "GET", "metadata/"+connector+"/"+what, "")["items"].([]any); len(items) < 20 {
			t.Errorf("%d %s", len(items), what)
		}
	}

	t.Run("re-sync", func(t *testing.T) {
		before := o.poll(t)
		o.do(t, "POST", connector+"/resync", "")
		if p := o.wait(t, before.later()); p.later() != p.succeeded {
			t.Errorf("after the re-sync it says %+v", p)
		}
		before = o.poll(t)
		o.do(t, "POST", connector+"/resync", `{"scope": {"15five": ["users"]}}`)
		if p := o.wait(t, before.later()); p.later() != p.succeeded {
			t.Errorf("after the re-sync of a table it says %+v", p)
		}
	})

	t.Run("failure", func(t *testing.T) {
		o.vendor.Break(simulate.Fault{Status: 401, Count: -1})
		defer o.vendor.Mend()
		before := o.poll(t)
		o.do(t, "POST", connector+"/force", "")
		p := o.wait(t, before.later())
		if !p.failed.After(before.later()) || p.succeeded != before.succeeded || p.setup != "broken" {
			t.Errorf("after the sync it says %+v", p)
		}
		// The next task of the day checks first, and tests what is not connected.
		if c := o.do(t, "POST", connector+"/test", "{}"); c["status"].(map[string]any)["setup_state"] == "connected" {
			t.Errorf("the tests passed: %v", c)
		}
		o.vendor.Mend()
		if c := o.do(t, "POST", connector+"/test", "{}"); c["status"].(map[string]any)["setup_state"] != "connected" {
			t.Errorf("the tests did not pass: %v", c)
		}
	})

	t.Run("rescheduled", func(t *testing.T) {
		o.vendor.Break(simulate.Fault{Status: 429, RetryAfter: "3600", Count: -1})
		defer o.vendor.Mend()
		o.do(t, "POST", connector+"/force", "")
		var p polled
		await(t, "the sync is rescheduled", func() bool { p = o.poll(t); return p.state == "rescheduled" })
		if !p.manual || time.Until(p.again) < 30*time.Minute {
			t.Errorf("it says %+v", p)
		}
		before := o.poll(t)
		o.vendor.Mend()
		o.do(t, "POST", connector+"/force", "") // the sensor does, when the time has come
		if p := o.wait(t, before.later()); p.later() != p.succeeded || p.state != "scheduled" || !p.again.IsZero() {
			t.Errorf("after the second attempt it says %+v", p)
		}
	})
}

// TestClientDagster is what dagster-fivetran 0.29 sends for a workspace, and for
// assets that are materialised (resources.py).
func TestClientDagster(t *testing.T) {
	o := orchestrator{newPeople(t), "dagster-fivetran/1.13.27"}
	connector := "connectors/" + o.id
	for _, path := range []string{"groups", "groups/" + seedGroup + "/connectors", "destinations/" + seedGroup} {
		o.do(t, "GET", path, "")
	}
	// A connection that never synced has no schemas: it expects a 404 then.
	if status, _ := o.try(t, "GET", connector+"/schemas", ""); status != http.StatusNotFound {
		t.Errorf("schemas before the first sync: %d", status)
	}
	before := o.poll(t)
	if before.paused || before.setup != "connected" {
		t.Fatalf("before it says %+v", before)
	}
	o.do(t, "PATCH", connector, `{"schedule_type": "manual"}`)
	o.do(t, "POST", connector+"/force", "")
	p := o.wait(t, before.later())
	if p.succeeded.IsZero() || !p.succeeded.After(p.failed) {
		t.Fatalf("after the sync it says %+v", p)
	}
	schemas := o.do(t, "GET", connector+"/schemas", "")["schemas"].(map[string]any)
	if len(schemas["15five"].(map[string]any)["tables"].(map[string]any)) != 20 {
		t.Errorf("schemas %v", schemas)
	}
	for _, schema := range []string{"15five", "people"} { // by the source's names, and by the destination's
		if c := o.do(t, "GET", connector+"/schemas/"+schema+"/tables/users/columns", "")["columns"].(map[string]any); c["email"] == nil {
			t.Errorf("columns by schema %s: %v", schema, c)
		}
	}

	o.do(t, "POST", connector+"/schemas/tables/resync", `{"15five": ["users"]}`)
	if p = o.wait(t, p.later()); !p.succeeded.After(p.failed) {
		t.Errorf("after the re-sync of a table it says %+v", p)
	}
	o.do(t, "POST", connector+"/resync", "")
	if p = o.wait(t, p.later()); !p.succeeded.After(p.failed) {
		t.Errorf("after the re-sync it says %+v", p)
	}
	o.vendor.Break(simulate.Fault{Status: 401, Count: -1})
	o.do(t, "POST", connector+"/force", "")
	if p = o.wait(t, p.later()); p.succeeded.After(p.failed) {
		t.Errorf("after a failure it says %+v", p)
	}
}
