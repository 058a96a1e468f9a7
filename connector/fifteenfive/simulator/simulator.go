// Package simulator is a stand-in for 15Five's public API, strict about what
// it is asked, whose company lives on: people are hired, hand in check-ins,
// edit answers, leave, and rows are deleted, all as its clock goes.
//
// Every value is computed from the seed, the row's id and the time when it is
// asked for. Nothing is stored, so any number of rows costs no memory, and two
// simulators with the same options answer alike.
//
// Taken from the vendor and its clients (reference/connectors.md §2.2, 2026):
// the paths below /api/public/, the key as it is or after "Bearer" in
// Authorization, DRF's pages, the filters, references as URLs, short list rows
// beside whole objects, five requests a second per address with 429 and
// Retry-After, 301 for plain HTTP, keys that expire and keys for high fives
// only. Chosen here, because nothing says: the wording of refusals, 400 for
// parameters that are not known, which fields short rows have, the shape of
// the objects inside check-ins, goals and custom_* fields of audit events, and
// all values.
//
// Beside the API there is the path for people of [simulate.Control].
package simulator

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/penstock-data/penstock/connector/simulate"
)

// Keys that a Simulator knows unless its Options say otherwise. They have 32
// characters, as the vendor's have.
const (
	DefaultKey          = "fifteenfive0simulator0key0000001"
	DefaultExpiredKey   = "fifteenfive0simulator0expired002"
	DefaultHighFivesKey = "fifteenfive0simulator0highfive03"
)

// Options say what company a Simulator plays. Its zero value plays a small one.
type Options struct {
	Users    int       // at the start; 0: 20. More are hired, one in nine days
	Seed     int64     // companies with different seeds have nothing in common
	Start    time.Time // when the company began; 0: on the Monday twelve weeks before New
	Pulses   int       // from the year before Start, besides those of the check-ins
	PageSize int       // 0: 100

	Now   func() time.Time // nil: time.Now
	Limit int              // requests per second and address; 0: any number

	Key          string // may read everything; "": DefaultKey
	ExpiredKey   string // "": DefaultExpiredKey
	HighFivesKey string // may read high fives only; "": DefaultHighFivesKey

	// HTTPSOnly answers plain HTTP with 301, as the vendor does. It is for
	// simulators that are reached over a network.
	HTTPSOnly bool
}

// A Simulator is the API of one company. It is an [http.Handler]; all of its
// methods may be called at any time.
type Simulator struct {
	opt Options

	clock  simulate.Clock
	faults simulate.Faults
	counts simulate.Counts // of answered requests, by resource

	mu        sync.Mutex             // guards what follows
	accepted  map[string][]time.Time // by address: the latest requests, at most opt.Limit
	throttled int
}

// New returns a Simulator.
func New(opt Options) *Simulator {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Users == 0 {
		opt.Users = 20
	}
	if opt.PageSize == 0 {
		opt.PageSize = 100
	}
	if opt.Start.IsZero() {
		opt.Start = opt.Now().Add(-12 * week)
	}
	opt.Start = monday(opt.Start)
	setDefault(&opt.Key, DefaultKey)
	setDefault(&opt.ExpiredKey, DefaultExpiredKey)
	setDefault(&opt.HighFivesKey, DefaultHighFivesKey)
	s := &Simulator{opt: opt, clock: simulate.Clock{Base: opt.Now}, accepted: map[string][]time.Time{}}
	s.faults.Refuse = func(w http.ResponseWriter, f *simulate.Fault) { refuse(w, f.Status, http.StatusText(f.Status)) }
	return s
}

func setDefault(s *string, v string) {
	if *s == "" {
		*s = v
	}
}

// Now returns the company's time.
func (s *Simulator) Now() time.Time { return s.clock.Now() }

// Advance lets the company's time be d later from now on.
func (s *Simulator) Advance(d time.Duration) { s.clock.Advance(d) }

// Break adds a fault; it strikes after those that were added before it.
func (s *Simulator) Break(f simulate.Fault) { s.faults.Break(f) }

// Mend takes all faults away.
func (s *Simulator) Mend() { s.faults.Mend() }

// Serve answers requests on ln until ctx ends, then closes it.
func (s *Simulator) Serve(ctx context.Context, ln net.Listener) error {
	return simulate.Serve(ctx, ln, s)
}

// Requests returns how many requests for a resource ("user", "pulse") were
// answered with data, lists and single objects together.
func (s *Simulator) Requests(resource string) int { return s.counts.Of(resource) }

