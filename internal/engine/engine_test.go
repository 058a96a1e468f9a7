package engine

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/internal/schedule"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/setup"
)

var ctx = context.Background()

func TestFrequencyForAWeek(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.start()
		w.connection("hourly")
		w.want(1) // at once
		w.states("hourly", store.Connected, store.Scheduled, store.OnSchedule, false)
		w.pass(7 * 24 * time.Hour)
		offset := schedule.Offset("hourly")
		for i, s := range w.want(7 * 24) {
			if sinceHour := s.at.Sub(s.at.Truncate(time.Hour)); sinceHour != offset {
				t.Fatalf("sync %d began %v after the hour, want %v", i, sinceHour, offset)
			}
		}
	})
}

func TestDailyForYears(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		_, err := w.store.UpdateDestination(ctx, w.group.ID, func(d *store.Destination) error {
			d.TimeZoneOffset, d.DaylightSaving = "-5", true
			return nil
		})
		w.check(err)
		w.start()
		w.connection("daily", func(c *store.Connection) { c.SyncFrequency, c.DailySyncTime = schedule.Daily, "03:00" })
		w.want(1)
		w.pass(366 * 24 * time.Hour) // of the year 2000
		utc := map[int]int{}
		for _, s := range w.want(366) {
			if s.at.Minute() != 0 || s.at.Second() != 0 {
				t.Fatalf("a sync began at %v", s.at)
			}
			utc[s.at.Hour()]++
		}
		// Summer time was from March 12 to November 5 of 2000 by today's rule.
		if utc[7] != 238 || utc[8] != 128 {
			t.Errorf("syncs by hour of the day in UTC: %v", utc)
		}
		// A new time zone counts from the next sync on.
		_, err = w.store.UpdateDestination(ctx, w.group.ID, func(d *store.Destination) error {
			d.TimeZoneOffset, d.DaylightSaving = "+1", false
			return nil
		})
		w.check(err)
		if due := w.get("daily").DueAt; due.Hour() != 2 {
			t.Errorf("due at %v", due)
		}
	})
}

func TestLongSyncs(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.become(lasting(90))
		w.start()
		w.connection("slow")
		w.want(1)
		w.pass(10 * time.Minute)
		w.states("slow", store.Connected, store.Syncing, store.OnSchedule, true)
		w.pass(80*time.Minute + time.Second)
		w.states("slow", store.Connected, store.Syncing, store.OnSchedule, false)
		if s := w.want(1); s[0].state != `"done"` {
			t.Errorf("the second sync began with state %s", s[0].state)
		}
		if most := w.most; most != 1 {
			t.Errorf("%d at a time", most)
		}
	})
}

func TestBoundedConcurrency(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.become(lasting(10))
		w.start()
		for i := range 10 {
			w.connection(fmt.Sprintf("c%d", i), func(c *store.Connection) { c.SyncFrequency = schedule.Daily })
		}
		w.want(4)
		w.states("c9", store.Connected, store.Scheduled, store.OnSchedule, true)
		w.pass(10 * time.Minute)
		w.want(4)
		w.pass(10 * time.Minute)
		w.want(2)
		if w.most != 4 {
			t.Errorf("%d at a time, want 4", w.most)
		}
	})
}

func TestManual(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.start()
		w.connection("m", func(c *store.Connection) { c.ScheduleType = schedule.Manual })
		w.pass(24 * time.Hour)
		w.want(0)
		w.check(w.engine.Sync(ctx, "m", false))
		w.settle()
		w.want(1)
		w.become(failing(errLater))
		w.check(w.engine.Sync(ctx, "m", false))
		w.pass(24 * time.Hour)
		w.want(1) // no second try
		w.states("m", store.Connected, store.Scheduled, store.OnSchedule, false)

		until := time.Now().Add(time.Hour)
		w.become(failing(&setup.Reschedule{Until: until, Reason: "too many requests"}))
		w.check(w.engine.Sync(ctx, "m", false))
		w.pass(24 * time.Hour)
		w.want(1)
		w.states("m", store.Connected, store.Rescheduled, store.OnSchedule, false)
		w.become(fine)
		w.check(w.engine.Sync(ctx, "m", false))
		w.settle()
		w.want(1)
		w.states("m", store.Connected, store.Scheduled, store.OnSchedule, false)
	})
}

