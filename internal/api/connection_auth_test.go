package api

import (
	"slices"
	"strings"
	"testing"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/setup"
)

// testAds is a service that nothing here can sync, with what a client gives to
// log in.
var testAds = connector.Service{
	ID: "google_ads", Name: "Google Ads", Kind: "Marketing", SchemaFormat: connector.FormatSchema,
	Config: setup.Describe("Google Ads", struct {
		Customer string `json:"customer_id"`
	}{}),
	Auth: setup.Describe("Google Ads", struct {
		Token  string `json:"refresh_token" secret:"true"`
		Access struct {
			ID     string `json:"client_id" secret:"true"`
			Secret string `json:"client_secret" secret:"true"`
		} `json:"client_access"`
	}{}),
	Listing: connector.Listing{Class: "lite", Status: "beta", StatusSince: "2024-01-01T00:00:00Z", Icons: []string{"https://x/a.svg", "https://x/a.png"}, Docs: "https://x/docs", ERD: "https://x/erd"},
	Absent:  &setup.Problem{Code: "no_connector", Message: "There is no connector for it."},
}

// newAdsEnv is newEnv with the service testAds.
func newAdsEnv(t *testing.T) *env {
	e := newEnv(t)
	e.handler = watch(t, New(Config{Store: e.store, Engine: e.engine, Connectors: append(slices.Clone(testConnectors), testAds), Destinations: testDestinations}))
	return e
}

// TestConnectionAuth keeps what is given beside the config, and shows none of it.
func TestConnectionAuth(t *testing.T) {
	e := newAdsEnv(t)
	g := e.group("g")
	create := func(config, more string) answer {
		return e.do("POST", "/v1/connections", `{"group_id":"`+g+`","service":"google_ads","run_setup_tests":false,"config":`+config+more+`}`)
	}
	a := create(`{"schema":"ads","customer_id":"1"}`, `,"auth":{"refresh_token":"t0","client_access":{"client_id":"i0","client_secret":"s0"}}`)
	if a.status != 201 || a.data["auth"] != nil || len(a.data["config"].(map[string]any)) != 2 {
		t.Fatalf("created %d %s", a.status, a.body)
	}
	id := a.data["id"].(string)
	kept := func(want string) {
		t.Helper()
		c, err := e.store.Connection(t.Context(), id)
		must(t, err)
		if string(c.Config) != want {
			t.Errorf("kept %s, want %s", c.Config, want)
		}
	}
	kept(`{".auth":{"refresh_token":"t0","client_access":{"client_id":"i0","client_secret":"s0"}},"schema":"ads","customer_id":"1"}`)
	e.ok("PATCH", "/v1/connections/"+id, `{"auth":{"refresh_token":"t1","client_access":{"client_secret":"******"}},"run_setup_tests":false}`)
	kept(`{".auth":{"refresh_token":"t1","client_access":{"client_id":"i0","client_secret":"s0"}},"schema":"ads","customer_id":"1"}`)
	e.ok("PATCH", "/v1/connections/"+id, `{"config":{"customer_id":"2"},"run_setup_tests":false}`)
	kept(`{".auth":{"refresh_token":"t1","client_access":{"client_id":"i0","client_secret":"s0"}},"schema":"ads","customer_id":"2"}`)
	if body := e.ok("GET", "/v1/connections/"+id, "").body; strings.Contains(body, "refresh_token") || strings.Contains(body, ".auth") {
		t.Errorf("shown: %s", body)
	}
	for _, more := range []string{`,"auth":1`, `,"auth":{"refresh_token":[]}`} {
		if a := create(`{"schema":"x"}`, more); a.status != 400 || a.code != "InvalidInput" {
			t.Errorf("%s: %d %s", more, a.status, a.body)
		}
	}
	if a := create(`[]`, `,"auth":{}`); a.status != 400 {
		t.Errorf("a config that is no object: %d %s", a.status, a.body)
	}
}

