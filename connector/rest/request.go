package rest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// A Request is what an API is asked for.
type Request struct {
	Method string      // "": GET
	URL    string      // may be relative to the Client's Base
	Header http.Header // beside the Client's; nil: none
	Body   []byte      // nil: none
	Type   string      // of the body: "application/json", [Form]
	ETag   string      // of an answer that is still known; "": none is

	// Tries is the Client's for this request; 0: as the Client has it.
	Tries int

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

// URL returns the address of an object or a list.
func (c *Client) URL(path string, query url.Values) string {
	u := c.Base.JoinPath(path)
	u.RawQuery = query.Encode()
	return u.String()
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

// where returns an address without its query, which may have secrets.
func where(u *url.URL) string { return u.Scheme + "://" + u.Host + u.Path }

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
