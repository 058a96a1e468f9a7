package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/penstock-data/penstock/internal/logship"
	"github.com/penstock-data/penstock/internal/outside"
	"github.com/penstock-data/penstock/internal/store"
)

var (
	fuzzCases = flag.Int("cases", 8, "requests of each operation that TestFuzz makes, with each of its seeds")
	fuzzSeed  = flag.Uint64("seed", 0, "seed of TestFuzz; 0: 1 and a fresh one")
)

// A secret is in whatever the fuzzer keeps secret, and must be in no answer and
// no line of the log.
const fuzzSecret = "s3cr3t-b7f1e0c2"

// TestFuzz sends every operation requests that are nearly right, or not at all:
// made from the definition and our own document, then spoilt. Whatever comes,
// the answer is none of 5xx, is in the envelope and as described, holds no
// secret, and has changed nothing if it is a refusal.
func TestFuzz(t *testing.T) {
	resolver := net.DefaultResolver
	defer func() { net.DefaultResolver = resolver }()
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no name leads anywhere while this test runs")
	}}
	seeds := []uint64{1, rand.Uint64()}
	if *fuzzSeed != 0 {
		seeds = []uint64{*fuzzSeed}
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			total, f := 0, &fuzzer{t: t}
			for number, rt := range new(server).routes() {
				f.rt, f.op, f.statuses = rt, operationOf(t, rt.method, rt.path), map[int]int{}
				for i := range *fuzzCases {
					f.Rand = rand.New(rand.NewPCG(seed, uint64(number)<<32|uint64(i)))
					f.try(i)
				}
				total += *fuzzCases
				t.Logf("%-6s %s: %s", rt.method, rt.path, f.tally())
			}
			t.Logf("%d requests", total)
		})
	}
}

// A fuzzer makes requests of one operation after another.
type fuzzer struct {
	*rand.Rand
	t        *testing.T
	rt       route
	op       *openapi3.Operation // nil: it is described nowhere
	statuses map[int]int         // how often each came; 0: the request could not be sent

	e       *env
	things  map[string]string
	log     bytes.Buffer
	written func() int
	made    int  // requests that succeeded since e was made
	lost    bool // something was deleted
}

// fresh makes a server with a thing of each kind.
func (f *fuzzer) fresh() {
	dir := f.t.TempDir()
	f.e = newEnvAt(f.t, dir)
	f.things, f.made, f.lost = f.e.things(), 0, false
	f.written = commits(f.t, dir)
	h := New(Config{
		Store: f.e.store, Engine: f.e.engine, Connectors: testConnectors, Destinations: testDestinations, Now: func() time.Time { return f.e.now },
		Logs: logship.NewSender(outside.Policy{}, map[string]string{"datadog_log": "http://127.0.0.1:1"}),
		Log:  slog.New(slog.NewTextHandler(&f.log, nil)),
	})
	f.e.handler = listen(f.t, h, func(*http.Request, int) {})
	connection := "/v1/connections/" + f.things["connections"]
	f.e.ok("PATCH", connection, `{"config":{"api_key":"`+fuzzSecret+`"}}`)
	f.e.engine.offers = shop()
	f.e.ok("POST", connection+"/schemas/reload", "")
	run := f.e.engine.start()
	must(f.t, f.e.store.SetState(f.t.Context(), run.Token(), json.RawMessage(`{"n":1}`), 10, f.e.now))
	f.e.engine.finish(run, store.Outcome{Kind: store.RunSucceeded})
	f.things["run"], f.things["version"] = run.ID, "1"
	f.things["verification"] = f.e.id("/v1/penstock/connections/"+f.things["connections"]+"/verify", "")
	f.things["user"], f.things["place"] = f.things["users"], f.things["groups"]
	f.things["member"] = f.e.newUser("member@example.com", "")
	f.e.ok("PATCH", "/v1/external-logging/account", `{"config":{"api_key":"`+fuzzSecret+`"},"run_setup_tests":false}`)
	f.e.ok("PATCH", "/v1/webhooks/"+f.things["webhooks"], `{"secret":"`+fuzzSecret+`"}`)
	f.log.Reset()
}

