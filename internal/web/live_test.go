package web

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestEstimates foretells how long a running sync takes.
func TestEstimates(t *testing.T) {
	began, id, other := siteTime.Add(-10*time.Second), "r", "before"
	n := func(n int64) *int64 { return &n }
	l := live{Run: &run{ID: id}, Rate: 100}
	l.add([]tableProgress{
		{Table: "a", Status: "synced", RunID: &id, Rows: 7},
		{Table: "b", Status: "syncing", RunID: &id, Rows: 1000, Expected: n(4000), StartedAt: &began},
		{Table: "c", Status: "synced", RunID: &other, Rows: 9},
	}, siteTime)
	if len(l.Tables) != 2 || l.Tables[0].Table != "b" || l.Tables[0].Rate != 100 || l.Tables[0].Left != "30 s" || *l.Tables[0].Percent() != 25 {
		t.Errorf("tables %+v", l.Tables)
	}
	if l.Percent == nil || *l.Percent != 25 || l.Left != "30 s" {
		t.Errorf("in all %v, %s", l.Percent, l.Left)
	}
	l = live{Run: &run{ID: id}, Rate: 100}
	if l.add([]tableProgress{{Status: "syncing", RunID: &id, Rows: 10}}, siteTime); l.Percent != nil || l.Left != "" || l.Tables[0].Percent() != nil {
		t.Errorf("of tables whose size nobody knows: %v %s", l.Percent, l.Left)
	}
}

func TestScheduleWords(t *testing.T) {
	for want, f := range map[string]scheduleForm{
		"every 5 min":                  {Kind: "INTERVAL", Minutes: "5"},
		"every 6 h on Monday, Friday":  {Kind: "INTERVAL", Minutes: "360", Days: map[string]bool{"FRIDAY": true, "MONDAY": true}},
		"at 07:30 each day":            {Kind: "TIME_OF_DAY", Time: "07:30"},
		"by cron: 0 6 * * *":           {Kind: "CRON", Cron: "0 6 * * *"},
		"only when asked":              {Kind: "MANUAL", Minutes: "5"},
		"at 07:30 on Saturday, Sunday": {Kind: "TIME_OF_DAY", Time: "07:30", Days: map[string]bool{"SUNDAY": true, "SATURDAY": true}},
	} {
		if got := f.Words(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestWatch tells viewers nothing that is older than their page, and those who
// read late what is newest.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &watches{open: map[string]*watch{}}
		closing, slow := make(chan struct{}), make(chan struct{})
		var state atomic.Pointer[string]
		var hold atomic.Bool
		is := func(s string) { state.Store(&s) }
		look := func() ([]byte, error) {
			part := *state.Load()
			if hold.Load() {
				<-slow
			}
			return []byte(part), nil
		}
		told := func(who string, news chan []byte, want string) {
			t.Helper()
			synctest.Wait()
			select {
			case part := <-news:
				if string(part) != want {
					t.Errorf("%s is told %q, not %q", who, part, want)
				}
			default:
				if want != "" {
					t.Errorf("%s is told nothing, not %q", who, want)
				}
			}
		}
		is("going")
		first := w.join("c", look, closing)
		told("the first", first, "going")
		hold.Store(true)
		time.Sleep(liveEvery) // a look begins
		synctest.Wait()
		is("paused")
		late := w.join("c", look, closing)
		hold.Store(false)
		slow <- struct{}{}
		told("who came while it was looked at", late, "")
		time.Sleep(liveEvery)
		told("who came while it was looked at", late, "paused")
		is("going")
		time.Sleep(liveEvery)
		told("who reads late", first, "going")
		told("who reads late", first, "")
		close(closing)
		synctest.Wait()
		if _, ok := <-late; ok {
			<-late // what was not read
		}
		if _, ok := <-late; ok || len(w.open) > 0 {
			t.Error("it is still looked at")
		}
	})
}
