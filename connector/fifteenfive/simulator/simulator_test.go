package simulator

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/connector/simulate"
)

var (
	began = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	later = began.Add(40 * day)
)

func play(opt Options) *Simulator {
	opt.Start = began
	if opt.Now == nil {
		opt.Now = func() time.Time { return later }
	}
	if opt.Users == 0 {
		opt.Users = 7
	}
	return New(opt)
}

// ask makes a request, with the good key unless header names another.
func ask(t *testing.T, s *Simulator, method, target, key string) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequest(method, target, nil)
	if key != "" {
		r.Header.Set("Authorization", key)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Result(), w.Body.String()
}

func get(t *testing.T, s *Simulator, target string) (*http.Response, string) {
	t.Helper()
	return ask(t, s, "GET", target, DefaultKey)
}

type page struct {
	Count          int
	Next, Previous *string
	Results        []map[string]json.RawMessage
}

// all reads a list to its end.
func all(t *testing.T, s *Simulator, target string) []map[string]json.RawMessage {
	t.Helper()
	var rows []map[string]json.RawMessage
	for target != "" {
		res, body := get(t, s, target)
		var p page
		if err := json.Unmarshal([]byte(body), &p); err != nil || res.StatusCode != 200 {
			t.Fatalf("%s: %s, %v: %s", target, res.Status, err, body)
		}
		rows = append(rows, p.Results...)
		if target = ""; p.Next != nil {
			target = *p.Next
		} else if p.Count != len(rows) {
			t.Errorf("%s: count is %d, rows are %d", target, p.Count, len(rows))
		}
	}
	return rows
}

func TestRules(t *testing.T) {
	s := play(Options{PageSize: 5})
	for _, c := range []struct {
		request, key string
		status       int
		body, header string // parts
	}{
		{"GET /api/public/user/", DefaultKey, 200, `{"count":11,"next":"http://example.com/api/public/user/?page=2","previous":null,"results":[{"id":1,`, "application/json"},
		{"GET /api/public/user/", "Bearer " + DefaultKey, 200, `"count"`, ""},
		{"GET /api/public/user/?page=3", DefaultKey, 200, `{"count":11,"next":null,"previous":"http://example.com/api/public/user/?page=2","results":[{"id":11,`, ""},
		{"GET /api/public/user/?page=2", DefaultKey, 200, `"previous":"http://example.com/api/public/user/","results"`, ""},
		{"HEAD /api/public/user/", DefaultKey, 200, "", ""},
		{"GET /api/public/user/1/", DefaultKey, 200, `{"id":1,"first_name":`, ""},
		{"GET /api/public/feature-status/", DefaultKey, 200, `{"pulse":true,"demographic_attribute":false}`, ""},

		{"GET /api/public/user/", "", 401, "Authentication credentials were not provided.", "Bearer"},
		{"GET /api/public/user/", "x", 401, "Invalid API key.", "Bearer"},
		{"GET /api/public/user/", "Token " + DefaultKey, 401, "Invalid API key.", ""},
		{"GET /api/public/user/", DefaultExpiredKey, 401, "API key has expired.", ""},
		{"GET /api/public/user/", DefaultHighFivesKey, 403, "may only access High Fives", ""},
		{"GET /api/public/user/1/", DefaultHighFivesKey, 403, "", ""},
		{"GET /api/public/high-five/", DefaultHighFivesKey, 200, `"count"`, ""},

		{"GET /api/public/user", DefaultKey, 301, "", "/api/public/user/"},
		{"GET /api/public/user?page=2", DefaultKey, 301, "", "/api/public/user/?page=2"},
		{"GET /api/public/nothing/", DefaultKey, 404, "Not found.", ""},
		{"GET /api/public/", DefaultKey, 404, "Not found.", ""},
		{"GET /", DefaultKey, 404, "Not found.", ""},
		{"GET /api/public/user/999/", DefaultKey, 404, "Not found.", ""},
		{"GET /api/public/user/x/", DefaultKey, 404, "Not found.", ""},
		{"GET /api/public/user/1/2/", DefaultKey, 404, "Not found.", ""},
		{"GET /api/public/vacation/1/", DefaultKey, 404, "Not found.", ""},
		{"GET /api/public/user/?page=4", DefaultKey, 404, "Invalid page.", ""},
		{"GET /api/public/user/?page=0", DefaultKey, 404, "Invalid page.", ""},
		{"GET /api/public/user/?page=x", DefaultKey, 404, "Invalid page.", ""},

		{"POST /api/public/user/", DefaultKey, 405, `Method \"POST\" not allowed.`, "GET, HEAD"},
		{"DELETE /api/public/user/1/", DefaultKey, 405, "", ""},

		{"GET /api/public/user/?limit=5", DefaultKey, 400, `{"limit":["Unknown parameter."]}`, ""},
		{"GET /api/public/user/1/?page=1", DefaultKey, 400, "Unknown parameter.", ""},
		{"GET /api/public/feature-status/?page=1", DefaultKey, 400, "Unknown parameter.", ""},
		{"GET /api/public/user/?page=1&page=2", DefaultKey, 400, "Give one value.", ""},
		{"GET /api/public/report/?due_date_start=yesterday", DefaultKey, 400, "Enter a valid date/time.", ""},
		{"GET /api/public/report/?created_on_start=2026-01-01", DefaultKey, 400, "Unknown parameter.", ""},
		{"GET /api/public/report/?user_id=x", DefaultKey, 400, "Enter a number.", ""},
		{"GET /api/public/pulse/?order_by=value", DefaultKey, 400, "Select a valid choice.", ""},
		{"GET /api/public/pulse/?created_on_start=2026-01-01T00:00:00Z", DefaultKey, 400, "Enter a valid date/time.", ""},
	} {
		method, target, _ := strings.Cut(c.request, " ")
		res, body := ask(t, s, method, target, c.key)
		header := fmt.Sprint(res.Header)
		if res.StatusCode != c.status || !strings.Contains(body, c.body) || !strings.Contains(header, c.header) {
			t.Errorf("%s with %q: got %s\n%s\n%s\nwant %d, %q and %q", c.request, c.key, res.Status, header, body, c.status, c.body, c.header)
		}
	}
}

