package api

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// A load is what a request is to the server, by which an account's requests
// are limited. The zero load has no limit but the one on all requests.
type load uint8

const (
	ordinary     load = iota
	setupTests        // runs setup tests
	sourceRead        // asks a source
	newUser           // makes a user
	newLink           // makes a private link
	wrongKey          // comes with a key that is none; by whose it would be and where from
	kindsOfLoads int  = iota
)

// A limiter keeps each account to so many requests in a rolling time, by the
// numbers of Fivetran's page "Rate limiting" (2026), and each remote address
// to so many wrong secrets for a key. It takes the same time for each request,
// and memory for so many accounts and addresses at most.
type limiter struct {
	mu    sync.Mutex
	rates [kindsOfLoads][]*rate
}

// wrongKeys is how many times an address may send the id of a key with a wrong
// secret in a minute. Programs that share an address and were left with an old
// key stay far below; whoever wants to guess a secret gets nowhere. Who knows no
// id locks nobody out, though all may seem to have the address of one proxy.
const wrongKeys = 300

func newLimiter() *limiter {
	source := []*rate{{most: 500, per: time.Minute, what: "requests to sources per minute"}, {most: 5000, per: time.Hour, what: "requests to sources per hour"}}
	tests := []*rate{{most: 250, per: time.Minute, what: "setup tests per minute"}, {most: 2500, per: time.Hour, what: "setup tests per hour"}}
	return &limiter{rates: [kindsOfLoads][]*rate{
		ordinary:   {{most: 20000, per: time.Hour, what: "requests per hour"}},
		sourceRead: source,
		setupTests: append(tests, source...), // these ask a source too
		newUser:    {{most: 500, per: time.Hour, what: "new users per hour"}},
		newLink:    {{most: 5, per: time.Hour, what: "new private links per hour"}},
		wrongKey:   {{most: wrongKeys, per: time.Minute, what: "wrong secrets of an API key per minute"}},
	}}
}

// take counts a request of an account or a guesser, or refuses it. A nil
// limiter has no limits.
func (l *limiter) take(kind load, by string, now time.Time) error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.refuse(kind, by, now); err != nil {
		return err
	}
	for _, r := range l.rates[kind] {
		r.add(by, now)
	}
	return nil
}

// check refuses what take would refuse, and counts nothing.
func (l *limiter) check(kind load, by string, now time.Time) error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.refuse(kind, by, now)
}

func (l *limiter) refuse(kind load, by string, now time.Time) error {
	for _, r := range l.rates[kind] {
		if w := r.find(by, now); w != nil && w.total >= r.most {
			return &tooMany{r, w.frees(r.slot()).Sub(now)}
		}
	}
	return nil
}

// A tooMany is the error of a request over a limit.
type tooMany struct {
	*rate
	wait time.Duration // until it may come again
}

func (e *tooMany) Error() string {
	return fmt.Sprintf("The rate limit of %d %s is exceeded: try again in %d seconds", e.most, e.what, e.seconds())
}

// seconds is wait as a header says it: whole seconds, and one at least.
func (e *tooMany) seconds() int { return max(1, int((e.wait+time.Second-1)/time.Second)) }

// A rate is how many requests may come in a rolling time. It remembers who
// came in the last one at least, each a window; of very many, the last.
type rate struct {
	most int
	per  time.Duration
	what string

	recent, before map[string]*window // before: those last seen before turned
	turned         time.Time
}

// maxWindows is how many accounts or guessers a rate remembers, twice.
const maxWindows = 10_000

// find returns the window of an account or a guesser, its time set to now;
// nil if nothing came in the last time.
func (r *rate) find(by string, now time.Time) *window {
	if len(r.recent) >= maxWindows || now.Sub(r.turned) > r.per+2*r.slot() {
		r.recent, r.before, r.turned = map[string]*window{}, r.recent, now
	}
	w := r.recent[by]
	if w == nil {
		if w = r.before[by]; w == nil {
			return nil
		}
		r.recent[by] = w
	}
	w.move(r.number(now))
	return w
}

func (r *rate) add(by string, now time.Time) {
	w := r.find(by, now)
	if w == nil {
		w = &window{newest: r.number(now)}
		r.recent[by] = w
	}
	w.counts[w.newest%(slots+1)]++
	w.total++
}

// slots is how many parts a rolling time is counted in: a request is forgotten
// when its time has passed, and a part of it more at most.
const slots = 20

func (r *rate) slot() time.Duration { return r.per / slots }

// number returns which slot since 1970 a time is in.
func (r *rate) number(t time.Time) int64 { return t.UnixNano() / int64(r.slot()) }

// A window counts the requests of a rolling time.
type window struct {
	counts [slots + 1]int // by the number of their slot since 1970
	total  int
	newest int64 // slot
}

// move forgets what is too old at a slot. A clock that goes back changes
// nothing.
func (w *window) move(slot int64) {
	if slot-w.newest > slots {
		*w = window{newest: slot}
	}
	for w.newest < slot {
		w.newest++
		oldest := &w.counts[w.newest%(slots+1)]
		w.total -= *oldest
		*oldest = 0
	}
}

// frees returns when the oldest requests are forgotten.
func (w *window) frees(slot time.Duration) time.Time {
	n := w.newest + 1
	for w.counts[n%(slots+1)] == 0 && n <= w.newest+slots {
		n++
	}
	return time.Unix(0, n*int64(slot))
}

// limit counts a request of the caller's account, or refuses it.
func (s *server) limit(r *request, kind load) error {
	return s.limiter.take(kind, r.caller.AccountID, s.now())
}

// admit counts a request of a route in the limit on all requests, before it is
// known whether its caller is allowed what the route does. Only of whoever is, it
// counts in the route's own limit; whom that would refuse does not count at all.
func (s *server) admit(r *request, kind load) error {
	if err := s.limiter.check(kind, r.caller.AccountID, s.now()); err != nil {
		return err
	}
	return s.limit(r, ordinary)
}

// limitTests does so where a request is going to run setup tests.
func (s *server) limitTests(r *request, tests bool) error {
	if !tests {
		return nil
	}
	return s.limit(r, setupTests)
}

// guesser returns by what wrong secrets for a key are counted: the key's id,
// which may be as long as anybody likes, and the address of who sends it.
func guesser(r *http.Request, key string) string {
	id := sha256.Sum256([]byte(key))
	return remote(r) + " " + string(id[:])
}

// remote returns the address that a request came from. Of IPv6 it is the
// network, in which one machine may have any address.
func remote(r *http.Request) string {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	addr := at.Addr().Unmap().WithZone("")
	if addr.Is6() {
		network, _ := addr.Prefix(64)
		return network.String()
	}
	return addr.String()
}