// ids puts ids into what nearly says.
func (f *fuzzer) ids() *strings.Replacer {
	return strings.NewReplacer("{g}", f.things["groups"], "{c}", f.things["connections"], "{p}", f.things["transformation-projects"], "{u}", f.things["member"], "secret!", fuzzSecret)
}

// nearly are bodies that are right, of operations where chance would seldom
// find one.
var nearly = map[string]string{
	"POST /v1/connections":                            `{"group_id":"{g}","service":"15five","config":{"schema":"fuzzed","api_key":"secret!"},"paused":true,"sync_frequency":60,"networking_method":"Directly"}`,
	"PATCH /v1/connections/{id}":                      `{"config":{"api_key":"secret!"},"paused":false,"sync_frequency":1440,"daily_sync_time":"10:00","schedule_type":"auto","data_delay_sensitivity":"CUSTOM","data_delay_threshold":5}`,
	"POST /v1/destinations":                           `{"group_id":"{g}","service":"postgres_warehouse","time_zone_offset":"0","config":{"host":"h","port":5432,"database":"d","user":"u","password":"secret!"}}`,
	"PATCH /v1/destinations/{id}":                     `{"config":{"path":"q"},"region":"GCP_US_EAST4","time_zone_offset":"+1","daylight_saving_time_enabled":true}`,
	"PATCH /v1/connections/{id}/schemas":              `{"schema_change_handling":"ALLOW_COLUMNS","schemas":{"Sales":{"enabled":true,"tables":{"Order":{"enabled":true,"sync_mode":"HISTORY","columns":{"total":{"enabled":false},"customerName":{"hashed":true}}}}}}}`,
	"POST /v1/connections/{id}/schemas":               `{"schema_change_handling":"BLOCK_ALL","schemas":{"Sales":{"enabled":true}}}`,
	"POST /v1/connections/{id}/schemas/tables/resync": `{"Sales":["Order","note"]}`,
	"POST /v1/connections/{id}/resync":                `{"scope":{"Sales":["Order"]}}`,
	"PATCH /v1/penstock/connections/{id}/settings":    `{"masks":[{"pattern":"*.*.total","how":"TRUNCATE","keep":2}],"carry_renames":true,"paused_tables":{"Sales":{"note":true}},"row_filters":{"Sales":{"Order":"id > 5 and (total is not null or id in (1, 2))"}}}`,
	"POST /v1/penstock/connections/{id}/plan":         `{"schemas":{"Sales":{"tables":{"Order":{"enabled":false}}}},"settings":{"row_filters":{"Sales":{"Order":"id = 1"}}}}`,
	"POST /v1/penstock/connections/{id}/verify":       `{"tables":{"Sales":["Order"]},"list":5}`,
	"POST /v1/transformation-projects":                newProject("{g}", ""),
	"POST /v1/transformations":                        newTransformation("{p}", ""),
	"POST /v1/private-links":                          `{"name":"fuzzed","region":"AWS_US_EAST_1","service":"SOURCE_AWS","config":{"connection_service_name":"com.amazonaws.vpce.us-east-1.vpce-svc-1"}}`,
	"POST /v1/webhooks/account":                       `{"url":"https://127.0.0.1/x","events":["sync_end","sync_start"],"active":false,"secret":"secret!"}`,
	"POST /v1/webhooks/group/{id}":                    `{"url":"https://127.0.0.1/x","events":["sync_end"],"active":false,"secret":"secret!"}`,
	"POST /v1/hybrid-deployment-agents":               `{"group_id":"{g}","display_name":"h","env_type":"DOCKER","accept_terms":true}`,
	"POST /v1/proxy":                                  `{"display_name":"fuzzed"}`,
	"POST /v1/system-keys":                            `{"name":"fuzzed","permissions":[{"resource_type":"CONNECTOR","access_level":"MANAGE"}]}`,
	"POST /v1/groups/{id}/users":                      `{"email":"member@example.com","role":"View Destination"}`,
	"POST /v1/users/{id}/groups":                      `{"id":"{g}","role":"View Destination"}`,
	"POST /v1/teams/{id}/users":                       `{"user_id":"{u}","role":"Team Member"}`,
	"POST /v1/connections/{id}/connect-card":          `{"connect_card_config":{"redirect_uri":"https://127.0.0.1/"}}`,
	"POST /v1/external-secrets-managers":              `{"type":"HASHICORP_VAULT","name":"fuzzed","config":{"vault_address":"a","role_id":"r","secret_id":"secret!"}}`,
	"POST /v1/connections/{id}/schemas/drop-columns":  `{"schemas":{"Sales":{"tables":{"Order":{"columns":["total"]}}}}}`,
	"POST /v1/connections/{id}/certificates":          `{"hash":"` + testHash + `","encoded_cert":"` + base64.StdEncoding.EncodeToString(testDER) + `"}`,
	"POST /v1/destinations/{id}/fingerprints":         `{"hash":"` + testKeyHash + `","public_key":"` + testKey + `"}`,
	"PATCH /v1/connections/{id}/schemas/{schema}":     `{"enabled":true,"tables":{"Order":{"enabled":true}}}`,
	"PATCH /v1/transformations/{id}":                  `{"paused":true,"schedule":{"schedule_type":"CRON","cron":["0 6 * * *"]},"transformation_config":{"name":"m","steps":[{"name":"a","command":"dbt test"}]}}`,
	"PATCH /v1/external-secrets-managers/{id}":        `{"name":"m","config":{"role_arn":"r"}}`,
}

