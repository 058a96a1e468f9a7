package api

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPrivateLinks(t *testing.T) {
	e := newEnv(t)
	a := e.ok("POST", "/v1/private-links", `{"name":"l","region":"AZURE_EASTUS2","service":"SOURCE_AZURE",
		"config":{"connection_service_id":"c","sub_resource_name":"sqlServer","private_dns_records":"a;b","unknown":"x"}}`)
	id := a.data["id"].(string)
	want := map[string]any{"id": id, "name": "l", "region": "AZURE_EASTUS2", "service": "SOURCE_AZURE", "state": "CREATING",
		"state_summary": "The private link is being made.", "account_id": e.user.AccountID, "cloud_provider": "AZURE", "created_by": e.user.ID,
		"created_at": a.data["created_at"], "config": map[string]any{"connection_service_id": "c", "sub_resource_name": "sqlServer", "private_dns_records": "a;b"}}
	if diff := cmp.Diff(want, a.data); a.status != 201 || a.message != "Private link has been created" || diff != "" {
		t.Error(a.status, a.message, diff)
	}
	patch := `{"config":{"connection_service_id":"d","private_dns_records":null}}`
	refused := func() {
		t.Helper()
		if a := e.do("PATCH", "/v1/private-links/"+id, patch); a.status != 409 || a.code != "IllegalState" {
			t.Errorf("got %d %s", a.status, a.body)
		}
	}
	refused()
	e.now = e.now.Add(time.Hour)
	if state := e.ok("GET", "/v1/private-links/"+id, "").data["state"]; state != "FAIL" {
		t.Errorf("state %v", state)
	}
	a = e.ok("PATCH", "/v1/private-links/"+id, patch)
	want["state"], want["state_summary"] = "UPDATING", "The private link is being changed."
	want["config"] = map[string]any{"connection_service_id": "d", "sub_resource_name": "sqlServer"}
	if diff := cmp.Diff(want, a.data); a.message != "Private link has been updated" || diff != "" {
		t.Error(a.message, diff)
	}
	refused()
	if diff := cmp.Diff([]any{want}, e.ok("GET", "/v1/private-links", "").data["items"]); diff != "" {
		t.Error(diff)
	}
	c := e.id("/v1/connections", `{"group_id":"`+e.group("g")+`","service":"15five","run_setup_tests":false,"networking_method":"PrivateLink",
		"private_link_id":"`+id+`","config":{"schema":"s"}}`)
	if a := e.do("DELETE", "/v1/private-links/"+id, ""); a.status != 409 {
		t.Errorf("got %d %s", a.status, a.body)
	}
	if data := e.ok("PATCH", "/v1/connections/"+c, `{"networking_method":"Directly","run_setup_tests":false}`).data; data["private_link_id"] != nil {
		t.Errorf("the link %v stays", data["private_link_id"])
	}
	if a := e.ok("DELETE", "/v1/private-links/"+id, ""); a.message != "Private link with id '"+id+"' is marked for deletion" {
		t.Errorf("got %s", a.body)
	}
}
