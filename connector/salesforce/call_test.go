package salesforce

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-data/penstock/connector/salesforce/simulator"
)

// No sync makes more requests than it must. Those that come as one count as one,
// so there are two figures: what counts, and what was asked for.
func TestRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, simulator.Options{PageSize: 50})
		o.adapt = func(s *source) { s.bulkFrom, s.bulkPart = 100, 60 }
		m := o.model()
		tables := []string{"Account", "Contact", "UserRole", "UserLicense", "TaskStatus"}
		kinds := []string{"token", "global", "composite", "describe", "query", "more", "deleted", "job", "poll", "results", "drop", "limits", "versions", "identity", "jobs", "abort"}
		expect := func(what string, f func(), want string) {
			t.Helper()
			before, used := map[string]int{}, o.Usage()
			for _, k := range kinds {
				before[k] = o.Requests(k)
			}
			f()
			got := fmt.Sprint(o.Usage()-used, " for")
			for _, k := range kinds {
				if n := o.Requests(k) - before[k]; n > 0 {
					got += fmt.Sprintf(" %d %s", n, k)
				}
			}
			if got != want {
				t.Errorf("%s: got %s, want %s", what, got, want)
			}
		}
		sync := func() { o.mustSync(t, m, tables...) }
		// One for the objects, one for a count of each of Account, Contact and
		// UserRole and a page of the others, then a page of two and a job.
		expect("history", sync, "10 for 1 token 2 composite 5 describe 7 query 1 job 2 poll 2 results 1 drop")
		o.Advance(time.Hour)
		// One for the objects, one for a page of each and the log of deletes.
		expect("nothing changed", sync, "2 for 1 token 2 composite 5 describe 3 query 1 deleted")
		o.Advance(time.Hour)
		check(t, o.Update("Contact", o.IDs("Contact", false)[3], nil))
		check(t, o.Delete("UserRole", o.IDs("UserRole", false)[3]))
		o.Advance(time.Hour)
		expect("two rows changed", sync, "2 for 1 token 2 composite 5 describe 3 query 1 deleted")
		o.Advance(time.Hour)
		for _, id := range o.IDs("Contact", false)[:70] {
			check(t, o.Update("Contact", id, nil))
		}
		o.Advance(time.Hour)
		expect("two pages changed", sync, "3 for 1 token 2 composite 5 describe 4 query 1 deleted")
		o.equal(t, m, "Contact")
		o.Advance(24 * time.Hour)
		expect("the next day", sync, "2 for 1 token 2 composite 5 describe 5 query 3 deleted")
		all := len(o.objects())
		expect("all objects", func() {
			if _, err := o.open(t).Tables(t.Context(), nil); err != nil {
				t.Error(err)
			}
		}, fmt.Sprintf("2 for 1 token 1 global 1 composite %d describe", all))
		o.adapt = nil
		whole := o.model()
		o.mustSync(t, whole)
		o.Advance(time.Hour)
		// Two for the objects, and one for five of those whose changes can be told.
		expect("nothing changed anywhere", func() { o.mustSync(t, whole) }, "6 for 1 token 1 global 5 composite 22 describe 16 query 3 deleted")
	})
}

// The requests of increments are in a table, those of histories are not.
func TestCallTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, simulator.Options{})
		o.adapt = single
		m := o.model()
		tables := []string{"Account", "UserRole", callTable}
		o.mustSync(t, m, tables...)
		if rows := m.Rows("salesforce.FIVETRAN_API_CALL"); len(rows) > 0 {
			t.Errorf("after the first sync: %q", rows)
		}
		o.Advance(time.Hour)
		o.mustSync(t, m, tables...)
		rows := m.Rows("salesforce.FIVETRAN_API_CALL", "method", "uri")
		slices.Sort(rows)
		got := strings.Join(rows, "\n")
		for _, want := range []string{
			"GET|/services/data/v63.0/queryAll?q=SELECT … FROM Account WHERE SystemModstamp >= 2026-03-02T09:50:00.000Z AND SystemModstamp < 2026-03-02T11:00:00.000Z ORDER BY SystemModstamp,Id",
			"POST|/services/data/v63.0/composite\nPOST|/services/data/v63.0/composite", // the objects, and two requests for UserRole
		} {
			if !strings.Contains(got, want) {
				t.Errorf("no %s in\n%s", want, got)
			}
		}
	})
}
