package api

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/engine"
	"github.com/penstock-data/penstock/internal/schemaconfig"
	"github.com/penstock-data/penstock/internal/secret"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// The services of the tests have ids that the definition knows, so that their
// configs are held against it too, but for duckdb, which is Penstock's own.
var (
	testConnectors = []connector.Service{
		{
			ID: "postgres", Name: "PostgreSQL", Kind: "Database", Description: "A database.",
			SchemaFormat: connector.FormatSchemaPrefix, Features: []string{"CAPTURE_DELETES", "RE_SYNC"},
			Config: setup.Describe("PostgreSQL", struct {
				Host     string `json:"host" title:"Host" help:"DB instance host or IP address." required:"true"`
				Port     int    `json:"port" title:"Port" default:"5432"`
				Database string `json:"database" title:"Database" required:"true"`
				User     string `json:"user" title:"User" required:"true" external:"true"`
				Password string `json:"password" title:"Password" secret:"true"`
				Method   string `json:"update_method" title:"Update method" enum:"QUERY_BASED,WAL_PGOUTPUT" default:"QUERY_BASED"`
				TLS      bool   `json:"always_encrypted" title:"Require TLS"`
				Way      string `json:"connection_type" title:"Connection" enum:"Directly,PrivateLink,SshTunnel,ProxyAgent" default:"Directly"`
				setup.Tunnel
			}{}),
		},
		{
			ID: "15five", Name: "15Five", Kind: "HumanResources", Description: "15Five is an employee performance management platform.",
			SchemaFormat: connector.FormatSchema,
			Config: setup.Describe("15Five", struct {
				APIKey string `json:"api_key" title:"API key" required:"true" secret:"true"`
			}{}),
		},
		{
			ID: "google_sheets", Name: "Google Sheets", Kind: "File", Description: "A sheet.",
			SchemaFormat: connector.FormatSchemaTable,
			Config: setup.Describe("Google Sheets", struct {
				Sheet string   `json:"sheet_id" title:"Sheet"`
				Named []string `json:"named_ranges" title:"Ranges"`
			}{}),
		},
		{
			ID: "aws_lambda", Name: "AWS Lambda", Kind: "Function", Description: "A function.",
			SchemaFormat: connector.FormatSchema,
			Config: setup.Describe("AWS Lambda", struct {
				Function string `json:"function" title:"Function"`
			}{}),
		},
	}
	testDestinations = []destination.Service{
		{
			ID: "postgres_warehouse", Name: "PostgreSQL", MaxName: 63,
			Config: setup.Describe("PostgreSQL", struct {
				Host     string     `json:"host" required:"true"`
				Port     setup.Port `json:"port" default:"5432" quoted:"true"`
				Database string     `json:"database"`
				User     string     `json:"user" external:"true"`
				Password string     `json:"password" secret:"true"`
				Way      string     `json:"connection_type" enum:"Directly,PrivateLink,SshTunnel,ProxyAgent" default:"Directly"`

				setup.Tunnel `quoted:"true"`
			}{}),
		},
		{
			ID: "duckdb", Name: "DuckDB", MaxName: 255,
			Config: setup.Describe("DuckDB", struct {
				Path string `json:"path" required:"true"`
			}{}),
		},
	}
)

// An env is a server for one test.
type env struct {
	t           *testing.T
	store       *store.Store
	engine      *testEngine
	handler     http.Handler
	now         time.Time
	key, secret string
	user        *store.User
}

// newEnv returns a server with an empty SQLite database, but for an account,
// its owner and an API key.
func newEnv(t *testing.T) *env { return newEnvAt(t, t.TempDir()) }

