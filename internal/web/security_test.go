package web

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/setup"
)

// TestSessions ends sessions by time, by signing out, by a new password; and a
// session that somebody brings along is not taken up by signing in.
func TestSessions(t *testing.T) {
	s := newSite(t)
	s.empty()
	s.answers("GET /v1/penstock/api-keys", `{"items":[]}`)
	inside := func(b *browser) bool { _, at, _ := b.do("GET", "/connections", nil); return at == "/connections" }
	session := func(b *browser) string {
		u, _ := url.Parse(s.url)
		for _, c := range b.http.Jar.Cookies(u) {
			if c.Name == sessionCookie {
				return c.Value
			}
		}
		return ""
	}
	must(t, s.store.SetPassword(t.Context(), s.user.ID, "correct horse battery"))

	b := s.browser()
	u, _ := url.Parse(s.url)
	b.http.Jar.SetCookies(u, []*http.Cookie{{Name: sessionCookie, Value: "chosen-by-somebody-else"}})
	b.do("POST", "/signin", url.Values{"email": {s.user.Email}, "password": {"correct horse battery"}})
	mine := session(b)
	if !inside(b) || mine == "chosen-by-somebody-else" {
		t.Error("the session is one that was brought along")
	}
	other := s.signedIn()

	for _, wrong := range []url.Values{
		{"current": {"wrong"}, "password": {"another horse battery"}, "again": {"another horse battery"}},
		{"current": {"correct horse battery"}, "password": {"another horse battery"}, "again": {"another"}},
		{"current": {"correct horse battery"}, "password": {"short"}, "again": {"short"}},
	} {
		if status, _, body := b.do("POST", "/account/password", wrong); status != 400 || !strings.Contains(body, `role="alert"`) {
			t.Errorf("%v: %d\n%s", wrong, status, body)
		}
	}
	if status, at, _ := b.do("POST", "/account/password", url.Values{"current": {"correct horse battery"}, "password": {"another horse battery"}, "again": {"another horse battery"}}); status != 200 || at != "/account/keys" {
		t.Errorf("%d %s", status, at)
	}
	if !inside(b) || session(b) == mine || inside(other) {
		t.Error("a new password ends the other sessions, and begins another here")
	}
	stolen := s.browser()
	stolen.http.Jar.SetCookies(u, []*http.Cookie{{Name: sessionCookie, Value: session(b)}})
	b.do("POST", "/signout", url.Values{})
	if inside(stolen) {
		t.Error("a session goes on after somebody signed out")
	}

	rested, used := s.signedIn(), s.signedIn()
	for range 15 {
		s.now = s.now.Add(24 * time.Hour)
		inside(used)
	}
	if inside(rested) || !inside(used) {
		t.Error("a session ends after two weeks without a request, and not before")
	}
	for range 80 {
		s.now = s.now.Add(24 * time.Hour)
		inside(used)
	}
	if inside(used) {
		t.Error("a session never ends")
	}
}

// hostile is text of others that would be a script if it were not shown as
// text.
const hostile = `<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{.}}javascript:alert(1)`

