package api

import (
	"database/sql"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/store"
)

// open are the paths that every caller may ask for, and why.
var open = map[string]string{
	"/v1/account/info":                         "says who asks",
	"/v1/metadata/connector-types":             "the same for everybody",
	"/v1/metadata/connector-types/{id}":        "the same for everybody",
	"/v1/certificates":                         "its body names what it is about",
	"/v1/fingerprints":                         "its body names what it is about",
	"/v1/connector-sdk/packages":               "its handler knows whose package it is",
	"/v1/connector-sdk/packages/{id}":          "its handler knows whose package it is",
	"/v1/connector-sdk/packages/{id}/download": "its handler knows whose package it is",
	"/v1/penstock/api-keys":                    "its handler knows whose key it is",
	"/v1/penstock/api-keys/{id}":               "its handler knows whose key it is",
}

// things makes one thing of each kind that paths name, and returns their ids
// by the word before {id} in a path.
func (e *env) things() map[string]string {
	e.t.Helper()
	g := e.group("things")
	c := e.id("/v1/connections", `{"group_id":"`+g+`","service":"15five","config":{"schema":"s","api_key":"k"}}`)
	e.ok("POST", "/v1/destinations", `{"group_id":"`+g+`","service":"duckdb","time_zone_offset":"0","config":{"path":"p"}}`)
	service := `"service":"datadog_log","run_setup_tests":false,"config":{"host":"US1"}}`
	e.ok("POST", "/v1/external-logging", `{"group_id":"`+g+`",`+service)
	e.ok("POST", "/v1/external-logging/account", "{"+service)
	project := e.id("/v1/transformation-projects", newProject(g, ""))
	return map[string]string{
		"groups": g, "group": g, "destinations": g, "connections": c, "connectors": c, "users": e.user.ID,
		"teams":                     e.id("/v1/teams", `{"name":"t","role":"Account Reviewer"}`),
		"system-keys":               e.id("/v1/system-keys", `{"name":"k","permissions":[]}`),
		"private-links":             e.id("/v1/private-links", `{"name":"l","region":"GCP_US_EAST4","service":"SOURCE_GCP","config":{"private_connection_service_id":"x"}}`),
		"proxy":                     e.id("/v1/proxy", `{"display_name":"p"}`),
		"hybrid-deployment-agents":  e.id("/v1/hybrid-deployment-agents", `{"group_id":"`+g+`","display_name":"h","env_type":"DOCKER","accept_terms":true}`),
		"transformation-projects":   project,
		"transformations":           e.id("/v1/transformations", newTransformation(project, "")),
		"package-metadata":          "any", // there is none
		"external-secrets-managers": e.id("/v1/external-secrets-managers", `{"type":"AWS_SECRET_MANAGER","name":"m","config":{"role_arn":"r"}}`),
		"external-logging":          g, // its services have the groups' ids
		"packages":                  e.send("POST", "/v1/connector-sdk/packages", "file", zipOf(e.t, 10)).data["id"].(string),
		"webhooks":                  e.id("/v1/webhooks/group/"+g, `{"url":"https://hooks.example.com","events":["sync_end"],"active":false}`),
	}
}

// TestWalk asks for every route of the table without a key, as somebody who
// may do nothing, as a reviewer, and as an administrator of another account.
func TestWalk(t *testing.T) {
	e := newEnv(t)
	things := e.things()
	nobody, _ := e.as("nobody@example.com", "")
	key, _ := e.systemKey("nothing", `[]`)
	reviewer, _ := e.as("reviewer@example.com", access.Reviewer)
	other := &store.Account{Name: "Other"}
	must(t, e.store.CreateAccount(t.Context(), other))
	u := &store.User{AccountID: other.ID, Email: "other@example.com", Role: access.Administrator}
	must(t, e.store.CreateUser(t.Context(), u))
	otherKey, otherSecret, err := e.store.CreateAPIKey(t.Context(), u.ID)
	must(t, err)
	stranger := e.with(otherKey, otherSecret)

	left := map[string]bool{}
	for path := range open {
		left[path] = true
	}
	for _, rt := range new(server).routes() {
		name := rt.method + " " + rt.path
		if rt.public {
			continue
		}
		existing, missing := fill(rt.path, things), fill(rt.path, nil)
		if a := e.do(rt.method, existing, "", "-"); a.status != 401 {
			t.Errorf("%s without a key: %d", name, a.status)
		}
		if !rt.about.limited {
			if open[modern(rt.path)] == "" {
				t.Errorf("%s is open to every caller: say why in open, or give it a subject", name)
			}
			delete(left, modern(rt.path))
			continue
		}
		if rt.about.find == nil {
			for who, as := range map[string]*env{"nobody": nobody, "a key without permissions": key} {
				if a := as.do(rt.method, existing, ""); a.status != 403 {
					t.Errorf("%s as %s: %d", name, who, a.status)
				}
			}
		} else if strings.Contains(existing, "{") {
			t.Errorf("%s: there is nothing of the kind to try it on: make one in things", name)
		} else {
			lacks := e
			if missing == existing { // the account's own, which the other has not
				lacks = stranger
			}
			gone := lacks.do(rt.method, missing, "")
			if gone.status != 404 {
				t.Errorf("%s of what is not there: %d", name, gone.status)
			}
			for who, as := range map[string]*env{"nobody": nobody, "a key without permissions": key, "a stranger": stranger} {
				if rt.about.people && as == key {
					continue // which sees nothing of the kind at all
				}
				a := as.do(rt.method, existing, "")
				said := a.message
				if id := things[noun(rt.path)]; id != "" {
					said = strings.ReplaceAll(said, id, "missing")
				}
				if a.status != gone.status || a.code != gone.code || said != gone.message {
					t.Errorf("%s as %s: %d %s\nwhat is not there: %s", name, who, a.status, a.body, gone.body)
				}
			}
		}
		if a := reviewer.do(rt.method, existing, ""); (a.status == 403) != (rt.does != access.Read) {
			t.Errorf("%s as a reviewer: %d", name, a.status)
		}
	}
	for path := range left {
		t.Errorf("%s is not in the table", path)
	}
}

