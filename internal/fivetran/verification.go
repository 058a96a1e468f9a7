package fivetran

import "time"

// What follows is Penstock's own, under /v1/penstock: whether the source and
// the destination agree, and what the next sync would do.

// A VerificationRequest is the body of POST …/verify.
type VerificationRequest struct {
	Tables map[string][]string `json:"tables"` // by schema; null: all that syncs copy
	List   *int                `json:"list"`   // rows of a table that are listed, at most
}

// A Verification is a comparison of a connection's tables on both sides.
type Verification struct {
	ID        string          `json:"id"`
	State     string          `json:"state"`   // running, done, failed, canceled
	Waiting   bool            `json:"waiting"` // for a sync to end, or for other verifications
	Reason    *string         `json:"reason"`  // why it failed
	StartedAt time.Time       `json:"started_at"`
	EndedAt   *time.Time      `json:"ended_at"`
	Total     int             `json:"tables_total"`
	Done      int             `json:"tables_done"`
	Wrong     int             `json:"tables_wrong"`     // that lost something, or could not be compared
	Tables    []VerifiedTable `json:"tables,omitempty"` // absent from lists
}

// A VerifiedTable is how a verification stands with a table. Numbers and names
// mean something once it is done.
type VerifiedTable struct {
	Schema           string          `json:"schema"`
	Table            string          `json:"table"`
	State            string          `json:"state"`            // pending, running, done
	Destination      *string         `json:"destination"`      // schema.table
	SourceRows       int64           `json:"source_rows"`      // equal rows of a table without a key count once
	DestinationRows  int64           `json:"destination_rows"` // that are live
	Lost             int64           `json:"lost"`             // missing or different, and not written since the last sync
	Late             int64           `json:"late"`             // missing or different, and written since
	Extra            int64           `json:"extra"`            // that the source has not, or no longer
	Unexamined       int64           `json:"unexamined"`       // at most in what differs and was not looked into
	AbsentTable      bool            `json:"absent_table"`     // the destination has no such table
	AbsentColumns    []string        `json:"absent_columns"`   // that the destination lacks; null: none, as below
	DifferentColumns []string        `json:"different_columns"`
	MaskedColumns    []string        `json:"masked_columns"` // not compared
	Differences      []RowDifference `json:"differences"`
	Error            *string         `json:"error"` // why it could not be compared
}

// A RowDifference is a row that the two sides do not have alike.
type RowDifference struct {
	Key     []string `json:"key"`
	What    string   `json:"what"`    // missing, different, extra
	Columns []string `json:"columns"` // that differ
	Null    []string `json:"null"`    // those of columns that have a value in the source alone
	Late    bool     `json:"late"`
}

// A PlanRequest is the body of POST …/plan: changes that are not to be made.
type PlanRequest struct {
	SchemaConfigChange
	Settings *Settings `json:"settings"`
}

// A Plan is what the next sync would do.
type Plan struct {
	SchemaStatus string      `json:"schema_status"` // blocked_on_capture: it would only look what the source offers
	Tables       []TablePlan `json:"tables"`
}

// A TablePlan is what the next sync would do with a table.
type TablePlan struct {
	Schema      string       `json:"schema"`
	Table       string       `json:"table"`
	Destination *string      `json:"destination"` // schema.table; null: it would not be read
	Create      bool         `json:"create"`
	Columns     []ColumnPlan `json:"columns"`       // those of a new table, else those that change
	SyncMode    *string      `json:"sync_mode"`     // null: it would not be read
	SwitchFrom  *string      `json:"switch_from"`   // the mode that it has, if it would get another
	Load        string       `json:"load"`          // historical, incremental, none
	Rows        *int64       `json:"rows_expected"` // null: not known
	Why         *string      `json:"why"`           // new, enabled, resync, key_changed, columns, always, blocked, paused; null: it goes on
	Error       *string      `json:"error"`
}

// A ColumnPlan is what becomes of a column of the destination's table.
type ColumnPlan struct {
	Name   string  `json:"name"`
	Change string  `json:"change"` // add, widen, drop
	Was    *string `json:"was"`    // the type that is there
	Type   *string `json:"type"`   // the type that it gets
}
