package salesforce

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-data/penstock/connector/connectortest"

	"github.com/penstock-data/penstock/connector/salesforce/simulator"
	"github.com/penstock-data/penstock/connector/simulate"
	"github.com/penstock-data/penstock/setup"
)

// on returns a function that calls then at the n-th request whose address has
// part in it.
func on(part string, n int, then func()) func(*http.Request) {
	return func(r *http.Request) {
		if strings.Contains(r.URL.Path, part) {
			if n--; n == 0 {
				then()
			}
		}
	}
}

// Whatever goes wrong for a while, the rows are there in the end.
func TestPassingTrouble(t *testing.T) {
	tables := []string{"Account", "Contact", "User", "UserLicense"}
	for _, c := range []struct {
		name   string
		opt    simulator.Options
		faults []simulate.Fault
		fail   []string // messages of jobs that fail; "": aborted
		before func(o *org) func(*http.Request)
		warns  string // part of a warning
		bulk   bool   // of Bulk API only
	}{
		{name: "server errors", faults: []simulate.Fault{{Path: "query", Status: 500, Count: 3}, {Path: "deleted", Status: 502}, {Path: "jobs", Status: 503, RetryAfter: "20"}}},
		{name: "several in one are refused", faults: []simulate.Fault{{Path: "composite", After: 1, Status: 503}}},
		{name: "several in one are cut", faults: []simulate.Fault{{Path: "composite", After: 1, Half: true}}},
		{name: "one object is not described", faults: []simulate.Fault{{Path: "Contact/describe", Status: 500, Count: 3}, {Path: "User/describe", Status: 429, Count: 2}}},
		{name: "throttled", faults: []simulate.Fault{{Path: "query", Status: 429, RetryAfter: "30", Count: 3}}},
		{name: "too many at once", faults: []simulate.Fault{{Path: "query", Status: 503, Count: 2}}},
		{name: "connections are cut", faults: []simulate.Fault{{Path: "query", Cut: true, Count: 2}, {Path: "composite", Cut: true}, {Path: "token", Cut: true}}},
		{name: "answers are cut", faults: []simulate.Fault{{Path: "queryAll", Half: true, Count: 2}, {Path: "composite", Half: true}, {Path: "results", Half: true, Count: 3}}},
		{name: "answers end early", faults: []simulate.Fault{{Path: "queryAll", Short: true, Count: 2}, {Path: "results", Short: true, Count: 3}}},
		{name: "answers about a new job are lost", faults: []simulate.Fault{{Path: "jobs/query", Half: true}, {Path: "jobs/query", After: 1, Half: true, Count: 2}}},
		{name: "answers about new jobs and lists of them are lost", faults: []simulate.Fault{{Path: "jobs/query", Short: true, Count: 3}}},
		{name: "results vanish", faults: []simulate.Fault{{Path: "results", After: 1, Status: 404, Code: "NOT_FOUND"}}},
		{name: "locators expire", faults: []simulate.Fault{{Path: "results", After: 1, Status: 400, Code: "INVALID_QUERY_LOCATOR"}}},
		{name: "a job vanishes", before: func(o *org) func(*http.Request) {
			return on("/jobs/query/", 1, func() { o.Advance(8 * 24 * time.Hour) })
		}},
		{name: "a job fails", fail: []string{"InternalServerError: try again"}},
		{name: "a job is aborted, and another", fail: []string{"", ""}},
		{name: "queries take too long", faults: []simulate.Fault{{Path: "queryAll", Status: 400, Code: "QUERY_TIMEOUT"}}},
		{name: "sessions end after two requests", opt: simulator.Options{SessionRequests: 2}},
		{name: "sessions end", before: func(o *org) func(*http.Request) { return on("queryAll", 3, o.EndSessions) }},
		{name: "rows move from page to page", opt: simulator.Options{LiveCursors: true}, before: func(o *org) func(*http.Request) {
			n := 0
			return func(r *http.Request) {
				if strings.Contains(r.URL.Path, "queryAll") {
					ids := o.IDs("Contact", false)
					o.Update("Contact", ids[n%len(ids)], nil)
					n += 7
				}
			}
		}},
		{name: "a field vanishes", before: func(o *org) func(*http.Request) {
			return on("/", 3, func() { o.RemoveField("Contact", "Title"); o.RemoveField("Account", "Site") })
		}, warns: "Field Title of Contact"},
		{name: "a field vanishes while a job runs", before: func(o *org) func(*http.Request) {
			return on("/jobs/query/", 1, func() { o.RemoveField("Contact", "Title") })
		}, warns: "Field Title of Contact", bulk: true},
		{name: "no jobs are left today", before: func(o *org) func(*http.Request) { o.SetJobUsage(10_000); return nil }},
		{name: "a field becomes another", before: func(o *org) func(*http.Request) {
			return on("/", 3, func() {
				o.RetypeField("Account", simulator.Field{Name: "NumberOfEmployees", Type: "string", Length: 80})
			})
		}},
	} {
		for _, how := range []string{"REST", "Bulk", "both, together"} {
			if how == "REST" && c.bulk {
				continue
			}
			t.Run(c.name+" by "+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					opt := c.opt
					opt.PageSize = 30
					o := newOrg(t, opt)
					o.adapt = func(s *source) {
						if how != "REST" {
							small(s)
						}
						if s.bulkPart = 20; how != "both, together" {
							single(s)
						}
					}
					for _, f := range c.faults {
						o.Break(f)
					}
					for _, f := range c.fail {
						o.FailJob(f)
					}
					if c.before != nil {
						o.before = c.before(o)
					}
					m := o.model()
					o.mustSync(t, m, tables...)
					warned := fmt.Sprint(m.Warnings)
					if c.warns != "" && !strings.Contains(warned, c.warns) || c.warns == "" && len(m.Warnings) > 0 {
						t.Errorf("warnings %s, want %q", warned, c.warns)
					}
					o.before = nil
					o.Mend()
					o.Advance(25 * time.Hour)
					o.mustSync(t, m, tables...)
					for _, name := range tables {
						o.equal(t, m, name)
					}
					if n := o.Jobs(); n > 0 {
						t.Errorf("%d jobs are left", n)
					}
				})
			})
		}
	}
}