// noun returns the word of a path before {id}.
func noun(path string) string {
	before, _, _ := strings.Cut(path, "/{id}")
	return before[strings.LastIndexByte(before, '/')+1:]
}

var parameter = regexp.MustCompile(`\{[^}]+\}`)

// fill replaces {id} in a path by the id of a thing, nil: of none, {what} by
// test, and all further names by x. It leaves {id} if there is no such thing.
func fill(path string, things map[string]string) string {
	id := "missing"
	if things != nil {
		id = things[noun(path)]
	}
	return parameter.ReplaceAllStringFunc(path, func(name string) string {
		switch {
		case name == "{what}":
			return "test"
		case name != "{id}":
			return "x"
		case id == "":
			return name
		}
		return id
	})
}

// TestWalkRefused asks for every route in ways that are refused before anything
// is done: a method that the path has not, an answer in another form, a body in
// another form, a body that is no JSON object, a page that there cannot be, and
// too often. Nothing is written.
func TestWalkRefused(t *testing.T) {
	dir := t.TempDir()
	e := newEnvAt(t, dir)
	things := e.things()
	run := e.engine.start().ID
	written := commits(t, dir)
	for _, rt := range new(server).routes() {
		path := strings.NewReplacer("{id}", "missing", "/runs/x", "/runs/"+run).Replace(fill(rt.path, things))
		refused := func(method, body string, status int, code string, headers ...string) {
			t.Helper()
			before := written()
			if a := e.do(method, path, body, headers...); a.status != status || a.code != code {
				t.Errorf("%s %s %v: got %d %s, want %d", method, rt.path, headers, a.status, a.body, status)
			}
			if written() != before {
				t.Errorf("%s %s %v, which is refused, writes", method, rt.path, headers)
			}
		}
		refused("PUT", "", 405, "MethodNotAllowed")
		if !rt.download {
			refused(rt.method, "", 406, "NotAcceptable", "Accept: text/html")
		}
		if hasBody(&rt) {
			refused(rt.method, "x", 415, "UnsupportedMediaType", "Content-Type: text/plain")
		}
		switch op := operationOf(t, rt.method, rt.path); {
		case rt.upload:
			refused(rt.method, "x", 400, "InvalidInput", "Content-Type: multipart/form-data; boundary=b")
		case op != nil && op.RequestBody != nil:
			for _, body := range []string{`{`, `[]`, `null`, `"x"`, `{}{}`, "{\"a\":\"\x00\"}"} {
				refused(rt.method, body, 400, "InvalidInput")
			}
		case op != nil && op.Parameters.GetByInAndName("query", "limit") != nil:
			path += "?limit=0"
			refused(rt.method, "", 400, "InvalidInput")
		}
	}
}

// hasBody reports whether a route's method is one with a body.
func hasBody(rt *route) bool { return rt.method == "POST" || rt.method == "PATCH" }

// commits returns a function that tells whether anything was written to the
// database in a folder: it returns another number then.
func commits(t *testing.T, dir string) func() int {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, "penstock.db"))
	must(t, err)
	t.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1) // the number is a connection's own
	return func() (n int) {
		must(t, db.QueryRowContext(t.Context(), `pragma data_version`).Scan(&n))
		return n
	}
}

// TestWalkTooMany asks for every route when the account's requests are used up.
func TestWalkTooMany(t *testing.T) {
	e, s := limited(t)
	things := e.things()
	for s.limiter.take(ordinary, e.user.AccountID, e.now) == nil {
	}
	for _, rt := range s.routes() {
		path := strings.ReplaceAll(fill(rt.path, things), "{id}", "missing")
		if a := e.do(rt.method, path, ""); !rt.public && (a.status != 429 || a.header.Get("Retry-After") == "") {
			t.Errorf("%s %s: got %d %s", rt.method, rt.path, a.status, a.body)
		}
	}
}
