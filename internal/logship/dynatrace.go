package logship

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/setup"
)

// dynatrace is Dynatrace's log ingestion (Log Monitoring API v2, "POST ingest
// logs", 2026-11): an array of objects, 10 MB at most, of which 1 MiB is our
// choice. What is more than 24 hours old is dropped without a word (documentation,
// "Log ingestion API", 2026-11).
var dynatrace = &Service{
	ID: "dynatrace", Config: setup.Describe("Dynatrace", dynatraceConfig{}),
	bytes: 1 << 20, extra: 256, oldest: 24 * time.Hour, send: sendDynatrace,
}

type dynatraceConfig struct {
	EnvironmentID string `json:"environment_id" title:"Environment" required:"true"`
	AccessToken   string `json:"access_token" title:"Access token" help:"With the scope logs.ingest." required:"true" secret:"true"`
}

var dynatraceSeverity = statuses{"info", "warn", "error"}

func sendDynatrace(ctx context.Context, v *via, config json.RawMessage, entries []entry) error {
	var c dynatraceConfig
	if err := setup.Decode(config, &c); err != nil {
		return err
	}
	type log struct {
		Content   string    `json:"content"`
		Timestamp time.Time `json:"timestamp"`
		Severity  string    `json:"severity"`
		Source    string    `json:"log.source"`
	}
	logs := make([]log, len(entries))
	for i, e := range entries {
		logs[i] = log{string(e.line), e.at.UTC().Truncate(time.Millisecond), dynatraceSeverity.of(e.level), source}
	}
	// An environment is the first label of a host: more would name another.
	if strings.ContainsAny(c.EnvironmentID, "./:@?#\\") {
		return &refusal{reason: "the environment's id is malformed"}
	}
	_, err := v.post(ctx, v.at("https://"+c.EnvironmentID+".live.dynatrace.com")+"/api/v2/logs/ingest", fivetran.Encode(logs),
		map[string]string{"Authorization": "Api-Token " + c.AccessToken})
	return err
}
