package simulate

import (
	"bytes"
	"net/http"
	"strings"
	"sync"
)

// A Fault is something that goes wrong with requests that match it. Exactly
// one of Status, Cut, Half and Short is set.
type Fault struct {
	Path  string `json:"path"`  // part of the path; "": any
	After int    `json:"after"` // how many matching requests pass before
	Count int    `json:"count"` // how many it strikes; 0: 1, below 0: all

	Status     int    `json:"status"`         // answers with this status
	RetryAfter string `json:"retry_after"`    // and this Retry-After, if it is set
	Code       string `json:"code,omitempty"` // and the vendor's name for it, where there are names

	Cut   bool `json:"cut"`   // closes the connection without an answer
	Half  bool `json:"half"`  // closes it after half of the answer
	Short bool `json:"short"` // ends the answer within its first half, after a line's end if there is one, as if it were whole
}

// valid reports whether f says what goes wrong.
func (f *Fault) valid() bool { return f.Status >= 400 || f.Cut || f.Half || f.Short }

// Faults are those of a simulator; the zero value has none.
type Faults struct {
	// Refuse answers with a fault's status in the vendor's words.
	Refuse func(w http.ResponseWriter, f *Fault)

	mu   sync.Mutex
	list []*Fault
}

// Break adds a fault; it strikes after those that were added before it.
func (s *Faults) Break(f Fault) {
	if f.Count == 0 {
		f.Count = 1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, &f)
}

// Mend takes all faults away.
func (s *Faults) Mend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = nil
}

// All returns copies of the faults that were added, spent ones too.
func (s *Faults) All() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Fault, len(s.list))
	for i, f := range s.list {
		all[i] = *f
	}
	return all
}

// Strike lets a fault happen to a request, if one matches. It returns where
// to write the answer, or nil if there is nothing left to answer. It panics
// with http.ErrAbortHandler to cut the connection.
func (s *Faults) Strike(w http.ResponseWriter, r *http.Request) http.ResponseWriter {
	f := s.take(r.URL.Path, func(*Fault) bool { return true })
	switch {
	case f == nil:
		return w
	case f.Half:
		return &half{ResponseWriter: w}
	case f.Short:
		return &half{ResponseWriter: w, quiet: true}
	case f.Cut:
		panic(http.ErrAbortHandler)
	}
	if f.RetryAfter != "" {
		w.Header().Set("Retry-After", f.RetryAfter)
	}
	s.Refuse(w, f)
	return nil
}

// Within returns the fault that strikes one of several requests that came as one,
// nil if none does: one with a status, as they share a connection.
func (s *Faults) Within(path string) *Fault {
	return s.take(path, func(f *Fault) bool { return f.Status > 0 })
}

// take returns a copy of the fault that strikes a request for a path, of those
// that fit. It counts as having struck.
func (s *Faults) take(path string, fit func(*Fault) bool) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.list {
		if f.Count == 0 || !strings.Contains(path, f.Path) || !fit(f) {
			continue
		}
		if f.After > 0 {
			f.After--
			continue
		}
		if f.Count > 0 {
			f.Count--
		}
		c := *f
		return &c
	}
	return nil
}

// half lets through the first half of the first write of a body, and then
// closes the connection, or drops the rest quietly.
type half struct {
	http.ResponseWriter
	quiet, over bool
}

func (h *half) WriteHeader(status int) {
	if h.quiet {
		h.Header().Del("Content-Length")
	}
	h.ResponseWriter.WriteHeader(status)
}

func (h *half) Write(b []byte) (int, error) {
	if h.over {
		return len(b), nil
	}
	h.over = true
	if h.quiet {
		h.Header().Del("Content-Length")
		first := b[:len(b)/2]
		if i := bytes.LastIndexByte(first, '\n'); i >= 0 {
			first = first[:i+1]
		}
		if _, err := h.ResponseWriter.Write(first); err != nil {
			return 0, err
		}
		return len(b), nil
	}
	h.ResponseWriter.Write(b[:len(b)/2])
	http.NewResponseController(h.ResponseWriter).Flush()
	panic(http.ErrAbortHandler)
}

// Unwrap lets an http.ResponseController find what is below.
func (h *half) Unwrap() http.ResponseWriter { return h.ResponseWriter }
