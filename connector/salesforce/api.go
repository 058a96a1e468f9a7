package salesforce

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fastjson"

	"github.com/penstock-data/penstock/connector/rest"
	"github.com/penstock-data/penstock/setup"
)

// version is that of Fivetran's connector (2025-05).
const version = "v63.0"

// An api is an organization, reached by a login.
type api struct {
	*source
	client   *rest.Client
	version  string            // of the API
	identity string            // the address that says who is logged in
	who      map[string]string // the config's fields that say it; nil: not asked for
	zone     string            // that user's time zone; "": not known
	clock    clock
	usage    usage
	calls    []call // since they were last sent; see FIVETRAN_API_CALL
	quiet    bool   // calls are not noted

	// early are answers that are there before they are asked for, by their
	// addresses.
	early map[string]*fastjson.Value
}

// A usage is how many requests the organization has made in the last 24 hours.
type usage struct{ used, of int64 }

// percent returns the part of the limit that is used, 0 if it is not known.
func (u usage) percent() int64 {
	if u.of <= 0 {
		return 0
	}
	return u.used * 100 / u.of
}

// parseUsage reads a Sforce-Limit-Info header:
// api-usage=25/5000; per-app-api-usage=17/250(appName=x).
func parseUsage(header string) (u usage, ok bool) {
	for part := range strings.SplitSeq(header, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if name != "api-usage" {
			continue
		}
		used, of, _ := strings.Cut(value, "/")
		var err1, err2 error
		u.used, err1 = strconv.ParseInt(used, 10, 64)
		u.of, err2 = strconv.ParseInt(of, 10, 64)
		return u, err1 == nil && err2 == nil
	}
	return u, false
}

// hour is how long a sync waits when the API limit is reached (Fivetran's
// Salesforce connector, 2026-07).
const hour = time.Hour

// allowed returns a Reschedule if the organization has used up what this
// connection may use of its requests.
func (a *api) allowed() error {
	if a.usage.percent() < int64(a.config.APIUsageLimit) {
		return nil
	}
	u := a.usage
	a.usage = usage{} // whoever asks again finds out anew
	return &setup.Reschedule{Until: a.env.Now().Add(hour), Reason: fmt.Sprintf(
		"%d of %d requests that %s allows in 24 hours are used, by everybody together, and api_usage_limit is %d percent",
		u.used, u.of, a.name, a.config.APIUsageLimit)}
}

// throttled says how long to wait after refusals that do not say so: a total
// that is used up, by the hour, and too many requests at one time.
func throttled(e *rest.StatusError) time.Duration {
	switch {
	case e.Code != "REQUEST_LIMIT_EXCEEDED":
		return 0
	case strings.Contains(e.Detail, "Concurrent"):
		return 5 * time.Second
	}
	return hour
}

// path returns the address of a resource.
func (a *api) path(parts ...string) string {
	return "services/data/" + a.version + "/" + strings.Join(parts, "/")
}

// do makes a request, unless the answer is there, and notes what that says about
// all requests.
func (a *api) do(ctx context.Context, q rest.Request, r *rest.Reply) error {
	if v := a.early[q.URL]; v != nil {
		delete(a.early, q.URL)
		r.Value = v
		return nil
	}
	if err := a.allowed(); err != nil {
		return err
	}
	a.note(q)
	err := a.client.Do(ctx, q, r)
	var refused *rest.StatusError
	switch {
	case err == nil:
		a.heed(r.Header)
	case errors.As(err, &refused) && refused.Header != nil:
		a.heed(refused.Header)
	}
	return a.explain(err)
}

// heed reads the headers that come with every answer.
func (a *api) heed(h http.Header) {
	if u, ok := parseUsage(h.Get("Sforce-Limit-Info")); ok {
		a.usage = u
	}
	a.clock.heed(h.Get("Date"), a.env.Now())
}

// open makes a request whose answer is read as it comes.
func (a *api) open(ctx context.Context, q rest.Request) (*http.Response, error) {
	if err := a.allowed(); err != nil {
		return nil, err
	}
	a.note(q)
	res, err := a.client.Open(ctx, q)
	if err == nil {
		a.heed(res.Header)
	}
	return res, a.explain(err)
}

func (a *api) get(ctx context.Context, address string, r *rest.Reply) error {
	return a.do(ctx, rest.Request{URL: address}, r)
}

func (a *api) send(ctx context.Context, method, address string, body any, r *rest.Reply) error {
	q := rest.Request{Method: method, URL: address}
	if body != nil {
		js, err := json.Marshal(body)
		if err != nil {
			return err
		}
		q.Body, q.Type = js, "application/json"
	}
	return a.do(ctx, q, r)
}

// mostRows is how many rows Salesforce has on a page, and fewestRows how many at
// least if one asks for fewer (REST API Developer Guide, "Query Options
// Header", 2026-07).
const mostRows, fewestRows = 2000, 200

// paged returns the header that asks for pages of that many rows, about.
func paged(rows int) http.Header {
	if rows >= mostRows {
		return nil
	}
	return http.Header{"Sforce-Query-Options": {"batchSize=" + strconv.Itoa(max(rows, fewestRows))}}
}

// queryAddress returns the address of the answer to a query, deleted rows among
// the others.
func (a *api) queryAddress(soql string) string {
	return a.path("queryAll") + "?q=" + strings.ReplaceAll(url.QueryEscape(soql), "%2C", ",")
}

// query asks for rows, deleted ones among them, in pages of that many, or counts
// them. A query that is too long for an address goes into the body of a request
// for one ("Maximum number of rows returned by SOQL queries over the REST API",
// Salesforce Help, 2022-10).
func (a *api) query(ctx context.Context, soql string, rows int, r *rest.Reply) (*fastjson.Value, error) {
	address := a.queryAddress(soql)
	if len(address) <= a.longQuery || a.early[address] != nil {
		if err := a.do(ctx, rest.Request{URL: address, Header: paged(rows)}, r); err != nil {
			return nil, err
		}
		return r.Value, nil
	}
	var result *fastjson.Value
	err := a.together(ctx, []subrequest{{address, paged(rows)}}, r, func(_ int, v *fastjson.Value, err error) error {
		result = v
		return err
	})
	return result, err
}

// code returns Salesforce's word for what is wrong, or "".
func code(err error) string {
	var refused *rest.StatusError
	if errors.As(err, &refused) {
		return refused.Code
	}
	return ""
}

// explain makes what only a person can mend a Problem.
func (a *api) explain(err error) error {
	if err == nil || setup.AsProblem(err) != nil {
		return err
	}
	switch code(err) {
	case "INVALID_SESSION_ID", "INVALID_AUTH_HEADER":
		return &setup.Problem{Code: "authentication_failed", Message: a.name + " gave this connection a session and does not accept it. " +
			"Check that the user is active and that its profile allows logins from this server's address. Then log in again.", Err: err}
	case "API_DISABLED_FOR_ORG", "API_CURRENTLY_DISABLED":
		return &setup.Problem{Code: "permission_denied", Message: "The user of this connection may not use the API. In Salesforce give it a profile or a permission set with \"API Enabled\". " +
			"The organization needs an edition that has the API: Enterprise, Unlimited, Performance, Developer, or Professional with API access.", Err: err}
	}
	return err
}
