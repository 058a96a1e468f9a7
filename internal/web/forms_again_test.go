package web

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestRefusedAgain has the API refuse forms of the account: what was entered is
// still there, but for secrets.
func TestRefusedAgain(t *testing.T) {
	s := newSite(t)
	s.full()
	for _, method := range []string{"POST", "PATCH"} {
		s.api.HandleFunc(method+" /", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			io.WriteString(w, `{"code":"BadRequest","message":"Not like this"}`)
		})
	}
	b := s.signedIn()
	for _, c := range []struct {
		path  string
		form  url.Values
		again []string
	}{
		{"/account/users", url.Values{"do": {"invite"}, "email": {"ann@example.com"}, "given_name": {"Ann"}, "family_name": {"Lee"}}, []string{`value="ann@example.com"`, `value="Ann"`, `value="Lee"`}},
		{"/account/users/u", url.Values{"do": {"save"}, "given_name": {"Ann"}, "family_name": {"Lee"}}, []string{`value="Ann"`, `value="Lee"`}},
		{"/account/teams", url.Values{"do": {"create"}, "name": {"Sales"}, "description": {"who sell"}}, []string{`value="Sales"`, `value="who sell"`}},
		{"/account/teams/t", url.Values{"do": {"save"}, "name": {"Sales"}, "description": {""}}, []string{`value="Sales"`, `name="description" value=""`}},
		{"/account/system-keys", url.Values{"do": {"create"}, "name": {"ci"}, "expiration_period": {"ONE_WEEK"}, "TEAM": {"READ"}}, []string{`value="ci"`, `value="ONE_WEEK" selected`, `value="READ" selected`}},
		{"/account/system-keys/k", url.Values{"do": {"save"}, "name": {"ci"}, "TEAM": {"MANAGE"}}, []string{`value="ci"`, `value="MANAGE" selected`}},
		{"/account/webhooks", url.Values{"do": {"create"}, "url": {"https://example.com"}, "secret": {"hush"}, "events": {"status"}}, []string{`value="https://example.com"`, `value="status" checked`, `value="sync_start">`, `value="yes">`, "enter it once more"}},
		{"/account/agents", url.Values{"do": {"hybrid"}, "display_name": {"basement"}, "env_type": {"PODMAN"}}, []string{"<details open>", `value="basement"`, `<option selected>PODMAN`}},
	} {
		status, _, body := b.do("POST", c.path, c.form)
		if status != 400 || !strings.Contains(body, "Not like this") {
			t.Errorf("%s: %d", c.path, status)
		}
		for _, want := range c.again {
			if !strings.Contains(body, want) {
				t.Errorf("%s has not %s", c.path, want)
			}
		}
		if strings.Contains(body, "hush") {
			t.Errorf("%s shows a secret", c.path)
		}
		if _, _, fresh := b.do("GET", c.path, nil); strings.Contains(fresh, `value="ci"`) || strings.Contains(fresh, "<details open>") {
			t.Errorf("%s remembers it", c.path)
		}
	}
}
