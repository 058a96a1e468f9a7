package engine

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/penstock-data/penstock/internal/store"
)

// spillLook is how often a spill looks whether a sync waits for it, well below
// the time for which one does.
const spillLook = 5 * time.Second

// spillApart is how long it is until a spill that moved nothing is tried again.
const spillApart = 5 * time.Minute

var (
	errSync    = errors.New("a sync begins")
	errNothing = errors.New("what can be was moved; look for long transactions in the source")
)

// spill has what a connection's source keeps back moved to files of this
// server, in the background, until all is or a sync begins. Meanwhile nobody
// asks the source.
func (e *InProcess) spill(ctx context.Context, c *store.Connection) error {
	if err := e.Store.HoldBacklog(ctx, c.ID, e.Now().Add(askLease)); err != nil {
		return err
	}
	e.left.Go(func() {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		go e.overlook(ctx, c.ID, cancel)
		moved, err := e.Runner.Spill(ctx, c)
		switch {
		case ctx.Err() != nil: // what was moved by then is
			err = nil
		case err == nil && moved == 0:
			err = errNothing
		}
		cancel(nil)
		if moved > 0 {
			e.Log.Info("what the source keeps back was moved to files", "connection", c.ID, "bytes", moved)
		}
		if err != nil {
			e.Log.Error("what the source keeps back is not moved to files", "connection", c.ID, "error", err)
		}
		if err := e.spillEnded(context.WithoutCancel(ctx), c.ID, err); err != nil {
			e.Log.Error("look what the source keeps back", "connection", c.ID, "error", err)
		}
	})
	return nil
}

// overlook ends a spill when a sync begins, or the connection is deleted or
// does not want it any more, and holds its lease.
func (e *InProcess) overlook(ctx context.Context, id string, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(spillLook)
	defer tick.Stop()
	for {
		c, err := e.Store.Connection(ctx, id)
		switch {
		case errors.Is(err, store.ErrNotFound), err == nil && (c.RunID != "" || c.AtLogLimit != store.SpillLog):
			cancel(errSync)
			return
		case err == nil:
			err = e.Store.HoldBacklog(ctx, id, e.Now().Add(askLease))
		}
		if err != nil && ctx.Err() == nil {
			e.Log.Error("hold what the source keeps back", "connection", id, "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// spillEnded has the source asked again, sooner if all went well.
func (e *InProcess) spillEnded(ctx context.Context, id string, failed error) error {
	c, err := e.Store.Connection(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return e.Runner.ForgetFiles(id)
	}
	if err != nil {
		return err
	}
	b, err := e.Store.Backlog(ctx, id)
	if err != nil {
		return err
	}
	b.Unspilled, b.DueAt = "", e.Now().Add(askEvery)
	if failed != nil {
		b.Unspilled, b.DueAt = strings.TrimSuffix(failed.Error(), "."), e.Now().Add(spillApart)
	}
	return e.Store.SaveBacklog(ctx, b, judge(c, b).alert)
}
