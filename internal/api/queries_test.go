package api

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/internal/engine"
	"github.com/penstock-data/penstock/setup"
)

func TestQueries(t *testing.T) {
	e := newEnv(t)
	d := e.warehouse()
	emma := "Emma"
	e.engine.answer = func(id string, q destination.Query) (*destination.Answer, error) {
		if id != d || q.SQL != "SELECT title FROM book" || q.Bytes == 0 {
			t.Errorf("%s: %+v", id, q)
		}
		return &destination.Answer{Columns: []destination.AnswerColumn{{Name: "title", Type: "VARCHAR"}}, Rows: [][]*string{{&emma}, {nil}}, More: q.Rows == 2}, nil
	}
	path := "/v1/penstock/destinations/" + d + "/query"
	a := e.ok("POST", path, `{"sql":"SELECT title FROM book","limit":2}`)
	if !strings.Contains(a.body, `"columns":[{"name":"title","type":"VARCHAR"}],"rows":[["Emma"],[null]],"more":true,"took_ms":0`) {
		t.Error(a.body)
	}
	for _, body := range []string{`{}`, `{"sql":" "}`, `{"sql":1}`, `{"sql":"SELECT 1","limit":0}`, `{"sql":"SELECT 1","limit":100001}`,
		`{"sql":"SELECT '` + strings.Repeat("x", querySQL) + `'"}`} {
		if a := e.do("POST", path, body); a.status != 400 || a.code != "InvalidInput" {
			t.Errorf("%.40s: %d %s", body, a.status, a.body)
		}
	}
	for _, tt := range []struct {
		err     error
		status  int
		message string
	}{
		{&engine.ServiceError{Err: &destination.QueryError{Message: "No table."}}, 400, "No table."},
		{engine.ErrNoQueries, 400, "Queries can be asked of DuckDB destinations only"},
		{&engine.ServiceError{Err: &setup.Problem{Message: "The folder is gone"}}, 400, "The query cannot be answered: The folder is gone"},
		{errors.New("a secret of ours"), 500, "Internal server error"},
	} {
		e.engine.answer = func(string, destination.Query) (*destination.Answer, error) { return nil, tt.err }
		if a := e.do("POST", path, `{"sql":"SELECT 1"}`); a.status != tt.status || !strings.HasPrefix(a.message, tt.message) {
			t.Errorf("%v: %d %s", tt.err, a.status, a.message)
		}
	}
}

// TestWhoMayQuery: who may only look at a destination's settings sees no rows.
func TestWhoMayQuery(t *testing.T) {
	e := newEnv(t)
	d := e.warehouse()
	e.engine.answer = func(string, destination.Query) (*destination.Answer, error) {
		return &destination.Answer{Rows: [][]*string{}}, nil
	}
	for role, status := range map[string]int{"Account Administrator": 200, "Account Reviewer": 403, "Account Analyst": 403, "Account Billing": 404} {
		e.login(t, role)
		if a := e.do("POST", "/v1/penstock/destinations/"+d+"/query", `{"sql":"SELECT 1"}`); a.status != status {
			t.Errorf("%s: %d %s", role, a.status, a.body)
		}
	}
}

// TestTestsOneByOne follows setup tests as they go.
func TestTestsOneByOne(t *testing.T) {
	e := newEnv(t)
	c, d := e.connection(), e.warehouse()
	for _, path := range []string{"connections/" + c, "destinations/" + d} {
		a := e.do("POST", "/v1/penstock/"+path+"/test", `{}`)
		events := strings.Split(strings.TrimSpace(a.body), "\n\n")
		if a.status != 200 || len(events) != 3 || events[0] != "event: begin\ndata: {}" ||
			events[1] != `data: {"title":"Connecting to the host","status":"PASSED","message":""}` ||
			!strings.HasPrefix(events[2], "event: end\ndata: {") || !strings.Contains(events[2], `"setup_tests":[`) || strings.Contains(a.body, "hunter2") {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	if a := e.do("POST", "/v1/penstock/connections/nothing/test", `{}`); a.status != 404 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// warehouse makes a destination in a group of its own, and returns its id.
func (e *env) warehouse() string {
	e.t.Helper()
	return e.id("/v1/destinations", `{"group_id":"`+e.group("w")+`","service":"duckdb","time_zone_offset":"0","config":{"path":"/w"}}`)
}

func (e *testEngine) Query(_ context.Context, id string, q destination.Query) (*destination.Answer, error) {
	if e.answer == nil {
		return nil, engine.ErrNoQueries
	}
	return e.answer(id, q)
}
