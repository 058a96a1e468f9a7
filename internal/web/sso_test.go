package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/penstock-data/penstock/internal/web/webtest"
)

// ssoSite is a site whose people sign in at a provider.
func ssoSite(t *testing.T, role string) (*site, *webtest.Provider) {
	p := webtest.NewProvider(t, func() time.Time { return siteTime })
	s := newSite(t, func(c *Config) {
		c.SSO = &SSO{Issuer: p.URL, ClientID: webtest.Client, ClientSecret: webtest.Secret, Role: role}
	})
	s.api.HandleFunc("GET /v1/", func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte(`{"code":"Success","data":{"items":[],"total":0}}`))
	})
	return s, p
}

func TestSingleSignOn(t *testing.T) {
	s, p := ssoSite(t, "")
	if _, _, body := s.browser().do("GET", "/signin", nil); !strings.Contains(body, ssoPath) {
		t.Errorf("the sign-in page does not offer it:\n%s", body)
	}
	tests := []struct {
		name   string
		claims map[string]any
		status int
		says   string // on the page
	}{
		{"a user", map[string]any{"email": "ann@example.com"}, 200, "ann@example.com"},
		{"in capitals", map[string]any{"email": "Ann@Example.com", "email_verified": "true"}, 200, "ann@example.com"},
		{"a stranger", map[string]any{"email": "bob@example.com"}, 403, "Nobody has invited bob@example.com"},
		{"a hostile stranger", map[string]any{"email": "<script>alert(1)</script>@x"}, 403, "&lt;script&gt;"},
		{"an address not verified", map[string]any{"email": "ann@example.com", "email_verified": false}, 403, "not verified"},
		{"an address said to be nothing", map[string]any{"email": "ann@example.com", "email_verified": nil}, 403, "not verified"},
		{"no address", nil, 403, "not verified"},
		{"another sign-in's token", map[string]any{"email": "ann@example.com", "nonce": "another"}, 502, "cannot be trusted"},
		{"another client's token", map[string]any{"email": "ann@example.com", "aud": "another"}, 502, "cannot be trusted"},
		{"another issuer's token", map[string]any{"email": "ann@example.com", "iss": "https://evil.example.com"}, 502, "cannot be trusted"},
		{"an old token", map[string]any{"email": "ann@example.com", "exp": 1}, 502, "cannot be trusted"},
		{"a refusal", map[string]any{"refuse": true}, 403, "access_denied"},
	}
	for _, tt := range tests {
		p.Claims = tt.claims
		b := s.browser()
		status, at, body := b.do("GET", ssoPath+"?next=%2Fconnections%3Fstate%3Dfine", nil)
		if status != tt.status || !strings.Contains(body, tt.says) || tt.status == 200 && at != "/connections?state=fine" {
			t.Errorf("%s: %d %s\n%s", tt.name, status, at, body)
		}
		if _, at, _ := b.do("GET", "/connections", nil); (at == "/connections") != (tt.status == 200) {
			t.Errorf("%s: then at %s", tt.name, at)
		}
	}
}

// TestSingleSignOnElsewhere brings a browser what another's sign-in led to.
func TestSingleSignOnElsewhere(t *testing.T) {
	s, p := ssoSite(t, "")
	p.Claims = map[string]any{"email": "ann@example.com"}
	s.browser().do("GET", ssoPath, nil)
	for _, state := range []string{"", p.Asked.Get("state")} {
		if status, _, _ := s.browser().do("GET", ssoReturn+"?code=the-code&state="+url.QueryEscape(state), nil); status != 400 {
			t.Errorf("state %q: %d", state, status)
		}
	}
}

// TestSingleSignOnMakesUsers has an administrator who lets everybody in whom
// the provider knows.
func TestSingleSignOnMakesUsers(t *testing.T) {
	s, p := ssoSite(t, "Account Reviewer")
	p.Claims = map[string]any{"email": "bob@example.com", "given_name": "Bob", "family_name": "Ray"}
	for range 2 {
		if status, _, body := s.browser().do("GET", ssoPath, nil); status != 200 || !strings.Contains(body, "bob@example.com") {
			t.Fatalf("%d\n%s", status, body)
		}
	}
	u, err := s.store.UserByEmail(t.Context(), "bob@example.com")
	must(t, err)
	if u.Role != "Account Reviewer" || u.GivenName != "Bob" || !u.Verified {
		t.Errorf("made %+v", u)
	}
}
