package logship

import (
	"context"
	"encoding/json"
	"time"

	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/setup"
)

// newRelic is New Relic's Log API (documentation, "Introduction to the Log
// API", 2026-11): gzip; 1 MB after compression at most, which what is less
// before is. What is 48 hours old may be dropped (documentation, "Log event
// data", 2026-11).
var newRelic = &Service{
	ID: "new_relic_log", Config: setup.Describe("New Relic", newRelicConfig{}),
	bytes: 900_000, extra: 128, oldest: 48 * time.Hour, send: sendNewRelic,
}

type newRelicConfig struct {
	APIKey    string `json:"api_key" title:"License key" required:"true" secret:"true"`
	SubDomain string `json:"sub_domain" title:"Region" enum:"EU,FedRAMP,US" default:"US"`
}

var newRelicHosts = map[string]string{
	"US": "log-api.newrelic.com", "EU": "log-api.eu.newrelic.com", "FedRAMP": "gov-log-api.newrelic.com",
}

func sendNewRelic(ctx context.Context, v *via, config json.RawMessage, entries []entry) error {
	var c newRelicConfig
	if err := setup.Decode(config, &c); err != nil {
		return err
	}
	type attributes map[string]string
	type log struct {
		Timestamp  int64      `json:"timestamp"` // milliseconds
		Message    string     `json:"message"`   // JSON in it is taken apart
		Attributes attributes `json:"attributes"`
	}
	type block struct {
		Common struct {
			Attributes attributes `json:"attributes"`
		} `json:"common"`
		Logs []log `json:"logs"`
	}
	var b block
	b.Common.Attributes = attributes{"logtype": source, "service": source}
	for _, e := range entries {
		b.Logs = append(b.Logs, log{e.at.UnixMilli(), string(e.line), attributes{"level": e.level}})
	}
	_, err := v.post(ctx, v.at("https://"+newRelicHosts[c.SubDomain])+"/log/v1", zip(fivetran.Encode([]block{b})),
		map[string]string{"Api-Key": c.APIKey, "Content-Encoding": "gzip"})
	return err
}
