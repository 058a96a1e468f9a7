package salesforce

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-data/penstock/connector/salesforce/simulator"
	"github.com/penstock-data/penstock/connector/simulate"
)

// Whatever happens to rows, and to requests and syncs meanwhile, the rows are
// those of the organization in the end.
func TestRandom(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { play(t, rand.New(rand.NewPCG(seed, 0))) })
		})
	}
}

func play(t *testing.T, r *rand.Rand) {
	tables := []string{"Account", "Contact", "User", "UserRole", "UserLicense", "AccountHistory"}
	o := newOrg(t, simulator.Options{
		PageSize: 7 + r.IntN(40), LogKeeps: r.IntN(2) == 0, LiveCursors: r.IntN(2) == 0,
		VisibleAfter: []time.Duration{0, 5 * time.Minute}[r.IntN(2)], MostIDs: []int{0, 4}[r.IntN(2)], SessionRequests: []int{0, 9}[r.IntN(2)],
	})
	o.adapt = func(s *source) {
		s.bulkFrom, s.bulkPart, s.save, s.queries = int64(10+r.IntN(90)), int64(5+r.IntN(40)), 1+r.IntN(4), 1+r.IntN(5)
	}
	m := o.model()
	for range 12 {
		for range r.IntN(5) {
			change(o, tables[r.IntN(len(tables))], r)
		}
		if r.IntN(3) == 0 {
			o.Break(trouble(r))
		}
		if r.IntN(4) == 0 { // rows change while they are read
			o.before = func(q *http.Request) {
				if r.IntN(6) == 0 {
					change(o, tables[r.IntN(len(tables))], r)
					o.Advance(time.Duration(r.IntN(90)) * time.Second)
				}
			}
		}
		o.sync(t, m, tables...) // which may fail
		o.before = nil
		o.Advance([]time.Duration{time.Minute, 20 * time.Minute, 5 * time.Hour, 26 * time.Hour, 8 * 24 * time.Hour}[r.IntN(5)])
	}
	o.Mend()
	for range 2 { // the first may go on with one that was broken off
		o.Advance(25 * time.Hour)
		o.mustSync(t, m, tables...)
	}
	for _, name := range tables {
		o.equal(t, m, name)
	}
	o.equal(t, m, "Contact", "Title", "IsDeleted")
	if o.Jobs() > 0 {
		t.Errorf("%d jobs are left", o.Jobs())
	}
}

// change does something to a row.
func change(o *org, table string, r *rand.Rand) {
	ids := o.IDs(table, true)
	if len(ids) == 0 {
		o.Insert(table, nil)
		return
	}
	id := ids[r.IntN(len(ids))]
	switch r.IntN(6) {
	case 0, 1:
		o.Update(table, id, nil)
	case 2:
		o.Insert(table, nil)
	case 3:
		o.Delete(table, id)
	case 4:
		if table == "AccountHistory" {
			break // nothing tells that one of these is back
		}
		if o.Undelete(table, id) != nil && table == "Contact" {
			o.Update(table, id, simulator.Values{"Title": fmt.Sprint(r.IntN(9))})
		}
	case 5:
		o.Purge(table, id)
	}
}

// trouble returns something that goes wrong for a while, or for good.
func trouble(r *rand.Rand) simulate.Fault {
	f := simulate.Fault{Path: []string{"query", "jobs", "results", "deleted", "composite", "token", ""}[r.IntN(7)], After: r.IntN(5), Count: 1 + r.IntN(12)}
	switch r.IntN(7) {
	case 0:
		f.Status = 500
	case 1:
		f.Status, f.RetryAfter = 503, "40"
	case 2:
		f.Cut = true
	case 3:
		f.Half = true
	case 4:
		f.Short = true
	case 5:
		f.Status, f.Code = 400, []string{"QUERY_TIMEOUT", "INVALID_QUERY_LOCATOR", "EXCEEDED_ID_LIMIT", "LIMIT_EXCEEDED"}[r.IntN(4)]
	case 6:
		f.Status, f.Code = 403, "REQUEST_LIMIT_EXCEEDED"
	}
	return f
}
