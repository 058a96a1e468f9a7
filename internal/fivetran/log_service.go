package fivetran

import (
	"encoding/json"
	"time"
)

// A LogServiceItem is an item of GET /v1/external-logging.
type LogServiceItem struct {
	ID      string            `json:"id"` // of its group, or of the account
	Service string            `json:"service"`
	Enabled bool              `json:"enabled"`
	Status  *LogServiceStatus `json:"status,omitempty"` // absent: nothing was sent to it yet
}

// LogServiceStatus says whether a log service takes what it is sent.
type LogServiceStatus struct {
	Tasks      []LogAlert `json:"tasks"`
	SetupState string     `json:"setup_state"` // connected, broken or incomplete
}

// A LogAlert is what a person must do for a log service.
type LogAlert struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Details string `json:"details"`
}

// A LogService is the data of GET /v1/external-logging/{logId}.
type LogService struct {
	LogServiceItem
	SetupTests []SetupTest     `json:"setup_tests,omitempty"` // absent: none were run
	Config     json.RawMessage `json:"config"`
}

// NewLogService is the body of POST /v1/external-logging; that of
// …/external-logging/account has no GroupID.
type NewLogService struct {
	GroupID string `json:"group_id"`
	Service string `json:"service"`
	UpdateLogService
}

// UpdateLogService is the body of PATCH /v1/external-logging/{logId}.
type UpdateLogService struct {
	Enabled       *bool           `json:"enabled"`
	Config        json.RawMessage `json:"config"`
	RunSetupTests bool            `json:"run_setup_tests"`
}

// LogServiceTests is the data of POST /v1/external-logging/{logId}/test.
type LogServiceTests struct {
	SetupTests []SetupTest `json:"setup_tests"`
}

// A LogEvent is an event as log services are sent it (documentation of
// external logging, 2026-11).
type LogEvent struct {
	Event         string          `json:"event"`
	Data          json.RawMessage `json:"data,omitempty"`
	Created       time.Time       `json:"created"`
	ConnectorType string          `json:"connector_type,omitempty"`
	ConnectorID   string          `json:"connector_id,omitempty"`
	ConnectorName string          `json:"connector_name,omitempty"`
	SyncID        string          `json:"sync_id,omitempty"` // a UUID; absent from events of no sync
}

// A LogServiceKind is a kind of log service with what it needs to know. It is
// Penstock's own, under /v1/penstock.
type LogServiceKind struct {
	ID     string         `json:"id"`
	Name   string         `json:"name"`
	Fields []ServiceField `json:"fields"`
}

// A ServiceField is a field of a config.
type ServiceField struct {
	Name     string          `json:"name"`
	Title    string          `json:"title"`
	Help     string          `json:"help"`
	Type     string          `json:"type"` // string, integer, boolean, array, object
	Secret   bool            `json:"secret"`
	Required bool            `json:"required"`
	Options  []string        `json:"options"` // empty: any value
	Default  json.RawMessage `json:"default"` // null: none
}
