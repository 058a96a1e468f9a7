package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/internal/schedule"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/schema"
)

// logged is a source with a log, which its server keeps back.
type logged struct{ *source }

// backlog is what the servers of the world's logged sources keep back.
type backlog struct {
	connector.Backlog
	err      error
	asked    int
	released []string
	spill    func(ctx context.Context) (int64, error)
}

func (logged) Follows() bool { return true }
func (logged) Keeps() bool   { return true }

func (l logged) Backlog(context.Context, json.RawMessage) (connector.Backlog, error) {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	l.w.kept.asked++
	return l.w.kept.Backlog, l.w.kept.err
}

func (l logged) Release(_ context.Context, _ json.RawMessage, force bool) (string, error) {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	if l.w.kept.err != nil {
		return "", l.w.kept.err
	}
	what := l.w.kept.What
	l.w.kept.Backlog = connector.Backlog{}
	l.w.kept.released = append(l.w.kept.released, fmt.Sprintf("%s of %s, force %v", what, l.name, force))
	return what, nil
}

func (l logged) Spill(ctx context.Context, _ json.RawMessage) (int64, error) {
	return l.w.kept.spill(ctx)
}

func (w *world) keeps(b connector.Backlog) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kept.Backlog = b
}

// staying follows a log in which there are ten changes each second; every is
// how long it waits for them.
func staying(every time.Duration) behavior { return catchingUp(0, every) }

// catchingUp is staying that takes its time before it has read what there was
// when it began.
func catchingUp(takes, every time.Duration) behavior {
	return func(ctx context.Context, req connector.Request, out connector.Output) error {
		if req.Until.IsZero() {
			return fine(ctx, req, out)
		}
		select {
		case <-time.After(takes):
		case <-req.Stop:
			return out.Checkpoint(ctx, "not there yet")
		}
		for n := 0; time.Now().Before(req.Until); n++ {
			if err := send(ctx, out); err != nil {
				return err
			}
			req.Reached(time.Now().Add(-time.Second), 10)
			if err := out.Checkpoint(ctx, fmt.Sprint(req.Start, n)); err != nil {
				return err
			}
			select {
			case <-time.After(min(every, time.Until(req.Until))):
			case <-req.Stop:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	}
}

func continuous(c *store.Connection) { c.Continuous = true }

func (w *world) lastRuns(name string, n int) []store.Run {
	w.t.Helper()
	runs, err := w.store.Runs(ctx, name, n)
	w.check(err)
	return runs
}

// TestStaysOn follows a log in runs of a quarter of an hour, each of which
// begins when the one before has ended.
func TestStaysOn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.become(staying(time.Second))
		w.start()
		w.connection("log", continuous, func(c *store.Connection) {
			c.DelaySensitivity, c.DelayThreshold = schedule.Custom, 1
		})
		w.want(1) // its history
		w.pass(schedule.Apart)
		w.want(1)
		w.pass(14*time.Minute + 50*time.Second)
		w.want(0)
		w.states("log", store.Connected, store.Syncing, store.OnSchedule, false)
		if r := w.lastRuns("log", 1)[0]; r.Latency == nil || r.Latency.P50 < 1 || r.Latency.P99 > 1.1 || r.Latency.Changes < 2700 || r.Latency.Changes > 3100 ||
			time.Since(r.FreshAt) > 15*time.Second {
			t.Errorf("until %v, latency %+v", r.FreshAt, r.Latency)
		}
		versions, err := w.store.StateVersions(ctx, "log")
		w.check(err)
		if len(versions) > 12 {
			t.Errorf("%d versions of the state", len(versions))
		}
		w.pass(time.Hour + 10*time.Second)
		if s := w.want(5); s[4].at.Sub(s[3].at) > 15*time.Minute+time.Second {
			t.Errorf("they began at %v", s)
		}
		for _, r := range w.lastRuns("log", 10)[1:] {
			if r.Outcome != store.RunSucceeded || r.Cause != store.BySchedule {
				t.Errorf("a run %s by %s: %s", r.Outcome, r.Cause, r.Reason)
			}
		}
		events, err := w.store.Events(ctx, 0, 10000)
		w.check(err)
		if len(events) > 150 {
			t.Errorf("%d events in five quarters of an hour", len(events))
		}
		w.states("log", store.Connected, store.Syncing, store.OnSchedule, false)
	})
}

