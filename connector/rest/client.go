// Package rest is the kit that connectors to HTTP APIs share.
//
// A [Client] asks politely: it paces requests by a [Budget], tries again what
// is worth it, waits as long as the vendor asks for, and ends the sync when
// that is too long. Its [Auth] adds the credentials, and gets new ones where
// they have a short life: [Tokens], [OAuth], [JWT]. A [List] goes through the
// pages of a list, however the vendor links them ([Pager]), and
// [Client.GetAll] through many single objects. [Rows] turns JSON objects into
// columnar batches without a map or an interface value per row.
package rest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/valyala/fastjson"

	"github.com/penstock-data/penstock/setup"
)

// A Client reads one API. Its methods may be called from several goroutines;
// its fields must not change after the first call.
type Client struct {
	Name string   // of the vendor, for people
	Base *url.URL // where relative addresses begin; requests go to no other host

	HTTP   *http.Client     // nil: http.DefaultClient
	Header http.Header      // of every request; nil: none
	Auth   Auth             // adds the credentials; nil: none are needed
	Budget *Budget          // nil: as fast as the answers come
	Log    *slog.Logger     // nil: no log
	Now    func() time.Time // for dates that the vendor names; nil: time.Now

	// Spare are Clients of the same API with credentials and Budgets of their
	// own. A request goes by whichever may make it first.
	Spare []*Client

	// Throttled returns how long the vendor wants no requests after a refusal
	// whose headers do not say so, and 0 if it is another refusal. nil: no
	// refusal is such a one.
	Throttled func(*StatusError) time.Duration

	// Tries is how often a request is made before its failure counts;
	// 0: 8 times, which takes two minutes. A request that the vendor asked
	// to make later has not failed.
	Tries int

	// Patience is how long one request may wait in all because the vendor
	// asks for it. 0: 15 minutes.
	Patience time.Duration
}

// A Request is what an API is asked for.
type Request struct {
	Method string      // "": GET
	URL    string      // may be relative to the Client's Base
	Header http.Header // beside the Client's; nil: none
	Body   []byte      // nil: none
	Type   string      // of the body: "application/json", [Form]
	ETag   string      // of an answer that is still known; "": none is

	// Again is called before a request is made again that may have arrived
	// although its answer did not: it undoes what that did. Its error is the
	// request's. nil: a request does no more when it is made twice.
	Again func(context.Context) error

	// Within returns the refusal that an answer holds although it says yes, as
	// one to several requests in one may. It is dealt with as if it was the
	// answer. nil: no answer is such a one.
	Within func(*Reply) *StatusError
}

func (q *Request) method() string { return cmp.Or(q.Method, http.MethodGet) }

// Form is the type of a body that [url.Values.Encode] makes.
const Form = "application/x-www-form-urlencoded"

// A Reply is the answer to a request. It can be used for one request after
// another; its Value is good until the next.
type Reply struct {
	Value  *fastjson.Value // nil: the answer has no body
	Header http.Header

	// Unchanged says that the answer is still what it was when it had the
	// Request's ETag (304). There is no Value then.
	Unchanged bool

	body   bytes.Buffer
	parser fastjson.Parser
}

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

// URL returns the address of an object or a list.
func (c *Client) URL(path string, query url.Values) string {
	u := c.Base.JoinPath(path)
	u.RawQuery = query.Encode()
	return u.String()
}

const (
	attemptLimit = 2 * time.Minute // for one answer, so that a dead connection is noticed
	bodyLimit    = 64 << 20        // bytes of one answer that is read whole
	firstBackOff = time.Second     // then twice as long each time
	longBackOff  = time.Minute

	// What a vendor asks for is taken for no less and no more than these: clocks
	// differ, and headers may say anything.
	shortestWait = time.Second
	longestWait  = 24 * time.Hour
)

// Get requests address and puts the JSON that it answers with into r.
func (c *Client) Get(ctx context.Context, address string, r *Reply) error {
	return c.Do(ctx, Request{URL: address}, r)
}

// Do makes a request and puts the JSON that it is answered with into r.
//
// Connections that fail or break off, answers that are cut short, 408, 429 and
// 5xx are tried again, and so is, once, a request whose credentials were
// refused (401) where there are new ones. If the vendor wants a longer wait
// than c.Patience the error is a [setup.Reschedule]; other refusals are a
// [StatusError].
func (c *Client) Do(ctx context.Context, q Request, r *Reply) error {
	return c.repeat(ctx, q, func(c *Client, u *url.URL) (time.Duration, error) {
		ctx, cancel := context.WithTimeout(ctx, attemptLimit)
		defer cancel()
		res, wait, err := c.send(ctx, u, q)
		if err != nil {
			return wait, err
		}
		defer res.Body.Close()
		if wait, err := r.read(res, q.method()+" "+where(u)); err != nil || q.Within == nil {
			return wait, err
		}
		if refused := q.Within(r); refused != nil {
			refused.Header = res.Header
			return c.refused(refused, res.Request)
		}
		return 0, nil
	})
}