// try makes one request and looks at what comes of it.
func (f *fuzzer) try(n int) {
	if f.e == nil || f.made > 1000 || f.lost && (n == 0 || f.statuses[200] <= 3) { // to make it all again takes time
		f.fresh()
	}
	r := f.request()
	if r == nil {
		f.statuses[0]++ // Go's server answers it
		return
	}
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	what := fmt.Sprintf("case %d: %s %.300s\n%v\n%.2000s", n, r.Method, r.RequestURI, r.Header, body)
	stuck := time.AfterFunc(time.Minute, func() { panic("no answer to " + what) })
	defer stuck.Stop()
	f.log.Reset()
	before := f.written()
	w := httptest.NewRecorder()
	f.e.handler.ServeHTTP(w, r)
	f.statuses[w.Code]++
	wrong := func(format string, args ...any) {
		f.t.Errorf("%s\n%d %.1000s\n%s\n%s", fmt.Sprintf(format, args...), w.Code, w.Body, what, f.log.String())
	}
	switch {
	case w.Code >= 500:
		wrong("an error of ours")
	case w.Code >= 400 && f.written() != before:
		wrong("a refused request writes")
	case w.Code < 400:
		f.made++
		f.lost = f.lost || r.Method == "DELETE"
	}
	if answer := w.Body.String() + fmt.Sprint(w.Header()); strings.Contains(answer, fuzzSecret) {
		wrong("the answer has a secret")
	}
	if strings.Contains(f.log.String(), fuzzSecret) {
		wrong("the log has a secret")
	}
}

// tally says how often each status came; "unsent" are requests that Go's server
// would not have passed on.
func (f *fuzzer) tally() string {
	var all []string
	for _, status := range slices.Sorted(maps.Keys(f.statuses)) {
		name := fmt.Sprint(status)
		if status == 0 {
			name = "unsent"
		}
		all = append(all, fmt.Sprint(name, " × ", f.statuses[status]))
	}
	return strings.Join(all, ", ")
}

// chance reports whether something is to be done that is done so often in 100.
func (f *fuzzer) chance(percent int) bool { return f.IntN(100) < percent }

