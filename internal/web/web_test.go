package web

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock-data/penstock/internal/secret"
	"github.com/penstock-data/penstock/internal/store"
)

// A site is a server of pages over an API that the test plays.
type site struct {
	t     *testing.T
	store *store.Store
	user  *store.User
	url   string
	api   *http.ServeMux
	now   time.Time

	config Config
	groups int // made so far

	mu   sync.Mutex
	sent []string // to the API, where it is watched
}

// siteTime is the time at which a site begins.
var siteTime = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func newSite(t *testing.T, with ...func(*Config)) *site {
	t.Helper()
	ctx := context.Background()
	db, err := store.Open(ctx, t.TempDir(), secret.Key{1})
	must(t, err)
	t.Cleanup(func() { db.Close() })
	account := store.Account{Name: "A"}
	must(t, db.CreateAccount(ctx, &account))
	u := &store.User{AccountID: account.ID, Email: "ann@example.com", GivenName: "Ann", Role: "Account Administrator"}
	must(t, db.CreateUser(ctx, u))
	s := &site{t: t, store: db, user: u, api: http.NewServeMux(), now: siteTime}
	s.config = Config{API: s.api, Store: db, Now: func() time.Time { return s.now }}
	for _, f := range with {
		f(&s.config)
	}
	s.start()
	return s
}

// start begins to serve by the site's config, in place of what it served before.
func (s *site) start() {
	srv := httptest.NewServer(New(s.config))
	s.t.Cleanup(srv.Close)
	s.url = srv.URL
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// answers makes the API answer a request with data, of somebody known only.
func (s *site) answers(pattern, data string) {
	s.api.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		if c := store.CallerFrom(r.Context()); c == nil || c.UserID != s.user.ID {
			s.t.Errorf("%s by %v", pattern, c)
		}
		io.WriteString(w, `{"code":"Success","message":"m","data":`+data+`}`)
	})
}

// empty makes the API know of no connections and no destinations.
func (s *site) empty() {
	s.answers("GET /v1/penstock/connections", `{"items":[],"total":0}`)
	s.answers("GET /v1/destinations", `{"items":[]}`)
}

// A browser keeps cookies and follows redirects, and says where its requests
// come from.
type browser struct {
	site *site
	http *http.Client
	from string // Sec-Fetch-Site

	framed string // who may show pages within their own, "": nobody
	leads  string // where forms may lead beside the site
}

func (s *site) browser() *browser {
	jar, _ := cookiejar.New(nil)
	return &browser{site: s, http: &http.Client{Jar: jar}, from: "same-origin"}
}

// do asks for a page, and returns its status, where it ended and what it says.
func (b *browser) do(method, path string, form url.Values) (status int, at, body string) {
	b.site.t.Helper()
	res, text := b.ask(method, path, form, false)
	p := policy
	want := map[string]string{"X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff"}
	if b.framed != "" { // where the forms of a Connect Card lead in the end
		p = strings.Replace(p, "form-action 'self'; frame-ancestors 'none'", "form-action 'self' "+b.framed+"; frame-ancestors "+b.framed, 1)
		want["X-Frame-Options"] = ""
	}
	if b.leads != "" {
		p = strings.Replace(p, "; frame-ancestors", " "+b.leads+"; frame-ancestors", 1)
	}
	want["Content-Security-Policy"] = p
	for name, want := range want {
		if got := res.Header.Get(name); got != want {
			b.site.t.Errorf("%s %s: %s %q", method, path, name, got)
		}
	}
	return res.StatusCode, res.Request.URL.RequestURI(), text
}

// anywhere is do for pages whose policies differ.
func (b *browser) anywhere(method, path string, form url.Values) (status int, at, body string) {
	b.site.t.Helper()
	res, text := b.ask(method, path, form, false)
	return res.StatusCode, res.Request.URL.RequestURI(), text
}

// part asks for a part of a page, as htmx does.
func (b *browser) part(path string) (status int, at, body string) {
	b.site.t.Helper()
	res, text := b.ask("GET", path, nil, true)
	return res.StatusCode, res.Request.URL.RequestURI(), text
}

