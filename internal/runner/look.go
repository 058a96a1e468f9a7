package runner

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"

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

	// Set by ahead.
	before  *schemaconfig.Catalog // as stored
	cfg     schemaconfig.Config   // with what the source offers now, and what is proposed
	cat     schemaconfig.Catalog
	last    json.RawMessage // the state that was last saved; nil: none
	asked   []schema.Name   // tables that somebody wants to be read again
	rekeyed []schema.Name   // tables whose rows get other keys in the destination
}

// openLook opens a connection, which is to be closed. What is wrong with either
// side is a ServiceError.
func (r *Runner) openLook(ctx context.Context, connectionID string) (*look, error) {
	l := &look{runner: r}
	var err error
	if l.c, err = r.Store.Connection(ctx, connectionID); err != nil {
		return nil, err
	}
	if err := l.open(ctx, r.Log.With("connection", connectionID)); err != nil {
		return nil, ofService(err)
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

func (l *look) explain(ctx context.Context, err error) error {
	return explain(ctx, err, l.src.tunnel, l.dst.tunnel)
}

// ahead returns what the next sync would do. change, which may be nil, makes a
// proposed change to the choices first; its error comes through, and what is
// wrong with either side is a ServiceError.
func (l *look) ahead(ctx context.Context, change func(*schemaconfig.Config, *schemaconfig.Catalog) error) (pipe.Outlook, error) {
	var refused error
	out, err := l.outlook(ctx, func(cfg *schemaconfig.Config, cat *schemaconfig.Catalog) error {
		if change != nil {
			refused = change(cfg, cat)
		}
		return refused
	})
	if refused != nil {
		return out, refused
	}
	if err == nil {
		err = out.Foretell(ctx, l.src.Source)
	}
	return out, ofService(l.explain(ctx, err))
}

func (l *look) outlook(ctx context.Context, change func(*schemaconfig.Config, *schemaconfig.Catalog) error) (out pipe.Outlook, err error) {
	now := l.runner.Now().UTC()
	w, err := l.dst.Writer(ctx, destination.Options{Synced: now, Memory: l.runner.share.Writer})
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	p, err := l.runner.plan(ctx, l.c, l.src.service, l.dst.service)
	if err != nil {
		return out, err
	}
	p.Source, p.Writer, p.Ledger, p.Start = l.src.Source, w, beginning{look: l}, now
	p.Choose = func(ctx context.Context, offered []schema.Table) (map[schema.Name]schemaconfig.Treatment, error) {
		if err := l.choose(ctx, offered); err != nil {
			return nil, err
		}
		if err := change(&l.cfg, &l.cat); err != nil {
			return nil, err
		}
		how := treatments(&l.cfg, &l.cat, offered)
		_, l.rekeyed = schemaconfig.Rekey(l.cat, how)
		return how, nil
	}
	return pipe.Look(ctx, p)
}

// choose makes cfg and cat what a sync would find them to be.
func (l *look) choose(ctx context.Context, offered []schema.Table) error {
	cfg, err := l.runner.Store.SchemaConfig(ctx, l.c.ID)
	if err != nil {
		return ofStore("schema config", err)
	}
	if l.before, err = l.runner.Store.Catalog(ctx, l.c.ID); err != nil {
		return ofStore("catalog", err)
	}
	cat := *l.before
	cat.Unnamed = l.src.service.ID
	l.cfg, l.cat = schemaconfig.Capture(*cfg, cat, offered, l.runner.Now())
	return nil
}

// A beginning is the ledger of a look: it has the state that the next sync
// begins with. It is asked once the choices are read, so that what they make a
// sync read again is never missed.
type beginning struct {
	pipe.Ledger // nil: a look saves nothing
	*look
}

func (b beginning) State(ctx context.Context) (json.RawMessage, error) {
	l := b.look
	var err error
	if l.last, err = l.runner.Store.State(ctx, l.c.ID); err != nil {
		return nil, &storeError{err}
	}
	if l.asked, err = l.runner.Store.AskedResyncs(ctx, l.c.ID); err != nil {
		return nil, ofStore("re-syncs", err)
	}
	again := slices.Concat(l.asked, l.rekeyed)
	switch {
	case l.c.Reset || l.last == nil:
		return nil, nil
	case len(again) == 0:
		return l.last, nil
	}
	return forget(l.src.Source, l.last, again)
}