// full makes the API answer all that the pages ask for, with hostile text
// wherever others choose it.
func (s *site) full() {
	h := `"` + hostile + `"`
	const at = `"2026-11-25T10:00:00Z"`
	s.config.Connectors = []connector.Service{{ID: "vault", Name: "Vault", SchemaFormat: connector.FormatSchema, Config: setup.Describe("Vault", vaultConfig{})}}
	s.config.Destinations = []destination.Service{{ID: "duckdb", Name: "DuckDB", Config: cellarConfig}}
	s.start()
	tests := `"setup_tests":[{"title":` + h + `,"status":"FAILED","message":` + h + `,"details":{"hash":` + h + `,"public_key":` + h + `}}]`
	vaulted := `{"id":"k","group_id":"g","service":"vault","schema":` + h + `,"schedule_type":"auto","sync_frequency":60,"status":{"setup_state":"broken"},` + tests +
		`,"config":{"host":` + h + `,"note":` + h + `,"names":[` + h + `],"doors":[{"name":` + h + `}],"owner":` + h + `,"password":"******"}}`
	approvals := `{"name":` + h + `,"hash":` + h + `,"public_key":` + h + `,"validated_by":` + h + `,"validated_date":` + at + `}`
	connection := `{"id":"c","group_id":"g","service":` + h + `,"schema":` + h + `,"succeeded_at":` + at + `,"status":{"setup_state":"broken","sync_state":"scheduled","tasks":[{"code":"x","message":` + h + `}],"warnings":[{"code":"x","message":` + h + `}]}}`
	run := `{"id":"r","started_at":` + at + `,"ended_at":` + at + `,"outcome":"failed","reason":` + h + `,"rows":3,"tables":[{"schema":` + h + `,"table":` + h + `,"destination":` + h + `,"error":` + h + `}]}`
	standing := `{"id":"c","schema":` + h + `,"service":` + h + `,"group_name":` + h + `,"state":"broken","problem":` + h + `,"runs":[` + run + `]}`
	table := `{"name_in_destination":` + h + `,"enabled":true,"sync_mode":"SOFT_DELETE","enabled_patch_settings":{"allowed":false,"reason":` + h + `}}`
	list := func(items string) string { return `{"items":[` + items + `]}` }
	for pattern, data := range map[string]string{
		"GET /v1/penstock/connections":                     `{"total":1,"found":1,"items":[` + standing + `]}`,
		"GET /v1/penstock/connections/c":                   standing,
		"GET /v1/connections/c":                            connection,
		"GET /v1/penstock/connections/c/runs":              list(run),
		"GET /v1/penstock/connections/c/runs/r":            run,
		"GET /v1/penstock/connections/c/runs/r/log":        list(`{"id":1,"created_at":` + at + `,"level":"WARNING","event":"warning","message":` + h + `}`),
		"GET /v1/penstock/connections/c/tables":            list(`{"schema":` + h + `,"table":` + h + `,"status":"failed","error":` + h + `,"run_id":"r"}`),
		"GET /v1/penstock/connections/c/events":            list(`{"id":1,"created_at":` + at + `,"level":"INFO","event":"edit_connector","message":` + h + `,"actor":{"id":"u","kind":"user","name":` + h + `},"data":{"properties":{` + h + `:` + h + `,"config":[` + h + `]},"oldProperties":{` + h + `:{"a":` + h + `}}}}`),
		"GET /v1/penstock/connections/c/verifications":     list(`{"id":"v"}`),
		"GET /v1/penstock/connections/c/verifications/v":   `{"id":"v","state":"done","reason":` + h + `,"started_at":` + at + `,"tables":[{"schema":` + h + `,"table":` + h + `,"state":"done","error":` + h + `,"differences":[{"key":[` + h + `],"what":` + h + `,"columns":[` + h + `]}]}]}`,
		"GET /v1/penstock/connections/{id}/settings":       `{"continuous":true,"log_limit_bytes":1,"at_log_limit":` + h + `,"at_log_gap":` + h + `,"can_follow":true}`,
		"GET /v1/penstock/connections/{id}/backlog":        `{"what":` + h + `,"retained_bytes":1}`,
		"GET /v1/penstock/connections/c/states":            list(`{"version":1,"saved_at":` + at + `}`),
		"GET /v1/penstock/connections/c/plan":              `{"tables":[{"schema":` + h + `,"table":` + h + `,"destination":` + h + `,"load":` + h + `,"why":` + h + `,"error":` + h + `,"columns":[{"name":` + h + `,"change":"add","type":` + h + `}]}]}`,
		"GET /v1/connections/c/schemas":                    `{"schemas":{` + h + `:{"name_in_destination":` + h + `,"enabled":true,"tables":{` + h + `:` + table + `}},"s":{"enabled":true,"tables":{"t":` + table + `}}}}`,
		"GET /v1/connections/c/schemas/s/tables/t/columns": `{"columns":{` + h + `:{"name_in_destination":` + h + `,"enabled":true,"enabled_patch_settings":{"reason":` + h + `}}}}`,
		"GET /v1/connections":                              list(connection),
		"GET /v1/connections/k":                            vaulted,
		"GET /v1/penstock/connections/k":                   standing,
		"GET /v1/connections/k/certificates":               list(approvals),
		"GET /v1/connections/k/fingerprints":               list(approvals),
		"GET /v1/destinations":                             list(`{"id":"d","group_id":"d","service":"duckdb","setup_status":"connected"}`),
		"GET /v1/destinations/d":                           `{"id":"d","group_id":"d","service":"duckdb","setup_status":"broken",` + tests + `,"config":{"path":` + h + `}}`,
		"GET /v1/destinations/d/certificates":              list(approvals),
		"GET /v1/destinations/d/fingerprints":              list(approvals),
		"GET /v1/groups/d":                                 `{"id":"d","name":` + h + `}`,
		"GET /v1/groups/d/connections":                     list(connection),
		"GET /v1/groups/{id}/public-key":                   `{"public_key":` + h + `}`,
		"GET /v1/users":                                    list(`{"id":"u","email":` + h + `,"given_name":` + h + `,"family_name":` + h + `,"role":` + h + `}`),
		"GET /v1/roles":                                    list(`{"name":` + h + `,"description":` + h + `,"scope":["ACCOUNT","TEAM","DESTINATION",` + h + `]}`),
		"GET /v1/teams":                                    list(`{"id":"t","name":` + h + `,"description":` + h + `,"role":` + h + `}`),
		"GET /v1/users/u":                                  `{"id":"u","email":` + h + `,"given_name":` + h + `,"family_name":` + h + `,"role":` + h + `}`,
		"GET /v1/users/u/groups":                           list(`{"id":` + h + `,"role":` + h + `}`),
		"GET /v1/users/u/connections":                      list(`{"id":` + h + `,"role":` + h + `}`),
		"GET /v1/teams/t":                                  `{"id":"t","name":` + h + `,"description":` + h + `}`,
		"GET /v1/teams/t/users":                            list(`{"user_id":` + h + `,"role":` + h + `}`),
		"GET /v1/teams/t/groups":                           list(`{"id":` + h + `,"role":` + h + `}`),
		"GET /v1/teams/t/connections":                      list(`{"id":` + h + `,"role":` + h + `}`),
		"GET /v1/groups":                                   list(`{"id":` + h + `,"name":` + h + `},{"id":"d","name":` + h + `}`),
		"GET /v1/penstock/api-keys":                        list(`{"key":` + h + `,"created_at":` + at + `}`),
		"GET /v1/system-keys":                              list(`{"id":"k","name":` + h + `,"key":` + h + `,"permissions":[{"resource_type":` + h + `,"access_level":` + h + `}]}`),
		"GET /v1/system-keys/k":                            `{"id":"k","name":` + h + `,"key":` + h + `,"permissions":[{"resource_type":` + h + `,"access_level":` + h + `,"resource_filter":{"ids":[` + h + `]}}]}`,
		"GET /v1/webhooks":                                 list(`{"id":"w","url":"javascript:alert(1)","group_id":` + h + `,"events":[` + h + `]}`),
		"GET /v1/webhooks/w":                               `{"id":"w","url":` + h + `,"events":[` + h + `]}`,
		"GET /v1/penstock/webhooks/w/deliveries":           list(`{"event":` + h + `,"connection_id":` + h + `,"outcome":"given_up","error":` + h + `,"created_at":` + at + `}`),
		"GET /v1/hybrid-deployment-agents":                 list(`{"id":` + h + `,"display_name":` + h + `,"group_id":"g"}`),
		"GET /v1/proxy":                                    list(`{"id":` + h + `,"display_name":` + h + `}`),
		"GET /v1/external-logging":                         list(`{"id":` + h + `,"service":` + h + `,"enabled":true,"status":{"setup_state":"broken","tasks":[{"message":` + h + `}]}}`),
		"GET /v1/external-logging/account":                 `{"id":"a","service":"l","enabled":true,"config":{` + h + `:` + h + `}}`,
		"GET /v1/penstock/log-services":                    list(`{"id":` + h + `,"name":` + h + `,"fields":[]},{"id":"l","name":"L","fields":[{"name":` + h + `,"title":` + h + `,"help":` + h + `,"options":[` + h + `]}]}`),
	} {
		s.answers(pattern, data)
	}
}

