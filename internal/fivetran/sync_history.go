package fivetran

import "time"

// Outcomes of a sync.
const (
	SyncCompleted     = "COMPLETED"
	SyncFailure       = "FAILURE"
	SyncCanceled      = "CANCELED"
	SyncIncomplete    = "INCOMPLETE" // it is running
	SyncIsRescheduled = "RESCHEDULED"
)

// A PastSync is an item of GET /v1/connections/{connectionId}/sync-history, as
// the definition of 2026-09-26 has it: ConnectorSyncHistoryResponse.
type PastSync struct {
	SyncID string     `json:"sync_id"`
	Start  time.Time  `json:"start"`
	End    *time.Time `json:"end"` // null while it is running
	Status string     `json:"status"`
	Reason string     `json:"reason,omitempty"` // absent if it completed
	Stages SyncStages `json:"stages"`
}

// SyncStages is what passed each stage of a sync.
type SyncStages struct {
	Extract SyncVolume `json:"extract"`
	Process SyncVolume `json:"process"`
	Load    SyncVolume `json:"load"`
}

// A SyncVolume is an amount of data.
type SyncVolume struct {
	Volume *float64 `json:"volume"` // megabytes; null if it is not known
}

// A ConnectionError is an item of GET /v1/connections/{connectionId}/errors
// (page "Retrieve Connection Errors", 2026-11).
type ConnectionError struct {
	Type      string     `json:"type"`
	Title     string     `json:"title"`
	Reason    string     `json:"reason"`
	Message   string     `json:"message"`
	CreatedAt *time.Time `json:"created_at"` // of the latest; null if it is not known
}
