package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/internal/store"
)

// askTime is how long a source may take to say what it keeps back, or to let
// go of it.
const askTime = 30 * time.Second

// A Backlog is what the server of a source keeps back for a connection.
type Backlog = connector.Backlog

// watchBacklog has the source asked from now on what it keeps back, if it keeps
// anything.
func (s *syncing) watchBacklog(ctx context.Context, src *openSource) error {
	if keeping(src.Source) == nil {
		return nil
	}
	return ofStore("watch what the source keeps back", s.runner.Store.WatchBacklog(ctx, s.run.ConnectionID, s.runner.Now().Add(time.Minute)))
}

// keeping returns a source that keeps something back, or nil.
func keeping(src connector.Source) connector.Keeper {
	if k, ok := src.(connector.Keeper); ok && k.Keeps() {
		return k
	}
	return nil
}

// Backlog asks the source of a connection what it keeps back. keeps is false if
// it is one that keeps nothing.
func (r *Runner) Backlog(ctx context.Context, c *store.Connection) (b Backlog, keeps bool, err error) {
	err = r.ask(ctx, c, func(ctx context.Context, k connector.Keeper, state json.RawMessage) error {
		keeps = true
		b, err = k.Backlog(ctx, state)
		return err
	})
	return b, keeps, err
}

// Release has the source of a connection keep back nothing more, and says what
// it has let go of; "": nothing.
func (r *Runner) Release(ctx context.Context, c *store.Connection) (what string, err error) {
	err = r.ask(ctx, c, func(ctx context.Context, k connector.Keeper, state json.RawMessage) error {
		what, err = k.Release(ctx, state, true)
		return err
	})
	return what, err
}

// ask opens the source of a connection and calls f, unless it keeps nothing
// back.
func (r *Runner) ask(ctx context.Context, c *store.Connection, f func(context.Context, connector.Keeper, json.RawMessage) error) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	log := r.Log.With("connection", c.ID)
	_, err := timed(ctx, func(ctx context.Context) (struct{}, error) {
		src, err := r.source(ctx, c, log)
		if err != nil {
			return struct{}{}, err
		}
		defer src.Close()
		k := keeping(src.Source)
		if k == nil {
			return struct{}{}, nil
		}
		state, err := r.Store.State(ctx, c.ID)
		if err != nil {
			return struct{}{}, ofStore("state", err)
		}
		return struct{}{}, explain(ctx, f(ctx, k, state), src.tunnel)
	}, log)
	return err
}

// Farewell returns what has the source of a connection that is about to be
// deleted let go of what was set up for it; nil: it keeps nothing. It is to be
// called once, when the connection is gone.
func (r *Runner) Farewell(ctx context.Context, c *store.Connection) (func(context.Context) (what string, err error), error) {
	src, err := r.source(ctx, c, r.Log.With("connection", c.ID))
	if err != nil {
		return nil, err
	}
	k := keeping(src.Source)
	if k == nil {
		return nil, src.Close()
	}
	state, err := r.Store.State(ctx, c.ID)
	if err != nil {
		src.Close()
		return nil, ofStore("state", err)
	}
	return func(ctx context.Context) (what string, err error) {
		defer src.Close()
		defer caught(r.Log, &err)
		wait := time.Second
		for try := 1; ; try++ {
			limited, cancel := context.WithTimeout(ctx, askTime)
			what, err = k.Release(limited, state, false)
			cancel()
			if err == nil || try == farewells || ctx.Err() != nil {
				return what, explain(ctx, err, src.tunnel)
			}
			select {
			case <-ctx.Done():
				return "", fmt.Errorf("%w: %w", context.Cause(ctx), err)
			case <-time.After(wait):
				wait *= 2
			}
		}
	}, nil
}

// farewells is how often a source is asked to let go.
const farewells = 6
