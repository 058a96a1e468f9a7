package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/penstock-data/penstock/internal/schedule"
	"github.com/penstock-data/penstock/schema"
)

const lease = 30 * time.Second

// due adds a connection that is due.
func due(t testing.TB, s *Store, g *Group, name string, change ...func(*Connection)) *Connection {
	t.Helper()
	c := connection(g, name)
	c.ID = name
	for _, f := range change {
		f(c)
	}
	check(t, s.CreateConnection(t.Context(), c))
	return c
}

// claim claims what must be due.
func claim(t testing.TB, s *Store, owner string, at time.Time) *Run {
	t.Helper()
	r := must(s.Claim(t.Context(), owner, at, lease))(t)
	if r == nil {
		t.Fatal("nothing to claim")
	}
	return r
}

func TestClaimsAreExclusive(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		_, g := seed(t, s)
		const n = 40
		for i := range n {
			due(t, s, g, fmt.Sprintf("c%02d", i))
		}
		var mu sync.Mutex
		claimed := map[string]int{}
		var workers sync.WaitGroup
		for w := range 8 {
			workers.Go(func() {
				for {
					r, err := s.Claim(ctx, fmt.Sprint("w", w), t0, lease)
					if err != nil {
						t.Error(err)
						return
					}
					if r == nil {
						return
					}
					mu.Lock()
					claimed[r.ConnectionID]++
					mu.Unlock()
				}
			})
		}
		workers.Wait()
		// On PostgreSQL a worker passes over what another is just claiming.
		for r := must(s.Claim(ctx, "last", t0, lease))(t); r != nil; r = must(s.Claim(ctx, "last", t0, lease))(t) {
			claimed[r.ConnectionID]++
		}
		if len(claimed) != n {
			t.Errorf("%d of %d claimed", len(claimed), n)
		}
		for id, times := range claimed {
			if times != 1 {
				t.Errorf("%s was claimed %d times", id, times)
			}
		}
	})
}

func TestOneLivingRun(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		_, g := seed(t, s)
		due(t, s, g, "c")
		r := claim(t, s, "a", t0)
		second := *r
		second.ID = "second"
		_, err := s.write.Exec(runColumns.insert("runs"), second.values()...)
		wantErr(t, known(err), ErrExists)
	})
}

func TestFencing(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		_, g := seed(t, s)
		due(t, s, g, "c")
		old := claim(t, s, "a", t0)
		check(t, s.SetState(ctx, old.Token(), json.RawMessage(`1`), 0, t0))

		if r := must(s.TakeOver(ctx, "b", t0.Add(lease-1), lease))(t); r != nil {
			t.Fatal("taken over before the lease had run out")
		}
		if r := must(s.TakeOver(ctx, "a", t0.Add(lease), lease))(t); r != nil {
			t.Fatal("taken over from itself")
		}
		taken := must(s.TakeOver(ctx, "b", t0.Add(lease), lease))(t)
		if taken == nil || taken.ID != old.ID || taken.Fence != old.Fence+1 || !taken.StartedAt.Equal(old.StartedAt) {
			t.Fatalf("taken over: %+v", taken)
		}

		// The old token can do nothing.
		wantErr(t, s.SetState(ctx, old.Token(), json.RawMessage(`2`), 0, t0), ErrStale)
		_, err := s.Renew(ctx, old.Token(), t0.Add(time.Hour), 1, 1)
		wantErr(t, err, ErrStale)
		wantErr(t, s.Release(ctx, old.Token()), ErrStale)
		wantErr(t, s.Finish(ctx, old.Token(), Outcome{Kind: RunSucceeded, EndedAt: t0, Tables: []RunTable{{Upserted: 1}}}), ErrStale)
		same(t, string(must(s.State(ctx, "c"))(t)), `1`)
		if c := must(s.Connection(ctx, "c"))(t); c.RunID != old.ID || !c.SucceededAt.IsZero() {
			t.Errorf("the stale outcome changed the connection: %+v", c)
		}
		if n := len(must(s.RunTables(ctx, old.ID))(t)); n != 0 {
			t.Errorf("the stale outcome left %d tables", n)
		}

		// The new one can, until the run has ended.
		check(t, s.SetState(ctx, taken.Token(), json.RawMessage(`3`), 0, t0))
		same(t, must(s.Renew(ctx, taken.Token(), t0.Add(time.Hour), 5, 6))(t), GoOn)
		check(t, s.Finish(ctx, taken.Token(), Outcome{Kind: RunSucceeded, EndedAt: t0.Add(time.Minute)}))
		wantErr(t, s.SetState(ctx, taken.Token(), json.RawMessage(`4`), 0, t0), ErrStale)
		wantErr(t, s.Finish(ctx, taken.Token(), Outcome{Kind: RunFailed, EndedAt: t0}), ErrStale)
		same(t, string(must(s.State(ctx, "c"))(t)), `3`)
	})
}