func TestPaused(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.become(lasting(10))
		w.start()
		w.connection("p")
		w.want(1)
		w.pass(100 * time.Second)
		w.update("p", func(c *store.Connection) { c.Paused = true })
		w.states("p", store.Connected, store.Paused, store.OnSchedule, true)
		if w.get("p").RunID == "" {
			t.Fatal("the sync did not go on to its next checkpoint")
		}
		w.pass(20 * time.Second)
		c := w.get("p")
		if c.RunID != "" || !c.SucceededAt.IsZero() || !c.FailedAt.IsZero() {
			t.Fatalf("after the checkpoint: run %q, succeeded %v, failed %v", c.RunID, c.SucceededAt, c.FailedAt)
		}
		w.pass(100 * time.Hour)
		w.want(0)
		w.states("p", store.Connected, store.Paused, store.OnSchedule, true)
		if err := w.engine.Sync(ctx, "p", true); !errors.Is(err, ErrPaused) {
			t.Fatalf("Sync: %v", err)
		}
		w.update("p", func(c *store.Connection) { c.Paused = false })
		if s := w.want(1); s[0].state != "2" {
			t.Errorf("resumed from %s, want 2", s[0].state)
		}
	})
}

func TestPauseCutsOffWhatDoesNotCheckpoint(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.become(func(ctx context.Context, _ connector.Request, _ connector.Output) error {
			<-ctx.Done()
			return ctx.Err()
		})
		w.start()
		w.connection("p")
		w.pass(time.Hour) // the lease is kept meanwhile
		w.want(1)
		w.update("p", func(c *store.Connection) { c.Paused = true })
		w.pass(29 * time.Second)
		if w.get("p").RunID == "" {
			t.Error("cut off before the time of grace was over")
		}
		w.pass(2 * time.Second)
		if w.get("p").RunID != "" {
			t.Error("not cut off")
		}
	})
}

func TestTriggered(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.start()
		w.connection("c")
		w.want(1)
		due := w.get("c").DueAt
		w.check(w.engine.Sync(ctx, "c", false))
		w.settle()
		w.want(1)
		if got := w.get("c").DueAt; !got.Equal(due) {
			t.Errorf("the trigger moved the schedule from %v to %v", due, got)
		}
		w.become(lasting(30))
		w.check(w.engine.Sync(ctx, "c", false))
		w.settle()
		w.want(1)
		w.pass(5 * time.Minute)
		w.check(w.engine.Sync(ctx, "c", false)) // it is syncing already
		w.pass(25*time.Minute - time.Second)
		w.want(0)
		if err := w.engine.Sync(ctx, "no_such", false); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Sync of nothing: %v", err)
		}
		w.connection("i", func(c *store.Connection) { c.SetupState = store.Incomplete })
		if err := w.engine.Sync(ctx, "i", false); !errors.Is(err, ErrIncomplete) {
			t.Errorf("Sync of an incomplete one: %v", err)
		}
	})
}

// TestCanceledSync: what was copied stays, and the next sync is that of the
// schedule.
func TestCanceledSync(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.become(lasting(30))
		w.start()
		w.connection("c")
		w.want(1)
		w.pass(100 * time.Second)
		first := w.get("c")
		w.check(w.engine.CancelSync(ctx, "c"))
		w.pass(time.Minute)
		run, err := w.store.Run(ctx, first.RunID)
		w.check(err)
		if c := w.get("c"); run.Outcome != store.RunCanceled || c.RunID != "" || c.Failures != 0 || !c.DueAt.After(time.Now()) {
			t.Fatalf("the run ended as %q; then %q runs, due at %v", run.Outcome, c.RunID, c.DueAt)
		}
		w.check(w.engine.CancelSync(ctx, "c")) // none runs
		w.want(0)
		w.pass(time.Until(w.get("c").DueAt) + time.Minute)
		if s := w.want(1); s[0].state != "2" {
			t.Errorf("the next began with %q", s[0].state)
		}
	})
}

