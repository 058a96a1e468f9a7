package store

import (
	"context"
	"encoding/json"
)

var summaryColumns = columns{"id", "group_id", "service", "schema_name", "created_at",
	"paused", "schedule_type", "sync_frequency", "delay_sensitivity", "delay_threshold", "setup_state", "tasks",
	"historical", "started_at", "ended_at", "succeeded_at", "failed_at", "rescheduled_for", "triggered_at", "failures", "run_id", "due_at"}

var summaries = `select ` + summaryColumns.list() + ` from connections
	where group_id in (select id from groups where account_id = $1) and ($2 = '' or group_id = $2) and ($3 = '' or id = $3)
	and ` + scoped("group_id", "id", 4) + ` order by created_at, id`

func scanSummary(row scanner) (c Connection, err error) {
	var tasks json.RawMessage
	err = row.Scan(&c.ID, &c.GroupID, &c.Service, &c.Schema, stamp{&c.CreatedAt},
		&c.Paused, &c.ScheduleType, &c.SyncFrequency, &c.DelaySensitivity, &c.DelayThreshold, &c.SetupState, document{&tasks},
		&c.Historical, stamp{&c.StartedAt}, stamp{&c.EndedAt}, stamp{&c.SucceededAt}, stamp{&c.FailedAt}, stamp{&c.RescheduledFor}, stamp{&c.TriggeredAt}, &c.Failures,
		text{&c.RunID}, stamp{&c.DueAt})
	if err == nil && len(tasks) > len(`[]`) {
		err = json.Unmarshal(tasks, &c.Tasks)
	}
	return c, known(err)
}

// Summaries returns all connections of an account that f wants, or one of them
// by its id, in the order of their creation, with what a long list shows: how
// they stand and when they ran, but nothing of their configs.
func (s *Store) Summaries(ctx context.Context, f ConnectionFilter, id string) ([]Connection, error) {
	return collect(scanSummary)(s.ask(ctx, summaries, append([]any{f.AccountID, f.GroupID, id}, scopeArgs(f.Scope)...)...))
}