var everyPage = []string{
	"/connections", "/connections?q=%3Cscript%3Ealert(1)", "/connections/c", "/connections/c/schema", "/connections/c/schema?q=%3Cscript%3E", "/connections/c/schema/s/t",
	"/connections/c/checks", "/connections/c/plan", "/connections/c/changes", "/connections/c/runs/r", "/connections/c/runs/r?q=%22%3E%3Cscript%3Ealert(1)",
	"/account/users", "/account/users/u", "/account/teams", "/account/teams/t", "/account/roles", "/account/keys", "/account/system-keys",
	"/account/webhooks", "/account/webhooks/w", "/account/agents", "/account/logging", "/account/logging?service=l",
	"/account/system-keys/k", "/account/logging?edit=account",
	"/connections/k/setup", "/destinations", "/destinations/d", "/destinations/d/query",
	"/new/connection", "/new/connection?q=%3Cscript%3Ealert(1)", "/new/connection/vault", "/new/connection/vault?group=%3Cscript%3E", "/new/public-key?group=d",
	"/new/destination", "/new/destination?q=%3Cscript%3Ealert(1)", "/new/destination/duckdb",
}

// plainPages are those of everyPage that show nothing of others.
var plainPages = []string{"/connections/c/schema?q=%3Cscript%3E", "/new/connection", "/new/destination", "/new/destination/duckdb"}

// TestHostileText has text of others on every page; do checks the headers of
// each.
func TestHostileText(t *testing.T) {
	s := newSite(t)
	s.full()
	b := s.signedIn()
	for _, path := range everyPage {
		status, _, body := b.do("GET", path, nil)
		if status != 200 {
			t.Errorf("%s: %d\n%s", path, status, body)
		}
		for _, bad := range []string{"<script>alert", "<img src=x", `href="javascript:`, `action="javascript:`} {
			if strings.Contains(body, bad) {
				t.Errorf("%s has %s", path, bad)
			}
		}
		if !strings.Contains(body, "alert(1)") && !slices.Contains(plainPages, path) {
			t.Errorf("%s does not show it at all", path)
		}
	}
}

