package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/schedule"
	"github.com/penstock-data/penstock/setup"
)

// hook makes an active webhook for some kinds of events.
func hook(t testing.TB, s *Store, g *Group, id string, kinds ...string) *Webhook {
	t.Helper()
	w := &Webhook{ID: id, AccountID: g.AccountID, URL: "https://example.com/" + id, Events: kinds, Active: true, Secret: "s3cret", CreatedBy: "u"}
	check(t, s.CreateWebhook(t.Context(), w))
	return w
}

// enqueue makes all deliveries that there are to make.
func enqueue(t testing.TB, s *Store, after int64) int64 {
	t.Helper()
	for more := true; more; {
		var err error
		after, more, err = s.Enqueue(t.Context(), after)
		check(t, err)
	}
	return after
}

func TestWebhooks(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		_, g := seed(t, s)
		w := hook(t, s, g, "", SyncStart, SyncEnd)
		of := &Webhook{AccountID: g.AccountID, GroupID: g.ID, URL: "https://example.com", Events: []string{SyncEnd}, CreatedBy: "u"}
		check(t, s.CreateWebhook(ctx, of))
		got := must(s.WebhookIn(ctx, g.AccountID, w.ID))(t)
		got.since, w.since = 0, 0
		if got.URL != w.URL || got.Secret != "s3cret" || !got.Active || !slices.Equal(got.Events, w.Events) || got.CreatedBy != "u" {
			t.Errorf("got %+v", got)
		}
		for _, tt := range []struct {
			scope access.Scope
			want  int
		}{{access.Everything, 2}, {access.Scope{Groups: []string{g.ID}}, 1}, {access.Scope{IDs: []string{"x"}}, 0}, {access.Scope{IDs: []string{w.ID}}, 1}} {
			list, _, err := s.Webhooks(ctx, g.AccountID, tt.scope, Page{})
			check(t, err)
			if len(list) != tt.want {
				t.Errorf("%+v shows %d webhooks, want %d", tt.scope, len(list), tt.want)
			}
		}
		if _, err := s.WebhookIn(ctx, "another", w.ID); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
		bad := *of
		bad.ID, bad.GroupID = "", "none"
		if err := s.CreateWebhook(ctx, &bad); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
		check(t, s.DeleteDestination(ctx, g.ID))
		check(t, s.DeleteGroup(ctx, g.ID)) // its webhooks go with it
		if list, _, _ := s.Webhooks(ctx, g.AccountID, access.Everything, Page{}); len(list) != 1 {
			t.Errorf("%d webhooks are left", len(list))
		}
		check(t, s.DeleteWebhook(ctx, w.ID))
		if err := s.DeleteWebhook(ctx, w.ID); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
	})
}

