package web

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/penstock-data/penstock/internal/secret"
	"github.com/penstock-data/penstock/internal/store"
)

// An SSO is a provider of OpenID Connect by which people sign in. They are
// known by their email address, which the provider must have verified.
type SSO struct {
	Issuer       string // its address
	ClientID     string
	ClientSecret string // "": none, the client is public

	// Role is the role in the account that somebody gets who signs in for the
	// first time and whom nobody has invited; "": they are refused.
	Role string

	mu       sync.Mutex
	provider *oidc.Provider // nil: it has not been reached yet
}

const (
	ssoPath   = "/signin/sso"
	ssoReturn = ssoPath + "/return"
	ssoCookie = "penstock_sso"
	ssoLife   = 10 * time.Minute // for signing in at the provider
	ssoWaits  = 15 * time.Second // for an answer of the provider
)

// reach returns the provider, which is asked for its addresses and keys when
// somebody first signs in, so that a server starts without it.
func (c *SSO) reach() (*oidc.Provider, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.provider == nil {
		p, err := oidc.NewProvider(c.client(context.Background()), c.Issuer)
		if err != nil {
			return nil, err
		}
		c.provider = p
	}
	return c.provider, nil
}

func (c *SSO) client(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, &http.Client{Timeout: ssoWaits})
}

func (s *server) oauth(r *http.Request, p *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{ClientID: s.SSO.ClientID, ClientSecret: s.SSO.ClientSecret, Endpoint: p.Endpoint(),
		RedirectURL: s.base(r) + ssoReturn, Scopes: []string{oidc.ScopeOpenID, "email", "profile"}}
}

// beginSSO sends the browser to the provider. What must be the same when it
// comes back is kept in a cookie of this browser.
func (s *server) beginSSO(w http.ResponseWriter, r *http.Request) {
	p, err := s.SSO.reach()
	if err != nil {
		s.noSSO(w, r, http.StatusBadGateway, "The sign-in service does not answer. Try again, or sign in with a password.", err)
		return
	}
	kept := url.Values{"state": {secret.NewToken()}, "nonce": {secret.NewToken()}, "verifier": {oauth2.GenerateVerifier()}, "next": {local(r.FormValue("next"))}}
	s.keepSSO(w, r, kept.Encode(), int(ssoLife.Seconds()))
	http.Redirect(w, r, s.oauth(r, p).AuthCodeURL(kept.Get("state"), oidc.Nonce(kept.Get("nonce")), oauth2.S256ChallengeOption(kept.Get("verifier"))), http.StatusSeeOther)
}

func (s *server) keepSSO(w http.ResponseWriter, r *http.Request, value string, age int) {
	http.SetCookie(w, &http.Cookie{Name: ssoCookie, Value: url.QueryEscape(value), Path: ssoPath, MaxAge: age,
		HttpOnly: true, Secure: s.encrypted(r), SameSite: http.SameSiteLaxMode})
}

// noSSO sends a page that says why somebody is not signed in.
func (s *server) noSSO(w http.ResponseWriter, r *http.Request, status int, why string, err error) {
	if err != nil {
		s.log.Warn("single sign-on failed", slog.Any("error", err))
	}
	s.show(w, nil, "message", status, message{"You are not signed in", why})
}

// endSSO signs in whoever comes back from the provider.
func (s *server) endSSO(w http.ResponseWriter, r *http.Request) {
	var kept url.Values
	if cookie, err := r.Cookie(ssoCookie); err == nil {
		text, _ := url.QueryUnescape(cookie.Value)
		kept, _ = url.ParseQuery(text)
	}
	s.keepSSO(w, r, "", -1)
	state := kept.Get("state")
	if state == "" || subtle.ConstantTimeCompare([]byte(state), []byte(r.FormValue("state"))) != 1 {
		s.noSSO(w, r, http.StatusBadRequest, "This sign-in was begun in another browser, or too long ago. Begin it again.", nil)
		return
	}
	if refusal := r.FormValue("error"); refusal != "" {
		s.noSSO(w, r, http.StatusForbidden, "The sign-in service says: "+refusal+". "+r.FormValue("error_description"), nil)
		return
	}
	who, err := s.identify(r, kept)
	if err != nil {
		s.noSSO(w, r, http.StatusBadGateway, "What the sign-in service says cannot be trusted. The server's log says why.", err)
		return
	}
	if !who.verified() {
		s.noSSO(w, r, http.StatusForbidden, "The sign-in service has not verified an email address of yours.", nil)
		return
	}
	u, err := s.userOf(r.Context(), who)
	switch {
	case errors.Is(err, store.ErrNotFound):
		s.noSSO(w, r, http.StatusForbidden, "Nobody has invited "+who.Email+" yet. Ask an administrator of this account.", nil)
	case err != nil:
		s.fail(w, r, nil, err)
	default:
		s.begin(w, r, u, local(kept.Get("next")))
	}
}

// An identity is what a provider says of somebody.
type identity struct {
	Email      string          `json:"email"`
	Verified   json.RawMessage `json:"email_verified"` // true; some providers send it as a string
	GivenName  string          `json:"given_name"`
	FamilyName string          `json:"family_name"`
}

func (i *identity) verified() bool {
	return i.Email != "" && (string(i.Verified) == `true` || string(i.Verified) == `"true"`)
}

// identify returns who has signed in at the provider, by the code that the
// browser brings.
func (s *server) identify(r *http.Request, kept url.Values) (*identity, error) {
	p, err := s.SSO.reach()
	if err != nil {
		return nil, err
	}
	ctx := s.SSO.client(r.Context())
	token, err := s.oauth(r, p).Exchange(ctx, r.FormValue("code"), oauth2.VerifierOption(kept.Get("verifier")))
	if err != nil {
		var refusal *oauth2.RetrieveError
		if errors.As(err, &refusal) { // its text has the whole answer
			return nil, fmt.Errorf("the code was refused: %d %s", refusal.Response.StatusCode, refusal.ErrorCode)
		}
		return nil, err
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return nil, errors.New("the answer has no id_token")
	}
	id, err := p.Verifier(&oidc.Config{ClientID: s.SSO.ClientID, Now: s.now}).Verify(ctx, raw)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(kept.Get("nonce"))) != 1 {
		return nil, errors.New("the id_token was made for another sign-in")
	}
	who := new(identity)
	return who, id.Claims(who)
}

// userOf returns the user with an identity's email address, made with the
// provider's role if there is none; ErrNotFound if there is to be none.
func (s *server) userOf(ctx context.Context, who *identity) (*store.User, error) {
	u, err := s.Store.UserByEmail(ctx, who.Email)
	if errors.Is(err, store.ErrNotFound) {
		u, err = s.Store.UserByEmail(ctx, strings.ToLower(who.Email))
	}
	if !errors.Is(err, store.ErrNotFound) || s.SSO.Role == "" {
		return u, err
	}
	accounts, err := s.Store.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	if len(accounts) != 1 { // nobody knows into which
		return nil, store.ErrNotFound
	}
	u = &store.User{AccountID: accounts[0].ID, Email: who.Email, GivenName: who.GivenName, FamilyName: who.FamilyName, Role: s.SSO.Role, Verified: true}
	if err := s.Store.CreateUser(ctx, u); err != nil && !errors.Is(err, store.ErrExists) {
		return nil, err
	}
	return s.Store.UserByEmail(ctx, who.Email)
}
