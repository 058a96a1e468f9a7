package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock-data/penstock/connector/simulate"
)

func TestRules(t *testing.T) {
	s := play(Options{})
	token := login(t, s)
	const v = "/services/data/v63.0/"
	for _, c := range []struct {
		request, body string
		headers       string // Name: value, one a line
		status        int
		answer        string // a part
	}{
		{"GET /services/data/", "", "Authorization: none", 200, `{"label":"Summer '25","url":"/services/data/v64.0","version":"64.0"}`},
		{"GET /services/data", "", "", 200, `"version":"63.0"`},
		{"POST /services/data/", "{}", "", 405, "METHOD_NOT_ALLOWED"},
		{"GET " + v, "", "", 200, `"queryAll":"/services/data/v63.0/queryAll"`},
		{"GET /services/data/v63/limits", "", "", 404, "NOT_FOUND"},
		{"GET /services/data/v30.0/limits", "", "", 404, "NOT_FOUND"},
		{"GET /services/data/v999.0/limits", "", "", 404, "NOT_FOUND"},
		{"GET /", "", "", 404, `[{"errorCode":"NOT_FOUND","message":"The requested resource does not exist"}]`},
		{"GET " + v + "nothing", "", "", 404, "NOT_FOUND"},
		{"GET " + v + "limits", "", "", 200, `"DailyBulkV2QueryJobs":{"Max":10000,"Remaining":10000}`},
		{"DELETE " + v + "limits", "", "", 405, "HTTP Method 'DELETE' not allowed. Allowed are GET"},
		{"GET " + v + "limits?x=1", "", "", 400, "unexpected parameter: x"},
		{"GET " + v + "limits", "", "Accept: text/csv", 406, "NOT_ACCEPTABLE"},
		{"GET " + v + "limits", "", "Authorization: OAuth " + token, 200, ""},
		{"GET " + v + "limits", "", "Authorization: Basic x", 401, "INVALID_AUTH_HEADER"},
		{"GET " + v + "limits", "", "Authorization: Bearer x", 401, "INVALID_SESSION_ID"},

		{"GET " + v + "sobjects", "", "", 200, `{"encoding":"UTF-8","maxBatchSize":200,"sobjects":[{"activateable":false,`},
		{"GET " + v + "sobjects/", "", "", 200, `"name":"Invoice__c"`},
		{"GET " + v + "sobjects/Account/describe", "", "", 200, `"relationshipName":"MasterRecord"`},
		{"GET " + v + "sobjects/account/describe/", "", "", 200, `"name":"Account"`},
		{"GET " + v + "sobjects/Nope/describe", "", "", 404, "NOT_FOUND"},
		{"GET " + v + "sobjects/Account/describe", "", "If-Modified-Since: Mon, 02 Mar 2026 10:00:00 GMT", 304, ""},
		{"GET " + v + "sobjects/Account/describe", "", "If-Modified-Since: Sun, 01 Mar 2026 10:00:00 GMT", 200, "Account"},

		{"GET " + v + "query", "", "", 400, "MALFORMED_QUERY"},
		{"GET " + v + "query?q=SELECT+Id+FROM+Organization", "", "", 200, OrganizationID},
		{"GET " + v + "query?q=SELECT+Id+FROM+Account", "", "Sforce-Query-Options: batchSize=200", 200, `"done":true`},
		{"GET " + v + "query?q=SELECT+Id+FROM+Account", "", "Sforce-Query-Options: x", 400, "INVALID_QUERY_OPTIONS"},
		{"GET " + v + "query?q=SELECT+Id+FROM+Account+WHERE+CreatedDate+>+2026-01-01T00:00:00+01:00", "", "", 400, "MALFORMED_QUERY"}, // + is a space
		{"GET " + v + "query/01g5g0000000001AAA-2000", "", "", 400, `[{"errorCode":"INVALID_QUERY_LOCATOR","message":"invalid query locator"}]`},
		{"GET " + v + "query?q=" + strings.Repeat("x", longestURI), "", "", 414, "URI Too Long"},
		{"GET " + v + "limits", "", "X: " + strings.Repeat("x", longestHead), 431, ""},

		{"POST " + v + "composite/batch", `{"batchRequests":[{"method":"GET","url":"v63.0/sobjects/Nope/describe"},{"method":"GET","url":"v63.0/limits"}]}`, "", 200,
			`{"hasErrors":true,"results":[{"statusCode":404,"result":[{"errorCode":"NOT_FOUND","message":"The requested resource does not exist"}]},{"statusCode":200,"result":{`},
		{"POST " + v + "composite/batch", `{"haltOnError":true,"batchRequests":[{"method":"GET","url":"v63.0/sobjects/Nope/describe"},{"method":"GET","url":"v63.0/limits"}]}`, "", 200, `"statusCode":412`},
		{"POST " + v + "composite/batch", `{"batchRequests":[{"method":"GET","url":"v63.0/jobs/query"}]}`, "", 200, `"statusCode":404`},
		{"POST " + v + "composite/batch", `{"batchRequests":[]}`, "", 400, "1 to 25"},
		{"POST " + v + "composite/batch", `{"batchRequests":[` + strings.Repeat(`{"method":"GET","url":"v63.0/limits"},`, 25) + `{"method":"GET","url":"v63.0/limits"}]}`, "", 400, "1 to 25"},
		{"POST " + v + "composite/batch", `{"x":1}`, "", 400, "JSON_PARSER_ERROR"},
		{"POST " + v + "composite", `{"compositeRequest":[{"method":"GET","url":"` + v + `sobjects/Nope/describe","referenceId":"a"},{"method":"GET","url":"` + v + `limits","referenceId":"b"}]}`, "", 200,
			`"httpStatusCode":404,"referenceId":"a"`},
		{"POST " + v + "composite", `{"compositeRequest":[{"method":"GET","url":"v63.0/limits","referenceId":"a"}]}`, "", 400, "does not begin with"},
		{"POST " + v + "composite", `{"compositeRequest":[{"method":"GET","url":"` + v + `limits"}]}`, "", 400, "referenceId"},
		{"POST " + v + "composite", `{"compositeRequest":[{"method":"GET","url":"` + v + `limits","referenceId":"a"},{"method":"GET","url":"` + v + `limits","referenceId":"a"}]}`, "", 400, "not unique"},
		{"POST " + v + "composite", `{"compositeRequest":[{"method":"GET","url":"` + v + `limits","referenceId":"a","httpHeaders":{"accept":"x"}}]}`, "", 400, "must not have the header"},
		{"POST " + v + "composite", together(26, v+"limits"), "", 400, "1 to 25"},
		{"POST " + v + "composite", together(6, v+"query?q=SELECT+Id+FROM+User"), "", 400, "at most 5 queries"},
		{"POST " + v + "composite", together(5, v+"query?q=SELECT+Id+FROM+User"), "", 200, `"totalSize":8`},
		{"POST " + v + "composite/batch", `x`, "Content-Type: text/plain", 415, "UNSUPPORTED_MEDIA_TYPE"},
	} {
		method, target, _ := strings.Cut(c.request, " ")
		r := httptest.NewRequest(method, strings.ReplaceAll(target, ">", "%3E"), strings.NewReader(c.body))
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/json")
		for line := range strings.Lines(c.headers) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			r.Header.Set(name, value)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.answer) {
			t.Errorf("%.120s %.60s: %d %.600s\nwant %d, %s", c.request, c.headers, w.Code, w.Body, c.status, c.answer)
		}
	}
}