// TestStaleSavesLoseEveryRace takes a run over again and again while the one
// before goes on saving.
func TestStaleSavesLoseEveryRace(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		_, g := seed(t, s)
		due(t, s, g, "c")
		r := claim(t, s, "0", t0)
		var savers sync.WaitGroup
		for i := range 20 {
			holder := *r
			savers.Go(func() {
				for n := 0; ; n++ {
					err := s.SetState(ctx, holder.Token(), json.RawMessage(fmt.Sprint(holder.Fence)), 0, t0)
					if errors.Is(err, ErrStale) {
						return
					}
					if err != nil {
						t.Error(err)
						return
					}
				}
			})
			r = nil
			for r == nil { // on PostgreSQL it passes over a run that is being written
				r = must(s.TakeOver(ctx, fmt.Sprint(i+1), t0.Add(time.Duration(i+2)*time.Hour), lease))(t)
			}
			before := string(must(s.State(ctx, "c"))(t))
			for range 5 {
				if now := string(must(s.State(ctx, "c"))(t)); now != before {
					t.Fatalf("after the taking-over by fence %d the state went from %s to %s", r.Fence, before, now)
				}
			}
		}
		check(t, s.Finish(ctx, r.Token(), Outcome{Kind: RunCanceled, EndedAt: t0}))
		savers.Wait()
	})
}

func TestReleaseAndStop(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		_, g := seed(t, s)
		due(t, s, g, "c")
		r := claim(t, s, "a", t0)
		if _, ok, err := s.Wake(ctx, "a"); ok || err != nil {
			t.Errorf("there is something to do for the one who does it: %v", err)
		}
		at, ok, err := s.Wake(ctx, "b")
		check(t, err)
		if !ok || !at.Equal(t0.Add(lease)) {
			t.Errorf("others look at %v, want the end of the lease", at)
		}
		for _, how := range []string{StopRead, StopSoon, StopNow} {
			check(t, s.Stop(ctx, r.ID, how))
			check(t, s.Stop(ctx, r.ID, StopRead)) // weaker, or the same
			same(t, must(s.Renew(ctx, r.Token(), t0.Add(time.Hour), 0, 0))(t), how)
		}
		check(t, s.Stop(ctx, r.ID, StopSoon)) // weaker
		same(t, must(s.Renew(ctx, r.Token(), t0.Add(time.Hour), 0, 0))(t), StopNow)
		same(t, len(must(s.Held(ctx, "a"))(t)), 1)
		check(t, s.Release(ctx, r.Token()))
		same(t, len(must(s.Held(ctx, "a"))(t)), 0)
		if again := must(s.TakeOver(ctx, "a", t0, lease))(t); again == nil || again.Stop != StopNow {
			t.Errorf("taken over: %+v", again)
		}
		check(t, s.Stop(ctx, "no_such", StopNow))
	})
}

