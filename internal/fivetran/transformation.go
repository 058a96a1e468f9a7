package fivetran

import (
	"encoding/json"
	"time"
)

// NewProject is the body of POST /v1/transformation-projects.
type NewProject struct {
	GroupID string         `json:"group_id"`
	Type    string         `json:"type"`
	Config  *ProjectConfig `json:"project_config"`

	RunTests *bool `json:"run_tests"`
}

// UpdateProject is the body of PATCH /v1/transformation-projects/{projectId}.
type UpdateProject struct {
	Config   json.RawMessage `json:"project_config"`
	RunTests *bool           `json:"run_tests"`
}

// A ProjectConfig says where a dbt project is and how it is run.
type ProjectConfig struct {
	DBTVersion      string   `json:"dbt_version"`
	DefaultSchema   string   `json:"default_schema"`
	GitRemoteURL    string   `json:"git_remote_url"`
	FolderPath      string   `json:"folder_path,omitempty"`
	GitBranch       string   `json:"git_branch,omitempty"`
	TargetName      string   `json:"target_name,omitempty"`
	EnvironmentVars []string `json:"environment_vars,omitempty"`
	Threads         int      `json:"threads,omitempty"`
	PublicKey       string   `json:"public_key,omitempty"` // only in responses
}

// A ProjectItem is a transformation project in a list.
type ProjectItem struct {
	ID          string    `json:"id"`
	Type        string    `json:"type"`
	CreatedAt   time.Time `json:"created_at"`
	CreatedByID string    `json:"created_by_id"`
	GroupID     string    `json:"group_id"`
}

// A Project is the data of GET /v1/transformation-projects/{projectId}.
type Project struct {
	ProjectItem
	Status     string        `json:"status"`
	Errors     []string      `json:"errors"` // never null
	SetupTests []SetupTest   `json:"setup_tests,omitzero"`
	Config     ProjectConfig `json:"project_config"`
}

// NewTransformation is the body of POST /v1/transformations.
type NewTransformation struct {
	Type     string                  `json:"type"`
	Schedule *TransformationSchedule `json:"schedule"`
	Config   *TransformationConfig   `json:"transformation_config"`
	Paused   bool                    `json:"paused"`
}

// UpdateTransformation is the body of PATCH /v1/transformations/{id}.
type UpdateTransformation struct {
	Schedule *TransformationSchedule `json:"schedule"`
	Config   json.RawMessage         `json:"transformation_config"`
	Paused   *bool                   `json:"paused"`
}

// A TransformationSchedule says when a transformation runs.
type TransformationSchedule struct {
	ScheduleType      string   `json:"schedule_type"`
	Cron              []string `json:"cron,omitempty"`
	Interval          int      `json:"interval,omitempty"` // minutes
	DaysOfWeek        []string `json:"days_of_week,omitempty"`
	TimeOfDay         string   `json:"time_of_day,omitempty"`
	ConnectionIDs     []string `json:"connection_ids,omitempty"`
	TransformationIDs []string `json:"transformation_ids,omitempty"`
	SmartSyncing      bool     `json:"smart_syncing,omitempty"`
}

// A TransformationConfig says what a transformation runs: the first three
// fields are those of DBT_CORE, the others those of QUICKSTART.
type TransformationConfig struct {
	ProjectID string               `json:"project_id,omitempty"`
	Name      string               `json:"name,omitempty"`
	Steps     []TransformationStep `json:"steps,omitempty"`

	PackageName           string          `json:"package_name,omitempty"`
	ConnectionIDs         []string        `json:"connection_ids,omitempty"`
	ExcludedModels        []string        `json:"excluded_models,omitempty"`
	ConfigurableVariables json.RawMessage `json:"configurable_variables,omitempty"`
	UpgradeAvailable      *bool           `json:"upgrade_available,omitempty"` // only in responses
}

// A TransformationStep is one dbt command.
type TransformationStep struct {
	Name    string `json:"name"`
	Command string `json:"command"`
}

// A Transformation is the data of GET /v1/transformations/{id}.
type Transformation struct {
	ID               string               `json:"id"`
	Status           string               `json:"status"`
	Schedule         json.RawMessage      `json:"schedule"`
	Type             string               `json:"type"`
	Paused           bool                 `json:"paused"`
	CreatedAt        time.Time            `json:"created_at"`
	CreatedByID      string               `json:"created_by_id"`
	LastStartedAt    *time.Time           `json:"last_started_at,omitempty"` // absent before the first run
	LastEndedAt      *time.Time           `json:"last_ended_at,omitempty"`   // absent before the first run
	OutputModelNames []string             `json:"output_model_names"`        // never null
	Config           TransformationConfig `json:"transformation_config"`
}

// PackageMetadata is a Quickstart package.
type PackageMetadata struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Version string `json:"version"`
}
