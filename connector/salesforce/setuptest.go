package salesforce

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/penstock-data/penstock/connector/rest"
	"github.com/penstock-data/penstock/setup"
)

// Titles of the setup tests.
const (
	testCertificate = "Validate Certificate"
	testConnect     = "Connecting to API"
	testLogin       = "Validate Login"
	testPermission  = "Permission Test"
	testUsage       = "API Usage"
)

// Test implements [connector.Source].
func (s *source) Test(ctx context.Context) []setup.TestResult {
	results := setup.NewResults(ctx)
	if s.key != nil && s.key.certificate != nil {
		if own := results.Add(s.testCertificate()); own[0].Status == setup.Failed {
			return own
		}
	}
	s.api = nil
	err := s.connect(ctx)
	if err == nil {
		s.api.client.Tries, s.api.client.Patience = 2, time.Minute // somebody sits and waits
		err = s.api.identify(ctx)
	}
	if err == nil {
		err = s.api.timed(ctx)
	}
	var pause *setup.Reschedule
	switch problem := setup.AsProblem(err); {
	case problem != nil && problem.Code == "permission_denied":
		results.Add(passed(testConnect), passed(testLogin))
		return results.Add(failed(testPermission, problem.Message))
	case problem != nil && problem.Code == "clock_differs":
		return results.Add(failed(testConnect, problem.Message))
	case problem != nil:
		return results.Add(passed(testConnect), failed(testLogin, problem.Message))
	case errors.As(err, &pause):
		return results.Add(passed(testConnect), passed(testLogin), failed(testUsage, pause.Reason+". Try again in an hour."))
	case err != nil:
		return results.Add(failed(testConnect, fmt.Sprintf("%s could not be reached: %s. Check that this server may open connections to it, through a firewall or proxy if there is one, and try again.",
			hostOf(s.address), cause(err))))
	}
	results.Add(passed(testConnect), passed(testLogin))
	permission := s.testPermission(ctx)
	results.Add(permission)
	if permission.Status == setup.Failed {
		return results.List
	}
	return results.Add(s.testUsage(ctx))
}

const noObjects = "The user of this connection may not read any object. In Salesforce give it a permission set with read access to the objects that you want, best of all \"View All Data\"."

func passed(title string) setup.TestResult {
	return setup.TestResult{Title: title, Status: setup.Passed}
}

func failed(title, message string) setup.TestResult {
	return setup.TestResult{Title: title, Status: setup.Failed, Message: message}
}

// testCertificate looks whether the certificate holds: its file may be older
// than the one that the connected app has.
func (s *source) testCertificate() setup.TestResult {
	c := s.key.certificate
	if now := s.env.Now(); now.After(c.NotAfter) || now.Before(c.NotBefore) {
		return failed(testCertificate, fmt.Sprintf("The certificate is valid from %s to %s only. Make a new one, give it to the connected app, and enter it here with its key.",
			c.NotBefore.Format(time.DateOnly), c.NotAfter.Format(time.DateOnly)))
	}
	return passed(testCertificate)
}

// testPermission looks for objects that the user may read.
func (s *source) testPermission(ctx context.Context) setup.TestResult {
	names, _, err := s.api.objectNames(ctx)
	switch problem := setup.AsProblem(err); {
	case problem != nil:
		return failed(testPermission, problem.Message)
	case err != nil:
		return failed(testPermission, "The list of objects could not be read: "+cause(err))
	case len(names) == 0:
		return failed(testPermission, noObjects)
	}
	return passed(testPermission)
}

// testUsage looks how much of the organization's requests is left.
func (s *source) testUsage(ctx context.Context) setup.TestResult {
	var r rest.Reply
	s.api.usage = usage{} // what is known of it does not keep this request from being made
	if err := s.api.get(ctx, s.api.path("limits"), &r); err != nil {
		return setup.TestResult{Title: testUsage, Status: setup.Warned, Message: "The limits of the organization could not be read: " + cause(err)}
	}
	most, left := r.Value.GetInt64("DailyApiRequests", "Max"), r.Value.GetInt64("DailyApiRequests", "Remaining")
	u := usage{most - left, most}
	if most > 0 && u.percent() >= int64(s.config.APIUsageLimit) {
		return setup.TestResult{Title: testUsage, Status: setup.Warned, Message: fmt.Sprintf(
			"%d of %d requests that Salesforce allows in 24 hours are used, by everybody together. Syncs wait until it is less than %d percent (api_usage_limit).", u.used, u.of, s.config.APIUsageLimit)}
	}
	return passed(testUsage)
}

// identify finds out who is logged in.
func (a *api) identify(ctx context.Context) error {
	u, err := url.Parse(a.identity)
	if err != nil || !strings.HasPrefix(u.Path, "/id/") {
		return nil
	}
	var r rest.Reply
	if err := a.get(ctx, strings.TrimPrefix(u.Path, "/"), &r); err != nil {
		return err
	}
	a.zone = string(r.Value.GetStringBytes("timezone"))
	a.who = map[string]string{
		"connecting_user":       string(r.Value.GetStringBytes("username")),
		"connecting_user_email": string(r.Value.GetStringBytes("email")),
		"organization_id":       string(r.Value.GetStringBytes("organization_id")),
	}
	return nil
}

// user returns the id of the user who is logged in, or "".
func (a *api) user() string { return a.identity[strings.LastIndexByte(a.identity, '/')+1:] }

// organization returns the id of the organization, or "".
func (a *api) organization() string {
	parts := strings.Split(a.identity, "/")
	return parts[max(len(parts)-2, 0)]
}

// Learned implements [connector.Learner].
func (s *source) Learned() map[string]string {
	if s.api == nil {
		return nil
	}
	return s.api.who
}

func hostOf(address string) string {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		return u.Host
	}
	return address
}

// cause returns what went wrong without the address, which is named already.
func cause(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return err.Error()
}
