package simulator

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/penstock-data/penstock/connector/simulate"
)

// A cursor is a query whose next page may be asked for.
type cursor struct {
	q       *query
	rows    []int32
	size    int
	version string
	used    time.Time
}

func (s *Simulator) query(c *call) (*answer, *apiError) { return s.find(c, false) }

func (s *Simulator) queryAll(c *call) (*answer, *apiError) { return s.find(c, true) }

// find answers a query with its first page.
func (s *Simulator) find(c *call, deleted bool) (*answer, *apiError) {
	size, e := s.pageSize(c)
	if e != nil {
		return nil, e
	}
	if !c.query.Has("q") {
		return nil, &apiError{http.StatusBadRequest, "MALFORMED_QUERY", "A query string has to be specified"}
	}
	st, e := parseQuery(c.query.Get("q"))
	if e != nil {
		return nil, e
	}
	s.mu.Lock()
	sn := s.snapshot()
	s.mu.Unlock()
	q, e := sn.resolve(st, deleted)
	if e != nil {
		return nil, e
	}
	if st.aggregates {
		return &answer{body: q.aggregated()}, nil
	}
	cu := &cursor{q: q, rows: q.rows(), size: size, version: c.version, used: sn.now}
	if st.countOnly {
		return &answer{body: fmt.Appendf(nil, `{"totalSize":%d,"done":true,"records":[]}`, len(cu.rows))}, nil
	}
	locator := ""
	if len(cu.rows) > size {
		locator = s.keep(cu)
	}
	return &answer{body: cu.page(locator, 0)}, nil
}

// pageSize returns how many rows a page has. A client may ask for 200 to 2,000
// (REST API guide, Query Options Header), and get fewer.
func (s *Simulator) pageSize(c *call) (int, *apiError) {
	o := c.Header.Get("Sforce-Query-Options")
	if o == "" {
		return s.opt.PageSize, nil
	}
	n, err := strconv.Atoi(strings.TrimPrefix(o, "batchSize="))
	if err != nil {
		return 0, &apiError{http.StatusBadRequest, "INVALID_QUERY_OPTIONS", "Sforce-Query-Options: " + o}
	}
	return min(max(n, 200), s.opt.PageSize), nil
}

const openCursors = 10 // per user; the one that was not used longest goes

// keep remembers a cursor, and returns its id.
func (s *Simulator) keep(cu *cursor) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.cursors) >= openCursors {
		oldest := ""
		for name, c := range s.cursors {
			if oldest == "" || c.used.Before(s.cursors[oldest].used) || c.used.Equal(s.cursors[oldest].used) && name < oldest {
				oldest = name
			}
		}
		delete(s.cursors, oldest)
	}
	s.serial++
	name := value{kind: id, text: "01g", num: s.serial}.String()
	s.cursors[name] = cu
	return name
}

// page writes the rows from one on.
func (cu *cursor) page(locator string, from int) []byte {
	var j simulate.Object
	to := min(from+cu.size, len(cu.rows))
	j.Open()
	j.Int("totalSize", int64(len(cu.rows)))
	j.Bool("done", to == len(cu.rows))
	if to < len(cu.rows) {
		j.Text("nextRecordsUrl", fmt.Sprintf("/services/data/%s/query/%s-%d", cu.version, locator, to))
	}
	j.Array("records")
	for _, n := range cu.rows[from:to] {
		j.Item()
		cu.q.record(&j, cu.version, int64(n))
	}
	j.EndArray()
	j.Close()
	return j.Bytes
}

func (q *query) aggregated() []byte {
	var j simulate.Object
	j.Open()
	j.Int("totalSize", 1)
	j.Bool("done", true)
	j.Array("records")
	j.Open()
	j.Name("attributes")
	j.Open()
	j.Text("type", "AggregateResult")
	j.Close()
	for i, v := range q.aggregate() {
		name := q.columns[i].alias
		if name == "" {
			name = fmt.Sprint("expr", i)
		}
		j.Name(name)
		v.json(&j)
	}
	j.Close()
	j.EndArray()
	j.Close()
	return j.Bytes
}

// more answers with the next page of a query.
func (s *Simulator) more(c *call) (*answer, *apiError) {
	name, at, _ := strings.Cut(c.args[0], "-")
	from, err := strconv.Atoi(at)
	s.mu.Lock()
	now := s.clock.Now()
	cu := s.cursors[name]
	if cu != nil && now.Sub(cu.used) > s.opt.LocatorTTL {
		delete(s.cursors, name)
		cu = nil
	}
	if cu == nil || err != nil || from <= 0 || from >= len(cu.rows) {
		s.mu.Unlock()
		return nil, &apiError{http.StatusBadRequest, "INVALID_QUERY_LOCATOR", "invalid query locator"}
	}
	cu.used = now
	page := *cu
	sn := s.snapshot()
	s.mu.Unlock()
	if s.opt.LiveCursors {
		q, e := sn.resolve(cu.q.statement, cu.q.deleted)
		if e != nil {
			return nil, e
		}
		page.q, page.rows = q, q.rows()
		from = min(from, len(page.rows))
	}
	return &answer{body: page.page(name, from)}, nil
}