func TestForced(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.become(lasting(30))
		w.start()
		w.connection("c")
		w.want(1)
		w.pass(90 * time.Second)
		first := w.get("c").RunID
		w.check(w.engine.Sync(ctx, "c", true))
		w.settle()
		if s := w.want(1); s[0].state != "1" {
			t.Errorf("the forced sync began with %q", s[0].state)
		}
		run, err := w.store.Run(ctx, first)
		w.check(err)
		if run.Outcome != store.RunCanceled || w.get("c").RunID == first {
			t.Errorf("the first run ended as %q", run.Outcome)
		}
		w.states("c", store.Connected, store.Syncing, store.OnSchedule, true)
	})
}

func TestResync(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.start()
		w.connection("c")
		w.want(1)
		w.states("c", store.Connected, store.Scheduled, store.OnSchedule, false)
		w.become(lasting(10))
		w.check(w.engine.Resync(ctx, "c"))
		w.settle()
		if s := w.want(1); s[0].state != "" {
			t.Errorf("the re-sync began with %q", s[0].state)
		}
		w.states("c", store.Connected, store.Syncing, store.OnSchedule, true)

		// Once more while it runs: what it has done counts no longer.
		w.pass(90 * time.Second)
		w.check(w.engine.Resync(ctx, "c"))
		w.settle()
		if s := w.want(1); s[0].state != "" {
			t.Errorf("the second re-sync began with %q", s[0].state)
		}
		w.pass(10 * time.Minute)
		w.states("c", store.Connected, store.Scheduled, store.OnSchedule, false)

		// Paused, it waits.
		w.update("c", func(c *store.Connection) { c.Paused = true })
		w.check(w.engine.Resync(ctx, "c"))
		w.pass(time.Hour)
		w.want(0)
		w.states("c", store.Connected, store.Paused, store.OnSchedule, true)
		w.update("c", func(c *store.Connection) { c.Paused = false })
		if s := w.want(1); s[0].state != "" {
			t.Errorf("the delayed re-sync began with %q", s[0].state)
		}
	})
}

func TestRescheduled(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.start()
		until := time.Now().Add(20 * time.Hour).UTC()
		w.become(failing(fmt.Errorf("sync: %w", &setup.Reschedule{Until: until, Reason: "too many requests"})))
		w.connection("c")
		w.want(1)
		w.states("c", store.Connected, store.Rescheduled, store.OnSchedule, true)
		c := w.get("c")
		if !c.RescheduledFor.Equal(until) || !c.SucceededAt.IsZero() || !c.FailedAt.IsZero() {
			t.Errorf("rescheduled for %v, succeeded %v, failed %v", c.RescheduledFor, c.SucceededAt, c.FailedAt)
		}
		w.become(fine)
		w.pass(20*time.Hour - time.Second)
		w.want(0)
		w.states("c", store.Connected, store.Rescheduled, store.Delayed, true)
		w.pass(time.Second)
		w.want(1)
		w.states("c", store.Connected, store.Scheduled, store.OnSchedule, false)
	})
}

func TestBackOff(t *testing.T) {
	for _, tt := range []struct {
		name  string
		err   error
		state string
		tasks int
		waits []time.Duration
	}{
		{"passing", errLater, store.Connected, 0, minutes(1, 2, 4, 8, 16, 32, 60, 60)},
		{"problem", &setup.Problem{Code: "authentication_failed", Message: "wrong password"}, store.Broken, 1, minutes(15, 30, 60, 120, 240, 480, 960, 1440, 1440)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				w.become(failing(tt.err))
				w.start()
				w.connection("c")
				w.want(1)
				for _, wait := range tt.waits {
					w.states("c", tt.state, store.Scheduled, w.get("c").UpdateState(time.Now()), true)
					w.pass(wait - time.Second)
					w.want(0)
					w.pass(time.Second)
					w.want(1)
				}
				c := w.get("c")
				if !c.FailedAt.Equal(time.Now()) || !c.SucceededAt.IsZero() || len(c.Tasks) != tt.tasks {
					t.Errorf("failed at %v, succeeded %v, tasks %v", c.FailedAt, c.SucceededAt, c.Tasks)
				}
				if c.UpdateState(time.Now()) != store.Delayed {
					t.Error("not delayed")
				}
				w.become(fine)
				w.pass(24 * time.Hour)
				w.states("c", store.Connected, store.Scheduled, store.OnSchedule, false)
				if c := w.get("c"); c.Failures != 0 || len(c.Tasks) != 0 || c.FailedAt.IsZero() {
					t.Errorf("after the success: %d failures, tasks %v", c.Failures, c.Tasks)
				}
			})
		})
	}
}