// TestStayingEnds: what people change ends a run that stays on, even one whose
// source is idle, and the next begins with it.
func TestStayingEnds(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.become(staying(time.Hour))
		w.start()
		w.connection("log", continuous)
		w.pass(time.Minute)
		w.want(2)

		w.check(w.engine.Sync(ctx, "log", false)) // it ends, one reads what there is, and another stays on
		w.pass(schedule.Apart + time.Second)
		w.want(2)
		runs := w.lastRuns("log", 3)
		if runs[2].Outcome != store.RunSucceeded || runs[1].Outcome != store.RunSucceeded || runs[1].Cause != store.ByTrigger || runs[0].Outcome != "" {
			t.Errorf("%+v", runs)
		}
		w.pass(time.Minute)
		w.check(w.engine.Restart(ctx, "log"))
		w.pass(schedule.Apart + time.Second)
		w.want(2)
		w.pass(time.Minute)
		w.update("log", func(c *store.Connection) { c.Config = json.RawMessage(`{"schema":"log","user":"other"}`) })
		w.pass(schedule.Apart + time.Second)
		w.want(1)
		w.pass(time.Minute)
		w.check(w.engine.ResyncTables(ctx, "log", one))
		w.pass(schedule.Apart + time.Second)
		w.want(2)
		w.pass(time.Minute)
		w.update("log", func(c *store.Connection) { c.Paused = true })
		w.states("log", store.Connected, store.Paused, store.OnSchedule, false)
		if c := w.get("log"); c.RunID != "" {
			t.Error("it goes on while it is paused")
		}
		w.update("log", func(c *store.Connection) { c.Paused = false })
		w.pass(schedule.Apart + time.Second)
		w.want(1)
		w.pass(time.Minute)
		w.stop() // the server
		if r := w.lastRuns("log", 1)[0]; r.Outcome != store.RunSucceeded {
			t.Errorf("after a stop of the server: %+v", r)
		}
		w.engine = w.another()
		w.start()
		w.pass(schedule.Apart + time.Second)
		w.want(1)

		w.update("log", func(c *store.Connection) { c.Continuous = false })
		w.pass(time.Hour)
		w.want(1)
	})
}

// TestStayingNot changes a connection whose run has not read yet what there was
// when it began, or asks it to sync: it reads that, and ends instead of staying
// on. Another process that takes the run over does the same.
func TestStayingNot(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.become(catchingUp(time.Minute, time.Second))
		w.start()
		w.connection("log", continuous)
		w.want(1) // its history
		w.pass(schedule.Apart + time.Second)
		w.want(1)
		w.update("log", func(c *store.Connection) { c.Config = json.RawMessage(`{"schema":"log","user":"other"}`) })
		w.pass(time.Minute)
		w.want(1)
		if r := w.lastRuns("log", 2); r[1].Outcome != store.RunSucceeded || r[1].EndedAt.Sub(r[1].StartedAt).Round(time.Second) != time.Minute {
			t.Errorf("%+v", r[1])
		}
		w.check(w.engine.Sync(ctx, "log", false))
		w.pass(time.Minute)
		w.want(1)
		if r := w.lastRuns("log", 2); r[1].Outcome != store.RunSucceeded {
			t.Errorf("%+v", r[1])
		}
		w.update("log", func(c *store.Connection) { c.Continuous, c.ScheduleType = false, schedule.Manual })
		w.stop()
		w.engine = w.another()
		w.start()
		w.pass(2 * time.Minute)
		w.want(1)
		if c := w.get("log"); c.RunID != "" || c.SyncState() != store.Scheduled && c.SyncState() != store.Paused {
			t.Errorf("it goes on: %+v", c)
		}
	})
}