// Open makes a request as Do does and returns the answer as soon as it begins.
// The caller closes the body, which may be of any length; it fails if nothing
// of it comes for two minutes, or when ctx ends.
func (c *Client) Open(ctx context.Context, q Request) (res *http.Response, err error) {
	err = c.repeat(ctx, q, func(c *Client, u *url.URL) (wait time.Duration, err error) {
		ctx, cancel := context.WithCancelCause(ctx)
		idle := time.AfterFunc(attemptLimit, func() { cancel(errIdle) })
		q.Header = q.Header.Clone() // the transport's own decompression takes twice as long
		if q.Header == nil {
			q.Header = http.Header{}
		}
		q.Header.Set("Accept-Encoding", "gzip")
		if res, wait, err = c.send(ctx, u, q); err != nil {
			idle.Stop()
			cancel(nil)
			return wait, err
		}
		res.Body = &stream{ReadCloser: res.Body, ctx: ctx, idle: idle, cancel: cancel}
		return 0, unzip(res)
	})
	return res, err
}

// unzip lets the body of an answer be read as it was before it was compressed.
func unzip(res *http.Response) error {
	if res.Header.Get("Content-Encoding") != "gzip" {
		return nil
	}
	z, err := gzip.NewReader(res.Body)
	if err != nil {
		res.Body.Close()
		return err
	}
	res.Body = &unzipped{z, res.Body}
	return nil
}

// unzipped is the body of an answer that came compressed.
type unzipped struct {
	*gzip.Reader
	below io.Closer
}

func (u *unzipped) Close() error { return errors.Join(u.Reader.Close(), u.below.Close()) }

// hopeless is a wait that says that another try is no use.
const hopeless = -1

// repeat makes a request by try until it succeeds, or another try is no use.
func (c *Client) repeat(ctx context.Context, q Request, try func(*Client, *url.URL) (time.Duration, error)) error {
	u, err := c.sameHost(q.URL)
	if err != nil {
		return err
	}
	var waited time.Duration // because the vendor asked for it
	failed, renewed, spare := 0, false, len(c.Spare) > 0
	for {
		c := c.idlest()
		if err := c.turn(ctx, &waited); err != nil {
			return err
		}
		wait, err := try(c, u)
		if err == nil || ctx.Err() != nil {
			return err
		}
		var asked *askedToWait
		var refused *refusedError
		var again func(context.Context) error
		switch {
		case errors.As(err, &asked):
			if wait = asked.wait; waited+wait > c.patience() && !spare {
				return c.reschedule(wait)
			}
			if c.Budget == nil {
				waited += wait
			} else { // which all wait for who share it
				c.Budget.Pause(wait)
				wait = 0
			}
		case errors.As(err, &refused):
			if renewed || !c.Auth.Refused(refused.request.WithContext(ctx)) {
				return &refused.StatusError
			}
			renewed = true
			continue
		case wait < 0:
			return err
		default:
			if failed++; failed >= c.tries() {
				return err
			}
			wait = min(firstBackOff<<(failed-1), longBackOff)
			again = q.Again
		}
		c.log(ctx, "request will be repeated", "url", where(u), "wait", wait, "err", err)
		if err := Sleep(ctx, wait); err != nil {
			return err
		}
		if again != nil {
			if err := again(ctx); err != nil {
				return err
			}
		}
	}
}

// turn waits for the request's turn in the Budget, and adds to waited what a
// pause is part of.
func (c *Client) turn(ctx context.Context, waited *time.Duration) error {
	if c.Budget == nil {
		return nil
	}
	wait := c.Budget.ready()
	if *waited += wait; *waited > c.patience() {
		return c.reschedule(wait)
	}
	return c.Budget.Wait(ctx)
}

func (c *Client) reschedule(wait time.Duration) error {
	return &setup.Reschedule{
		Until:  c.now().Add(wait),
		Reason: fmt.Sprintf("%s accepts no more requests for now and asks to wait for %v", c.Name, wait.Round(time.Second)),
	}
}

