package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// A Login is where people log in to a vendor, so that their connections may
// read there: the installation is an app of the vendor's, known by an id and a
// secret.
type Login struct {
	Services   []string // ids of connectors; one that ends in * stands for all that begin so
	Authorize  string   // address of the page where people log in
	Token      string   // address where a code is exchanged
	Scopes     []string
	Parameters map[string]string // further ones of Authorize
	ID, Secret string
}

// Logins are those that an installation offers.
type Logins []Login

// vendors are those that people can log in to. The app of one is in variables of
// the environment that begin with PENSTOCK_OAUTH_ and its App.
var vendors = []struct {
	name, app string
	login     Login
}{
	// Salesforce Help, "OAuth 2.0 web server flow" (2026-07).
	{"salesforce", "SALESFORCE", Login{
		Services:  []string{"salesforce"},
		Authorize: "https://login.salesforce.com/services/oauth2/authorize",
		Token:     "https://login.salesforce.com/services/oauth2/token",
		Scopes:    []string{"api", "refresh_token"},
	}},
	{"salesforce_sandbox", "SALESFORCE", Login{
		Services:  []string{"salesforce_sandbox"},
		Authorize: "https://test.salesforce.com/services/oauth2/authorize",
		Token:     "https://test.salesforce.com/services/oauth2/token",
		Scopes:    []string{"api", "refresh_token"},
	}},
	// Google, "Using OAuth 2.0 for web server applications" (2026-07): a refresh
	// token comes with access_type offline, and again with prompt consent.
	{"google", "GOOGLE", Login{
		Services:   []string{"google_*"},
		Authorize:  "https://accounts.google.com/o/oauth2/v2/auth",
		Token:      "https://oauth2.googleapis.com/token",
		Scopes:     []string{"https://www.googleapis.com/auth/drive.readonly", "https://www.googleapis.com/auth/spreadsheets.readonly"},
		Parameters: map[string]string{"access_type": "offline", "prompt": "consent"},
	}},
}

// NewLogins returns what an installation offers: the vendors for which the
// environment has the id and the secret of an app (PENSTOCK_OAUTH_SALESFORCE_ID
// and _SECRET, PENSTOCK_OAUTH_GOOGLE_ID and _SECRET). endpoints puts others in
// place of vendors' servers, by "salesforce", "salesforce_sandbox" and "google".
func NewLogins(env func(string) string, endpoints map[string]string) Logins {
	var all Logins
	for _, v := range vendors {
		l := v.login
		l.ID, l.Secret = env("PENSTOCK_OAUTH_"+v.app+"_ID"), env("PENSTOCK_OAUTH_"+v.app+"_SECRET")
		if l.ID == "" || l.Secret == "" {
			continue
		}
		if e := endpoints[v.name]; e != "" {
			e = strings.TrimSuffix(e, "/")
			l.Authorize, l.Token = e+strings.TrimPrefix(l.Authorize, origin(l.Authorize)), e+strings.TrimPrefix(l.Token, origin(l.Token))
		}
		all = append(all, l)
	}
	return all
}

// of returns the login for a service, nil if there is none.
func (all Logins) of(service string) *Login {
	i := slices.IndexFunc(all, func(l Login) bool {
		return slices.ContainsFunc(l.Services, func(id string) bool {
			begin, many := strings.CutSuffix(id, "*")
			return id == service || many && strings.HasPrefix(service, begin)
		})
	})
	if i < 0 {
		return nil
	}
	return &all[i]
}

// origin returns where the login for a service is, "" if there is none.
func (all Logins) origin(service string) string {
	if l := all.of(service); l != nil {
		return origin(l.Authorize)
	}
	return ""
}

// origin returns the part of an address that names who answers there, "" if it
// has none.
func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// loginAt returns the address that begins a login for a subject, "" if its
// service has none here.
func (s *server) loginAt(svc *service, t subject) string {
	if svc == nil || !hasLogin(svc) || s.logins.of(svc.ID) == nil {
		return ""
	}
	return t.Page + "/login"
}

// A loginState goes to the vendor and comes back with whoever has logged in,
// sealed.
type loginState struct {
	ID       string    `json:"id"` // of the connection
	Service  string    `json:"service"`
	User     string    `json:"user"` // who began; "": by a Connect Card
	Card     string    `json:"card"` // its token
	Verifier string    `json:"verifier"`
	Until    time.Time `json:"until"`
}

const (
	loginPurpose = "login"
	loginTime    = 15 * time.Minute
	loginReturn  = "/oauth/callback"
)

// config returns what the login needs to know of this server, at an address.
func (l *Login) config(base string) *oauth2.Config {
	return &oauth2.Config{ClientID: l.ID, ClientSecret: l.Secret, Scopes: l.Scopes, RedirectURL: base + loginReturn,
		Endpoint: oauth2.Endpoint{AuthURL: l.Authorize, TokenURL: l.Token, AuthStyle: oauth2.AuthStyleInParams}}
}

