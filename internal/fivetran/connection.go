package fivetran

import (
	"bytes"
	"encoding/json"
	"reflect"
	"time"
)

// States of a connection.
const (
	SetupIncomplete = "incomplete" // the config is incomplete, or setup tests never succeeded
	SetupConnected  = "connected"
	SetupBroken     = "broken"

	SyncScheduled   = "scheduled"
	SyncSyncing     = "syncing"
	SyncPaused      = "paused"
	SyncRescheduled = "rescheduled"

	UpdateOnSchedule = "on_schedule"
	UpdateDelayed    = "delayed"
)

// ConnectionItem is a connection in a list, ConnectorResponse in the
// definition: all that a [Connection] has but config and setup tests.
type ConnectionItem struct {
	ID             string     `json:"id"`
	Service        string     `json:"service"`
	Schema         string     `json:"schema"`
	Paused         bool       `json:"paused"`
	Status         Status     `json:"status"`
	DailySyncTime  *string    `json:"daily_sync_time"` // null unless sync_frequency is 1440
	SucceededAt    *time.Time `json:"succeeded_at"`    // null before the first success
	FailedAt       *time.Time `json:"failed_at"`       // null before the first failure
	SyncFrequency  *int       `json:"sync_frequency"`  // minutes; null if the schedule comes to none
	GroupID        string     `json:"group_id"`
	ConnectedBy    *string    `json:"connected_by"` // null if no user made it
	ServiceVersion int        `json:"service_version"`
	CreatedAt      time.Time  `json:"created_at"`

	PrivateLinkID    *string `json:"private_link_id"`
	ProxyAgentID     *string `json:"proxy_agent_id"`
	NetworkingMethod string  `json:"networking_method"`

	PauseAfterTrial      bool   `json:"pause_after_trial"`
	DataDelayThreshold   int    `json:"data_delay_threshold"` // minutes; 0 unless the sensitivity is CUSTOM
	DataDelaySensitivity string `json:"data_delay_sensitivity"`
	ScheduleType         string `json:"schedule_type"`

	Schedule *Schedule `json:"schedule,omitempty"` // absent unless one was set

	LocalProcessingAgentID   *string `json:"local_processing_agent_id"` // the older name of the next
	HybridDeploymentAgentID  *string `json:"hybrid_deployment_agent_id"`
	ExternalSecretsManagerID *string `json:"external_secrets_manager_id"`
	DestinationSchemaNames   string  `json:"destination_schema_names"`

	DestinationConfiguration json.RawMessage   `json:"destination_configuration,omitempty"`    // absent unless set
	SourceSyncDetails        json.RawMessage   `json:"source_sync_details,omitempty"`          // absent for services that have none
	ExternalSecretsKeys      map[string]string `json:"external_secrets_keys_config,omitempty"` // absent where an external secrets manager keeps nothing
	ConnectCardConfig        json.RawMessage   `json:"connect_card_config,omitempty"`          // absent unless a Connect Card was asked for
	ConnectCard              *ConnectCard      `json:"connect_card,omitempty"`                 // absent but in answers that make one
}

// A Connection is the data of GET /v1/connections/{connectionId} and of what
// else answers with a whole connection: ConnectorResponseV1 in the definition.
type Connection struct {
	ConnectionItem
	SetupTests []SetupTest     `json:"setup_tests,omitzero"` // absent before the first run
	Config     json.RawMessage `json:"config"`               // secrets as ******
}

// Status is a connection's status.
type Status struct {
	Tasks            []Task     `json:"tasks"`         // never null
	Warnings         []Task     `json:"warnings"`      // never null
	SchemaStatus     string     `json:"schema_status"` // ready or blocked_on_capture
	UpdateState      string     `json:"update_state"`
	SetupState       string     `json:"setup_state"`
	SyncState        string     `json:"sync_state"`
	IsHistoricalSync bool       `json:"is_historical_sync"`
	RescheduledFor   *time.Time `json:"rescheduled_for"` // null unless sync_state is rescheduled
}

// A Task is something that a person must do, or should know.
type Task struct {
	Code    string          `json:"code"`
	Message string          `json:"message"`
	Details json.RawMessage `json:"details,omitempty"` // absent where there is nothing more to say
}

