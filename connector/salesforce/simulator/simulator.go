// Package simulator is a stand-in for Salesforce, strict about what it is
// asked: OAuth, the REST API's describes, queries, deleted rows and limits, and
// Bulk API 2.0 queries, for one org whose rows are made from a seed when they
// are asked for, and change when they are told to.
//
// Taken from the vendor's documents (REST API, Bulk API 2.0, SOQL and SOSL
// reference, Object reference, API version 63.0 of May 2025, and its help on
// OAuth) and from what its clients meet (jsforce 3.10.26, simple-salesforce,
// restforce's fixtures, forcedotcom/cli issue 3367 of August 2025 for numbers
// that have an exponent from ten millions on): paths, shapes, headers, formats
// of values, limits, the codes of errors, and where clients show them, their
// words. Chosen here, because nothing says: numbers with more than 15 digits
// are written in full; 400 for parameters that are not known; the words of
// refusals of assertions; the codes for jobs in the wrong state; how many polls
// a job takes; all values.
//
// What is not simulated is refused, not ignored: subqueries, GROUP BY, TYPEOF,
// semi-joins, writing by REST.
//
// Beside the API there is the path for people of [simulate.Control], with
// more that it can be told:
//
//	POST /simulator/insert?object=Account&Name=X     fields by name; answers with the id
//	POST /simulator/update?object=Account&id=…&Name=Y
//	POST /simulator/{delete,undelete,purge}?object=Account&id=…
//	POST /simulator/usage?requests=90000             sets today's use of the quota
//	POST /simulator/revoke                           all tokens
package simulator

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/penstock-data/penstock/connector/simulate"
)

// What a Simulator knows unless its Options say otherwise.
const (
	DefaultClientID     = "3MVG9simulator0client0id00000000000001"
	DefaultClientSecret = "simulator0client0secret0000000000000001"
	DefaultRefreshToken = "5Aep861simulator0refresh0token000000001"
	DefaultUsername     = "integration@example.com"
)

// OrganizationID is the org's, the first of the rows of Organization.
var OrganizationID = value{kind: id, text: "00D", num: 1}.String()

// Options say what org a Simulator plays. Its zero value plays a small one.
type Options struct {
	Seed  int64          // orgs with different seeds have different rows
	Rows  map[string]int // by object; an object that is not named has a few
	Start time.Time      // the rows are older; 0: when New is called

	// Every lets the org live: with each such time that goes by a row
	// somewhere is changed, made, deleted or undeleted. 0: only when told to.
	Every time.Duration

	Now func() time.Time // nil: time.Now

	// Instance is the scheme and host of the org, which tokens are told about
	// and which alone answers below /services/data/<version>. "": whatever
	// host is asked.
	Instance string

	ClientID, ClientSecret string         // "": the defaults
	RefreshToken           string         // "": DefaultRefreshToken
	Username               string         // "": DefaultUsername
	Certificate            *rsa.PublicKey // of JWT assertions; nil: there is none, see Register
	Audiences              []string       // of assertions, besides the vendor's login hosts and the host asked
	RotateTokens           bool           // each use of a refresh token replaces it
	SessionTTL             time.Duration  // since its last request; 0: two hours
	SessionRequests        int            // how many a session lasts; 0: any number
	DailyRequests          int            // 0: 100,000, in any 24 hours
	DailyQueryJobs         int            // 0: 10,000, in any 24 hours
	PageSize               int            // of queries; 0: 2,000
	LocatorTTL             time.Duration  // of a query's next page, unused; 0: 15 minutes
	LiveCursors            bool           // next pages are cut from what the query would find then: rows repeat and are skipped
	LogKeeps               bool           // the delete log keeps rows that were undeleted
	VisibleAfter           time.Duration  // how much later than their SystemModstamp changes can be seen
	Polls                  int            // of a job in each state; 0: 1
	ResultRows             int            // of Bulk results in one answer, if nothing is asked for; 0: 100,000
	MostIDs                int            // in one answer about deleted or updated rows; 0: 600,000
	Concurrent             int            // requests to the REST API at once; 0: any number
	NoGzip                 bool           // answers are never compressed
}

