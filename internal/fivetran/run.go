package fivetran

import (
	"encoding/json"
	"time"
)

// What follows is Penstock's own, under /v1/penstock: the syncs of a
// connection, with their logs.

// A Run is one sync.
type Run struct {
	ID             string     `json:"id"` // later runs have greater ids
	SyncID         string     `json:"sync_id"`
	Cause          string     `json:"cause"` // schedule, or trigger: somebody asked for it
	Historical     bool       `json:"historical"`
	StartedAt      time.Time  `json:"started_at"`
	EndedAt        *time.Time `json:"ended_at"` // null: it is running
	Outcome        *string    `json:"outcome"`  // succeeded, failed, canceled, rescheduled, captured; null: it is running
	Reason         *string    `json:"reason"`   // why it did not succeed
	RescheduledFor *time.Time `json:"rescheduled_for"`
	Rows           int64      `json:"rows"`             // moved so far
	Bytes          int64      `json:"bytes"`            // of them in memory
	FreshAt        *time.Time `json:"fresh_at"`         // of a sync that stays on: all that was committed at the source until then is in the destination; null: not known
	Latency        *Latency   `json:"latency"`          // the same, of its last minutes; null: nothing was measured
	Tables         []RunTable `json:"tables,omitempty"` // absent from lists, and while it is running
}

// A Latency is how long it took from commits at the source until they could be
// read in the destination.
type Latency struct {
	Changes int64   `json:"changes"`
	P50     float64 `json:"p50_seconds"`
	P95     float64 `json:"p95_seconds"`
	P99     float64 `json:"p99_seconds"`
}

// A Backlog is what a source keeps back for a connection.
type Backlog struct {
	What     *string    `json:"what"`           // null: nothing
	Retained int64      `json:"retained_bytes"` // so far
	Limit    *int64     `json:"limit_bytes"`    // at which the source itself lets go of it; null: never
	Lag      *float64   `json:"lag_seconds"`    // how old the first change that was not read is at least; null: not known
	Lost     bool       `json:"lost"`           // the source has let go of it
	Spilled  int64      `json:"spilled_bytes"`  // in files of the server
	AskedAt  *time.Time `json:"asked_at"`       // null: it has not answered yet
}

// A RunTable is what a run did to one table.
type RunTable struct {
	Schema      string  `json:"schema"`
	Table       string  `json:"table"`
	Destination string  `json:"destination"` // schema.table
	Upserted    int64   `json:"upserted"`
	Updated     int64   `json:"updated"`
	Deleted     int64   `json:"deleted"`
	Bytes       int64   `json:"bytes"`
	Error       *string `json:"error"` // why it was not read to the end
}

// A LogLine is something that happened in a run. In the log that is followed
// it is the data of a server-sent event, whose id is the line's.
type LogLine struct {
	ID      int64           `json:"id"` // goes up from line to line
	At      time.Time       `json:"created_at"`
	Level   string          `json:"level"` // INFO, WARNING, SEVERE
	Event   string          `json:"event"` // sync_start, write_to_table_start, …
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data"` // null: there are none
}
