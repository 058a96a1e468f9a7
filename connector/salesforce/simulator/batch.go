package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
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