// TestDeliveries follows deliveries of two connections to two webhooks.
func TestDeliveries(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		_, g := seed(t, s)
		due(t, s, g, "a")
		due(t, s, g, "b")
		one, two := hook(t, s, g, "one", "x", "y"), hook(t, s, g, "two", "y")
		event := func(connection, kind string) {
			check(t, s.Record(ctx, Event{ConnectionID: connection, Kind: kind}))
		}
		for _, kind := range []string{"x", "z", "y"} {
			event("a", kind)
		}
		event("b", "y")
		seen := enqueue(t, s, 0)
		same(t, enqueue(t, s, 0), seen) // nothing is made twice

		at := now()
		ids, _, err := s.DueWebhooks(ctx, at)
		check(t, err)
		same(t, len(ids), 2)
		rooms := []Room{{one.ID, 9}, {two.ID, 9}}
		ps := must(s.ClaimDeliveries(ctx, rooms, at, time.Minute))(t)
		var got []string
		for _, p := range ps {
			got = append(got, p.WebhookID+" "+p.ConnectionID+" "+p.Event.Kind)
		}
		slices.Sort(got)
		same(t, got, []string{"one a x", "one b y", "two a y", "two b y"}) // of each lane the first
		if again := must(s.ClaimDeliveries(ctx, rooms, at, time.Minute))(t); len(again) != 0 {
			t.Errorf("claimed twice: %v", again)
		}
		first := &ps[slices.IndexFunc(ps, func(p Posting) bool { return p.WebhookID == "one" && p.ConnectionID == "a" })]

		// It fails; what follows waits with it.
		retry := at.Add(5 * time.Minute)
		next := must(s.SettleDelivery(ctx, first, Attempt{At: at, Status: 500, Error: "no", RetryAt: retry}, time.Minute))(t)
		if next != nil {
			t.Errorf("%s follows a delivery that failed", next.Kind)
		}
		if _, err := s.SettleDelivery(ctx, first, Attempt{At: at, Status: 200}, 0); !errors.Is(err, ErrStale) {
			t.Error("a posting was settled twice")
		}
		_, wake, err := s.DueWebhooks(ctx, at)
		check(t, err)
		same(t, wake, at.Add(time.Minute)) // the other leases
		if ps := must(s.ClaimDeliveries(ctx, []Room{{one.ID, 9}}, retry.Add(-1), time.Hour))(t); len(ps) != 1 || ps[0].ConnectionID != "b" {
			t.Errorf("before the retry: %v", ps)
		}
		ps = must(s.ClaimDeliveries(ctx, []Room{{one.ID, 9}}, retry, time.Minute))(t)
		if len(ps) != 1 || ps[0].Kind != "x" || ps[0].Attempts != 1 {
			t.Fatalf("the retry: %v", ps)
		}
		next = must(s.SettleDelivery(ctx, &ps[0], Attempt{At: retry, Status: 200}, time.Minute))(t)
		if next == nil || next.Kind != "y" {
			t.Fatalf("next: %v", next)
		}
		if end := must(s.SettleDelivery(ctx, next, Attempt{At: retry, Error: "gone"}, time.Minute))(t); end != nil {
			t.Errorf("after the last: %v", end)
		}
		log := must(s.Deliveries(ctx, one.ID, 100))(t)
		if len(log) != 2 || log[0].Outcome != GivenUp || log[0].Error != "gone" || log[1].Outcome != Delivered || log[1].Attempts != 2 ||
			log[1].Status != 200 || log[1].Error != "" || !log[1].EndedAt.Equal(retry) {
			t.Errorf("log %+v", log)
		}

		// Two is switched off and on: what it was to be told is forgotten.
		off := func(active bool) {
			must(s.UpdateWebhook(ctx, two.ID, func(w *Webhook) error { w.Active = active; return nil }))(t)
		}
		off(false)
		event("a", "y")
		enqueue(t, s, seen)
		off(true)
		seen = enqueue(t, s, 0)
		late := at.Add(24 * time.Hour)
		if ps := must(s.ClaimDeliveries(ctx, []Room{{two.ID, 9}}, late, time.Minute))(t); len(ps) != 0 {
			t.Errorf("after it was off: %v", ps)
		}
		event("a", "y")
		enqueue(t, s, seen)
		if ps := must(s.ClaimDeliveries(ctx, []Room{{two.ID, 9}}, late, time.Minute))(t); len(ps) != 1 {
			t.Errorf("after it was on again: %v", ps)
		}
		check(t, s.DeleteWebhook(ctx, two.ID))
		ids, _, err = s.DueWebhooks(ctx, late.Add(time.Hour))
		check(t, err)
		same(t, ids, []string{"one"})
	})
}

// TestDeliveriesAreMadeOnce has several readers make and take deliveries while
// events happen.
func TestDeliveriesAreMadeOnce(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		_, g := seed(t, s)
		const events, readers = 60, 4
		for i := range 3 {
			hook(t, s, g, fmt.Sprint("w", i), "x")
			due(t, s, g, fmt.Sprint("c", i))
		}
		var mu sync.Mutex
		got := map[string][]int64{} // events by webhook and connection
		var all sync.WaitGroup
		quit, cancel := context.WithCancel(ctx)
		defer cancel()
		for range readers {
			all.Go(func() {
				var seen int64
				for quit.Err() == nil {
					var err error
					if seen, _, err = s.Enqueue(ctx, seen); err != nil {
						t.Error(err)
						return
					}
					ps, err := s.ClaimDeliveries(ctx, []Room{{"w0", 2}, {"w1", 2}, {"w2", 2}}, now(), time.Hour)
					if err != nil {
						t.Error(err)
						return
					}
					for p := range slices.Values(ps) {
						for next := &p; next != nil; {
							mu.Lock()
							key := next.WebhookID + next.ConnectionID
							got[key] = append(got[key], next.EventID)
							n := 0
							for _, ids := range got {
								n += len(ids)
							}
							mu.Unlock()
							if n == 3*events {
								cancel()
							}
							if next, err = s.SettleDelivery(ctx, next, Attempt{At: now(), Status: 200}, time.Hour); err != nil {
								t.Error(err)
								return
							}
						}
					}
				}
			})
		}
		for i := range events {
			check(t, s.Record(ctx, Event{ConnectionID: fmt.Sprint("c", i%3), Kind: "x"}))
		}
		all.Wait()
		for key, ids := range got {
			if len(ids) != events/3 || !slices.IsSorted(ids) {
				t.Errorf("%s: %v", key, ids)
			}
		}
		log := must(s.Deliveries(ctx, "w0", 1000))(t)
		same(t, len(log), events)
	})
}