func pick[T any](f *fuzzer, from ...T) T { return from[f.IntN(len(from))] }

// request returns a request; nil if it is none that Go's server passes on.
func (f *fuzzer) request() *http.Request {
	target := f.path()
	if f.chance(40) {
		target += "?" + f.query()
	}
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return nil
	}
	r := &http.Request{Method: f.rt.method, URL: u, RequestURI: target, Header: http.Header{}, Host: "penstock.example", RemoteAddr: "192.0.2.1:1234", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: http.NoBody}
	r = r.WithContext(f.t.Context())
	r.SetBasicAuth(f.e.key, f.e.secret)
	if f.rt.upload {
		r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
		r.Body = io.NopCloser(strings.NewReader(pick(f, "", "--b", "--b--", "--b\r\n\r\n", "--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nPK\x05\x06\r\n--b--",
			"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"../../x\"\r\n\r\n"+zipOf(f.t, 100)+"\r\n--b--")))
	} else if hasBody(&f.rt) || f.chance(10) {
		r.Header.Set("Content-Type", "application/json")
		r.Body = io.NopCloser(strings.NewReader(f.body()))
	}
	if f.chance(20) {
		f.header(r.Header)
	}
	return r
}

// path fills the route's path, mostly with what there is.
func (f *fuzzer) path() string {
	path := parameter.ReplaceAllStringFunc(f.rt.path, func(name string) string {
		if f.chance(15) {
			return pick(f, "..", ".", "%2e%2e", "%2F", "a%2Fb", "%00", "a%00b", "%", "%zz", "%ff%fe", "é", "%20", "%0a%0d", "x;y", "*", "-1", "0", "9223372036854775808",
				"%27%3B%20drop%20table%20users%3B--", "{id}", "null", strings.Repeat("a", 20_000), strings.Repeat("%2F", 1000), "@", "~", "a:b", "%E2%80%AE")
		}
		if id := f.things[noun(f.rt.path)]; name == "{id}" && id != "" {
			return id
		}
		name = strings.Trim(name, "{.}")
		return pick(f, append(slices.Clip(known[name]), cmp.Or(f.things[name], "x"))...)
	})
	if f.chance(5) {
		path = pick(f, path+"/", "/"+path, path+"/..", strings.Replace(path, "/v1", "/v1/.", 1), strings.ToUpper(path), path+"%2f", path+"//")
	}
	return path
}

// known are names that a path may lead to, by its parameter.
var known = map[string][]string{
	"id": {"missing"}, "schema": {"Sales", "hr", "15five"}, "table": {"Order", "note", "person"}, "column": {"total", "id", "customerName"},
	"what": {"test", "x"}, "hash": {"x", "a/b"}, "user": {"x"}, "place": {"x"}, "version": {"x"},
}

func (f *fuzzer) query() string {
	var all []string
	for range 1 + f.IntN(3) {
		name := pick(f, "limit", "cursor", "limit", "cursor", "user_id", "group_id", "schema", "service", "type", "active", "x", "")
		all = append(all, name+pick(f, "=", "=", "=", "", "[]=")+pick(f, "1", "1", "1000", "0", "-1", "1001", "1e3", "99999999999999999999", "abc", "%00", "%zz", "%ff", "null", "true", "x", "MTIz", "eyJpZCI6MX0",
			"AAAAAAAAAAAAAAAA", "%27", "1%20or%201", strings.Repeat("9", 5000), f.things["groups"], "2026-01-01T00%3A00%3A00Z"))
	}
	return strings.Join(all, pick(f, "&", "&", "&", ";", "&&"))
}

func (f *fuzzer) header(h http.Header) {
	long := strings.Repeat("h", 50_000)
	name := pick(f, "Accept", "Content-Type", "Authorization", "X-Request-Id", "Last-Event-ID", "Range", "X-HTTP-Method-Override", "X-Forwarded-For", "If-None-Match", "Cookie", "Expect", "Origin")
	h.Set(name, pick(f, "", "*/*", "text/html", "application/json;version=99", "application/json; charset=utf-16", "application/json,text/html;q=0", ";;;", "multipart/form-data", "text/event-stream",
		"Basic", "Basic ", "Basic !!!", "Basic Og==", "Bearer x", "-1", "bytes=0-1", "DELETE", "é\xff", long, "a, b, c", "100-continue"))
}

