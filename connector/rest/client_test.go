package rest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-data/penstock/setup"
)

// transport answers requests without a network.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answer(status int, header, body string) *http.Response {
	w := httptest.NewRecorder()
	if name, value, ok := strings.Cut(header, ": "); ok {
		w.Header().Set(name, value)
	}
	w.WriteHeader(status)
	w.WriteString(body)
	return w.Result()
}

type brokenBody struct{ io.Reader }

func (b brokenBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
func (brokenBody) Close() error { return nil }

func halfBody() *http.Response {
	res := answer(200, "", "")
	res.Body = brokenBody{strings.NewReader(`{"id":`)}
	return res
}

func client(f transport) *Client {
	base, _ := url.Parse("https://api.test/v1/")
	return &Client{Name: "Acme", Base: base, HTTP: &http.Client{Transport: f}}
}

func TestGet(t *testing.T) {
	ok := func() (*http.Response, error) { return answer(200, "", `{"id":7}`), nil }
	status := func(code int, header string) func() (*http.Response, error) {
		return func() (*http.Response, error) { return answer(code, header, `{"detail":"no"}`), nil }
	}
	reset := func() (*http.Response, error) { return nil, errors.New("connection reset by peer") }
	half := func() (*http.Response, error) { return halfBody(), nil }
	noJSON := func() (*http.Response, error) { return answer(200, "", `{"id":7`), nil }
	repeat := func(n int, f func() (*http.Response, error)) []func() (*http.Response, error) {
		return slices.Repeat([]func() (*http.Response, error){f}, n)
	}
	// Time in a bubble begins on this day.
	inAnHour := "Sat, 01 Jan 2000 01:00:00 GMT"
	inAMinute := "Sat, 01 Jan 2000 00:01:00 GMT"

	for _, c := range []struct {
		name    string
		answers []func() (*http.Response, error)
		took    time.Duration
		err     string // part of it
		until   time.Duration
	}{
		{name: "at once", answers: repeat(1, ok)},
		{name: "connection breaks off twice", answers: append(repeat(2, reset), ok), took: 3 * time.Second},
		{name: "half an answer", answers: append(repeat(1, half), ok), took: time.Second},
		{name: "an answer that is no JSON", answers: append(repeat(1, noJSON), ok), took: time.Second},
		{name: "server errors", answers: append(append(repeat(1, status(500, "")), repeat(1, status(502, ""))...), ok), took: 3 * time.Second},
		{name: "server errors without end", answers: repeat(8, status(500, "")), took: 123 * time.Second, err: "500 Internal Server Error: no"},
		{name: "no connection", answers: repeat(8, reset), took: 123 * time.Second, err: "connection reset by peer"},
		{name: "throttled", answers: append(repeat(3, status(429, "Retry-After: 30")), ok), took: 90 * time.Second},
		{name: "throttled until a date", answers: append(repeat(1, status(429, "Retry-After: "+inAMinute)), ok), took: time.Minute},
		{name: "throttled without saying how long", answers: append(repeat(1, status(429, "")), ok), took: time.Second},
		{name: "unavailable for a while", answers: append(repeat(1, status(503, "Retry-After: 5")), ok), took: 5 * time.Second},
		{name: "not throttled too often to wait", answers: append(repeat(100, status(429, "Retry-After: 1")), ok), took: 100 * time.Second},
		{name: "throttled for 901 seconds", answers: repeat(1, status(429, "Retry-After: 901")), err: "Acme accepts no more requests", until: 901 * time.Second},
		{name: "throttled for 900 seconds", answers: append(repeat(1, status(429, "Retry-After: 900")), ok), took: 900 * time.Second},
		{name: "throttled until a far date", answers: repeat(1, status(429, "Retry-After: "+inAnHour)), err: "Acme accepts no more requests", until: time.Hour},
		{name: "throttled again and again", answers: repeat(4, status(429, "Retry-After: 300")), took: 900 * time.Second, err: "Acme accepts no more requests", until: 1200 * time.Second},
		{name: "throttled for no time", answers: append(repeat(3, status(429, "Retry-After: 0")), ok), took: 3 * time.Second},
		{name: "throttled until a date that has passed", answers: append(repeat(1, status(429, "Retry-After: Fri, 31 Dec 1999 00:00:00 GMT")), ok), took: time.Second},
		{name: "throttled for decades", answers: repeat(1, status(429, "Retry-After: 2147483647")), err: "Acme accepts no more requests", until: 24 * time.Hour},
		{name: "throttled for centuries", answers: append(repeat(1, status(429, "Retry-After: 1")), repeat(1, status(429, "Retry-After: Fri, 31 Dec 9999 00:00:00 GMT"))...), took: time.Second, err: "Acme accepts no more requests", until: 24*time.Hour + time.Second},
		{name: "not found", answers: repeat(1, status(404, "")), err: "GET https://api.test/v1/user/7/: 404 Not Found: no"},
		{name: "unauthorized", answers: repeat(1, status(401, "")), err: "401"},
		{name: "bad request", answers: repeat(1, status(400, "")), err: "400"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				n := 0
				cl := client(func(*http.Request) (*http.Response, error) {
					if n++; n > len(c.answers) {
						t.Errorf("request %d was not expected", n)
						return ok()
					}
					return c.answers[n-1]()
				})
				cl.Budget = OnDemand(1000, time.Second)
				var r Reply
				err := cl.Get(t.Context(), cl.URL("user/7/", url.Values{"secret": {"s"}}), &r)
				switch {
				case c.err == "" && err != nil:
					t.Fatal(err)
				case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
					t.Fatalf("got error %v, want one with %q", err, c.err)
				case c.err == "" && r.Value.GetInt("id") != 7:
					t.Errorf("got %v", r.Value)
				}
				if took := time.Since(begin); took < c.took || took > c.took+time.Second/2 {
					t.Errorf("took %v, want %v", took, c.took)
				}
				var pause *setup.Reschedule
				if errors.As(err, &pause) != (c.until != 0) || pause != nil && !pause.Until.Equal(begin.Add(c.until)) {
					t.Errorf("got %v, want a reschedule in %v", err, c.until)
				}
				if n != len(c.answers) {
					t.Errorf("%d requests, want %d", n, len(c.answers))
				}
			})
		})
	}
}