// TestNobodySeesPages asks for every page without a session, and posts to all
// of them from other sites.
func TestNobodySeesPages(t *testing.T) {
	s := newSite(t)
	s.full()
	nobody, evil := s.browser(), s.signedIn()
	evil.from = "cross-site"
	for _, path := range everyPage {
		if _, at, body := nobody.do("GET", path, nil); !strings.HasPrefix(at, "/signin?next=") || strings.Contains(body, "<table") {
			t.Errorf("%s: at %s", path, at)
		}
		if status, _, _ := evil.do("POST", path, url.Values{"do": {"delete"}, "id": {"x"}}); status != 403 {
			t.Errorf("POST %s from another site: %d", path, status)
		}
	}
}

// TestRefusals has the API refuse what forms ask for, as it does a reviewer's:
// the page says so in words, and shows no buttons for it.
func TestRefusals(t *testing.T) {
	s := newSite(t)
	s.full()
	_, err := s.store.UpdateUser(t.Context(), s.second("bob@example.com"), func(u *store.User) error { u.Role = "Account Administrator"; return nil })
	must(t, err)
	_, err = s.store.UpdateUser(t.Context(), s.user.ID, func(u *store.User) error { u.Role = "Account Reviewer"; return nil })
	must(t, err)
	for _, method := range []string{"POST", "PATCH", "DELETE"} {
		s.api.HandleFunc(method+" /", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			io.WriteString(w, `{"code":"Forbidden","message":"You do not have permission to perform this operation"}`)
		})
	}
	b := s.signedIn()
	for path, dos := range map[string][]string{
		"/account/users": {"invite", "link", "role", "delete"}, "/account/users/u": {"save", "group", "in group", "ungroup", "in connection", "unconnect"},
		"/account/teams": {"create", "delete"}, "/account/teams/t": {"save", "add", "member", "remove", "group", "in group", "ungroup", "in connection", "unconnect"},
		"/account/system-keys/k": {"save"}, "/account/system-keys": {"create", "rotate", "delete"}, "/account/webhooks": {"create", "delete"}, "/account/webhooks/w": {"test", "switch"},
		"/account/agents": {"hybrid", "proxy", "delete hybrid", "delete proxy"}, "/account/logging": {"create", "test", "switch", "delete"},
	} {
		for _, do := range dos {
			status, _, body := b.do("POST", path, url.Values{"do": {do}, "role": {"x"}, "id": {"x"}, "at": {"x"}, "service": {"l"}})
			if status != 403 || !strings.Contains(body, "You do not have permission") {
				t.Errorf("%s %s: %d", path, do, status)
			}
		}
		if status, _, _ := b.do("POST", path, url.Values{"do": {"nonsense"}}); status != 400 && path != "/account/system-keys/k" {
			t.Errorf("%s of nonsense: %d", path, status)
		}
	}
	for path, button := range map[string]string{
		"/connections/c": "<button", "/connections/c/checks": "Compare now", "/connections/c/schema": "Read again", "/connections/c/schema/s/t": "Read all of it again",
		"/account/users": `value="invite"`, "/account/users/u": `name="do"`, "/account/teams": `value="create"`, "/account/teams/t": `name="do"`, "/account/webhooks": `value="create"`,
		"/account/webhooks/w": `name="do"`, "/account/agents": `name="do"`, "/account/logging": `name="do"`,
		"/connections": "/new/connection", "/connections/k/setup": "<button", "/destinations": "/new/destination", "/destinations/d": "<button", "/destinations/d/query": "<button",
		"/new/connection": "<form", "/new/connection/vault": "<form", "/new/destination": "<form", "/new/destination/duckdb": "<form",
	} {
		_, _, body := b.do("GET", path, nil)
		_, main, _ := strings.Cut(body, "<main")
		if strings.Contains(main, button) {
			t.Errorf("%s shows %s", path, button)
		}
	}
	for _, path := range []string{"/connections/c/do/sync", "/connections/c/do/pause"} {
		if status, _, body := b.do("POST", path, url.Values{}); status != 403 || !strings.Contains(body, "You may not do this") {
			t.Errorf("%s: %d", path, status)
		}
	}
}

// second makes another user and returns the id.
func (s *site) second(email string) string {
	u := &store.User{AccountID: s.user.AccountID, Email: email, GivenName: "Bob", Role: "Account Reviewer"}
	must(s.t, s.store.CreateUser(s.t.Context(), u))
	return u.ID
}