// body returns a body of what the operation describes, spoilt a little.
func (f *fuzzer) body() string {
	var v any = map[string]any{}
	if f.op != nil && f.op.RequestBody != nil {
		if c := f.op.RequestBody.Value.Content.Get("application/json"); c != nil && c.Schema != nil {
			v = f.instance("", c.Schema.Value, 0)
		}
	}
	if text := nearly[f.rt.method+" "+strings.Replace(f.rt.path, "/v1/connectors", "/v1/connections", 1)]; text != "" && f.chance(60) {
		if err := json.Unmarshal([]byte(f.ids().Replace(text)), &v); err != nil {
			f.t.Fatal(err)
		}
	}
	for range pick(f, 0, 0, 1, 1, 1, 2, 4) {
		v = f.spoil(v)
	}
	text, err := json.Marshal(v)
	if err != nil {
		f.t.Fatal(err)
	}
	if f.chance(20) {
		return f.tear(string(text))
	}
	return string(text)
}

// instance returns a value that a schema allows, as far as it can be told.
func (f *fuzzer) instance(name string, s *openapi3.Schema, depth int) any {
	if v := f.named(name); v != nil && f.chance(90) {
		return v
	}
	for _, some := range []openapi3.SchemaRefs{s.OneOf, s.AnyOf} {
		if len(some) > 0 {
			return f.instance(name, pick(f, some...).Value, depth)
		}
	}
	switch {
	case len(s.Enum) > 0:
		return pick(f, s.Enum...)
	case s.Type.Is("string"):
		return pick(f, "x", "name", "2026-07-01T12:00:00Z", "10:00", "x@example.com")
	case s.Type.Is("integer"), s.Type.Is("number"):
		return pick(f, 0, 1, 5, 60, 1440)
	case s.Type.Is("boolean"):
		return f.chance(50)
	case s.Type.Is("array"):
		list := []any{}
		for range f.IntN(3) {
			list = append(list, f.instance(strings.TrimSuffix(name, "s"), s.Items.Value, depth+1))
		}
		return list
	}
	object := map[string]any{}
	if depth > 8 {
		return object
	}
	for _, field := range slices.Sorted(maps.Keys(s.Properties)) {
		if f.chance(60) || slices.Contains(s.Required, field) && f.chance(95) {
			object[field] = f.instance(field, s.Properties[field].Value, depth+1)
		}
	}
	for _, part := range s.AllOf {
		if more, ok := f.instance("", part.Value, depth+1).(map[string]any); ok {
			maps.Copy(object, more)
		}
	}
	if of := s.AdditionalProperties.Schema; of != nil {
		object[pick(f, "Sales", "Order", "total", "x")] = f.instance("", of.Value, depth+1)
	}
	return object
}

