package simulator

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock-data/penstock/connector/simulate"
)

// A call is a request to the REST API that may be answered.
type call struct {
	*http.Request
	version string // v63.0
	args    []string
	query   url.Values
}

// An answer is what a call gets. Its status is 200 if it is not set.
type answer struct {
	status int
	header http.Header
	body   []byte
	stream func(w io.Writer) error // instead of body
}

// A route is a path of the REST API below the version.
type route struct {
	kind    string // for the counts
	method  string
	path    string // * stands for one part
	params  string // that the query may have
	accepts string // media type of the answer; "": JSON
	batched bool   // may be asked for in a batch
	serve   func(*Simulator, *call) (*answer, *apiError)
}

var routes []route

func init() { // in a function, because batch leads back here
	const get, post, patch, drop = http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete
	routes = []route{
		{"resources", get, "", "", "", true, (*Simulator).resources},
		{"limits", get, "limits", "", "", true, (*Simulator).limits},
		{"global", get, "sobjects", "", "", true, (*Simulator).global},
		{"describe", get, "sobjects/*/describe", "", "", true, onTable((*Simulator).describe)},
		{"deleted", get, "sobjects/*/deleted", "start end", "", true, onTable((*Simulator).deleted)},
		{"updated", get, "sobjects/*/updated", "start end", "", true, onTable((*Simulator).updated)},
		{"query", get, "query", "q", "", true, (*Simulator).query},
		{"query", get, "queryAll", "q", "", true, (*Simulator).queryAll},
		{"more", get, "query/*", "", "", true, (*Simulator).more},
		{"more", get, "queryAll/*", "", "", true, (*Simulator).more},
		{"batch", post, "composite/batch", "", "", false, (*Simulator).batch},
		{"job", post, "jobs/query", "", "", false, (*Simulator).createJob},
		{"jobs", get, "jobs/query", "isPkChunkingEnabled jobType concurrencyMode queryLocator", "", false, (*Simulator).listJobs},
		{"poll", get, "jobs/query/*", "", "", false, onJob((*Simulator).pollJob)},
		{"abort", patch, "jobs/query/*", "", "", false, onJob((*Simulator).abortJob)},
		{"drop", drop, "jobs/query/*", "", "", false, onJob((*Simulator).dropJob)},
		{"results", get, "jobs/query/*/results", "maxRecords locator", "text/csv", false, onJob((*Simulator).results)},
	}
}

// The versions that are served, and the names of the seasons they came in.
const oldestVersion, newestVersion = 31, 66

func seasonOf(version int) string {
	return []string{"Spring", "Summer", "Winter"}[(version-31+1)%3] + fmt.Sprintf(" '%02d", 14+(version-31+1)/3)
}

// versions lists them; it asks for no token.
func (s *Simulator) versions(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		refuse(w, notAllowed(r.Method, http.MethodGet))
		return
	}
	type version struct {
		Label   string `json:"label"`
		URL     string `json:"url"`
		Version string `json:"version"`
	}
	var all []version
	for v := oldestVersion; v <= newestVersion; v++ {
		all = append(all, version{seasonOf(v), fmt.Sprintf("/services/data/v%d.0", v), fmt.Sprintf("%d.0", v)})
	}
	s.counts.Add("versions")
	b, _ := json.Marshal(all)
	write(w, http.StatusOK, b)
}