// What only a person can mend is a problem that says how.
func TestProblems(t *testing.T) {
	for _, c := range []struct {
		name        string
		setUp       func(o *org)
		code, words string
		test, tells string // the setup test that fails, and what it tells
	}{
		{"wrong secret", func(o *org) {
			o.config[".auth"].(map[string]any)["client_access"].(map[string]any)["client_secret"] = "x"
		}, "authentication_failed", "client_secret", testLogin, "consumer key and secret"},
		{"wrong refresh token", func(o *org) { o.config[".auth"].(map[string]any)["refresh_token"] = "x" },
			"authentication_failed", "Log in again", testLogin, "expired access/refresh token"},
		{"revoked", func(o *org) { o.Revoke() }, "authentication_failed", "Log in again", testLogin, "Log in again"},
		{"revoked meanwhile", func(o *org) { o.before = on("queryAll", 5, o.Revoke) }, "authentication_failed", "Log in again", "", ""},
		{"inactive", func(o *org) { o.SetUser(simulator.Inactive) }, "authentication_failed", "inactive user", testLogin, "inactive user"},
		{"no API", func(o *org) { o.SetUser(simulator.NoAPI) }, "permission_denied", "API Enabled", testPermission, "API Enabled"},
		{"no API meanwhile", func(o *org) { o.before = on("queryAll", 5, func() { o.SetUser(simulator.NoAPI) }) }, "permission_denied", "API Enabled", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOrg(t, simulator.Options{})
				o.adapt = single
				c.setUp(o)
				m := o.model()
				p := setup.AsProblem(o.sync(t, m, "Account", "Contact", "User", "UserLicense", "Opportunity"))
				if p == nil || p.Code != c.code || !strings.Contains(p.Message, c.words) {
					t.Errorf("got %v, want %s with %q", p, c.code, c.words)
				}
				if strings.Contains(c.name, "meanwhile") {
					if len(m.Rows("salesforce.Account")) == 0 {
						t.Error("what was read before is lost")
					}
					o.mended(t, m)
				}
				if c.test == "" {
					return
				}
				results := o.open(t).Test(t.Context())
				last := results[len(results)-1]
				if last.Title != c.test || last.Status != setup.Failed || !strings.Contains(last.Message, c.tells) {
					t.Errorf("the setup test says %+v, want %s with %q", last, c.test, c.tells)
				}
			})
		})
	}
}

