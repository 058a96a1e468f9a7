package store

import (
	"sync"
	"testing"
	"time"
)

// newest returns the number of the last event.
func newest(t testing.TB, s *Store) (id int64) {
	t.Helper()
	check(t, s.row(t.Context(), `select value from counters where name = 'events'`).Scan(&id))
	return id
}

func TestEvents(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		_, g := seed(t, s)
		c := &Connection{GroupID: g.ID, Service: "postgres", Schema: "shop"}
		check(t, s.CreateConnection(ctx, c))
		before := newest(t, s)
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				for range 10 {
					check(t, s.Record(ctx, Event{ConnectionID: c.ID, Kind: "a", RunID: "r"}, Event{GroupID: g.ID, Kind: "b"}))
				}
			})
		}
		seen := 0
		for at := before; seen < 200; {
			events := must(s.Events(ctx, at, 7))(t)
			for _, e := range events {
				if e.ID != at+1 { // none is passed over
					t.Fatalf("event %d after %d", e.ID, at)
				}
				at = e.ID
				seen++
			}
		}
		all.Wait()
		first := must(s.Events(ctx, before, 1))(t)[0]
		first.At = time.Time{}
		same(t, first, Event{ID: before + 1, AccountID: g.AccountID, GroupID: g.ID, ConnectionID: c.ID, Service: "postgres", Schema: "shop",
			RunID: "r", Level: Info, Kind: "a"})
		if events := must(s.RunEvents(ctx, "r", 0, 1000))(t); len(events) != 100 {
			t.Errorf("the run has %d events", len(events))
		}
		check(t, s.ForgetEvents(ctx, time.Now().Add(time.Hour)))
		check(t, s.Record(ctx, Event{AccountID: g.AccountID, Kind: "c"}))
		if events := must(s.Events(ctx, before, 10))(t); len(events) != 1 || events[0].ID != before+201 {
			t.Errorf("after forgetting: %v", events)
		}
		same(t, newest(t, s), before+201)
	})
}
