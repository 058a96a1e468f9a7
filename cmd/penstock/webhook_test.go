package main

import (
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

// TestServeWebhook has a server tell a receiver on this machine, whose
// certificate its own authority has signed.
func TestServeWebhook(t *testing.T) {
	type event struct {
		Event         string
		ConnectorName string `json:"connector_name"`
	}
	told := make(chan event, 100)
	srv := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var e event
		if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
			t.Error(err)
		}
		told <- e
	}))
	defer srv.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	platforms(t, func(t *testing.T, flags []string) {
		s := serve(t, t.TempDir(), append(flags, "--outside-ca", ca, "--outside-networks", "127.0.0.0/8,::1/128")...)
		var group struct{ ID string }
		s.must(t, "POST", "/v1/groups", map[string]any{"name": "g"}, &group)
		s.must(t, "POST", "/v1/webhooks/account", map[string]any{"url": srv.URL, "events": []string{"create_connector"}}, nil)
		if e := <-told; e.Event != "test_event" {
			t.Errorf("told %+v", e)
		}
		s.must(t, "POST", "/v1/connections", map[string]any{"group_id": group.ID, "service": "postgres", "run_setup_tests": false,
			"config": map[string]any{"schema_prefix": "shop"}}, nil)
		if e := <-told; e.Event != "create_connector" || e.ConnectorName != "shop" {
			t.Errorf("told %+v", e)
		}
	})
}
