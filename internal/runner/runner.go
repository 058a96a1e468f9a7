// Package runner does one sync of one connection, from its row in the store
// to its outcome. Besides, it looks at both sides: the setup tests of
// connections and destinations, plans of the next sync, and verifications of
// the last ones. Whatever it opens it finds the way to, be it through an SSH
// server or not at all. It knows services only by the tables it is given, and
// when to run only by being called.
package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/internal/outside"
	"github.com/penstock-data/penstock/internal/pipe"
	"github.com/penstock-data/penstock/internal/secretsmanager"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/internal/tunnel"
	"github.com/penstock-data/penstock/setup"
)

// Config is what a Runner works with. Only the first three fields are required.
type Config struct {
	Store        *store.Store
	Connectors   []connector.Service
	Destinations []destination.Service

	Endpoints map[string]string       // by connector's id: replaces the vendor's address
	HTTP      *http.Client            // nil: http.DefaultClient
	Secrets   *secretsmanager.Fetcher // nil: one with the zero Policy
	Memory    int64                   // what one sync may take, in bytes; 0: pipe.DefaultMemory
	Files     string                  // folder in which sources may keep files, each connection's in one of its own; "": none may
	FileBytes int64                   // that those of a connection may take; 0: as much as [connector.Env] says
	Timeout   time.Duration           // of a plan, or of the setup tests of one thing together; 0: 50 seconds, less than clients wait
	Log       *slog.Logger            // nil: no log
	Now       func() time.Time        // nil: time.Now
}

// A Runner runs any number of things at a time, but for verifications, of
// which all but a few wait.
type Runner struct {
	Config
	connectors   map[string]*connector.Service
	destinations map[string]*destination.Service
	share        pipe.Share
	turns        chan struct{} // as many as verifications that compare at a time
	rotations    rotations
}

// New returns a Runner.
func New(c Config) *Runner {
	if c.Timeout == 0 {
		c.Timeout = 50 * time.Second
	}
	if c.Secrets == nil {
		c.Secrets = secretsmanager.New(outside.Policy{}, nil)
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
		turns:        make(chan struct{}, atOnce),
	}
	for i := range c.Connectors {
		r.connectors[c.Connectors[i].ID] = &c.Connectors[i]
	}
	for i := range c.Destinations {
		r.destinations[c.Destinations[i].ID] = &c.Destinations[i]
	}
	return r
}

// An openSource is a connection's source, and the tunnel to it.
type openSource struct {
	connector.Source
	service *connector.Service
	tunnel  *tunnel.Tunnel // nil: it is reached directly
}

// Close closes both.
func (s *openSource) Close() error { return errors.Join(s.Source.Close(), s.tunnel.Close()) }

// missing says that the program was started without a service.
func missing(what, service string) error {
	return &setup.Problem{Code: "no_" + what, Message: fmt.Sprintf("This installation has no %s for service %q. Start it with one.", what, service)}
}

// keptSource returns the config of a connection's source, if it may be opened.
func (r *Runner) keptSource(c *store.Connection) (k kept, err error) {
	svc := r.connectors[c.Service]
	if svc == nil {
		return k, missing("connector", c.Service)
	}
	if svc.Absent != nil {
		return k, svc.Absent
	}
	return kept{"source", c.GroupID, svc.Whole(), c.Config, c.SecretsManagerID, c.SecretsKeys}, impassable("source", c.Way())
}

// source opens a connection's source.
func (r *Runner) source(ctx context.Context, c *store.Connection, log *slog.Logger) (*openSource, error) {
	k, err := r.keptSource(c)
	if err != nil {
		return nil, err
	}
	whole, err := r.whole(ctx, k)
	if err != nil {
		return nil, err
	}
	return r.openSource(ctx, c, whole, log)
}

// openSource opens a connection's source with its whole config.
func (r *Runner) openSource(ctx context.Context, c *store.Connection, whole json.RawMessage, log *slog.Logger) (*openSource, error) {
	svc := r.connectors[c.Service]
	way, err := r.way(ctx, store.ConnectionOwner, c.ID, c.GroupID, whole)
	if err != nil {
		return nil, err
	}
	src, err := svc.Open(whole, connector.Env{
		HTTP:        way.http(r.HTTP),
		Endpoint:    r.Endpoints[c.Service],
		Log:         log,
		Now:         r.Now,
		Memory:      r.share.Source,
		Folder:      r.folder(c.ID),
		FolderBytes: r.FileBytes,
		Trusts:      way.trusts,
		Authorities: way.authorities,
		Rotate:      r.rotate(c.ID),
		Dial:        way.dial(),
	})
	return &openSource{src, svc, way.tunnel}, err
}

// An openDestination is a destination, and the tunnel to it.
type openDestination struct {
	destination.Destination
	service *destination.Service
	tunnel  *tunnel.Tunnel // nil: it is reached directly
}

// keptDestination returns the config of a destination, if it may be opened.
func (r *Runner) keptDestination(d *store.Destination) (k kept, err error) {
	svc := r.destinations[d.Service]
	if svc == nil {
		return k, missing("destination", d.Service)
	}
	if svc.Absent != nil {
		return k, svc.Absent
	}
	return kept{"destination", d.ID, svc.Config, d.Config, d.SecretsManagerID, d.SecretsKeys}, impassable("destination", d.Way())
}

// destination opens a destination.
func (r *Runner) destination(ctx context.Context, d *store.Destination, log *slog.Logger) (*openDestination, error) {
	k, err := r.keptDestination(d)
	if err != nil {
		return nil, err
	}
	whole, err := r.whole(ctx, k)
	if err != nil {
		return nil, err
	}
	return r.openDestination(ctx, d, whole, log)
}

// openDestination opens a destination with its whole config.
func (r *Runner) openDestination(ctx context.Context, d *store.Destination, whole json.RawMessage, log *slog.Logger) (*openDestination, error) {
	svc := r.destinations[d.Service]
	way, err := r.way(ctx, store.DestinationOwner, d.ID, d.ID, whole)
	if err != nil {
		return nil, err
	}
	dst, err := svc.Open(whole, destination.Env{
		Log: log, Trusts: way.trusts, Authorities: way.authorities, Dial: way.dial(),
	})
	return &openDestination{dst, svc, way.tunnel}, err
}

// config returns what a service is opened with: never nothing.
func config(stored json.RawMessage) json.RawMessage {
	if len(stored) == 0 {
		return json.RawMessage(`{}`)
	}
	return stored
}