func TestPages(t *testing.T) {
	now := began
	s := play(Options{Rows: map[string]int{"Account": 450}, Now: func() time.Time { return now }, PageSize: 200})
	token := login(t, s)
	type page struct {
		TotalSize      int
		Done           bool
		NextRecordsURL string
		Records        []struct{ ID string }
	}
	get := func(target string) (p page, body string) {
		_, body = ask(t, s, "GET", target, token, "")
		json.Unmarshal([]byte(body), &p)
		return p, body
	}
	const first = "/services/data/v63.0/queryAll?q=SELECT+Id+FROM+Account"
	read := func() (ids []string) {
		for target := first; target != ""; {
			p, body := get(target)
			if p.TotalSize != 450 || p.Done != (p.NextRecordsURL == "") || len(p.Records) == 0 {
				t.Fatalf("%s: %.300s", target, body)
			}
			for _, r := range p.Records {
				ids = append(ids, r.ID)
			}
			target = p.NextRecordsURL
		}
		return ids
	}
	if got := read(); !slices.Equal(got, s.IDs("Account", true)) {
		t.Errorf("%d ids, want those of the org", len(got))
	}
	p, _ := get(first)
	now = now.Add(14 * time.Minute)
	if q, body := get(p.NextRecordsURL); len(q.Records) != 200 {
		t.Errorf("14 minutes later: %.300s", body)
	}
	now = now.Add(16 * time.Minute)
	if _, body := get(p.NextRecordsURL); !strings.Contains(body, "INVALID_QUERY_LOCATOR") {
		t.Errorf("16 minutes after that: %.300s", body)
	}
	p, _ = get(first)
	for range openCursors { // more than may be open
		get(first)
	}
	if _, body := get(p.NextRecordsURL); !strings.Contains(body, "INVALID_QUERY_LOCATOR") {
		t.Errorf("after ten more: %.300s", body)
	}
}

