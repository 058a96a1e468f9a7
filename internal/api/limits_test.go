package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fivetran/go-fivetran"
	"pgregory.net/rapid"
)

// limited returns a server with rate limits.
func limited(t *testing.T) (*env, *server) {
	t.Helper()
	e := newEnv(t)
	s := New(Config{Store: e.store, Engine: e.engine, Connectors: testConnectors, Destinations: testDestinations,
		Now: func() time.Time { return e.now }, RateLimits: true}).(*server)
	e.handler = watch(t, s)
	return e, s
}

// TestRolling holds a rate against a list of all requests: never more than so
// many in the time, and all that come when they are told to.
func TestRolling(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := &rate{most: rapid.IntRange(1, 6).Draw(t, "most"), per: rapid.SampledFrom([]time.Duration{time.Minute, time.Hour}).Draw(t, "per")}
		l := &limiter{}
		l.rates[ordinary] = []*rate{r}
		now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		var taken []time.Time
		for range rapid.IntRange(1, 60).Draw(t, "requests") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(r.per)/2).Draw(t, "pause")))
			in := func(span time.Duration) (n int) {
				for _, at := range taken {
					if now.Sub(at) < span {
						n++
					}
				}
				return n
			}
			err := l.take(ordinary, "a", now)
			var over *tooMany
			switch full := in(r.per) >= r.most; {
			case err == nil && full:
				t.Fatalf("more than %d in %v", r.most, r.per)
			case err == nil:
				taken = append(taken, now)
			case !errors.As(err, &over) || in(r.per+r.slot()) < r.most:
				t.Fatalf("refused: %v", err)
			case over.wait <= 0 || over.wait > r.per+r.slot():
				t.Fatalf("told to wait %v", over.wait)
			case l.check(ordinary, "a", now.Add(over.wait-1)) == nil || l.check(ordinary, "b", now) != nil:
				t.Fatal("allowed before its time, or another account refused")
			default:
				now = now.Add(over.wait)
				if l.check(ordinary, "a", now) != nil {
					t.Fatal("refused when told to come")
				}
			}
		}
	})
}

// TestRateLimits counts how many requests of each kind come through at once.
func TestRateLimits(t *testing.T) {
	for kind, want := range map[load][2]int{ // in a minute, and in an hour
		ordinary:   {20000, 20000},
		setupTests: {250, 2500},
		sourceRead: {500, 5000},
		newUser:    {500, 500},
		newLink:    {5, 5},
	} {
		l, start := newLimiter(), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		var got [2]int
		for minute := range 50 {
			for l.take(kind, "a", start.Add(time.Duration(minute)*66*time.Second)) == nil {
				got[1]++
				if minute == 0 {
					got[0]++
				}
			}
		}
		if got != want {
			t.Errorf("kind %d: got %v, want %v", kind, got, want)
		}
	}
	l, now := newLimiter(), time.Now()
	for range 200 {
		must(t, l.take(setupTests, "a", now))
	}
	n := 0
	for l.take(sourceRead, "a", now) == nil {
		n++
	}
	if n != 300 {
		t.Errorf("%d requests to sources beside 200 setup tests, want 300", n)
	}
}

// TestLimitedRoutes says which requests are limited beside by their number.
func TestLimitedRoutes(t *testing.T) {
	want := map[string]load{
		"POST /v1/connections/{id}/test": setupTests, "POST /v1/destinations/{id}/test": setupTests,
		"POST /v1/penstock/connections/{id}/test": setupTests, "POST /v1/penstock/destinations/{id}/test": setupTests,
		"POST /v1/penstock/destinations/{id}/query":                        sourceRead,
		"POST /v1/connections/{id}/schemas/reload":                         sourceRead,
		"GET /v1/connections/{id}/schemas/{schema}/tables/{table}/columns": sourceRead,
		"GET /v1/penstock/connections/{id}/plan":                           sourceRead, "POST /v1/penstock/connections/{id}/plan": sourceRead,
		"POST /v1/users":         newUser,
		"POST /v1/private-links": newLink,
	}
	for _, rt := range new(server).routes() {
		name := rt.method + " " + strings.Replace(rt.path, "/v1/connectors", "/v1/connections", 1)
		if rt.load != want[name] {
			t.Errorf("%s %s: got %d, want %d", rt.method, rt.path, rt.load, want[name])
		}
	}
}