// A Schedule says when a connection syncs by itself: ConnectorSchedule in the
// definition of 2026-09-26.
type Schedule struct {
	ScheduleType string   `json:"schedule_type"` // INTERVAL, TIME_OF_DAY, CRON or MANUAL
	Interval     int      `json:"interval,omitempty"`
	TimeOfDay    string   `json:"time_of_day,omitempty"`
	DaysOfWeek   []string `json:"days_of_week,omitempty"`
	Cron         string   `json:"cron,omitempty"`
}

// A ConnectCard lets somebody else fill in a connection's config.
type ConnectCard struct {
	Token string `json:"token"`
	URI   string `json:"uri"`
}

// ConnectCardRequest is the body of POST …/connect-card.
type ConnectCardRequest struct {
	Config json.RawMessage `json:"connect_card_config"`
}

// ConnectCardCreated is the data of POST …/connect-card.
type ConnectCardCreated struct {
	ConnectorID string          `json:"connector_id"`
	ConnectCard ConnectCard     `json:"connect_card"`
	Config      json.RawMessage `json:"connect_card_config"`
}

// Tests says how a request wants setup tests to be run.
type Tests struct {
	RunSetupTests     *bool `json:"run_setup_tests"`
	TrustCertificates *bool `json:"trust_certificates"`
	TrustFingerprints *bool `json:"trust_fingerprints"`
}

// ConnectionSettings are the fields that requests to create and to modify a
// connection share. Null means absent.
type ConnectionSettings struct {
	Config                   json.RawMessage    `json:"config"`
	Auth                     json.RawMessage    `json:"auth"` // taken by services that describe one
	Paused                   *bool              `json:"paused"`
	PauseAfterTrial          *bool              `json:"pause_after_trial"`
	SyncFrequency            *Integer           `json:"sync_frequency"`
	DailySyncTime            Nullable[string]   `json:"daily_sync_time"`
	ScheduleType             *string            `json:"schedule_type"`
	Schedule                 Nullable[Schedule] `json:"schedule"`
	DataDelaySensitivity     *string            `json:"data_delay_sensitivity"`
	DataDelayThreshold       *int               `json:"data_delay_threshold"`
	NetworkingMethod         *string            `json:"networking_method"`
	ProxyAgentID             Nullable[string]   `json:"proxy_agent_id"`
	PrivateLinkID            Nullable[string]   `json:"private_link_id"`
	HybridDeploymentAgentID  Nullable[string]   `json:"hybrid_deployment_agent_id"`
	ExternalSecretsManagerID Nullable[string]   `json:"external_secrets_manager_id"`

	ExternalSecretsKeys Nullable[map[string]*string] `json:"external_secrets_keys_config"` // null: none

	DestinationConfiguration json.RawMessage `json:"destination_configuration"`
	Tests
}

// NewConnection is the body of POST /v1/connections.
type NewConnection struct {
	GroupID                string          `json:"group_id"`
	Service                string          `json:"service"`
	DestinationSchemaNames *string         `json:"destination_schema_names"`
	ConnectCardConfig      json.RawMessage `json:"connect_card_config"`
	ConnectionSettings
}

// UpdateConnection is the body of PATCH /v1/connections/{connectionId}.
type UpdateConnection struct {
	IsHistoricalSync *bool   `json:"is_historical_sync"`
	SchemaStatus     *string `json:"schema_status"`
	ConnectionSettings
}

// SyncRequest is the body of POST /v1/connections/{connectionId}/sync.
type SyncRequest struct {
	Force bool `json:"force"`
}

// ResyncRequest is the body of POST /v1/connections/{connectionId}/resync.
type ResyncRequest struct {
	Scope *map[string][]string `json:"scope"` // table names by schema; nil: everything
}

// ConnectionState is the data of GET /v1/connections/{connectionId}/state and
// the body of its PATCH.
type ConnectionState struct {
	State json.RawMessage `json:"state"`
}

// A Nullable is a field of a request that may be absent, null or a value.
type Nullable[T any] struct {
	Given bool
	Value *T // nil: null
}

func (n *Nullable[T]) UnmarshalJSON(b []byte) error {
	n.Given = true
	return json.Unmarshal(b, &n.Value)
}

// An Integer is a number that some clients send as a string: fivetran deploy
// does so with sync_frequency.
type Integer int

func (n *Integer) UnmarshalJSON(b []byte) error {
	if json.Unmarshal(bytes.Trim(b, `"`), (*int)(n)) != nil {
		return &json.UnmarshalTypeError{Value: "text", Type: reflect.TypeFor[Integer]()}
	}
	return nil
}