func TestHTTPSOnly(t *testing.T) {
	s := play(Options{HTTPSOnly: true})
	res, _ := get(t, s, "http://my.15five.com/api/public/user/?page=1")
	if res.StatusCode != 301 || res.Header.Get("Location") != "https://my.15five.com/api/public/user/?page=1" {
		t.Errorf("plain HTTP: %s to %q", res.Status, res.Header.Get("Location"))
	}
	if res, body := get(t, s, "https://my.15five.com/api/public/user/"); res.StatusCode != 200 || strings.Contains(body, "http:") {
		t.Errorf("HTTPS: %s: %s", res.Status, body)
	}
}

func TestLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := play(Options{Limit: 5})
		statuses := func(n int, from string) string {
			var got []string
			for range n {
				r := httptest.NewRequest("GET", "/api/public/attribute/", nil)
				r.Header.Set("Authorization", DefaultKey)
				r.RemoteAddr = from
				w := httptest.NewRecorder()
				s.ServeHTTP(w, r)
				got = append(got, fmt.Sprint(w.Code, w.Header().Get("Retry-After")))
			}
			return strings.Join(got, ",")
		}
		const five = "200,200,200,200,200"
		if got := statuses(7, "192.0.2.1:1"); got != five+",4291,4291" {
			t.Errorf("seven requests at once: %s", got)
		}
		if got := statuses(5, "192.0.2.2:1"); got != five {
			t.Errorf("from another address: %s", got)
		}
		time.Sleep(999 * time.Millisecond)
		if got := statuses(1, "192.0.2.1:2"); got != "4291" {
			t.Errorf("999 ms later, from another port: %s", got)
		}
		time.Sleep(time.Millisecond)
		if got := statuses(6, "192.0.2.1:1"); got != five+",4291" {
			t.Errorf("a second later: %s", got)
		}
		if s.Throttled() != 4 {
			t.Errorf("%d throttled, want 4", s.Throttled())
		}
	})
}

