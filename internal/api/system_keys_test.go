package api

import (
	"encoding/base64"
	"fmt"
	"testing"
	"time"

	"github.com/penstock-data/penstock/internal/access"
)

// with returns a server to use with another key.
func (e *env) with(key, secret string) *env {
	other := *e
	other.key, other.secret = key, secret
	return &other
}

func (e *env) systemKey(name, permissions string) (*env, string) {
	e.t.Helper()
	k := e.ok("POST", "/v1/system-keys", fmt.Sprintf(`{"name":%q,"expiration_period":"ONE_WEEK","permissions":%s}`, name, permissions)).data
	return e.with(k["key"].(string), k["secret"].(string)), k["id"].(string)
}

func TestSystemKeys(t *testing.T) {
	e := newEnv(t)
	all := `[{"resource_type":"CONNECTOR","access_level":"MANAGE"},{"resource_type":"DESTINATION","access_level":"MANAGE"},{"resource_type":"USER","access_level":"NONE"}]`
	a := e.ok("POST", "/v1/system-keys", `{"name":"ci","expiration_period":"ONE_WEEK","permissions":`+all+`}`)
	id := a.data["id"].(string)
	if a.status != 201 || a.data["secret"] == nil || a.data["last_used_at"] != nil || a.data["expired_at"] == nil {
		t.Errorf("got %d %s", a.status, a.body)
	}
	key := e.with(a.data["key"].(string), a.data["secret"].(string))
	if info := key.ok("GET", "/v1/account/info", "").data; info["system_key_id"] != id || info["user_id"] != nil {
		t.Errorf("account info %v", info)
	}
	shown := e.ok("GET", "/v1/system-keys/"+id, "").data
	if shown["secret"] != nil || shown["last_used_at"] == nil || len(shown["permissions"].([]any)) != 3 {
		t.Errorf("details %v", shown)
	}
	// What nobody has made.
	connection := key.connection()
	c := key.ok("GET", "/v1/connections/"+connection, "").data
	if c["connected_by"] != nil {
		t.Errorf("connected_by %v", c["connected_by"])
	}
	key.calls(map[string]string{"c": connection}, []call{
		{"POST", "/v1/connections/{c}/certificates", fmt.Sprintf(`{"hash":%q,"encoded_cert":%q}`, testHash, base64.StdEncoding.EncodeToString(testDER)), 201, "", ""},
		{"GET", "/v1/connections/{c}/certificates", "", 200, "", ""},
		{"GET", "/v1/users", "", 403, "Forbidden", ""},
		{"GET", "/v1/system-keys", "", 403, "Forbidden", ""},
		{"POST", "/v1/penstock/api-keys", "{}", 400, "InvalidInput", ""},
	})
	e.calls(map[string]string{"k": id}, []call{
		{"POST", "/v1/system-keys", `{"name":"ci","expiration_period":"INFINITE","permissions":[]}`, 409, "Conflict", ""},
		{"POST", "/v1/system-keys", `{"expiration_period":"INFINITE","permissions":[]}`, 400, "InvalidInput", "Field 'name' is required"},
		{"POST", "/v1/system-keys", `{"name":"x","expiration_period":"EVER","permissions":[]}`, 400, "InvalidInput", ""},
		{"POST", "/v1/system-keys", `{"name":"x","expiration_period":"INFINITE","permissions":[{"resource_type":"MOON","access_level":"READ"}]}`, 400, "InvalidInput", ""},
		{"PATCH", "/v1/system-keys/{k}", `{"name":"cd","permissions":[{"resource_type":"CONNECTOR","access_level":"READ"}]}`, 200, "", "System key has been updated"},
		{"POST", "/v1/system-keys/{k}/rotate", `{}`, 400, "InvalidInput", ""},
		{"GET", "/v1/system-keys/nothing", "", 404, "NotFound", ""},
	})
	key.calls(map[string]string{"c": connection}, []call{
		{"GET", "/v1/connections/{c}", "", 200, "", ""},
		{"PATCH", "/v1/connections/{c}", `{"paused":true}`, 403, "Forbidden", ""},
	})
	rotated := e.ok("POST", "/v1/system-keys/"+id+"/rotate", `{"expiration_period":"INFINITE"}`).data
	if rotated["expired_at"] != nil || rotated["secret"] == key.secret {
		t.Errorf("rotated %v", rotated)
	}
	if a := key.do("GET", "/v1/account/info", ""); a.status != 401 {
		t.Errorf("the old secret: %d", a.status)
	}
	key = e.with(key.key, rotated["secret"].(string))
	key.ok("GET", "/v1/account/info", "")
	e.ok("DELETE", "/v1/system-keys/"+id, "")
	if a := key.do("GET", "/v1/account/info", ""); a.status != 401 {
		t.Errorf("a deleted key: %d", a.status)
	}
}

