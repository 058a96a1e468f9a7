package engine

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/schema"
)

// TestAsked: what people ask for is told, what the engine does about it is not.
func TestAsked(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		w.connection("c", func(c *store.Connection) { c.Paused = true })
		at := int64(0)
		told := func() (kinds []string) {
			events, err := w.store.Events(ctx, at, 100)
			w.check(err)
			for _, e := range events {
				at = e.ID
				kinds = append(kinds, e.Kind)
			}
			return kinds
		}
		told()
		if err := w.engine.Sync(ctx, "c", false); err != ErrPaused {
			t.Error(err)
		}
		w.check(w.engine.Resync(ctx, "c"))
		w.check(w.engine.ResyncTables(ctx, "c", []schema.Name{{Table: "a"}, {Table: "b"}}))
		w.update("c", func(c *store.Connection) { c.Paused = false })
		w.check(w.engine.Sync(ctx, "c", true))
		want := []string{"resync_connector", "resync_table", "resync_table", "resume_connector", "force_update_connector"}
		if d := cmp.Diff(want, told()); d != "" {
			t.Error(d)
		}
		w.start()
		w.pass(time.Minute)
		if got := told(); len(got) < 2 || got[0] != store.SyncStart || got[len(got)-1] != store.SyncEnd {
			t.Errorf("a sync tells %v", got)
		}
		w.check(w.store.Record(ctx, store.Event{GroupID: w.group.ID, Kind: "old"}))
		w.pass(store.EventsKept + tidyEvery)
		if slices.Contains(told(), "old") {
			t.Error("an event from 30 days ago is there")
		}
	})
}
