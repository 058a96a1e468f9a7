// Package github reads GitHub: repositories, issues, pull requests, commits,
// and what belongs to them.
//
// The tables are those of Fivetran's connector of the same name, as far as the
// REST API has what is in them; tables.go says what is read for each. Lists
// that GitHub can filter or order by the time of change are read from a few
// minutes before the latest row on, and as a whole once a week, for rows that
// are gone. Other lists are asked for with the ETag of the answer before, which
// costs nothing of the rate limit where nothing has changed, and are read as a
// whole once a day. What issues and users are called changes; ids stay.
package github

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/rest"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

const vendor = "https://api.github.com/"

// Values of auth_mode and sync_mode.
const (
	byToken  = "PersonalAccessToken"
	byApp    = "JWT"
	allRepos = "AllRepositories"
	someRepo = "SpecificRepositories"
)

type config struct {
	Schema       string   `json:"schema" title:"Destination schema" help:"Where the tables go in the destination. It cannot be changed later." required:"true" immutable:"true"`
	AuthMode     string   `json:"auth_mode" title:"Authentication" help:"How to log in: by personal access tokens, or as a GitHub App (JWT)." enum:"JWT,PersonalAccessToken,OAuth" default:"PersonalAccessToken"`
	PATs         []string `json:"pats" title:"Personal access tokens" help:"Made in GitHub under Settings, Developer settings. Each has a rate limit of its own if it is another user's." secret:"true" when:"auth_mode=PersonalAccessToken"`
	Username     string   `json:"username" title:"Account" help:"For a GitHub App: the login of the organization or user that it is installed for." when:"auth_mode=JWT"`
	ClientID     string   `json:"client_id" title:"Client ID" help:"Of the GitHub App." when:"auth_mode=JWT"`
	PrivateKey   string   `json:"private_key" title:"Private key" help:"Of the GitHub App, as the PEM file that GitHub made." secret:"true" when:"auth_mode=JWT"`
	HostURL      string   `json:"host_url" title:"API address" help:"Of GitHub Enterprise Server only: github.example.com/api/v3."`
	SyncMode     string   `json:"sync_mode" title:"Repositories" help:"All that the login may read, or the ones that are named." enum:"AllRepositories,SpecificRepositories" default:"AllRepositories"`
	Repositories []string `json:"repositories" title:"Specific repositories" help:"Their ids, or owner/name." when:"sync_mode=SpecificRepositories"`
	UseWebhooks  bool     `json:"use_webhooks" title:"Capture deletes by webhooks" help:"Kept, but not used: deletes are found by comparing."`
}

// budgets are of the credentials: GitHub counts what comes with each.
var budgets = &rest.Budgets{}

// Service is GitHub.
var Service = connector.Service{
	ID:           "github",
	Name:         "GitHub",
	Kind:         "Engineering",
	Description:  "GitHub hosts source code, and what people do with it.",
	SchemaFormat: connector.FormatSchema,
	Naming:       schema.ApplicationNaming,
	Config:       setup.Describe("GitHub", config{}),
	Features:     []string{"CAPTURE_DELETES", "DATA_BLOCKING", "COLUMN_HASHING", "RE_SYNC"},
	Open:         func(raw json.RawMessage, env connector.Env) (connector.Source, error) { return open(raw, env) },
}

// A source is what one login may read.
type source struct {
	config
	client *rest.Client
	app    *rest.Client // asks as the App itself; nil: a token is the login
	api    *rest.API
	users  []*rest.Resource // the one of users

	found *lookup // ids of the repository that is being read
}

