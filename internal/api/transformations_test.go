package api

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/internal/store"
)

func newProject(group, more string) string {
	return `{"group_id":"` + group + `","type":"DBT_CORE","project_config":{"dbt_version":"1.9","default_schema":"s",
		"git_remote_url":"git@example.com:x.git","environment_vars":["DBT_ENV_SECRET_A=hunter2","DBT_B=b"]}` + more + `}`
}

func newTransformation(project, more string) string {
	return `{"type":"DBT_CORE","schedule":{"schedule_type":"TIME_OF_DAY","time_of_day":"06:30","days_of_week":["MONDAY"]},
		"transformation_config":{"project_id":"` + project + `","name":"n","steps":[{"name":"run","command":"dbt run"}]}` + more + `}`
}

func TestTransformationProjects(t *testing.T) {
	e := newEnv(t)
	g := e.group("g")
	a := e.ok("POST", "/v1/transformation-projects", newProject(g, `,"run_tests":false`))
	id := a.data["id"].(string)
	config := map[string]any{"dbt_version": "1.9", "default_schema": "s", "git_remote_url": "git@example.com:x.git",
		"environment_vars": []any{"DBT_ENV_SECRET_A=******", "DBT_B=b"}, "public_key": e.store.GroupPublicKey(g)}
	want := map[string]any{"id": id, "type": "DBT_CORE", "group_id": g, "created_at": a.data["created_at"], "created_by_id": e.user.ID,
		"status": "NOT_READY", "errors": []any{}, "project_config": config}
	if diff := cmp.Diff(want, a.data); a.status != 201 || a.message != "Transformation project created successfully" || diff != "" {
		t.Error(a.status, a.message, diff)
	}
	a = e.ok("PATCH", "/v1/transformation-projects/"+id, `{"run_tests":false,"project_config":{"threads":4,"git_branch":"main","git_remote_url":"no",
		"environment_vars":["DBT_ENV_SECRET_A=******","DBT_C=c"]}}`)
	config["threads"], config["git_branch"], config["environment_vars"] = 4.0, "main", []any{"DBT_ENV_SECRET_A=******", "DBT_C=c"}
	if diff := cmp.Diff(want, a.data); a.message != "Transformation project updated successfully" || diff != "" {
		t.Error(a.message, diff)
	}
	p, err := e.store.ProjectIn(t.Context(), e.user.AccountID, id)
	must(t, err)
	if !bytes.Contains(p.Config, []byte("DBT_ENV_SECRET_A=hunter2")) {
		t.Error("the secret was not kept")
	}
	a = e.ok("POST", "/v1/transformation-projects/"+id+"/test", "")
	want["status"], want["errors"] = "ERROR", []any{"The group has no destination.", noDBT}
	want["setup_tests"] = []any{
		map[string]any{"title": "Checking the destination", "status": "FAILED", "message": "The group has no destination."},
		map[string]any{"title": "Running dbt", "status": "FAILED", "message": noDBT},
	}
	if diff := cmp.Diff(want, a.data); a.message != "Transformation project test completed successfully" || diff != "" {
		t.Error(a.message, diff)
	}
	if diff := cmp.Diff(want, e.ok("GET", "/v1/transformation-projects/"+id, "").data); diff != "" {
		t.Error(diff)
	}
	list := e.ok("GET", "/v1/transformation-projects", "").data["items"].([]any)
	if len(list) != 1 || list[0].(map[string]any)["id"] != id {
		t.Errorf("list %v", list)
	}
	for _, url := range []string{"ssh://git@example.com/x.git", "https://example.com/x.git", "git://example.com/x.git"} {
		body := strings.Replace(newProject(g, ""), "git@example.com:x.git", url, 1)
		if config := e.ok("POST", "/v1/transformation-projects", body).data["project_config"].(map[string]any); config["git_remote_url"] != url {
			t.Errorf("got %v, want %s", config["git_remote_url"], url)
		}
	}
	if a := e.ok("DELETE", "/v1/transformation-projects/"+id, ""); a.message != "Transformation project with id '"+id+"' has been deleted" {
		t.Errorf("got %s", a.body)
	}
}

