package postgres

import (
	"encoding/json"
	"testing"

	"github.com/penstock-data/penstock/connector"
)

func TestServices(t *testing.T) {
	full := json.RawMessage(`{"host":"h","database":"d","user":"u","update_method":"XMIN"}`)
	seen := map[string]bool{}
	for _, s := range Services {
		if s.ID == "" || s.Name == "" || seen[s.ID] || seen[s.Name] {
			t.Errorf("%q, %q: it has no id or name of its own", s.ID, s.Name)
		}
		seen[s.ID], seen[s.Name] = true, true
		config, err := s.Config.Check(full)
		if err != nil {
			t.Errorf("%s: %v", s.ID, err)
			continue
		}
		src, err := s.Open(config, connector.Env{})
		if err != nil || src.(*source).usable() != nil {
			t.Errorf("%s: it is not opened: %v", s.ID, err)
		}
	}
	for _, c := range []struct {
		field string
		takes map[string]bool // by service
	}{
		{`"update_method":"WAL_PGOUTPUT"`, map[string]bool{"postgres": true, "postgres_rds": true, "heroku_postgres": false}},
		{`"auth_method":"AWS_IAM"`, map[string]bool{"postgres": true, "azure_postgres": false, "google_cloud_postgresql": false}},
	} {
		for _, s := range Services {
			_, err := s.Config.Check(json.RawMessage(`{"host":"h","database":"d","user":"u",` + c.field + `}`))
			if takes, ok := c.takes[s.ID]; ok && takes != (err == nil) {
				t.Errorf("%s, %s: %v", s.ID, c.field, err)
			}
		}
	}
}

func TestConnections(t *testing.T) {
	for allowed, want := range map[int]int{0: 2, 1: 1, 99: maxConnections} {
		src, err := open(json.RawMessage(`{}`), connector.Env{Connections: allowed})
		if err != nil {
			t.Fatal(err)
		}
		if got := src.(*source).workers; got != want {
			t.Errorf("%d allowed: %d connections, want %d", allowed, got, want)
		}
	}
}