func open(raw json.RawMessage, env connector.Env) (*source, error) {
	s := &source{}
	if err := setup.Decode(raw, &s.config); err != nil {
		return nil, err
	}
	base, err := s.base(env.Endpoint)
	if err != nil {
		return nil, err
	}
	client := func(auth rest.Auth, credential string) *rest.Client {
		return &rest.Client{
			Name: "GitHub", Base: base, HTTP: env.HTTP, Auth: auth, Log: env.Log, Now: env.Now, Throttled: throttled,
			Header: http.Header{"Accept": {"application/vnd.github+json"}, "X-GitHub-Api-Version": {"2022-11-28"}, "User-Agent": {"penstock"}},
			Budget: budgets.Of(base.Host+" "+credential, func() *rest.Budget { return rest.OnDemand(900, time.Minute) }),
		}
	}
	switch s.AuthMode {
	case byApp:
		key, err := rest.ParseKey(s.PrivateKey)
		if err != nil {
			return nil, errors.New("the private key is no RSA key in PEM form: give the whole file that GitHub made")
		}
		s.app = client(&rest.JWT{Key: key, Issuer: s.ClientID, Life: 9 * time.Minute, Now: env.Now}, "app "+s.ClientID)
		s.client = client(&rest.Tokens{Fetch: s.installationToken, Now: env.Now}, s.ClientID+" "+s.Username)
	case byToken:
		for _, t := range s.PATs {
			c := client(rest.Bearer(strings.TrimSpace(t)), t)
			if s.client == nil {
				s.client = c
			} else {
				s.client.Spare = append(s.client.Spare, c)
			}
		}
	}
	if s.client == nil {
		return nil, fmt.Errorf("a login by %s is not possible: give personal access tokens, or the client id and private key of a GitHub App", s.AuthMode)
	}
	s.api = s.resources()
	return s, nil
}

// base returns the address of the API.
func (s *source) base(endpoint string) (*url.URL, error) {
	address := cmp.Or(endpoint, s.HostURL, vendor)
	if !strings.Contains(address, "://") {
		address = "https://" + address
	}
	return url.Parse(strings.TrimSuffix(address, "/") + "/")
}

// throttled returns how long to wait after GitHub's secondary limits, whose
// refusals need not say how long ("Rate limits for the REST API", 2026-11).
func throttled(e *rest.StatusError) time.Duration {
	if (e.Status == http.StatusForbidden || e.Status == http.StatusTooManyRequests) && strings.Contains(strings.ToLower(e.Detail), "rate limit") {
		return time.Minute
	}
	return 0
}

// installationToken logs the App in for the account that it is installed for.
func (s *source) installationToken(ctx context.Context) (t rest.Token, err error) {
	var r rest.Reply
	err = s.app.Get(ctx, "users/"+url.PathEscape(s.Username)+"/installation", &r)
	if rest.Status(err) == http.StatusNotFound {
		return t, &setup.Problem{Code: "authentication_failed", Message: fmt.Sprintf("The GitHub App is not installed for %q. Install it, or correct the account.", s.Username)}
	}
	if err != nil {
		return t, explain(err)
	}
	path := fmt.Sprintf("app/installations/%d/access_tokens", r.Value.GetInt64("id"))
	if err := s.app.Do(ctx, rest.Request{Method: http.MethodPost, URL: path}, &r); err != nil {
		return t, explain(err)
	}
	t.Value = string(r.Value.GetStringBytes("token"))
	t.Expires, _ = time.Parse(time.RFC3339, string(r.Value.GetStringBytes("expires_at"))) // zero: until it is refused
	return t, nil
}

// resources says what is read.
func (s *source) resources() *rest.API {
	users := &rest.Resource{Path: "user", Found: 7 * day, Single: true, Whole: rest.Never, Tables: []rest.Table{{Name: "user", Columns: user}}}
	s.users, s.found = []*rest.Resource{users}, newLookup()
	repos := &rest.Resource{
		Path: "user/repos", PerLogin: true, Keep: []string{"full_name", "default_branch"}, Met: s.meet, Finds: s.users,
		Tables: []rest.Table{{Name: "repository", Columns: repository, Children: []rest.Table{
			{Name: "repository_topic", Each: "topics", Columns: `name STRING key = ., repository_id LONG key = ^id`}}}},
		Lists: s.inRepository(),
	}
	orgs := &rest.Resource{Path: "user/orgs", PerLogin: true, Keep: []string{"login"}, Empty: []int{404}, Lists: s.inOrganization()}
	if s.app != nil {
		repos.Path, repos.Items = "installation/repositories", "repositories"
		orgs.Paths = []string{"orgs/" + url.PathEscape(s.Username)}
	}
	if s.SyncMode == someRepo {
		repos.Paths = []string{}
		for _, r := range s.Repositories {
			path := "repositories/" + url.PathEscape(r)
			if owner, name, ok := strings.Cut(r, "/"); ok {
				path = "repos/" + url.PathEscape(owner) + "/" + url.PathEscape(name)
			}
			repos.Paths = append(repos.Paths, path)
		}
	}
	return &rest.API{Roots: []*rest.Resource{orgs, repos, users}, Next: rest.Link, Query: "per_page=100", Funcs: s.funcs()}
}

