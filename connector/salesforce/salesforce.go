// Package salesforce reads Salesforce, and its sandboxes, which differ in
// where people log in.
//
// # Tables
//
// There is one for each object that the user may query, standard and custom,
// with a column for each field but those that are made of others (addresses,
// places) or hold files. Fields that are computed from others by a formula are
// left out unless the config wants them: nothing tells when they change. What
// they are computed from is in FIVETRAN_FORMULA, as SQL too, which package
// formula makes of it.
//
// # What is read when
//
// Rows that changed are found by SystemModstamp, or the next best field that an
// object has. A reading ends at the time when it began, by Salesforce's clock,
// and the next one begins a while before that, because a transaction may show
// its rows later than the time that they carry. Rows come in the order of that
// field and their id, and each request goes on behind the last row of the one
// before: rows that change meanwhile move out of the reading to the next and
// can neither push others over the edge of a page nor come twice.
//
// Objects that have no such field, or whose deletes are not known, are read as
// a whole: once a day, or in every sync if the config says so. Rows that were
// not met are marked as deleted.
//
// A table that gets a column, because somebody wants it or the object has a new
// field, is read as a whole: its rows may have had values before they changed.
//
// Few rows come by REST, many by Bulk API 2.0. For a first reading they are
// counted; later the first page says how many there are. What several tables
// need first is asked for in one request.
//
// # Deletes
//
// Rows of most objects can be read after they were deleted: they get is_deleted
// and are marked as deleted. For others Salesforce keeps a log of deletes for
// 15 days. Once a day the log is read for all objects: rows may leave the
// recycle bin between two syncs. If the last sync is more than 14 days ago, or
// the log has been cut, the object is read as a whole again.
package salesforce

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

type settings struct {
	Schema                             string `json:"schema" title:"Destination schema" help:"Where the tables go in the destination. It cannot be changed later." required:"true" immutable:"true"`
	APIUsageLimit                      int    `json:"api_usage_limit" title:"API usage limit" help:"The percentage of your daily API limit, from 50 to 90, at which a sync stops for an hour. What others use counts too." default:"90"`
	AuthenticationMethod               string `json:"authentication_method" title:"Authentication method" help:"STANDARD logs in by OAuth, ADVANCED by a certificate (JWT bearer flow)." enum:"STANDARD,ADVANCED" default:"STANDARD"`
	BaseURL                            string `json:"base_url" title:"My Domain" help:"Your own login address, such as https://acme.my.salesforce.com. Needed for the client credentials flow."`
	Certificate                        string `json:"certificate" title:"Certificate" help:"Only for ADVANCED: the content of the .pem file that the connected app has. Its subject, or its e-mail address, is the user to log in as." secret:"true" when:"authentication_method=ADVANCED"`
	PrivateKey                         string `json:"private_key" title:"Private key" help:"Only for ADVANCED: the content of the .key file that belongs to the certificate." secret:"true" when:"authentication_method=ADVANCED"`
	SyncFormulaFields                  bool   `json:"sync_formula_fields" title:"Sync formula fields" help:"Fields computed by a formula become columns. They are as of the last change of the row itself." default:"false"`
	UpdateInfrequentObjectsInEverySync bool   `json:"update_infrequent_objects_in_every_sync" title:"Update infrequent objects in every sync" help:"Objects that can only be read as a whole are read in every sync instead of once a day." default:"false"`

	ConnectingUser      string `json:"connecting_user" title:"Connected user" readonly:"true"`
	ConnectingUserEmail string `json:"connecting_user_email" title:"E-mail of the connected user" readonly:"true"`
	ConnectionType      string `json:"connection_type" title:"Connection type" enum:"Directly,PrivateLink,SshTunnel,ProxyAgent" readonly:"true"`
	OrganizationID      string `json:"organization_id" title:"Organization" readonly:"true"`
}

// auth is what a login by OAuth needs.
type auth struct {
	ClientAccess struct {
		ID     string `json:"client_id" title:"Client id" help:"Consumer key of the connected app or external client app."`
		Secret string `json:"client_secret" title:"Client secret" help:"Consumer secret of the app." secret:"true"`
	} `json:"client_access" title:"Client"`
	RefreshToken string `json:"refresh_token" title:"Refresh token" help:"From a login of the user by the app, with the scopes api and refresh_token." secret:"true"`
}

