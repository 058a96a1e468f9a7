package api

import (
	"bytes"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/store"
)

// TestErrors is what clients are told, request by request. {g} is a group
// without a destination, {d} one with; in it {c} is a connection, {p} a paused
// one, {i} one whose setup tests never passed.
func TestErrors(t *testing.T) {
	const (
		post, get, patch, del = "POST", "GET", "PATCH", "DELETE"
		conns                 = "/v1/connections"
		conn                  = "/v1/connections/{c}"
	)
	big := `{"config":"` + strings.Repeat("x", maxBody) + `"}`
	fifteen := func(more string) string {
		return `{"group_id":"{d}","service":"15five","config":{"schema":"new","api_key":"k"}` + more + `}`
	}
	dest := func(more string) string {
		return `{"group_id":"{g}","service":"duckdb","time_zone_offset":"0","config":{"path":"p"}` + more + `}`
	}
	root := newEnv(t)
	g, d := root.group("g"), root.group("d")
	root.ok("POST", "/v1/destinations", `{"group_id":"`+d+`","service":"duckdb","time_zone_offset":"0","config":{"path":"p"}}`)
	create := func(schema, more string) string {
		body := `{"group_id":"` + d + `","service":"15five","config":{"schema":"` + schema + `","api_key":"k"}` + more + `}`
		return root.ok("POST", "/v1/connections", body).data["id"].(string)
	}
	ids := strings.NewReplacer("{g}", g, "{d}", d, "{c}", create("fifteen", ""),
		"{p}", create("paused", `,"paused":true`), "{i}", create("incomplete", `,"run_setup_tests":false`))
	for _, tt := range []struct {
		name, method, path, body string
		headers                  string // separated by |
		status                   int
		code, message            string
	}{
		{"no key", get, conns, "", "-", 401, "AuthFailed", "Invalid authorization credentials"},
		{"wrong secret", get, conns, "", "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("k:s")), 401, "AuthFailed", "Invalid authorization credentials"},
		{"bearer", get, conns, "", "Authorization: Bearer x", 401, "AuthFailed", "Invalid authorization credentials"},
		{"reviewer writes", post, "/v1/groups", `{"name":"x"}`, "reviewer", 403, "Forbidden", "You do not have permission to perform this operation"},
		{"no role", get, "/v1/groups", "", "stranger", 403, "Forbidden", "You do not have permission to perform this operation"},

		{"unknown route", get, "/v1/nothing", "", "", 404, "NotFound", "HTTP 404 Not Found"},
		{"root", get, "/", "", "", 404, "NotFound", "HTTP 404 Not Found"},
		{"unclean path", get, "/v1//groups", "", "", 404, "NotFound", "HTTP 404 Not Found"},
		{"dots", get, "/v1/groups/../users", "", "", 404, "NotFound", "HTTP 404 Not Found"},
		{"method", "PUT", conns, "", "", 405, "MethodNotAllowed", "HTTP 405 Method Not Allowed"},
		{"method of one", post, conn, "{}", "", 405, "MethodNotAllowed", "HTTP 405 Method Not Allowed"},
		{"accept", get, conns, "", "Accept: text/html", 406, "NotAcceptable", "HTTP 406 Not Acceptable"},
		{"content type", post, "/v1/groups", `{"name":"x"}`, "Content-Type: application/x-www-form-urlencoded", 415, "UnsupportedMediaType", "HTTP 415 Unsupported Media Type"},
		{"too large", patch, conn, big, "", 413, "BadRequest", "The request body is too large"},
		{"no JSON", post, conns, `{`, "", 400, "InvalidInput", "The request body is not a JSON object"},
		{"no object", post, conns, `[]`, "", 400, "InvalidInput", "The request body is not a JSON object"},
		{"wrong type", patch, conn, `{"paused":"secret"}`, "", 400, "InvalidInput", "Invalid value for field 'paused'"},
		{"limit", get, conns + "?limit=1001", "", "", 400, "InvalidInput", "Invalid value for parameter 'limit': it is a number from 1 to 1000"},
		{"limit 0", get, conns + "?limit=0", "", "", 400, "InvalidInput", "Invalid value for parameter 'limit': it is a number from 1 to 1000"},
		{"cursor", get, conns + "?cursor=x", "", "", 400, "InvalidInput", "Invalid value for parameter 'cursor'"},
		{"cursor of types", get, "/v1/metadata/connector-types?cursor=99", "", "", 400, "InvalidInput", "Invalid value for parameter 'cursor'"},

		{"no user", get, "/v1/users/x", "", "", 404, "NotFound", "User with id 'x' does not exist."},
		{"no group", get, "/v1/groups/x", "", "", 404, "NotFound_Group", "Group with id 'x' does not exist."},
		{"no group, connections", get, "/v1/groups/x/connections", "", "", 404, "NotFound_Group", "Group with id 'x' does not exist."},
		{"no group, delete", del, "/v1/groups/x", "", "", 404, "NotFound_Group", "Group with id 'x' does not exist."},
		{"group without a name", post, "/v1/groups", `{}`, "", 400, "InvalidInput", "Field 'name' is required"},
		{"group's name taken", post, "/v1/groups", `{"name":"d"}`, "", 409, "Conflict", "Group with name 'd' already exists"},
		{"group in use", del, "/v1/groups/{d}", "", "", 409, "Conflict", "Group with id '{d}' cannot be deleted because it has a destination or connections"},

		{"no destination", get, "/v1/destinations/{g}", "", "", 404, "NotFound_Destination", "Destination with id '{g}' does not exist."},
		{"no destination, patch", patch, "/v1/destinations/{g}", `{"region":"AWS_US_EAST_1"}`, "", 404, "NotFound_Destination", "Destination with id '{g}' does not exist."},
		{"no destination, test", post, "/v1/destinations/{g}/test", `{}`, "", 404, "NotFound_Destination", "Destination with id '{g}' does not exist."},
		{"no destination, delete", del, "/v1/destinations/{g}", "", "", 404, "NotFound_Destination", "Destination with id '{g}' does not exist."},
		{"destination without a group", post, "/v1/destinations", `{"service":"duckdb"}`, "", 400, "InvalidInput", "Field 'group_id' is required"},
		{"destination without a service", post, "/v1/destinations", `{"group_id":"{g}"}`, "", 400, "InvalidInput", "Field 'service' is required"},
		{"destination of unknown service", post, "/v1/destinations", `{"group_id":"{g}","service":"service_id"}`, "", 400, "InvalidInput", "Unsupported service 'service_id'"},
		{"destination of unknown group", post, "/v1/destinations", `{"group_id":"x","service":"duckdb"}`, "", 404, "NotFound", "Destination with id x not found"},
		{"destination without a time zone", post, "/v1/destinations", `{"group_id":"{g}","service":"duckdb"}`, "", 400, "InvalidInput", "Field 'time_zone_offset' is required"},
		{"time zone", post, "/v1/destinations", `{"group_id":"{g}","service":"duckdb","time_zone_offset":"13"}`, "", 400, "InvalidInput", "Invalid value for field 'time_zone_offset'"},
		{"region", post, "/v1/destinations", dest(`,"region":"MOON"`), "", 400, "InvalidInput", "Group region not supported."},
		{"destination's config", post, "/v1/destinations", `{"group_id":"{g}","service":"duckdb","time_zone_offset":"0","config":{}}`, "", 400, "InvalidInput", "Field 'path' is required"},
		{"second destination", post, "/v1/destinations", `{"group_id":"{d}","service":"duckdb","time_zone_offset":"0","config":{"path":"p"}}`, "", 409, "Conflict", "Destination with id '{d}' already exists"},
		{"destination in use", del, "/v1/destinations/{d}", "", "", 409, "Conflict", "Destination with id '{d}' cannot be deleted because it has connections"},
		{"tunnel to a file", post, "/v1/destinations", dest(`,"networking_method":"SshTunnel"`), "", 400, "InvalidInput", "Networking method 'SshTunnel' is not supported"},
		{"networking method", post, "/v1/destinations", dest(`,"networking_method":"Wire"`), "", 400, "InvalidInput", "Invalid value for field 'networking_method'"},
		{"private link", post, "/v1/destinations", dest(`,"private_link_id":"l"`), "", 400, "InvalidInput", "Networking method must be PrivateLink in order to set private_link_id"},
		{"private link unknown", post, "/v1/destinations", dest(`,"private_link_id":"l","networking_method":"PrivateLink"`), "", 404, "NotFound", "Private Link with id 'l' does not exist."},
		{"hybrid agent unknown", post, "/v1/destinations", dest(`,"hybrid_deployment_agent_id":"a"`), "", 404, "NotFound_RemoteExecutionAgent", "Hybrid Deployment Agent not found."},

		{"no connection", get, conns + "/x", "", "", 404, "NotFound_Connection", "Connection with id 'x' does not exist."},
		{"no connection, older path", get, "/v1/connectors/x", "", "", 404, "NotFound_Connector", "Connector with id 'x' does not exist."},
		{"no connection, patch", patch, conns + "/x", `{"paused":true}`, "", 404, "NotFound_Connection", "Connection with id 'x' does not exist."},
		{"no connection, delete", del, conns + "/x", "", "", 404, "NotFound_Connection", "Connection with id 'x' does not exist."},
		{"no connection, test", post, conns + "/x/test", "{}", "", 404, "NotFound_Connection", "Connection with id 'x' does not exist."},
		{"no connection, sync", post, conns + "/x/sync", "{}", "", 404, "NotFound_Connection", "Connection with id 'x' does not exist."},
		{"no connection, resync", post, conns + "/x/resync", "", "", 404, "NotFound_Connection", "Connection with id 'x' does not exist."},
		{"no connection, state", get, conns + "/x/state", "", "", 404, "NotFound_Connection", "Connection with id 'x' does not exist."},
		{"connection without a group", post, conns, `{"service":"15five"}`, "", 400, "InvalidInput", "Field 'group_id' is required"},
		{"connection without a service", post, conns, `{"group_id":"{g}"}`, "", 400, "InvalidInput", "Field 'service' is required"},
		{"unknown service", post, conns, `{"group_id":"{g}","service":"x"}`, "", 400, "InvalidInput", "Unsupported connector service 'x'"},
		{"unknown group", post, conns, `{"group_id":"x","service":"15five"}`, "", 404, "NotFound_Group", "Group with id 'x' does not exist."},
		{"no config", post, conns, `{"group_id":"{d}","service":"15five"}`, "", 400, "InvalidInput", "Field 'schema' is required"},
		{"no schema", post, conns, `{"group_id":"{d}","service":"15five","config":{"api_key":"k"},"run_setup_tests":false}`, "", 400, "InvalidInput", "Field 'schema' is required"},
		{"no table", post, conns, `{"group_id":"{d}","service":"google_sheets","config":{"schema":"s"},"run_setup_tests":false}`, "", 400, "InvalidInput", "Field 'table' is required"},
		{"no prefix", post, conns, `{"group_id":"{d}","service":"postgres","config":{"schema":"s"},"run_setup_tests":false}`, "", 400, "InvalidInput", "Field 'schema_prefix' is required"},
		{"bad schema", post, conns, `{"group_id":"{d}","service":"15five","config":{"schema":"a.b","api_key":"k"}}`, "", 400, "InvalidInput", "Invalid 'config' object: field 'schema' is not a valid name"},
		{"no key to test with", post, conns, `{"group_id":"{d}","service":"15five","config":{"schema":"new"}}`, "", 400, "InvalidInput", "Field 'api_key' is required"},
		{"config is no object", post, conns, `{"group_id":"{d}","service":"15five","config":[]}`, "", 400, "InvalidInput", "Invalid 'config' object"},
		{"enum", post, conns, `{"group_id":"{d}","service":"postgres","config":{"schema_prefix":"p","update_method":"XMIN"}}`, "", 400, "InvalidInput", "Invalid 'config' object: field 'update_method' is one of QUERY_BASED, WAL_PGOUTPUT"},
		{"schema taken", post, conns, `{"group_id":"{d}","service":"15five","config":{"schema":"fifteen","api_key":"k"}}`, "", 409, "Conflict", "Connection with schema name 'fifteen' already exists in the destination"},
		{"frequency", post, conns, fifteen(`,"sync_frequency":7`), "", 400, "InvalidInput", "Invalid value for field 'sync_frequency'"},
		{"frequency as text", post, conns, fifteen(`,"sync_frequency":"hourly"`), "", 400, "InvalidInput", "Invalid value for field 'sync_frequency'"},
		{"schedule type", post, conns, fifteen(`,"schedule_type":"cron"`), "", 400, "InvalidInput", "Invalid value for field 'schedule_type'"},
		{"daily time", post, conns, fifteen(`,"sync_frequency":1440,"daily_sync_time":"03:30"`), "", 400, "InvalidInput", "Invalid value for field 'daily_sync_time': it is a full hour from 00:00 to 23:00"},
		{"daily time, not daily", post, conns, fifteen(`,"daily_sync_time":"03:00"`), "", 400, "InvalidInput", "Field 'daily_sync_time' can only be set if 'sync_frequency' is 1440"},
		{"sensitivity", post, conns, fifteen(`,"data_delay_sensitivity":"SOME"`), "", 400, "InvalidInput", "Invalid value for field 'data_delay_sensitivity'"},
		{"threshold", post, conns, fifteen(`,"data_delay_threshold":-1`), "", 400, "InvalidInput", "Invalid value for field 'data_delay_threshold'"},
		{"schema names", post, conns, fifteen(`,"destination_schema_names":"MINE"`), "", 400, "InvalidInput", "Invalid value for field 'destination_schema_names'"},
		{"card with tests", post, conns, fifteen(`,"connect_card_config":{"redirect_uri":"https://x"}`), "", 400, "InvalidInput", "Field 'run_setup_tests' must be false if 'connect_card_config' is given"},
		{"card without redirect", post, conns, fifteen(`,"run_setup_tests":false,"connect_card_config":{}`), "", 400, "InvalidInput", "Field 'redirect_uri' is required"},
		{"card to elsewhere", post, conns, fifteen(`,"run_setup_tests":false,"connect_card_config":{"redirect_uri":"ftp://x"}`), "", 400, "InvalidInput", "Invalid value for field 'redirect_uri': it begins with https or http"},
		{"proxy agent unknown", post, conns, fifteen(`,"proxy_agent_id":"a","networking_method":"ProxyAgent"`), "", 404, "NotFound", "Proxy Agent not found."},
		{"secrets manager unknown", post, conns, fifteen(`,"external_secrets_manager_id":"m"`), "", 404, "NotFound", "External Secrets Manager with 'm' id is not found."},

		{"patch of nothing", patch, conn, `{}`, "", 400, "InvalidInput", "The request must change at least one field of the connection"},
		{"patch of flags", patch, conn, `{"run_setup_tests":true,"trust_certificates":true}`, "", 400, "InvalidInput", "The request must change at least one field of the connection"},
		{"patch of schema", patch, conn, `{"config":{"schema":"other"}}`, "", 400, "InvalidInput", "Invalid 'config' object: field 'schema' cannot be changed"},
		{"patch away a required field", patch, conn, `{"config":{"api_key":null}}`, "", 400, "InvalidInput", "Field 'api_key' is required"},
		{"schema status", patch, conn, `{"schema_status":"READY"}`, "", 400, "InvalidInput", "Invalid value for field 'schema_status': it is one of ready, blocked_on_capture"},
		{"sync while paused", post, "/v1/connections/{p}/sync", `{}`, "", 409, "Conflict", "The connection is paused"},
		{"sync while incomplete", post, "/v1/connections/{i}/force", "", "", 409, "Conflict", "The setup of the connection is incomplete: its setup tests have never passed"},
		{"resync of nothing", post, conn + "/resync", `{"scope":{}}`, "", 400, "InvalidInput", "The scope of the re-sync is empty"},
		{"resync of no table", post, conn + "/resync", `{"scope":{"s":[]}}`, "", 400, "InvalidInput", "The scope of the re-sync has no tables for schema 's'"},
		{"resync of a table, not captured", post, conn + "/resync", `{"scope":{"s":["t"]}}`, "", 404, "NotFound_SchemaConfig", "Connection with id '{c}' doesn't have schema config"},
		{"resync of tables, not captured", post, conn + "/schemas/tables/resync", `{"s":["t"]}`, "", 404, "NotFound_SchemaConfig", "Connection with id '{c}' doesn't have schema config"},
		{"resync of one table, not captured", post, conn + "/schemas/s/tables/t/resync", "", "", 404, "NotFound_SchemaConfig", "Connection with id '{c}' doesn't have schema config"},
		{"state", get, conn + "/state", "", "", 400, "InvalidInput", errNotStateful.Error()},
		{"patch state", patch, conn + "/state", `{"state":{}}`, "", 400, "InvalidInput", errNotStateful.Error()},

		{"certificate without a hash", post, conn + "/certificates", `{"encoded_cert":"x"}`, "", 400, "InvalidInput", "Field 'hash' is required"},
		{"certificate missing", post, conn + "/certificates", `{"hash":"x"}`, "", 400, "InvalidInput", "Field 'encoded_cert' is required"},
		{"no certificate", post, conn + "/certificates", `{"hash":"x","encoded_cert":"eA=="}`, "", 400, "InvalidInput", "Field 'encoded_cert' is not a certificate in base64"},
		{"other hash", post, conn + "/certificates", `{"hash":"x","encoded_cert":"` + base64.StdEncoding.EncodeToString(testDER) + `"}`, "", 400, "InvalidInput", "Field 'hash' is not the SHA-256 hash of 'encoded_cert'"},
		{"unknown hash", get, conn + "/certificates/x", "", "", 404, "NotFound", "Certificate with specified hash not found"},
		{"revoke unknown hash", del, "/v1/destinations/{d}/certificates/x", "", "", 404, "NotFound", "Certificate with specified hash not found"},
		{"fingerprint without a hash", post, conn + "/fingerprints", `{"public_key":"x"}`, "", 400, "InvalidInput", "Field 'hash' is required"},
		{"fingerprint missing", post, conn + "/fingerprints", `{"hash":"x"}`, "", 400, "InvalidInput", "Field 'public_key' is required"},
		{"unknown fingerprint", get, conn + "/fingerprints/x", "", "", 404, "NotFound", "Fingerprint with specified hash not found"},
		{"revoke unknown fingerprint", del, "/v1/destinations/{d}/fingerprints/x", "", "", 404, "NotFound", "Fingerprint with specified hash not found"},
		{"fingerprints of no connection", get, conns + "/x/fingerprints", "", "", 404, "NotFound_Connection", "Connection with id 'x' does not exist."},
		{"approve for no destination", post, "/v1/destinations/x/fingerprints", `{}`, "", 404, "NotFound_Destination", "Destination with id 'x' does not exist."},
		{"certificates of no connection", get, conns + "/x/certificates", "", "", 404, "NotFound_Connection", "Connection with id 'x' does not exist."},
		{"certificates of no destination", get, "/v1/destinations/x/certificates", "", "", 404, "NotFound_Destination", "Destination with id 'x' does not exist."},
		{"unknown connector type", get, "/v1/metadata/connector-types/x", "", "", 404, "NotFound", "Connector type 'x' does not exist."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := *root
			e.t = t
			var headers []string
			switch tt.headers {
			case "":
			case "reviewer":
				e.login(t, access.Reviewer)
			case "stranger":
				e.login(t, "")
			default:
				headers = strings.Split(tt.headers, "|")
			}
			a := e.do(tt.method, ids.Replace(tt.path), ids.Replace(tt.body), headers...)
			if a.status != tt.status || a.code != tt.code || a.message != ids.Replace(tt.message) {
				t.Errorf("got  %d %s %q\nwant %d %s %q", a.status, a.code, a.message, tt.status, tt.code, ids.Replace(tt.message))
			}
			if (a.header.Get("WWW-Authenticate") != "") != (tt.status == 401) {
				t.Error("WWW-Authenticate goes with 401")
			}
			if (a.header.Get("Allow") != "") != (tt.status == 405) {
				t.Error("Allow goes with 405")
			}
		})
	}
}