// mended gives the user and the login back what they lost, and syncs on.
func (o *org) mended(t *testing.T, m *connectortest.Model) {
	t.Helper()
	o.before = nil
	o.SetUser(simulator.Active)
	o.Restore()
	o.Advance(time.Hour)
	check(t, o.Delete("Account", o.IDs("Account", false)[7]))
	o.Advance(time.Hour)
	for range 2 { // the first goes on with the one that was broken off
		o.mustSync(t, m, "Account", "Contact", "User", "UserLicense", "Opportunity")
	}
	for _, name := range []string{"Account", "Contact", "User", "UserLicense", "Opportunity"} {
		o.equal(t, m, name)
	}
}

// The quota ends a sync for an hour, wherever it is met, and what was read
// stays read.
func TestQuota(t *testing.T) {
	tables := []string{"Account", "Contact", "User", "UserRole", "Opportunity", "Lead", "Task"}
	for n := 1; n < 12; n++ {
		for _, used := range []int{91, 100} {
			synctest.Test(t, func(t *testing.T) {
				o := newOrg(t, simulator.Options{DailyRequests: 10_000, PageSize: 30})
				o.adapt = small
				m := o.model()
				o.before = on("services/data", n, func() { o.SetUsage(used * 100) })
				err := o.sync(t, m, tables...)
				var pause *setup.Reschedule
				if !errors.As(err, &pause) || !pause.Until.Equal(o.Now().Add(time.Hour)) {
					t.Fatalf("%d%% used at request %d: %v", used, n, err)
				}
				before := o.Requests("query")
				o.Advance(time.Hour)
				if err := o.sync(t, m, tables...); !errors.As(err, &pause) {
					t.Fatalf("an hour later: %v", err)
				}
				if n := o.Requests("query") - before; n > 1 {
					t.Errorf("%d queries although the quota is used up", n)
				}
				o.Advance(24 * time.Hour)
				o.mustSync(t, m, tables...)
				o.mustSync(t, m, tables...)
				for _, name := range tables {
					o.equal(t, m, name)
				}
				if o.Jobs() > 0 {
					t.Error("a job is left")
				}
			})
		}
	}
}