// TestTooMany shows what a client is told, and which requests count as setup
// tests.
func TestTooMany(t *testing.T) {
	e, s := limited(t)
	c := e.connection()
	for range 5 {
		e.ok("GET", "/v1/connections/"+c, "")
	}
	body := `{"name":"n%d","region":"AWS_US_EAST_1","service":"SOURCE_AWS","config":{"connection_service_name":"com.amazonaws.vpce.us-east-1.vpce-svc-1"}}`
	var a answer
	for i := range 6 {
		a = e.do("POST", "/v1/private-links", fmt.Sprintf(body, i))
	}
	if wait := a.header.Get("Retry-After"); a.status != 429 || a.code != "TooManyRequests" || !strings.HasSuffix(a.message, "try again in "+wait+" seconds") {
		t.Errorf("got %d %s, Retry-After %q", a.status, a.body, wait)
	}
	e.ok("GET", "/v1/private-links", "")

	for s.limiter.take(setupTests, e.user.AccountID, e.now) == nil {
	}
	group := e.group("other")
	for _, tt := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", "/v1/connections/" + c + "/test", "{}", 429},
		{"PATCH", "/v1/connections/" + c, `{"paused":true}`, 200},
		{"PATCH", "/v1/connections/" + c, `{"config":{"api_key":"other"}}`, 429},
		{"PATCH", "/v1/connections/" + c, `{"config":{"api_key":"other"},"run_setup_tests":false}`, 200},
		{"POST", "/v1/connections", `{"group_id":"` + group + `","service":"15five","config":{"schema":"a","api_key":"k"}}`, 429},
		{"POST", "/v1/connections", `{"group_id":"` + group + `","service":"15five","config":{"schema":"a","api_key":"k"},"run_setup_tests":false}`, 201},
		{"POST", "/v1/destinations", `{"group_id":"` + group + `","service":"duckdb","time_zone_offset":"0","config":{"path":"p"}}`, 429},
		{"POST", "/v1/destinations", `{"group_id":"` + group + `","service":"duckdb","time_zone_offset":"0","config":{"path":"p"},"run_setup_tests":false}`, 201},
		{"PATCH", "/v1/destinations/" + group, `{"config":{"path":"q"}}`, 429},
		{"PATCH", "/v1/destinations/" + group, `{"time_zone_offset":"+1"}`, 200},
	} {
		if a := e.do(tt.method, tt.path, tt.body); a.status != tt.status {
			t.Errorf("%s %s %s: got %d, want %d: %s", tt.method, tt.path, tt.body, a.status, tt.status, a.body)
		}
	}
}

// TestRefusedCount shows in which limits requests count that are refused.
func TestRefusedCount(t *testing.T) {
	e, s := limited(t)
	counted := func(kind load) int {
		if w := s.limiter.rates[kind][0].find(e.user.AccountID, e.now); w != nil {
			return w.total
		}
		return 0
	}
	link := `{"name":"l","region":"AWS_US_EAST_1","service":"SOURCE_AWS","config":{"connection_service_name":"com.amazonaws.vpce.us-east-1.vpce-svc-1"}}`
	nobody, _ := e.as("nobody@example.com", "")
	for range 6 {
		if a := nobody.do("POST", "/v1/private-links", link); a.status != 403 {
			t.Errorf("got %d %s", a.status, a.body)
		}
	}
	if got := counted(newLink); got != 0 {
		t.Errorf("%d new links of somebody who may make none", got)
	}
	for range 5 {
		e.ok("POST", "/v1/private-links", link)
	}
	before := counted(ordinary)
	if a := e.do("POST", "/v1/private-links", link); a.status != 429 || counted(ordinary) != before || counted(newLink) != 5 {
		t.Errorf("got %d %s, %d requests and %d links, want %d", a.status, a.body, counted(ordinary), counted(newLink), before)
	}
}

