// Package simulate is what simulators of vendors share: a clock that can be
// set forward, faults on demand, counts of requests, chance that depends on a
// seed, and a path for people and scripts. What a vendor's API looks like is
// the simulator's own.
package simulate

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Serve answers requests on ln until ctx ends, then closes it.
func Serve(ctx context.Context, ln net.Listener, h http.Handler) error {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { srv.Close() })
	defer stop()
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Write answers with a body of a known length.
func Write(w http.ResponseWriter, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	w.Write(body)
}

// A Clock is the time in a simulation: another clock's, and what it was
// advanced by. Its zero value goes with time.Now.
type Clock struct {
	Base func() time.Time // nil: time.Now

	mu    sync.Mutex
	ahead time.Duration
}

// Now returns the simulation's time, in UTC.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now
	if c.Base != nil {
		now = c.Base
	}
	return now().Add(c.ahead).UTC()
}

// Advance lets the time be d later from now on.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

// Counts are numbers by name. The zero value counts from 0.
type Counts struct {
	mu sync.Mutex
	n  map[string]int
}

// Add adds one.
func (c *Counts) Add(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[string]int{}
	}
	c.n[name]++
}

// Of returns the number of a name.
func (c *Counts) Of(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n[name]
}

// All returns a copy.
func (c *Counts) All() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := maps.Clone(c.n)
	if all == nil {
		all = map[string]int{}
	}
	return all
}

// Chance returns a number that depends on its arguments alone: equal seeds
// tell equal stories.
func Chance(seed uint64, subject, a, b int64) uint64 {
	return Mix(Mix(Mix(seed, subject), a), b)
}

// Mix returns a number that depends on both arguments alone (splitmix64's
// finalizer).
func Mix(x uint64, v int64) uint64 {
	x += uint64(v)*0x9e3779b97f4a7c15 + 0x632be59bd9b4e019
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