// login gives the env the key of a new user with a role.
func (e *env) login(t *testing.T, role string) {
	t.Helper()
	u := &store.User{AccountID: e.user.AccountID, Email: role + "@example.com", Role: role}
	must(t, e.store.CreateUser(t.Context(), u))
	var err error
	e.key, e.secret, err = e.store.CreateAPIKey(t.Context(), u.ID)
	must(t, err)
}

// loginOnce is login that can be called again.
func (e *env) loginOnce(role string) {
	e.t.Helper()
	u, err := e.store.UserByEmail(e.t.Context(), role+"@example.com")
	if err != nil {
		e.login(e.t, role)
		return
	}
	e.key, e.secret, err = e.store.CreateAPIKey(e.t.Context(), u.ID)
	must(e.t, err)
}

// TestLog shows that what clients send and what goes wrong inside reaches the
// log by its request id, and no secret does.
func TestLog(t *testing.T) {
	e := newEnv(t)
	var log bytes.Buffer
	h := New(Config{
		Store: e.store, Engine: e.engine, Connectors: testConnectors, Destinations: testDestinations,
		Log: slog.New(slog.NewTextHandler(&log, nil)),
	})
	e.handler = h
	group := e.group("g")
	a := e.do("POST", "/v1/connections", `{"group_id":"`+group+`","service":"15five","config":{"schema":"s","api_key":"hunter2","x":"hunter2"}}`, "X-Request-Id: from-client_1")
	if a.header.Get("X-Request-Id") != "from-client_1" {
		t.Error("the client's request id was not kept")
	}
	if id := e.do("GET", "/v1/groups", "", "X-Request-Id: two words").header.Get("X-Request-Id"); len(id) != 16 {
		t.Errorf("request id %q", id)
	}
	must(t, e.store.Close())
	if a := e.do("GET", "/v1/groups", "", "X-Request-Id: lost"); a.status != 500 || a.message != "Internal server error" {
		t.Errorf("got %d %q", a.status, a.message)
	}
	for _, want := range []string{
		"request=from-client_1 method=POST path=/v1/connections status=201", "key=" + e.key,
		`msg="request failed" request=lost`, "request=lost method=GET path=/v1/groups status=500",
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, log.String())
		}
	}
	for _, secret := range []string{"hunter2", e.secret} {
		if strings.Contains(log.String(), secret) {
			t.Error("the log has a secret")
		}
	}
}

func TestPanic(t *testing.T) {
	s := &server{log: slog.New(slog.DiscardHandler), now: time.Now}
	mux := s.newMux([]route{{method: "GET", path: "/p", status: 200, public: true, handle: func(*request) (any, error) { panic(errors.New("x")) }}})
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("GET", "/p", nil))
	if w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), "InternalError") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}
