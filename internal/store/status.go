package store

import (
	"time"

	"github.com/penstock-data/penstock/internal/schedule"
)

// Sync states, as the API spells them.
const (
	Paused      = "paused"
	Syncing     = "syncing"
	Rescheduled = "rescheduled"
	Scheduled   = "scheduled"
)

// Update states, as the API spells them.
const (
	OnSchedule = "on_schedule"
	Delayed    = "delayed"
)

// SyncState returns what the connection is doing. Paused comes first: a run
// that is still winding down starts nothing new.
func (c *Connection) SyncState() string {
	switch {
	case c.Paused:
		return Paused
	case c.RunID != "":
		return Syncing
	case !c.RescheduledFor.IsZero() && c.TriggeredAt.IsZero():
		return Rescheduled
	}
	return Scheduled
}

// UpdateState returns whether the data are as fresh at now as the schedule
// promises, by the rules in package schedule.
func (c *Connection) UpdateState(now time.Time) string {
	if c.Paused || c.ScheduleType == schedule.Manual || c.SetupState == Incomplete || c.Historical && c.RunID != "" {
		return OnSchedule
	}
	last := c.SucceededAt
	if c.FreshAt.After(last) {
		last = c.FreshAt
	}
	if last.IsZero() {
		last = c.CreatedAt
	}
	d := schedule.Delay{Sensitivity: c.DelaySensitivity, Threshold: c.DelayThreshold, Frequency: c.SyncFrequency}
	if now.After(d.Deadline(last)) {
		return Delayed
	}
	return OnSchedule
}
