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
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"time"

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
	// own. A request goes by whichever may make it first. What one may not read
	// or does not see (403, 404) the others are asked for as well.
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
	var refusal error                        // the most telling one so far
	left := append([]*Client{c}, c.Spare...) // who were not refused
	for {
		c := idlest(left, u)
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
		case wait < 0 && denied(err):
			if refusal == nil || Status(err) == http.StatusForbidden {
				refusal = err
			}
			left = slices.DeleteFunc(left, func(l *Client) bool { return l == c })
			if len(left) == 0 {
				return refusal
			}
			continue
		case wait < 0:
			return err
		default:
			if failed++; failed >= cmp.Or(q.Tries, c.tries()) {
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

// idlest returns the Client that may ask for an address first. Of several it is
// the same one each time, as ETags may be good for one credential only.
func idlest(clients []*Client, u *url.URL) *Client {
	h := fnv.New32a()
	io.WriteString(h, u.Path)
	first := int(h.Sum32() % uint32(len(clients)))
	best := clients[first]
	for _, c := range slices.Concat(clients[first+1:], clients[:first]) {
		if c.Budget.ready() < best.Budget.ready() {
			best = c
		}
	}
	return best
}

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

// heed stops requests before the vendor refuses them.
func (c *Client) heed(res *http.Response) {
	if c.Budget == nil {
		return
	}
	if wait, ok := exhausted(res.Header, c.now()); ok {
		c.Budget.Pause(min(wait, longestWait))
	}
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
