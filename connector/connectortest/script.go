package connectortest

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// A Script is an [http.RoundTripper] that knows which requests come, and in
// which order. Any other request fails the test, and so does one that does not
// come.
type Script struct {
	t  testing.TB
	mu sync.Mutex // guards what follows

	steps []Step
}

// A Step is a request and the answer to it.
type Step struct {
	Ask  string            // the method and the address without its host: "GET /v1/users?page=2"
	With map[string]string // headers that it must have; "" for one that it must not have
	Body string            // that it must have; "": any

	Err    error // instead of an answer
	Status int   // 0: 200
	Header map[string]string
	Answer string

	// Then is called before the answer. nil: nothing is.
	Then func()
}

// NewScript returns a Script for one test.
func NewScript(t testing.TB, steps ...Step) *Script {
	s := &Script{t: t, steps: steps}
	t.Cleanup(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.steps) > 0 && !t.Failed() {
			t.Errorf("%d requests did not come, the first of them %s", len(s.steps), s.steps[0].Ask)
		}
	})
	return s
}

// Client returns a client that asks the Script.
func (s *Script) Client() *http.Client { return &http.Client{Transport: s} }

// RoundTrip implements [http.RoundTripper].
func (s *Script) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		r.Body.Close()
	}
	ask := r.Method + " " + r.URL.RequestURI()
	s.mu.Lock()
	if len(s.steps) == 0 {
		s.mu.Unlock()
		s.t.Errorf("%s was not expected", ask)
		return nil, fmt.Errorf("%s was not expected", ask)
	}
	step := s.steps[0]
	s.steps = s.steps[1:]
	s.mu.Unlock()
	if ask != step.Ask {
		s.t.Errorf("got the request %s, want %s", ask, step.Ask)
		return nil, fmt.Errorf("%s was not expected", ask)
	}
	for name, want := range step.With {
		if got := r.Header.Get(name); got != want {
			s.t.Errorf("%s: the header %s is %q, want %q", ask, name, got, want)
		}
	}
	if step.Body != "" && string(body) != step.Body {
		s.t.Errorf("%s: the body is %q, want %q", ask, body, step.Body)
	}
	if step.Then != nil {
		step.Then()
	}
	if step.Err != nil {
		return nil, step.Err
	}
	return step.response(r), nil
}

func (s *Step) response(r *http.Request) *http.Response {
	res := &http.Response{
		StatusCode: s.Status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: io.NopCloser(strings.NewReader(s.Answer)), ContentLength: int64(len(s.Answer)), Request: r,
	}
	if res.StatusCode == 0 {
		res.StatusCode = http.StatusOK
	}
	res.Status = fmt.Sprintf("%d %s", res.StatusCode, http.StatusText(res.StatusCode))
	for name, value := range s.Header {
		res.Header.Set(name, value)
	}
	return res
}