func newEnvAt(t *testing.T, location string) *env {
	t.Helper()
	ctx := t.Context()
	st, err := store.Open(ctx, location, secret.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	e := &env{t: t, store: st, now: time.Now()}
	account := &store.Account{Name: "Acme"}
	must(t, st.CreateAccount(ctx, account))
	e.user = &store.User{
		AccountID: account.ID, Email: "owner@example.com", GivenName: "Ada", FamilyName: "Lovelace",
		Role: access.Administrator, Verified: true, LoggedInAt: e.now,
	}
	must(t, st.CreateUser(ctx, e.user))
	e.key, e.secret, err = st.CreateAPIKey(ctx, e.user.ID)
	must(t, err)
	e.engine = &testEngine{env: e}
	e.handler = watch(t, New(Config{
		Store: st, Engine: e.engine, Connectors: testConnectors, Destinations: testDestinations,
		Now: func() time.Time { return e.now },
	}))
	return e
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// An answer is a response.
type answer struct {
	status  int
	code    string
	message string
	data    map[string]any
	header  http.Header
	body    string
}

// do sends a request with the API key. The body is JSON text, or "" for none.
// Headers are "Name: value"; a bare "-" sends no API key.
func (e *env) do(method, path, body string, headers ...string) answer {
	e.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.SetBasicAuth(e.key, e.secret)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, ok := strings.Cut(h, ": ")
		if !ok {
			r.Header.Del("Authorization")
			continue
		}
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	e.handler.ServeHTTP(w, r)
	var res struct {
		Code, Message string
		Data          map[string]any
	}
	json.Unmarshal(w.Body.Bytes(), &res)
	return answer{w.Code, res.Code, res.Message, res.Data, w.Header(), w.Body.String()}
}

// ok is do for requests that must succeed.
func (e *env) ok(method, path, body string, headers ...string) answer {
	e.t.Helper()
	a := e.do(method, path, body, headers...)
	if a.code != "Success" {
		e.t.Fatalf("%s %s: %d %s", method, path, a.status, a.body)
	}
	return a
}

// group makes a group and returns its id.
func (e *env) group(name string) string {
	e.t.Helper()
	return e.ok("POST", "/v1/groups", `{"name":"`+name+`"}`).data["id"].(string)
}

// id returns the id of what a request makes.
func (e *env) id(path, body string) string {
	e.t.Helper()
	data := e.ok("POST", path, body).data
	if id, ok := data["agent_id"].(string); ok {
		return id
	}
	return data["id"].(string)
}

// connection makes a 15five connection in a group of its own, its setup tests
// passed, and returns its id.
func (e *env) connection() string {
	e.t.Helper()
	body := `{"group_id":"` + e.group("g") + `","service":"15five","config":{"schema":"fifteen","api_key":"k"}}`
	return e.ok("POST", "/v1/connections", body).data["id"].(string)
}

// details returns GET /v1/connections/{id} and its status.
func (e *env) details(id string) (data, status map[string]any) {
	e.t.Helper()
	data = e.ok("GET", "/v1/connections/"+id, "").data
	return data, data["status"].(map[string]any)
}

// testEngine does with the store what an engine does, when it is told to, and
// runs setup tests that go by the config: the host or API key "bad" fails,
// "untrusted" shows a certificate, "unknown" the host key of an SSH server.
type testEngine struct {
	*env
	changed   []string
	restarted []string
	canceled  []string // syncs, by connection
	tests     int
	captures  int
	offers    []schema.Table // by every source
	offerErr  error
	answer    func(destination string, q destination.Query) (*destination.Answer, error) // to queries
}

var _ engine.Engine = (*testEngine)(nil)

func (e *testEngine) Run(context.Context) error { return nil }

func (e *testEngine) Sync(ctx context.Context, id string, force bool) error {
	_, err := e.store.UpdateConnection(ctx, id, func(c *store.Connection) error {
		switch {
		case c.Paused:
			return engine.ErrPaused
		case c.SetupState == store.Incomplete:
			return engine.ErrIncomplete
		case c.RunID == "" || force:
			c.TriggeredAt = e.now
		}
		return nil
	})
	return err
}

func (e *testEngine) Resync(ctx context.Context, id string) error {
	_, err := e.store.UpdateConnection(ctx, id, func(c *store.Connection) error {
		c.Historical, c.Reset, c.TriggeredAt = true, true, e.now
		return nil
	})
	return err
}

func (e *testEngine) ResyncTables(ctx context.Context, id string, tables []schema.Name) error {
	c, err := e.store.Connection(ctx, id)
	if err != nil {
		return err
	}
	if c.Service == "google_sheets" {
		return engine.ErrNoTableResync
	}
	if err := e.store.AskResync(ctx, id, tables); err != nil {
		return err
	}
	_, err = e.store.UpdateConnection(ctx, id, func(c *store.Connection) error {
		c.TriggeredAt = e.now
		return nil
	})
	return err
}

// Capture finds what the test says that the source offers.
func (e *testEngine) Capture(ctx context.Context, id string) (*schemaconfig.Config, *schemaconfig.Catalog, error) {
	if e.offerErr != nil {
		return nil, nil, e.offerErr
	}
	c, err := e.store.Connection(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	e.captures++
	return e.store.UpdateSchema(ctx, id, func(cfg *schemaconfig.Config, cat *schemaconfig.Catalog) error {
		cat.Unnamed = c.Service
		*cfg, *cat = schemaconfig.Capture(*cfg, *cat, e.offers, e.now)
		return nil
	})
}

func (e *testEngine) CancelSync(_ context.Context, id string) error {
	e.canceled = append(e.canceled, id)
	return nil
}

func (e *testEngine) Restart(_ context.Context, id string) error {
	e.restarted = append(e.restarted, id)
	return nil
}

// Follows is true of connections of services that are databases.
func (e *testEngine) Follows(ctx context.Context, id string) (bool, error) {
	c, err := e.store.Connection(ctx, id)
	return err == nil && c.Service == "postgres", err
}

func (e *testEngine) Changed(_ context.Context, id string) error {
	e.changed = append(e.changed, id)
	return nil
}

func (e *testEngine) Delete(ctx context.Context, id string) error {
	return e.store.DeleteConnection(ctx, id)
}

func (e *testEngine) Verify(ctx context.Context, id string, tables []schema.Name, list int) (*store.Verification, error) {
	c, err := e.store.Connection(ctx, id)
	switch {
	case err != nil:
		return nil, err
	case c.SetupState != store.Connected:
		return nil, engine.ErrNotConnected
	case c.Service == "google_sheets":
		return nil, &engine.CannotVerify{}
	}
	v := &store.Verification{ConnectionID: id, StartedAt: e.now, Findings: store.Findings{Tables: tables, List: list}}
	if err := e.store.CreateVerification(ctx, v, e.now.Add(time.Minute)); errors.Is(err, store.ErrExists) {
		return nil, engine.ErrVerifying
	} else if err != nil {
		return nil, err
	}
	return v, nil
}

func (e *testEngine) CancelVerification(ctx context.Context, id, verification string) (*store.Verification, error) {
	return e.store.CancelVerification(ctx, id, verification, e.now)
}

// Plan would read what is chosen then, as if it were new.
func (e *testEngine) Plan(ctx context.Context, id string, change func(*schemaconfig.Config, *schemaconfig.Catalog) error) ([]engine.TablePlan, error) {
	if e.offerErr != nil {
		return nil, e.offerErr
	}
	cfg, err := e.store.SchemaConfig(ctx, id)
	must(e.t, err)
	cat, err := e.store.Catalog(ctx, id)
	must(e.t, err)
	*cfg, *cat = schemaconfig.Capture(*cfg, *cat, e.offers, e.now)
	if err := change(cfg, cat); err != nil {
		return nil, err
	}
	var plans []engine.TablePlan
	for _, t := range e.offers {
		p := engine.TablePlan{Source: t.Name, Load: "none", Why: "blocked"}
		if treat := schemaconfig.Resolve(cfg, cat, t); treat.Paused {
			p.Why = "paused"
		} else if treat.Wanted {
			live := schema.Live
			p = engine.TablePlan{Source: t.Name, Destination: schema.Name{Schema: "d", Table: t.Table}, Load: "historical", Why: "new", Mode: treat.Mode, Switch: &live, Rows: new(int64)}
			p.Columns = []engine.ColumnPlan{{Name: "a", Type: "INT"}, {Name: "b", Was: "INT", Type: "LONG"}, {Name: "c", Was: "INT"}}
		}
		plans = append(plans, p)
	}
	return plans, nil
}

func (e *testEngine) TestConnection(ctx context.Context, id string, trust engine.Trust) (*store.Connection, error) {
	c, err := e.store.Connection(ctx, id)
	if err != nil {
		return nil, err
	}
	results, err := e.test(ctx, store.ConnectionOwner, id, c.Config, trust)
	if err != nil {
		return nil, err
	}
	return e.store.UpdateConnection(ctx, id, func(c *store.Connection) error {
		c.SetupTests, c.SetupState = results, store.Tested(c.SetupState, results)
		if c.SetupState == store.Connected {
			c.Tasks, c.Failures = nil, 0
		}
		return nil
	})
}

func (e *testEngine) TestDestination(ctx context.Context, id string, trust engine.Trust) (*store.Destination, error) {
	d, err := e.store.Destination(ctx, id)
	if err != nil {
		return nil, err
	}
	results, err := e.test(ctx, store.DestinationOwner, id, d.Config, trust)
	if err != nil {
		return nil, err
	}
	return e.store.UpdateDestination(ctx, id, func(d *store.Destination) error {
		d.SetupTests, d.SetupStatus = results, store.Tested(d.SetupStatus, results)
		return nil
	})
}

func (e *testEngine) test(ctx context.Context, owner, id string, config json.RawMessage, trust engine.Trust) ([]setup.TestResult, error) {
	e.tests++
	results := setup.NewResults(ctx).Add(setup.TestResult{Title: "Connecting to the host", Status: setup.Passed})
	switch {
	case bytes.Contains(config, []byte(`"bad"`)):
		results = append(results, setup.TestResult{Title: "Logging in", Status: setup.Failed, Message: "The password is wrong."})
	case bytes.Contains(config, []byte(`"untrusted"`)):
		a := store.Approval{Kind: store.Certificates, Hash: testHash, Data: testDER}
		results = append(results, setup.TestResult{Title: "Encryption", Status: setup.Failed, Message: "The certificate is not trusted.",
			Certificate: &setup.Certificate{Hash: testHash, Subject: "CN=db", DER: testDER}})
		return e.believed(ctx, owner, id, trust.By, trust.Certificates, a, results)
	case bytes.Contains(config, []byte(`"unknown"`)):
		a := store.Approval{Kind: store.Fingerprints, Hash: testKeyHash, Data: []byte(testKey)}
		results = []setup.TestResult{{Title: "Connecting to SSH tunnel", Status: setup.Failed, Message: "The host key is not approved.",
			Fingerprint: &setup.Fingerprint{Hash: testKeyHash, PublicKey: testKey}}}
		return e.believed(ctx, owner, id, trust.By, trust.Fingerprints, a, results)
	}
	return results, nil
}

// believed returns results, of which the last passes if a is approved, or is
// to be now.
func (e *testEngine) believed(ctx context.Context, owner, id, by string, now bool, a store.Approval, results []setup.TestResult) ([]setup.TestResult, error) {
	a.Owner, a.OwnerID, a.ValidatedBy = owner, id, by
	if now {
		if err := e.store.Approve(ctx, &a); err != nil {
			return nil, err
		}
	}
	_, err := e.store.Approval(ctx, owner, id, a.Kind, a.Hash)
	if errors.Is(err, store.ErrNotFound) {
		return results, nil
	}
	results[len(results)-1] = setup.TestResult{Title: results[len(results)-1].Title, Status: setup.Passed}
	return results, err
}

// start begins the run of the connection that is due.
func (e *testEngine) start() *store.Run {
	e.t.Helper()
	at := e.now
	if t := time.Now(); t.After(at) {
		at = t // rows get the real time of their creation
	}
	run, err := e.store.Claim(e.t.Context(), "test", at, time.Hour)
	if err != nil || run == nil {
		e.t.Fatalf("claim: %v, %v", run, err)
	}
	return run
}

// finish ends a run.
func (e *testEngine) finish(run *store.Run, o store.Outcome) {
	e.t.Helper()
	o.EndedAt = e.now
	must(e.t, e.store.Finish(e.t.Context(), run.Token(), o))
}

// testDER is a server certificate and testHash what connectors know it by.
var testDER, testHash = func() ([]byte, string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "db"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return der, hashOf(der)
}()

// testKey is the host key of an SSH server and testKeyHash what it is known by.
var testKey, testKeyHash = func() (string, string) {
	wire := append([]byte("\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20"), bytes.Repeat([]byte{7}, 32)...)
	return "ssh-ed25519 " + base64.StdEncoding.EncodeToString(wire), hashOf(wire)
}()
