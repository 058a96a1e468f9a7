// Package fifteenfive reads 15Five: people, check-ins, one-on-ones, high fives.
//
// # Tables
//
// They are the twenty of Fivetran's connector of the same name, with the same
// columns and keys (its ERD of 2026-02, and for the high fives its page
// "connector-schema"). 15Five refers to other objects by URL; a column that
// names another object (users, question, report, groups, reviewed_by, …)
// holds the integer id at the end of that URL. Types are ours, as the ERD has
// none: where a value is of another kind than expected the column becomes
// wider and the value is kept. Of the fields that have no column, only the
// custom_ ones of the audit log get one.
//
// # What is read when
//
// The API gives no time of change. Lists that it can filter by a date
// (check-ins, pulses, high fives, one-on-ones) are read from a look-back before
// the latest row on, and as a whole once a week; everything else is read as a
// whole in each sync. If that takes more than a quarter of an hour at five
// requests per second, it is done less often, for at most a sixteenth of the
// time, and syncs in between read the objects with new ids. A whole reading
// may be spread over several syncs.
//
// Rows that a whole reading did not meet are marked as deleted at its end.
// A list that becomes shorter under way is read again, as rows may have slipped
// from one page to another; if that goes on, nothing of it is marked. Rows in the look-back that are gone are marked as
// deleted in each sync. The audit log is never: its events only expire.
//
// # Rows that belong to others
//
// Elements of a list in a user or a high five have the key (index, parent).
// When a list has become shorter, the keys beyond its end are deleted. The
// parts of a check-in (check_in_answer, check_in_comment, check_in_goal,
// check_in_accomplishment) have no key: where one was edited or removed all
// check-ins are read anew, in the same sync if it takes less than a quarter of
// an hour. At no time are there both versions of a part.
package fifteenfive

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/rest"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// The vendor's limit, per address from which requests come ("Public API
// supported features, limits", success.15five.com, 2026-06).
const (
	limit    = 5
	limitPer = time.Second
)

const (
	vendor  = "https://my.15five.com"
	apiPath = "api/public/"
)

type config struct {
	Schema string `json:"schema" title:"Destination schema" help:"Where the tables go in the destination. It cannot be changed later." required:"true" immutable:"true"`
	APIKey string `json:"api_key" title:"API key" help:"Made by an administrator of your 15Five account under Settings, Features, Integrations, Public API." required:"true" secret:"true"`
}

// Service is 15Five. All of its sources share one budget of requests, because
// 15Five counts what comes from one address.
var Service = service(rest.NewBudget(limit, limitPer))

func service(budget *rest.Budget) connector.Service {
	return connector.Service{
		ID:           "15five",
		Name:         "15Five",
		Kind:         "HumanResources",
		Description:  "15Five is an employee performance management platform.",
		SchemaFormat: connector.FormatSchema,
		Naming:       schema.ApplicationNaming,
		Config:       setup.Describe("15Five", config{}),
		Features:     []string{"CAPTURE_DELETES", "DATA_BLOCKING", "COLUMN_HASHING", "RE_SYNC"},
		Listing:      connector.Listing{Class: "lite"},
		Open: func(raw json.RawMessage, env connector.Env) (connector.Source, error) {
			return open(raw, env, budget)
		},
	}
}

// A source is one 15Five account.
type source struct {
	client *rest.Client
	api    *rest.API
}

func open(raw json.RawMessage, env connector.Env, budget *rest.Budget) (*source, error) {
	var cfg config
	if err := json.Unmarshal(raw, &cfg); err != nil {
		return nil, err
	}
	address := vendor
	if env.Endpoint != "" { // somebody else's server, with limits of its own or none
		address, budget = env.Endpoint, rest.OnDemand(limit, limitPer)
	}
	base, err := url.Parse(strings.TrimSuffix(address, "/") + "/")
	if err != nil {
		return nil, err
	}
	if base.Path == "/" {
		base.Path += apiPath
	}
	h := env.HTTP
	if h == nil { // a connection for each of the requests that are made at a time
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxIdleConnsPerHost = rest.Ahead
		h = &http.Client{Transport: t}
	}
	client := &rest.Client{
		Name: "15Five", Base: base, HTTP: h, Budget: budget, Log: env.Log, Now: env.Now,
		// The key as it is: vendor's documentation as quoted by Sling's (2026).
		Auth: rest.Header("Authorization", strings.TrimSpace(cfg.APIKey)),
	}
	return &source{client: client, api: &rest.API{Roots: []*rest.Resource{{Lists: lists()}}, Every: 100}}, nil
}

