package api

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/penstock-data/penstock/internal/store"
)

// overviews returns the states of the connections that a list has, by name, in
// its order.
func (e *env) overviews(query string) (got string, data map[string]any) {
	e.t.Helper()
	data = e.ok("GET", "/v1/penstock/connections"+query, "").data
	var all []string
	for _, item := range data["items"].([]any) {
		o := item.(map[string]any)
		all = append(all, o["schema"].(string)+" "+o["state"].(string))
	}
	return strings.Join(all, ", "), data
}

func TestOverviews(t *testing.T) {
	e := newEnv(t)
	group := e.group("Sales")
	ids := map[string]string{}
	for _, name := range []string{"a1", "b2", "c3"} {
		ids[name] = e.id("/v1/connections", fmt.Sprintf(`{"group_id":%q,"service":"15five","config":{"schema":%q,"api_key":"k"}}`, group, name))
	}
	run := e.engine.start()
	e.ok("PATCH", "/v1/connections/"+ids["c3"], `{"paused":true}`)
	_, data := e.overviews("")
	if data["total"] != 3.0 || data["found"] != 3.0 || data["states"].(map[string]any)["paused"] != 1.0 || data["states"].(map[string]any)["syncing"] != 1.0 {
		t.Errorf("got %v", data)
	}
	e.engine.finish(run, store.Outcome{Kind: store.RunFailed, Reason: "the disk is full", Rows: 3})
	for query, want := range map[string]string{
		"?state=failing": "a1 failing", "?state=paused": "c3 paused", "?search=B2": "b2 ", "?search=15FIVE&limit=1": "a1 failing",
		"?group_id=nobody": "", "?search=" + ids["c3"]: "c3 paused", "?state=unheard": "",
	} {
		if got, _ := e.overviews(query); !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	one := e.ok("GET", "/v1/penstock/connections/"+ids["a1"], "").data
	if runs := one["runs"].([]any); len(runs) != 1 || runs[0].(map[string]any)["outcome"] != "failed" || runs[0].(map[string]any)["rows"] != 3.0 {
		t.Errorf("runs %v", one["runs"])
	}
	if one["group_name"] != "Sales" || one["state"] != "failing" || one["next_sync_at"] == nil || one["delay"] != 0.0 {
		t.Errorf("got %v", one)
	}
	if a := e.do("GET", "/v1/penstock/connections/nothing", ""); a.status != 404 {
		t.Errorf("of nothing: %d %s", a.status, a.body)
	}
}

// TestOverviewsOfAGroup has somebody who may see one group only.
func TestOverviewsOfAGroup(t *testing.T) {
	e := newEnv(t)
	mine, other := e.group("Mine"), e.group("Other")
	for _, group := range []string{mine, other} {
		e.ok("POST", "/v1/connections", `{"group_id":"`+group+`","service":"15five","config":{"schema":"s","api_key":"k"}}`)
	}
	u := e.newUser("eve@example.com", "Account Reviewer")
	e.ok("POST", "/v1/users/"+u+"/groups", `{"id":"`+mine+`","role":"Destination Reviewer"}`)
	_, err := e.store.UpdateUser(t.Context(), u, func(u *store.User) error { u.Role = ""; return nil })
	must(t, err)
	e.key, e.secret, err = e.store.CreateAPIKey(t.Context(), u)
	must(t, err)
	got, data := e.overviews("")
	if !strings.HasPrefix(got, "s ") || data["total"] != 1.0 {
		t.Errorf("got %q %v", got, data)
	}
}

// TestRunsBack reads the runs of a connection from the latest on.
func TestRunsBack(t *testing.T) {
	e := newEnv(t)
	id, run := e.sync()
	e.engine.finish(run, store.Outcome{Kind: store.RunSucceeded, Rows: 1})
	for i := range 2 {
		e.now = e.now.Add(24 * time.Hour)
		e.engine.finish(e.engine.start(), store.Outcome{Kind: store.RunSucceeded, Rows: int64(i + 2)})
	}
	base := "/v1/penstock/connections/" + id + "/runs?limit=2"
	rows := func(query string) (got []float64, next string) {
		data := e.ok("GET", base+query, "").data
		for _, item := range data["items"].([]any) {
			got = append(got, item.(map[string]any)["rows"].(float64))
		}
		next, _ = data["next_cursor"].(string)
		return got, next
	}
	first, next := rows("&order=desc")
	second, end := rows("&order=desc&cursor=" + next)
	if fmt.Sprint(first, second) != "[3 2] [1]" || next == "" || end != "" {
		t.Errorf("got %v %v", first, second)
	}
	if a := e.do("GET", base+"&order=up", ""); a.status != 400 {
		t.Errorf("an order that there is not: %d", a.status)
	}
}

func TestConnectionEvents(t *testing.T) {
	e := newEnv(t)
	id := e.connection()
	e.ok("PATCH", "/v1/connections/"+id, `{"sync_frequency":60}`)
	e.ok("PATCH", "/v1/connections/"+id, `{"config":{"api_key":"a-new-secret"}}`)
	e.ok("PATCH", "/v1/connections/"+id, `{"paused":true}`)
	path := "/v1/penstock/connections/" + id + "/events"
	a := e.ok("GET", path, "")
	if strings.Contains(a.body, "a-new-secret") {
		t.Errorf("it shows a secret: %s", a.body)
	}
	first := a.data["items"].([]any)[0].(map[string]any)
	if actor := first["actor"].(map[string]any); first["event"] != "pause_connector" || actor["name"] != "owner@example.com" || actor["kind"] != "user" {
		t.Errorf("the latest is %v", first)
	}
	var got []string
	for cursor, pages := "", 0; pages == 0 || cursor != ""; pages++ {
		data := e.ok("GET", path+"?limit=2&cursor="+cursor, "").data
		for _, item := range data["items"].([]any) {
			got = append(got, item.(map[string]any)["event"].(string))
		}
		cursor, _ = data["next_cursor"].(string)
	}
	if all := a.data["items"].([]any); len(got) != len(all) || got[len(got)-1] != "create_connector" {
		t.Errorf("page by page: %v, at once %v", got, all)
	}
	if a := e.do("GET", path+"?cursor=x", ""); a.status != 400 {
		t.Errorf("a cursor of somebody's own: %d", a.status)
	}
	e.login(t, "Account Reviewer")
	if a := e.do("GET", path, ""); a.status != 200 {
		t.Errorf("a reviewer: %d %s", a.status, a.body)
	}
}
