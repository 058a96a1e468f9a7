package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/penstock-data/penstock/internal/schedule"
)

// An Outcome is how a run ended.
type Outcome struct {
	Kind           string // RunSucceeded, RunFailed, RunCanceled, RunRescheduled or RunCaptured
	EndedAt        time.Time
	Reason         string    // the error's words
	Task           *Alert    // after a failure that only a person can mend
	Warnings       []Alert   // replace those of the run before, unless it was canceled
	RescheduledFor time.Time // with RunRescheduled
	Rows, Bytes    int64
	Follows        bool          // the source can stay on, and is to
	Hold           time.Duration // for how long it may not
	CaughtUp       bool          // it stayed on, and had read all that there was when it began
	Tables         []RunTable
	Events         []Event // of the run that were not recorded yet; their Kind, Level, Data and At count
}

// SyncFailed is the code of the warning that a failed sync leaves if nobody
// need act.
const SyncFailed = "sync_failed"

// history is how long runs that have ended are kept.
const history = 90 * 24 * time.Hour

// Finish ends a run and makes its connection tell the outcome, or fails with
// [ErrStale] if the run is not the token's any more. Only a success moves
// SucceededAt and ends a historical sync; only a failure moves FailedAt.
// A success or a rescheduling also proves that the set-up works.
func (s *Store) Finish(ctx context.Context, t Token, o Outcome) error {
	err := s.in(ctx, func(tx *sql.Tx) error {
		c, err := s.lockConnection(ctx, tx, t.ConnectionID) // before the run, as everywhere
		if err != nil {
			return err
		}
		err = one(tx.ExecContext(ctx, `update runs set ended_at = $3, outcome = $4, reason = $5, rescheduled_for = $6, rows_moved = $7, bytes_moved = $8
			where id = $1 and fence = $2 and ended_at is null`,
			t.RunID, t.Fence, micros(o.EndedAt), o.Kind, o.Reason, micros(o.RescheduledFor), o.Rows, o.Bytes))
		if err != nil {
			return err
		}
		if err := putRunTables(ctx, tx, t.RunID, o.Tables); err != nil {
			return err
		}
		if err := endTables(ctx, tx, t, o); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `delete from runs where connection_id = $1 and started_at < $2 and ended_at is not null`,
			t.ConnectionID, o.EndedAt.Add(-history).UnixMicro()); err != nil {
			return err
		}
		var asked string
		if err := tx.QueryRowContext(ctx, `select stop from runs where id = $1`, t.RunID).Scan(&asked); err != nil {
			return err
		}
		before := c
		c.end(o, asked == StopOver)
		if err := s.saveConnection(ctx, tx, &c); err != nil {
			return err
		}
		events := ofRun(t, o.Events)
		if e, err := c.verdict(ctx, &before); err != nil {
			return err
		} else if e != nil {
			e.RunID, e.At = t.RunID, o.EndedAt
			events = append(events, *e)
		}
		e := c.event(t.RunID, SyncEnd, o.EndedAt)
		if e.Data, err = o.summary(); err != nil {
			return err
		}
		if o.Kind == RunFailed {
			e.Level = Severe
		}
		return s.record(ctx, tx, append(events, e)...)
	})
	if errors.Is(err, ErrNotFound) {
		return ErrStale
	}
	return err
}

// summary is what the event of a run's end says, in the words of Fivetran's
// log (2026-11).
func (o *Outcome) summary() (json.RawMessage, error) {
	var data struct {
		Status         string     `json:"status"`
		Reason         string     `json:"reason,omitempty"`
		TaskType       string     `json:"taskType,omitempty"`
		RescheduledFor *time.Time `json:"rescheduledAt,omitempty"`
	}
	data.Reason = o.Reason
	switch o.Kind {
	case RunFailed:
		data.Status = "FAILURE"
		if o.Task != nil {
			data.Status, data.TaskType = "FAILURE_WITH_TASK", o.Task.Code
		}
	case RunCanceled:
		data.Status = "CANCELED"
	case RunRescheduled:
		data.Status, data.RescheduledFor = "RESCHEDULED", &o.RescheduledFor
	default:
		data.Status = "SUCCESSFUL"
	}
	return json.Marshal(data)
}

// end makes the connection tell the outcome of its run; over: should it have
// been canceled, its slot is not served any more.
func (c *Connection) end(o Outcome, over bool) {
	c.RunID, c.EndedAt = "", o.EndedAt
	switch {
	case o.Kind == RunCanceled && over:
		c.FollowAt = time.Time{} // one that stays on comes back with the schedule too
		return
	case o.Kind == RunCanceled:
		c.StartedAt = time.Time{} // the slot was not served
		return
	}
	c.Warnings = append(o.Warnings, alerts(c.Warnings, LogKept)...)
	switch o.Kind {
	case RunFailed:
		c.FailedAt = o.EndedAt
		if o.CaughtUp { // which is as good as a success before
			c.Failures = 0
		}
		c.Failures++
		if o.Task != nil {
			c.SetupState, c.Tasks = Broken, []Alert{*o.Task}
		}
		return
	case RunRescheduled:
		c.RescheduledFor = o.RescheduledFor
	case RunCaptured:
	case RunSucceeded:
		c.SucceededAt, c.FollowAt = o.EndedAt, time.Time{}
		if o.Follows {
			c.FollowAt = schedule.Follow(c.StartedAt, o.EndedAt, o.Hold)
		}
		c.Historical = c.Reset // a re-sync asked for meanwhile is still to come
	}
	c.SetupState, c.Tasks, c.Failures = Connected, nil, 0
}