// An object that vanishes, or of which what readings need does, fails alone,
// and its rows stay.
func TestVanishes(t *testing.T) {
	for _, c := range []struct {
		name  string
		at    string // part of the address, at which
		what  func(o *org) error
		words string
		stays bool // the object: the next sync has its rows
	}{
		{"object, REST", "queryAll", func(o *org) error { return o.RemoveObject("Lead") }, "no object Lead", false},
		{"object, job", "jobs/query", func(o *org) error { return o.RemoveObject("Lead") }, "no object Lead", false},
		{"cursor", "queryAll", func(o *org) error { return o.RemoveField("Lead", "SystemModstamp") }, "No such column 'SystemModstamp'", true},
		{"values", "jobs/query", func(o *org) error {
			return o.RetypeField("Lead", simulator.Field{Name: "Title", Type: "address"})
		}, "compound data", true},
		{"key", "queryAll", func(o *org) error { return o.RemoveField("Lead", "Id") }, "No such column 'Id'", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOrg(t, simulator.Options{PageSize: 10})
				m := o.model()
				o.mustSync(t, m, "Account", "Lead", "User")
				rows := m.Rows("salesforce.Lead")
				o.Advance(time.Hour)
				for _, id := range o.IDs("Lead", false) {
					check(t, o.Update("Lead", id, nil))
				}
				o.Advance(time.Hour)
				if c.at == "jobs/query" {
					o.adapt = func(s *source) { s.bulkFrom = 20 }
				}
				o.before = on(c.at, 1, func() { check(t, c.what(o)) })
				check(t, o.sync(t, m, "Account", "Lead", "User"))
				if err := m.Failed[tableName("Lead")]; len(m.Failed) != 1 || err == nil || !strings.Contains(err.Error(), c.words) {
					t.Errorf("failed: %v", m.Failed)
				}
				if n := len(m.Rows("salesforce.Lead")); n != len(rows) {
					t.Errorf("%d of %d rows are left", n, len(rows))
				}
				o.equal(t, m, "Account")
				o.equal(t, m, "User")
				if o.before = nil; !c.stays {
					return
				}
				o.Advance(time.Hour)
				o.mustSync(t, m, "Account", "Lead", "User")
				o.equal(t, m, "Lead")
			})
		})
	}
}

// A reading that was broken off and whose order is not possible any more begins
// again.
func TestOrderVanishes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, simulator.Options{PageSize: 10})
		o.adapt = func(s *source) { s.save = 1 }
		m := o.model()
		o.mustSync(t, m, "Lead")
		o.Advance(time.Hour)
		for _, id := range o.IDs("Lead", false) {
			check(t, o.Update("Lead", id, simulator.Values{"Title": "new"}))
		}
		o.Advance(time.Hour)
		o.before = on("queryAll", 3, o.Revoke)
		if o.sync(t, m, "Lead") == nil {
			t.Fatal("the sync was not broken off")
		}
		o.before = nil
		o.Restore()
		for _, name := range []string{"SystemModstamp", "LastModifiedDate"} {
			check(t, o.RemoveField("Lead", name))
		}
		o.mustSync(t, m, "Lead")
		o.equal(t, m, "Lead", "Title")
	})
}

// A user who may see no object at all is a problem, not an organization without
// tables.
func TestNoObjects(t *testing.T) {
	o := newOrg(t, simulator.Options{})
	for _, name := range o.Names() {
		check(t, o.RemoveObject(name))
	}
	_, err := o.open(t).Tables(t.Context(), nil)
	if p := setup.AsProblem(err); p == nil || p.Code != "permission_denied" || !strings.Contains(p.Message, "View All Data") {
		t.Errorf("got %v", err)
	}
}

// Answers that do not say what they must are none, however well they look.
func TestIncompleteAnswers(t *testing.T) {
	var ids []string
	for i := range 7 {
		ids = append(ids, fmt.Sprintf(`{"Id":"0035g000000000%dAAA"}`, i+1))
	}
	for _, c := range []struct {
		name, path, words string
		change            func(*http.Response)
	}{
		{"no locator", "/results", "does not say whether it is the last", func(res *http.Response) { res.Header.Del("Sforce-Locator") }},
		{"no number of rows", "/results", "does not say how many rows it has", func(res *http.Response) { res.Header.Del("Sforce-NumberOfRecords") }},
		{"rows missing", "/queryAll", "sends 7 of 30 rows", func(res *http.Response) {
			res.Body = io.NopCloser(strings.NewReader(`{"totalSize":30,"done":true,"records":[` + strings.Join(ids, ",") + `]}`))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOrg(t, simulator.Options{})
				if c.path == "/results" {
					o.adapt = small
				}
				m := o.model()
				o.after = func(res *http.Response) {
					if q := res.Request.URL; strings.Contains(q.Path, c.path) && !strings.Contains(q.RawQuery, "COUNT") && !strings.Contains(q.RawQuery, "FROM+User") {
						c.change(res)
					}
				}
				err := o.sync(t, m, "Contact", "User")
				if f := m.Failed[tableName("Contact")]; f != nil {
					err = f
				}
				if err == nil || !strings.Contains(err.Error(), c.words) {
					t.Errorf("got %v, want %q", err, c.words)
				}
				o.after = nil
				for range 2 {
					o.mustSync(t, m, "Contact", "User")
				}
				o.equal(t, m, "Contact")
				o.equal(t, m, "User")
				if o.Jobs() > 0 {
					t.Error("a job is left")
				}
			})
		})
	}
}