// TestNewMembersCount shows that whoever is made by an invitation into a group
// counts as a new user, and no other member does.
func TestNewMembersCount(t *testing.T) {
	e, s := limited(t)
	g := e.group("g")
	known := e.newUser("known@example.com", "")
	for s.limiter.take(newUser, e.user.AccountID, e.now) == nil {
	}
	member := `{"email":"%s@example.com","role":"View Destination"}`
	if a := e.do("POST", "/v1/groups/"+g+"/users", fmt.Sprintf(member, "new")); a.status != 429 {
		t.Errorf("got %d %s", a.status, a.body)
	}
	e.ok("POST", "/v1/groups/"+g+"/users", fmt.Sprintf(member, "known"))
	e.ok("GET", "/v1/users/"+known+"/groups/"+g, "")
}

// TestWrongKeys shows that whoever guesses the secret of a key from one address
// is not answered any more, even if it guesses right, and that nobody else is
// kept out: not with the key from other addresses, nor with others from there.
func TestWrongKeys(t *testing.T) {
	e, s := limited(t)
	with := func(addr, key, secret string) int {
		r := httptest.NewRequest("GET", "/v1/account/info", nil)
		r.RemoteAddr = addr
		r.SetBasicAuth(key, secret)
		w := httptest.NewRecorder()
		e.handler.ServeHTTP(w, r)
		return w.Code
	}
	ask := func(addr, secret string) int { return with(addr, e.key, secret) }
	other, _ := e.as("other@example.com", "")
	for range wrongKeys + 1 {
		with("[2001:db8::1]:1234", "no key at all", "wrong")
	}
	for range wrongKeys {
		if got := ask("[2001:db8::1]:1234", "wrong"); got != 401 {
			t.Fatalf("got %d", got)
		}
	}
	for addr, want := range map[string]int{"[2001:db8::1]:1234": 429, "[2001:db8::2]:99": 429, "[2001:db8:0:1::1]:1": 200, "192.0.2.1:1": 200} {
		if got := ask(addr, e.secret); got != want {
			t.Errorf("%s: got %d, want %d", addr, got, want)
		}
	}
	if got := with("[2001:db8::1]:1234", other.key, other.secret); got != 200 {
		t.Errorf("another key: %d", got)
	}
	e.now = e.now.Add(64 * time.Second)
	if got := ask("[2001:db8::1]:1234", e.secret); got != 200 {
		t.Errorf("a minute later: %d", got)
	}
	for i := range 5 * maxWindows {
		s.limiter.take(wrongKey, fmt.Sprint(i), e.now)
	}
	if r := s.limiter.rates[wrongKey][0]; len(r.recent)+len(r.before) > 2*maxWindows {
		t.Errorf("%d addresses are remembered", len(r.recent)+len(r.before))
	}
}

// TestClientWaits has go-fivetran meet a limit: it waits as long as it is told
// to, and comes again.
func TestClientWaits(t *testing.T) {
	e, s := limited(t)
	for s.limiter.take(ordinary, e.user.AccountID, e.now) == nil {
	}
	rate := s.limiter.rates[ordinary][0]
	e.now = rate.find(e.user.AccountID, e.now).frees(rate.slot()).Add(-7 * time.Second)
	synctest.Test(t, func(t *testing.T) {
		start, origin := time.Now(), e.now
		direct := &direct{handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			e.now = origin.Add(time.Since(start))
			e.handler.ServeHTTP(w, r)
		})}
		client := fivetran.New(e.key, e.secret)
		client.SetHttpClient(direct)
		info, err := client.AccountInfo().Do(t.Context())
		if err != nil || info.Data.AccountId != e.user.AccountID || direct.requests != 2 || time.Since(start) != 7*time.Second {
			t.Errorf("got %+v, %v after %d requests and %v", info, err, direct.requests, time.Since(start))
		}
	})
}

// A direct client asks a handler without a network.
type direct struct {
	handler  http.Handler
	requests int
}

func (d *direct) Do(r *http.Request) (*http.Response, error) {
	d.requests++
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	return w.Result(), nil
}
