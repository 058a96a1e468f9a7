// Package api serves Fivetran's REST API, v1: the operations of routes.go, in
// the shapes of package fivetran, from the rows of the store. What starts
// work, a sync or a setup test, goes through the engine.
package api

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/internal/engine"
	"github.com/penstock-data/penstock/internal/logship"
	"github.com/penstock-data/penstock/internal/outside"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/internal/webhook"
)

// Config is what the API works with.
type Config struct {
	Store        *store.Store
	Engine       engine.Engine
	Connectors   []connector.Service
	Destinations []destination.Service
	Webhooks     *webhook.Sender  // nil: one with the zero Policy
	Logs         *logship.Sender  // nil: one with the zero Policy
	Log          *slog.Logger     // nil: no log
	Now          func() time.Time // nil: time.Now
	RateLimits   bool             // as Fivetran has them, and on wrong keys

	// Closing is closed when the server is about to stop: what follows a log
	// ends then. nil: it never does.
	Closing   <-chan struct{}
	PublicURL string // by which people and agents reach the server; "": as the request did

	GoogleProject string // whose service accounts the groups' are; "": penstock
}

type server struct {
	Config
	log     *slog.Logger
	now     func() time.Time
	sources sources
	targets targets
	types   []*source // in the order of their ids
	mux     *http.ServeMux
	limiter *limiter // nil: no limits
}

// New returns the handler of everything under /v1 and /public. It answers
// every request with JSON, those to paths that it does not know as well.
func New(c Config) http.Handler {
	s := &server{Config: c, log: c.Log, now: c.Now, sources: newSources(c.Connectors), targets: newTargets(c.Destinations)}
	if s.Webhooks == nil {
		s.Webhooks = webhook.NewSender(outside.Policy{})
	}
	if s.Logs == nil {
		s.Logs = logship.NewSender(outside.Policy{}, nil)
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	if c.RateLimits {
		s.limiter = newLimiter()
	}
	s.types = s.sources.sorted()
	s.mux = s.newMux(s.routes())
	return s
}