// config is what a source is opened with.
type config struct {
	settings
	Auth auth `json:".auth"`
}

// Service is Salesforce; Sandbox is a copy of an organization for tests.
var (
	Service = service("salesforce", "Salesforce", "https://login.salesforce.com")
	Sandbox = service("salesforce_sandbox", "Salesforce Sandbox", "https://test.salesforce.com")
)

func service(id, name, login string) connector.Service {
	return connector.Service{
		ID:           id,
		Name:         name,
		Kind:         "Sales",
		Description:  "Salesforce is a platform for customer relationship management.",
		SchemaFormat: connector.FormatSchema,
		Naming:       schema.ApplicationNaming,
		Config:       setup.Describe(name, settings{}),
		Auth:         setup.Describe(name, auth{}),
		Features:     []string{"CAPTURE_DELETES", "HISTORY_MODE", "CUSTOM_DATA", "DATA_BLOCKING", "COLUMN_HASHING", "RE_SYNC"},
		Open: func(raw json.RawMessage, env connector.Env) (connector.Source, error) {
			return open(raw, env, name, login)
		},
	}
}

// A source is one organization, as one user sees it.
type source struct {
	config  config
	env     connector.Env
	anyTime bool   // Salesforce's clock may say anything
	name    string // of the service, for people
	address string // where to log in
	key     *signer

	api     *api // nil: there was no login yet
	objects map[string]*object

	// How it reads; tests have smaller figures.
	bulkFrom  int64         // rows for which Bulk API is worth its requests; 0: those of bulkPages pages
	bulkPart  int64         // rows in one part of a job's results
	queries   int           // in one request
	longQuery int           // bytes of a query that go into an address
	save      int           // pages read between two checkpoints
	poll      time.Duration // the first wait for a job
	pause     time.Duration // the first wait before a part of the results is asked for again
}

func open(raw json.RawMessage, env connector.Env, name, login string) (*source, error) {
	s := &source{
		env: env, name: name, address: login, objects: map[string]*object{},
		bulkPart: 100_000, queries: mostQueries, longQuery: 12_000, save: 10, poll: time.Second, pause: time.Second,
	}
	if err := json.Unmarshal(raw, &s.config); err != nil {
		return nil, err
	}
	if err := s.config.check(); err != nil {
		return nil, err
	}
	if s.config.BaseURL != "" {
		s.address = s.config.BaseURL
	}
	if env.Endpoint != "" {
		s.address, s.anyTime = env.Endpoint, true
	}
	s.address = strings.TrimRight(s.address, "/")
	if s.env.HTTP == nil {
		s.env.HTTP = &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	}
	if s.env.Now == nil {
		s.env.Now = time.Now
	}
	var err error
	s.key, err = s.config.signer()
	return s, err
}

// check returns what is wrong with a config beyond its types.
func (c *config) check() error {
	if c.APIUsageLimit < 50 || c.APIUsageLimit > 90 {
		return &setup.Problem{Code: "config_invalid", Message: "api_usage_limit is a percentage from 50 to 90."}
	}
	u, err := url.Parse(c.BaseURL)
	if c.BaseURL != "" && (err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "") {
		return &setup.Problem{Code: "config_invalid", Message: "base_url is your My Domain address, such as https://acme.my.salesforce.com, without anything behind it."}
	}
	return nil
}

// Close implements [connector.Source].
func (s *source) Close() error {
	s.env.HTTP.CloseIdleConnections()
	return nil
}

// now returns the time by Salesforce's clock, as far as it is known, in the
// whole seconds that rows carry.
func (s *source) now() time.Time {
	now := s.env.Now()
	if s.api != nil {
		now = now.Add(s.api.clock.ahead)
	}
	return now.UTC().Truncate(time.Second)
}

// connect logs in unless that has been done.
func (s *source) connect(ctx context.Context) error {
	if s.api != nil {
		return nil
	}
	a, err := s.login(ctx)
	if err == nil {
		s.api = a
	}
	return err
}