// Whatever a vendor says about its limits, it is not asked in a frenzy, and not
// left alone for good.
func TestAbsurdResets(t *testing.T) {
	for _, reset := range []string{"0", "1", "946684800", "1767225600000", "9223372036854775807", "-1"} {
		t.Run(reset, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin, n := time.Now(), 0
				cl := client(func(*http.Request) (*http.Response, error) {
					if n++; n > 2000 {
						t.Fatal("2000 requests")
					}
					res := answer(429, "X-RateLimit-Remaining: 0", "{}")
					res.Header.Set("X-RateLimit-Reset", reset)
					return res, nil
				})
				err := cl.Get(t.Context(), "x", &Reply{})
				var pause *setup.Reschedule
				if errors.As(err, &pause) && (pause.Until.Before(time.Now()) || time.Until(pause.Until) > 24*time.Hour || len(reset) > 10 && pause.Until.Sub(begin) != 24*time.Hour) || err == nil {
					t.Errorf("%d requests, %v: %v", n, time.Since(begin), err)
				}
			})
		})
	}
}

func TestErrorsHaveNoQueries(t *testing.T) {
	cl := client(func(*http.Request) (*http.Response, error) { return nil, errors.New("refused") })
	cl.Tries = 1
	if err := cl.Get(t.Context(), "x?token=secret", &Reply{}); err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "https://api.test/v1/x") {
		t.Errorf("got %v", err)
	}
}

func TestGetEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		cl := client(func(*http.Request) (*http.Response, error) { return nil, errors.New("refused") })
		if err := cl.Get(ctx, cl.URL("x", nil), &Reply{}); err == nil || time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)) > 10*time.Second {
			t.Errorf("got %v after %v", err, time.Now())
		}
	})
}

