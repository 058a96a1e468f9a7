// Package web serves the pages that people see: sign-in, the dashboard and the
// Connect Card.
//
// A page is a template filled from what the REST API answers: whatever a page
// shows or does goes through the API's own handler, within this process and in
// the name of whoever is signed in, so that it is allowed, limited, checked and
// recorded in one place. Pages work without JavaScript where that is possible;
// htmx replaces parts of them where it is quicker.
package web

import (
	"embed"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/klauspost/compress/gzhttp"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/internal/store"
)

// Config is what the pages work with.
type Config struct {
	API       http.Handler // everything under /v1
	Store     *store.Store
	Log       *slog.Logger     // nil: no log
	Now       func() time.Time // nil: time.Now
	PublicURL string           // by which people reach the server; "": as the request did

	Connectors   []connector.Service
	Destinations []destination.Service
	Logins       Logins
	SSO          *SSO // nil: people sign in with passwords only

	// Closing is closed when the server is about to stop: pages that follow
	// something let go of it then. nil: it never does.
	Closing <-chan struct{}
}

type server struct {
	Config
	log     *slog.Logger
	now     func() time.Time
	guard   *http.CrossOriginProtection
	tries   *tries
	watches *watches

	sources, targets []service // in the order of their names
	logins           Logins
	testings         *testRuns
}

//go:embed static
var files embed.FS

// New returns the handler of all pages.
func New(c Config) http.Handler {
	s := &server{Config: c, log: c.Log, now: c.Now, guard: http.NewCrossOriginProtection(), tries: newTries(), watches: &watches{open: map[string]*watch{}},
		sources: connectors(c.Connectors), targets: destinations(c.Destinations), logins: c.Logins, testings: &testRuns{last: map[string]*testRun{}}}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	mux := http.NewServeMux()
	s.routes(mux)
	static, _ := fs.Sub(files, "static")
	mux.Handle("GET /static/", http.StripPrefix("/static/", forever(http.FileServerFS(static))))
	return secure(compressed(s.guard.Handler(mux)))
}

// compressed returns h with its pages, style and scripts compressed; what is
// sent piece by piece is not.
var compressed = func() func(http.Handler) http.HandlerFunc {
	wrap, err := gzhttp.NewWrapper(gzhttp.ContentTypes([]string{"text/html", "text/css", "text/javascript", "text/csv", "image/svg+xml"}))
	if err != nil {
		panic(err)
	}
	return wrap
}()