// TestStayingTakesNoPlace lets other connections sync beside those that stay
// on, of which there are only so many.
func TestStayingTakesNoPlace(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.engine.Followers = 6 // the others sync every minute
		w.become(staying(time.Second))
		w.start()
		for i := range 8 {
			w.connection(fmt.Sprint("log", i), continuous)
		}
		w.pass(time.Minute)
		w.want(16)
		if n := w.engine.followers(); n != 6 { // the others wait
			t.Errorf("%d stay on", n)
		}
		w.begun()
		w.connection("hourly")
		w.want(1)
		w.states("hourly", store.Connected, store.Scheduled, store.OnSchedule, false)
		waiting := 0 // which of them is chance
		for i := range 8 {
			if c := w.get(fmt.Sprint("log", i)); c.SyncState() == store.Scheduled {
				waiting++
			}
		}
		if waiting != 2 {
			t.Errorf("%d wait for their next sync", waiting)
		}
	})
}

// TestContinuousWithoutALog syncs by its schedule.
func TestContinuousWithoutALog(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.become(staying(time.Second))
		w.start()
		w.connection("plain", continuous)
		w.connection("log_manual", continuous, func(c *store.Connection) { c.ScheduleType = schedule.Manual })
		w.want(1)
		w.pass(24 * time.Hour)
		w.want(24)
	})
}

// TestStayingFails waits longer and longer, as after any failure.
func TestStayingFails(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.become(staying(time.Second))
		w.start()
		w.connection("log", continuous)
		w.pass(time.Minute)
		w.want(2)
		w.become(failing(errLater))
		w.pass(14*time.Minute + 11*time.Second)
		w.want(1)
		w.pass(time.Minute)
		w.want(1)
		w.pass(time.Minute)
		w.want(0)
		w.pass(time.Minute)
		w.want(1)
		w.become(staying(time.Second))
		w.pass(4*time.Minute + time.Second)
		w.want(1)
		w.pass(16 * time.Minute)
		w.want(1)
		w.states("log", store.Connected, store.Syncing, store.OnSchedule, false)
	})
}

// TestWhatTheSourceKeeps tells people before it is too much, reads it although
// that is not due, and lets go of it where people want that.
func TestWhatTheSourceKeeps(t *testing.T) {
	const gb = 1 << 30
	each(t, func(t *testing.T, w *world) {
		w.engine.Look = time.Minute
		w.start()
		w.connection("log", func(c *store.Connection) { c.SyncFrequency = schedule.Daily })
		w.want(1)
		kept := connector.Backlog{What: "slot s", Retained: 1 * gb, Limit: 10 * gb}
		warning := func(want string) {
			t.Helper()
			got := ""
			for _, a := range w.get("log").Warnings {
				got += a.Message
			}
			if got != want {
				t.Fatalf("got  %s\nwant %s", got, want)
			}
		}
		next := func(b connector.Backlog) {
			t.Helper()
			w.keeps(b)
			w.pass(2 * time.Minute)
		}
		next(kept)
		w.want(0)
		kept.Retained = 3 * gb // a quarter of the room
		w.pass(drainApart)
		next(kept)
		w.want(1)
		warning("")
		kept.Retained = 6 * gb
		w.pass(drainApart)
		w.begun()
		next(kept)
		warning("The source keeps back 6 GB for this connection (slot s) of the 10 GB at which the server lets go of it. " +
			"A sync begins to read it. If it does not become less, look for long transactions in the source.")
		w.update("log", func(c *store.Connection) { c.Paused = true })
		w.begun()
		next(kept)
		w.want(0)
		warning("The source keeps back 6 GB for this connection (slot s) of the 10 GB at which the server lets go of it. " +
			"Resume the connection, so that it reads it. If it does not sync for long, set log_limit_bytes and at_log_limit, or delete the connection.")

		// Asked less and less often while the source does not answer, and what
		// was known stays.
		w.mu.Lock()
		w.kept.err, w.kept.asked = errLater, 0
		w.mu.Unlock()
		w.pass(8 * time.Hour)
		w.mu.Lock()
		asked := w.kept.asked
		w.kept.err = nil
		w.mu.Unlock()
		if asked < 10 || asked > 20 {
			t.Errorf("a source that does not answer was asked %d times", asked)
		}
		w.pass(2 * time.Hour)

		w.update("log", func(c *store.Connection) { c.LogLimit = 6 * gb }) // and nothing is lost by it
		w.pass(2 * time.Minute)
		warning("The source keeps back 6 GB for this connection (slot s), as much as log_limit_bytes allows (6 GB). " +
			"Resume the connection, so that it reads it. If it does not sync for long, set log_limit_bytes and at_log_limit, or delete the connection.")
		w.update("log", func(c *store.Connection) { c.AtLogLimit = store.DropLog })
		w.pass(10 * time.Minute)
		const gone = "The source kept back 6 GB for this connection (slot s), more than log_limit_bytes allows, and was made to let go of it. " +
			"The next sync finds by queries what has changed; in history mode versions in between may be missing."
		warning(gone)
		if len(w.kept.released) != 1 || w.kept.released[0] != "slot s of log, force true" {
			t.Errorf("released: %q", w.kept.released)
		}
		next(connector.Backlog{What: "slot s", Retained: 1})
		warning("")

		next(connector.Backlog{What: "slot s", Lost: true})
		warning("The source has let go of what it kept back for this connection (slot s), because it was more than the server allows. " +
			"The next sync finds by queries what has changed; in history mode versions in between may be missing. Raise max_slot_wal_keep_size there, or sync more often.")
		events, err := w.store.Events(ctx, 0, 1000)
		w.check(err)
		told := 0
		for _, e := range events {
			if e.Kind == store.Warned {
				told++
			}
		}
		if told != 4 {
			t.Errorf("%d events tell of it", told)
		}

		w.keeps(connector.Backlog{What: "slot s"})
		w.check(w.engine.Delete(ctx, "log"))
		w.settle()
		if len(w.kept.released) != 2 || w.kept.released[1] != "slot s of log, force false" {
			t.Errorf("released: %q", w.kept.released)
		}
		w.connection("plain") // keeps nothing
		all, err := w.store.Backlogs(ctx)
		if err != nil || len(all) != 0 {
			t.Errorf("%v, %v", all, err)
		}
	})
}

