package api

import (
	"strings"
	"testing"
	"time"

	"github.com/penstock-data/penstock/internal/store"
)

// TestContinuous makes a connection stay on, and says how far it is then.
func TestContinuous(t *testing.T) {
	e := newEnv(t)
	conn := e.database()
	id := strings.TrimPrefix(conn, "/v1/connections/")
	ours := "/v1/penstock/connections/" + id
	e.engine.finish(e.engine.start(), store.Outcome{Kind: store.RunSucceeded})
	later := func() time.Time {
		c, err := e.store.Connection(t.Context(), id)
		must(t, err)
		return c.DueAt
	}
	slot := later()
	for _, tt := range []struct {
		body, want string // the message, or "" for one that is accepted
		restarts   bool
	}{
		{`{"log_limit_bytes":-1}`, "Invalid value for field 'log_limit_bytes': it is a number of bytes, or 0 for no limit", false},
		{`{"at_log_limit":"BURN"}`, "Invalid value for field 'at_log_limit': it is one of KEEP, SPILL, DROP", false},
		{`{"log_limit_bytes":5368709120,"at_log_limit":"DROP"}`, "", false},
		{`{"at_log_gap":"IGNORE"}`, "Invalid value for field 'at_log_gap': it is one of HEAL, STOP", false},
		{`{"at_log_gap":"STOP"}`, "", false},
		{`{"at_log_limit":"SPILL"}`, "", false},
		{`{"at_log_limit":"DROP"}`, "", false},
		{`{"continuous":true}`, "", false},
		{`{"continuous":false}`, "", true},
		{`{"continuous":true}`, "", false},
	} {
		e.engine.restarted = nil
		a := e.do("PATCH", ours+"/settings", tt.body)
		if tt.want == "" && a.status != 200 || tt.want != "" && (a.status != 400 || a.message != tt.want) {
			t.Errorf("%s: %d %s", tt.body, a.status, a.message)
		}
		if restarted := len(e.engine.restarted) > 0; restarted != tt.restarts {
			t.Errorf("%s: a running sync begins again: %v", tt.body, restarted)
		}
	}
	if s := e.ok("GET", ours+"/settings", "").data; s["continuous"] != true || s["log_limit_bytes"] != 5368709120.0 || s["at_log_limit"] != "DROP" || s["at_log_gap"] != "STOP" || s["can_follow"] != true {
		t.Errorf("settings %v", s)
	}
	if due := later(); !due.Before(slot) {
		t.Errorf("due at %v, as before", due)
	}

	run := e.engine.start()
	show := func() map[string]any { return e.ok("GET", ours+"/runs/"+run.ID, "").data }
	if r := show(); r["fresh_at"] != nil || r["latency"] != nil {
		t.Errorf("before it has caught up: %v", r)
	}
	must(t, e.store.SetFresh(t.Context(), run.Token(), e.now.Add(-time.Second), &store.Latency{Changes: 12, P50: 0.5, P95: 1, P99: 2.5}))
	if r := show(); r["fresh_at"] == nil || at(r, "latency", "changes") != 12.0 || at(r, "latency", "p50_seconds") != 0.5 || at(r, "latency", "p99_seconds") != 2.5 {
		t.Errorf("when it has: %v", r)
	}

	if b := e.ok("GET", ours+"/backlog", "").data; b["what"] != nil || b["asked_at"] != nil || b["retained_bytes"] != 0.0 {
		t.Errorf("nothing is kept: %v", b)
	}
	must(t, e.store.WatchBacklog(t.Context(), id, e.now))
	must(t, e.store.SaveBacklog(t.Context(), &store.Backlog{ConnectionID: id, DueAt: e.now, AskedAt: e.now, Level: "much",
		Figures: store.Figures{What: "replication slot s", Retained: 7, Limit: 9, Lag: time.Second, Spilled: 3}}, &store.Alert{Code: store.LogKept, Message: "It keeps much."}))
	if b := e.ok("GET", ours+"/backlog", "").data; b["what"] != "replication slot s" || b["retained_bytes"] != 7.0 || b["limit_bytes"] != 9.0 || b["spilled_bytes"] != 3.0 || b["lag_seconds"] != 1.0 {
		t.Errorf("backlog %v", b)
	}
	e.engine.finish(run, store.Outcome{Kind: store.RunSucceeded, Follows: true})
	if w := at(e.ok("GET", conn, "").data, "status", "warnings").([]any); len(w) != 1 || at(w[0], "code") != "source_log" {
		t.Errorf("a sync's end leaves %v", w)
	}

	g := e.ok("GET", conn, "").data["group_id"].(string)
	sheet := e.ok("POST", "/v1/connections", `{"group_id":"`+g+`","service":"google_sheets","config":{"schema":"s","table":"t"}}`).data["id"].(string)
	if s := e.ok("GET", "/v1/penstock/connections/"+sheet+"/settings", "").data; s["can_follow"] != false {
		t.Errorf("settings of a source without a log: %v", s)
	}
	a := e.do("PATCH", "/v1/penstock/connections/"+sheet+"/settings", `{"continuous":true}`)
	if a.status != 400 || !strings.Contains(a.message, "follows no log") {
		t.Errorf("a source without a log: %d %s", a.status, a.message)
	}
}
