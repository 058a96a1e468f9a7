package web

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"errors"
	"html"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/internal/api"
	"github.com/penstock-data/penstock/internal/engine"
	"github.com/penstock-data/penstock/internal/runner"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/setup"
)

// vaultConfig has a field of each kind.
type vaultConfig struct {
	Host     string   `json:"host" title:"Host" required:"true"`
	Port     int      `json:"port" title:"Port" default:"7"`
	Way      string   `json:"auth_method" title:"Login" enum:"PASSWORD,KEY" default:"PASSWORD"`
	Password string   `json:"password" title:"Password" secret:"true" when:"auth_method=PASSWORD"`
	Key      string   `json:"private_key" title:"Key" secret:"true" when:"auth_method=KEY"`
	Fast     bool     `json:"fast" title:"Fast" default:"true"`
	Names    []string `json:"names" title:"Names"`
	Note     string   `json:"note" title:"Note"`
	Doors    []struct {
		Name string `json:"name" title:"Door" required:"true"`
		Code string `json:"code" title:"Code" secret:"true"`
	} `json:"doors" title:"Doors"`
	Auth struct {
		Access struct {
			ID     string `json:"client_id" title:"Client id"`
			Secret string `json:"client_secret" title:"Client secret" secret:"true"`
		} `json:"client_access" title:"Client"`
		Refresh string `json:"refresh_token" title:"Refresh token" secret:"true"`
	} `json:"auth" title:"Login"`
	Owner string `json:"owner" title:"Owner" readonly:"true"`
}

var vaultFields = setup.Describe("Vault", vaultConfig{}).Fields

