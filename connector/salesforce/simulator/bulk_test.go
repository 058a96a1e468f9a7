package simulator

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock-data/penstock/connector/simulate"
)

const jobs = "/services/data/v63.0/jobs/query"

// create makes a job, and returns it and the answer.
func create(t *testing.T, s *Simulator, operation, query string) (job, string) {
	t.Helper()
	b, _ := json.Marshal(map[string]string{"operation": operation, "query": query})
	_, body := ask(t, s, "POST", jobs, login(t, s), string(b))
	var j job
	json.Unmarshal([]byte(body), &j)
	return j, body
}

// state polls a job once.
func state(t *testing.T, s *Simulator, id string) string {
	t.Helper()
	_, body := ask(t, s, "GET", jobs+"/"+id, login(t, s), "")
	var j job
	if err := json.Unmarshal([]byte(body), &j); err != nil {
		return body
	}
	return strings.TrimSpace(j.State + " " + j.ErrorMessage)
}

func results(t *testing.T, s *Simulator, id, params string) (*http.Response, string) {
	t.Helper()
	return ask(t, s, "GET", jobs+"/"+id+"/results"+params, login(t, s), "")
}

func TestJob(t *testing.T) {
	s := known(t)
	s.Delete("Account", s.IDs("Account", false)[1])
	j, body := create(t, s, "queryAll", "SELECT Name, AnnualRevenue, IsDeleted, SystemModstamp, LastActivityDate, Owner.Username FROM Account")
	if j.ID == "" || !strings.Contains(body, `"operation":"queryAll","object":"Account","createdById":"`+userID+`"`) || !strings.Contains(body, `"state":"UploadComplete","concurrencyMode":"Parallel","contentType":"CSV","apiVersion":63.0,`) {
		t.Fatalf("created: %s", body)
	}
	if res, body := results(t, s, j.ID, ""); res.StatusCode != 400 || !strings.Contains(body, "INVALIDJOBSTATE") {
		t.Errorf("results of an unfinished job: %s: %s", res.Status, body)
	}
	if got := state(t, s, j.ID) + " " + state(t, s, j.ID) + " " + state(t, s, j.ID); got != "InProgress JobComplete JobComplete" {
		t.Errorf("states: %s", got)
	}
	s.Update("Account", s.IDs("Account", false)[0], Values{"Name": "later"}) // the job has found its rows before
	res, got := results(t, s, j.ID, "")
	want := `"Name","AnnualRevenue","IsDeleted","SystemModstamp","LastActivityDate","Owner.Username"
"Ann","10.0","false","2026-03-02T10:00:00.000Z","2026-03-01","user1@example.com"
"bob_x","","true","2026-03-02T10:00:00.000Z","",""
"Cy%d","12345678901234.56","false","2026-03-02T10:00:00.000Z","2026-02-20","user2@example.com"
"O'Neil ""q""","0.5","false","2026-03-02T10:00:00.000Z","1700-01-01","user1@example.com"
`
	if got = strings.Replace(got, "1.234567890123456E13", "12345678901234.56", 1); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	if h := res.Header; h.Get("Sforce-Locator") != "null" || h.Get("Sforce-NumberOfRecords") != "4" || !strings.HasPrefix(h.Get("Content-Type"), "text/csv") {
		t.Errorf("headers: %v", h)
	}
	if res, _ := ask(t, s, "DELETE", jobs+"/"+j.ID, login(t, s), ""); res.StatusCode != 204 {
		t.Errorf("delete: %s", res.Status)
	}
	if res, _ := results(t, s, j.ID, ""); res.StatusCode != 404 {
		t.Errorf("results of a deleted job: %s", res.Status)
	}
}

func TestResultPages(t *testing.T) {
	now := began
	s := play(Options{Rows: map[string]int{"Account": 1050}, ResultRows: 1000, Now: func() time.Time { return now }})
	j, _ := create(t, s, "queryAll", "SELECT Id, Description FROM Account")
	state(t, s, j.ID)
	state(t, s, j.ID)
	var ids []string
	locators := map[string]bool{}
	for locator := ""; locator != "null"; {
		res, body := results(t, s, j.ID, "?maxRecords=400&locator="+locator)
		rows, err := csv.NewReader(strings.NewReader(body)).ReadAll()
		if err != nil || fmt.Sprint(len(rows)-1) != res.Header.Get("Sforce-NumberOfRecords") || rows[0][0] != "Id" {
			t.Fatalf("%s: %d rows, %v: %v", res.Status, len(rows), res.Header, err)
		}
		for _, r := range rows[1:] {
			ids = append(ids, r[0])
		}
		locator = res.Header.Get("Sforce-Locator")
		locators[locator] = true
	}
	if !slices.Equal(ids, s.IDs("Account", true)) || len(locators) != 3 {
		t.Errorf("%d ids in %d pages", len(ids), len(locators))
	}
	if res, _ := results(t, s, j.ID, ""); res.Header.Get("Sforce-NumberOfRecords") != "1000" || res.Header.Get("Sforce-Locator") == "null" {
		t.Errorf("without maxRecords: %v", res.Header)
	}
	for _, params := range []string{"?locator=x", "?locator=OTk5OTk5OQ", "?maxRecords=0", "?maxRecords=x", "?page=1"} {
		if res, body := results(t, s, j.ID, params); res.StatusCode != 400 {
			t.Errorf("%s: %s: %.200s", params, res.Status, body)
		}
	}
	now = now.Add(7*day + time.Hour)
	if res, _ := results(t, s, j.ID, ""); res.StatusCode != 404 {
		t.Errorf("seven days later: %s", res.Status)
	}
}