func TestCredentialsStayOnTheHost(t *testing.T) {
	var asked []string
	cl := client(func(r *http.Request) (*http.Response, error) {
		asked = append(asked, r.URL.String()+" "+r.Header.Get("Authorization"))
		if r.URL.Path == "/v1/moved" {
			return answer(301, "Location: "+r.URL.Query().Get("to"), ""), nil
		}
		return answer(200, "", `{"id":7}`), nil
	})
	cl.Auth = Header("Authorization", "key")
	for address, want := range map[string]string{
		"https://evil.test/v1/x":                                "https://evil.test/v1/x is not an address of https://api.test",
		"http://api.test/v1/x":                                  "http://api.test/v1/x is not",
		"https://api.test:8443/v1/x":                            "was not followed",
		"https://api.test/v1/moved?to=https://evil.test/?k=key": "https://evil.test/ is not an address",
		"https://api.test/v1/moved?to=http://api.test/v1/x":     "http://api.test/v1/x is not",
		"https://api.test/v1/moved?to=/v1/x/":                   "",
		"https://API.test/v1/x":                                 "",
	} {
		asked = nil
		err := cl.Get(t.Context(), address, &Reply{})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", address, err, want)
		}
		for _, a := range asked {
			if !strings.HasPrefix(strings.ToLower(a), "https://api.test/") || !strings.HasSuffix(a, " key") {
				t.Errorf("%s led to a request of %s", address, a)
			}
		}
	}
}

func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(5, time.Second)
		begin := time.Now()
		var went []time.Duration
		for range 23 {
			if err := b.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			went = append(went, time.Since(begin))
		}
		for i := range went {
			if i >= 5 && went[i]-went[i-5] < time.Second {
				t.Errorf("six requests within a second: %v", went[i-5:i+1])
			}
		}
		if last := went[22]; last > 4500*time.Millisecond+100*time.Millisecond {
			t.Errorf("23 requests took %v", last)
		}
		b.Pause(time.Minute)
		paused := time.Now()
		if b.Wait(t.Context()); time.Since(paused) != time.Minute {
			t.Errorf("a pause of a minute took %v", time.Since(paused))
		}
	})
}

func TestBudgetOnDemand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := OnDemand(5, time.Second)
		begin := time.Now()
		for range 100 {
			b.Wait(t.Context())
		}
		if !time.Now().Equal(begin) {
			t.Errorf("100 requests took %v though nobody asked for a pause", time.Since(begin))
		}
		b.Pause(0)
		for range 6 {
			b.Wait(t.Context())
		}
		if time.Since(begin) < time.Second {
			t.Errorf("six requests took %v after a pause was asked for", time.Since(begin))
		}
	})
}