func TestSystemKeyExpires(t *testing.T) {
	e := newEnv(t)
	e.now = time.Now().Add(-8 * 24 * time.Hour)
	key, _ := e.systemKey("old", `[{"resource_type":"CONNECTOR","access_level":"READ"}]`)
	if a := key.do("GET", "/v1/account/info", ""); a.status != 401 {
		t.Errorf("got %d", a.status)
	}
}

func TestSystemKeyFilters(t *testing.T) {
	e := newEnv(t)
	one := e.connection()
	group := e.ok("GET", "/v1/connections/"+one, "").data["group_id"].(string)
	two := e.ok("POST", "/v1/connections", `{"group_id":"`+group+`","service":"15five","config":{"schema":"two","api_key":"k"}}`).data["id"].(string)
	other := e.group("other")
	three := e.ok("POST", "/v1/connections", `{"group_id":"`+other+`","service":"15five","config":{"schema":"three","api_key":"k"}}`).data["id"].(string)
	byID, _ := e.systemKey("ids", `[{"resource_type":"CONNECTOR","access_level":"MANAGE","resource_filter":{"ids":["`+two+`"]}}]`)
	byGroup, _ := e.systemKey("groups", `[{"resource_type":"CONNECTOR","access_level":"READ","resource_filter":{"group_ids":["`+group+`"]}},{"resource_type":"DESTINATION","access_level":"READ","resource_filter":{"ids":["`+other+`"]}}]`)
	none, _ := e.systemKey("none", `[{"resource_type":"CONNECTOR","access_level":"MANAGE","resource_filter":{"ids":[]}}]`)
	ids := map[string]string{"1": one, "2": two, "3": three, "g": group, "o": other}
	byID.calls(ids, []call{
		{"PATCH", "/v1/connections/{2}", `{"paused":true}`, 200, "", ""},
		{"GET", "/v1/connections/{1}", "", 404, "NotFound_Connection", ""},
		{"POST", "/v1/connections", `{"group_id":"{g}","service":"15five","config":{"schema":"x","api_key":"k"}}`, 403, "Forbidden", ""}, // what is not there yet has no id
	})
	byGroup.calls(ids, []call{
		{"GET", "/v1/connections/{1}", "", 200, "", ""},
		{"PATCH", "/v1/connections/{1}", `{"paused":true}`, 403, "Forbidden", ""},
		{"GET", "/v1/connections/{3}", "", 404, "NotFound_Connection", ""},
		{"GET", "/v1/groups/{o}", "", 200, "", ""},
		{"GET", "/v1/groups/{g}", "", 404, "NotFound_Group", ""},
	})
	for who, n := range map[*env]int{byID: 1, byGroup: 2} {
		if items := who.ok("GET", "/v1/connections", "").data["items"].([]any); len(items) != n {
			t.Errorf("%d connections, want %d", len(items), n)
		}
	}
	if a := none.do("GET", "/v1/connections/"+one, ""); a.status != 404 {
		t.Errorf("a filter that names nothing: %d", a.status)
	}
	// Nobody makes a key that may do more than they may.
	analyst, _ := e.as("analyst@example.com", "Account Analyst")
	if a := analyst.do("POST", "/v1/system-keys", `{"name":"x","expiration_period":"INFINITE","permissions":[]}`); a.status != 403 {
		t.Errorf("an analyst makes a key: %d", a.status)
	}
	keeper, _ := e.systemKey("keeper", `[{"resource_type":"ACCOUNT","access_level":"MANAGE"}]`)
	if a := keeper.do("POST", "/v1/system-keys", `{"name":"x","expiration_period":"INFINITE","permissions":[{"resource_type":"USER","access_level":"READ"}]}`); a.status != 403 {
		t.Errorf("a key makes one that may do more: %d", a.status)
	}
}