func TestForm(t *testing.T) {
	form := func(pairs ...string) url.Values {
		v := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			v.Add(pairs[i], pairs[i+1])
			v.Set(pairs[i]+"!", v.Get(pairs[i]+"!"))
		}
		return v
	}
	kept := form("config.doors.0.name", "front", "config.doors.0.code", "")
	kept.Set("config.doors.0!", "")
	kept.Set("config.doors.0.code!", "kept")
	kept.Set("config.doors.1!", "")
	kept.Set("config.doors.1.name!", "")
	for _, tt := range []struct {
		name    string
		entered url.Values
		exists  bool
		want    string
	}{
		{"new", form("config.host", " h ", "config.port", "8", "config.password", "p", "config.note", ""), false, `{"doors":[],"host":"h","password":"p","port":"8"}`},
		{"changed", form("config.host", "h", "config.port", "", "config.password", "", "config.note", ""), true, `{"doors":[],"host":"h","note":null,"port":null}`},
		{"unchecked", form("config.fast!", ""), true, `{"doors":[],"fast":false}`},
		{"lines", form("config.names", "a\r\n\n b \n"), false, `{"doors":[],"names":["a","b"]}`},
		{"nested", form("config.auth.client_access.client_id", "i", "config.auth.client_access.client_secret", "", "config.auth.refresh_token", ""), true, `{"auth":{"client_access":{"client_id":"i"}},"doors":[]}`},
		{"auth", form("config.auth.client_access.client_id", "", "config.auth.refresh_token", "r"), true, `{"auth":{"refresh_token":"r"},"doors":[]}`},
		{"rows", kept, true, `{"doors":[{"code":"******","name":"front"}]}`},
		{"readonly and unknown", form("config.owner", "me", "config.nothing", "x"), true, `{"doors":[]}`},
		{"many lines", form("config.private_key", "-----BEGIN\nx\n-----END\n"), true, `{"doors":[],"private_key":"-----BEGIN\nx\n-----END"}`},
	} {
		if got := string(encode(readForm(vaultFields, tt.entered, tt.exists))); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestFormErrors(t *testing.T) {
	config := rawJSON(`{"doors":[{"name":"front","code":"******"}]}`)
	for _, tt := range []struct{ said, field, want string }{
		{"Field 'host' is required", "config.host", "Host is required"},
		{"Invalid 'config' object: field 'port' is an integer", "config.port", "Port is an integer"},
		{"Invalid 'config' object: field 'doors[0].code' is a string", "config.doors.0.code", "Code is a string"},
		{"Invalid 'config' object: field 'auth.client_access.client_id' is a string", "config.auth.client_access.client_id", "Client id is a string"},
		{"Field 'group_id' is required", "", "Field 'group_id' is required"},
		{"No such thing", "", "No such thing"},
	} {
		f := newForm(vaultFields, config, true)
		f.refuse(errors.New(tt.said))
		got := f.Error
		if tt.field != "" {
			got = find(f.Fields, tt.field).Error
		}
		if got != tt.want || (len(f.Wrong()) > 0) != (tt.field != "") {
			t.Errorf("%s: got %q", tt.said, got)
		}
	}
}

// A vault is a source whose setup tests do as its config says.
type vault struct{ config vaultConfig }

func (s vault) Test(ctx context.Context) []setup.TestResult {
	results := setup.NewResults(ctx)
	results.Add(setup.TestResult{Title: "Reach the vault", Status: setup.Passed})
	if s.config.Password != "swordfish" && s.config.Auth.Refresh == "" {
		return results.Add(setup.TestResult{Title: "Log in", Status: setup.Failed, Message: "The password is wrong."})
	}
	return results.Add(setup.TestResult{Title: "Log in", Status: setup.Passed})
}

func (vault) Close() error { return nil }

// certified is a vault whose certificate somebody has to approve first.
type certified struct {
	connector.Source
	env  connector.Env
	cert setup.Certificate
}

func (s certified) Test(ctx context.Context) []setup.TestResult {
	if s.env.Trusts == nil || !s.env.Trusts(s.cert.Hash) {
		return []setup.TestResult{{Title: "Certificate", Status: setup.Failed, Message: "Nobody vouches for it.", Certificate: &s.cert}}
	}
	return s.Source.Test(ctx)
}

type closing struct {
	connector.Source
	vault
}

func (c closing) Test(ctx context.Context) []setup.TestResult { return c.vault.Test(ctx) }
func (c closing) Close() error                                { return nil }

// realSite is a site over the real API, with a vault to connect to and another
// to write to.
func realSite(t *testing.T, change ...func(*Config)) *site {
	t.Helper()
	s := newSite(t)
	cert := certificate(t)
	config := setup.Describe("Vault", vaultConfig{})
	open := func(raw json.RawMessage, env connector.Env) (connector.Source, error) {
		var c vaultConfig
		err := json.Unmarshal(raw, &c)
		var src connector.Source = closing{vault: vault{c}}
		switch c.Host {
		case "certified":
			src = certified{src, env, cert}
		case "logged":
			src = logged{src}
		}
		return src, err
	}
	sources := []connector.Service{
		{ID: "vault", Name: "Vault", Kind: "Database", Description: "Keeps gold.", SchemaFormat: connector.FormatSchema, Config: config, Open: open},
		{ID: "salesforce", Name: "Salesforce", Kind: "Sales", SchemaFormat: connector.FormatSchema, Config: config, Open: open},
	}
	targets := []destination.Service{{ID: "duckdb", Name: "DuckDB", MaxName: 255, Config: cellarConfig,
		Open: func(json.RawMessage, destination.Env) (destination.Destination, error) { return cellar{}, nil }}}
	r := runner.New(runner.Config{Store: s.store, Connectors: sources, Destinations: targets})
	rest := api.New(api.Config{Store: s.store, Engine: engine.New(engine.Config{Store: s.store, Runner: r}), Connectors: sources, Destinations: targets})
	s.api.Handle("/v1/", s.watched(rest))
	s.config.Connectors, s.config.Destinations = sources, targets
	for _, f := range change {
		f(&s.config)
	}
	s.start()
	return s
}

var cellarConfig = setup.Describe("DuckDB", struct {
	Path string `json:"path" title:"File" required:"true"`
}{})

type cellar struct{ destination.Destination }

func (cellar) Test(context.Context) []setup.TestResult {
	return []setup.TestResult{{Title: "Cellar opens", Status: setup.Passed}}
}

// watched keeps what is sent, and puts auth into the config, where the vault has
// it.
func (s *site) watched(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		must(s.t, err)
		s.mu.Lock()
		s.sent = append(s.sent, r.Method+" "+r.URL.Path+" "+strings.TrimSpace(string(body)))
		s.mu.Unlock()
		if request := object(body); request[authField] != nil {
			body = encode(map[string]map[string]rawJSON{"config": {authField: request[authField]}})
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		next.ServeHTTP(w, r)
	})
}