func (b *browser) ask(method, path string, form url.Values, htmx bool) (*http.Response, string) {
	b.site.t.Helper()
	r, err := http.NewRequest(method, b.site.url+path, strings.NewReader(form.Encode()))
	must(b.site.t, err)
	r.Header.Set("Sec-Fetch-Site", b.from)
	if htmx {
		r.Header.Set("HX-Request", "true")
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := b.http.Do(r)
	must(b.site.t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	must(b.site.t, err)
	return res, string(text)
}

func TestSigningIn(t *testing.T) {
	s := newSite(t)
	s.empty()
	b := s.browser()
	if status, at, body := b.do("GET", "/connections?state=broken", nil); status != 200 || at != "/signin?next=%2Fconnections%3Fstate%3Dbroken" || !strings.Contains(body, "Sign in") {
		t.Fatalf("%d %s\n%s", status, at, body)
	}
	link, err := s.store.NewLoginLink(t.Context(), s.user.ID, s.now)
	must(t, err)
	if _, _, body := b.do("GET", "/welcome?token="+link, nil); !strings.Contains(body, "ann@example.com") {
		t.Fatal(body)
	}
	choose := func(password, again string) (int, string, string) {
		return b.do("POST", "/welcome", url.Values{"token": {link}, "password": {password}, "again": {again}})
	}
	for _, bad := range [][2]string{{"short", "short"}, {"correct horse battery", "correct horse"}, {strings.Repeat("x", 300), strings.Repeat("x", 300)}} {
		if status, _, _ := choose(bad[0], bad[1]); status != 400 {
			t.Errorf("%q: %d", bad, status)
		}
	}
	if status, at, body := choose("correct horse battery", "correct horse battery"); status != 200 || at != "/connections" || !strings.Contains(body, "There are no connections yet") {
		t.Fatalf("%d %s\n%s", status, at, body)
	}
	if status, _, _ := choose("another password", "another password"); status != 404 {
		t.Errorf("a link was good twice: %d", status)
	}
	if status, at, _ := b.do("POST", "/signout", url.Values{}); status != 200 || at != "/signin" {
		t.Errorf("%d %s", status, at)
	}
	enter := func(password, next string) (int, string, string) {
		return b.do("POST", "/signin", url.Values{"email": {"ann@example.com"}, "password": {password}, "next": {next}})
	}
	if status, _, body := enter("wrong", "/"); status != 401 || !strings.Contains(body, "password is wrong") {
		t.Errorf("%d\n%s", status, body)
	}
	for _, next := range []string{"https://evil.example.com", "//evil.example.com", `/\evil.example.com`, "javascript:alert(1)", ""} {
		if status, at, _ := enter("correct horse battery", next); status != 200 || at != "/connections" {
			t.Errorf("%q: %d %s", next, status, at)
		}
		b.do("POST", "/signout", url.Values{})
	}
	for range triesMost {
		enter("wrong", "/")
	}
	if status, _, _ := enter("correct horse battery", "/"); status != 429 {
		t.Errorf("after many wrong passwords: %d", status)
	}
	s.now = s.now.Add(triesIn)
	if status, _, _ := enter("correct horse battery", "/connections"); status != 200 {
		t.Errorf("later: %d", status)
	}
}

// signedIn returns a browser of somebody who is signed in.
func (s *site) signedIn() *browser {
	s.t.Helper()
	b := s.browser()
	token, err := s.store.NewSession(s.t.Context(), s.user.ID, s.now)
	must(s.t, err)
	u, _ := url.Parse(s.url)
	b.http.Jar.SetCookies(u, []*http.Cookie{{Name: sessionCookie, Value: token}})
	return b
}

func TestOtherSitesCannotAct(t *testing.T) {
	s := newSite(t)
	s.empty()
	b := s.signedIn()
	for _, from := range []string{"cross-site", "same-site"} {
		b.from = from
		if status, _, _ := b.do("POST", "/signout", url.Values{}); status != 403 {
			t.Errorf("%s: %d", from, status)
		}
	}
	b.from = "same-origin"
	if status, at, _ := b.do("GET", "/connections", nil); status != 200 || at != "/connections" {
		t.Errorf("%d %s", status, at)
	}
}

// TestHostileNames has names that would be scripts if they were not shown as
// text.
func TestHostileNames(t *testing.T) {
	s := newSite(t)
	const hostile = `<script>alert(1)</script>\"'><img src=x onerror=alert(1)>`
	s.answers("GET /v1/penstock/connections", `{"total":1,"found":1,"items":[{"id":"c","schema":"`+hostile+`","service":"`+hostile+`","group_name":"`+hostile+`","state":"broken","problem":"`+hostile+`"}]}`)
	_, _, body := s.signedIn().do("GET", "/connections?q=%3Cscript%3Ealert", nil)
	if strings.Contains(body, "<script>alert") || strings.Contains(body, "<img src=x") {
		t.Error(body)
	}
	if !strings.Contains(body, "&lt;script&gt;alert(1)") {
		t.Errorf("it is not shown at all:\n%s", body)
	}
}

func TestMissingPages(t *testing.T) {
	s := newSite(t)
	for _, path := range []string{"/nothing", "/static/nothing.js", "/welcome?token=x"} {
		if status, _, _ := s.browser().do("GET", path, nil); status != 404 {
			t.Errorf("%s: %d", path, status)
		}
	}
}
