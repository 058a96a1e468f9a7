// Package webtest plays those outside to whom people go to log in: a provider
// of OpenID Connect, and the login of a vendor.
package webtest

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
	"testing"
	"time"
)

// What a [Provider] and a [Vendor] know Penstock as.
const (
	Client = "penstock"
	Secret = "client-secret"
)

// A Provider signs in at once whoever it is told to, as strictly as one of
// OpenID Connect does.
type Provider struct {
	URL    string
	Claims map[string]any // beside what the protocol asks for, which they replace; refuse: it says no
	Asked  url.Values     // the latest request to sign in

	tb  testing.TB
	key *rsa.PrivateKey
	now func() time.Time
}

// NewProvider returns a provider, by whose clock its tokens are good for an
// hour, until the test ends.
func NewProvider(tb testing.TB, now func() time.Time) *Provider {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		tb.Fatal(err)
	}
	p := &Provider{tb: tb, key: key, now: now}
	mux := http.NewServeMux()
	srv := httptest.NewServer(mux)
	tb.Cleanup(srv.Close)
	p.URL = srv.URL
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		answer(w, map[string]any{"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token",
			"jwks_uri": p.URL + "/keys", "id_token_signing_alg_values_supported": []string{"RS256"}})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, r *http.Request) {
		b64 := base64.RawURLEncoding.EncodeToString
		answer(w, map[string]any{"keys": []any{map[string]string{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "k",
			"n": b64(key.N.Bytes()), "e": b64(big.NewInt(int64(key.E)).Bytes())}}})
	})
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	return p
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}

func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	p.Asked = r.URL.Query()
	back := url.Values{"state": p.Asked["state"], "code": {"the-code"}}
	if p.Claims["refuse"] != nil {
		back = url.Values{"state": p.Asked["state"], "error": {"access_denied"}}
	}
	http.Redirect(w, r, p.Asked.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
}

func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	id, pass, _ := r.BasicAuth()
	if r.FormValue("code") != "the-code" || base64.RawURLEncoding.EncodeToString(sum[:]) != p.Asked.Get("code_challenge") ||
		p.Asked.Get("code_challenge_method") != "S256" || id != Client || pass != Secret {
		http.Error(w, `{"error":"invalid_grant"}`, http.StatusBadRequest)
		return
	}
	answer(w, map[string]any{"access_token": "a", "token_type": "Bearer", "id_token": p.idToken()})
}

func (p *Provider) idToken() string {
	claims := map[string]any{"iss": p.URL, "aud": Client, "sub": "1", "nonce": p.Asked.Get("nonce"),
		"exp": p.now().Add(time.Hour).Unix(), "email_verified": true}
	for name, v := range p.Claims {
		claims[name] = v
	}
	body, err := json.Marshal(claims)
	if err != nil {
		p.tb.Error(err)
	}
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","kid":"k"}`)) + "." + base64.RawURLEncoding.EncodeToString(body)
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(nil, p.key, crypto.SHA256, sum[:])
	if err != nil {
		p.tb.Error(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sig)
}
