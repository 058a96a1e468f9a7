package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

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
		if out.HasErrors && b.HaltOnError {
			out.Results = append(out.Results, result{http.StatusPreconditionFailed, (&apiError{0, "BATCH_PROCESSING_HALTED", "Batch processing halted per request"}).body()})
			continue
		}
		r, err := http.NewRequestWithContext(c.Context(), one.Method, "/services/data/"+strings.TrimPrefix(strings.TrimPrefix(one.URL, "/"), "services/data/"), nil)
		if err != nil {
			return nil, &apiError{http.StatusBadRequest, "INVALID_BATCH_URL", one.URL}
		}
		if i > 0 { // the first is counted as the batch itself
			s.mu.Lock()
			s.usage.add(s.clock.Now(), 1)
			s.mu.Unlock()
		}
		status, body := s.within(r)
		out.HasErrors = out.HasErrors || status/100 != 2
		out.Results = append(out.Results, result{status, body})
	}
	body, _ := json.Marshal(out)
	return &answer{body: body}, nil
}

// within answers one of several requests that came as one. A fault strikes it
// if that has a status.
func (s *Simulator) within(r *http.Request) (status int, body json.RawMessage) {
	if f := s.faults.Within(r.URL.Path); f != nil {
		return f.Status, (&apiError{f.Status, faultCode(f), http.StatusText(f.Status)}).body()
	}
	a, e := s.routed(r, true)
	if e != nil {
		return e.status, e.body()
	}
	return http.StatusOK, a.body
}

// mostTogether and mostQueries are how many requests, and queries among them, a
// composite request may have (REST API guide, Composite).
const mostTogether, mostQueries = 25, 5

// composite answers several requests in one, which counts as one. Only those
// that read are simulated, and no references of one to another's answer.
func (s *Simulator) composite(c *call) (*answer, *apiError) {
	var b struct {
		AllOrNone bool `json:"allOrNone"`
		Collate   bool `json:"collateSubrequests"`
		Requests  []struct {
			Method    string            `json:"method"`
			URL       string            `json:"url"`
			Reference string            `json:"referenceId"`
			Headers   map[string]string `json:"httpHeaders"`
		} `json:"compositeRequest"`
	}
	if e := c.read(&b); e != nil {
		return nil, e
	}
	bad := func(format string, args ...any) (*answer, *apiError) {
		return nil, &apiError{http.StatusBadRequest, "INVALID_COMPOSITE_REQUEST", fmt.Sprintf(format, args...)}
	}
	if n := len(b.Requests); n == 0 || n > mostTogether {
		return bad("a composite request has 1 to %d requests, not %d", mostTogether, n)
	}
	type result struct {
		Body      json.RawMessage   `json:"body"`
		Headers   map[string]string `json:"httpHeaders"`
		Status    int               `json:"httpStatusCode"`
		Reference string            `json:"referenceId"`
	}
	known, queries := map[string]bool{}, 0
	var requests []*http.Request
	for _, one := range b.Requests {
		r, err := http.NewRequestWithContext(c.Context(), one.Method, one.URL, nil)
		switch {
		case err != nil || !strings.HasPrefix(one.URL, "/services/data/"+c.version+"/"):
			return bad("the address %q does not begin with /services/data/%s/", one.URL, c.version)
		case !reference.MatchString(one.Reference) || known[one.Reference]:
			return bad("the referenceId %q is not letters and digits, or not unique", one.Reference)
		}
		for name, v := range one.Headers {
			if slices.Contains([]string{"Accept", "Authorization", "Content-Type"}, http.CanonicalHeaderKey(name)) {
				return bad("a subrequest must not have the header %s", name)
			}
			r.Header.Set(name, v)
		}
		if strings.Contains(r.URL.Path, "/query") {
			queries++
		}
		known[one.Reference] = true
		requests = append(requests, r)
	}
	if queries > mostQueries {
		return bad("a composite request has at most %d queries", mostQueries)
	}
	var out struct {
		Results []result `json:"compositeResponse"`
	}
	for i, r := range requests {
		status, body := s.within(r)
		out.Results = append(out.Results, result{body, map[string]string{}, status, b.Requests[i].Reference})
	}
	body, _ := json.Marshal(out)
	return &answer{body: body}, nil
}

var reference = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)
