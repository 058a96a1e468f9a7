package web

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/internal/web/webtest"
)

var everything = access.Everything

// carded makes a connection with a Connect Card, and returns both.
func (s *site) carded(service, config string) (id, token string) {
	s.t.Helper()
	caller, err := s.store.CallerOf(s.t.Context(), s.user)
	must(s.t, err)
	call := func(method, path, body string, data any) {
		r := httptest.NewRequest(method, path, strings.NewReader(body)).WithContext(store.WithCaller(s.t.Context(), caller))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		s.api.ServeHTTP(w, r)
		answer := struct{ Data any }{data}
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code >= 300 {
			s.t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
		}
	}
	var group, made struct{ ID string }
	s.groups++
	call("POST", "/v1/groups", `{"name":"cards`+strings.Repeat("x", s.groups)+`"}`, &group)
	call("POST", "/v1/connections", `{"group_id":"`+group.ID+`","service":"`+service+`","run_setup_tests":false,"config":{"schema":"s","host":"h"},"connect_card_config":`+config+`}`, &made)
	token, err = s.store.NewConnectCard(s.t.Context(), s.user.AccountID, made.ID, s.now)
	must(s.t, err)
	return made.ID, token
}

// shop is where outsiders come from, and go back to.
func shop(t *testing.T) (address, card string) {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "thanks") }))
	t.Cleanup(srv.Close)
	return srv.URL, `{"redirect_uri":"` + srv.URL + `/done?step=2#end"}`
}