// TestSpilled has what a source keeps moved to files of this server: while the
// connection is paused, until a sync begins, and not where that fails.
func TestSpilled(t *testing.T) {
	const gb = 1 << 30
	each(t, func(t *testing.T, w *world) {
		w.engine.Look = time.Minute
		w.start()
		w.connection("log", func(c *store.Connection) {
			c.SyncFrequency, c.LogLimit, c.AtLogLimit = schedule.Daily, 2*gb, store.SpillLog
		})
		w.want(1)
		w.update("log", func(c *store.Connection) { c.Paused = true })
		warning := func() (text string) {
			for _, a := range w.get("log").Warnings {
				text += a.Message
			}
			return text
		}
		spills, ended := 0, error(nil)
		w.kept.spill = func(ctx context.Context) (int64, error) {
			spills++
			w.keeps(connector.Backlog{What: "slot s", Retained: 1 << 20, Spilled: 3 * gb})
			return 3 * gb, nil
		}
		full := connector.Backlog{What: "slot s", Retained: 3 * gb}
		w.keeps(full)
		w.pass(5 * time.Minute)
		const resume = " Resume the connection, so that it reads it. If it does not sync for long, set log_limit_bytes and at_log_limit, or delete the connection."
		if want := "The source kept back as much for this connection (slot s) as log_limit_bytes allows. 3 GB of its changes were moved to files of this server, which the next sync applies." + resume; spills != 1 || warning() != want {
			t.Errorf("%d spills; got  %s\nwant %s", spills, warning(), want)
		}

		w.kept.spill = func(context.Context) (int64, error) { spills++; return 0, errLater }
		w.keeps(full)
		w.pass(20 * time.Minute)
		if want := "The source keeps back 3 GB for this connection (slot s), as much as log_limit_bytes allows (2 GB). It could not be moved to files of this server: " + errLater.Error() + "." + resume; spills < 4 || warning() != want {
			t.Errorf("%d spills; got  %s\nwant %s", spills, warning(), want)
		}

		w.kept.spill = func(ctx context.Context) (int64, error) {
			<-ctx.Done()
			ended = context.Cause(ctx)
			return 0, ended
		}
		w.mu.Lock()
		w.kept.asked = 0
		w.mu.Unlock()
		w.pass(10 * time.Minute)
		if w.kept.asked > 2 || ended != nil {
			t.Errorf("asked %d times while it is being moved, which ended with %v", w.kept.asked, ended)
		}
		w.become(func(ctx context.Context, req connector.Request, out connector.Output) error {
			time.Sleep(time.Minute)
			return fine(ctx, req, out)
		})
		w.update("log", func(c *store.Connection) { c.Paused = false })
		w.check(w.engine.Sync(ctx, "log", false))
		w.pass(spillLook)
		if ended != errSync {
			t.Errorf("it ended with %v when a sync began", ended)
		}
		w.keeps(connector.Backlog{What: "slot s"})
		w.pass(3 * time.Minute)
		if text := warning(); text != "" {
			t.Error(text)
		}
	})
}

