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
		{"composite", post, "composite", "", "", false, (*Simulator).composite},
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