// idlest returns the Client that may make a request first.
func (c *Client) idlest() *Client {
	best := c
	for _, s := range c.Spare {
		if s.Budget.ready() < best.Budget.ready() {
			best = s
		}
	}
	return best
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

// send makes one request, whose answer is 2xx or 304 if there is no error.
func (c *Client) send(ctx context.Context, u *url.URL, q Request) (*http.Response, time.Duration, error) {
	req, err := c.request(ctx, u, q)
	if err != nil {
		return nil, hopeless, err
	}
	if c.Auth != nil {
		if err := c.Auth.Authorize(req); err != nil {
			return nil, hopeless, err
		}
	}
	res, err := c.client().Do(req)
	if err != nil {
		var leaves *otherHostError
		if errors.As(err, &leaves) {
			return nil, hopeless, leaves
		}
		var failed *url.Error
		if errors.As(err, &failed) {
			failed.URL = where(req.URL)
		}
		return nil, 0, err
	}
	c.heed(res)
	if res.StatusCode/100 == 2 || res.StatusCode == http.StatusNotModified && q.ETag != "" {
		return res, 0, nil
	}
	defer res.Body.Close()
	wait, err := c.refusal(req, res)
	return nil, wait, err
}

func (c *Client) request(ctx context.Context, u *url.URL, q Request) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, q.method(), u.String(), bytes.NewReader(q.Body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	for _, h := range []http.Header{c.Header, q.Header} {
		for name, values := range h {
			req.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	if q.Type != "" {
		req.Header.Set("Content-Type", q.Type)
	}
	if q.ETag != "" {
		req.Header.Set("If-None-Match", q.ETag)
	}
	return req, nil
}

// heed stops requests before the vendor refuses them.
func (c *Client) heed(res *http.Response) {
	if c.Budget == nil {
		return
	}
	if wait, ok := exhausted(res.Header, c.now()); ok {
		c.Budget.Pause(min(wait, longestWait))
	}
}

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

// Passing reports whether a status says that the same request may be answered
// well a little later: 408, 429, 5xx.
func Passing(status int) bool {
	return status >= 500 || status == http.StatusRequestTimeout || status == http.StatusTooManyRequests
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

// read reads the answer to what was asked as JSON.
func (r *Reply) read(res *http.Response, what string) (time.Duration, error) {
	r.Header, r.Value, r.Unchanged = res.Header, nil, res.StatusCode == http.StatusNotModified
	r.body.Reset()
	_, err := r.body.ReadFrom(io.LimitReader(res.Body, bodyLimit+1))
	switch {
	case err != nil:
		return 0, fmt.Errorf("%s: %w", what, err)
	case r.body.Len() > bodyLimit:
		return hopeless, fmt.Errorf("%s: the answer has more than %d bytes", what, bodyLimit)
	case r.body.Len() == 0 && (r.Unchanged || res.StatusCode == http.StatusNoContent):
		return 0, nil
	}
	if r.Value, err = r.parser.ParseBytes(r.body.Bytes()); err != nil {
		return 0, fmt.Errorf("%s: the answer is no JSON: %w", what, err)
	}
	return 0, nil
}

// errIdle ends an answer of which nothing comes any more.
var errIdle = fmt.Errorf("nothing came for %v", attemptLimit)

// A stream is the body of an answer that may take as long as it likes, while
// something comes.
type stream struct {
	io.ReadCloser
	ctx    context.Context
	idle   *time.Timer
	cancel context.CancelCauseFunc
}

func (s *stream) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	s.idle.Reset(attemptLimit)
	if err != nil && err != io.EOF && context.Cause(s.ctx) != nil {
		err = context.Cause(s.ctx)
	}
	return n, err
}

func (s *stream) Close() error {
	s.idle.Stop()
	s.cancel(nil)
	return s.ReadCloser.Close()
}

// where returns an address without its query, which may have secrets.
func where(u *url.URL) string { return u.Scheme + "://" + u.Host + u.Path }

// detail returns what a refusal says about itself, as far as it is short, and
// its code. Some vendors put both into a list of one error.
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

func short(v *fastjson.Value, names ...string) string {
	for _, name := range names {
		if s := string(v.GetStringBytes(name)); s != "" && len(s) <= 300 {
			return s
		}
	}
	return ""
}

// otherHostError reports an address that credentials must not be sent to.
type otherHostError struct {
	address string
	base    *url.URL
}

func (e *otherHostError) Error() string {
	return fmt.Sprintf("%s is not an address of %s://%s and was not followed", e.address, e.base.Scheme, e.base.Host)
}

// sameHost returns the address as a URL if it is one of c.Base's host.
func (c *Client) sameHost(address string) (*url.URL, error) {
	u, err := c.Base.Parse(address)
	if err != nil {
		return nil, err
	}
	if u.Scheme != c.Base.Scheme || !strings.EqualFold(u.Host, c.Base.Host) {
		u.RawQuery = ""
		return nil, &otherHostError{u.Redacted(), c.Base}
	}
	return u, nil
}

// client returns the HTTP client, which follows redirects on the same host.
func (c *Client) client() *http.Client {
	h := http.DefaultClient
	if c.HTTP != nil {
		h = c.HTTP
	}
	own := *h
	own.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		if len(via) >= 10 {
			return errors.New("10 redirects one after another")
		}
		_, err := c.sameHost(req.URL.String())
		return err
	}
	return &own
}

func (c *Client) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

func (c *Client) tries() int {
	if c.Tries > 0 {
		return c.Tries
	}
	return 8
}

func (c *Client) patience() time.Duration {
	if c.Patience > 0 {
		return c.Patience
	}
	return 15 * time.Minute
}

func (c *Client) log(ctx context.Context, msg string, args ...any) {
	if c.Log != nil {
		c.Log.InfoContext(ctx, msg, args...)
	}
}