func TestReopenFreesRuns(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	_, g := seed(t, s)
	due(t, s, g, "c")
	r := claim(t, s, "dead", t0)
	check(t, s.Close())
	s = open(t, dir)
	taken := must(s.TakeOver(t.Context(), "next", t0, lease))(t)
	if taken == nil || taken.ID != r.ID {
		t.Errorf("taken over: %+v", taken)
	}
}

// TestOutcomes ends a run in every way and looks at the connection.
func TestOutcomes(t *testing.T) {
	end := t0.Add(10 * time.Minute)
	until := t0.Add(5 * time.Hour)
	task := &Alert{Code: "authentication_failed", Message: "wrong password"}
	old := []Alert{{Code: "old", Message: "w"}}
	slot := schedule.Schedule{Frequency: 360, Offset: schedule.Offset("c")}.Next(t0)
	type want struct {
		setup, sync, update          string
		historical                   bool
		failures, tasks, warnings    int
		succeeded, failed, rescheded time.Time
		due                          time.Time
	}
	tests := []struct {
		name   string
		before func(*Connection) // before the run
		during func(*Connection) // while it runs
		o      Outcome
		want   want
	}{
		{name: "success", o: Outcome{Kind: RunSucceeded},
			want: want{setup: Connected, sync: Scheduled, update: OnSchedule, succeeded: end, due: slot}},
		{name: "success with a warning", o: Outcome{Kind: RunSucceeded, Warnings: old},
			want: want{setup: Connected, sync: Scheduled, update: OnSchedule, warnings: 1, succeeded: end, due: slot}},
		{name: "success mends", before: func(c *Connection) { c.SetupState, c.Failures, c.Tasks = Broken, 3, []Alert{*task} }, o: Outcome{Kind: RunSucceeded},
			want: want{setup: Connected, sync: Scheduled, update: OnSchedule, succeeded: end, due: slot}},
		{name: "success while a re-sync was asked for", during: func(c *Connection) { c.Reset, c.Historical, c.TriggeredAt = true, true, t0 }, o: Outcome{Kind: RunSucceeded},
			want: want{setup: Connected, sync: Scheduled, update: OnSchedule, historical: true, succeeded: end, due: t0}},
		{name: "success of a manual one", before: func(c *Connection) { c.ScheduleType, c.TriggeredAt = schedule.Manual, t0 }, o: Outcome{Kind: RunSucceeded},
			want: want{setup: Connected, sync: Scheduled, update: OnSchedule, succeeded: end}},
		{name: "passing failure", o: Outcome{Kind: RunFailed},
			want: want{setup: Connected, sync: Scheduled, update: OnSchedule, historical: true, failures: 1, failed: end, due: end.Add(time.Minute)}},
		{name: "problem", o: Outcome{Kind: RunFailed, Task: task},
			want: want{setup: Broken, sync: Scheduled, update: OnSchedule, historical: true, failures: 1, tasks: 1, failed: end, due: end.Add(15 * time.Minute)}},
		{name: "passing failure while broken", before: func(c *Connection) { c.SetupState, c.Failures, c.Tasks = Broken, 1, []Alert{*task} }, o: Outcome{Kind: RunFailed},
			want: want{setup: Broken, sync: Scheduled, update: OnSchedule, historical: true, failures: 2, tasks: 1, failed: end, due: end.Add(30 * time.Minute)}},
		{name: "canceled", before: func(c *Connection) { c.Warnings = old }, o: Outcome{Kind: RunCanceled},
			want: want{setup: Connected, sync: Scheduled, update: OnSchedule, historical: true, warnings: 1, due: t0}},
		{name: "canceled by a pause", during: func(c *Connection) { c.Paused = true }, o: Outcome{Kind: RunCanceled},
			want: want{setup: Connected, sync: Paused, update: OnSchedule, historical: true}},
		{name: "rescheduled", o: Outcome{Kind: RunRescheduled, RescheduledFor: until},
			want: want{setup: Connected, sync: Rescheduled, update: OnSchedule, historical: true, rescheded: until, due: until}},
		{name: "rescheduled, manual", before: func(c *Connection) { c.ScheduleType, c.TriggeredAt = schedule.Manual, t0 }, o: Outcome{Kind: RunRescheduled, RescheduledFor: until},
			want: want{setup: Connected, sync: Rescheduled, update: OnSchedule, historical: true, rescheded: until}},
		{name: "rescheduled, then triggered", during: func(c *Connection) { c.TriggeredAt = t0 }, o: Outcome{Kind: RunRescheduled, RescheduledFor: until},
			want: want{setup: Connected, sync: Scheduled, update: OnSchedule, historical: true, rescheded: until, due: t0}},
	}
	each(t, func(t *testing.T, s *Store) {
		_, g := seed(t, s)
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				ctx := t.Context()
				due(t, s, g, "c", func(c *Connection) {
					if tt.before != nil {
						tt.before(c)
					}
				})
				r := claim(t, s, "a", t0.Add(24*time.Hour)) // whatever the due time
				must(s.UpdateConnection(ctx, "c", func(c *Connection) error {
					if c.StartedAt = t0; c.SyncState() != Syncing {
						t.Errorf("sync state is %s while it runs", c.SyncState())
					}
					if tt.during != nil {
						tt.during(c)
					}
					return nil
				}))(t)
				tt.o.EndedAt = end
				check(t, s.Finish(ctx, r.Token(), tt.o))
				c := must(s.Connection(ctx, "c"))(t)
				got := want{c.SetupState, c.SyncState(), c.UpdateState(end), c.Historical, c.Failures, len(c.Tasks), len(c.Warnings),
					c.SucceededAt, c.FailedAt, c.RescheduledFor, c.DueAt}
				if got != tt.want {
					t.Errorf("got  %+v\nwant %+v", got, tt.want)
				}
				if run := must(s.Run(ctx, r.ID))(t); run.Outcome != tt.o.Kind || !run.EndedAt.Equal(end) {
					t.Errorf("run is %+v", run)
				}
				check(t, s.DeleteConnection(ctx, "c"))
			})
		}
	})
}