// Close implements [connector.Source]. Connections are the HTTP client's.
func (s *source) Close() error { return nil }

// Tables implements [connector.Source]. It needs no request: what a login may
// not read shows when it is read.
func (s *source) Tables(context.Context, func(setup.Warning)) ([]schema.Table, error) {
	return s.api.Tables(), nil
}

// Sync implements [connector.Source].
func (s *source) Sync(ctx context.Context, req connector.Request, out connector.Output) error {
	if s.SyncMode == someRepo && len(s.Repositories) == 0 {
		return &setup.Problem{Code: "config_incomplete", Message: noneNamed}
	}
	return explain(s.api.Sync(ctx, s.client, req, out))
}

// Forget implements [connector.Forgetter].
func (s *source) Forget(state json.RawMessage, tables []schema.Name) (json.RawMessage, error) {
	return s.api.Forget(state, tables)
}

// explain makes a refused login a Problem.
func explain(err error) error {
	if setup.AsProblem(err) != nil || rest.Status(err) != http.StatusUnauthorized {
		return err
	}
	return &setup.Problem{Code: "authentication_failed", Err: err,
		Message: "GitHub does not accept the login of this connection any more. Enter a new personal access token, or the key of the GitHub App."}
}

const noneNamed = "No repository is named. Name some, or choose AllRepositories."

// Titles of the setup tests.
const (
	testConnect = "Connecting to API"
	testLogin   = "Validate Login"
	testRepos   = "Repository Access"
)

// Test implements [connector.Source].
func (s *source) Test(ctx context.Context) []setup.TestResult {
	paths := s.api.Roots[1].Paths
	if paths == nil {
		paths = []string{s.api.Roots[1].Path + "?per_page=1"}
	}
	results := []setup.TestResult{{Title: testConnect, Status: setup.Passed}, {Title: testLogin, Status: setup.Passed}}
	for _, c := range append(slices.Clone(s.client.Spare), s.client) {
		c := c.Impatient()
		c.Spare = nil
		err := c.Get(ctx, "rate_limit", &rest.Reply{})
		if results[0] = c.Reached(err, testConnect); results[0].Status != setup.Passed {
			return results[:1]
		}
		if err != nil {
			results[1].Status, results[1].Message = setup.Failed, explain(err).Error()
			return results
		}
	}
	all := setup.NewResults(ctx)
	all.Add(results...)
	c := s.client.Impatient()
	result := setup.TestResult{Title: testRepos, Status: setup.Passed}
	for _, p := range paths {
		if err := c.Get(ctx, p, &rest.Reply{}); err != nil {
			result.Status, result.Message = setup.Failed, fmt.Sprintf("%s could not be read: %v. Check its name, and what the login may read.", p, err)
			break
		}
	}
	if len(paths) == 0 {
		result.Status, result.Message = setup.Failed, noneNamed
	}
	return all.Add(result)
}

// event returns a table of events of some kinds.
func event(name, columns string, kinds ...string) rest.Table {
	return rest.Table{Name: name, Columns: columns, Only: func(o *rest.Object) bool { return slices.Contains(kinds, o.Text("event")) }}
}

func has(path string) func(*rest.Object) bool {
	return func(o *rest.Object) bool { return o.Text(path) != "" }
}

// starred has the time in the list of stargazers.
var starred = http.Header{"Accept": {"application/vnd.github.star+json"}}

// path of a user, by the id, which stays.
func userPath(id int64) string { return "user/" + strconv.FormatInt(id, 10) }