func notAllowed(method, allowed string) *apiError {
	return &apiError{http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", fmt.Sprintf("HTTP Method '%s' not allowed. Allowed are %s", method, allowed)}
}

// rest answers below /services/data/.
func (s *Simulator) rest(w http.ResponseWriter, r *http.Request) {
	if e := s.enter(r); e != nil {
		refuse(w, e)
		return
	}
	defer s.leave()
	a, e := s.counted(r)
	w.Header().Set("Sforce-Limit-Info", s.limitInfo())
	if e != nil {
		refuse(w, e)
		return
	}
	for name, v := range a.header {
		w.Header()[name] = v
	}
	status := max(a.status, http.StatusOK)
	switch {
	case a.stream != nil:
		w.WriteHeader(status)
		if err := a.stream(w); err != nil {
			panic(http.ErrAbortHandler)
		}
	case status == http.StatusNoContent || status == http.StatusNotModified:
		w.WriteHeader(status)
	default:
		write(w, status, a.body)
	}
}

// counted answers a request, if the quota allows for one more.
func (s *Simulator) counted(r *http.Request) (*answer, *apiError) {
	s.mu.Lock()
	now := s.clock.Now()
	full := s.usage.sum(now) >= s.opt.DailyRequests
	if !full {
		s.usage.add(now, 1)
	}
	s.running++
	crowded := s.opt.Concurrent > 0 && s.running > s.opt.Concurrent
	s.mu.Unlock()
	switch {
	case full:
		return nil, &apiError{http.StatusForbidden, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."}
	case crowded:
		return nil, &apiError{http.StatusForbidden, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded."}
	}
	return s.routed(r, false)
}

// leave is the end of a request that counted counted.
func (s *Simulator) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running--
}

// routed finds the route of a request, and follows it.
func (s *Simulator) routed(r *http.Request, batched bool) (*answer, *apiError) {
	version, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/services/data/"), "/")
	n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(version, "v"), ".0"))
	if err != nil || version != fmt.Sprintf("v%d.0", n) || n < oldestVersion || n > newestVersion {
		return nil, notFound
	}
	parts := strings.Split(strings.TrimSuffix(path, "/"), "/")
	var allowed []string
	for _, rt := range routes {
		args, ok := rt.match(parts)
		if !ok || batched && !rt.batched {
			continue
		}
		if rt.method != r.Method {
			allowed = append(allowed, rt.method)
			continue
		}
		c := &call{Request: r, version: version, args: args}
		if e := rt.check(c); e != nil {
			return nil, e
		}
		a, e := rt.serve(s, c)
		if e == nil {
			s.counts.Add(rt.kind)
		}
		return a, e
	}
	if allowed != nil {
		return nil, notAllowed(r.Method, strings.Join(allowed, ", "))
	}
	return nil, notFound
}

func (rt *route) match(parts []string) (args []string, ok bool) {
	pattern := strings.Split(rt.path, "/")
	if len(pattern) != len(parts) {
		return nil, false
	}
	for i, p := range pattern {
		if p == "*" {
			args = append(args, parts[i])
		} else if p != parts[i] {
			return nil, false
		}
	}
	return args, true
}

