package logship

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strconv"

	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/setup"
)

// splunk is Splunk's HTTP Event Collector (Splunk documentation, "Format
// events for HTTP Event Collector" and its error codes, 2026-11): events one
// after the other, without commas. How much is taken is the server's choice; 1
// MB is ours.
var splunk = &Service{
	ID: "splunkLog", Config: setup.Describe("Splunk", splunkConfig{}),
	bytes: 900_000, extra: 128, send: sendSplunk,
}

type splunkConfig struct {
	Host      string `json:"host" title:"Host" required:"true"`
	Port      int    `json:"port" title:"Port" default:"8088"`
	Token     string `json:"token" title:"Token" required:"true" secret:"true"`
	Channel   string `json:"channel" title:"Channel" help:"A GUID, for tokens with acknowledgement."`
	EnableSSL bool   `json:"enable_ssl" title:"TLS" default:"true"`
}

func sendSplunk(ctx context.Context, v *via, config json.RawMessage, entries []entry) error {
	var c splunkConfig
	if err := setup.Decode(config, &c); err != nil {
		return err
	}
	type event struct {
		Time       json.Number       `json:"time"` // seconds
		Source     string            `json:"source"`
		Sourcetype string            `json:"sourcetype"`
		Event      json.RawMessage   `json:"event"`
		Fields     map[string]string `json:"fields"`
	}
	var body []byte
	for _, e := range entries {
		ms := e.at.UnixMilli()
		body = append(body, fivetran.Encode(event{json.Number(fmt.Sprintf("%d.%03d", ms/1000, ms%1000)), source, "_json", e.line, map[string]string{"level": e.level}})...)
	}
	header := map[string]string{"Authorization": "Splunk " + c.Token}
	if c.Channel != "" {
		header["X-Splunk-Request-Channel"] = c.Channel
	}
	scheme := "http"
	if c.EnableSSL {
		scheme = "https"
	}
	answer, err := v.post(ctx, v.at(scheme+"://"+net.JoinHostPort(c.Host, strconv.Itoa(c.Port)))+"/services/collector/event", body, header)
	if r, ok := err.(*refusal); ok {
		var why struct {
			Code int
		}
		if json.Unmarshal(answer, &why) == nil && splunkCodes[why.Code] != "" {
			r.reason += ": " + splunkCodes[why.Code]
		}
	}
	return err
}

// splunkCodes are the collector's codes of errors that people can mend.
var splunkCodes = map[int]string{
	1: "the token is disabled", 2: "a token is required", 3: "the authorization is invalid", 4: "the token is invalid",
	7: "the index is not one of the token's", 10: "the token needs a channel", 11: "the channel is invalid",
	14: "acknowledgement is disabled",
}