// TestFarewell deletes a connection whose source does not answer for hours.
func TestFarewell(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.start()
		w.connection("log")
		w.want(1)
		told := func() (texts []string) {
			events, err := w.store.Events(ctx, 0, 1000)
			w.check(err)
			for _, e := range events {
				if e.Kind == store.Warned {
					texts = append(texts, string(e.Data))
				}
			}
			return texts
		}
		w.keeps(connector.Backlog{What: "slot s"})
		w.kept.err = errLater
		w.check(w.engine.Delete(ctx, "log"))
		w.pass(20 * time.Second)
		if got := told(); len(got) != 0 {
			t.Errorf("told at once: %q", got)
		}
		w.pass(5 * time.Hour)
		if got := told(); len(got) != 1 || !strings.Contains(got[0], errLater.Error()+". It is asked again for 24 hours.") {
			t.Errorf("told: %q", got)
		}
		w.mu.Lock()
		w.kept.err = nil
		w.mu.Unlock()
		w.pass(time.Hour)
		if len(w.kept.released) != 1 {
			t.Errorf("released %q", w.kept.released)
		}

		w.connection("log_too")
		w.pass(time.Minute)
		w.mu.Lock()
		w.kept.err = errLater
		w.mu.Unlock()
		w.check(w.engine.Delete(ctx, "log_too"))
		w.pass(2 * time.Minute)
		w.stop()
		if got := told(); len(got) != 3 || !strings.Contains(got[2], errLater.Error()+". It is not asked again.") {
			t.Errorf("told: %q", got)
		}
	})
}

// both is a source with a log that can be verified.
type both struct{ logged }

func (b both) Digest(ctx context.Context, state json.RawMessage, q schema.DigestQuery, yield func(schema.Digest) error) error {
	return digesting{b.source}.Digest(ctx, state, q, yield)
}

// TestStayingIsVerified: a verification ends a run that stays on, or is going
// to, and has time before the next; when it has ended another stays on.
func TestStayingIsVerified(t *testing.T) {
	const behind = 20 * time.Second
	each(t, func(t *testing.T, w *world) {
		w.become(catchingUp(behind, time.Second))
		w.start()
		w.connection("digesting_log", continuous)
		w.pass(schedule.Apart + behind/2)
		w.want(2)
		for range 2 { // the first while it catches up
			v := w.verify("digesting_log")
			w.pass(behind)
			w.states("digesting_log", store.Connected, store.Scheduled, store.OnSchedule, false)
			w.pass(40 * time.Second)
			if got := w.verification(v); got != "running 0/1 waiting false" {
				t.Error(got)
			}
			w.want(0)
			w.pass(time.Minute)
			if got := w.verification(v); got != "done 1/1 waiting false" {
				t.Error(got)
			}
			w.want(1)
			w.states("digesting_log", store.Connected, store.Syncing, store.OnSchedule, false)
			if w.engine.followers() != 1 {
				t.Error("it does not stay on")
			}
		}
	})
}

// TestStayingFailsAfterAWhile does not wait longer each time: in between all
// was well.
func TestStayingFailsAfterAWhile(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.become(func(ctx context.Context, req connector.Request, out connector.Output) error {
			if req.Until.IsZero() {
				return fine(ctx, req, out)
			}
			req.Until = time.Now().Add(4 * time.Minute)
			if err := staying(time.Second)(ctx, req, out); err != nil {
				return err
			}
			return errLater
		})
		w.start()
		w.connection("log", continuous)
		w.pass(schedule.Apart)
		w.want(2)
		w.pass(50*time.Minute + time.Second) // four to follow and one to wait
		w.want(10)
	})
}
