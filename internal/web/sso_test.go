package web

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// A provider signs in at once whoever it is told to, as strictly as one of
// OpenID Connect does.
type provider struct {
	t      *testing.T
	url    string
	key    *rsa.PrivateKey
	claims map[string]any // beside what the protocol asks for, which they replace
	asked  url.Values     // the latest request to sign in
}

func newProvider(t *testing.T) *provider {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	p := &provider{t: t, key: key}
	mux := http.NewServeMux()
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	p.url = srv.URL
	answer := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(v)
	}
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		answer(w, map[string]any{"issuer": p.url, "authorization_endpoint": p.url + "/authorize", "token_endpoint": p.url + "/token",
			"jwks_uri": p.url + "/keys", "id_token_signing_alg_values_supported": []string{"RS256"}})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, r *http.Request) {
		b64 := base64.RawURLEncoding.EncodeToString
		answer(w, map[string]any{"keys": []any{map[string]string{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "k",
			"n": b64(key.N.Bytes()), "e": b64(big.NewInt(int64(key.E)).Bytes())}}})
	})
	mux.HandleFunc("GET /authorize", func(w http.ResponseWriter, r *http.Request) {
		p.asked = r.URL.Query()
		back := url.Values{"state": p.asked["state"], "code": {"the-code"}}
		if p.claims["refuse"] != nil {
			back = url.Values{"state": p.asked["state"], "error": {"access_denied"}}
		}
		http.Redirect(w, r, p.asked.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
		id, pass, _ := r.BasicAuth()
		if r.FormValue("code") != "the-code" || base64.RawURLEncoding.EncodeToString(sum[:]) != p.asked.Get("code_challenge") ||
			p.asked.Get("code_challenge_method") != "S256" || id != "penstock" || pass != "client-secret" {
			http.Error(w, `{"error":"invalid_grant"}`, http.StatusBadRequest)
			return
		}
		answer(w, map[string]any{"access_token": "a", "token_type": "Bearer", "id_token": p.idToken()})
	})
	return p
}

func (p *provider) idToken() string {
	claims := map[string]any{"iss": p.url, "aud": "penstock", "sub": "1", "nonce": p.asked.Get("nonce"),
		"exp": time.Date(2026, 11, 25, 13, 0, 0, 0, time.UTC).Unix(), "email_verified": true}
	for name, v := range p.claims {
		claims[name] = v
	}
	body, err := json.Marshal(claims)
	must(p.t, err)
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","kid":"k"}`)) + "." + base64.RawURLEncoding.EncodeToString(body)
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(nil, p.key, crypto.SHA256, sum[:])
	must(p.t, err)
	return text + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// ssoSite is a site whose people sign in at a provider.
func ssoSite(t *testing.T, role string) (*site, *provider) {
	p := newProvider(t)
	s := newSite(t, func(c *Config) {
		c.SSO = &SSO{Issuer: p.url, ClientID: "penstock", ClientSecret: "client-secret", Role: role}
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
		p.claims = tt.claims
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
	p.claims = map[string]any{"email": "ann@example.com"}
	s.browser().do("GET", ssoPath, nil)
	for _, state := range []string{"", p.asked.Get("state")} {
		if status, _, _ := s.browser().do("GET", ssoReturn+"?code=the-code&state="+url.QueryEscape(state), nil); status != 400 {
			t.Errorf("state %q: %d", state, status)
		}
	}
}

// TestSingleSignOnMakesUsers has an administrator who lets everybody in whom
// the provider knows.
func TestSingleSignOnMakesUsers(t *testing.T) {
	s, p := ssoSite(t, "Account Reviewer")
	p.claims = map[string]any{"email": "bob@example.com", "given_name": "Bob", "family_name": "Ray"}
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