func TestRunTablesAndHistory(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		_, g := seed(t, s)
		due(t, s, g, "c")
		tables := []RunTable{
			{Source: schema.Name{Schema: "a", Table: "x"}, Destination: schema.Name{Schema: "d", Table: "x"}, Upserted: 1, Updated: 2, Deleted: 3, Bytes: 4},
			{Source: schema.Name{Schema: "b", Table: "y"}, Error: "permission denied"},
		}
		at := t0
		var ids []string
		for range 3 {
			r := claim(t, s, "a", at)
			check(t, s.Finish(ctx, r.Token(), Outcome{Kind: RunSucceeded, EndedAt: at, Rows: 6, Bytes: 4, Tables: tables}))
			ids = append(ids, r.ID)
			at = at.Add(60 * 24 * time.Hour)
		}
		same(t, must(s.RunTables(ctx, ids[2]))(t), tables)
		runs := must(s.Runs(ctx, "c", 10))(t)
		if len(runs) != 2 || runs[0].ID != ids[2] || runs[1].ID != ids[1] || runs[0].Rows != 6 {
			t.Errorf("runs are %+v", runs)
		}
		if n := len(must(s.RunTables(ctx, ids[0]))(t)); n != 0 {
			t.Errorf("a run that is forgotten has %d tables", n)
		}
	})
}

