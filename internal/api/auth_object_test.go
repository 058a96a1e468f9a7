package api

import (
	"encoding/json"
	"testing"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/setup"
)

// What a request has beside its config as auth is kept in it, and shown by no
// response.
func TestAuthBesideConfig(t *testing.T) {
	type config struct {
		Schema string `json:"schema"`
		Auth   struct {
			Token string `json:"refresh_token" secret:"true"`
		} `json:"auth"`
	}
	all := newSources([]connector.Service{
		{ID: "with", Name: "With", SchemaFormat: connector.FormatSchema, Config: setup.Describe("With", config{})},
		{ID: "without", Name: "Without", SchemaFormat: connector.FormatSchema, Config: setup.Describe("Without", struct {
			Schema string `json:"schema"`
		}{})},
	})
	for _, c := range []struct{ service, config, auth, want, shown string }{
		{"with", `{"schema":"s"}`, `{"refresh_token":"t"}`, `{"schema":"s","auth":{"refresh_token":"t"}}`, `{"schema":"s"}`},
		{"with", ``, `{"refresh_token":"t"}`, `{"auth":{"refresh_token":"t"}}`, `{}`},
		{"with", `{"schema":"s"}`, ``, `{"schema":"s"}`, `{"schema":"s"}`},
		{"with", `{"schema":"s"}`, `null`, `{"schema":"s"}`, `{"schema":"s"}`},
		{"without", `{"schema":"s"}`, `{"refresh_token":"t"}`, `{"schema":"s"}`, `{"schema":"s"}`},
	} {
		req := &fivetran.ConnectionSettings{Config: json.RawMessage(c.config), Auth: json.RawMessage(c.auth)}
		src := all[c.service]
		must(t, src.withAuth(req))
		got, err := src.config.Normalize(req.Config)
		must(t, err)
		if string(got) != c.want {
			t.Errorf("%s %s %s: got %s, want %s", c.service, c.config, c.auth, got, c.want)
		}
		shown, err := src.wireConfig(got)
		must(t, err)
		if string(shown) != c.shown {
			t.Errorf("%s %s %s: shows %s, want %s", c.service, c.config, c.auth, shown, c.shown)
		}
	}
	if err := all["with"].withAuth(&fivetran.ConnectionSettings{Config: json.RawMessage(`[]`), Auth: json.RawMessage(`{}`)}); err == nil {
		t.Error("a config that is no object is accepted")
	}
	d := all["with"].detail
	if d.Auth == nil || d.Auth.Properties["refresh_token"].Format != "password" || d.Config.Properties["auth"] != nil || all["without"].detail.Auth != nil {
		t.Errorf("the metadata are %+v and %+v", d.Config, d.Auth)
	}
}
