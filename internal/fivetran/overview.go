package fivetran

import "time"

// What follows is Penstock's own, under /v1/penstock: how connections stand,
// for lists of thousands.

// An Overview is how a connection stands.
type Overview struct {
	ID          string        `json:"id"`
	Service     string        `json:"service"`
	Schema      string        `json:"schema"`
	GroupID     string        `json:"group_id"`
	GroupName   string        `json:"group_name"`
	State       string        `json:"state"`   // broken, incomplete, failing, delayed, syncing, waiting, paused or fine
	Problem     *string       `json:"problem"` // the first task
	SucceededAt *time.Time    `json:"succeeded_at"`
	FailedAt    *time.Time    `json:"failed_at"`
	NextSyncAt  *time.Time    `json:"next_sync_at"` // null: never by itself, or it is running
	Delay       int64         `json:"delay"`        // seconds by which the data are older than the schedule means them to be
	Runs        []OverviewRun `json:"runs"`         // the latest first
}

// An OverviewRun is one of the latest syncs of a connection.
type OverviewRun struct {
	ID        string     `json:"id"`
	StartedAt time.Time  `json:"started_at"`
	EndedAt   *time.Time `json:"ended_at"`
	Outcome   *string    `json:"outcome"`
	Rows      int64      `json:"rows"`
}

// Overviews are a page of connections, with how many there are of each state
// before the search.
type Overviews struct {
	Page[Overview]
	Found  int            `json:"found"`
	Total  int            `json:"total"`
	States map[string]int `json:"states"`
}
