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
	ahead    time.Duration     // of Salesforce's clock before ours
	usage    usage
	calls    []call // since they were last sent; see FIVETRAN_API_CALL
	quiet    bool   // calls are not noted
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

// do makes a request and notes what the answer says about all requests.
func (a *api) do(ctx context.Context, q rest.Request, r *rest.Reply) error {
	if err := a.allowed(); err != nil {
		return err
	}
	a.note(q)
	err := a.client.Do(ctx, q, r)
	header := r.Header
	var refused *rest.StatusError
	if errors.As(err, &refused) {
		header = refused.Header
	}
	a.heed(header)
	return a.explain(err)
}

// heed reads the headers that come with every answer.
func (a *api) heed(h http.Header) {
	if u, ok := parseUsage(h.Get("Sforce-Limit-Info")); ok {
		a.usage = u
	}
	if at, err := http.ParseTime(h.Get("Date")); err == nil {
		a.ahead = at.Sub(a.env.Now()) // or a little less: rows may be read twice, but none is passed over
	}
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

// query asks for rows, deleted ones among them, or counts them. A query that
// is too long for an address goes into the body of a batch of one ("Maximum
// number of rows returned by SOQL queries over the REST API", Salesforce Help,
// 2022-10).
func (a *api) query(ctx context.Context, soql string, r *rest.Reply) (*fastjson.Value, error) {
	address := a.path("queryAll") + "?q=" + strings.ReplaceAll(url.QueryEscape(soql), "%2C", ",")
	if len(address) <= a.longQuery {
		if err := a.get(ctx, address, r); err != nil {
			return nil, err
		}
		return r.Value, nil
	}
	var result *fastjson.Value
	err := a.batch(ctx, []string{strings.TrimPrefix(address, "services/data/")}, r, func(_ int, v *fastjson.Value, err error) error {
		result = v
		return err
	})
	return result, err
}

// batch makes up to 25 requests in one, and gives what each is answered with
// to each.
func (a *api) batch(ctx context.Context, addresses []string, r *rest.Reply, each func(i int, v *fastjson.Value, err error) error) error {
	type request struct {
		Method string `json:"method"`
		URL    string `json:"url"`
	}
	var body struct {
		Requests []request `json:"batchRequests"`
	}
	for _, at := range addresses {
		body.Requests = append(body.Requests, request{http.MethodGet, at})
	}
	if err := a.send(ctx, http.MethodPost, a.path("composite", "batch"), body, r); err != nil {
		return err
	}
	results := r.Value.GetArray("results")
	if len(results) != len(addresses) {
		return fmt.Errorf("%s answered %d of %d requests of a batch", a.name, len(results), len(addresses))
	}
	for i, v := range results {
		var err error
		if status := v.GetInt("statusCode"); status/100 != 2 {
			said := v.Get("result", "0")
			refused := &rest.StatusError{Status: status, URL: strings.Split(addresses[i], "?")[0],
				Detail: string(said.GetStringBytes("message")), Code: string(said.GetStringBytes("errorCode"))}
			if wait := throttled(refused); wait > 0 {
				return &setup.Reschedule{Until: a.env.Now().Add(hour), Reason: a.name + " accepts no more requests for now"}
			}
			err = a.explain(refused)
		}
		if err := each(i, v.Get("result"), err); err != nil {
			return err
		}
	}
	return nil
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