func minutes(ns ...int) []time.Duration {
	var ds []time.Duration
	for _, n := range ns {
		ds = append(ds, time.Duration(n)*time.Minute)
	}
	return ds
}

func TestSetupTestsMakeItDue(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.start()
		w.connection("c", func(c *store.Connection) { c.SetupState = "" })
		w.pass(time.Hour)
		w.want(0)
		w.tests = []setup.TestResult{{Title: "Host", Status: setup.Failed, Message: "no such host"}}
		c, err := w.engine.TestConnection(ctx, "c", Trust{})
		w.check(err)
		w.states("c", store.Incomplete, store.Scheduled, store.OnSchedule, true)
		if len(c.Tasks) != 1 || len(c.SetupTests) != 1 {
			t.Errorf("tasks %v, tests %v", c.Tasks, c.SetupTests)
		}
		w.tests = []setup.TestResult{{Title: "Host", Status: setup.Passed}, {Title: "Version", Status: setup.Warned}}
		_, err = w.engine.TestConnection(ctx, "c", Trust{})
		w.check(err)
		w.settle()
		w.want(1)
		w.states("c", store.Connected, store.Scheduled, store.OnSchedule, false)

		w.tests = []setup.TestResult{{Title: "Host", Status: setup.Failed}}
		_, err = w.engine.TestConnection(ctx, "c", Trust{})
		w.check(err)
		w.states("c", store.Broken, store.Scheduled, store.OnSchedule, false)
	})
}

func TestDeletedWhileSyncing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.become(lasting(10))
		w.start()
		w.connection("c")
		w.pass(90 * time.Second)
		w.want(1)
		w.check(w.engine.Delete(ctx, "c"))
		w.settle()
		if w.total != 0 {
			t.Error("the sync goes on")
		}
		w.pass(24 * time.Hour)
		w.want(0)
		if err := w.engine.Delete(ctx, "c"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Delete again: %v", err)
		}
	})
}

func TestPanicIsAFailure(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.become(func(context.Context, connector.Request, connector.Output) error { panic("oh") })
		w.start()
		w.connection("c")
		w.want(1)
		if c := w.get("c"); c.Failures != 1 {
			t.Errorf("%d failures", c.Failures)
		}
	})
}

// TestTriggeredWhileStopping asks for a sync of a manual connection whose run
// is on its way to its last checkpoint.
func TestTriggeredWhileStopping(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.become(lasting(10))
		w.start()
		w.connection("m", func(c *store.Connection) { c.ScheduleType = schedule.Manual })
		w.check(w.engine.Sync(ctx, "m", false))
		w.pass(100 * time.Second)
		w.want(1)
		w.update("m", func(c *store.Connection) { c.Paused = true })
		w.update("m", func(c *store.Connection) { c.Paused = false })
		w.check(w.engine.Sync(ctx, "m", false))
		w.pass(20 * time.Second)
		if s := w.want(1); s[0].state != "2" {
			t.Errorf("began with %q", s[0].state)
		}
	})
}

func TestMetrics(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		reg := prometheus.NewRegistry()
		w.engine.metrics = newMetrics(reg)
		w.become(lasting(5))
		w.start()
		w.connection("c")
		w.pass(150 * time.Second)
		got := gather(t, reg)
		for name, want := range map[string]float64{
			`penstock_syncs_started_total{cause=schedule}`: 1,
			`penstock_syncs_running`:                       1,
			`penstock_rows_total`:                          2,
		} {
			if got[name] != want {
				t.Errorf("while it runs %s is %v, want %v", name, got[name], want)
			}
		}
		w.pass(150 * time.Second)
		got = gather(t, reg)
		for name, want := range map[string]float64{
			`penstock_syncs_ended_total{outcome=succeeded}`: 1,
			`penstock_syncs_running`:                        0,
			`penstock_rows_total`:                           5,
		} {
			if got[name] != want {
				t.Errorf("after it ended %s is %v, want %v", name, got[name], want)
			}
		}
	})
}

// gather returns the values of counters and gauges by name.
func gather(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			name := f.GetName()
			for _, l := range m.Label {
				name += "{" + l.GetName() + "=" + l.GetValue() + "}"
			}
			values[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return values
}