func (s *site) lastSent(prefix string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(s.sent) - 1; i >= 0; i-- {
		if strings.HasPrefix(s.sent[i], prefix) {
			return s.sent[i]
		}
	}
	return ""
}

func certificate(t *testing.T) setup.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	c := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "vault.example"}, NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	must(t, err)
	sum := sha256.Sum256(der)
	return setup.Certificate{Hash: base64.StdEncoding.EncodeToString(sum[:]), Subject: "CN=vault.example", DER: der}
}

// entries is a form of a vault with some fields filled in, and all others as the
// page has them.
func entries(pairs ...string) url.Values {
	v := url.Values{"config.port": {"7"}, "config.auth_method": {"PASSWORD"}, "config.fast": {"true"}, "group": {"new"}, "group_name": {"gold"}}
	for _, f := range []string{"schema", "host", "port", "auth_method", "password", "private_key", "fast", "names", "note"} {
		v.Set("config."+f+"!", "")
	}
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v
}

// tested asks for how the tests at an address stand until they have ended.
func (b *browser) tested(path string) string {
	b.site.t.Helper()
	for {
		if _, _, body := b.part(path); !strings.Contains(body, "hx-get") {
			return body
		}
	}
}

func TestNewConnection(t *testing.T) {
	s := realSite(t)
	b := s.signedIn()
	if _, _, body := b.do("GET", "/new/connection", nil); !strings.Contains(body, "Keeps gold") || !strings.Contains(body, "Make a destination first") {
		t.Error(body)
	}
	if _, _, body := b.do("GET", "/new/connection?q=forc", nil); strings.Contains(body, "Keeps gold") || !strings.Contains(body, "Salesforce") {
		t.Error(body)
	}
	if status, _, _ := b.do("GET", "/new/connection/nothing", nil); status != 404 {
		t.Errorf("a service that is none: %d", status)
	}
	_, _, body := b.do("GET", "/new/connection/vault", nil)
	for _, want := range []string{`name="config.schema"`, `type="password"`, `class="field when-auth_method-KEY"`, `<textarea id="config.private_key"`, `<option value="PASSWORD" selected>Password`, `/style/`} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in\n%s", want, body)
		}
	}
	status, _, body := b.do("POST", "/new/connection/vault", entries("config.schema", "s", "config.host", "h", "config.port", "seven", "config.password", "<fish>"))
	if status != 400 || !strings.Contains(body, "Port is an integer") || !strings.Contains(body, `value="seven"`) || strings.Contains(body, "fish") || !strings.Contains(body, "enter them once more") {
		t.Errorf("%d\n%s", status, body)
	}
	for _, sent := range []string{"POST /v1/groups", "DELETE /v1/groups/"} { // what the form was refused for leaves nothing behind
		if s.lastSent(sent) == "" {
			t.Errorf("no %s", sent)
		}
	}
	must(t, s.store.CreateGroup(t.Context(), &store.Group{AccountID: s.user.AccountID, Name: "gold"}))
	if status, _, body := b.do("POST", "/new/connection/vault", entries("config.schema", "s", "config.host", "h", "group_name", "gold")); status != 400 || !strings.Contains(body, "gold") {
		t.Errorf("a group that is there already: %d\n%s", status, body)
	}
	status, at, body := b.do("POST", "/new/connection/vault", entries("config.schema", "s", "config.host", "h", "config.password", "wrong", "group_name", "silver"))
	if status != 200 || !strings.HasSuffix(at, "/setup") || strings.Contains(body, `"wrong"`) {
		t.Fatalf("%d %s\n%s", status, at, body)
	}
	if part := b.tested(at + "/tests"); !strings.Contains(part, "The password is wrong.") || strings.Contains(part, ">Choose tables</a>") {
		t.Error(part)
	}
	if status, _, body := b.do("POST", at, entries("config.host", "")); status != 400 || !strings.Contains(body, "Host is required") {
		t.Errorf("%d\n%s", status, body)
	}
	if _, _, body := b.do("POST", at, entries("config.host", "h", "config.password", "swordfish")); strings.Contains(body, "swordfish") {
		t.Error(body)
	}
	if part := b.tested(at + "/tests"); !strings.Contains(part, ">Choose tables</a>") || !strings.Contains(part, "Start with all tables") {
		t.Error(part)
	}
	// What is left empty stays.
	b.do("POST", at, entries("config.host", "other"))
	if part := b.tested(at + "/tests"); !strings.Contains(part, "All is well") {
		t.Error(part)
	}
	if _, _, body := b.do("GET", at, nil); !strings.Contains(body, "One is stored") || strings.Contains(body, "swordfish") || strings.Contains(body, "******") {
		t.Error(body)
	}
	for _, tt := range []struct{ form, sent, want string }{
		{"kind=INTERVAL&minutes=15&days=MONDAY", `{"schedule":{"schedule_type":"INTERVAL","interval":15,"days_of_week":["MONDAY"]}}`, `name="minutes" value="15"`},
		{"kind=TIME_OF_DAY&time=07:30", `{"schedule":{"schedule_type":"TIME_OF_DAY","time_of_day":"07:30"}}`, `value="07:30"`},
		{"kind=CRON&cron=1+2+*+*+*", `{"schedule":{"schedule_type":"CRON","cron":"1 2 * * *"}}`, `value="1 2 * * *"`},
		{"kind=MANUAL", `{"schedule":{"schedule_type":"MANUAL"}}`, `<option value="MANUAL" selected>`},
		{"kind=CRON&cron=never", `{"schedule":{"schedule_type":"CRON","cron":"never"}}`, `role="alert"`},
	} {
		form, _ := url.ParseQuery(tt.form)
		if _, _, body := b.do("POST", at+"/schedule", form); !strings.HasSuffix(s.lastSent("PATCH"), tt.sent) || !strings.Contains(body, tt.want) {
			t.Errorf("%s: %s\n%s", tt.form, s.lastSent("PATCH"), body)
		}
	}
	if status, at, _ := b.do("POST", at+"/delete", url.Values{}); status != 200 || at != "/connections" {
		t.Errorf("%d %s", status, at)
	}
	if status, _, _ := b.do("GET", at, nil); status != 404 {
		t.Errorf("what was deleted: %d", status)
	}
}

