package store

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/penstock-data/penstock/internal/schedule"
	"github.com/penstock-data/penstock/setup"
)

// event returns an event of the connection's.
func (c *Connection) event(runID, kind string, at time.Time) Event {
	return Event{GroupID: c.GroupID, ConnectionID: c.ID, Service: c.Service, Schema: c.Schema, RunID: runID, Kind: kind, At: at}
}

// done returns the event of what somebody has done to the connection.
func (c *Connection) done(ctx context.Context, kind string, data map[string]any) (Event, error) {
	e := c.event("", kind, now())
	all := map[string]any{"id": c.ID}
	if by := actor(ctx); by != "" {
		all["actor"] = by
	}
	maps.Copy(all, data)
	var err error
	e.Data, err = json.Marshal(all)
	return e, err
}

// changes returns the events of what happened to a connection that was before.
func (c *Connection) changes(ctx context.Context, before *Connection) ([]Event, error) {
	type change struct {
		kind string
		data map[string]any
	}
	var all []change
	if c.Paused != before.Paused {
		kind := ResumeConnector
		if c.Paused {
			kind = PauseConnector
		}
		all = append(all, change{kind, nil})
	}
	is, was := c.properties(), before.properties()
	maps.Copy(is, c.settings())
	maps.Copy(was, before.settings())
	maps.DeleteFunc(is, func(name string, v any) bool { return v == was[name] })
	maps.DeleteFunc(was, func(name string, _ any) bool { _, changed := is[name]; return !changed })
	if names := changedFields(before.Config, c.Config); len(names) > 0 {
		is["config"] = names
	}
	if len(is) > 0 {
		all = append(all, change{EditConnector, map[string]any{"properties": is, "oldProperties": was}})
	}
	for _, kind := range c.Told {
		all = append(all, change{kind, nil})
	}
	var events []Event
	for _, one := range all {
		e, err := c.done(ctx, one.kind, one.data)
		if err != nil {
			return nil, err
		}
		events = append(events, e)
	}
	e, err := c.verdict(ctx, before)
	if e != nil {
		events = append(events, *e)
	}
	return events, err
}

// properties are the settings that people change, but for the config, in the
// words of the API.
func (c *Connection) properties() map[string]any {
	return map[string]any{
		"schedule_type": c.ScheduleType, "schedule": planned(c.Plan), "sync_frequency": c.SyncFrequency, "daily_sync_time": c.DailySyncTime,
		"data_delay_sensitivity": c.DelaySensitivity, "data_delay_threshold": c.DelayThreshold,
		"pause_after_trial": c.PauseAfterTrial, "schema_status": c.SchemaStatus,
		"networking_method": c.NetworkingMethod, "private_link_id": c.PrivateLinkID, "proxy_agent_id": c.ProxyAgentID,
		"hybrid_deployment_agent_id": c.HybridAgentID, "external_secrets_manager_id": c.SecretsManagerID,
		"external_secrets_keys_config": string(encodeNames(c.SecretsKeys)),
		"destination_configuration":    string(c.DestinationConfig), "package_id": c.PackageID,
	}
}

// settings are those that people change once there is a connection.
func (c *Connection) settings() map[string]any {
	return map[string]any{"continuous": c.Continuous, "log_limit_bytes": c.LogLimit, "at_log_limit": c.AtLogLimit, "at_log_gap": c.AtLogGap}
}

// planned returns a plan as JSON, in the words of the API; "": none.
func planned(p *schedule.Plan) string {
	if p == nil {
		return ""
	}
	b, _ := json.Marshal(struct { // strings and numbers can always be encoded
		Kind    string   `json:"schedule_type"`
		Minutes int      `json:"interval,omitempty"`
		Time    string   `json:"time_of_day,omitempty"`
		Days    []string `json:"days_of_week,omitempty"`
		Cron    string   `json:"cron,omitempty"`
	}(*p))
	return string(b)
}

// changedFields returns the names of the fields in which two configs differ.
// Their values may be secret.
func changedFields(before, after json.RawMessage) []string {
	if bytes.Equal(before, after) {
		return nil
	}
	var a, b map[string]json.RawMessage
	json.Unmarshal(before, &a) // what is no object has no fields
	json.Unmarshal(after, &b)
	names := map[string]bool{}
	for name, v := range b {
		names[name] = !bytes.Equal(v, a[name])
	}
	for name := range a {
		if _, ok := b[name]; !ok {
			names[name] = true
		}
	}
	maps.DeleteFunc(names, func(_ string, changed bool) bool { return !changed })
	return slices.Sorted(maps.Keys(names))
}

// verdict returns the event of a setup that is in order, or not, since a
// connection was before; nil if nothing has been found out.
func (c *Connection) verdict(ctx context.Context, before *Connection) (*Event, error) {
	tested := len(c.SetupTests) > 0 && !Untested(c.SetupTests) && !reflect.DeepEqual(c.SetupTests, before.SetupTests)
	if c.SetupState == before.SetupState && !tested {
		return nil, nil
	}
	kind, level, data := ConnectionSuccessful, Info, map[string]any{"testCount": len(c.SetupTests)}
	if c.SetupState != Connected {
		kind, level = ConnectionFailure, Severe
		if why := c.trouble(); why != "" {
			data["reason"] = why
		}
	}
	e, err := c.done(ctx, kind, data)
	e.Level = level
	return &e, err
}

// trouble says why a setup is not in order.
func (c *Connection) trouble() string {
	if len(c.Tasks) > 0 {
		return c.Tasks[0].Message
	}
	i := slices.IndexFunc(c.SetupTests, func(t setup.TestResult) bool { return t.Status == setup.Failed })
	if i < 0 {
		return ""
	}
	return c.SetupTests[i].Title + ": " + c.SetupTests[i].Message
}