// TestSystemKeyExceptions has keys that may do everything but what special
// rules take away, and more than what they take from a group.
func TestSystemKeyExceptions(t *testing.T) {
	e := newEnv(t)
	one := e.connection()
	group := e.ok("GET", "/v1/connections/"+one, "").data["group_id"].(string)
	body := `{"group_id":"` + group + `","service":"15five","config":{"schema":"%s","api_key":"k"}}`
	two := e.id("/v1/connections", fmt.Sprintf(body, "two"))
	other := e.group("other")
	ids := map[string]string{"1": one, "2": two, "g": group, "o": other}
	but, _ := e.systemKey("but", `[{"resource_type":"CONNECTOR","access_level":"MANAGE"},{"resource_type":"DESTINATION","access_level":"MANAGE"},
		{"resource_type":"CONNECTOR","access_level":"NONE","resource_filter":{"ids":["`+one+`"]}},
		{"resource_type":"DESTINATION","access_level":"READ","resource_filter":{"ids":["`+other+`"]}}]`)
	but.calls(ids, []call{
		{"GET", "/v1/connections/{1}", "", 404, "NotFound_Connection", ""},
		{"PATCH", "/v1/connections/{2}", `{"paused":true}`, 200, "", ""},
		{"PATCH", "/v1/groups/{o}", `{"name":"x"}`, 403, "Forbidden", ""},
		{"PATCH", "/v1/groups/{g}", `{"name":"x"}`, 200, "", ""},
		{"POST", "/v1/groups", `{"name":"new"}`, 201, "", ""},
		{"POST", "/v1/connections", fmt.Sprintf(body, "three"), 201, "", ""},
	})
	only, _ := e.systemKey("only", `[{"resource_type":"CONNECTOR","access_level":"MANAGE"},
		{"resource_type":"CONNECTOR","access_level":"NONE","resource_filter":{"group_ids":["`+group+`"]}},
		{"resource_type":"CONNECTOR","access_level":"READ","resource_filter":{"ids":["`+two+`"]}},
		{"resource_type":"DESTINATION","access_level":"MANAGE","resource_filter":{"ids":["`+group+`"]}}]`)
	only.calls(ids, []call{
		{"GET", "/v1/connections/{2}", "", 200, "", ""},
		{"GET", "/v1/connections/{1}", "", 404, "NotFound_Connection", ""},
		{"POST", "/v1/connections", fmt.Sprintf(body, "four"), 403, "Forbidden", ""},
		{"PATCH", "/v1/groups/{g}", `{"name":"y"}`, 200, "", ""},
		{"POST", "/v1/groups", `{"name":"z"}`, 403, "Forbidden", ""},
	})
	for who, n := range map[*env]int{e: 3, but: 2, only: 1} {
		if items := who.ok("GET", "/v1/connections", "").data["items"].([]any); len(items) != n {
			t.Errorf("%d connections, want %d", len(items), n)
		}
	}
	for _, twice := range []string{
		`{"resource_type":"USER","access_level":"READ"},{"resource_type":"USER","access_level":"NONE"}`,
		`{"resource_type":"CONNECTOR","access_level":"NONE","resource_filter":{"ids":["a","b"]}},{"resource_type":"CONNECTOR","access_level":"READ","resource_filter":{"ids":["b"]}}`,
		`{"resource_type":"CONNECTOR","access_level":"READ","resource_filter":{"ids":["a,b"]}}`,
	} {
		if a := e.do("POST", "/v1/system-keys", `{"name":"x","permissions":[`+twice+`]}`); a.status != 400 {
			t.Errorf("%s: %d %s", twice, a.status, a.body)
		}
	}
}

