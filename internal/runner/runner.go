// Package runner does one sync of one connection, from its row in the store
// to its outcome, and the setup tests of connections and destinations. It
// knows services only by the tables it is given, and when to run only by
// being called.
package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/internal/pipe"
	"github.com/penstock-data/penstock/internal/store"
)

// Config is what a Runner works with. Only the first three fields are required.
type Config struct {
	Store        *store.Store
	Connectors   []connector.Service
	Destinations []destination.Service

	Endpoints   map[string]string // by connector's id: replaces the vendor's address
	HTTP        *http.Client      // nil: http.DefaultClient
	Memory      int64             // what one sync may take, in bytes; 0: pipe.DefaultMemory
	TestTimeout time.Duration     // of the setup tests of one thing together; 0: 50 seconds, less than clients wait
	Log         *slog.Logger      // nil: no log
	Now         func() time.Time  // nil: time.Now
}

// A Runner runs syncs and setup tests, any number at a time.
type Runner struct {
	Config
	connectors   map[string]*connector.Service
	destinations map[string]*destination.Service
	share        pipe.Share
}

// New returns a Runner.
func New(c Config) *Runner {
	if c.TestTimeout == 0 {
		c.TestTimeout = 50 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	r := &Runner{
		Config:       c,
		connectors:   map[string]*connector.Service{},
		destinations: map[string]*destination.Service{},
		share:        pipe.Memory(c.Memory),
	}
	for i := range c.Connectors {
		r.connectors[c.Connectors[i].ID] = &c.Connectors[i]
	}
	for i := range c.Destinations {
		r.destinations[c.Destinations[i].ID] = &c.Destinations[i]
	}
	return r
}

// source opens a connection's source.
func (r *Runner) source(ctx context.Context, c *store.Connection, log *slog.Logger) (*connector.Service, connector.Source, error) {
	svc := r.connectors[c.Service]
	if svc == nil {
		return nil, nil, fmt.Errorf("this program has no connector %q", c.Service)
	}
	if err := direct("source", c.Way()); err != nil {
		return nil, nil, err
	}
	trusts, err := r.trusts(ctx, store.ConnectionOwner, c.ID)
	if err != nil {
		return nil, nil, err
	}
	src, err := svc.Open(config(c.Config), connector.Env{
		HTTP:     r.HTTP,
		Endpoint: r.Endpoints[c.Service],
		Log:      log,
		Now:      r.Now,
		Memory:   r.share.Source,
		Trusts:   trusts,
	})
	return svc, src, err
}

// destination opens a destination.
func (r *Runner) destination(ctx context.Context, d *store.Destination, log *slog.Logger) (*destination.Service, destination.Destination, error) {
	svc := r.destinations[d.Service]
	if svc == nil {
		return nil, nil, fmt.Errorf("this program has no destination %q", d.Service)
	}
	if err := direct("destination", d.Way()); err != nil {
		return nil, nil, err
	}
	trusts, err := r.trusts(ctx, store.DestinationOwner, d.ID)
	if err != nil {
		return nil, nil, err
	}
	dst, err := svc.Open(config(d.Config), destination.Env{Log: log, Trusts: trusts})
	return svc, dst, err
}

// config returns what a service is opened with: never nothing.
func config(stored json.RawMessage) json.RawMessage {
	if len(stored) == 0 {
		return json.RawMessage(`{}`)
	}
	return stored
}

// trusts returns which certificates were approved when it was called.
func (r *Runner) trusts(ctx context.Context, owner, id string) (func(hash string) bool, error) {
	approved, err := r.Store.Approved(ctx, owner, id)
	return func(hash string) bool { return approved[hash] }, err
}
