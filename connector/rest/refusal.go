package rest

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/valyala/fastjson"
)

// A StatusError is an answer that says no.
type StatusError struct {
	Status int
	Method string // "": GET
	URL    string // without the query
	Detail string // what the vendor says about it; may be empty
	Code   string // the vendor's word for it, where it has one: OAuth's "invalid_grant", an "errorCode"
	Header http.Header
}

func (e *StatusError) Error() string {
	s := fmt.Sprintf("%s %s: %d %s", cmp.Or(e.Method, http.MethodGet), e.URL, e.Status, http.StatusText(e.Status))
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

// Status returns the HTTP status of the StatusError in err's chain, or 0.
func Status(err error) int {
	var e *StatusError
	if errors.As(err, &e) {
		return e.Status
	}
	return 0
}

// Passing reports whether a status says that the same request may be answered
// well a little later: 408, 429, 5xx.
func Passing(status int) bool {
	return status >= 500 || status == http.StatusRequestTimeout || status == http.StatusTooManyRequests
}

// askedToWait says that the vendor named a time before which it wants no
// more requests.
type askedToWait struct {
	StatusError
	wait time.Duration
}

func (e *askedToWait) Unwrap() error { return &e.StatusError }

// refusedError says that credentials were not accepted which c.Auth added.
type refusedError struct {
	StatusError
	request *http.Request
}

func (e *refusedError) Unwrap() error { return &e.StatusError }

// refusal returns what an answer that says no means for further tries.
func (c *Client) refusal(req *http.Request, res *http.Response) (time.Duration, error) {
	var r Reply
	r.body.ReadFrom(io.LimitReader(res.Body, 1<<20)) // whatever there is of it
	e := &StatusError{Status: res.StatusCode, Method: req.Method, URL: where(req.URL), Header: res.Header}
	e.Detail, e.Code = detail(&r)
	return c.refused(e, req)
}

// refused returns what a refusal means for further tries.
func (c *Client) refused(e *StatusError, req *http.Request) (time.Duration, error) {
	if wait, ok := c.throttled(e); ok {
		return 0, &askedToWait{*e, max(shortestWait, min(wait, longestWait))}
	}
	switch {
	case e.Status == http.StatusUnauthorized && c.Auth != nil:
		return hopeless, &refusedError{*e, req}
	case Passing(e.Status):
		return 0, e
	}
	return hopeless, e
}

// throttled returns how long the vendor wants no requests, if that is what a
// refusal says: by its headers, as most vendors do, or by its own account.
func (c *Client) throttled(e *StatusError) (time.Duration, bool) {
	switch e.Status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusForbidden:
		if wait, ok := retryAfter(e.Header.Get("Retry-After"), c.now()); ok {
			return wait, true
		}
		if wait, ok := exhausted(e.Header, c.now()); ok {
			return wait, true
		}
	}
	if c.Throttled != nil {
		if wait := c.Throttled(e); wait > 0 {
			return wait, true
		}
	}
	return 0, false
}

// detail returns what a refusal says about itself, and its code. Some vendors put both into a list of one error.
func detail(r *Reply) (text, code string) {
	v, err := r.parser.ParseBytes(r.body.Bytes())
	if err != nil {
		return "", ""
	}
	if list := v.GetArray(); len(list) > 0 {
		v = list[0]
	}
	return short(v, "detail", "message", "error_description", "error"), short(v, "errorCode", "code", "error")
}

// short returns the first of the fields that has something. Of a long text it
// leaves out the middle: what is wrong is said at the beginning or at the end.
func short(v *fastjson.Value, names ...string) string {
	const begin, end = 300, 700
	for _, name := range names {
		s := string(v.GetStringBytes(name))
		if len(s) > begin+end {
			s = strings.ToValidUTF8(s[:begin]+" … "+s[len(s)-end:], "")
		}
		if s != "" {
			return s
		}
	}
	return ""
}