func TestJobRules(t *testing.T) {
	s := play(Options{})
	for _, c := range []struct{ operation, query, want string }{
		{"insert", "SELECT Id FROM Account", "operation must be query or queryAll"},
		{"query", "SELECT Id, BillingAddress FROM Account", "Selecting compound data not supported in Bulk Query"},
		{"query", "SELECT Id, Site__c FROM Invoice__c", "Selecting compound data not supported in Bulk Query"},
		{"query", "SELECT Id, File__c FROM Invoice__c", "API_ERROR"},
		{"query", "SELECT Id FROM TaskStatus", `[{"errorCode":"INVALIDENTITY","message":"Entity 'TaskStatus' is not supported by the Bulk API."}]`},
		{"query", "SELECT COUNT() FROM Account", "API_ERROR"},
		{"query", "SELECT COUNT(Id) FROM Account", "API_ERROR"},
		{"query", "SELECT Id FROM Account OFFSET 1", "API_ERROR"},
		{"query", "SELECT Id FROM Account GROUP BY Id", "MALFORMED_QUERY"},
		{"query", "SELECT Id, (SELECT Id FROM Contacts) FROM Account", "MALFORMED_QUERY"},
		{"query", "SELECT Nope FROM Account", "INVALID_FIELD"},
		{"query", "SELECT Id FROM Nope", "INVALID_TYPE"},
		{"query", "", "MALFORMED_QUERY"},
		{"query", "SELECT Id FROM Account ORDER BY Id LIMIT 3", "UploadComplete"},
	} {
		if _, body := create(t, s, c.operation, c.query); !strings.Contains(body, c.want) {
			t.Errorf("%s %s: %s, want %s", c.operation, c.query, body, c.want)
		}
	}
	if _, body := ask(t, s, "POST", jobs, login(t, s), `{"operation":"query","query":"SELECT Id FROM Account","object":"Account"}`); !strings.Contains(body, "JSON_PARSER_ERROR") {
		t.Errorf("an unknown field: %s", body)
	}
	if _, body := ask(t, s, "GET", jobs, login(t, s), ""); !strings.Contains(body, `{"done":true,"nextRecordsUrl":null,"records":[{"id":`) {
		t.Errorf("list: %s", body)
	}
	s.SetJobUsage(10_000)
	if _, body := create(t, s, "query", "SELECT Id FROM Account"); !strings.Contains(body, "LIMIT_EXCEEDED") {
		t.Errorf("one job too many: %s", body)
	}
}

func TestJobEnds(t *testing.T) {
	s := play(Options{Polls: 2})
	s.FailJob("InternalServerError : too busy")
	s.FailJob("")
	var got []string
	for range 3 {
		j, _ := create(t, s, "query", "SELECT Id FROM Account")
		for range 4 {
			got = append(got, state(t, s, j.ID))
		}
	}
	want := []string{
		"UploadComplete", "InProgress", "InProgress", "Failed InternalServerError : too busy",
		"UploadComplete", "InProgress", "InProgress", "Aborted", "UploadComplete", "InProgress", "InProgress", "JobComplete",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	j, _ := create(t, s, "query", "SELECT Id, Fax FROM Account")
	s.RemoveField("Account", "Fax") // between creation and work
	for range 3 {
		state(t, s, j.ID)
	}
	if got := state(t, s, j.ID); !strings.HasPrefix(got, "Failed INVALID_FIELD") {
		t.Errorf("without the field: %s", got)
	}
	patch := func(id, body string) string {
		_, b := ask(t, s, "PATCH", jobs+"/"+id, login(t, s), body)
		return b
	}
	if got := patch(j.ID, `{"state":"Aborted"}`); !strings.Contains(got, "INVALIDJOBSTATE") {
		t.Errorf("aborting a failed job: %s", got)
	}
	j, _ = create(t, s, "query", "SELECT Id FROM Account")
	if got := patch(j.ID, `{"state":"Open"}`); !strings.Contains(got, "INVALIDJOB") {
		t.Errorf("opening a job: %s", got)
	}
	if got := patch(j.ID, `{"state":"Aborted"}`); !strings.Contains(got, `"state":"Aborted"`) || state(t, s, j.ID) != "Aborted" {
		t.Errorf("aborting: %s", got)
	}
	if got := patch("750x", `{"state":"Aborted"}`); !strings.Contains(got, "NOT_FOUND") {
		t.Errorf("aborting what is not there: %s", got)
	}
}

// Results that end early look whole but for the number of records.
func TestShortResults(t *testing.T) {
	s := play(Options{})
	j, _ := create(t, s, "query", "SELECT Id FROM Account")
	state(t, s, j.ID)
	state(t, s, j.ID)
	_, whole := results(t, s, j.ID, "")
	s.Break(simulate.Fault{Path: "/results", Short: true})
	res, short := results(t, s, j.ID, "")
	if res.StatusCode != 200 || !strings.HasPrefix(whole, short) || !strings.HasSuffix(short, "\n") || len(short) > len(whole)/2 || res.Header.Get("Sforce-NumberOfRecords") != fmt.Sprint(strings.Count(whole, "\n")-1) {
		t.Errorf("%s, %v, %d of %d bytes", res.Status, res.Header, len(short), len(whole))
	}
}