func TestFaults(t *testing.T) {
	s := play(Options{})
	srv := httptest.NewServer(s)
	defer srv.Close()
	outcome := func() string {
		req, _ := http.NewRequest("GET", srv.URL+"/api/public/user/", nil)
		req.Header.Set("Authorization", DefaultKey)
		res, err := srv.Client().Do(req)
		if err != nil {
			return "cut"
		}
		defer res.Body.Close()
		if _, err := io.ReadAll(res.Body); err != nil {
			return "half"
		}
		return fmt.Sprint(res.StatusCode, res.Header.Get("Retry-After"))
	}
	s.Break(simulate.Fault{Path: "/user/", After: 1, Count: 2, Status: 500})
	s.Break(simulate.Fault{Path: "/group/", Status: 500})
	s.Break(simulate.Fault{Half: true})
	s.Break(simulate.Fault{Status: 429, RetryAfter: "3600"})
	var got []string
	for range 6 {
		got = append(got, outcome())
	}
	// The first passes the fault that lets one pass, and meets the half page.
	if want := []string{"half", "500", "500", "4293600", "200", "200"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	s.Break(simulate.Fault{Cut: true, Count: -1})
	if got := outcome() + outcome(); got != "cutcut" {
		t.Errorf("got %s", got)
	}
	s.Mend()
	if got := outcome(); got != "200" {
		t.Errorf("after mending: %s", got)
	}
}

func TestControl(t *testing.T) {
	s := play(Options{})
	post := func(target, body string) int {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest("POST", target, strings.NewReader(body)))
		return w.Code
	}
	for _, c := range []struct {
		target, body string
		status       int
	}{
		{"/simulator/advance?by=24h", "", 200},
		{"/simulator/advance?by=-1h", "", 400},
		{"/simulator/advance", "", 400},
		{"/simulator/break", `{"path":"/user/","status":500}`, 200},
		{"/simulator/break", `{"status":200}`, 400},
		{"/simulator/break", `{"what":1}`, 400},
		{"/simulator/nothing", "", 404},
		{"/simulator/", "", 405},
	} {
		if got := post(c.target, c.body); got != c.status {
			t.Errorf("POST %s %s: %d, want %d", c.target, c.body, got, c.status)
		}
	}
	if !s.Now().Equal(later.Add(day)) {
		t.Errorf("it is %v", s.Now())
	}
	if res, _ := get(t, s, "/api/public/user/"); res.StatusCode != 500 {
		t.Errorf("the fault did not strike: %s", res.Status)
	}
	if _, body := get(t, s, "/simulator/"); !strings.Contains(body, `"now":"2026-02-15T00:00:00Z"`) {
		t.Errorf("status: %s", body)
	}
	if post("/simulator/mend", "") != 200 {
		t.Error("cannot be mended")
	}
}

// Every object of a list can be had by itself, with at least the fields of the
// list, and every reference leads to an object, or to one that was deleted.
func TestObjects(t *testing.T) {
	s := play(Options{PageSize: 4})
	for _, name := range slices.Sorted(maps.Keys(resources)) {
		res := resources[name]
		if res.single != nil {
			continue
		}
		rows := all(t, s, "http://x.test"+prefix+name+"/")
		if len(rows) == 0 || len(rows) != s.Count(name) {
			t.Errorf("%s: %d rows, Count says %d", name, len(rows), s.Count(name))
		}
		seen := map[string]bool{}
		for _, row := range rows {
			id := string(row["id"])
			if name == "security-audit" {
				id = string(row["create_ts"])
			}
			if seen[id] {
				t.Errorf("%s: %s is in the list twice", name, id)
			}
			seen[id] = true
			if res.object == nil {
				continue
			}
			answer, body := get(t, s, "http://x.test"+prefix+name+"/"+id+"/")
			var whole map[string]json.RawMessage
			if err := json.Unmarshal([]byte(body), &whole); err != nil || answer.StatusCode != 200 {
				t.Fatalf("%s %s: %s, %v: %s", name, id, answer.Status, err, body)
			}
			for field, v := range row {
				if string(whole[field]) != string(v) {
					t.Errorf("%s %s: %s is %s in the list, %s in the object", name, id, field, v, whole[field])
				}
			}
			for _, ref := range strings.Split(body, `"http://`)[1:] {
				u, err := url.Parse("http://" + ref[:strings.IndexByte(ref, '"')])
				if err != nil {
					t.Fatal(err)
				}
				parts := strings.Split(strings.Trim(u.Path, "/"), "/")
				if len(parts) != 4 || resources[parts[2]] == nil {
					t.Errorf("%s %s refers to %s", name, id, u)
				}
				if r, _ := get(t, s, u.String()); parts[2] == "user" && r.StatusCode != 200 {
					t.Errorf("%s %s refers to %s: %s", name, id, u, r.Status)
				}
			}
		}
	}
}