// A job that cannot be deleted keeps no sync from going on.
func TestJobStays(t *testing.T) {
	for _, status := range []int{403, 500} {
		synctest.Test(t, func(t *testing.T) {
			o := newOrg(t, simulator.Options{})
			o.adapt = small
			m := o.model()
			o.after = func(res *http.Response) {
				if res.Request.Method == http.MethodDelete {
					res.StatusCode = status
				}
			}
			for range 2 {
				o.mustSync(t, m, "Contact", "User")
				o.equal(t, m, "Contact")
				o.equal(t, m, "User")
				o.Advance(time.Hour)
			}
		})
	}
}

// An object that Salesforce cannot describe for now is not taken for gone: the
// sync fails, and the next one goes on.
func TestNotDescribed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, simulator.Options{})
		m := o.model()
		o.mustSync(t, m, "Account", "Contact")
		o.Break(simulate.Fault{Path: "Contact/describe", Status: 503, Count: -1})
		if _, err := o.open(t).Tables(t.Context(), m.Warn); err == nil || !strings.Contains(err.Error(), "Contact/describe: 503") {
			t.Errorf("got %v", err)
		}
		if err := o.sync(t, m, "Account", "Contact"); err == nil {
			t.Error("the sync succeeded")
		}
		o.Mend()
		o.Advance(time.Hour)
		check(t, o.Update("Contact", o.IDs("Contact", false)[0], nil))
		o.Advance(time.Hour)
		o.mustSync(t, m, "Account", "Contact")
		o.equal(t, m, "Contact")
		if n := m.Expected[tableName("Contact")]; n > 10 {
			t.Errorf("%d rows of Contact were expected: it was read again", n)
		}
	})
}

// A job that fails each time fails its table.
func TestJobsFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, simulator.Options{})
		o.adapt = small
		for range tries {
			o.FailJob("InvalidBatch : Failed to process query")
		}
		m := o.model()
		check(t, o.sync(t, m, "Contact", "User"))
		if err := m.Failed[tableName("Contact")]; err == nil || !strings.Contains(err.Error(), "Failed to process query") {
			t.Errorf("failed: %v", m.Failed)
		}
		o.equal(t, m, "User")
		o.mustSync(t, m, "Contact", "User")
		o.equal(t, m, "Contact")
		if o.Jobs() > 0 {
			t.Error("a job is left")
		}
	})
}

// An object that cannot be read as a whole is left out with a warning, and is
// no failure in each sync.
func TestUnreadable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, simulator.Options{})
		o.adapt = single
		o.Break(simulate.Fault{Path: "queryAll", Status: 400, Code: "MALFORMED_QUERY"})
		m := o.model()
		o.mustSync(t, m, "Account", "User")
		if warned := fmt.Sprint(m.Warnings); !strings.Contains(warned, "Object Account was left out") {
			t.Errorf("warnings %s", warned)
		}
		o.equal(t, m, "User")
		o.Advance(time.Hour)
		o.mustSync(t, m, "Account", "User")
		o.equal(t, m, "Account")
	})
}
