package api

import (
	"testing"
)

// TestSchedules is the schedule object of connections, step by step.
func TestSchedules(t *testing.T) {
	e := newEnv(t)
	id := e.connection()
	for _, tt := range []struct {
		patch, schedule, frequency, daily, kind string // JSON
	}{
		{`{"schedule":{"schedule_type":"CRON","cron":"0 6,18 * * MON-FRI"}}`, `{"schedule_type":"CRON","cron":"0 6,18 * * MON-FRI"}`, `null`, `null`, `"auto"`},
		{`{"paused":false}`, `{"schedule_type":"CRON","cron":"0 6,18 * * MON-FRI"}`, `null`, `null`, `"auto"`},
		{`{"schedule":{"schedule_type":"TIME_OF_DAY","time_of_day":"06:00","days_of_week":["FRIDAY","MONDAY"]}}`,
			`{"schedule_type":"TIME_OF_DAY","time_of_day":"06:00","days_of_week":["MONDAY","FRIDAY"]}`, `null`, `null`, `"auto"`},
		{`{"schedule":{"schedule_type":"TIME_OF_DAY","time_of_day":"06:00"}}`, `{"schedule_type":"TIME_OF_DAY","time_of_day":"06:00"}`, `1440`, `"06:00"`, `"auto"`},
		{`{"schedule":{"schedule_type":"INTERVAL","interval":7}}`, `{"schedule_type":"INTERVAL","interval":7}`, `null`, `null`, `"auto"`},
		{`{"schedule":{"schedule_type":"INTERVAL","interval":15},"sync_frequency":60}`, `{"schedule_type":"INTERVAL","interval":15}`, `15`, `null`, `"auto"`},
		{`{"schedule":{"schedule_type":"MANUAL"}}`, `{"schedule_type":"INTERVAL","interval":15}`, `15`, `null`, `"manual"`},
		{`{"schedule_type":"auto"}`, `{"schedule_type":"INTERVAL","interval":15}`, `15`, `null`, `"auto"`},
		{`{"schedule":null}`, "(absent)", `360`, `null`, `"auto"`},
		{`{"schedule":{"schedule_type":"CRON","cron":"* * * * *"}}`, `{"schedule_type":"CRON","cron":"* * * * *"}`, `null`, `null`, `"auto"`},
		{`{"sync_frequency":"1440","daily_sync_time":"03:00"}`, "(absent)", `1440`, `"03:00"`, `"auto"`},
	} {
		data := e.ok("PATCH", "/v1/connections/"+id, tt.patch).data
		for field, want := range map[string]string{"schedule": tt.schedule, "sync_frequency": tt.frequency, "daily_sync_time": tt.daily, "schedule_type": tt.kind} {
			checkField(t, data, field, want)
		}
	}
	if n := len(e.engine.changed); n != 11 {
		t.Errorf("the engine heard of %d changes", n)
	}
	made := e.ok("POST", "/v1/connections", `{"group_id":"`+e.group("h")+`","service":"15five","config":{"schema":"s","api_key":"k"},
		"schedule":{"schedule_type":"INTERVAL","interval":5}}`).data
	checkField(t, made, "schedule", `{"schedule_type":"INTERVAL","interval":5}`)
}