func TestTransformations(t *testing.T) {
	e := newEnv(t)
	g := e.group("g")
	project := e.id("/v1/transformation-projects", newProject(g, ""))
	a := e.ok("POST", "/v1/transformations", newTransformation(project, ""))
	id := a.data["id"].(string)
	want := map[string]any{"id": id, "status": "NEW", "type": "DBT_CORE", "paused": false, "created_at": a.data["created_at"],
		"created_by_id": e.user.ID, "output_model_names": []any{},
		"schedule":              map[string]any{"schedule_type": "TIME_OF_DAY", "time_of_day": "06:30", "days_of_week": []any{"MONDAY"}},
		"transformation_config": map[string]any{"project_id": project, "name": "n", "steps": []any{map[string]any{"name": "run", "command": "dbt run"}}}}
	if diff := cmp.Diff(want, a.data); a.status != 201 || a.message != "Transformation created successfully" || diff != "" {
		t.Error(a.status, a.message, diff)
	}
	a = e.ok("PATCH", "/v1/transformations/"+id, `{"paused":true,"schedule":{"schedule_type":"CRON","cron":["0 6 * * *","0 18 * * *"]},"transformation_config":{"name":"m"}}`)
	want["paused"], want["schedule"] = true, map[string]any{"schedule_type": "CRON", "cron": []any{"0 6 * * *", "0 18 * * *"}}
	want["transformation_config"].(map[string]any)["name"] = "m"
	if diff := cmp.Diff(want, a.data); a.message != "Transformation updated successfully" || diff != "" {
		t.Error(a.message, diff)
	}
	twice := `{"schedule":{"schedule_type":"TIME_OF_DAY","time_of_day":"06:30","days_of_week":["TUESDAY","MONDAY","TUESDAY"]}}`
	if days := at(e.ok("PATCH", "/v1/transformations/"+id, twice).data, "schedule", "days_of_week"); cmp.Diff([]any{"TUESDAY", "MONDAY"}, days) != "" {
		t.Errorf("days %v", days)
	}
	e.ok("PATCH", "/v1/transformations/"+id, `{"schedule":{"schedule_type":"CRON","cron":["0 6 * * *","0 18 * * *"]}}`)
	steps := `{"transformation_config":{"steps":[{"command":"dbt test"},{"name":"b","command":"dbt run"}]}}`
	want["transformation_config"].(map[string]any)["steps"] = []any{map[string]any{"name": "", "command": "dbt test"}, map[string]any{"name": "b", "command": "dbt run"}}
	if diff := cmp.Diff(want, e.ok("PATCH", "/v1/transformations/"+id, steps).data); diff != "" {
		t.Error(diff)
	}

	before, err := e.store.Events(t.Context(), 0, 1000)
	must(t, err)
	if a := e.ok("POST", "/v1/transformations/"+id+"/run", `{"full_refresh":true}`); a.message != "Transformation with id '"+id+"' has been started" {
		t.Errorf("got %s", a.body)
	}
	data := e.ok("GET", "/v1/transformations/"+id, "").data
	if data["status"] != "FAILED" || data["last_started_at"] == nil || data["last_ended_at"] == nil {
		t.Errorf("a run that nobody did: %v", data)
	}
	events, err := e.store.Events(t.Context(), 0, 1000)
	must(t, err)
	events = events[len(before):]
	if len(events) != 2 || events[0].Kind != store.TransformationStart || events[1].Kind != store.TransformationHasFailed ||
		!strings.Contains(string(events[1].Data), noDBT) {
		t.Errorf("events %v", events)
	}

	c := e.id("/v1/connections", `{"group_id":"`+g+`","service":"15five","run_setup_tests":false,"config":{"schema":"s"}}`)
	quick := e.ok("POST", "/v1/transformations", `{"type":"QUICKSTART","paused":true,"schedule":{"schedule_type":"INTEGRATED","transformation_ids":["`+id+`"]},
		"transformation_config":{"package_name":"p","connection_ids":["`+c+`"],"excluded_models":["m"],"name":"no"}}`).data
	wantConfig := map[string]any{"package_name": "p", "connection_ids": []any{c}, "excluded_models": []any{"m"}, "upgrade_available": false}
	if diff := cmp.Diff(wantConfig, quick["transformation_config"]); diff != "" {
		t.Error(diff)
	}
	for query, want := range map[string][]any{
		"":                             {id, quick["id"]},
		"?group_id=" + g:               {id, quick["id"]},
		"?group_id=other":              nil,
		"?project_id=" + project:       {id},
		"?type=QUICKSTART":             {quick["id"]},
		"?type=DBT_CORE&group_id=" + g: {id},
	} {
		var got []any
		for _, item := range e.ok("GET", "/v1/transformations"+query, "").data["items"].([]any) {
			got = append(got, item.(map[string]any)["id"])
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", query, diff)
		}
	}
	if items := e.ok("GET", "/v1/transformations/package-metadata?service=s&name=n", "").data["items"].([]any); len(items) != 0 {
		t.Errorf("packages %v", items)
	}
	if a := e.ok("DELETE", "/v1/transformations/"+id, ""); a.message != "Transformation with id '"+id+"' has been deleted" {
		t.Errorf("got %s", a.body)
	}
}
