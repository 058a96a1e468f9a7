package main

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/penstock-data/penstock/connector/fifteenfive/simulator"
)

// TestRecords keeps connections and a destination that nothing here can sync,
// and is told so wherever it asks.
func TestRecords(t *testing.T) {
	data := t.TempDir()
	s := serve(t, data, "--records", "testdata/records.json", "--records", "testdata/terraform.json")
	s.must(t, "POST", "/v1/groups", map[string]any{"name": "Ads"}, nil)
	config := map[string]any{"schema": "ads", "customer_id": "1", "reports": []any{map[string]any{"table": "t", "fields": []any{"a"}}}}
	var d details
	a := s.call(t, "POST", "/v1/connections", map[string]any{
		"group_id": seedGroup, "service": "google_ads", "config": config, "auth": map[string]any{"refresh_token": "secret-7d1"}, "sync_frequency": 5,
	})
	if err := json.Unmarshal(a.Data, &d); err != nil || a.status != http.StatusCreated {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	const why = "no connector for Google Ads (google_ads)"
	if d.Status.SetupState != "incomplete" || !says(d.Status.Tasks, why) || len(d.SetupTests) != 1 || d.SetupTests[0].Status != "FAILED" || !strings.Contains(d.SetupTests[0].Message, why) {
		t.Errorf("it is %+v", d)
	}
	if d.Config["timeframe_months"] != "TWELVE" || d.Config["customer_id"] != "1" || strings.Contains(a.raw, "secret-7d1") || strings.Contains(a.raw, "auth") {
		t.Errorf("its config is %v", d.Config)
	}
	s.must(t, "PATCH", "/v1/connections/"+d.ID, map[string]any{"config": map[string]any{"customer_id": "2"}, "run_setup_tests": false}, nil)
	if d := s.details(t, d.ID); d.Config["customer_id"] != "2" || d.Config["timeframe_months"] != "TWELVE" {
		t.Errorf("changed, its config is %v", d.Config)
	}

	var quiet details
	s.must(t, "POST", "/v1/connections", map[string]any{
		"group_id": seedGroup, "service": "itunes_connect", "config": map[string]any{"schema": "apps"}, "run_setup_tests": false, "sync_frequency": 1,
	}, &quiet)
	if len(quiet.Status.Tasks) != 0 || quiet.Status.SetupState != "incomplete" {
		t.Errorf("before anybody asks: %+v", quiet)
	}
	for _, path := range []string{"/sync", "/force"} {
		a := s.call(t, "POST", "/v1/connections/"+quiet.ID+path, nil)
		if a.status != http.StatusConflict || !strings.Contains(a.Message, "no connector for Apple App Store") {
			t.Errorf("%s: %d %s", path, a.status, a.raw)
		}
	}
	if d := s.details(t, quiet.ID); !says(d.Status.Tasks, "no connector for Apple App Store") || d.Status.SetupState != "incomplete" || d.SucceededAt != "" || d.FailedAt != "" {
		t.Errorf("after a sync was asked for: %+v", d)
	}
	if strings.Contains(s.stderr.String(), "sync started") {
		t.Errorf("a sync was started:\n%s", s.stderr.String())
	}
	s.kill()

	// Without the file they are still there, and can be deleted, not changed.
	s = serve(t, data)
	var list struct{ Items []details }
	s.must(t, "GET", "/v1/connections", nil, &list)
	got := s.details(t, d.ID)
	if len(list.Items) != 2 || len(got.Config) > 0 || got.Service != "google_ads" {
		t.Errorf("%d connections, %+v", len(list.Items), got)
	}
	for _, call := range [][2]string{{"PATCH", ""}, {"POST", "/sync"}, {"POST", "/test"}, {"POST", "/schemas/reload"}} {
		a := s.call(t, call[0], "/v1/connections/"+d.ID+call[1], map[string]any{"paused": true})
		if a.status != http.StatusConflict || !strings.Contains(a.raw, "no connector for service 'google_ads'") {
			t.Errorf("%s %s: %d %s", call[0], call[1], a.status, a.raw)
		}
	}
	s.must(t, "DELETE", "/v1/connections/"+d.ID, nil, nil)
}

// TestRecordedDestination has a connection that could sync into a destination
// which cannot take it.
func TestRecordedDestination(t *testing.T) {
	p := newPeople(t, "--records", "testdata/records.json")
	var group struct{ ID string }
	p.must(t, "POST", "/v1/groups", map[string]any{"name": "Frost"}, &group)
	var made struct {
		SetupStatus string `json:"setup_status"`
		Config      map[string]any
	}
	p.must(t, "POST", "/v1/destinations", map[string]any{
		"group_id": group.ID, "service": "snowflake", "time_zone_offset": "0", "config": map[string]any{"host": "h", "port": 444, "database": "d", "user": "u", "password": "p"},
	}, &made)
	if made.SetupStatus != "incomplete" || made.Config["port"] != "444" || made.Config["password"] != "******" {
		t.Errorf("the destination is %+v", made)
	}
	var d details
	p.must(t, "POST", "/v1/connections", map[string]any{
		"group_id": group.ID, "service": "15five", "schedule_type": "manual", "config": map[string]any{"schema": "x", "api_key": "k"}, "run_setup_tests": false,
	}, &d)
	p.must(t, "PATCH", "/v1/connections/"+d.ID, map[string]any{"config": map[string]any{"api_key": simulator.DefaultKey}}, nil)
	if d := p.fails(t, d.ID); d.Status.SetupState != "broken" || !says(d.Status.Tasks, "no destination for Snowflake (snowflake)") {
		t.Errorf("after the sync it says %+v", d)
	}
}

// TestRecordsRefused starts no server with a file that is wrong.
func TestRecordsRefused(t *testing.T) {
	p := launch(t, exec.Command(os.Args[0], serveArgs(t, t.TempDir(), "--records", "testdata/none.json")...), nil)
	if code := p.code(t); code == 0 || !strings.Contains(p.stderr.String(), "none.json") {
		t.Errorf("it ended with %d and %s", code, p.stderr.String())
	}
}
