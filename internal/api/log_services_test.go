package api

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/fivetran/go-fivetran"
	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/logship"
	"github.com/penstock-data/penstock/internal/outside"
	"github.com/penstock-data/penstock/internal/storetest"
)

// newLogEnv returns a server whose log services are all one, which takes what
// has the right token, "t0ken", and says how often it was asked.
func newLogEnv(t *testing.T, location string) (e *env, url string, asked *int) {
	e, asked = newEnvAt(t, location), new(int)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked++
		if r.Header.Get("Authorization") != "Bearer t0ken" && r.Header.Get("DD-API-KEY") != "t0ken" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	t.Cleanup(srv.Close)
	e.handler = watch(t, New(Config{
		Store: e.store, Engine: e.engine, Connectors: testConnectors, Destinations: testDestinations, Now: func() time.Time { return e.now },
		Logs: logship.NewSender(outside.Policy{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}, map[string]string{"datadog_log": srv.URL}),
	}))
	return e, srv.URL, asked
}

func TestLogServices(t *testing.T) {
	storetest.Each(t, func(t *testing.T, location string) {
		e, url, asked := newLogEnv(t, location)
		g := e.group("g")
		a := e.ok("POST", "/v1/external-logging", `{"group_id":"`+g+`","service":"grafana_loki","enabled":true,"config":{"loki_url":"`+url+`","access_token":"t0ken"}}`)
		want := map[string]any{"id": g, "service": "grafana_loki", "enabled": true, "config": map[string]any{"loki_url": url, "access_token": "******"}}
		if d := cmp.Diff(want, a.data); a.status != 201 || a.message != "External logging service has been added" || d != "" {
			t.Error(a.status, a.message, d)
		}
		if *asked != 0 {
			t.Error("it was tested without being asked to")
		}
		if a := e.do("POST", "/v1/external-logging", `{"group_id":"`+g+`","service":"datadog_log"}`); a.status != 409 || a.code != "Conflict" {
			t.Errorf("a second one: %d %s", a.status, a.body)
		}
		path := "/v1/external-logging/" + g
		a = e.ok("POST", path+"/test", "")
		passed := []any{map[string]any{"title": "Sending a test event", "status": "PASSED", "message": ""}}
		if d := cmp.Diff(map[string]any{"setup_tests": passed}, a.data); a.message != "Setup tests have been completed" || d != "" || *asked != 1 {
			t.Error(a.message, d)
		}
		want["status"], want["setup_tests"] = map[string]any{"tasks": []any{}, "setup_state": "connected"}, passed
		if a := e.ok("GET", path, ""); cmp.Diff(want, a.data) != "" || a.message != "External logging service details retrieved successfully" {
			t.Errorf("got %s", a.body)
		}

		// What is not said stays, and a mask is not a secret.
		a = e.ok("PATCH", path, `{"config":{"access_token":"******"},"run_setup_tests":true}`)
		if cmp.Diff(want, a.data) != "" || *asked != 2 || a.message != "External logging service has been updated" {
			t.Errorf("got %s", a.body)
		}
		a = e.ok("PATCH", path, `{"enabled":false,"config":{"access_token":"wrong"},"run_setup_tests":true}`)
		status := a.data["status"].(map[string]any)
		details := status["tasks"].([]any)[0].(map[string]any)["details"].(string)
		if a.data["enabled"] != false || status["setup_state"] != "broken" || !strings.Contains(details, "401 Unauthorized") || strings.Contains(a.body, "wrong") {
			t.Errorf("got %s", a.body)
		}
		if a := e.do("PATCH", path, `{"config":{"loki_url":"loki.example.com"}}`); a.status != 400 || a.message != "Invalid value for field 'loki_url': it is not a URL" {
			t.Errorf("an address that is none: %d %s", a.status, a.body)
		}
		a = e.ok("PATCH", path, `{"config":{"loki_url":"`+url+`/"}}`)
		if a.data["status"] != nil || a.data["setup_tests"] != nil {
			t.Errorf("what was found of another config: %s", a.body)
		}

		// The account's own is not among those of groups.
		h := e.group("h")
		e.ok("POST", "/v1/external-logging", `{"group_id":"`+h+`","service":"splunkLog"}`)
		a = e.ok("POST", "/v1/external-logging/account", `{"service":"datadog_log","config":{"api_key":"t0ken"},"run_setup_tests":true}`)
		if a.status != 201 || a.message != "Account external logging service has been added" || a.data["id"] != e.user.AccountID ||
			a.data["status"].(map[string]any)["setup_state"] != "connected" {
			t.Errorf("got %d %s", a.status, a.body)
		}
		a = e.ok("GET", "/v1/external-logging", "")
		items := a.data["items"].([]any)
		if a.message != "External logging services retrieved successfully" || len(items) != 2 || items[0].(map[string]any)["id"] != g ||
			items[1].(map[string]any)["status"].(map[string]any)["setup_state"] != "incomplete" {
			t.Errorf("got %s", a.body)
		}
		if a := e.ok("GET", "/v1/external-logging?limit=1", ""); len(a.data["items"].([]any)) != 1 || a.data["next_cursor"] == nil {
			t.Errorf("got %s", a.body)
		}
		for _, tt := range []struct{ method, path, body, message string }{
			{"GET", "", "", "Account external logging service details retrieved successfully"},
			{"PATCH", "", `{"enabled":false}`, "Account external logging service has been updated"},
			{"POST", "/test", "", "Account external logging service setup tests have been completed"},
			{"DELETE", "", "", "Account external logging service has been deleted"},
		} {
			if a := e.ok(tt.method, "/v1/external-logging/account"+tt.path, tt.body); a.message != tt.message {
				t.Errorf("%s: %s", tt.method, a.body)
			}
		}
		if a := e.ok("DELETE", path, ""); a.message != "External logging service with id '"+g+"' has been deleted" {
			t.Errorf("got %s", a.body)
		}
		e.ok("DELETE", "/v1/groups/"+h, "")
		if a := e.ok("GET", "/v1/external-logging", ""); len(a.data["items"].([]any)) != 0 {
			t.Errorf("after its group: %s", a.body)
		}
	})
}

