package fivetran

import (
	"encoding/json"
	"time"
)

// A Webhook is the data of GET /v1/webhooks/{webhookId}.
type Webhook struct {
	ID        string    `json:"id"`
	Type      string    `json:"type"` // group or account
	URL       string    `json:"url"`
	Events    []string  `json:"events"`
	Active    bool      `json:"active"`
	Secret    string    `json:"secret,omitempty"`   // masked; absent without one
	GroupID   string    `json:"group_id,omitempty"` // absent from an account's
	CreatedAt time.Time `json:"created_at"`
	CreatedBy string    `json:"created_by"`
}

// WebhookRequest is the body of POST /v1/webhooks/… and of PATCH
// /v1/webhooks/{webhookId}. RunTests is not in the definition; go-fivetran
// sends it with PATCH.
type WebhookRequest struct {
	URL      *string          `json:"url"`
	Events   *[]string        `json:"events"`
	Active   *bool            `json:"active"`
	Secret   Nullable[string] `json:"secret"`
	RunTests *bool            `json:"run_tests"`
}

// WebhookTest is the body of POST /v1/webhooks/{webhookId}/test.
type WebhookTest struct {
	Event string `json:"event"`
}

// WebhookTested is the data of its response.
type WebhookTested struct {
	Succeed bool   `json:"succeed"`
	Status  int    `json:"status"` // HTTP's; 0: there was no answer
	Message string `json:"message"`
}

// WebhookEvents are the events that webhooks can be told of (Fivetran's page
// "Webhooks", 2026-11). The last four are deprecated, and there are none of
// them.
var WebhookEvents = []string{
	"sync_start", "sync_end",
	"create_connector", "pause_connector", "resume_connector", "edit_connector", "delete_connector",
	"force_update_connector", "resync_connector", "resync_table",
	"connection_successful", "connection_failure",
	"transformation_start", "transformation_succeeded", "transformation_failed",
	"dbt_run_start", "dbt_run_succeeded", "dbt_run_failed",
	"status",
	"transformation_run_start", "transformation_run_succeeded", "transformation_run_failed",
}

// TestEvent is what a webhook is told to see whether it answers.
const TestEvent = "test_event"

// A WebhookPayload is what a webhook is told, as captured from the service in
// 2026-05. The test of a new webhook has GroupID instead of
// DestinationGroupID.
type WebhookPayload struct {
	Event              string          `json:"event"`
	Created            time.Time       `json:"created"`
	ConnectorType      string          `json:"connector_type,omitempty"`
	ConnectorID        string          `json:"connector_id,omitempty"`
	ConnectorName      string          `json:"connector_name,omitempty"`
	SyncID             string          `json:"sync_id,omitempty"` // a UUID; absent from events of no sync
	GroupID            string          `json:"group_id,omitempty"`
	DestinationGroupID string          `json:"destination_group_id,omitempty"`
	Data               json.RawMessage `json:"data,omitempty"`
}

// SignatureHeader has the hexadecimal HMAC-SHA256 of a delivery's body under
// the webhook's secret. It is absent without one.
const SignatureHeader = "X-Fivetran-Signature-256"

// A WebhookDelivery is an item of GET /v1/penstock/webhooks/{id}/deliveries,
// which is ours.
type WebhookDelivery struct {
	Event        string     `json:"event"`
	EventID      int64      `json:"event_id"`
	ConnectionID *string    `json:"connection_id"` // null: no connection's
	Outcome      string     `json:"outcome"`       // pending, delivered, given_up or dropped
	Attempts     int        `json:"attempts"`
	Status       *int       `json:"status"` // HTTP's, of the last attempt; null: there was no answer
	Error        *string    `json:"error"`  // of the last attempt; null: it succeeded
	CreatedAt    time.Time  `json:"created_at"`
	TriedAt      *time.Time `json:"tried_at"`
	EndedAt      *time.Time `json:"ended_at"` // null: it is pending
	NextAt       *time.Time `json:"next_at"`  // null: it has ended
}