// TestOldEventsAreNoNews: a webhook that comes to want another kind is not told
// of what had happened before, by a process that begins anew either.
func TestOldEventsAreNoNews(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		_, g := seed(t, s)
		due(t, s, g, "a")
		w := hook(t, s, g, "w", "x")
		for range 3 {
			check(t, s.Record(ctx, slices.Repeat([]Event{{ConnectionID: "a", Kind: "y"}}, eventsRead)...))
		}
		last := newest(t, s)
		seen := enqueue(t, s, 0)
		same(t, seen, last)
		must(s.UpdateWebhook(ctx, w.ID, func(w *Webhook) error { w.Events = []string{"x", "y"}; return nil }))(t)
		check(t, s.Record(ctx, Event{ConnectionID: "a", Kind: "y"}))
		enqueue(t, s, 0)
		var n int
		check(t, s.row(ctx, `select count(*) from webhook_deliveries where event_id <= $1`, last).Scan(&n))
		if n > 0 {
			t.Errorf("%d deliveries of old events", n)
		}
		if ps := must(s.ClaimDeliveries(ctx, []Room{{w.ID, 1}}, now(), time.Hour))(t); len(ps) != 1 || ps[0].EventID != last+1 {
			t.Errorf("got %+v", ps)
		}
	})
}

func TestDeliveriesAreForgotten(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		_, g := seed(t, s)
		due(t, s, g, "a")
		w := hook(t, s, g, "w", "x")
		check(t, s.Record(ctx, slices.Repeat([]Event{{ConnectionID: "a", Kind: "x"}}, DeliveriesKept+20)...))
		enqueue(t, s, 0)
		ps := must(s.ClaimDeliveries(ctx, []Room{{w.ID, 1}}, now(), time.Hour))(t)
		for next := &ps[0]; next != nil; {
			next = must(s.SettleDelivery(ctx, next, Attempt{At: now(), Status: 204}, time.Hour))(t)
		}
		log := must(s.Deliveries(ctx, w.ID, 1000))(t)
		same(t, len(log), DeliveriesKept)
	})
}