func TestLogServiceErrors(t *testing.T) {
	root, _, _ := newLogEnv(t, t.TempDir())
	g, h := root.group("g"), root.group("h")
	root.ok("POST", "/v1/external-logging", `{"group_id":"`+g+`","service":"datadog_log","config":{"api_key":"k"}}`)
	const logs, one, account = "/v1/external-logging", "/v1/external-logging/{g}", "/v1/external-logging/account"
	gone := "Log service with id '{h}' does not exist."
	refuses(t, root, strings.NewReplacer("{g}", g, "{h}", h), []refused{
		{"no group", "POST", logs, `{"service":"datadog_log"}`, "", 400, "InvalidInput", "Field 'group_id' is required"},
		{"no service", "POST", logs, `{"group_id":"{h}"}`, "", 400, "InvalidInput", "Field 'service' is required"},
		{"another service", "POST", logs, `{"group_id":"{h}","service":"stackdriver"}`, "", 400, "InvalidInput", "Unsupported service 'stackdriver'"},
		{"another region", "POST", logs, `{"group_id":"{h}","service":"datadog_log","config":{"region":"x"}}`, "", 400, "InvalidInput",
			"Invalid 'config' object: field 'region' is one of EU, US1, AP1, AP2, US3, US5, US1_FED"},
		{"nothing to test", "POST", logs, `{"group_id":"{h}","service":"datadog_log","run_setup_tests":true}`, "", 400, "InvalidInput", "Field 'api_key' is required"},
		{"password in the address", "POST", logs, `{"group_id":"{h}","service":"grafana_loki","config":{"loki_url":"https://u:p@loki.example.com"}}`, "", 400, "InvalidInput",
			"Invalid value for field 'loki_url': it must not hold a user or a password"},
		{"no such group", "POST", logs, `{"group_id":"x","service":"datadog_log"}`, "", 404, "NotFound_Group", "Group with id 'x' does not exist."},
		{"account without service", "POST", account, `{}`, "", 400, "InvalidInput", "Field 'service' is required"},
		{"required field removed", "PATCH", one, `{"config":{"api_key":null}}`, "", 400, "InvalidInput", "Field 'api_key' is required"},
		{"read none", "GET", logs + "/{h}", "", "", 404, "NotFound_LogService", gone},
		{"change none", "PATCH", logs + "/{h}", `{}`, "", 404, "NotFound_LogService", gone},
		{"delete none", "DELETE", logs + "/{h}", "", "", 404, "NotFound_LogService", gone},
		{"test none", "POST", logs + "/{h}/test", "", "", 404, "NotFound_LogService", gone},
		{"account has none", "GET", account, "", "", 404, "NotFound_LogService", "The account has no log service."},
		{"account changes none", "PATCH", account, `{}`, "", 404, "NotFound_LogService", "The account has no log service."},
		{"account deletes none", "DELETE", account, "", "", 404, "NotFound_LogService", "The account has no log service."},
		{"account tests none", "POST", account + "/test", "", "", 404, "NotFound_LogService", "The account has no log service."},

		{"reviewer reads", "GET", one, "", access.Reviewer, 200, "Success", "External logging service details retrieved successfully"},
		{"reviewer creates", "POST", logs, `{"group_id":"{h}","service":"datadog_log"}`, access.Reviewer, 403, "Forbidden", forbidden},
		{"reviewer changes", "PATCH", one, `{}`, access.Reviewer, 403, "Forbidden", forbidden},
		{"reviewer deletes", "DELETE", one, "", access.Reviewer, 403, "Forbidden", forbidden},
		{"reviewer tests", "POST", one + "/test", "", access.Reviewer, 403, "Forbidden", forbidden},
		{"reviewer creates the account's", "POST", account, `{"service":"datadog_log"}`, access.Reviewer, 403, "Forbidden", forbidden},
		{"stranger reads", "GET", one, "", nobodys, 404, "NotFound_LogService", "Log service with id '{g}' does not exist."},
		{"stranger lists", "GET", logs, "", nobodys, 403, "Forbidden", forbidden},
	})
}