// base returns the address by which people reach the server.
func (s *server) base(r *http.Request) string {
	switch {
	case s.PublicURL != "":
		return strings.TrimSuffix(s.PublicURL, "/")
	case r.TLS != nil:
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// beginLogin sends somebody to the vendor to log in for a connection.
func (v *visit) beginLogin(t subject, service string) error {
	l := v.s.logins.of(service)
	if l == nil {
		return errNoPage
	}
	st := loginState{ID: t.ID, Service: service, Card: t.Auth, Verifier: oauth2.GenerateVerifier(), Until: v.s.now().Add(loginTime)}
	if v.user != nil {
		st.User = v.user.ID
	}
	opts := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(st.Verifier)}
	for name, value := range l.Parameters {
		opts = append(opts, oauth2.SetAuthURLParam(name, value))
	}
	return v.redirect(l.config(v.s.base(v.Request)).AuthCodeURL(v.s.Store.Seal(loginPurpose, encode(st)), opts...))
}

func (s *server) login(v *visit) error {
	var c configured
	if err := v.api("GET", v.subject().api(), nil, &c); err != nil {
		return err
	}
	return v.beginLogin(v.subject(), c.Service)
}

// loginDone is where vendors send people back to.
func (s *server) loginDone(w http.ResponseWriter, r *http.Request) {
	sealed, err := s.Store.Unseal(loginPurpose, r.FormValue("state"))
	var st loginState
	if err == nil {
		err = json.Unmarshal(sealed, &st)
	}
	if err != nil || s.now().After(st.Until) {
		s.show(w, nil, "cardmessage", http.StatusBadRequest, cardMessage{message: message{"This login is not valid any more",
			"It took too long, or it did not begin here. Go back to the setup and log in again."}})
		return
	}
	if st.Card != "" {
		r.Form.Set("auth", st.Card)
		s.carded(func(v *visit, c *card) error {
			if err := v.finishLogin(c.subject, &st, c.use); err != nil {
				return err
			}
			return v.redirect(c.waiting())
		})(w, r)
		return
	}
	s.signedIn(func(v *visit) error {
		if v.user.ID != st.User {
			return &apiError{Status: http.StatusForbidden, Message: "Somebody else began this login."}
		}
		t := subject{Kind: "connections", ID: st.ID, Page: setupPage("connections", st.ID)}
		if err := v.finishLogin(t, &st, nil); err != nil {
			return err
		}
		return v.redirect(t.Page)
	}).ServeHTTP(w, r)
}

// finishLogin exchanges the code for what the connection logs in with from now
// on, stores it, and runs the setup tests.
func (v *visit) finishLogin(t subject, st *loginState, then func(context.Context, *testsView)) error {
	l := v.s.logins.of(st.Service)
	if l == nil {
		return errNoPage
	}
	if said := v.FormValue("error"); said != "" {
		return &apiError{Status: http.StatusBadRequest, Message: fmt.Sprintf("The login was not finished: %s. Go back and try again.", printable(said+" "+v.FormValue("error_description")))}
	}
	token, err := l.config(v.s.base(v.Request)).Exchange(v.Context(), v.FormValue("code"), oauth2.VerifierOption(st.Verifier))
	if err != nil {
		v.s.log.Warn("login failed", "service", st.Service, "connection", st.ID, "error", loginError(err))
		return &apiError{Status: http.StatusBadGateway, Message: "The vendor did not accept the login. Go back and log in again; if that does not help, whoever runs this server finds the reason in its log."}
	}
	if token.RefreshToken == "" {
		return &apiError{Status: http.StatusBadGateway, Message: "The vendor gave no refresh token, without which the connection could not go on reading. The app that this server is there must be allowed to ask for one (offline access)."}
	}
	type access struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	type auth struct {
		Access  access `json:"client_access"`
		Refresh string `json:"refresh_token"`
	}
	if err := v.api("PATCH", t.api(), map[string]rawJSON{authField: encode(auth{access{l.ID, l.Secret}, token.RefreshToken}), "run_setup_tests": rawJSON("false")}, nil); err != nil {
		return err
	}
	v.s.testings.begin(v, t, then)
	return nil
}

// loginError is what a vendor said about a code, without what it was sent.
func loginError(err error) string {
	if said, ok := err.(*oauth2.RetrieveError); ok {
		return fmt.Sprintf("%s %s", said.ErrorCode, printable(said.ErrorDescription))
	}
	return err.Error()
}

// printable returns the beginning of what somebody else says, in one line.
func printable(s string) string {
	runes := []rune(strings.Join(strings.Fields(s), " "))
	return string(runes[:min(len(runes), 200)])
}
