package runner

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
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

// Spill moves what the source of a connection keeps back into files of this
// server. It may take long, and ends early with ctx.
func (r *Runner) Spill(ctx context.Context, c *store.Connection) (moved int64, err error) {
	log := r.Log.With("connection", c.ID)
	defer caught(log, &err)
	err = r.keeper(ctx, c, log, func(ctx context.Context, k connector.Keeper, state json.RawMessage) error {
		s, ok := k.(connector.Spiller)
		if !ok {
			return errors.New("its source cannot be read into files")
		}
		moved, err = s.Spill(ctx, state)
		return err
	})
	return moved, err
}

// ask is keeper for calls that do not take long.
func (r *Runner) ask(ctx context.Context, c *store.Connection, f func(context.Context, connector.Keeper, json.RawMessage) error) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	log := r.Log.With("connection", c.ID)
	_, err := timed(ctx, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, r.keeper(ctx, c, log, f)
	}, log)
	return err
}

// keeper opens the source of a connection and calls f, unless it keeps nothing
// back.
func (r *Runner) keeper(ctx context.Context, c *store.Connection, log *slog.Logger, f func(context.Context, connector.Keeper, json.RawMessage) error) error {
	src, err := r.source(ctx, c, log)
	if err != nil {
		return err
	}
	defer src.Close()
	k := keeping(src.Source)
	if k == nil {
		return nil
	}
	state, err := r.Store.State(ctx, c.ID)
	if err != nil {
		return ofStore("state", err)
	}
	return explain(ctx, f(ctx, k, state), src.tunnel)
}

// A Farewell has the source of a connection that is gone let go of what was set
// up for it.
type Farewell struct {
	runner *Runner
	src    *openSource
	keeper connector.Keeper
	state  json.RawMessage
}

// Farewell returns what is to be done at the source of a connection that is
// about to be deleted; nil: nothing.
func (r *Runner) Farewell(ctx context.Context, c *store.Connection) (*Farewell, error) {
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
	return &Farewell{r, src, k, state}, nil
}

// Release asks the source to let go, and says of what it has; "": nothing. It
// may be called again after an error.
func (f *Farewell) Release(ctx context.Context) (what string, err error) {
	defer caught(f.runner.Log, &err)
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	what, err = f.keeper.Release(ctx, f.state, false)
	return what, explain(ctx, err, f.src.tunnel)
}

// Close is the end of it.
func (f *Farewell) Close() error { return f.src.Close() }

// folder returns where a connection's source may keep files.
func (r *Runner) folder(id string) string {
	if r.Files == "" {
		return ""
	}
	return filepath.Join(r.Files, id)
}

// ForgetFiles removes what the source of a connection that is gone has kept.
func (r *Runner) ForgetFiles(id string) error {
	if r.Files == "" {
		return nil
	}
	return os.RemoveAll(r.folder(id))
}

// TidyFiles is ForgetFiles for all connections that are gone: another process
// may have deleted them.
func (r *Runner) TidyFiles(ctx context.Context) error {
	if r.Files == "" {
		return nil
	}
	folders, err := os.ReadDir(r.Files)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, f := range folders {
		if _, lost := r.Store.Connection(ctx, f.Name()); errors.Is(lost, store.ErrNotFound) {
			err = errors.Join(err, r.ForgetFiles(f.Name()))
		}
	}
	return err
}
