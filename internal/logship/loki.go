package logship

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/outside"
	"github.com/penstock-data/penstock/setup"
)

// loki is Grafana Loki's push API in JSON (Loki HTTP API, "Ingest logs", 3.x,
// 2026-11). An entry that a stream has already, with the same time and line,
// is kept once. A line may have 256 KB, and 4 MB come in a second; 1 MiB in a
// request is our choice. By default no entry may be older than a week, or than
// an hour before the newest of its stream: each log service has streams of its
// own, and so have tests, whose entries are newer than what waits. An answer with
// 400 may mean that all but some entries were kept.
var loki = &Service{
	ID: "grafana_loki", Config: setup.Describe("Grafana Loki", lokiConfig{}),
	bytes: 1 << 20, extra: 64, oldest: 167 * time.Hour, send: sendLoki, check: checkLoki,
}

type lokiConfig struct {
	URL         string `json:"loki_url" title:"Loki's URL" required:"true"`
	Username    string `json:"username" title:"User" help:"Of basic authentication. Without it the access token is sent as a bearer token."`
	AccessToken string `json:"access_token" title:"Access token" secret:"true"`
	TenantID    string `json:"tenant_id" title:"Tenant" secret:"true"`
}

func (c *lokiConfig) checkURL() error { return outside.CheckURL(c.URL, "https", "http") }

func checkLoki(config json.RawMessage) error {
	var c lokiConfig
	if err := setup.Decode(config, &c); err != nil || c.URL == "" {
		return err
	}
	if err := c.checkURL(); err != nil {
		return &setup.InvalidConfig{Message: "Invalid value for field 'loki_url': " + err.Error()}
	}
	return nil
}

func sendLoki(ctx context.Context, v *via, config json.RawMessage, entries []entry) error {
	var c lokiConfig
	if err := setup.Decode(config, &c); err != nil {
		return err
	}
	if err := c.checkURL(); err != nil {
		return &refusal{reason: "the address is malformed: " + err.Error()}
	}
	type labels struct { // few, each with few values: Loki keeps an index of them
		ServiceName string `json:"service_name"`
		LogService  string `json:"log_service"`
		Level       string `json:"level"`
		Test        bool   `json:"test,omitempty,string"`
	}
	type stream struct {
		Labels labels      `json:"stream"`
		Values [][2]string `json:"values"` // nanoseconds and lines
	}
	byLabels := map[labels]*stream{}
	var streams []*stream
	for _, e := range entries {
		of := labels{source, v.id, strings.ToLower(e.level), e.test}
		s := byLabels[of]
		if s == nil {
			s = &stream{Labels: of}
			byLabels[of] = s
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
	answer, err := v.post(ctx, strings.TrimSuffix(strings.TrimRight(v.at(c.URL), "/"), path)+path, fivetran.Encode(map[string]any{"streams": streams}), header)
	if r, ok := err.(*refusal); ok && r.status == http.StatusBadRequest {
		if n := ignored(answer); n > 0 {
			return &leftOut{min(n, len(entries)), "which are too old, too far ahead, or too large"}
		}
	}
	return err
}

// ignored returns how many entries an answer with 400 says were not kept, while
// the others were; 0: it does not say that of single entries. It is the least
// that there are: of several streams the answer may be about one alone.
func ignored(answer []byte) (n int) {
	if !lokiIgnored.Match(answer) {
		return 0
	}
	for _, m := range lokiCounts.FindAllSubmatch(answer, -1) {
		some, _ := strconv.Atoi(string(bytes.Join(m[1:], nil)))
		n += some
	}
	return max(n, 1)
}

// What Loki says of single entries, and how many they are (pkg/ingester,
// pkg/validation and pkg/util of Loki 3.x, 2026-11).
var (
	lokiIgnored = regexp.MustCompile(`ignored, reason:|has timestamp too (old|new)|Max entry size`)
	lokiCounts  = regexp.MustCompile(`total ignored: (\d+) out of|(\d+) errors like:`)
)
