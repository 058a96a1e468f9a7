package engine

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/internal/schedule"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/schema"
)

var one = []schema.Name{table.Name}

// TestResyncTables stops a sync at its next checkpoint; the one that follows
// begins with a state that knows nothing of the table.
func TestResyncTables(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.become(lasting(10))
		w.start()
		w.connection("c")
		w.want(1)
		w.pass(105 * time.Second)
		w.check(w.engine.ResyncTables(ctx, "c", one))
		w.settle()
		w.want(0) // before the checkpoint
		w.pass(15 * time.Second)
		if s := w.want(1); s[0].state != `"2 without [t]"` {
			t.Errorf("the sync began with %s", s[0].state)
		}
		w.pass(11 * time.Minute)
		w.states("c", store.Connected, store.Scheduled, store.OnSchedule, false)
		w.want(0)

		// One that does nothing does it at once, also without a schedule.
		w.update("c", func(c *store.Connection) { c.ScheduleType = schedule.Manual })
		w.check(w.engine.ResyncTables(ctx, "c", one))
		w.settle()
		if s := w.want(1); s[0].state != `"\"done\" without [t]"` {
			t.Errorf("the sync began with %s", s[0].state)
		}
		w.pass(11 * time.Minute)

		// A paused one when it is enabled.
		w.update("c", func(c *store.Connection) { c.Paused = true })
		w.check(w.engine.ResyncTables(ctx, "c", one))
		w.pass(time.Hour)
		w.want(0)
		w.update("c", func(c *store.Connection) { c.Paused = false })
		if s := w.want(1); s[0].state != `"\"done\" without [t]"` {
			t.Errorf("the sync began with %s", s[0].state)
		}
		w.pass(11 * time.Minute)

		w.connection("rigid")
		if err := w.engine.ResyncTables(ctx, "rigid", one); !errors.Is(err, ErrNoTableResync) {
			t.Errorf("a source that cannot: %v", err)
		}
		if err := w.engine.ResyncTables(ctx, "no_such", one); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("no connection: %v", err)
		}
	})
}

// TestResyncTablesOutlivesTheProcess: what was asked for is done by whoever
// takes the run over, or begins the next.
func TestResyncTablesOutlivesTheProcess(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.connection("c")
		dead, err := w.store.Claim(ctx, "dead", time.Now(), 0)
		w.check(err)
		w.check(w.store.SetState(ctx, dead.Token(), []byte("7"), 0, time.Now()))
		w.check(w.store.AskResync(ctx, "c", one)) // and the process dies
		w.start()
		if s := w.want(1); s[0].state != `"7 without [t]"` {
			t.Errorf("the sync began with %s", s[0].state)
		}
		asked, err := w.store.AskedResyncs(ctx, "c")
		w.check(err)
		if len(asked) > 0 {
			t.Errorf("still to be read again: %v", asked)
		}
	})
}

// TestRestart makes a sync begin again with what was changed meanwhile.
func TestRestart(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.become(lasting(10))
		w.start()
		w.connection("c", func(c *store.Connection) { c.ScheduleType, c.TriggeredAt = schedule.Manual, time.Now() })
		w.want(1)
		w.pass(105 * time.Second)
		w.check(w.engine.Restart(ctx, "c"))
		w.pass(15 * time.Second)
		if s := w.want(1); s[0].state != "2" {
			t.Errorf("the sync began with %s", s[0].state)
		}
		w.pass(9 * time.Minute)
		w.states("c", store.Connected, store.Scheduled, store.OnSchedule, false)
		w.check(w.engine.Restart(ctx, "c")) // nothing runs
		w.pass(time.Hour)
		w.want(0)
	})
}

// TestBlockedOnCapture looks what the source offers and moves no row before
// somebody has said that it may.
func TestBlockedOnCapture(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.start()
		w.connection("c", func(c *store.Connection) { c.SchemaStatus = store.BlockedOnCapture })
		w.want(0)
		cat, err := w.store.Catalog(ctx, "c")
		w.check(err)
		if !cat.Captured() || cat.Unnamed != "source" || len(cat.Tables) != 1 || cat.Tables[0].Table != "t" {
			t.Errorf("captured %+v", cat)
		}
		w.states("c", store.Connected, store.Scheduled, store.OnSchedule, true)
		runs, err := w.store.Runs(ctx, "c", 10)
		w.check(err)
		if len(runs) != 1 || runs[0].Outcome != store.RunCaptured {
			t.Errorf("runs %+v", runs)
		}
		w.pass(3 * time.Hour)
		w.want(0)
		if c := w.get("c"); !c.SucceededAt.IsZero() || c.Failures > 0 {
			t.Errorf("succeeded at %v, %d failures", c.SucceededAt, c.Failures)
		}
		w.update("c", func(c *store.Connection) { c.SchemaStatus, c.StartedAt = store.SchemaReady, time.Time{} })
		if s := w.want(1); s[0].state != "" {
			t.Errorf("the first load began with %s", s[0].state)
		}
		w.states("c", store.Connected, store.Scheduled, store.OnSchedule, false)
	})
}

// TestTableProgress is told of every second.
func TestTableProgress(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.become(func(ctx context.Context, req connector.Request, out connector.Output) error {
			out.Progress(table.Name, 100)
			return lasting(3)(ctx, req, out)
		})
		w.start()
		w.connection("c")
		status := func() store.TableStatus {
			t.Helper()
			all, err := w.store.TableStatuses(ctx, "c")
			w.check(err)
			if len(all) != 1 {
				t.Fatalf("%d tables", len(all))
			}
			return all[0]
		}
		w.pass(75 * time.Second)
		if s := status(); s.Status != store.TableSyncing || s.Rows != 1 || s.Expected != 100 {
			t.Errorf("under way: %+v", s)
		}
		w.pass(2 * time.Minute)
		if s := status(); s.Status != store.TableSynced || s.Rows != 3 || s.SyncedAt.IsZero() {
			t.Errorf("afterwards: %+v", s)
		}
	})
}

// TestCapture looks what a source offers while a sync runs, and without one.
func TestCapture(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.connection("c", func(c *store.Connection) { c.Paused = true })
		_, cat, err := w.engine.Capture(ctx, "c")
		w.check(err)
		if len(cat.Tables) != 1 {
			t.Errorf("captured %+v", cat)
		}
		if _, _, err := w.engine.Capture(ctx, "no_such"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("no connection: %v", err)
		}
		w.connection("odd", func(c *store.Connection) { c.Config = []byte(`1`) })
		var of *ServiceError
		if _, _, err := w.engine.Capture(ctx, "odd"); !errors.As(err, &of) {
			t.Errorf("a source that cannot be opened: %v", err)
		}
	})
}