func TestReplaceState(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		_, g := seed(t, s)
		due(t, s, g, "c")
		if state := must(s.State(ctx, "c"))(t); state != nil {
			t.Errorf("state is %s before there is one", state)
		}
		check(t, s.ReplaceState(ctx, "c", json.RawMessage(`{"a":1}`)))
		same(t, string(must(s.State(ctx, "c"))(t)), `{"a":1}`)
		claim(t, s, "a", t0)
		wantErr(t, s.ReplaceState(ctx, "c", json.RawMessage(`{}`)), ErrRunning)
		wantErr(t, s.ReplaceState(ctx, "no_such", json.RawMessage(`{}`)), ErrNotFound)
		check(t, s.DeleteConnection(ctx, "c"))
		if state := must(s.State(ctx, "c"))(t); state != nil {
			t.Errorf("the state outlives its connection: %s", state)
		}
	})
}

func TestUpdateConnection(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		_, g := seed(t, s)
		due(t, s, g, "c")
		refused := errors.New("no")
		_, err := s.UpdateConnection(ctx, "c", func(c *Connection) error { c.Paused = true; return refused })
		wantErr(t, err, refused)
		if must(s.Connection(ctx, "c"))(t).Paused {
			t.Error("changed in spite of the error")
		}
		_, err = s.UpdateConnection(ctx, "no_such", func(*Connection) error { return nil })
		wantErr(t, err, ErrNotFound)

		// Every change counts, however many are made at once.
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if _, err := s.UpdateConnection(ctx, "c", func(c *Connection) error { c.DelayThreshold++; return nil }); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := must(s.Connection(ctx, "c"))(t).DelayThreshold; n != 20 {
			t.Errorf("%d of 20 changes count", n)
		}
		for name, change := range map[string]func(*Connection){
			"paused":     func(c *Connection) { c.Paused = true },
			"manual":     func(c *Connection) { c.ScheduleType = schedule.Manual },
			"incomplete": func(c *Connection) { c.SetupState = Incomplete },
		} {
			must(s.UpdateConnection(ctx, "c", func(c *Connection) error {
				c.Paused, c.ScheduleType, c.SetupState = false, schedule.Auto, Connected
				return nil
			}))(t)
			if r := must(s.Connection(ctx, "c"))(t); r.DueAt.IsZero() {
				t.Error("never due")
			}
			c := must(s.UpdateConnection(ctx, "c", func(c *Connection) error { change(c); return nil }))(t)
			if !c.DueAt.IsZero() {
				t.Errorf("%s, and due at %v", name, c.DueAt)
			}
		}
	})
}

// TestMended changes what made a connection fail.
func TestMended(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		_, g := seed(t, s)
		for name, change := range map[string]func() error{
			"its config": func() error {
				_, err := s.UpdateConnection(ctx, "c", func(c *Connection) error { c.Config = json.RawMessage(`{}`); return nil })
				return err
			},
			"the destination's config": func() error {
				_, err := s.UpdateDestination(ctx, g.ID, func(d *Destination) error { d.Config = json.RawMessage(`{}`); return nil })
				return err
			},
			"the destination's setup status": func() error {
				_, err := s.UpdateDestination(ctx, g.ID, func(d *Destination) error { d.SetupStatus = Connected; return nil })
				return err
			},
		} {
			due(t, s, g, "c")
			r := claim(t, s, "a", t0)
			check(t, s.Finish(ctx, r.Token(), Outcome{Kind: RunFailed, EndedAt: t0, Task: &Alert{}}))
			must(s.UpdateConnection(ctx, "c", func(c *Connection) error { c.DelayThreshold = 7; return nil }))(t)
			if c := must(s.Connection(ctx, "c"))(t); !c.DueAt.Equal(t0.Add(15 * time.Minute)) {
				t.Errorf("before %s changes it is due at %v", name, c.DueAt)
			}
			check(t, change())
			if c := must(s.Connection(ctx, "c"))(t); c.DueAt.After(t0) || c.DueAt.IsZero() || c.Failures != 0 {
				t.Errorf("after %s changed it is due at %v", name, c.DueAt)
			}
			check(t, s.DeleteConnection(ctx, "c"))
		}
	})
}