func TestFilters(t *testing.T) {
	s := play(Options{Pulses: 500, PageSize: 50})
	for _, c := range []struct {
		list, field, query string
		keep               func(v string) bool
	}{
		{"pulse", "create_ts", "created_on_start=2026-01-20", func(v string) bool { return v >= "2026-01-20" }},
		{"pulse", "create_ts", "created_on_start=2025-06-01+12:00:00&created_on_end=2026-01-20", func(v string) bool { return v >= "2025-06-01T12:00:00Z" && v <= "2026-01-20T00:00:00Z" }},
		{"pulse", "create_ts", "created_on_start=2030-01-01", func(string) bool { return false }},
		{"pulse", "create_ts", "created_on_end=2000-01-01", func(string) bool { return false }},
		{"high-five", "create_ts", "created_on_start=2026-01-20+10:30:00&order_by=create_ts", func(v string) bool { return v >= "2026-01-20T10:30:00Z" }},
		{"one-on-one", "for_date", "scheduled_on_start=2026-01-20", func(v string) bool { return v >= "2026-01-20" }},
		{"report", "due_date", "due_date_start=2026-01-16&due_date_end=2026-01-30", func(v string) bool { return v >= "2026-01-16" && v <= "2026-01-30" }},
		{"report", "user", "user_id=3", func(v string) bool { return strings.HasSuffix(v, "/user/3/") }},
	} {
		text := func(row map[string]json.RawMessage) string { return strings.Trim(string(row[c.field]), `"`) }
		var want, got []string
		for _, row := range all(t, s, prefix+c.list+"/") {
			if c.keep(text(row)) {
				want = append(want, text(row))
			}
		}
		for _, row := range all(t, s, prefix+c.list+"/?"+c.query) {
			got = append(got, text(row))
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s?%s (-want +got):\n%s", c.list, c.query, diff)
		}
	}
	for order, compare := range map[string]int{"create_ts": -1, "-create_ts": 1} {
		last := ""
		for _, row := range all(t, s, prefix+"pulse/?order_by="+order) {
			at := string(row["create_ts"])
			if last != "" && strings.Compare(last, at) == -compare {
				t.Errorf("order_by=%s: %s comes after %s", order, at, last)
			}
			last = at
		}
	}
}

// The company changes: with each week rows are added, changed and deleted, and
// the same company is the same at the same time.
func TestTimePasses(t *testing.T) {
	now := began.Add(20 * day)
	s, twin, other := play(Options{Now: func() time.Time { return now }}), play(Options{Now: func() time.Time { return now }}),
		play(Options{Seed: 1, Now: func() time.Time { return now }})
	snapshot := func(s *Simulator, name string) map[string]string {
		rows := map[string]string{}
		for _, row := range all(t, s, prefix+name+"/") {
			id := string(row["id"])
			rows[id] = fmt.Sprint(row)
			if resources[name].object != nil {
				_, rows[id] = get(t, s, prefix+name+"/"+id+"/")
			}
		}
		return rows
	}
	changed := map[string]string{}
	for range 14 {
		before := map[string]map[string]string{}
		for _, name := range []string{"user", "group", "report", "answer", "pulse", "high-five", "one-on-one", "vacation", "question"} {
			before[name] = snapshot(s, name)
			if !maps.Equal(before[name], snapshot(twin, name)) {
				t.Errorf("%s: two companies with the same seed differ", name)
			}
			if name == "report" && maps.Equal(before[name], snapshot(other, name)) {
				t.Errorf("%s: companies with different seeds are the same", name)
			}
		}
		now = now.Add(week)
		for name, was := range before {
			is := snapshot(s, name)
			for id, v := range was {
				switch is[id] {
				case "":
					changed[name] += "-"
				case v:
				default:
					changed[name] += "*"
				}
			}
			if len(is) > len(was) {
				changed[name] += "+"
			}
		}
	}
	for name, want := range map[string]string{
		"user": "+*", "group": "+*-", "report": "+*-", "answer": "+*-", "pulse": "+*-", "high-five": "+*-", "one-on-one": "+*-", "vacation": "+*-", "question": "*",
	} {
		for _, what := range want {
			if !strings.ContainsRune(changed[name], what) {
				t.Errorf("%s: in 14 weeks no row of the kind %q; %s", name, what, changed[name])
			}
		}
	}
}

func TestDefaults(t *testing.T) {
	now := func() time.Time { return later }
	s := New(Options{Now: now})
	if n := s.Count("user"); n < 20 || n > 35 {
		t.Errorf("%d users", n)
	}
	if n := s.Count("report"); n < 12*18 {
		t.Errorf("%d check-ins in twelve weeks", n)
	}
	if n := New(Options{Pulses: 100_000, Users: 1, Now: now}).Count("pulse"); n < 100_000 || n > 100_100 {
		t.Errorf("%d pulses", n)
	}
}

// What a page of 100 old pulses costs the simulator; per row it must be small
// against what it costs to read it.
func BenchmarkPulsePage(b *testing.B) {
	s := play(Options{Pulses: 100_000})
	r := httptest.NewRequest("GET", prefix+"pulse/?page=500", nil)
	r.Header.Set("Authorization", DefaultKey)
	for range b.N {
		s.ServeHTTP(httptest.NewRecorder(), r)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/row")
}
