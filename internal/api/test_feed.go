package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/setup"
)

// A testFeed is the results of setup tests as server-sent events, each as soon
// as it is known, and then what was tested as it is then. A title may come
// again when its test is run again.
type testFeed struct {
	server *server
	r      *request
	run    func(*request, fivetran.Tests) (any, error)
	tests  fivetran.Tests
}

func (s *server) followConnectionTests(r *request) (any, error) {
	_, src, err := s.findConnection(r)
	if err != nil {
		return nil, err
	}
	return s.followTests(r, func(r *request, req fivetran.Tests) (any, error) { return s.testedConnection(r, src, r.id(), req) })
}

func (s *server) followDestinationTests(r *request) (any, error) {
	_, target, err := s.findDestination(r)
	if err != nil {
		return nil, err
	}
	return s.followTests(r, func(r *request, req fivetran.Tests) (any, error) { return s.testedDestination(r, target, r.id(), req) })
}

func (s *server) followTests(r *request, run func(*request, fivetran.Tests) (any, error)) (any, error) {
	f := &testFeed{server: s, r: r, run: run}
	return f, r.read(&f.tests)
}

func (f *testFeed) send(w http.ResponseWriter, _ *http.Request) int {
	h := w.Header()
	h.Set("Content-Type", eventStream)
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Accel-Buffering", "no") // as in feeds of logs
	w.WriteHeader(http.StatusOK)
	sent := &counter{Writer: w}
	var mu sync.Mutex
	event := func(kind string, data any) {
		b, err := json.Marshal(data)
		if err != nil {
			panic(err) // the shapes can always be encoded
		}
		mu.Lock()
		defer mu.Unlock()
		if kind != "" {
			fmt.Fprintf(sent, "event: %s\n", kind)
		}
		fmt.Fprintf(sent, "data: %s\n\n", b)
		_ = http.NewResponseController(w).Flush() // the client may be gone; the tests go on to their end
	}
	event("begin", struct{}{})
	f.r.Request = f.r.WithContext(setup.Follow(f.r.Context(), func(t setup.TestResult) {
		event("", wireTests([]setup.TestResult{t})[0])
	}))
	tested, err := f.run(f.r, f.tests)
	if err != nil {
		said, _ := failure(err)
		event("failed", fivetran.Response{Code: said.code, Message: said.message})
		return sent.n
	}
	event("end", tested)
	return sent.n
}