// routes is the table of contents: who may see a page is said by what stands
// around its handler.
func (s *server) routes(mux *http.ServeMux) {
	mux.HandleFunc("GET /signin", s.showSignIn)
	mux.HandleFunc("POST /signin", s.signIn)
	if s.SSO != nil {
		mux.HandleFunc("GET "+ssoPath, s.beginSSO)
		mux.HandleFunc("GET "+ssoReturn, s.endSSO)
	}
	mux.HandleFunc("GET /welcome", s.showWelcome)
	mux.HandleFunc("POST /welcome", s.welcome)
	mux.Handle("POST /signout", s.signedIn(s.signOut))

	mux.Handle("GET /{$}", s.signedIn(func(v *visit) error { return v.redirect("/connections") }))
	mux.Handle("GET /connections", s.signedIn(s.connections))
	mux.Handle("GET /new/connection", s.signedIn(s.chooseConnector))
	mux.Handle("GET /new/public-key", s.signedIn(s.showGroupKey))
	mux.Handle("GET /new/connection/{service}", s.signedIn(s.newConnection))
	mux.Handle("POST /new/connection/{service}", s.signedIn(s.createConnection))
	mux.Handle("GET /connections/{id}", s.signedIn(s.connection))
	mux.Handle("GET /connections/{id}/live", s.signedIn(s.liveFeed))
	mux.Handle("POST /connections/{id}/do/{what}", s.signedIn(s.act))
	mux.Handle("GET /connections/{id}/schema", s.signedIn(s.schema))
	mux.Handle("POST /connections/{id}/schema", s.signedIn(s.changeSchema))
	mux.Handle("GET /connections/{id}/schema/{schema}/{table}", s.signedIn(s.table))
	mux.Handle("POST /connections/{id}/schema/{schema}/{table}", s.signedIn(s.changeTable))
	mux.Handle("POST /connections/{id}/schema/{schema}/{table}/{column}", s.signedIn(s.changeColumn))
	mux.Handle("GET /connections/{id}/setup", s.signedIn(s.connectionSetup))
	mux.Handle("POST /connections/{id}/setup", s.signedIn(s.saveSetup))
	mux.Handle("GET /connections/{id}/setup/tests", s.signedIn(s.setupTests))
	mux.Handle("POST /connections/{id}/setup/test", s.signedIn(s.runSetupTests))
	mux.Handle("POST /connections/{id}/setup/approve", s.signedIn(s.approveForConnection))
	mux.Handle("POST /connections/{id}/setup/revoke", s.signedIn(s.revokeForConnection))
	mux.Handle("POST /connections/{id}/setup/schedule", s.signedIn(s.saveSchedule))
	mux.Handle("POST /connections/{id}/setup/log", s.signedIn(s.saveLog))
	mux.Handle("POST /connections/{id}/setup/login", s.signedIn(s.login))
	mux.Handle("POST /connections/{id}/setup/start", s.signedIn(s.startConnection))
	mux.Handle("POST /connections/{id}/setup/delete", s.signedIn(s.deleteConnection))
	mux.Handle("GET /connections/{id}/checks", s.signedIn(s.checks))
	mux.Handle("POST /connections/{id}/checks", s.signedIn(s.check))
	mux.Handle("GET /connections/{id}/changes", s.signedIn(s.changes))
	mux.Handle("GET /connections/{id}/plan", s.signedIn(s.plan))
	mux.Handle("GET /connections/{id}/runs/{run}", s.signedIn(s.run))
	mux.Handle("GET /connections/{id}/runs/{run}/log", s.signedIn(s.logFeed))

	mux.Handle("GET /destinations", s.signedIn(s.destinations))
	mux.Handle("GET /new/destination", s.signedIn(s.chooseDestination))
	mux.Handle("GET /new/destination/{service}", s.signedIn(s.newDestination))
	mux.Handle("POST /new/destination/{service}", s.signedIn(s.createDestination))
	mux.Handle("GET /destinations/{id}", s.signedIn(s.destination))
	mux.Handle("POST /destinations/{id}", s.signedIn(s.saveDestination))
	mux.Handle("GET /destinations/{id}/tests", s.signedIn(s.destinationTests))
	mux.Handle("POST /destinations/{id}/test", s.signedIn(s.runDestinationTests))
	mux.Handle("POST /destinations/{id}/approve", s.signedIn(s.approveForDestination))
	mux.Handle("POST /destinations/{id}/revoke", s.signedIn(s.revokeForDestination))
	mux.Handle("POST /destinations/{id}/delete", s.signedIn(s.deleteDestination))
	mux.Handle("GET /destinations/{id}/query", s.signedIn(s.showQuery))
	mux.Handle("POST /destinations/{id}/query", s.signedIn(s.query))

	mux.HandleFunc("GET "+cardPath, s.carded(s.showCard))
	mux.HandleFunc("POST "+cardPath, s.carded(s.fillCard))
	mux.HandleFunc("GET "+cardPath+"/tests", s.carded(s.cardTests))
	mux.HandleFunc("POST "+cardPath+"/test", s.carded(s.testCard))
	mux.HandleFunc("POST "+cardPath+"/approve", s.carded(s.approveByCard))
	mux.HandleFunc("POST "+cardPath+"/login", s.carded(s.loginByCard))
	mux.HandleFunc("GET "+loginReturn, s.loginDone)

	mux.Handle("GET "+stylePath, forever(http.HandlerFunc(s.style)))
	s.accountRoutes(mux)
	mux.HandleFunc("/", s.missing)
}

// policy is the Content-Security-Policy of every page: nothing comes from
// anywhere else, no script stands in a page, and nobody frames it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// secure sets the headers that every answer has.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// forever lets browsers keep what is served under a name that has its version.
func forever(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		next.ServeHTTP(w, r)
	})
}

// encrypted reports whether people reach the server by https.
func (s *server) encrypted(r *http.Request) bool {
	return r.TLS != nil || strings.HasPrefix(s.PublicURL, "https:")
}