// A Simulator is the API of one org. It is an [http.Handler]; all of its
// methods may be called at any time.
type Simulator struct {
	opt    Options
	clock  simulate.Clock
	faults simulate.Faults
	counts simulate.Counts // of requests, by kind

	mu       sync.Mutex // guards what follows
	tables   map[string]*table
	names    []string // of tables, in order
	sessions map[string]*session
	refresh  map[string]bool // tokens; false: used up or revoked
	key      *rsa.PublicKey
	user     UserState
	usage    usage
	jobsUsed usage
	cursors  map[string]*cursor
	jobs     map[string]*job
	failing  []string // what the next jobs fail with
	serial   int64
	lived    time.Time // until when the org has
	events   int64     // in its life
	running  int       // requests to the REST API
}

// rowsFromTheFirst are those of a small org.
var rowsFromTheFirst = map[string]int{
	"Account": 50, "AccountHistory": 70, "Case": 60, "Contact": 120, "CurrencyType": 3, "Custom__c": 3, "Event": 40, "Invoice__c": 45,
	"Lead": 40, "LoginHistory": 90, "Opportunity": 80, "OpportunityContactRole": 60, "OpportunityLineItem": 100, "Order": 30,
	"Organization": 1, "Product2": 12, "SetupAuditTrail": 25, "Task": 60, "TaskStatus": 5, "User": 8, "UserLicense": 4, "UserRole": 5,
}

// New returns a Simulator.
func New(opt Options) *Simulator {
	setDefault(&opt.ClientID, DefaultClientID)
	setDefault(&opt.ClientSecret, DefaultClientSecret)
	setDefault(&opt.RefreshToken, DefaultRefreshToken)
	setDefault(&opt.Username, DefaultUsername)
	setDefault(&opt.SessionTTL, 2*time.Hour)
	setDefault(&opt.DailyRequests, 100_000)
	setDefault(&opt.DailyQueryJobs, 10_000)
	setDefault(&opt.PageSize, 2000)
	setDefault(&opt.LocatorTTL, 15*time.Minute)
	setDefault(&opt.Polls, 1)
	setDefault(&opt.ResultRows, 100_000)
	setDefault(&opt.MostIDs, 600_000)
	s := &Simulator{
		opt: opt, clock: simulate.Clock{Base: opt.Now}, key: opt.Certificate,
		tables: map[string]*table{}, sessions: map[string]*session{}, refresh: map[string]bool{opt.RefreshToken: true},
		cursors: map[string]*cursor{}, jobs: map[string]*job{},
	}
	s.faults.Refuse = func(w http.ResponseWriter, f *simulate.Fault) {
		refuse(w, &apiError{f.Status, faultCode(f), http.StatusText(f.Status)})
	}
	if opt.Start.IsZero() {
		s.opt.Start = s.clock.Now()
	}
	s.lived = s.opt.Start
	for _, o := range embedded() {
		rows, ok := opt.Rows[o.Name]
		if !ok {
			rows = rowsFromTheFirst[o.Name]
		}
		s.add(o, rows)
	}
	return s
}

func setDefault[T comparable](p *T, v T) {
	var zero T
	if *p == zero {
		*p = v
	}
}

func (s *Simulator) add(o *Object, rows int) {
	s.tables[strings.ToLower(o.Name)] = newTable(o, uint64(s.opt.Seed), int64(rows), s.opt.Start)
	s.names = append(s.names, o.Name)
}

// Now returns the org's time.
func (s *Simulator) Now() time.Time { return s.clock.Now() }

// Advance lets the org's time be d later from now on.
func (s *Simulator) Advance(d time.Duration) { s.clock.Advance(d) }

// Break adds a fault; it strikes after those that were added before it.
func (s *Simulator) Break(f simulate.Fault) { s.faults.Break(f) }

// Mend takes all faults away.
func (s *Simulator) Mend() { s.faults.Mend() }

// Requests returns how many requests of a kind were answered with 2xx: token,
// identity, versions, describe, global, query, more (next pages), deleted,
// updated, limits, batch, composite, job (creation), poll, results, jobs (list), abort,
// drop (of jobs).
func (s *Simulator) Requests(kind string) int { return s.counts.Of(kind) }

