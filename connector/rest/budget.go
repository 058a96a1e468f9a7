package rest

import (
	"context"
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
	return sleep(ctx, turn.Sub(now))
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

func sleep(ctx context.Context, d time.Duration) error {
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
