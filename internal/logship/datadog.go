package logship

import (
	"context"
	"encoding/json"
	"time"

	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/setup"
)

// datadog is Datadog's log intake (API reference, "Send logs", v2, 2026-11):
// gzip; an array of at most 1000 entries, 5 MB before compression, 1 MB each.
// What is 18 hours old is dropped without a word (documentation, "Log
// collection", 2026-11); ten minutes are for the way.
var datadog = &Service{
	ID: "datadog_log", Config: setup.Describe("Datadog", datadogConfig{}),
	bytes: 4 << 20, extra: 512, oldest: 18*time.Hour - 10*time.Minute, send: sendDatadog,
}

type datadogConfig struct {
	APIKey   string `json:"api_key" title:"API key" required:"true" secret:"true"`
	Region   string `json:"region" title:"Region" enum:"EU,US1,AP1,AP2,US3,US5,US1_FED" default:"US1"`
	Hostname string `json:"hostname" title:"Host name" help:"The host that entries are said to come from."`
}

// datadogSites are the domains of Datadog's regions (documentation, "Getting
// Started with Datadog Sites", 2026-11).
var datadogSites = map[string]string{
	"US1": "datadoghq.com", "US3": "us3.datadoghq.com", "US5": "us5.datadoghq.com", "EU": "datadoghq.eu",
	"AP1": "ap1.datadoghq.com", "AP2": "ap2.datadoghq.com", "US1_FED": "ddog-gov.com",
}

// datadogStatus are the levels by Datadog's names.
var datadogStatus = statuses{"info", "warn", "error"}

func sendDatadog(ctx context.Context, v *via, config json.RawMessage, entries []entry) error {
	var c datadogConfig
	if err := setup.Decode(config, &c); err != nil {
		return err
	}
	type log struct {
		Source    string `json:"ddsource"`
		Service   string `json:"service"`
		Hostname  string `json:"hostname,omitempty"`
		Status    string `json:"status"`
		Timestamp int64  `json:"timestamp"` // milliseconds
		Message   string `json:"message"`   // JSON in it is taken apart
	}
	logs := make([]log, len(entries))
	for i, e := range entries {
		logs[i] = log{source, source, c.Hostname, datadogStatus.of(e.level), e.at.UnixMilli(), string(e.line)}
	}
	_, err := v.post(ctx, v.at("https://http-intake.logs."+datadogSites[c.Region])+"/api/v2/logs", zip(fivetran.Encode(logs)),
		map[string]string{"DD-API-KEY": c.APIKey, "Content-Encoding": "gzip"})
	return err
}