// TestLogServiceClient has Fivetran's client do what its own tests do.
func TestLogServiceClient(t *testing.T) {
	e := newEnv(t)
	srv := httptest.NewServer(e.handler)
	defer srv.Close()
	c := fivetran.New(e.key, e.secret)
	c.BaseURL(srv.URL + "/v1")
	g := e.group("g")
	created, err := c.NewExternalLoggingCreate().GroupId(g).Service("cloudwatch").Enabled(true).Config(fivetran.NewExternalLoggingConfig().
		RoleArn("arn:aws:iam::123456789012:role/LogRole").ExternalId("x").Region("us-east-1").LogGroupName("log")).Do(t.Context())
	must(t, err)
	if d := created.Data; d.Id != g || !d.Enabled || d.Config.RoleArn != "arn:aws:iam::123456789012:role/LogRole" || d.Config.Region != "us-east-1" {
		t.Errorf("got %+v", created)
	}
	updated, err := c.NewExternalLoggingUpdate().ExternalLoggingId(g).Enabled(true).Config(fivetran.NewExternalLoggingConfig().Region("us-west-2")).Do(t.Context())
	must(t, err)
	if d := updated.Data; d.Service != "cloudwatch" || d.Config.Region != "us-west-2" || d.Config.LogGroupName != "log" {
		t.Errorf("got %+v", updated)
	}
	tested, err := c.NewExternalLoggingSetupTests().ExternalLoggingId(g).Do(t.Context())
	must(t, err)
	if len(tested.Data.SetupTests) != 1 || tested.Data.SetupTests[0].Status != "FAILED" {
		t.Errorf("got %+v", tested)
	}
	list, err := c.NewExternalLoggingList().Do(t.Context())
	must(t, err)
	if len(list.Data.Items) != 1 || list.Data.Items[0].Id != g {
		t.Errorf("got %+v", list)
	}
	deleted, err := c.NewExternalLoggingDelete().ExternalLoggingId(g).Do(t.Context())
	must(t, err)
	if !strings.Contains(deleted.Message, g) {
		t.Errorf("got %+v", deleted)
	}
}