// TestConnectionEvents tells what people and syncs do to a connection.
func TestConnectionEvents(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		_, g := seed(t, s)
		ctx := As(t.Context(), "ann_lee")
		at := newest(t, s)
		want := func(wants ...string) {
			t.Helper()
			var got []string
			for _, e := range must(s.Events(ctx, at, 100))(t) {
				got = append(got, fmt.Sprintf("%s %s %s", e.Level, e.Kind, e.Data))
				at = e.ID
				if e.ConnectionID != "c" || e.GroupID != g.ID || e.AccountID != g.AccountID || e.Schema != "shop" {
					t.Errorf("%s of %+v", e.Kind, e)
				}
				if e.Message() == e.Kind || e.Message() == "" {
					t.Errorf("%s says %q", e.Kind, e.Message())
				}
			}
			same(t, got, wants)
		}
		update := func(f func(c *Connection)) {
			t.Helper()
			must(s.UpdateConnection(ctx, "c", func(c *Connection) error { f(c); return nil }))(t)
		}
		c := connection(g, "shop")
		c.ID, c.SetupState = "c", Incomplete
		check(t, s.CreateConnection(ctx, c))
		want(`INFO create_connector {"actor":"ann_lee","id":"c","properties":{"data_delay_sensitivity":"NORMAL","data_delay_threshold":0,` +
			`"networking_method":"Directly","pause_after_trial":false,"paused":false,"schedule_type":"auto","schema":"shop","schema_status":"ready",` +
			`"service":"postgres","sync_frequency":360}}`)
		update(func(c *Connection) {})
		want()
		update(func(c *Connection) { c.Paused, c.SyncFrequency = true, 60 })
		want(`INFO pause_connector {"actor":"ann_lee","id":"c"}`,
			`INFO edit_connector {"actor":"ann_lee","id":"c","oldProperties":{"sync_frequency":360},"properties":{"sync_frequency":60}}`)
		update(func(c *Connection) {
			c.Paused, c.Config = false, json.RawMessage(`{"host":"db2","password":"hunter3","port":1}`)
			c.Told = []string{ForceUpdate}
		})
		want(`INFO resume_connector {"actor":"ann_lee","id":"c"}`,
			`INFO edit_connector {"actor":"ann_lee","id":"c","oldProperties":{},"properties":{"config":["host","password","port"]}}`,
			`INFO force_update_connector {"actor":"ann_lee","id":"c"}`)
		update(func(c *Connection) {
			c.Plan = &schedule.Plan{Kind: schedule.Cron, Cron: "0 6 * * *"}
		})
		want(`INFO edit_connector {"actor":"ann_lee","id":"c","oldProperties":{"schedule":""},` +
			`"properties":{"schedule":"{\"schedule_type\":\"CRON\",\"cron\":\"0 6 * * *\"}"}}`)
		update(func(c *Connection) { c.Plan, c.PackageID = nil, "p" })
		want(`INFO edit_connector {"actor":"ann_lee","id":"c",` +
			`"oldProperties":{"package_id":"","schedule":"{\"schedule_type\":\"CRON\",\"cron\":\"0 6 * * *\"}"},"properties":{"package_id":"p","schedule":""}}`)
		failed := []setup.TestResult{{Title: "Host", Status: setup.Failed, Message: "no answer"}}
		update(func(c *Connection) { c.SetupTests = failed })
		want(`SEVERE connection_failure {"actor":"ann_lee","id":"c","reason":"Host: no answer","testCount":1}`)
		update(func(c *Connection) { c.SetupTests = failed })
		want()
		update(func(c *Connection) {
			c.SetupTests, c.SetupState = []setup.TestResult{{Title: "Host", Status: setup.Passed}}, Connected
		})
		want(`INFO connection_successful {"actor":"ann_lee","id":"c","testCount":1}`)

		ctx = t.Context() // nobody
		run := claim(t, s, "p", now().Add(time.Hour))
		want(`INFO sync_start `)
		check(t, s.Finish(ctx, run.Token(), Outcome{Kind: RunFailed, EndedAt: now(), Reason: "wrong password", Task: &Alert{"auth", "wrong password", nil},
			Events: []Event{{Kind: WriteStart, Data: json.RawMessage(`{"schema":"s","table":"t"}`)}}}))
		want(`INFO write_to_table_start {"schema":"s","table":"t"}`,
			`SEVERE connection_failure {"id":"c","reason":"wrong password","testCount":1}`,
			`SEVERE sync_end {"status":"FAILURE_WITH_TASK","reason":"wrong password","taskType":"auth"}`)
		same(t, len(must(s.RunEvents(ctx, run.ID, 0, 10))(t)), 4)
		check(t, s.DeleteConnection(ctx, "c"))
		want(`INFO delete_connector {"id":"c"}`)
	})
}

func TestAppended(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		_, g := seed(t, s)
		c := s.Appended()
		select {
		case <-c:
			t.Fatal("rung before anything was added")
		default:
		}
		check(t, s.Record(t.Context(), Event{GroupID: g.ID, Kind: "x"}))
		<-c
		if s.Appended() == c {
			t.Error("the same channel")
		}
	})
}

func TestSyncID(t *testing.T) {
	e := Event{RunID: timeID(time.UnixMilli(0x0123456789ab))}
	if id := e.SyncID(); len(id) != 36 || id[:13] != "01234567-89ab" {
		t.Errorf("got %q", id)
	}
	if id := (&Event{}).SyncID(); id != "" {
		t.Errorf("got %q", id)
	}
}
