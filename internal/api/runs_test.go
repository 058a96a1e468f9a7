package api

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/schema"
)

// sync begins a run of a new connection and returns both ids.
func (e *env) sync() (connection string, run *store.Run) {
	e.t.Helper()
	connection = e.connection()
	return connection, e.engine.start()
}

func TestRuns(t *testing.T) {
	e := newEnv(t)
	id, run := e.sync()
	base := "/v1/penstock/connections/" + id + "/runs"
	if data := e.ok("GET", base+"/"+run.ID, "").data; data["outcome"] != nil || data["ended_at"] != nil || data["cause"] != "schedule" || data["historical"] != true {
		t.Errorf("while it runs: %v", data)
	}
	e.engine.finish(run, store.Outcome{Kind: store.RunFailed, Reason: "the disk is full", Rows: 3, Bytes: 30, Tables: []store.RunTable{
		{Source: schema.Name{Table: "pulse"}, Destination: schema.Name{Schema: "fifteen", Table: "pulse"}, Upserted: 2, Deleted: 1, Bytes: 30, Error: "full"}}})
	data := e.ok("GET", base+"/"+run.ID, "").data
	if data["outcome"] != "failed" || data["reason"] != "the disk is full" || data["rows"] != 3.0 {
		t.Errorf("after its end: %v", data)
	}
	table := data["tables"].([]any)[0].(map[string]any)
	if table["table"] != "pulse" || table["destination"] != "fifteen.pulse" || table["upserted"] != 2.0 || table["error"] != "full" {
		t.Errorf("table %v", table)
	}
	if items := e.ok("GET", base, "").data["items"].([]any); len(items) != 1 || items[0].(map[string]any)["tables"] != nil {
		t.Errorf("list %v", items)
	}
	other := e.ok("POST", "/v1/connections", `{"group_id":"`+e.ok("GET", "/v1/connections/"+id, "").data["group_id"].(string)+`","service":"15five","config":{"schema":"other","api_key":"k"}}`).data["id"].(string)
	for _, path := range []string{base + "/nothing", "/v1/penstock/connections/" + other + "/runs/" + run.ID} {
		if a := e.do("GET", path, ""); a.status != 404 || a.code != "NotFound_Run" {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
}

func TestCancelRun(t *testing.T) {
	e := newEnv(t)
	id, run := e.sync()
	path := "/v1/penstock/connections/" + id + "/runs/" + run.ID
	if data := e.ok("DELETE", path, "").data; data["id"] != run.ID || !slices.Equal(e.engine.canceled, []string{id}) {
		t.Errorf("%v: %v", e.engine.canceled, data)
	}
	e.engine.finish(run, store.Outcome{Kind: store.RunCanceled, Reason: "stopped on request"})
	if data := e.ok("DELETE", path, "").data; data["outcome"] != "canceled" || len(e.engine.canceled) != 1 {
		t.Errorf("when it has ended: %v", data)
	}
	if a := e.do("DELETE", path+"x", ""); a.status != 404 || a.code != "NotFound_Run" {
		t.Errorf("another: %d %s", a.status, a.body)
	}
}

func TestRunLog(t *testing.T) {
	e := newEnv(t)
	id, run := e.sync()
	log := "/v1/penstock/connections/" + id + "/runs/" + run.ID + "/log"
	must(t, e.store.Log(t.Context(), run.Token(), store.Event{Kind: store.Warned, Level: store.Warning, Data: json.RawMessage(`{"message":"a value was cut"}`)}))
	e.engine.finish(run, store.Outcome{Kind: store.RunSucceeded})
	var got []string
	for cursor, pages := "", 0; pages == 0 || cursor != ""; pages++ {
		data := e.ok("GET", log+"?limit=2&cursor="+cursor, "").data
		for _, item := range data["items"].([]any) {
			line := item.(map[string]any)
			got = append(got, line["level"].(string)+" "+line["event"].(string)+" "+line["message"].(string))
		}
		cursor, _ = data["next_cursor"].(string)
	}
	want := "INFO sync_start The sync began.; WARNING warning a value was cut; INFO sync_end The sync ended: SUCCESSFUL."
	if strings.Join(got, "; ") != want {
		t.Errorf("got  %q\nwant %q", strings.Join(got, "; "), want)
	}
	if a := e.do("GET", log+"?cursor=x", ""); a.status != 400 {
		t.Errorf("a cursor of somebody's own: %d", a.status)
	}
}

// A client that follows a log gets what there is, then what comes, then the end;
// one that was cut off goes on where it was.
func TestRunLogIsFollowed(t *testing.T) {
	e := newEnv(t)
	id, run := e.sync()
	closing := make(chan struct{})
	srv := httptest.NewServer(New(Config{Store: e.store, Engine: e.engine, Connectors: testConnectors, Destinations: testDestinations, Closing: closing}))
	defer srv.Close()
	follow := func(last string) (*bufio.Scanner, func()) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), "GET", srv.URL+"/v1/penstock/connections/"+id+"/runs/"+run.ID+"/log", nil)
		must(t, err)
		req.SetBasicAuth(e.key, e.secret)
		req.Header.Set("Accept", "text/event-stream")
		req.Header.Set("Last-Event-ID", last)
		res, err := http.DefaultClient.Do(req)
		must(t, err)
		if ct := res.Header.Get("Content-Type"); res.StatusCode != 200 || ct != "text/event-stream" {
			t.Fatalf("%d %s", res.StatusCode, ct)
		}
		return bufio.NewScanner(res.Body), func() { res.Body.Close() }
	}
	next := func(s *bufio.Scanner) (id, event string) {
		t.Helper()
		for s.Scan() {
			if v, ok := strings.CutPrefix(s.Text(), "id: "); ok {
				id = v
			}
			if s.Text() == "event: end" {
				return "", "end"
			}
			if data, ok := strings.CutPrefix(s.Text(), "data: "); ok {
				var line struct{ Event string }
				must(t, json.Unmarshal([]byte(data), &line))
				return id, line.Event
			}
		}
		return "", "closed"
	}
	s, stop := follow("")
	first, event := next(s)
	if event != store.SyncStart {
		t.Errorf("first came %s", event)
	}
	must(t, e.store.Log(t.Context(), run.Token(), store.Event{Kind: store.ExtractSummary}))
	if _, event := next(s); event != store.ExtractSummary {
		t.Errorf("then came %s", event)
	}
	stop()
	s, stop = follow(first)
	defer stop()
	if _, event := next(s); event != store.ExtractSummary {
		t.Errorf("after the first came %s", event)
	}
	e.engine.finish(run, store.Outcome{Kind: store.RunSucceeded})
	if _, event := next(s); event != store.SyncEnd {
		t.Errorf("at the end came %s", event)
	}
	if _, event := next(s); event != "end" {
		t.Errorf("after the end came %s", event)
	}
	for s.Scan() {
		if strings.HasPrefix(s.Text(), "event:") {
			t.Errorf("after the last event came %s", s.Text())
		}
	}

	_, err := e.store.UpdateConnection(t.Context(), id, func(c *store.Connection) error { c.TriggeredAt = time.Now(); return nil })
	must(t, err)
	run = e.engine.start()
	s, stop = follow("")
	defer stop()
	next(s)
	close(closing)
	if _, event := next(s); event != "closed" {
		t.Errorf("when the server stops came %s", event)
	}
}
