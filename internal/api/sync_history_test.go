package api

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/internal/store"
)

func TestSyncHistory(t *testing.T) {
	e := newEnv(t)
	id := e.connection()
	sync := func(o store.Outcome) *store.Run {
		t.Helper()
		_, err := e.store.UpdateConnection(t.Context(), id, func(c *store.Connection) error { c.TriggeredAt = e.now; return nil })
		must(t, err)
		e.now = e.now.Add(time.Minute)
		run := e.engine.start()
		if o.Kind != "" {
			e.engine.finish(run, o)
		}
		return run
	}
	first := e.now
	runs := []*store.Run{
		sync(store.Outcome{Kind: store.RunSucceeded, Bytes: 2_500_000}),
		sync(store.Outcome{Kind: store.RunFailed, Reason: "no route to host", Warnings: []store.Alert{{Code: store.SyncFailed, Message: "no route to host"}}}),
		sync(store.Outcome{Kind: store.RunRescheduled, Reason: "quota", RescheduledFor: e.now.Add(time.Hour)}),
		sync(store.Outcome{Kind: store.RunCanceled, Reason: "stopped"}),
		sync(store.Outcome{}),
	}
	volume := func(v any) map[string]any { return map[string]any{"volume": v} }
	item := func(i int, status string, extract, load any, reason string) map[string]any {
		m := map[string]any{"sync_id": runs[i].ID, "status": status, "start": runs[i].StartedAt.Format(time.RFC3339Nano),
			"stages": map[string]any{"extract": volume(extract), "process": volume(nil), "load": volume(load)}}
		if reason != "" {
			m["reason"] = reason
		}
		return m
	}
	want := []map[string]any{item(0, "COMPLETED", 2.5, 2.5, ""), item(1, "FAILURE", 0.0, nil, "no route to host"),
		item(2, "RESCHEDULED", 0.0, nil, "quota"), item(3, "CANCELED", 0.0, nil, "stopped"), item(4, "INCOMPLETE", 0.0, nil, "")}
	e.now = e.now.Add(time.Second) // the window's end is not in it
	read := func(query string) (got []map[string]any) {
		t.Helper()
		for cursor := ""; ; {
			data := e.ok("GET", "/v1/connections/"+id+"/sync-history?limit=2"+query+"&cursor="+cursor, "").data
			for _, v := range data["items"].([]any) {
				m := v.(map[string]any)
				if (m["end"] == nil) != (m["status"] == "INCOMPLETE") {
					t.Errorf("%v ends at %v", m["status"], m["end"])
				}
				delete(m, "end")
				got = append(got, m)
			}
			if cursor, _ = data["next_cursor"].(string); cursor == "" {
				return got
			}
		}
	}
	at := func(t time.Time) string { return strings.ReplaceAll(t.UTC().Format(time.RFC3339Nano), "+", "%2B") }
	if diff := cmp.Diff(want, read("")); diff != "" {
		t.Error(diff)
	}
	for query, n := range map[string]int{
		"&start_time=" + at(runs[1].StartedAt):                                  4,
		"&end_time=" + at(runs[1].StartedAt):                                    1,
		"&start_time=" + at(first) + "&end_time=" + at(runs[4].StartedAt):       4,
		"&start_time=" + at(first.AddDate(0, 0, -6)) + "&end_time=" + at(e.now): 5,
		"&start_time=2020-01-01T00:00:00Z":                                      0,
	} {
		if got := read(query); len(got) != n {
			t.Errorf("%s: %d syncs, want %d", query, len(got), n)
		}
	}
}

func TestConnectionErrors(t *testing.T) {
	e := newEnv(t)
	id := e.connection()
	if items := e.ok("GET", "/v1/connections/"+id+"/errors", "").data["items"].([]any); len(items) != 0 {
		t.Errorf("errors %v", items)
	}
	failed := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	_, err := e.store.UpdateConnection(t.Context(), id, func(c *store.Connection) error {
		c.Tasks = []store.Alert{{Code: "reconnect", Message: "Log in again."}}
		c.Warnings = []store.Alert{{Code: store.SyncFailed, Message: "no route"}, {Code: "names_collide", Message: "a and A"}}
		c.FailedAt = failed
		return nil
	})
	must(t, err)
	item := func(kind, title, reason, message string) any {
		return map[string]any{"type": kind, "title": title, "reason": reason, "message": message, "created_at": "2026-07-01T12:00:00Z"}
	}
	want := []any{item("reconnect", "Reconnect", "reconnect", "Log in again."), item("unknown_sync_failure", "Sync failed", "sync_failed", "no route"),
		item("sync_warning", "Names collide", "names_collide", "a and A")}
	if diff := cmp.Diff(want, e.ok("GET", "/v1/connections/"+id+"/errors", "").data["items"]); diff != "" {
		t.Error(diff)
	}
	page := e.ok("GET", "/v1/connections/"+id+"/errors?limit=1&cursor=1", "").data
	if diff := cmp.Diff(want[1:2], page["items"]); diff != "" || page["next_cursor"] != "2" {
		t.Error(diff, page["next_cursor"])
	}
}
