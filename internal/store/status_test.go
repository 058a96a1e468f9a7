package store

import (
	"testing"
	"time"

	"github.com/penstock-data/penstock/internal/schedule"
	"github.com/penstock-data/penstock/setup"
)

func TestSyncState(t *testing.T) {
	later := t0.Add(time.Hour)
	for _, tt := range []struct {
		c    Connection
		want string
	}{
		{Connection{}, Scheduled},
		{Connection{RunID: "r"}, Syncing},
		{Connection{Paused: true}, Paused},
		{Connection{Paused: true, RunID: "r"}, Paused},
		{Connection{Paused: true, RescheduledFor: later}, Paused},
		{Connection{RescheduledFor: later}, Rescheduled},
		{Connection{RescheduledFor: later, TriggeredAt: t0}, Scheduled},
		{Connection{RescheduledFor: later, RunID: "r"}, Syncing},
		{Connection{ScheduleType: schedule.Manual, RescheduledFor: later}, Rescheduled},
	} {
		if got := tt.c.SyncState(); got != tt.want {
			t.Errorf("%+v is %s, want %s", tt.c, got, tt.want)
		}
	}
}

func TestUpdateState(t *testing.T) {
	hours := func(n float64) time.Time { return t0.Add(time.Duration(n * float64(time.Hour))) }
	base := Connection{CreatedAt: t0, SetupState: Connected, ScheduleType: schedule.Auto, SyncFrequency: 60, DelaySensitivity: schedule.Normal}
	for _, tt := range []struct {
		name   string
		change func(*Connection)
		late   time.Time // the first moment at which it is delayed; zero: never
	}{
		{"never synced", func(c *Connection) {}, hours(2)},
		{"synced", func(c *Connection) { c.SucceededAt = hours(10) }, hours(12)},
		{"following", func(c *Connection) { c.SucceededAt, c.FreshAt = hours(10), hours(11) }, hours(13)},
		{"following no more", func(c *Connection) { c.SucceededAt, c.FreshAt = hours(11), hours(10) }, hours(13)},
		{"failed since", func(c *Connection) { c.SucceededAt, c.FailedAt, c.Failures = hours(10), hours(11), 1 }, hours(12)},
		{"broken", func(c *Connection) { c.SetupState, c.SucceededAt = Broken, hours(10) }, hours(12)},
		{"rescheduled", func(c *Connection) { c.SucceededAt, c.RescheduledFor = hours(10), hours(99) }, hours(12)},
		{"syncing", func(c *Connection) { c.SucceededAt, c.RunID = hours(10), "r" }, hours(12)},
		{"syncing its history", func(c *Connection) { c.Historical, c.RunID = true, "r" }, time.Time{}},
		{"history to come", func(c *Connection) { c.Historical = true }, hours(2)},
		{"paused", func(c *Connection) { c.Paused = true }, time.Time{}},
		{"manual", func(c *Connection) { c.ScheduleType = schedule.Manual }, time.Time{}},
		{"incomplete", func(c *Connection) { c.SetupState = Incomplete }, time.Time{}},
		{"low", func(c *Connection) { c.DelaySensitivity = schedule.Low }, hours(5)},
		{"high", func(c *Connection) { c.DelaySensitivity = schedule.High }, hours(1.25)},
		{"custom", func(c *Connection) { c.DelaySensitivity, c.DelayThreshold = schedule.Custom, 30 }, hours(1.5)},
		{"frequency", func(c *Connection) { c.DelaySensitivity, c.SyncFrequency = schedule.SyncFrequency, 180 }, hours(6)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := base
			tt.change(&c)
			at := hours(1000)
			if !tt.late.IsZero() {
				at = tt.late
				if got := c.UpdateState(at.Add(time.Microsecond)); got != Delayed {
					t.Errorf("after %v it is %s", at, got)
				}
			}
			if got := c.UpdateState(at); got != OnSchedule {
				t.Errorf("at %v it is %s", at, got)
			}
		})
	}
}

func TestTested(t *testing.T) {
	passed, warned, skipped, failed := setup.TestResult{Status: setup.Passed}, setup.TestResult{Status: setup.Warned}, setup.TestResult{Status: setup.Skipped}, setup.TestResult{Status: setup.Failed}
	for _, tt := range []struct {
		before  string
		results []setup.TestResult
		want    string
	}{
		{Incomplete, []setup.TestResult{passed, passed}, Connected},
		{Incomplete, []setup.TestResult{passed, warned, skipped}, Connected},
		{Incomplete, []setup.TestResult{passed, failed}, Incomplete},
		{Connected, []setup.TestResult{failed, skipped}, Broken},
		{Broken, []setup.TestResult{failed}, Broken},
		{Broken, []setup.TestResult{passed}, Connected},
	} {
		if got := Tested(tt.before, tt.results); got != tt.want {
			t.Errorf("%s, then %v: %s, want %s", tt.before, tt.results, got, tt.want)
		}
	}
}
