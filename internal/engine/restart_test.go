package engine

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/internal/schedule"
	"github.com/penstock-data/penstock/internal/store"
)

func TestShutDownAtACheckpoint(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.become(lasting(10))
		w.start()
		w.connection("c")
		w.want(1)
		began := time.Now()
		w.pass(100 * time.Second)
		w.stop()
		if took := time.Since(began); took != 2*time.Minute {
			t.Errorf("stopped after %v, want at the second checkpoint", took)
		}
		run := w.get("c").RunID
		w.states("c", store.Connected, store.Syncing, store.OnSchedule, true)

		w.engine = w.another()
		w.start()
		if s := w.want(1); s[0].state != "2" {
			t.Errorf("resumed from %q", s[0].state)
		}
		w.pass(8 * time.Minute)
		w.states("c", store.Connected, store.Scheduled, store.OnSchedule, false)
		r, err := w.store.Run(ctx, run)
		w.check(err)
		if r.Outcome != store.RunSucceeded || r.Fence != 2 || !r.StartedAt.Equal(began) {
			t.Errorf("the run ended as %q, fence %d, started %v", r.Outcome, r.Fence, r.StartedAt)
		}
	})
}

func TestShutDownCutsOff(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.become(func(ctx context.Context, _ connector.Request, _ connector.Output) error {
			<-ctx.Done()
			return ctx.Err()
		})
		w.start()
		w.connection("c")
		began := time.Now()
		w.stop()
		if took := time.Since(began); took != 30*time.Second {
			t.Errorf("stopped after %v, want the time of grace", took)
		}
		w.become(fine)
		w.engine = w.another()
		w.start()
		w.want(2)
		w.states("c", store.Connected, store.Scheduled, store.OnSchedule, false)
	})
}

// TestDeadProcess leaves a run as a process does that is killed: alive in the
// store, with nobody behind it.
func TestDeadProcess(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.connection("c")
		dead, err := w.store.Claim(ctx, "dead", time.Now(), 30*time.Second)
		w.check(err)
		w.check(w.store.SetState(ctx, dead.Token(), []byte("7"), 0, time.Now()))

		shared := w.store.Shared()
		w.check(w.store.Close())
		w.open()
		w.become(lasting(10))
		w.start()
		if shared { // the process may be alive: its lease must run out
			w.want(0)
			w.pass(30 * time.Second)
		}
		if s := w.want(1); s[0].state != "7" {
			t.Errorf("resumed from %q", s[0].state)
		}
		w.pass(3 * time.Minute)
		w.states("c", store.Connected, store.Scheduled, store.OnSchedule, false)
	})
}

// TestStoppedBeforeItDied: a process died after it had been asked to stop.
func TestStoppedBeforeItDied(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.connection("c")
		dead, err := w.store.Claim(ctx, "dead", time.Now(), 0)
		w.check(err)
		w.update("c", func(c *store.Connection) { c.Paused = true })
		w.start()
		w.want(0)
		w.states("c", store.Connected, store.Paused, store.OnSchedule, true)
		r, err := w.store.Run(ctx, dead.ID)
		w.check(err)
		if r.Outcome != store.RunCanceled || w.get("c").RunID != "" {
			t.Errorf("the run ended as %q", r.Outcome)
		}
	})
}

// TestLostLease: another process took the run over while this one was frozen.
func TestLostLease(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.become(lasting(10))
		w.start()
		w.connection("c")
		w.want(1)
		w.pass(90 * time.Second)
		taken, err := w.store.TakeOver(ctx, "other", time.Now().Add(time.Minute), time.Hour)
		w.check(err)
		if taken == nil {
			t.Fatal("nothing to take over")
		}
		w.pass(30 * time.Second) // the next checkpoint, and the next heartbeat
		if w.total != 0 {
			t.Error("the sync goes on without its lease")
		}
		state, err := w.store.State(ctx, "c")
		w.check(err)
		if string(state) != "1" {
			t.Errorf("state is %s: saved by a run that had lost it", state)
		}
		r, err := w.store.Run(ctx, taken.ID)
		w.check(err)
		if !r.EndedAt.IsZero() || r.Owner != "other" {
			t.Errorf("the run was ended as %q, owner %q", r.Outcome, r.Owner)
		}
	})
}

// TestTwoEngines lets two processes share a database.
func TestTwoEngines(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.become(lasting(5))
		other := w.another()
		ctx2, halt := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); other.Run(ctx2) }()
		w.start()
		for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
			w.connection(name)
		}
		other.poke()
		w.settle()
		w.want(8) // four each, none twice

		// Stopped by the engine that does not run it.
		var mine, theirs string
		for _, c := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
			if other.running(w.get(c).RunID) != nil {
				theirs = c
			} else {
				mine = c
			}
		}
		w.check(w.engine.Sync(ctx, theirs, true))
		w.pass(11 * time.Second) // a heartbeat
		if s := w.want(1); s[0].name != theirs {
			t.Errorf("%s was run again", s[0].name)
		}
		w.check(other.Delete(ctx, mine))
		w.pass(11 * time.Second)
		halt()
		<-done
		w.pass(time.Hour)
		for _, s := range w.begun() {
			if s.name == mine {
				t.Errorf("%s was deleted and runs again", mine)
			}
		}
	})
}

// TestLostAnswer claims a run for an engine that never hears of it.
func TestLostAnswer(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.connection("c", func(c *store.Connection) { c.SyncFrequency = schedule.Daily })
		if _, err := w.store.Claim(ctx, w.engine.owner, time.Now(), 30*time.Second); err != nil {
			t.Fatal(err)
		}
		w.start()
		w.pass(time.Hour)
		w.want(0)
		w.engine.orphans.Store(true) // as after an error of the store
		w.engine.poke()
		w.settle()
		w.want(1)
	})
}

// TestStoreGone takes the store away under a running engine.
func TestStoreGone(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		var log bytes.Buffer
		w.engine.Log = slog.New(slog.NewTextHandler(&log, nil))
		w.start()
		w.check(w.store.Close())
		w.engine.poke()
		w.pass(time.Hour)
		w.stop()
		if n := strings.Count(log.String(), "\n"); n < 10 || n > 200 {
			t.Errorf("%d errors were logged in an hour", n)
		}
		w.open()
		w.start()
		w.connection("c")
		w.want(1)
	})
}