// Rows that change while pages are read stay where they were, unless cursors
// are live.
func TestCursors(t *testing.T) {
	for _, live := range []bool{false, true} {
		s := play(Options{Rows: map[string]int{"Account": 450, "Contact": 0}, PageSize: 200, LiveCursors: live})
		token := login(t, s)
		var p struct{ NextRecordsURL string }
		_, body := ask(t, s, "GET", "/services/data/v63.0/query?q="+url.QueryEscape("SELECT Id FROM Account ORDER BY Id"), token, "")
		json.Unmarshal([]byte(body), &p)
		ids := s.IDs("Account", false)
		for _, id := range ids[:3] {
			if err := s.Delete("Account", id); err != nil {
				t.Fatal(err)
			}
		}
		_, body = ask(t, s, "GET", p.NextRecordsURL, token, "")
		if strings.Contains(body, ids[200]) == live || !strings.Contains(body, ids[203]) {
			t.Errorf("live %v: after three were deleted, the next page begins %.300s", live, body)
		}
	}
}

func TestQuota(t *testing.T) {
	now := began
	s := play(Options{DailyRequests: 100, Now: func() time.Time { return now }})
	token := login(t, s)
	try := func() (string, string) {
		res, body := ask(t, s, "GET", "/services/data/v63.0/limits", token, "")
		return res.Header.Get("Sforce-Limit-Info"), body
	}
	if info, body := try(); info != "api-usage=1/100" || !strings.Contains(body, `"DailyApiRequests":{"Max":100,"Remaining":99}`) {
		t.Errorf("%s: %s", info, body)
	}
	now = now.Add(time.Hour)
	s.SetUsage(99)
	try()
	const exceeded = `[{"errorCode":"REQUEST_LIMIT_EXCEEDED","message":"TotalRequests Limit exceeded."}]`
	if info, body := try(); info != "api-usage=100/100" || body != exceeded {
		t.Errorf("%s: %s", info, body)
	}
	now = now.Add(90 * time.Minute)
	token = login(t, s)
	if _, body := try(); body != exceeded {
		t.Errorf("90 minutes later: %s", body)
	}
	now = now.Add(23 * time.Hour)
	token = login(t, s)
	if info, _ := try(); info != "api-usage=1/100" {
		t.Errorf("a day later: %s", info)
	}
	if res, _ := ask(t, s, "POST", "/services/data/v63.0/composite", token, together(25, "/services/data/v63.0/limits")); res.Header.Get("Sforce-Limit-Info") != "api-usage=2/100" {
		t.Errorf("a composite request of 25: %s", res.Header.Get("Sforce-Limit-Info"))
	}
	five := `{"batchRequests":[` + strings.Repeat(`{"method":"GET","url":"v63.0/limits"},`, 4) + `{"method":"GET","url":"v63.0/limits"}]}`
	if res, _ := ask(t, s, "POST", "/services/data/v63.0/composite/batch", token, five); res.Header.Get("Sforce-Limit-Info") != "api-usage=7/100" {
		t.Errorf("a batch of five: %s", res.Header.Get("Sforce-Limit-Info"))
	}
}