// TestAgentsWithExceptions: a key for all agents but one makes others, and
// sees them, private links too.
func TestAgentsWithExceptions(t *testing.T) {
	e := newEnv(t)
	link := `{"name":"l","region":"GCP_US_EAST4","service":"SOURCE_GCP","config":{"private_connection_service_id":"x"}}`
	hidden := e.id("/v1/private-links", link)
	key, _ := e.systemKey("k", `[{"resource_type":"REMOTE_EXECUTION_AGENT","access_level":"MANAGE"},
		{"resource_type":"REMOTE_EXECUTION_AGENT","access_level":"NONE","resource_filter":{"ids":["`+hidden+`"]}}]`)
	made := key.id("/v1/private-links", link)
	key.ok("POST", "/v1/proxy", `{"display_name":"p"}`)
	key.ok("POST", "/v1/hvr/register-hub", `{"fingerprint":"f","port":4340,"hub_server_url":"https://hub.example.com"}`)
	if items := key.ok("GET", "/v1/private-links", "").data["items"].([]any); len(items) != 1 || items[0].(map[string]any)["id"] != made {
		t.Errorf("links %v", items)
	}
	if items := e.ok("GET", "/v1/private-links", "").data["items"].([]any); len(items) != 2 {
		t.Errorf("links %v", items)
	}
	star := `{"name":"star","permissions":[{"resource_type":"USER","access_level":"NONE","resource_filter":{"ids":["*"]}}]}`
	if a := e.do("POST", "/v1/system-keys", star); a.status != 400 || a.message != "Invalid value for field 'resource_filter'" {
		t.Errorf("got %d %s", a.status, a.body)
	}
}

// TestSystemKeysAreForPeople shows that a key manages no keys, whatever it may
// do beside, and that one without a period never ends.
func TestSystemKeysAreForPeople(t *testing.T) {
	e := newEnv(t)
	all := ""
	for r := access.Account; r <= access.Connections; r++ {
		all += fmt.Sprintf(`,{"resource_type":%q,"access_level":"MANAGE"}`, r)
	}
	key, id := e.systemKey("all", "["+all[1:]+"]")
	key.calls(map[string]string{"k": id}, []call{
		{"GET", "/v1/system-keys", "", 403, "Forbidden", ""},
		{"POST", "/v1/system-keys", `{"name":"x","permissions":[]}`, 403, "Forbidden", ""},
		{"GET", "/v1/system-keys/{k}", "", 403, "Forbidden", ""},
		{"POST", "/v1/system-keys/{k}/rotate", `{"expiration_period":"INFINITE"}`, 403, "Forbidden", ""},
		{"DELETE", "/v1/system-keys/{k}", "", 403, "Forbidden", ""},
	})
	if k := e.ok("POST", "/v1/system-keys", `{"name":"for ever","permissions":[]}`).data; k["expired_at"] != nil {
		t.Errorf("got %v", k)
	}
}

func TestAPIKeys(t *testing.T) {
	e := newEnv(t)
	eve, eveID := e.as("eve@example.com", access.Reviewer)
	made := eve.ok("POST", "/v1/penstock/api-keys", `{}`).data
	again := e.with(made["key"].(string), made["secret"].(string))
	if info := again.ok("GET", "/v1/account/info", "").data; info["user_id"] != eveID {
		t.Errorf("account info %v", info)
	}
	if keys := eve.ok("GET", "/v1/penstock/api-keys", "").data["items"].([]any); len(keys) != 2 || keys[0].(map[string]any)["secret"] != nil {
		t.Errorf("keys %v", keys)
	}
	e.calls(map[string]string{"eve": eveID}, []call{
		{"GET", "/v1/penstock/api-keys?user_id={eve}", "", 200, "", ""},
		{"GET", "/v1/penstock/api-keys?user_id=nobody", "", 404, "NotFound", ""},
	})
	eve.calls(map[string]string{"owner": e.user.ID, "key": e.key}, []call{
		{"GET", "/v1/penstock/api-keys?user_id={owner}", "", 403, "Forbidden", ""},
		{"POST", "/v1/penstock/api-keys", `{"user_id":"{owner}"}`, 403, "Forbidden", ""},
		{"DELETE", "/v1/penstock/api-keys/{key}", "", 404, "NotFound", ""},
	})
	eve.ok("DELETE", "/v1/penstock/api-keys/"+again.key, "")
	if a := again.do("GET", "/v1/account/info", ""); a.status != 401 {
		t.Errorf("a deleted key: %d", a.status)
	}
}