// TestConfigAsAuth gives a database's password as auth, of which databases have
// none.
func TestConfigAsAuth(t *testing.T) {
	e := newEnv(t)
	a := e.ok("POST", "/v1/connections", `{"group_id":"`+e.group("g")+`","service":"postgres","run_setup_tests":false,
		"config":{"schema_prefix":"p","host":"h"},"auth":{"password":"p0","unknown":1}}`)
	id := a.data["id"].(string)
	password := func() string {
		c, err := e.store.Connection(t.Context(), id)
		must(t, err)
		var config struct{ Password string }
		must(t, setup.Decode(c.Config, &config))
		return config.Password
	}
	if p := password(); p != "p0" || a.data["config"].(map[string]any)["password"] != "******" {
		t.Errorf("password %q, %s", p, a.body)
	}
	e.ok("PATCH", "/v1/connections/"+id, `{"auth":{"password":"p1"},"run_setup_tests":false}`)
	if p := password(); p != "p1" {
		t.Errorf("password %q", p)
	}
	if a := e.do("PATCH", "/v1/connections/"+id, `{"auth":[]}`); a.status != 400 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestAbsent is a service of which connections are only kept: a sync that is
// asked for makes why it does not come a task.
func TestAbsent(t *testing.T) {
	e := newAdsEnv(t)
	id := e.ok("POST", "/v1/connections", `{"group_id":"`+e.group("g")+`","service":"google_ads","run_setup_tests":false,"config":{"schema":"ads","customer_id":"bad"}}`).data["id"].(string)
	tests := e.engine.tests
	for _, path := range []string{"/v1/connections/" + id + "/sync", "/v1/connectors/" + id + "/force"} {
		if a := e.do("POST", path, ""); a.status != 409 || a.code != "Conflict" || a.message != testAds.Absent.Message {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	if e.engine.tests != tests+2 {
		t.Errorf("setup tests were run %d times", e.engine.tests-tests)
	}

	m := e.ok("GET", "/v1/metadata/connector-types/google_ads", "").data
	config, auth := m["config"].(map[string]any), m["auth"].(map[string]any)
	if m["connector_class"] != "lite" || m["service_status"] != "beta" || m["service_status_updated_at"] != "2024-01-01T00:00:00Z" || m["icon_url"] != "https://x/a.svg" ||
		len(m["icons"].([]any)) != 2 || m["link_to_docs"] != "https://x/docs" || m["link_to_erd"] != "https://x/erd" {
		t.Errorf("it is described as %v", m)
	}
	if config["title"] != "Google Ads config object" || at(config, "properties", ".auth") != nil || auth["title"] != "Google Ads auth object" ||
		at(auth, "properties", "client_access", "properties", "client_id", "format") != "password" {
		t.Errorf("config %v, auth %v", config, auth)
	}
	items := e.ok("GET", "/v1/metadata/connector-types", "").data["items"].([]any)
	for _, i := range items {
		if i := i.(map[string]any); i["config"] != nil || i["auth"] != nil {
			t.Errorf("in the list: %v", i)
		}
	}
}

// TestSourceNaming begins paused unless the request says otherwise, as
// go-fivetran's own tests have it (1.3.8, tests/e2e).
func TestSourceNaming(t *testing.T) {
	e := newEnv(t)
	g := e.group("g")
	for more, paused := range map[string]bool{
		`,"destination_schema_names":"SOURCE_NAMING"`:                 true,
		`,"destination_schema_names":"SOURCE_NAMING","paused":false`:  false,
		`,"destination_schema_names":"FIVETRAN_NAMING"`:               false,
		`,"destination_schema_names":"FIVETRAN_NAMING","paused":true`: true,
	} {
		a := e.ok("POST", "/v1/connections", `{"group_id":"`+g+`","service":"15five","run_setup_tests":false,"config":{"schema":"s`+strings.Repeat("x", len(more))+`"}`+more+`}`)
		if a.data["paused"] != paused {
			t.Errorf("%s: paused %v", more, a.data["paused"])
		}
	}
}