func TestDeletedAndUpdated(t *testing.T) {
	now := began
	s := play(Options{Rows: map[string]int{"Account": 3, "User": 3}, Now: func() time.Time { return now }})
	id := s.IDs("Account", true)
	get := func(what string, from, to time.Time) string {
		stamp := func(t time.Time) string { return url.QueryEscape(t.Format("2006-01-02T15:04:05-07:00")) }
		_, body := ask(t, s, "GET", "/services/data/v63.0/sobjects/"+what+"?start="+stamp(from)+"&end="+stamp(to), login(t, s), "")
		return body
	}
	now = now.Add(time.Hour)
	for _, err := range []error{s.Delete("Account", id[0]), s.Delete("Account", id[1]), s.Purge("Account", id[1]), s.Update("Account", id[2], Values{"Name": "x"}), s.Delete("User", s.IDs("User", true)[2])} {
		if err != nil {
			t.Fatal(err)
		}
	}
	now = now.Add(time.Hour)
	row := func(id string) string {
		return fmt.Sprintf(`{"id":"%s","deletedDate":"2026-03-02T11:00:00.000+0000"}`, id)
	}
	both := `{"deletedRecords":[` + row(id[0]) + `,` + row(id[1]) + `],"earliestDateAvailable":"2026-02-15T12:00:00.000+0000","latestDateCovered":"2026-03-02T12:00:00.000+0000"}`
	for _, c := range []struct{ what, got, want string }{
		{"deleted", get("Account/deleted", began, now), both},
		{"deleted, with a slash", get("Account/deleted/", began, now), both},
		{"deleted, of User", get("User/deleted", began, now), `"id":"0055g0000000003AAA"`},
		{"deleted, later", get("Account/deleted", now.Add(-30*time.Minute), now), `"deletedRecords":[]`},
		{"updated", get("Account/updated", began, now), `{"ids":["` + id[2] + `"],"latestDateCovered":"2026-03-02T12:00:00.000+0000"}`},
		{"too short", get("Account/deleted", now, now.Add(time.Minute)), "INVALID_REPLICATION_DATE"},
		{"too long ago", get("Account/deleted", now.Add(-15*day-time.Minute), now), "INVALID_REPLICATION_DATE"},
		{"updated, too long ago", get("Account/updated", now.Add(-30*day-time.Minute), now), "INVALID_REPLICATION_DATE"},
		{"not replicateable", get("LoginHistory/deleted", began, now), "INVALID_TYPE_FOR_OPERATION"},
	} {
		if !strings.Contains(c.got, c.want) {
			t.Errorf("%s: %s, want %s", c.what, c.got, c.want)
		}
	}
	if err := s.Undelete("Account", id[0]); err != nil {
		t.Fatal(err)
	}
	if got := get("Account/deleted", began, now); strings.Contains(got, id[0]) || !strings.Contains(got, id[1]) {
		t.Errorf("after one was undeleted: %s", got)
	}
	s.PurgeLog("Account")
	if got := get("Account/deleted", began, now); !strings.Contains(got, "INVALID_REPLICATION_DATE") {
		t.Errorf("after the log was purged: %s", got)
	}
	few := play(Options{Rows: map[string]int{"Account": 100}, MostIDs: 3})
	for _, what := range []string{"deleted", "updated"} {
		target := "/services/data/v63.0/sobjects/Account/" + what + "?start=2026-02-20T00:00:00Z&end=2026-03-02T10:00:00Z"
		if _, body := ask(t, few, "GET", target, login(t, few), ""); !strings.Contains(body, "EXCEEDED_ID_LIMIT") {
			t.Errorf("%s, too many: %s", what, body)
		}
	}
	now = now.Add(time.Hour)
	if got := get("Account/deleted", now.Add(-30*time.Minute), now); !strings.Contains(got, `"earliestDateAvailable":"2026-03-02T12:00:00.000+0000"`) {
		t.Errorf("after the log was purged, later: %s", got)
	}
}

