package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestServeLogs has a server ship to a log service on this machine.
func TestServeLogs(t *testing.T) {
	told := make(chan string, 100)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var push struct {
			Streams []struct{ Values [][2]string }
		}
		if err := json.NewDecoder(r.Body).Decode(&push); err != nil {
			t.Error(err)
		}
		for _, s := range push.Streams {
			for _, v := range s.Values {
				var e struct{ Event string }
				if err := json.Unmarshal([]byte(v[1]), &e); err != nil {
					t.Error(err)
				}
				told <- e.Event
			}
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	defer srv.Close()
	platforms(t, func(t *testing.T, flags []string) {
		s := serve(t, t.TempDir(), append(flags, "--outside-networks", "127.0.0.0/8,::1/128")...)
		var group struct{ ID string }
		s.must(t, "POST", "/v1/groups", map[string]any{"name": "g"}, &group)
		s.must(t, "POST", "/v1/external-logging", map[string]any{"group_id": group.ID, "service": "grafana_loki", "run_setup_tests": true,
			"config": map[string]any{"loki_url": srv.URL}}, nil)
		if e := <-told; e != "test_event" {
			t.Errorf("told %s", e)
		}
		s.must(t, "POST", "/v1/connections", map[string]any{"group_id": group.ID, "service": "postgres", "run_setup_tests": false,
			"config": map[string]any{"schema_prefix": "shop"}}, nil)
		if e := <-told; e != "create_connector" {
			t.Errorf("told %s", e)
		}
	})
}
