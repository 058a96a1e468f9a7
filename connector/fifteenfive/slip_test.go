package fifteenfive

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/connectortest"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// A slipping company has pulses, or check-ins, ten days apart, listed in pages
// of two. As often as it slips the first goes away after the first page was
// served, so that the third moves to that page. When it is asked for what is at
// a pause for the first time, it wants one.
type slipping struct {
	mu    sync.Mutex
	ids   []int
	slips int
	pause string // "page 3" of the list, or the object "7"; "": none
}

func day0(id int) time.Time { return began.Add(time.Duration(id) * 10 * day) }

func (s *slipping) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var id int
	q, page := r.URL.Query(), 1
	fmt.Sscan(q.Get("page"), &page)
	asked := fmt.Sprint("page ", page)
	if parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/"); len(parts) == 4 { // api/public/report/7
		fmt.Sscan(parts[3], &id)
		asked = parts[3]
	}
	if asked == s.pause {
		s.pause = ""
		w.Header().Set("Retry-After", "3600")
		http.Error(w, `{"detail":"Wait."}`, http.StatusTooManyRequests)
		return
	}
	if id > 0 {
		fmt.Fprint(w, s.row(id))
		return
	}
	if page == 2 && s.slips > 0 {
		s.ids = s.ids[1:]
		s.slips--
	}
	var rows []string
	for _, id := range s.ids {
		from := q.Get("created_on_start") + q.Get("due_date_start")
		if from == "" || day0(id).Format(time.DateTime) >= from {
			rows = append(rows, s.row(id))
		}
	}
	const size = 2
	next := "null"
	if page*size < len(rows) {
		q.Set("page", fmt.Sprint(page+1))
		next = fmt.Sprintf(`"http://%s%s?%s"`, r.Host, r.URL.Path, q.Encode())
	}
	fmt.Fprintf(w, `{"count":%d,"next":%s,"previous":null,"results":[%s]}`, len(rows), next,
		strings.Join(rows[min((page-1)*size, len(rows)):min(page*size, len(rows))], ","))
}

func (*slipping) row(id int) string {
	at := day0(id)
	return fmt.Sprintf(`{"id":%d,"create_ts":%q,"due_date":%q}`, id, at.Format(time.RFC3339), at.Format(time.DateOnly))
}

// A row that slips to a page which was read already, before a sync is broken
// off, is not taken for deleted by the sync that goes on from there.
func TestListThatShrinksBeforeAnInterruption(t *testing.T) {
	for table, c := range map[string]struct {
		slips int
		pause string
	}{"pulse": {1, "page 3"}, "check_in": {3, "7"}} {
		t.Run(table, func(t *testing.T) {
			v := &slipping{ids: []int{1, 2, 3, 4, 5, 6, 7}}
			now := day0(8)
			m := &connectortest.Model{Clock: func() time.Time { return now }}
			sync := func() error {
				src, err := open([]byte(`{"api_key":"k"}`), connector.Env{HTTP: &http.Client{Transport: direct{v}}, Endpoint: "http://15five.test", Now: m.Clock}, nil)
				if err != nil {
					t.Fatal(err)
				}
				return m.SyncTables(t.Context(), src, func(t schema.Table) bool { return t.Table == table })
			}
			if err := sync(); err != nil {
				t.Fatal(err)
			}
			now = now.Add(8 * day) // all is read as a whole
			v.slips, v.pause = c.slips, c.pause
			var pause *setup.Reschedule
			if err := sync(); !errors.As(err, &pause) {
				t.Fatalf("got %v", err)
			}
			now = now.Add(time.Hour)
			if err := sync(); err != nil {
				t.Fatal(err)
			}
			got := m.Rows(table, "id")
			for _, id := range v.ids {
				if !slices.Contains(got, fmt.Sprint(id)) {
					t.Errorf("%d was taken for deleted; live are %v", id, got)
				}
			}
		})
	}
}