func TestApproving(t *testing.T) {
	s := realSite(t)
	b := s.signedIn()
	_, at, _ := b.do("POST", "/new/connection/vault", entries("config.schema", "s", "config.host", "certified", "config.password", "swordfish"))
	part := b.tested(at + "/tests")
	form := url.Values{"hash": {between(part, `name="hash" value="`)}, "encoded_cert": {between(part, `name="encoded_cert" value="`)}}
	if !strings.Contains(part, "CN=vault.example") || form.Get("hash") == "" {
		t.Fatal(part)
	}
	b.do("POST", at+"/approve", form)
	if part := b.tested(at + "/tests"); !strings.Contains(part, "All is well") {
		t.Error(part)
	}
	_, _, body := b.do("GET", at, nil)
	if !strings.Contains(body, "Certificate of CN=vault.example") {
		t.Error(body)
	}
	b.do("POST", at+"/revoke", url.Values{"kind": {"certificates"}, "hash": {form.Get("hash")}})
	b.do("POST", at+"/test", url.Values{})
	if part := b.tested(at + "/tests"); !strings.Contains(part, "Approve this certificate") {
		t.Error(part)
	}
}

// between returns what follows a text, to the end of an attribute.
func between(body, before string) string {
	_, rest, _ := strings.Cut(body, before)
	value, _, _ := strings.Cut(rest, `"`)
	return strings.NewReplacer("&#43;", "+", "&#34;", `"`).Replace(value)
}

func TestDestinations(t *testing.T) {
	s := realSite(t)
	b := s.signedIn()
	if _, _, body := b.do("GET", "/new/destination/duckdb", nil); !strings.Contains(body, "Before you begin") || !strings.Contains(body, "UTC&#43;12") {
		t.Error(body)
	}
	form := url.Values{"group": {"new"}, "group_name": {"cellar"}, "config.path": {"/x.duckdb"}, "config.path!": {""}, "time_zone_offset": {"+3"}}
	status, at, body := b.do("POST", "/new/destination/duckdb", form)
	if status != 200 || !strings.HasPrefix(at, "/destinations/") || !strings.Contains(body, "cellar</h1>") || !strings.Contains(body, "New connection") {
		t.Fatalf("%d %s\n%s", status, at, body)
	}
	if part := b.tested(at + "/tests"); !strings.Contains(part, "Cellar opens") || !strings.Contains(part, "All is well") {
		t.Error(part)
	}
	if _, _, body := b.do("GET", "/destinations", nil); !strings.Contains(body, "cellar") || !strings.Contains(body, "connected") {
		t.Error(body)
	}
	group := strings.TrimPrefix(at, "/destinations/")
	b.do("POST", "/new/connection/vault", entries("config.schema", "s", "config.host", "h", "group", group))
	if status, _, body := b.do("POST", at+"/delete", url.Values{}); status != 409 || !strings.Contains(body, "has connections") {
		t.Errorf("%d\n%s", status, body)
	}
	c, _, _ := s.store.Connections(t.Context(), store.ConnectionFilter{AccountID: s.user.AccountID, GroupID: group, Scope: everything}, store.Page{Limit: 1})
	b.do("POST", "/connections/"+c[0].ID+"/setup/delete", url.Values{})
	if status, at, _ := b.do("POST", at+"/delete", url.Values{}); status != 200 || at != "/destinations" {
		t.Errorf("%d %s", status, at)
	}
}

