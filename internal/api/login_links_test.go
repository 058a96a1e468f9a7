package api

import (
	"net/url"
	"strings"
	"testing"
)

func TestLoginLinks(t *testing.T) {
	e := newEnv(t)
	eve := e.newUser("eve@example.com", "Account Reviewer")
	path := "/v1/penstock/users/" + eve + "/login-link"
	a := e.ok("POST", path, "")
	u, err := url.Parse(a.data["link"].(string))
	must(t, err)
	if got, err := e.store.LoginLink(t.Context(), u.Query().Get("token"), e.now); err != nil || got.ID != eve || u.Path != "/welcome" {
		t.Errorf("%s is of %v, %v", u, got, err)
	}
	owner := e.user.ID
	e.login(t, "Account Reviewer")
	for _, id := range []string{owner, eve} {
		if a := e.do("POST", "/v1/penstock/users/"+id+"/login-link", ""); a.status != 403 {
			t.Errorf("a reviewer: %d %s", a.status, a.body)
		}
	}
	if a := e.do("POST", "/v1/penstock/users/nobody/login-link", ""); a.status != 404 {
		t.Errorf("of nobody: %d %s", a.status, a.body)
	}
}

func TestLogServiceKinds(t *testing.T) {
	e := newEnv(t)
	items := e.ok("GET", "/v1/penstock/log-services", "").data["items"].([]any)
	for _, item := range items {
		kind := item.(map[string]any)
		if len(kind["fields"].([]any)) == 0 || kind["name"] == "" {
			t.Errorf("got %v", kind)
		}
	}
	if body := e.do("GET", "/v1/penstock/log-services", "").body; len(items) < 5 || !strings.Contains(body, `"secret":true`) {
		t.Errorf("got %s", body)
	}
}
