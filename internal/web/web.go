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

	"github.com/penstock-data/penstock/internal/store"
)

// Config is what the pages work with.
type Config struct {
	API       http.Handler // everything under /v1
	Store     *store.Store
	Log       *slog.Logger     // nil: no log
	Now       func() time.Time // nil: time.Now
	PublicURL string           // by which people reach the server; "": as the request did

	SSO *SSO // nil: people sign in with passwords only

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
}

// stopping reports whether the server is about to stop.
func (s *server) stopping() bool {
	select {
	case <-s.Closing:
		return true
	default:
		return false
	}
}

//go:embed static
var files embed.FS

// New returns the handler of all pages.
func New(c Config) http.Handler {
	s := &server{Config: c, log: c.Log, now: c.Now, guard: http.NewCrossOriginProtection(), tries: newTries(), watches: &watches{open: map[string]*watch{}}}
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
	mux.Handle("GET /connections/{id}", s.signedIn(s.connection))
	mux.Handle("GET /connections/{id}/live", s.signedIn(s.liveFeed))
	mux.Handle("POST /connections/{id}/do/{what}", s.signedIn(s.act))
	mux.Handle("GET /connections/{id}/schema", s.signedIn(s.schema))
	mux.Handle("POST /connections/{id}/schema", s.signedIn(s.changeSchema))
	mux.Handle("GET /connections/{id}/schema/{schema}/{table}", s.signedIn(s.table))
	mux.Handle("POST /connections/{id}/schema/{schema}/{table}", s.signedIn(s.changeTable))
	mux.Handle("POST /connections/{id}/schema/{schema}/{table}/{column}", s.signedIn(s.changeColumn))
	mux.Handle("GET /connections/{id}/checks", s.signedIn(s.checks))
	mux.Handle("POST /connections/{id}/checks", s.signedIn(s.check))
	mux.Handle("GET /connections/{id}/changes", s.signedIn(s.changes))
	mux.Handle("GET /connections/{id}/plan", s.signedIn(s.plan))
	mux.Handle("GET /connections/{id}/runs/{run}", s.signedIn(s.run))
	mux.Handle("GET /connections/{id}/runs/{run}/log", s.signedIn(s.logFeed))
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