// TestPublicKeys shows the key that a group logs in to SSH servers with while
// there is nothing yet.
func TestPublicKeys(t *testing.T) {
	tunneled := struct {
		ConnectionType string `json:"connection_type" enum:"Directly,SshTunnel" default:"Directly"`
		setup.Tunnel
	}{}
	s := realSite(t, func(c *Config) { c.Connectors[0].Config = setup.Describe("Vault", tunneled) })
	g := &store.Group{AccountID: s.user.AccountID, Name: "silver"}
	must(t, s.store.CreateGroup(t.Context(), g))
	key := s.store.GroupPublicKey(g.ID)
	b := s.signedIn()
	if _, _, body := b.do("GET", "/new/connection/vault?group="+g.ID, nil); !strings.Contains(html.UnescapeString(body), key) {
		t.Errorf("no key in\n%s", body)
	}
	for group, want := range map[string]string{g.ID: key, newGroup: "It is made with the group", "nothing": "does not exist"} {
		if _, _, body := b.do("GET", "/new/public-key?group="+group, nil); !strings.Contains(html.UnescapeString(body), want) {
			t.Errorf("of %s: %s", group, body)
		}
	}
}

func TestQueryBox(t *testing.T) {
	s := newSite(t)
	s.answers("GET /v1/destinations/d", `{"id":"d","service":"duckdb","config":{}}`)
	s.answers("GET /v1/groups/d", `{"id":"d","name":"cellar"}`)
	s.api.HandleFunc("POST /v1/penstock/destinations/d/query", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), "bad") {
			w.WriteHeader(400)
			io.WriteString(w, `{"code":"InvalidInput","message":"Parser Error: <b>"}`)
			return
		}
		io.WriteString(w, `{"code":"Success","message":"m","data":{"columns":[{"name":"a,b","type":"VARCHAR"},{"name":"<i>","type":"BIGINT"}],"rows":[["x\"y",null],["<script>","2"]],"more":true,"took_ms":3}}`)
	})
	b := s.signedIn()
	if _, _, body := b.do("GET", "/destinations/d/query", nil); !strings.Contains(body, "duckdb_tables()") {
		t.Error(body)
	}
	_, _, body := b.do("POST", "/destinations/d/query", url.Values{"sql": {"SELECT 1"}})
	if !strings.Contains(body, "&lt;script&gt;") || strings.Contains(body, "<script>\n") || !strings.Contains(body, "NULL") || !strings.Contains(body, "more than is shown") {
		t.Error(body)
	}
	if status, _, body := b.do("POST", "/destinations/d/query", url.Values{"sql": {"bad"}}); status != 400 || !strings.Contains(body, "Parser Error: &lt;b&gt;") || !strings.Contains(body, ">bad</textarea>") {
		t.Errorf("%d\n%s", status, body)
	}
	if _, _, body := b.do("POST", "/destinations/d/query", url.Values{"sql": {"SELECT 1"}, "csv": {"yes"}}); body != "\"a,b\",<i>\n\"x\"\"y\",\n<script>,2\n" {
		t.Errorf("%q", body)
	}
}

func TestGuides(t *testing.T) {
	for _, id := range []string{"postgres", "postgres_rds", "15five", "salesforce", "salesforce_sandbox", "github"} {
		if guideOf(id, "source") == "" {
			t.Errorf("no guide for %s", id)
		}
	}
	for _, id := range []string{"duckdb", "postgres_warehouse", "aurora_postgres_warehouse", "mysql_warehouse", "maria_warehouse"} {
		if guideOf(id, "destination") == "" {
			t.Errorf("no guide for %s", id)
		}
	}
	if guideOf("../web", "source") != "" || guideOf("sample", "source") != "" {
		t.Error("there is a guide for what has none")
	}
}

