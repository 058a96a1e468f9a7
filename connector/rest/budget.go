package rest

import (
	"context"
	"crypto/sha256"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A Budget is the number of requests that may be made in some time. All who
// share the vendor's limit share the Budget. Requests are spread evenly, so
// that no stretch of that length sees more of them, wherever it begins.
type Budget struct {
	mu    sync.Mutex // guards what follows
	every time.Duration
	later time.Duration // every, from the first Pause on
	next  time.Time     // when the next request may go
}

// slack keeps requests that the network brought closer together than they
// were sent within the vendor's count.
const slack = 1.02

// NewBudget returns a Budget of n requests in each stretch of the length per.
func NewBudget(n int, per time.Duration) *Budget {
	every := time.Duration(float64(per) / float64(n) * slack)
	return &Budget{every: every, later: every}
}

// OnDemand returns a Budget that lets requests go as they come until the
// server asks for a pause for the first time, and then is as NewBudget's. It
// is for servers that are not the vendor's and may be without a limit.
func OnDemand(n int, per time.Duration) *Budget {
	b := NewBudget(n, per)
	b.every = 0
	return b
}

// ready returns how long a request would have to wait. A nil Budget lets all
// go.
func (b *Budget) ready() time.Duration {
	if b == nil {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return max(time.Until(b.next), 0)
}

// A Budgets has the Budgets of a vendor that counts the requests of each
// credential, whichever connection makes them. Its zero value is ready.
type Budgets struct {
	mu sync.Mutex
	of map[[sha256.Size]byte]*Budget
}

// Of returns the Budget of a credential, which make makes for the first that
// asks for it.
func (b *Budgets) Of(credential string, make func() *Budget) *Budget {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := sha256.Sum256([]byte(credential))
	if b.of == nil {
		b.of = map[[sha256.Size]byte]*Budget{}
	}
	if b.of[key] == nil {
		b.of[key] = make()
	}
	return b.of[key]
}

// Wait returns when the next request may go, and takes it off the budget.
func (b *Budget) Wait(ctx context.Context) error {
	b.mu.Lock()
	now := time.Now()
	turn := b.next
	if turn.Before(now) {
		turn = now
	}
	b.next = turn.Add(b.every)
	b.mu.Unlock()
	return Sleep(ctx, turn.Sub(now))
}

// Pause lets no new request go for d.
func (b *Budget) Pause(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.every = b.later
	if until := time.Now().Add(d); until.After(b.next) {
		b.next = until
	}
}

// Sleep waits for d, or until ctx ends, whose error it returns then.
func Sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// retryAfter reads a Retry-After header: seconds or a date (RFC 9110, 10.2.3).
func retryAfter(header string, now time.Time) (time.Duration, bool) {
	header = strings.TrimSpace(header)
	if n, err := strconv.ParseInt(header, 10, 32); err == nil && n >= 0 {
		return time.Duration(n) * time.Second, true
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(at.Sub(now), 0), true
	}
	return 0, false
}

// exhausted returns how long it takes until a vendor's count of requests
// begins anew, if its headers say that none is left: X-RateLimit-Remaining and
// X-RateLimit-Reset, or RateLimit-Remaining and RateLimit-Reset, with the time
// of the reset in seconds since 1970, or in seconds from now where it is small.
func exhausted(h http.Header, now time.Time) (time.Duration, bool) {
	for _, prefix := range []string{"X-RateLimit-", "RateLimit-"} {
		if strings.TrimSpace(h.Get(prefix+"Remaining")) != "0" {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(h.Get(prefix+"Reset")), 10, 64)
		if err != nil || n < 0 {
			continue
		}
		const longAgo = 1e8 // 1973, or three years from now
		if n < longAgo {
			return time.Duration(n) * time.Second, true
		}
		left := min(max(n-now.Unix(), 0), longAgo)       // as longer ones overflow
		return time.Duration(left+1) * time.Second, true // the clocks differ
	}
	return 0, false
}