// Register makes a certificate the one that JWT assertions are checked with.
func (s *Simulator) Register(c *x509.Certificate) error {
	key, ok := c.PublicKey.(*rsa.PublicKey)
	if !ok {
		return fmt.Errorf("the certificate's key is a %T, not RSA", c.PublicKey)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.key = key
	return nil
}

// Serve answers requests on ln until ctx ends, then closes it.
func (s *Simulator) Serve(ctx context.Context, ln net.Listener) error {
	return simulate.Serve(ctx, ln, s)
}

// The vendor's bounds (REST API guide, "URI length"): of the request line,
// and of that and all headers together.
const longestURI, longestHead = 16_384, 16_384

// ServeHTTP answers as the vendor would, and on the path for people.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, simulate.ControlPrefix) {
		s.control().ServeHTTP(w, r)
		return
	}
	if s.opt.NoGzip || !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		s.serve(w, r)
		return
	}
	z := &zipped{ResponseWriter: w}
	s.serve(z, r)
	z.close()
}

func (s *Simulator) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", s.clock.Now().Format(http.TimeFormat))
	if len(r.RequestURI) > longestURI {
		refuse(w, &apiError{http.StatusRequestURITooLong, "URI_TOO_LONG", "URI Too Long"})
		return
	}
	if headSize(r) > longestHead {
		refuse(w, &apiError{http.StatusRequestHeaderFieldsTooLarge, "HEADERS_TOO_LONG", "Request Header Fields Too Large"})
		return
	}
	if w = s.faults.Strike(w, r); w == nil {
		return
	}
	switch path := r.URL.Path; {
	case path == "/services/oauth2/token":
		s.token(w, r)
	case path == "/services/oauth2/revoke":
		s.revoke(w, r)
	case path == "/services/oauth2/userinfo", strings.HasPrefix(path, "/id/"):
		s.identity(w, r)
	case path == "/services/data" || path == "/services/data/":
		s.versions(w, r)
	case strings.HasPrefix(path, "/services/data/"):
		s.rest(w, r)
	default:
		refuse(w, notFound)
	}
}

// faultCode returns the vendor's name for what a fault stands for.
func faultCode(f *simulate.Fault) string {
	switch {
	case f.Code != "":
		return f.Code
	case f.Status == http.StatusForbidden, f.Status == http.StatusTooManyRequests:
		return "REQUEST_LIMIT_EXCEEDED"
	case f.Status == http.StatusServiceUnavailable:
		return "SERVER_UNAVAILABLE"
	case f.Status == http.StatusUnauthorized:
		return "INVALID_SESSION_ID"
	}
	return "UNKNOWN_EXCEPTION"
}

func headSize(r *http.Request) int {
	n := len(r.RequestURI)
	for name, values := range r.Header {
		for _, v := range values {
			n += len(name) + len(v) + 4
		}
	}
	return n
}

var notFound = &apiError{http.StatusNotFound, "NOT_FOUND", "The requested resource does not exist"}

// refuse answers with an error as the REST API has them.
func refuse(w http.ResponseWriter, e *apiError) {
	write(w, e.status, e.body())
}

func (e *apiError) body() json.RawMessage {
	b, _ := json.Marshal([]map[string]string{{"message": e.message, "errorCode": e.code}})
	return b
}

func write(w http.ResponseWriter, status int, body []byte) {
	simulate.Write(w, status, "application/json;charset=UTF-8", body)
}

// base returns the scheme and host that a request came to.
func base(r *http.Request) string {
	u := url.URL{Scheme: "http", Host: r.Host}
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		u.Scheme = "https"
	}
	return u.String()
}

// instance returns the scheme and host of the org.
func (s *Simulator) instance(r *http.Request) string {
	if s.opt.Instance != "" {
		return strings.TrimSuffix(s.opt.Instance, "/")
	}
	return base(r)
}

// snapshot returns all tables as others see them now. s.mu is held.
func (s *Simulator) snapshot() *snapshot {
	s.live()
	return s.look()
}

// look is snapshot without anybody's doing anything. s.mu is held.
func (s *Simulator) look() *snapshot {
	sn := &snapshot{now: s.clock.Now(), byName: map[string]*view{}, byPrefix: map[string]*view{}}
	for name, t := range s.tables {
		v := t.view(sn.now)
		v.sn = sn
		sn.byName[name] = v
		if p := t.object.KeyPrefix; p != "" {
			sn.byPrefix[p] = v
		}
	}
	return sn
}