// named returns a value for a field that may well be right; nil: any will do.
func (f *fuzzer) named(field string) any {
	switch field {
	case "group_id", "destination_id":
		return f.things["groups"]
	case "connection_id", "connector_id":
		return f.things["connections"]
	case "user_id":
		return f.things["users"]
	case "project_id":
		return f.things["transformation-projects"]
	case "private_link_id":
		return f.things["private-links"]
	case "proxy_agent_id":
		return f.things["proxy"]
	case "hybrid_deployment_agent_id":
		return f.things["hybrid-deployment-agents"]
	case "external_secrets_manager_id":
		return f.things["external-secrets-managers"]
	case "id":
		return f.things[pick(f, "groups", "connections", "users")]
	case "service":
		return pick(f, "15five", "postgres", "google_sheets", "aws_lambda", "postgres_warehouse", "duckdb", "datadog_log", "splunkLog", "SOURCE_GCP", "grafana_loki")
	case "role":
		return pick(f, "Account Reviewer", "Account Administrator", "View Destination", "Team Member", "Team Manager", "Manage Destination")
	case "name", "display_name":
		return fmt.Sprint("fuzz", f.IntN(1000))
	case "email":
		return fmt.Sprintf("f%d@example.com", f.IntN(1000))
	case "url", "redirect_uri":
		return "https://127.0.0.1/x"
	case "region":
		return "GCP_US_EAST4"
	case "time_zone_offset":
		return "0"
	case "hash":
		return testHash
	case "public_key":
		return testKey
	case "secret", "password", "api_key":
		return fuzzSecret
	case "config", "auth", "project_config":
		return map[string]any{"schema": fmt.Sprint("s", f.IntN(1000)), "schema_prefix": fmt.Sprint("p", f.IntN(1000)), "table": "t", "host": pick(f, "127.0.0.1", "bad", "untrusted"), "port": pick[any](f, 5432, "5432"),
			"database": "d", "user": "u", "password": fuzzSecret, "api_key": fuzzSecret, "token": fuzzSecret, "access_token": fuzzSecret, "path": "p", "dbt_version": "1.9", "default_schema": "s",
			"git_remote_url": "git@example.com:x.git", "role_arn": "r", "secret_id": fuzzSecret, "vault_address": "a", "role_id": "r", "private_connection_service_id": "x"}
	}
	return nil
}

// spoil puts something else in one place of a value.
func (f *fuzzer) spoil(v any) any {
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 0 || f.chance(15) {
			v[pick(f, "unknown", "config", "", "__proto__", "Paused", strings.Repeat("k", 10_000), "a.b", "\u0000")] = f.odd()
			return v
		}
		key := pick(f, slices.Sorted(maps.Keys(v))...)
		if f.chance(10) {
			delete(v, key)
		} else {
			v[key] = f.spoil(v[key])
		}
		return v
	case []any:
		if len(v) == 0 || f.chance(30) {
			return append(v, f.odd(), nil)
		}
		i := f.IntN(len(v))
		v[i] = f.spoil(v[i])
		return v
	}
	return f.odd()
}

// odd returns a value that nobody expects.
func (f *fuzzer) odd() any {
	return pick[any](f, nil, nil, true, false, 0, -1, 1.5, 1e308, json.Number("9223372036854775808"), json.Number("-1e400"), json.Number("0.1e-999"), "", " ", "x", "\u0000", "null", "true", "0",
		"é\u202e😀", strings.Repeat("y", 100_000), "../../etc/passwd", "' or 1=1 --", "{{.}}", "%s%n", "a.b.c", "https://127.0.0.1:1/", "9999-99-99T99:99:99Z",
		[]any{}, []any{nil}, []any{[]any{}}, map[string]any{}, map[string]any{"": nil}, map[string]any{"a": map[string]any{"b": []any{1}}}, json.RawMessage(strings.Repeat("[", 200)+strings.Repeat("]", 200)))
}

// tear spoils the text of a body.
func (f *fuzzer) tear(text string) string {
	at := f.IntN(len(text) + 1)
	return pick(f,
		text[:at],
		text[:at]+"\xff\xfe"+text[at:],
		text[:at]+"\x00"+text[at:],
		"\ufeff"+text,
		text+text,
		text+"}",
		strings.Replace(text, "{", `{"config":{},"config":[],"paused":true,"paused":1,`, 1),
		strings.Repeat(`{"a":`, 9_000)+"1"+strings.Repeat("}", 9_000),
		strings.Repeat("[", 100_000),
		`{"name":"`+strings.Repeat("n", maxBody)+`"}`,
		`{"name":"\ud800"}`,
		"", " ", "null", "1", `"x"`, "[]", "[{}]", "1e999999", "{'a':1}", "NaN", "undefined", "<xml/>", "a=b&c=d",
	)
}
