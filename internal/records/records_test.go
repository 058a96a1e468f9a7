package records

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/setup"
)

// What the program has in these tests.
var (
	have = []connector.Service{{ID: "15five", Name: "15Five", Config: setup.Describe("15Five", struct {
		Key string `json:"api_key" secret:"true"`
	}{}), Listing: connector.Listing{Class: "lite"}}}
	haveTargets = []destination.Service{{ID: "duckdb", Name: "DuckDB"}}
)

// add adds what a file with a text declares.
func add(t *testing.T, text string) ([]connector.Service, []destination.Service, error) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "records.json")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Add(name, have, haveTargets)
}

const ads = `{"connectors": [{
	"id": "ads", "name": "Ads", "type": "Marketing", "description": "Ads.", "icon_url": "u", "icons": ["v"], "link_to_erd": "e",
	"connector_class": "standard", "supported_features": [{"id": "RE_SYNC"}],
	"config": {"type": "object", "required": ["schema", "user"], "properties": {
		"schema": {"type": "string"},
		"mode": {"type": "string", "enum": ["All", "Some"], "default": "All", "title": "Mode", "description": "Which."},
		"user": {"type": "string", "immutable": true},
		"token": {"type": "string", "format": "password"},
		"accounts": {"type": "array", "items": {"type": "integer"}},
		"reports": {"type": "array", "items": {"type": "object", "required": ["table"], "properties": {"table": {"type": "string"}}}}}},
	"external_secrets_keys_config": {"type": "object", "properties": {"token": {"type": "string"}}},
	"auth": {"type": "object", "properties": {"client": {"type": "object", "properties": {"id": {"type": "string"}}}}}
}], "destinations": [{"id": "frost", "name": "Frost", "config": {"type": "object", "properties": {"port": {"type": "string", "default": "443"}}}}]}`

func TestAdd(t *testing.T) {
	sources, targets, err := add(t, ads)
	if err != nil {
		t.Fatal(err)
	}
	s, d := sources[1], targets[1]
	if s.Absent == nil || d.Absent == nil || !strings.Contains(s.Absent.Message, "no connector for Ads (ads)") || !strings.Contains(d.Absent.Message, "no destination for Frost (frost)") {
		t.Errorf("they say %v and %v", s.Absent, d.Absent)
	}
	if s.SchemaFormat != connector.FormatSchema || s.Config.Field("schema") != nil {
		t.Errorf("schema format %q, fields %v", s.SchemaFormat, s.Config.Fields)
	}
	if diff := cmp.Diff([]string{"u", "v"}, s.Icons); diff != "" || s.ERD != "e" {
		t.Error(s.ERD, diff)
	}
	config, err := s.Config.Normalize(json.RawMessage(`{"user": "me", "token": "t", "accounts": ["1", 2], "reports": [{"table": "x"}]}`))
	if want := `{"user":"me","accounts":[1,2],"mode":"All","reports":[{"table":"x"}],"token":"t"}`; err != nil || string(config) != want {
		t.Errorf("normal form %s, %v", config, err)
	}
	if shown, err := s.Config.Mask(config); err != nil || !strings.Contains(string(shown), `"token":"******"`) {
		t.Errorf("shown %s, %v", shown, err)
	}
	if !s.Config.Field("token").External || s.Config.Field("user").External {
		t.Errorf("external secrets: %+v", s.Config.Fields)
	}
	for _, bad := range []string{`{"mode": "None"}`, `{"accounts": 1}`, `{"reports": [{}]}`} {
		if _, err := s.Config.Normalize(json.RawMessage(bad)); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
	if f := s.Auth.Field("client").Fields[0]; !f.Secret {
		t.Errorf("auth can be shown: %+v", f)
	}
	if config, err := d.Config.Normalize(json.RawMessage(`{"port": 444}`)); err != nil || string(config) != `{"port":"444"}` {
		t.Errorf("destination's config %s, %v", config, err)
	}
}

// TestComplete adds to what a connector says of itself, and to nothing else.
func TestComplete(t *testing.T) {
	sources, targets, err := add(t, `{"destinations": [{"id": "duckdb", "name": "X"}], "connectors": [{"id": "15five", "name": "X", "icons": ["i"], "link_to_docs": "d", "connector_class": "standard",
		"service_status_updated_at": "2024-01-01", "config": {"type": "object", "properties": {"x": {"type": "string"}}}}]}`)
	if err != nil {
		t.Fatal(err)
	}
	want := connector.Listing{Class: "lite", StatusSince: "2024-01-01", Icons: []string{"i"}, Docs: "d"}
	if s := sources[0]; len(sources) != 1 || s.Absent != nil || s.Name != "15Five" || s.Config != have[0].Config || !cmp.Equal(s.Listing, want) {
		t.Errorf("it is %+v", s)
	}
	if len(targets) != 1 || targets[0].Name != "DuckDB" || targets[0].Absent != nil {
		t.Errorf("the destination is %+v", targets)
	}
	if !cmp.Equal(have[0].Listing, connector.Listing{Class: "lite"}) {
		t.Errorf("the program's own list has changed: %+v", have[0])
	}
}

func TestSchemaFormats(t *testing.T) {
	for _, c := range []struct {
		given, fields string
		want          connector.SchemaFormat
	}{
		{"", `"x": {"type": "string"}`, connector.FormatSchema},
		{"", `"schema": {"type": "string"}, "table": {"type": "string"}`, connector.FormatSchemaTable},
		{"", `"schema": {"type": "string"}, "table_group_name": {"type": "string"}`, connector.FormatSchemaTableGroup},
		{"", `"schema_prefix": {"type": "string"}`, connector.FormatSchemaPrefix},
		{"schema_prefix", `"table": {"type": "string"}`, connector.FormatSchemaPrefix},
	} {
		sources, _, err := add(t, `{"connectors": [{"id": "a", "schema_format": "`+c.given+`", "config": {"properties": {`+c.fields+`}}}]}`)
		if err != nil || sources[1].SchemaFormat != c.want {
			t.Errorf("%s %s: %v, want %s, %v", c.given, c.fields, sources, c.want, err)
		}
	}
}

func TestRefused(t *testing.T) {
	field := func(f string) string {
		return `{"connectors": [{"id": "a", "config": {"properties": {"f": ` + f + `}}}]}`
	}
	for text, want := range map[string]string{
		`{"connectors": [{"name": "a"}]}`:                               `connector "": a service has an id`,
		`{"connectors": [{"id": "a"}, {"id": "a"}]}`:                    `connector "a": it is declared twice`,
		`{"connectors": [{"id": "a", "schema_format": "x"}]}`:           `schema_format "x"`,
		`{"destinations": [{"id": "a"}, {"id": "a"}]}`:                  `destination "a": it is declared twice`,
		`{"connectors": 1}`:                                             `cannot unmarshal`,
		field(`{"type": "number"}`):                                     `connector "a": field f: type "number"`,
		field(`{"type": "array"}`):                                      `field f: type ""`,
		field(`{"type": "integer", "format": "password"}`):              `field f: only a string is a password`,
		field(`{"type": "integer", "default": "x"}`):                    `a default does not fit`,
		field(`{"type": "object", "properties": {"g": {"type": "?"}}}`): `field f.g: type "?"`,
	} {
		if _, _, err := add(t, text); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "records.json") {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	if _, _, err := Add(filepath.Join(t.TempDir(), "none.json"), have, haveTargets); err == nil {
		t.Error("a file that is not there is read")
	}
}