func TestFaults(t *testing.T) {
	s := play(Options{})
	token := login(t, s)
	for _, c := range []struct {
		fault simulate.Fault
		want  string
	}{
		{simulate.Fault{Status: 429, RetryAfter: "7"}, "429 7 REQUEST_LIMIT_EXCEEDED"},
		{simulate.Fault{Status: 500}, "500  UNKNOWN_EXCEPTION"},
		{simulate.Fault{Status: 503, RetryAfter: "3"}, "503 3 SERVER_UNAVAILABLE"},
		{simulate.Fault{Status: 400, Code: "QUERY_TIMEOUT"}, "400  QUERY_TIMEOUT"},
		{simulate.Fault{Path: "/describe", Status: 500}, "200  "},
	} {
		s.Break(c.fault)
		res, body := ask(t, s, "GET", "/services/data/v63.0/query?q=SELECT+Id+FROM+Account", token, "")
		var e []struct{ ErrorCode string }
		json.Unmarshal([]byte(body), &e)
		e = append(e, struct{ ErrorCode string }{})
		if got := fmt.Sprint(res.StatusCode, " ", res.Header.Get("Retry-After"), " ", e[0].ErrorCode); got != c.want {
			t.Errorf("%+v: %s, want %s", c.fault, got, c.want)
		}
		s.Mend()
	}
}

// More requests at once than the org allows are refused.
func TestConcurrent(t *testing.T) {
	s := play(Options{Concurrent: 1})
	token := login(t, s)
	const target = "/services/data/v63.0/jobs/query/"
	j, _ := create(t, s, "query", "SELECT Id FROM Account")
	state(t, s, j.ID)
	state(t, s, j.ID)
	var inner string
	outer := httptest.NewRequest("GET", target+j.ID+"/results", nil)
	outer.Header.Set("Authorization", "Bearer "+token)
	s.ServeHTTP(&hooked{httptest.NewRecorder(), func() {
		_, inner = ask(t, s, "GET", "/services/data/v63.0/limits", token, "")
	}}, outer)
	if !strings.Contains(inner, "REQUEST_LIMIT_EXCEEDED") || !strings.Contains(inner, "ConcurrentRequests") {
		t.Errorf("while another is answered: %s", inner)
	}
	if res, body := ask(t, s, "GET", "/services/data/v63.0/limits", token, ""); res.StatusCode != 200 || res.Header.Get("Date") != began.Format(http.TimeFormat) {
		t.Errorf("afterwards: %s, %v: %s", res.Status, res.Header, body)
	}
}

// hooked calls a function before each write.
type hooked struct {
	http.ResponseWriter
	f func()
}

func (w *hooked) Write(b []byte) (int, error) {
	w.f()
	return w.ResponseWriter.Write(b)
}

// Compressed answers are those of uncompressed ones, and one that is cut has
// no end.
func TestGzip(t *testing.T) {
	s := play(Options{})
	srv := httptest.NewServer(s)
	defer srv.Close()
	token := login(t, s)
	get := func(plain bool) (string, error) {
		c := &http.Client{Transport: &http.Transport{DisableCompression: plain}}
		defer c.CloseIdleConnections()
		r, _ := http.NewRequest("GET", srv.URL+"/services/data/v63.0/sobjects", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		res, err := c.Do(r)
		if err != nil {
			return "", err
		}
		defer res.Body.Close()
		var all json.RawMessage
		err = json.NewDecoder(res.Body).Decode(&all)
		return fmt.Sprint(res.Uncompressed, len(all)), err
	}
	zipped, err := get(false)
	plain, err2 := get(true)
	if err != nil || err2 != nil || strings.TrimPrefix(zipped, "true") != strings.TrimPrefix(plain, "false") {
		t.Errorf("zipped %s, plain %s; %v, %v", zipped, plain, err, err2)
	}
	s.Break(simulate.Fault{Half: true, Count: 2})
	if _, err := get(false); err == nil {
		t.Error("half of a zipped answer is whole")
	}
	if _, err := get(true); err == nil {
		t.Error("half of an answer is whole")
	}
}

// together returns the body of a composite request for n times one address.
func together(n int, address string) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`{"method":"GET","url":%q,"referenceId":"r%d"}`, address, i))
	}
	return `{"compositeRequest":[` + strings.Join(all, ",") + "]}"
}