// TestStyle: the rules name what they are about, and are served by their hash
// only.
func TestStyle(t *testing.T) {
	s := newSite(t)
	path := newForm(vaultFields, nil, false).Style
	status, _, body := s.browser().do("GET", path, nil)
	if want := `form:has([name$=".auth_method"]):not(:has([name$=".auth_method"] option[value="KEY"]:checked)) .when-auth_method-KEY { display: none; }`; status != 200 || !strings.Contains(body, want) {
		t.Errorf("%d\n%s", status, body)
	}
	if status, _, _ := s.browser().do("GET", "/style/nothing.css", nil); status != 404 {
		t.Errorf("%d", status)
	}
}

// TestHostileConfig has values that would be scripts if they were not shown as
// text, and what is not of this site sending forms.
func TestHostileConfig(t *testing.T) {
	s := realSite(t)
	b := s.signedIn()
	const hostile = `"></textarea><script>alert(1)</script>`
	for _, host := range []string{hostile, ""} { // shown as it is stored, and as it was entered
		form := entries("config.schema", "s", "config.host", host, "config.note", hostile, "config.names", hostile, "group_name", "hostile")
		_, at, body := b.do("POST", "/new/connection/vault", form)
		if strings.Contains(body, "<script>alert") || !strings.Contains(body, "&lt;script&gt;alert(1)") {
			t.Errorf("%s\n%s", at, body)
		}
	}
	b.from = "cross-site"
	for _, path := range []string{"/new/connection/vault", "/connections/x/setup", "/connections/x/setup/delete", "/destinations/x/query", cardPath, cardPath + "/approve"} {
		if status, _, _ := b.do("POST", path, entries()); status != 403 {
			t.Errorf("%s: %d", path, status)
		}
	}
}

// TestApprovingKeys approves the host key of an SSH server.
func TestApprovingKeys(t *testing.T) {
	s := realSite(t)
	b := s.signedIn()
	_, at, _ := b.do("POST", "/new/connection/vault", entries("config.schema", "s", "config.host", "h", "config.password", "swordfish"))
	b.tested(at + "/tests")
	var result testResult
	must(t, json.Unmarshal([]byte(`{"title":"SSH","status":"FAILED","details":{"hash":"h+/8=","public_key":"ssh-ed25519 AAAA"}}`), &result))
	if !result.Asks() || result.Certificate() != nil || result.Digest() != "SHA256:h+/8" {
		t.Errorf("asks %v, %s", result.Asks(), result.Digest())
	}
	b.do("POST", at+"/approve", url.Values{"hash": {result.Details.Hash}, "public_key": {result.Details.PublicKey}})
	b.tested(at + "/tests")
	if _, _, body := b.do("GET", at, nil); !strings.Contains(body, "SSH key") || !strings.Contains(body, "SHA256:h&#43;/8") {
		t.Error(body)
	}
}

// TestReviewersSetup: who may only look gets no buttons, and changes nothing.
func TestReviewersSetup(t *testing.T) {
	s := realSite(t)
	_, at, _ := s.signedIn().do("POST", "/new/connection/vault", entries("config.schema", "s", "config.host", "h", "config.password", "swordfish"))
	s.signedIn().tested(at + "/tests")
	s.user = &store.User{AccountID: s.user.AccountID, Email: "eve@example.com", Role: "Account Reviewer"}
	must(t, s.store.CreateUser(t.Context(), s.user))
	b := s.signedIn()
	_, _, body := b.do("GET", at, nil)
	for _, button := range []string{"Save and test", "Run the tests", "Start with all tables", "Save the schedule", "Delete the connection"} {
		if strings.Contains(body, button) {
			t.Errorf("there is a button %s", button)
		}
	}
	for _, what := range []string{"", "/approve", "/schedule", "/start", "/delete"} {
		if status, _, _ := b.do("POST", at+what, entries("config.host", "x", "kind", "MANUAL", "hash", "h", "public_key", "k")); status < 400 {
			t.Errorf("%s: %d", what, status)
		}
	}
}