// Close implements [connector.Source].
func (s *source) Close() error {
	s.client.HTTP.CloseIdleConnections()
	return nil
}

// Tables implements [connector.Source]. It needs no request: what a key may
// not read shows when it is read.
func (s *source) Tables(context.Context, func(setup.Warning)) ([]schema.Table, error) {
	return s.api.Tables(), nil
}

// Sync implements [connector.Source].
func (s *source) Sync(ctx context.Context, req connector.Request, out connector.Output) error {
	err := s.api.Sync(ctx, s.client, req, out)
	switch p := keyProblem(err); {
	case p != nil:
		return p
	case rest.Status(err) == http.StatusForbidden:
		return &setup.Problem{Code: "permission_denied", Message: noAccess}
	}
	return err
}

// Forget implements [connector.Forgetter]. The tables of one list are read
// together.
func (s *source) Forget(state json.RawMessage, tables []schema.Name) (json.RawMessage, error) {
	return s.api.Forget(state, tables)
}

// Titles of the setup tests.
const (
	testConnect    = "Connecting to API"
	testKey        = "Validate API Key"
	testPermission = "Permission Test"
)

const (
	newKey     = "In 15Five an administrator creates a key under Settings, Features, Integrations, Public API."
	restricted = "This API key may read high fives only: the tables high_five, high_five_receiver and high_five_email_receiver will be synced, the others will not. " +
		"For all tables create a key without the option \"Limit API access to High Fives only\"."
	noAccess = "This API key may not read anything of this account. Check in 15Five that the public API is enabled and that the key belongs to an administrator."
)

// Test implements [connector.Source].
func (s *source) Test(ctx context.Context) []setup.TestResult {
	c := s.client.Impatient()
	err := c.Get(ctx, c.URL("user/", nil), &rest.Reply{})
	results := setup.NewResults(ctx)
	if reached := results.Add(c.Reached(err, testConnect)); reached[0].Status != setup.Passed {
		return reached
	}
	if p := keyProblem(err); p != nil {
		return results.Add(setup.TestResult{Title: testKey, Status: setup.Failed, Message: p.Message})
	}
	results.Add(setup.TestResult{Title: testKey, Status: setup.Passed})
	permission := setup.TestResult{Title: testPermission, Status: setup.Passed}
	switch {
	case rest.Status(err) == http.StatusForbidden:
		permission.Status, permission.Message = setup.Warned, restricted
		if err := c.Get(ctx, c.URL("high-five/", nil), &rest.Reply{}); err != nil {
			permission.Status, permission.Message = setup.Failed, noAccess
		}
	case err != nil:
		permission.Status, permission.Message = setup.Failed, rest.Cause(err)
	}
	return results.Add(permission)
}

// keyProblem returns what is wrong with the key if err says so, or nil.
func keyProblem(err error) *setup.Problem {
	var refused *rest.StatusError
	if !errors.As(err, &refused) || refused.Status != http.StatusUnauthorized {
		return nil
	}
	if strings.Contains(strings.ToLower(refused.Detail), "expired") {
		return &setup.Problem{Code: "api_key_expired", Message: "The API key has expired: 15Five's keys are valid for one year. Enter a new one. " + newKey}
	}
	return &setup.Problem{Code: "authentication_failed", Message: "15Five does not accept this API key. Enter it again, all 32 characters and nothing else, or a new one. " + newKey}
}
