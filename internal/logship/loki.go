package logship

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/penstock-data/penstock/setup"
)

// loki is Grafana Loki's push API in JSON (Loki HTTP API, "Ingest logs", 3.x,
// 2026-11). An entry that a stream has already, with the same time and line,
// is kept once. A line may have 256 KB, and 4 MB come in a second;
// by default none may be older than a week.
var loki = &Service{
	ID: "grafana_loki", Config: setup.Describe("Grafana Loki", lokiConfig{}),
	most: 5000, bytes: 1 << 20, extra: 64, oldest: 167 * time.Hour, send: sendLoki,
}

type lokiConfig struct {
	URL         string `json:"loki_url" title:"Loki's URL" required:"true"`
	Username    string `json:"username" title:"User" help:"Of basic authentication. Without it the access token is sent as a bearer token."`
	AccessToken string `json:"access_token" title:"Access token" secret:"true"`
	TenantID    string `json:"tenant_id" title:"Tenant" secret:"true"`
}

func sendLoki(ctx context.Context, v *via, config json.RawMessage, entries []entry) error {
	var c lokiConfig
	if err := setup.Decode(config, &c); err != nil {
		return err
	}
	type stream struct {
		Labels map[string]string `json:"stream"` // few, each with few values: Loki keeps an index of them
		Values [][2]string       `json:"values"` // nanoseconds and lines
	}
	byLevel := map[string]*stream{}
	var streams []*stream
	for _, e := range entries {
		s := byLevel[e.level]
		if s == nil {
			s = &stream{Labels: map[string]string{"service_name": source, "level": strings.ToLower(e.level)}}
			byLevel[e.level] = s
			streams = append(streams, s)
		}
		s.Values = append(s.Values, [2]string{strconv.FormatInt(e.at.UnixNano(), 10), string(e.line)})
	}
	header := map[string]string{}
	switch {
	case c.Username != "":
		header["Authorization"] = "Basic " + base64.StdEncoding.EncodeToString([]byte(c.Username+":"+c.AccessToken))
	case c.AccessToken != "":
		header["Authorization"] = "Bearer " + c.AccessToken
	}
	if c.TenantID != "" {
		header["X-Scope-OrgID"] = c.TenantID
	}
	const path = "/loki/api/v1/push"
	_, err := v.post(ctx, strings.TrimSuffix(strings.TrimRight(v.at(c.URL), "/"), path)+path, encode(map[string]any{"streams": streams}), header)
	return err
}