func TestConnectCard(t *testing.T) {
	s := realSite(t)
	address, config := shop(t)
	id, token := s.carded("vault", config)
	b := s.browser()
	b.framed = address
	page := cardPath + "?auth=" + token
	status, _, body := b.do("GET", page+"&redirect_uri=https://evil.example", nil)
	if status != 200 || strings.Contains(body, "Sign out") || strings.Contains(body, "Connections") || strings.Contains(body, "evil") {
		t.Fatalf("%d\n%s", status, body)
	}
	for name, want := range map[string]bool{"host": true, "password": true, "auth_method": true, "port": true, "fast": false, "schema": false} {
		if strings.Contains(body, `name="config.`+name+`"`) != want {
			t.Errorf("%s is shown: %v", name, !want)
		}
	}
	form := entries("auth", token, "config.host", "h", "config.password", "wrong", "config.schema", "stolen", "paused", "false")
	if _, at, _ := b.do("POST", cardPath, form); !strings.HasPrefix(at, page) {
		t.Error(at)
	}
	if part := b.tested(cardPath + "/tests?auth=" + token); !strings.Contains(part, "The password is wrong.") {
		t.Error(part)
	}
	if sent := s.lastSent("PATCH"); strings.Contains(sent, "stolen") || strings.Contains(sent, "paused") || !strings.HasPrefix(sent, "PATCH /v1/connections/"+id) {
		t.Errorf("sent %s", sent)
	}
	if status, _, body := b.do("POST", cardPath, entries("auth", token, "config.host", "")); status != 400 || !strings.Contains(body, "Host is required") {
		t.Errorf("%d\n%s", status, body)
	}
	form.Set("config.password", "swordfish")
	b.anywhere("POST", cardPath, form)
	part := b.tested(cardPath + "/tests?auth=" + token)
	if !strings.Contains(part, `href="`+address+`/done?step=2&amp;id=`+id+`#end"`) {
		t.Error(part)
	}
	for _, path := range []string{page, cardPath + "?auth=" + token} {
		if status, _, body := b.do("GET", path, nil); status != 410 || !strings.Contains(body, "This setup is complete") || !strings.Contains(body, "id="+id) {
			t.Errorf("used: %d\n%s", status, body)
		}
	}
	if _, at, body := b.anywhere("GET", page+"&step=tests", nil); at != "/done?step=2&id="+id || body != "thanks" {
		t.Errorf("%s\n%s", at, body)
	}
	if status, _, _ := b.do("POST", cardPath, form); status != 410 {
		t.Errorf("a used card changes things: %d", status)
	}
	if c, err := s.store.Connection(t.Context(), id); err != nil || c.SetupState != store.Connected || c.Schema != "s" {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestConnectCardOptions(t *testing.T) {
	s := realSite(t)
	_, token := s.carded("salesforce", `{"redirect_uri":"http://shop.example","hide_setup_guide":true,"all_fields":true}`)
	b := s.browser()
	b.framed = "http://shop.example"
	_, _, body := b.do("GET", cardPath+"?auth="+token, nil)
	if strings.Contains(body, "Before you begin") || !strings.Contains(body, `name="config.fast"`) {
		t.Error(body)
	}
	_, token = s.carded("salesforce", `{"redirect_uri":"http://shop.example"}`)
	if _, _, body := b.do("GET", cardPath+"?auth="+token+"&hide_setup_guide=false", nil); !strings.Contains(body, "Before you begin") || strings.Contains(body, "Log in to") {
		t.Error(body)
	}
}

func TestConnectCardsThatOpenNothing(t *testing.T) {
	s := realSite(t)
	address, config := shop(t)
	id, token := s.carded("vault", config)
	parts := strings.Split(token, ".")
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	must(t, err)
	other, _ := s.carded("vault", config)
	tampered := parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(strings.ReplaceAll(string(claims), id, other))) + "." + parts[2]
	unsigned := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + parts[1] + "."
	b := s.browser()
	check := func(name, token, framed string, status int, says string) {
		t.Helper()
		b.framed = framed
		for _, method := range []string{"GET", "POST"} {
			got, _, body := b.do(method, cardPath+"?auth="+url.QueryEscape(token), nil)
			if got != status || !strings.Contains(body, says) || strings.Contains(body, "<form") {
				t.Errorf("%s %s: %d\n%s", name, method, got, body)
			}
		}
	}
	for name, bad := range map[string]string{"none": "", "nonsense": "x", "half": parts[0] + "." + parts[1], "tampered": tampered, "unsigned": unsigned, "spaced": token + "x"} {
		check(name, bad, "", 404, "This link does not work")
	}
	s.now = s.now.Add(24 * time.Hour)
	check("expired", token, address, 410, "This link has expired")
	s.now = s.now.Add(-24 * time.Hour)
	if _, err := s.store.NewConnectCard(t.Context(), s.user.AccountID, id, s.now.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	check("replaced", token, address, 410, "There is a newer link")
	must(t, s.store.DeleteConnection(t.Context(), id))
	check("of nothing", token, "", 404, "This link does not work")
}

// TestConnectCardOnly: whoever has a card gets at nothing else.
func TestConnectCardOnly(t *testing.T) {
	s := realSite(t)
	_, config := shop(t)
	id, token := s.carded("vault", config)
	other, _ := s.carded("vault", config)
	held, err := s.store.ConnectCard(t.Context(), token, s.now)
	must(t, err)
	for _, tt := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/v1/connections/" + id, 200},
		{"GET", "/v1/connections/" + other, 404},
		{"PATCH", "/v1/connections/" + other, 404},
		{"DELETE", "/v1/connections/" + id, 403},
		{"POST", "/v1/connections", 403},
		{"GET", "/v1/groups", 200}, // without items
		{"GET", "/v1/users", 200},
		{"POST", "/v1/users", 403},
		{"GET", "/v1/webhooks", 200},
		{"POST", "/v1/webhooks/account", 403},
		{"GET", "/v1/system-keys", 403},
		{"POST", "/v1/penstock/api-keys", 404},
		{"GET", "/v1/roles", 403},
	} {
		r := httptest.NewRequest(tt.method, tt.path, strings.NewReader(`{"user_id":"`+s.user.ID+`"}`)).WithContext(store.WithCaller(t.Context(), cardCaller(held)))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		s.api.ServeHTTP(w, r)
		if w.Code != tt.status && w.Code != 403 || tt.status == 200 && w.Code == 200 && tt.path != "/v1/connections/"+id && !strings.Contains(w.Body.String(), `"items":[]`) {
			t.Errorf("%s %s: %d %s", tt.method, tt.path, w.Code, w.Body)
		}
	}
	b := s.browser()
	for _, path := range []string{"/connections", "/connections/" + id, "/connections/" + id + "/setup", "/destinations"} {
		if _, at, _ := b.do("GET", path+"?auth="+token, nil); !strings.HasPrefix(at, "/signin") {
			t.Errorf("%s led to %s", path, at)
		}
	}
}

func TestLogin(t *testing.T) {
	p := webtest.NewVendor(t, "app", "shh", "swordfish-r", nil)
	env := map[string]string{"PENSTOCK_OAUTH_SALESFORCE_ID": "app", "PENSTOCK_OAUTH_SALESFORCE_SECRET": "shh"}
	logins := NewLogins(func(name string) string { return env[name] }, map[string]string{"salesforce": p.URL + "/"})
	if len(logins) != 2 || logins.of("google_sheets") != nil || logins.of("salesforce_sandbox").Authorize != "https://test.salesforce.com/services/oauth2/authorize" {
		t.Errorf("%+v", logins)
	}
	s := realSite(t, func(c *Config) { c.Logins = logins })
	address, config := shop(t)
	id, token := s.carded("salesforce", config)
	b := s.browser()
	b.framed, b.leads = address, p.URL
	if _, _, body := b.do("GET", cardPath+"?auth="+token, nil); !strings.Contains(body, "Log in to Salesforce") {
		t.Error(body)
	}
	p.Refuse = true
	if status, _, body := b.do("POST", cardPath+"/login", url.Values{"auth": {token}}); status != 400 || !strings.Contains(body, "access_denied &lt;b&gt;no") {
		t.Errorf("%d\n%s", status, body)
	}
	p.Refuse = false
	status, at, body := b.anywhere("POST", cardPath+"/login", url.Values{"auth": {token}})
	if status != 200 || !strings.HasPrefix(at, cardPath+"?auth="+token) && at != "/done?step=2&id="+id || strings.Contains(body, "shh") || strings.Contains(body, "swordfish") {
		t.Fatalf("%d %s\n%s", status, at, body)
	}
	want := "PATCH /v1/connections/" + id + ` {"auth":{"client_access":{"client_id":"app","client_secret":"shh"},"refresh_token":"swordfish-r"},"run_setup_tests":false}`
	if sent := s.lastSent("PATCH"); sent != want {
		t.Errorf("sent %s", sent)
	}
	b.tested(cardPath + "/tests?auth=" + token)

	// By somebody who is signed in.
	own := s.signedIn()
	if _, _, body := own.do("GET", "/new/connection/salesforce", nil); !strings.Contains(body, "there is a button to log in to Salesforce") {
		t.Error(body)
	}
	own.leads = p.URL
	if _, _, body := own.do("GET", "/connections/"+id+"/setup", nil); !strings.Contains(body, "Log in to Salesforce") {
		t.Error(body)
	}
	own.leads = ""
	if status, at, _ := own.anywhere("POST", "/connections/"+id+"/setup/login", url.Values{}); status != 200 || at != "/connections/"+id+"/setup" {
		t.Errorf("%d %s", status, at)
	}
	own.tested("/connections/" + id + "/setup/tests")

	// What comes back from elsewhere, twice, or late.
	b.framed, b.leads = "", ""
	if status, _, body := b.do("GET", loginReturn+"?state=x&code=y", nil); status != 400 || !strings.Contains(body, "not valid any more") {
		t.Errorf("%d\n%s", status, body)
	}
	state := s.store.Seal(loginPurpose, encode(loginState{ID: id, Service: "salesforce", User: "somebody else", Until: s.now.Add(time.Hour)}))
	if status, _, body := own.do("GET", loginReturn+"?code=y&state="+state, nil); status != 403 || !strings.Contains(body, "Somebody else") {
		t.Errorf("%d\n%s", status, body)
	}
	state = s.store.Seal(loginPurpose, encode(loginState{ID: id, Service: "salesforce", User: s.user.ID, Until: s.now.Add(-time.Second)}))
	if status, _, _ := own.do("GET", loginReturn+"?code=y&state="+state, nil); status != 400 {
		t.Errorf("late: %d", status)
	}
	state = s.store.Seal(loginPurpose, encode(loginState{ID: id, Service: "salesforce", User: s.user.ID, Verifier: "another", Until: s.now.Add(time.Hour)}))
	if status, _, body := own.anywhere("GET", loginReturn+"?code=the+code&state="+state, nil); status != 502 || !strings.Contains(body, "did not accept the login") {
		t.Errorf("a code of somebody else's: %d\n%s", status, body)
	}
	if _, err := s.store.Unseal("another", state); err == nil {
		t.Error("sealed for one purpose, read for another")
	}
}