func TestPages(t *testing.T) {
	const v1 = "https://api.test/v1/"
	for _, c := range []struct {
		name        string
		pages       map[string]string // by address below v1; absent: 404
		ids         string
		count, rows int64
		shrunk      bool
		err         string
	}{
		{name: "three pages", pages: map[string]string{
			"u/?a=b":    `{"count":5,"next":"` + v1 + `u/?page=2","previous":null,"results":[{"id":1},{"id":2}]}`,
			"u/?page=2": `{"count":5,"next":"/v1/u/?page=3","results":[{"id":3},{"id":4}]}`,
			"u/?page=3": `{"count":6,"next":null,"results":[{"id":5},{"id":6}]}`,
		}, ids: "1 2 3 4 5 6", count: 6, rows: 6},
		{name: "rows went away", pages: map[string]string{
			"u/?a=b":    `{"count":5,"next":"` + v1 + `u/?page=2","results":[{"id":1},{"id":2},{"id":3}]}`,
			"u/?page=2": `{"count":4,"next":null,"results":[{"id":5}]}`,
		}, ids: "1 2 3 5", count: 4, rows: 4, shrunk: true},
		{name: "a page went away", pages: map[string]string{
			"u/?a=b": `{"count":3,"next":"` + v1 + `u/?page=2","results":[{"id":1},{"id":2}]}`,
		}, ids: "1 2", count: 3, rows: 2, shrunk: true},
		{name: "nothing", pages: map[string]string{"u/?a=b": `{"count":0,"next":null,"previous":null,"results":[]}`}},
		{name: "a single object", pages: map[string]string{"u/?a=b": `{"id":9}`}, ids: "9", count: 1, rows: 1},
		{name: "there is no list", err: "404"},
		{name: "another host", pages: map[string]string{
			"u/?a=b": `{"count":3,"next":"https://evil.test/?page=2","results":[{"id":1}]}`,
		}, ids: "1", count: 3, rows: 1, err: "https://evil.test/ is not an address"},
		{name: "relative to the page", pages: map[string]string{
			"u/?a=b":    `{"count":2,"next":"?page=2","results":[{"id":1}]}`,
			"u/?page=2": `{"count":2,"next":null,"results":[{"id":2}]}`,
		}, ids: "1 2", count: 2, rows: 2},
		{name: "round in circles", pages: map[string]string{
			"u/?a=b": `{"count":3,"next":"` + v1 + `u/?a=b","results":[{"id":1}]}`,
		}, ids: "1", count: 3, rows: 1, err: "the page itself"},
		{name: "nothing, round in circles", pages: map[string]string{
			"u/?a=b": `{"count":0,"next":"` + v1 + `u/?a=b","results":[]}`,
		}, err: "the page itself"},
		{name: "results are no list", pages: map[string]string{"u/?a=b": `{"results":7}`}, err: "has no results"},
		{name: "a page is no object", pages: map[string]string{"u/?a=b": `[1]`}, err: "no object but array"},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked := 0
			cl := client(func(r *http.Request) (*http.Response, error) {
				if asked++; asked > 10 {
					t.Fatal("it goes on and on")
				}
				if page, ok := c.pages[strings.TrimPrefix(r.URL.String(), v1)]; ok {
					return answer(200, "", page), nil
				}
				return answer(404, "", `{"detail":"Invalid page."}`), nil
			})
			l := &List{Client: cl, Path: "u/", Query: url.Values{"a": {"b"}}}
			var ids []string
			var err error
			for page, perr := range l.Pages(t.Context()) {
				err = perr
				for _, v := range page {
					ids = append(ids, fmt.Sprint(v.GetInt("id")))
				}
			}
			if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("got error %v, want %q", err, c.err)
			}
			if got := strings.Join(ids, " "); got != c.ids || l.Count != c.count || l.Rows != c.rows || l.Shrunk != c.shrunk {
				t.Errorf("got ids %q, count %d, rows %d, shrunk %v; want %q, %d, %d, %v", got, l.Count, l.Rows, l.Shrunk, c.ids, c.count, c.rows, c.shrunk)
			}
		})
	}
}

func TestGetAllKeepsTheOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, most atomic.Int64
		cl := client(func(r *http.Request) (*http.Response, error) {
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			var n int
			fmt.Sscanf(r.URL.Path, "/v1/%d", &n)
			time.Sleep(time.Duration((n*7)%5+1) * time.Second)
			if n == 6 {
				return answer(404, "", ""), nil
			}
			return answer(200, "", fmt.Sprintf(`{"id":%d}`, n)), nil
		})
		addresses := func(n int) iter.Seq[string] {
			return func(yield func(string) bool) {
				for i := range n {
					if !yield(cl.URL(fmt.Sprint(i), nil)) {
						return
					}
				}
			}
		}
		i := 0
		for r, err := range cl.GetAll(t.Context(), 4, addresses(20)) {
			if (Status(err) == 404) != (i == 6) || err == nil && r.Value.GetInt("id") != i {
				t.Errorf("answer %d is %v, %v", i, r.Value, err)
			}
			i++
		}
		if i != 20 || most.Load() != 4 {
			t.Errorf("%d answers, at most %d requests at a time; want 20 and 4", i, most.Load())
		}
		for range cl.GetAll(t.Context(), 4, addresses(20)) {
			break // the requests under way end before the loop does
		}
		if n := running.Load(); n != 0 {
			t.Errorf("%d requests go on", n)
		}
	})
}
