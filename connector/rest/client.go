// Package rest is the kit that connectors to HTTP APIs share.
//
// A [Client] asks politely: it paces requests by a [Budget], tries again what
// is worth it, waits as long as the vendor asks for, and ends the sync when
// that is too long. A [List] goes through the pages of a list, and
// [Client.GetAll] through many single objects. [Rows] turns JSON objects into
// columnar batches without a map or an interface value per row.
package rest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/valyala/fastjson"

	"github.com/penstock-data/penstock/setup"
)

// A Client reads one API. Its methods may be called from several goroutines;
// its fields must not change after the first call.
type Client struct {
	Name string   // of the vendor, for people
	Base *url.URL // where relative addresses begin; requests go to no other host

	HTTP   *http.Client        // nil: http.DefaultClient
	Auth   func(*http.Request) // adds the credentials; nil: none are needed
	Budget *Budget             // nil: as fast as the answers come
	Log    *slog.Logger        // nil: no log
	Now    func() time.Time    // for dates that the vendor names; nil: time.Now

	// Tries is how often a request is made before its failure counts;
	// 0: 8 times, which takes two minutes. A request that the vendor asked
	// to make later has not failed.
	Tries int

	// Patience is how long one request may wait in all because the vendor
	// asks for it. 0: 15 minutes.
	Patience time.Duration
}

// A Reply is the answer to a request. It can be used for one request after
// another; its Value is good until the next.
type Reply struct {
	Value  *fastjson.Value
	Header http.Header

	body   bytes.Buffer
	parser fastjson.Parser
}

// A StatusError is an answer that says no.
type StatusError struct {
	Status int
	URL    string // without the query
	Detail string // what the vendor says about it; may be empty
}

func (e *StatusError) Error() string {
	s := fmt.Sprintf("GET %s: %d %s", e.URL, e.Status, http.StatusText(e.Status))
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
	bodyLimit    = 64 << 20        // bytes of one answer
	firstBackOff = time.Second     // then twice as long each time
	longBackOff  = time.Minute
)

// Get requests address and puts the JSON that it answers with into r.
//
// Connections that fail or break off, answers that are cut short, 408, 429 and
// 5xx are tried again. If the vendor wants a longer wait than c.Patience the
// error is a [setup.Reschedule]; other refusals are a [StatusError].
func (c *Client) Get(ctx context.Context, address string, r *Reply) error {
	u, err := c.sameHost(address)
	if err != nil {
		return err
	}
	var waited time.Duration
	failed := 0
	for {
		if c.Budget != nil {
			if err := c.Budget.Wait(ctx); err != nil {
				return err
			}
		}
		wait, err := c.try(ctx, u, r)
		if err == nil || ctx.Err() != nil {
			return err
		}
		var asked *askedToWait
		switch {
		case errors.As(err, &asked):
			wait = asked.wait
			if waited += wait; waited > c.patience() {
				return &setup.Reschedule{
					Until:  c.now().Add(wait),
					Reason: fmt.Sprintf("%s accepts no more requests for now and asks to wait for %v", c.Name, wait.Round(time.Second)),
				}
			}
		case wait < 0:
			return err
		default:
			if failed++; failed >= c.tries() {
				return err
			}
			wait = min(firstBackOff<<(failed-1), longBackOff)
		}
		c.log(ctx, "request will be repeated", "url", u.Redacted(), "wait", wait, "err", err)
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// askedToWait says that the vendor named a time before which it wants no
// more requests.
type askedToWait struct {
	StatusError
	wait time.Duration
}

// try makes one request. A wait below zero says that another is no use.
func (c *Client) try(ctx context.Context, u *url.URL, r *Reply) (time.Duration, error) {
	const hopeless = -1
	ctx, cancel := context.WithTimeout(ctx, attemptLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return hopeless, err
	}
	req.Header.Set("Accept", "application/json")
	if c.Auth != nil {
		c.Auth(req)
	}
	res, err := c.client().Do(req)
	if err != nil {
		var leaves *otherHostError
		if errors.As(err, &leaves) {
			return hopeless, leaves
		}
		return 0, err
	}
	defer res.Body.Close()
	r.Header, r.Value = res.Header, nil
	r.body.Reset()
	_, err = r.body.ReadFrom(io.LimitReader(res.Body, bodyLimit+1))
	where := req.URL.Scheme + "://" + req.URL.Host + req.URL.Path
	switch {
	case res.StatusCode/100 != 2: // whatever there is of the body
	case err != nil:
		return 0, fmt.Errorf("GET %s: %w", where, err)
	case r.body.Len() > bodyLimit:
		return hopeless, fmt.Errorf("GET %s: the answer has more than %d bytes", where, bodyLimit)
	}
	if res.StatusCode/100 == 2 {
		if r.Value, err = r.parser.ParseBytes(r.body.Bytes()); err != nil {
			return 0, fmt.Errorf("GET %s: the answer is no JSON: %w", where, err)
		}
		return 0, nil
	}
	refused := StatusError{Status: res.StatusCode, URL: where, Detail: detail(r)}
	switch code := res.StatusCode; {
	case code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable:
		if wait, ok := retryAfter(res.Header.Get("Retry-After"), c.now()); ok {
			if c.Budget != nil && wait <= c.patience() {
				c.Budget.Pause(wait)
			}
			return 0, &askedToWait{refused, wait}
		}
		return 0, &refused
	case code >= 500 || code == http.StatusRequestTimeout:
		return 0, &refused
	}
	return hopeless, &refused
}

func (e *askedToWait) Unwrap() error { return &e.StatusError }

// detail returns what a refusal says about itself, as far as it is short.
func detail(r *Reply) string {
	v, err := r.parser.ParseBytes(r.body.Bytes())
	if err != nil {
		return ""
	}
	for _, name := range []string{"detail", "message", "error_description", "error"} {
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
