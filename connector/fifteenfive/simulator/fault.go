package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// A Fault is something that goes wrong with requests that match it, before
// they are answered. Exactly one of Status, Cut and Half is set.
type Fault struct {
	Path  string `json:"path"`  // part of the path; "": any
	After int    `json:"after"` // how many matching requests pass before
	Count int    `json:"count"` // how many it strikes; 0: 1, below 0: all

	Status     int    `json:"status"`      // answers with this status
	RetryAfter string `json:"retry_after"` // and this Retry-After, if it is set
	Cut        bool   `json:"cut"`         // closes the connection without an answer
	Half       bool   `json:"half"`        // closes it after half of the answer
}

// Break adds a fault; it strikes after those that were added before it.
func (s *Simulator) Break(f Fault) {
	if f.Count == 0 {
		f.Count = 1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
}

// Mend takes all faults away.
func (s *Simulator) Mend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// fault returns the fault that strikes a request, or nil.
func (s *Simulator) fault(path string) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if f.Count == 0 || !strings.Contains(path, f.Path) {
			continue
		}
		if f.After > 0 {
			f.After--
			continue
		}
		if f.Count > 0 {
			f.Count--
		}
		return f
	}
	return nil
}

func (f *Fault) serve(w http.ResponseWriter) {
	if f.Cut {
		panic(http.ErrAbortHandler)
	}
	if f.RetryAfter != "" {
		w.Header().Set("Retry-After", f.RetryAfter)
	}
	refuse(w, f.Status, http.StatusText(f.Status))
}

// half closes the connection after the first half of a body.
type half struct{ http.ResponseWriter }

func (h *half) Write(b []byte) (int, error) {
	h.ResponseWriter.Write(b[:len(b)/2])
	if f, ok := h.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
	panic(http.ErrAbortHandler)
}

const controlPrefix = "/simulator/"

// control answers on the path for people that the package's comment describes.
func (s *Simulator) control(w http.ResponseWriter, r *http.Request) {
	what := strings.TrimPrefix(r.URL.Path, controlPrefix)
	if (r.Method == http.MethodGet) != (what == "") {
		refuse(w, http.StatusMethodNotAllowed, "GET for the status, POST for the rest.")
		return
	}
	switch what {
	case "":
	case "advance":
		by, err := time.ParseDuration(r.FormValue("by"))
		if err != nil || by < 0 {
			refuse(w, http.StatusBadRequest, "by must be a duration such as 24h.")
			return
		}
		s.Advance(by)
	case "break":
		var f Fault
		d := json.NewDecoder(r.Body)
		d.DisallowUnknownFields()
		if err := d.Decode(&f); err != nil {
			refuse(w, http.StatusBadRequest, err.Error())
			return
		}
		if f.Status < 400 && !f.Cut && !f.Half {
			refuse(w, http.StatusBadRequest, "One of status, cut and half must be set.")
			return
		}
		s.Break(f)
	case "mend":
		s.Mend()
	default:
		refuse(w, http.StatusNotFound, fmt.Sprintf("There is no %q.", what))
		return
	}
	now := s.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	body, err := json.Marshal(map[string]any{"now": now, "requests": s.requests, "throttled": s.throttled, "faults": s.faults})
	if err != nil {
		refuse(w, http.StatusInternalServerError, err.Error())
		return
	}
	write(w, http.StatusOK, body)
}
