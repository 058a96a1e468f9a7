package fivetran

import "time"

// A SchemaConfig is what is copied of a connection's source:
// StandardConfigResponse in the definition. Names are the source's, and
// case-sensitive.
type SchemaConfig struct {
	EnableNewByDefault   bool                 `json:"enable_new_by_default"` // schema_change_handling is ALLOW_ALL
	SchemaChangeHandling string               `json:"schema_change_handling"`
	Schemas              map[string]SchemaSet `json:"schemas"` // never null
}

// A SchemaSet is one schema of a [SchemaConfig]: SchemaConfigResponse.
type SchemaSet struct {
	NameInDestination string                 `json:"name_in_destination"`
	Enabled           bool                   `json:"enabled"`
	Tables            map[string]TableConfig `json:"tables"` // never null
}

// A TableConfig is one table of a [SchemaConfig]: TableConfigResponse.
type TableConfig struct {
	SyncMode              string                  `json:"sync_mode,omitempty"` // absent before the schema was captured, unless given
	NameInDestination     string                  `json:"name_in_destination"`
	Enabled               bool                    `json:"enabled"`
	Columns               map[string]ColumnConfig `json:"columns"` // never null; those whose state was ever set
	EnabledPatchSettings  PatchSettings           `json:"enabled_patch_settings"`
	SupportsColumnsConfig bool                    `json:"supports_columns_config"`
	SupportsHistoryMode   bool                    `json:"supports_history_mode"`
}

// A ColumnConfig is one column of a [TableConfig]: ColumnConfigResponse.
type ColumnConfig struct {
	NameInDestination    string        `json:"name_in_destination"`
	Enabled              bool          `json:"enabled"`
	Hashed               bool          `json:"hashed"`
	EnabledPatchSettings PatchSettings `json:"enabled_patch_settings"`
	IsPrimaryKey         bool          `json:"is_primary_key"`
}

// PatchSettings say whether the enabled of a table or a column can be changed.
type PatchSettings struct {
	Allowed    bool   `json:"allowed"`
	ReasonCode string `json:"reason_code,omitempty"` // SYSTEM_TABLE or SYSTEM_COLUMN, DELETED, OTHER; absent if allowed
	Reason     string `json:"reason,omitempty"`      // absent unless reason_code is OTHER
}

// TableColumns is the data of
// GET /v1/connections/{connectionId}/schemas/{schema}/tables/{table}/columns.
type TableColumns struct {
	Columns map[string]ColumnConfig `json:"columns"` // all that the source has
}

// A SchemaConfigChange is the body of POST and PATCH
// /v1/connections/{connectionId}/schemas. Null means absent.
type SchemaConfigChange struct {
	Schemas              map[string]*SchemaChange `json:"schemas"`
	SchemaChangeHandling *string                  `json:"schema_change_handling"`
	IsTypeLocked         *bool                    `json:"is_type_locked"`
}

// A SchemaChange is the body of PATCH …/schemas/{schemaName}.
type SchemaChange struct {
	Enabled *bool                   `json:"enabled"`
	Tables  map[string]*TableChange `json:"tables"`
}

// A TableChange is the body of PATCH …/schemas/{schemaName}/tables/{tableName}.
type TableChange struct {
	Enabled  *bool                    `json:"enabled"`
	SyncMode *string                  `json:"sync_mode"`
	Columns  map[string]*ColumnChange `json:"columns"`
}

// A ColumnChange is the body of
// PATCH …/schemas/{schemaName}/tables/{tableName}/columns/{columnName}.
type ColumnChange struct {
	Enabled      *bool `json:"enabled"`
	Hashed       *bool `json:"hashed"`
	IsPrimaryKey *bool `json:"is_primary_key"`
}

// ReloadSchemaConfig is the body of POST …/schemas/reload.
type ReloadSchemaConfig struct {
	ExcludeMode *string `json:"exclude_mode"` // PRESERVE, EXCLUDE or INCLUDE
}

// DropColumns is the body of POST …/schemas/drop-columns.
type DropColumns struct {
	Schemas map[string]struct {
		Tables map[string]struct {
			Columns []string `json:"columns"`
		} `json:"tables"`
	} `json:"schemas"`
}

// What follows is Penstock's own, under /v1/penstock.

// A StateVersion is a state that a connection can return to.
type StateVersion struct {
	Version int64     `json:"version"`
	Current bool      `json:"current"`
	RunID   *string   `json:"run_id"` // null: somebody gave the connection this state
	Rows    int64     `json:"rows"`   // that the run had moved by then
	SavedAt time.Time `json:"saved_at"`
	Bytes   int64     `json:"bytes"` // as stored
}

// A TableStatus is how a connection stands with a table of its source.
type TableStatus struct {
	Schema   string     `json:"schema"`
	Table    string     `json:"table"`
	Status   string     `json:"status"` // pending, syncing, synced, failed, paused, blocked, deleted
	Resync   bool       `json:"resync"` // the next sync reads it from its beginning
	Error    *string    `json:"error"`
	RunID    *string    `json:"run_id"`        // the last run that read it
	Rows     int64      `json:"rows"`          // that this run has sent
	Bytes    int64      `json:"bytes"`         // the same in memory
	Expected *int64     `json:"rows_expected"` // about; null: not known
	Started  *time.Time `json:"started_at"`    // when this run began with it; null: not known
	SyncedAt *time.Time `json:"synced_at"`     // when it was last read to the end
	FailedAt *time.Time `json:"failed_at"`
}

// Settings are the choices for a connection's source that Fivetran has not,
// and the body of their PATCH, in which null means absent.
type Settings struct {
	Masks        *[]Mask                    `json:"masks"` // the first that matches a column counts
	CarryRenames *bool                      `json:"carry_renames"`
	PausedTables map[string]map[string]bool `json:"paused_tables"` // by schema and table; true: paused

	// RowFilters are what rows must meet to be copied, by schema and table;
	// null in a PATCH: all are.
	RowFilters map[string]map[string]*string `json:"row_filters"`

	Continuous *bool   `json:"continuous"`      // syncs stay on with the source and follow its log
	LogLimit   *int64  `json:"log_limit_bytes"` // of what the source keeps back for the connection; 0: none
	AtLogLimit *string `json:"at_log_limit"`    // KEEP: people are warned; SPILL: it is moved to files of the server; DROP: the source lets go of it
	AtLogGap   *string `json:"at_log_gap"`      // HEAL: what changed is found by other means; STOP: syncs fail until a person acts
}

// ShownSettings are settings as they are answered.
type ShownSettings struct {
	Settings
	CanFollow bool `json:"can_follow"` // the source, as it is configured, has a log that syncs can stay on with
}

// A Mask is a rule for what becomes of values before they leave the source's
// process.
type Mask struct {
	Pattern string `json:"pattern"`        // schema.table.column, with * for any run of characters
	How     string `json:"how"`            // HASH, REDACT, TRUNCATE, KEEP_DOMAIN
	Keep    int    `json:"keep,omitempty"` // characters that TRUNCATE keeps
}
