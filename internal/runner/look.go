package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/internal/pipe"
	"github.com/penstock-data/penstock/internal/schemaconfig"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/schema"
)

// A look is a connection whose source and destination are opened to be looked
// at. Nothing of what it finds is kept.
type look struct {
	runner *Runner
	c      *store.Connection
	src    *openSource
	dst    *openDestination

	before *schemaconfig.Catalog // as stored
	cfg    schemaconfig.Config   // with what the source offers now, and what is proposed
	cat    schemaconfig.Catalog
}

// openLook opens a connection, which is to be closed. What is wrong with either
// side is a LookError.
func (r *Runner) openLook(ctx context.Context, connectionID string) (*look, error) {
	l := &look{runner: r}
	var err error
	if l.c, err = r.Store.Connection(ctx, connectionID); err != nil {
		return nil, err
	}
	if err := l.open(ctx, r.Log.With("connection", connectionID)); err != nil {
		return nil, &LookError{err}
	}
	return l, nil
}

func (l *look) open(ctx context.Context, log *slog.Logger) error {
	d, err := l.runner.destinationOf(ctx, l.c)
	if err != nil {
		return err
	}
	if l.dst, err = l.runner.destination(ctx, d, log); err != nil {
		return err
	}
	if l.src, err = l.runner.source(ctx, l.c, log); err != nil {
		l.dst.tunnel.Close()
	}
	return err
}

func (l *look) close() {
	l.src.Close()
	l.dst.tunnel.Close()
}

func (l *look) explain(ctx context.Context, err error) error { return explain(ctx, l.src, l.dst, err) }

// A LookError is an error of a connection's source or destination.
type LookError struct{ Err error }

func (e *LookError) Error() string { return e.Err.Error() }
func (e *LookError) Unwrap() error { return e.Err }

// ahead returns what a sync that begins with state would do. change, which may
// be nil, makes a proposed change to the choices first.
func (l *look) ahead(ctx context.Context, state json.RawMessage, change func(*schemaconfig.Config, *schemaconfig.Catalog) error) (out pipe.Outlook, err error) {
	now := l.runner.Now().UTC()
	w, err := l.dst.Writer(ctx, destination.Options{Synced: now})
	if err != nil {
		return out, l.explain(ctx, err)
	}
	defer func() { err = l.explain(ctx, errors.Join(err, w.Close())) }()
	p, err := l.runner.plan(ctx, l.c, l.src.service, l.dst.service)
	if err != nil {
		return out, err
	}
	p.Source, p.Writer, p.Ledger, p.Start = l.src.Source, w, given{state}, now
	p.Choose = func(ctx context.Context, offered []schema.Table) (map[schema.Name]schemaconfig.Treatment, error) {
		if err := l.choose(ctx, offered); err != nil {
			return nil, err
		}
		if change != nil {
			if err := change(&l.cfg, &l.cat); err != nil {
				return nil, err
			}
		}
		return treatments(&l.cfg, &l.cat, offered), nil
	}
	return pipe.Look(ctx, p)
}

// choose makes cfg and cat what a sync would find them to be.
func (l *look) choose(ctx context.Context, offered []schema.Table) error {
	cfg, err := l.runner.Store.SchemaConfig(ctx, l.c.ID)
	if err != nil {
		return fmt.Errorf("schema config: %w", err)
	}
	if l.before, err = l.runner.Store.Catalog(ctx, l.c.ID); err != nil {
		return fmt.Errorf("catalog: %w", err)
	}
	cat := *l.before
	cat.Unnamed = l.src.service.ID
	l.cfg, l.cat = schemaconfig.Capture(*cfg, cat, offered, l.runner.Now())
	return nil
}

// given is a ledger that says what it was given, and forgets what it is told.
type given struct{ state json.RawMessage }

func (g given) State(context.Context) (json.RawMessage, error) { return g.state, nil }
func (given) SetState(context.Context, json.RawMessage) error  { return nil }