// Throttled returns how many requests were refused with 429 for coming too fast.
func (s *Simulator) Throttled() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.throttled
}

// Count returns how many objects a resource has now, as its list would say.
func (s *Simulator) Count(resource string) int {
	res, ok := resources[resource]
	if !ok || res.single != nil {
		return 0
	}
	l, err := res.list(s.company(), query{})
	if err != nil {
		return 0
	}
	return l.n
}

const prefix = "/api/public/"

// ServeHTTP answers as the vendor would, and on the path for people.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, simulate.ControlPrefix) {
		s.control().ServeHTTP(w, r)
		return
	}
	if s.opt.HTTPSOnly && r.TLS == nil && r.Header.Get("X-Forwarded-Proto") != "https" {
		u := *r.URL
		u.Scheme, u.Host = "https", r.Host
		http.Redirect(w, r, u.String(), http.StatusMovedPermanently)
		return
	}
	if w = s.faults.Strike(w, r); w == nil {
		return
	}
	if wait := s.throttle(r); wait > 0 {
		w.Header().Set("Retry-After", fmt.Sprint(wait))
		refuse(w, http.StatusTooManyRequests, fmt.Sprintf("Request was throttled. Expected available in %d second.", wait))
		return
	}
	s.serve(w, r)
}

func (s *Simulator) serve(w http.ResponseWriter, r *http.Request) {
	path, ok := strings.CutPrefix(r.URL.Path, prefix)
	if !ok || path == "" {
		refuse(w, http.StatusNotFound, "Not found.")
		return
	}
	if !strings.HasSuffix(path, "/") { // Django's APPEND_SLASH
		u := *r.URL
		u.Path += "/"
		http.Redirect(w, r, u.RequestURI(), http.StatusMovedPermanently)
		return
	}
	name, id, _ := strings.Cut(strings.TrimSuffix(path, "/"), "/")
	res, ok := resources[name]
	if !ok || id != "" && res.object == nil {
		refuse(w, http.StatusNotFound, "Not found.")
		return
	}
	if status, detail := s.authorize(r, name); status != 0 {
		if status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", "Bearer")
		}
		refuse(w, status, detail)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		refuse(w, http.StatusMethodNotAllowed, fmt.Sprintf("Method \"%s\" not allowed.", r.Method))
		return
	}
	c := s.company()
	c.base = "http://" + r.Host
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		c.base = "https://" + r.Host
	}
	c.base += prefix
	var body []byte
	var refused *refusal
	switch {
	case id != "":
		body, refused = res.one(c, id, r)
	case res.single != nil:
		body, refused = res.whole(c, r)
	default:
		body, refused = res.page(c, r, s.opt.PageSize)
	}
	if refused != nil {
		write(w, refused.status, refused.body)
		return
	}
	s.counts.Add(name)
	write(w, http.StatusOK, body)
}

// authorize returns a status of 0 if the request's key may read the resource.
func (s *Simulator) authorize(r *http.Request, resource string) (int, string) {
	key := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch key {
	case "":
		return http.StatusUnauthorized, "Authentication credentials were not provided."
	case s.opt.Key:
		return 0, ""
	case s.opt.ExpiredKey:
		return http.StatusUnauthorized, "API key has expired."
	case s.opt.HighFivesKey:
		if resource != "high-five" {
			return http.StatusForbidden, "This API key may only access High Fives."
		}
		return 0, ""
	}
	return http.StatusUnauthorized, "Invalid API key."
}

// throttle counts a request and returns for how many seconds its sender must
// wait if there were too many in the second before; these do not count.
func (s *Simulator) throttle(r *http.Request) int {
	if s.opt.Limit == 0 {
		return 0
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	recent := s.accepted[host]
	for len(recent) > 0 && now.Sub(recent[0]) >= time.Second {
		recent = recent[1:]
	}
	if len(recent) >= s.opt.Limit {
		s.accepted[host] = recent
		s.throttled++
		return 1
	}
	s.accepted[host] = append(recent, now)
	return 0
}

func (s *Simulator) control() *simulate.Control {
	return &simulate.Control{Clock: &s.clock, Faults: &s.faults, Status: func() map[string]any {
		return map[string]any{"requests": s.counts.All(), "throttled": s.Throttled()}
	}}
}

func refuse(w http.ResponseWriter, status int, detail string) {
	write(w, status, detailBody(detail))
}

func write(w http.ResponseWriter, status int, body []byte) {
	simulate.Write(w, status, "application/json", body)
}
