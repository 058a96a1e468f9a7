package webtest

import (
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
)

// A Vendor has a login that is as strict as Salesforce's: a code is good once,
// for the app, the address and the verifier that asked for it. It lets in at
// once.
type Vendor struct {
	URL    string
	Refuse bool // it lets nobody in

	tb                  testing.TB
	app, secret         string
	refresh             string
	rest                http.Handler
	challenge, redirect string
	used                bool
}

// NewVendor returns a vendor that knows one app and gives it a refresh token,
// until the test ends. rest answers what else it is asked; nil: nothing.
func NewVendor(tb testing.TB, app, secret, refresh string, rest http.Handler) *Vendor {
	v := &Vendor{tb: tb, app: app, secret: secret, refresh: refresh, rest: rest}
	if rest == nil {
		v.rest = http.NotFoundHandler()
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /services/oauth2/authorize", v.authorize)
	mux.HandleFunc("POST /services/oauth2/token", v.token)
	mux.Handle("/", v.rest)
	srv := httptest.NewServer(mux)
	tb.Cleanup(srv.Close)
	v.URL = srv.URL
	return v
}

func (v *Vendor) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("response_type") != "code" || q.Get("client_id") != v.app || q.Get("code_challenge_method") != "S256" || q.Get("scope") != "api refresh_token" {
		v.tb.Errorf("asked %s", r.URL.RawQuery)
	}
	v.challenge, v.redirect, v.used = q.Get("code_challenge"), q.Get("redirect_uri"), false
	back := url.Values{"state": {q.Get("state")}, "code": {"the code"}}
	if v.Refuse {
		back = url.Values{"state": {q.Get("state")}, "error": {"access_denied"}, "error_description": {"<b>no</b>"}}
	}
	http.Redirect(w, r, v.redirect+"?"+back.Encode(), http.StatusFound)
}

func (v *Vendor) token(w http.ResponseWriter, r *http.Request) {
	if r.PostFormValue("grant_type") != "authorization_code" {
		v.rest.ServeHTTP(w, r)
		return
	}
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if v.used || r.PostFormValue("code") != "the code" || r.PostFormValue("client_id") != v.app || r.PostFormValue("client_secret") != v.secret ||
		r.PostFormValue("redirect_uri") != v.redirect || base64.RawURLEncoding.EncodeToString(sum[:]) != v.challenge {
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, `{"error":"invalid_grant"}`)
		return
	}
	v.used = true
	answer(w, map[string]string{"access_token": "a", "refresh_token": v.refresh, "token_type": "Bearer"})
}