// check refuses what a strict server refuses before it looks closer.
func (rt *route) check(c *call) *apiError {
	q, err := url.ParseQuery(c.URL.RawQuery)
	if err != nil {
		return &apiError{http.StatusBadRequest, "MALFORMED_QUERY", "the query string is malformed"}
	}
	c.query = q
	for name, v := range q {
		if !slices.Contains(strings.Fields(rt.params), name) || len(v) > 1 {
			return &apiError{http.StatusBadRequest, "INVALID_PARAMETER", "unexpected parameter: " + name}
		}
	}
	want := rt.accepts
	if want == "" {
		want = "application/json"
	}
	if accept := c.Header.Get("Accept"); accept != "" && !strings.Contains(accept, want) && !strings.Contains(accept, "*/*") {
		return &apiError{http.StatusNotAcceptable, "NOT_ACCEPTABLE", "the answer is " + want + ", not " + accept}
	}
	if t := c.Header.Get("Content-Type"); (c.Method == http.MethodPost || c.Method == http.MethodPatch) && !strings.HasPrefix(t, "application/json") {
		return &apiError{http.StatusUnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE", "The content type of the request is not supported: " + t}
	}
	return nil
}

// read reads a body that is JSON with the fields of v and no others.
func (c *call) read(v any) *apiError {
	d := json.NewDecoder(c.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return &apiError{http.StatusBadRequest, "JSON_PARSER_ERROR", err.Error()}
	}
	return nil
}

func (s *Simulator) resources(c *call) (*answer, *apiError) {
	at := "/services/data/" + c.version + "/"
	b, _ := json.Marshal(map[string]string{
		"sobjects": at + "sobjects", "query": at + "query", "queryAll": at + "queryAll", "limits": at + "limits", "jobs": at + "jobs", "composite": at + "composite",
	})
	return &answer{body: b}, nil
}

func (s *Simulator) global(c *call) (*answer, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []json.RawMessage{}
	for _, name := range s.names {
		all = append(all, s.tables[strings.ToLower(name)].object.global(c.version))
	}
	b, _ := json.Marshal(map[string]any{"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": all})
	return &answer{body: b}, nil
}

// onTable calls f with the table of the object that the path names, while s.mu
// is held.
func onTable(f func(*Simulator, *call, *table) (*answer, *apiError)) func(*Simulator, *call) (*answer, *apiError) {
	return func(s *Simulator, c *call) (*answer, *apiError) {
		s.mu.Lock()
		defer s.mu.Unlock()
		t, err := s.tableOf(c.args[0])
		if err != nil {
			return nil, notFound
		}
		return f(s, c, t)
	}
}

func (s *Simulator) describe(c *call, t *table) (*answer, *apiError) {
	changed := t.changed.Truncate(time.Second)
	h := http.Header{"Last-Modified": {changed.Format(http.TimeFormat)}}
	if since, err := http.ParseTime(c.Header.Get("If-Modified-Since")); err == nil && !changed.After(since) {
		return &answer{status: http.StatusNotModified, header: h}, nil
	}
	return &answer{header: h, body: t.object.describe(c.version)}, nil
}

// period reads start and end, and checks them as getDeleted() and getUpdated()
// do: the end more than a minute after the start, and the start within days.
func (s *Simulator) period(c *call, t *table, within time.Duration) (start, end int64, e *apiError) {
	bad := func(format string, args ...any) *apiError {
		return &apiError{http.StatusBadRequest, "INVALID_REPLICATION_DATE", fmt.Sprintf(format, args...)}
	}
	if !yes(t.object.Replicable) {
		return 0, 0, &apiError{http.StatusBadRequest, "INVALID_TYPE_FOR_OPERATION", "entity type " + t.object.Name + " is not replicateable"}
	}
	var times [2]int64
	for i, name := range []string{"start", "end"} {
		v, ok := parseTime(c.query.Get(name))
		if !ok {
			return 0, 0, &apiError{http.StatusBadRequest, "MALFORMED_ID", fmt.Sprintf("%s: %q is not a date and time", name, c.query.Get(name))}
		}
		times[i] = v.num
	}
	start, end = times[0], times[1]
	switch {
	case end-start <= time.Minute.Milliseconds():
		return 0, 0, bad("The specified start date must precede the end date by more than one minute")
	case s.clock.Now().UnixMilli()-start > within.Milliseconds():
		return 0, 0, bad("startDate is more than %d days ago", within/day)
	}
	return start, end, nil
}

func (s *Simulator) tooMany() *apiError {
	return &apiError{http.StatusBadRequest, "EXCEEDED_ID_LIMIT", fmt.Sprintf("exceeded the limit of %d ids; ask for a shorter period", s.opt.MostIDs)}
}

// deleted answers with the rows deleted in a period (REST API guide, sObject
// Get Deleted).
func (s *Simulator) deleted(c *call, t *table) (*answer, *apiError) {
	start, end, e := s.period(c, t, binKeeps)
	if e != nil {
		return nil, e
	}
	if start < t.purged {
		return nil, &apiError{http.StatusBadRequest, "INVALID_REPLICATION_DATE", "startDate before org's replication enabled date"}
	}
	found := t.deletions(s.clock.Now().UnixMilli(), start, end)
	if len(found) > s.opt.MostIDs {
		return nil, s.tooMany()
	}
	var j simulate.Object
	j.Open()
	j.Array("deletedRecords")
	for _, d := range found {
		j.Item()
		j.Open()
		j.Text("id", value{kind: id, text: t.object.KeyPrefix, num: d.row}.String())
		j.Text("deletedDate", timeOf(d.at).String())
		j.Close()
	}
	j.EndArray()
	earliest := max(t.purged, second(s.clock.Now().UnixMilli()-binKeeps.Milliseconds()))
	j.Text("earliestDateAvailable", timeOf(earliest).String())
	j.Text("latestDateCovered", timeOf(min(end, second(s.clock.Now().UnixMilli()-s.opt.VisibleAfter.Milliseconds()))).String())
	j.Close()
	return &answer{body: j.Bytes}, nil
}

// updated answers with the rows changed in a period.
func (s *Simulator) updated(c *call, t *table) (*answer, *apiError) {
	start, end, e := s.period(c, t, 30*day)
	if e != nil {
		return nil, e
	}
	var j simulate.Object
	j.Open()
	j.Array("ids")
	v := t.view(s.clock.Now())
	for n, found := int64(1), 0; n <= v.last; n++ {
		r, ok := v.row(n)
		if !ok || r.deleted || r.modified < start || r.modified >= end {
			continue
		}
		if found++; found > s.opt.MostIDs {
			return nil, s.tooMany()
		}
		j.Item()
		j.String(value{kind: id, text: t.object.KeyPrefix, num: n}.String())
	}
	j.EndArray()
	j.Text("latestDateCovered", timeOf(min(end, s.clock.Now().UnixMilli())).String())
	j.Close()
	return &answer{body: j.Bytes}, nil
}

// A cursor is a query whose next page may be asked for.
type cursor struct {
	q       *query
	rows    []int32
	size    int
	version string
	used    time.Time
}

func (s *Simulator) query(c *call) (*answer, *apiError)    { return s.find(c, false) }
func (s *Simulator) queryAll(c *call) (*answer, *apiError) { return s.find(c, true) }

func (s *Simulator) find(c *call, deleted bool) (*answer, *apiError) {
	size := s.opt.PageSize
	if o := c.Header.Get("Sforce-Query-Options"); o != "" {
		n, err := strconv.Atoi(strings.TrimPrefix(o, "batchSize="))
		if err != nil {
			return nil, &apiError{http.StatusBadRequest, "INVALID_QUERY_OPTIONS", "Sforce-Query-Options: " + o}
		}
		size = min(max(n, 200), 2000)
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

// batch answers up to 25 requests in one; each counts (REST API guide, Batch).
func (s *Simulator) batch(c *call) (*answer, *apiError) {
	var b struct {
		HaltOnError   bool `json:"haltOnError"`
		BatchRequests []struct {
			Method string `json:"method"`
			URL    string `json:"url"`
		} `json:"batchRequests"`
	}
	if e := c.read(&b); e != nil {
		return nil, e
	}
	if n := len(b.BatchRequests); n == 0 || n > 25 {
		return nil, &apiError{http.StatusBadRequest, "INVALID_BATCH_SIZE", fmt.Sprintf("a batch has 1 to 25 requests, not %d", n)}
	}
	type result struct {
		StatusCode int             `json:"statusCode"`
		Result     json.RawMessage `json:"result"`
	}
	out := struct {
		HasErrors bool     `json:"hasErrors"`
		Results   []result `json:"results"`
	}{Results: []result{}}
	for i, one := range b.BatchRequests {
		target, err := url.Parse("/services/data/" + strings.TrimPrefix(strings.TrimPrefix(one.URL, "/"), "services/data/"))
		if err != nil {
			return nil, &apiError{http.StatusBadRequest, "INVALID_BATCH_URL", one.URL}
		}
		if out.HasErrors && b.HaltOnError {
			out.Results = append(out.Results, result{http.StatusPreconditionFailed, (&apiError{0, "BATCH_PROCESSING_HALTED", "Batch processing halted per request"}).body()})
			continue
		}
		r, err := http.NewRequestWithContext(c.Context(), one.Method, target.String(), nil)
		if err != nil {
			return nil, &apiError{http.StatusBadRequest, "INVALID_BATCH_URL", one.URL}
		}
		if i > 0 { // the first is counted as the batch itself
			s.mu.Lock()
			s.usage.add(s.clock.Now(), 1)
			s.mu.Unlock()
		}
		a, e := s.routed(r, true)
		if e != nil {
			out.HasErrors = true
			out.Results = append(out.Results, result{e.status, e.body()})
			continue
		}
		out.Results = append(out.Results, result{http.StatusOK, a.body})
	}
	body, _ := json.Marshal(out)
	return &answer{body: body}, nil
}
