package salesforce

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-data/penstock/connector/salesforce/simulator"
)

// No sync makes more requests than it must.
func TestRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, simulator.Options{PageSize: 50})
		o.adapt = func(s *source) { s.bulkFrom, s.bulkPart = 100, 60 }
		m := o.model()
		tables := []string{"Account", "Contact", "UserRole", "UserLicense", "TaskStatus"}
		kinds := []string{"token", "global", "composite", "describe", "query", "more", "deleted", "job", "poll", "results", "drop", "limits", "versions", "identity", "jobs", "abort"}
		counted := func(f func()) string {
			before := map[string]int{}
			for _, k := range kinds {
				before[k] = o.Requests(k)
			}
			f()
			var all []string
			for _, k := range kinds {
				if n := o.Requests(k) - before[k]; n > 0 {
					all = append(all, strings.Repeat(k+" ", n))
				}
			}
			return strings.TrimSpace(strings.Join(all, ""))
		}
		expect := func(what, got, want string) {
			t.Helper()
			if got != want {
				t.Errorf("%s: got %s, want %s", what, got, want)
			}
		}
		// A count for each of Account, Contact and UserRole, a page for all but
		// Contact, which is a job; the objects themselves by one request.
		expect("history", counted(func() { o.mustSync(t, m, tables...) }),
			"token composite describe describe describe describe describe query query query query query query query job poll poll results results drop")
		o.Advance(time.Hour)
		// A page for each object, and the log of deletes for one.
		expect("nothing changed", counted(func() { o.mustSync(t, m, tables...) }), "token composite describe describe describe describe describe query query query deleted")
		o.Advance(time.Hour)
		for _, id := range o.IDs("Contact", false)[:70] {
			check(t, o.Update("Contact", id, nil))
		}
		o.Advance(time.Hour)
		expect("two pages", counted(func() { o.mustSync(t, m, tables...) }), "token composite describe describe describe describe describe query query query query deleted")
		o.equal(t, m, "Contact")
		o.Advance(24 * time.Hour)
		expect("the next day", counted(func() { o.mustSync(t, m, tables...) }), "token composite describe describe describe describe describe query query query query query deleted deleted deleted")
		expect("all objects", counted(func() {
			s := o.open(t)
			if _, err := s.Tables(t.Context(), nil); err != nil {
				t.Error(err)
			}
		}), "token global composite"+strings.Repeat(" describe", len(o.objects())))
	})
}

// The requests of increments are in a table, those of histories are not.
func TestCallTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, simulator.Options{})
		m := o.model()
		tables := []string{"Account", "UserRole", callTable}
		o.mustSync(t, m, tables...)
		if rows := m.Rows("salesforce.FIVETRAN_API_CALL"); len(rows) > 0 {
			t.Errorf("after the first sync: %q", rows)
		}
		o.Advance(time.Hour)
		o.mustSync(t, m, tables...)
		got := strings.Join(m.Rows("salesforce.FIVETRAN_API_CALL", "method", "uri"), "\n")
		for _, want := range []string{
			"GET|/services/data/v63.0/queryAll?q=SELECT … FROM Account WHERE SystemModstamp >= 2026-03-02T09:50:00.000Z AND SystemModstamp < 2026-03-02T11:00:00.000Z ORDER BY SystemModstamp,Id",
			"GET|/services/data/v63.0/sobjects/UserRole/deleted/?end=2026-03-02T11%3A00%3A00Z&start=2026-03-02T10%3A00%3A00Z",
			"POST|/services/data/v63.0/composite",
		} {
			if !strings.Contains(got, want) {
				t.Errorf("no %s in\n%s", want, got)
			}
		}
	})
}
