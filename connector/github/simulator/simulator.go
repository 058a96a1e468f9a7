// Package simulator is a stand-in for GitHub's REST API, strict about what it
// is asked. It has an organization with a few repositories, whose lists tests
// change by [Simulator.Put] and [Simulator.Remove].
//
// Taken from GitHub's reference (docs.github.com/rest, version 2022-11-28,
// 2026-11): paths, parameters and their values, the order of lists, pages and
// Link headers, ETags and 304, which costs nothing, the headers and refusals
// of the primary and the secondary rate limit, 301 for renamed repositories,
// 409 for repositories without a commit, 410 for issues that are switched off,
// App logins. Chosen here, because nothing says: that unknown parameters are
// refused (GitHub passes over them), and all values.
//
// Beside the API there is [simulate.ControlPrefix], for people and scripts.
package simulator

import (
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/penstock-data/penstock/connector/simulate"
)

// DefaultToken may read everything.
const DefaultToken = "github_pat_simulator0000000000000001"

// Options say what a Simulator plays.
type Options struct {
	Issues int              // in the first repository; 0: 7
	Start  time.Time        // when the first row was made; zero: 30 days before New
	Now    func() time.Time // nil: time.Now
	Limit  int              // requests per hour and credential; 0: 5,000
	Tokens []string         // nil: DefaultToken

	// ClientID and Key are of a GitHub App that is installed for octo.
	ClientID string
	Key      *rsa.PublicKey
}

// A Doc is a JSON object.
type Doc = map[string]any

// A Simulator is an [http.Handler]; its methods may be called at any time.
type Simulator struct {
	Clock  simulate.Clock
	Faults simulate.Faults
	Counts simulate.Counts // requests by path

	opt Options

	mu        sync.Mutex // guards what follows
	lists     map[string][]Doc
	moved     map[string]int64 // ids of repositories, by names that they had
	refused   map[string]int   // statuses, by the token, or none, and the beginning of the path
	used      map[string]int   // requests in the hour, by credential
	hour      time.Time        // when it began
	installed map[string]time.Time
}

// New returns a Simulator.
func New(opt Options) *Simulator {
	s := &Simulator{opt: opt, lists: map[string][]Doc{}, moved: map[string]int64{}, refused: map[string]int{}, used: map[string]int{}, installed: map[string]time.Time{}}
	s.Clock.Base = opt.Now
	s.Faults.Refuse = func(w http.ResponseWriter, f *simulate.Fault) { refuse(w, f.Status, f.Code) }
	if s.opt.Tokens == nil {
		s.opt.Tokens = []string{DefaultToken}
	}
	if s.opt.Limit == 0 {
		s.opt.Limit = 5000
	}
	if s.opt.Issues == 0 {
		s.opt.Issues = 7
	}
	if s.opt.Start.IsZero() {
		s.opt.Start = s.Clock.Now().Add(-30 * 24 * time.Hour)
	}
	s.populate()
	return s
}

// Serve answers requests on ln until ctx ends, then closes it.
func (s *Simulator) Serve(ctx context.Context, ln net.Listener) error {
	return simulate.Serve(ctx, ln, s)
}

// Put adds a row to a list ("repos/octo/alpha/issues"), or changes the fields
// of the one with the same id, sha or name that are given, and sets the time
// of its change, where it has one.
func (s *Simulator) Put(list string, d Doc) {
	now := s.Clock.Now().Format(time.RFC3339)
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.lists[list], func(o Doc) bool { return same(o, d) })
	if i < 0 {
		s.lists[list] = append(s.lists[list], d)
		return
	}
	changed := Doc{}
	for k, v := range s.lists[list][i] {
		changed[k] = v
	}
	for k, v := range d {
		changed[k] = v
	}
	if _, timed := changed["updated_at"]; timed && d["updated_at"] == nil {
		changed["updated_at"] = now
	}
	s.lists[list][i] = changed
}

// Remove takes a row out of a list.
func (s *Simulator) Remove(list string, d Doc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lists[list] = slices.DeleteFunc(slices.Clone(s.lists[list]), func(o Doc) bool { return same(o, d) })
}

// Rename gives a repository another name; the old one leads to it.
func (s *Simulator) Rename(from, to string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, docs := range s.lists {
		if rest, ok := strings.CutPrefix(name, "repos/"+from+"/"); ok {
			s.lists["repos/"+to+"/"+rest] = docs
			delete(s.lists, name)
		}
	}
	for i, d := range s.lists["user/repos"] {
		if d["full_name"] == from {
			_, short, _ := strings.Cut(to, "/")
			s.moved[from] = d["id"].(int64)
			s.lists["user/repos"][i] = with(d, Doc{"full_name": to, "name": short})
		}
	}
}

// Refuse answers with a status whatever is below a path, until the status is 0.
func (s *Simulator) Refuse(path string, status int) { s.RefuseTo("", path, status) }

// RefuseTo does so for one token. A repository or an organization that is
// refused with 404 is in none of its lists either, and drafts of releases only
// in those of tokens that may see the collaborators, as both need push access.
func (s *Simulator) RefuseTo(token, path string, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused[token+" "+path] = status
}

// refusal returns the status with which a token is refused a path, or 0.
func (s *Simulator) refusal(token, path string) int {
	for prefix, status := range s.refused {
		to, prefix, _ := strings.Cut(prefix, " ")
		if status != 0 && (to == "" || to == token) && strings.HasPrefix(path+"/", prefix+"/") {
			return status
		}
	}
	return 0
}

// visible returns the rows of a list that a token may see.
func (s *Simulator) visible(token, list string, docs []Doc) []Doc {
	return slices.DeleteFunc(slices.Clone(docs), func(d Doc) bool {
		switch {
		case list == "user/repos":
			return s.refusal(token, "repos/"+d["full_name"].(string)) == http.StatusNotFound
		case list == "user/orgs":
			return s.refusal(token, "orgs/"+d["login"].(string)) == http.StatusNotFound
		}
		return d["draft"] == true && strings.HasSuffix(list, "/releases") && s.refusal(token, strings.TrimSuffix(list, "releases")+"collaborators") != 0
	})
}

func with(d, changes Doc) Doc {
	out := Doc{}
	for k, v := range d {
		out[k] = v
	}
	for k, v := range changes {
		out[k] = v
	}
	return out
}

func same(a, b Doc) bool {
	for _, k := range []string{"id", "sha", "property_name", "timestamp"} {
		if a[k] != nil {
			return a[k] == b[k]
		}
	}
	return false
}

func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, simulate.ControlPrefix) {
		(&simulate.Control{Clock: &s.Clock, Faults: &s.Faults, Status: func() map[string]any {
			return map[string]any{"requests": s.Counts.All()}
		}}).ServeHTTP(w, r)
		return
	}
	if w = s.Faults.Strike(w, r); w == nil {
		return
	}
	path := strings.Trim(r.URL.Path, "/")
	s.Counts.Add(path)
	s.mu.Lock()
	defer s.mu.Unlock()
	if status, why := s.polite(r); status != 0 {
		refuse(w, status, why)
		return
	}
	if s.login(w, r, path) {
		return
	}
	credential := r.Header.Get("Authorization")
	if !s.knows(strings.TrimPrefix(credential, "Bearer ")) {
		refuse(w, http.StatusUnauthorized, "Bad credentials")
		return
	}
	body, status, header := s.answer(r, path)
	tag := fmt.Sprintf(`W/"%x"`, sha256.Sum256(append(body, header["Link"]...)))
	unchanged := status == http.StatusOK && r.Header.Get("If-None-Match") == tag
	if !s.count(w, credential, !unchanged) {
		refuse(w, http.StatusForbidden, "API rate limit exceeded for user ID 1.")
		return
	}
	for k, v := range header {
		w.Header().Set(k, v)
	}
	if status == http.StatusOK {
		w.Header().Set("ETag", tag)
	}
	if unchanged {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	simulate.Write(w, status, "application/json; charset=utf-8", body)
}

// polite returns why a request is none that GitHub asks for.
func (s *Simulator) polite(r *http.Request) (int, string) {
	switch accept := r.Header.Get("Accept"); {
	case r.Header.Get("User-Agent") == "":
		return http.StatusForbidden, "Request forbidden by administrative rules. Please make sure your request has a User-Agent header."
	case r.Header.Get("X-GitHub-Api-Version") != "2022-11-28":
		return http.StatusBadRequest, "X-GitHub-Api-Version must be 2022-11-28."
	case accept != "application/vnd.github+json" && !(accept == "application/vnd.github.star+json" && strings.HasSuffix(r.URL.Path, "/stargazers")):
		return http.StatusUnsupportedMediaType, "Must accept 'application/json'"
	}
	return 0, ""
}

// count takes a request off the hour's, and says in headers what is left.
func (s *Simulator) count(w http.ResponseWriter, credential string, costs bool) bool {
	now := s.Clock.Now()
	if now.Sub(s.hour) >= time.Hour {
		s.hour, s.used = now.Truncate(time.Second), map[string]int{}
	}
	left := s.opt.Limit - s.used[credential]
	ok := left > 0 || !costs
	if costs && left > 0 {
		s.used[credential]++
		left--
	}
	w.Header().Set("X-RateLimit-Limit", strconv.Itoa(s.opt.Limit))
	w.Header().Set("X-RateLimit-Remaining", strconv.Itoa(left))
	w.Header().Set("X-RateLimit-Reset", strconv.FormatInt(s.hour.Add(time.Hour).Unix(), 10))
	return ok
}

// Used returns how many requests of a token's hour are used up.
func (s *Simulator) Used(token string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used["Bearer "+token]
}

func (s *Simulator) knows(token string) bool {
	if slices.Contains(s.opt.Tokens, token) {
		return true
	}
	until, ok := s.installed[token]
	return ok && s.Clock.Now().Before(until)
}

// Revoke makes the tokens of the App's installation worthless.
func (s *Simulator) Revoke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.installed)
}

// login answers what an App asks for itself.
func (s *Simulator) login(w http.ResponseWriter, r *http.Request, path string) bool {
	installation := strings.HasPrefix(path, "users/") && strings.HasSuffix(path, "/installation")
	token := path == "app/installations/1/access_tokens" && r.Method == http.MethodPost
	if !installation && !token {
		return false
	}
	var claims jwt.RegisteredClaims
	_, err := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithTimeFunc(s.Clock.Now), jwt.WithIssuer(s.opt.ClientID), jwt.WithExpirationRequired(), jwt.WithIssuedAt()).
		ParseWithClaims(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), &claims, func(*jwt.Token) (any, error) { return s.opt.Key, nil })
	switch {
	case s.opt.Key == nil || err != nil || claims.ExpiresAt.Sub(s.Clock.Now()) > 10*time.Minute:
		refuse(w, http.StatusUnauthorized, "A JSON web token could not be decoded")
	case installation && path != "users/octo/installation":
		refuse(w, http.StatusNotFound, "Not Found")
	case installation:
		simulate.Write(w, http.StatusOK, "application/json", []byte(`{"id":1,"account":{"login":"octo"}}`))
	default:
		t, until := fmt.Sprintf("ghs_%d_%d", len(s.installed), s.Clock.Now().UnixNano()), s.Clock.Now().Add(time.Hour)
		s.installed[t] = until
		body, _ := json.Marshal(Doc{"token": t, "expires_at": until.Format(time.RFC3339)})
		simulate.Write(w, http.StatusCreated, "application/json", body)
	}
	return true
}

func refuse(w http.ResponseWriter, status int, message string) {
	body, _ := json.Marshal(Doc{"message": message, "status": strconv.Itoa(status), "documentation_url": "https://docs.github.com/rest"})
	simulate.Write(w, status, "application/json; charset=utf-8", body)
}

// answer returns what a path answers with.
func (s *Simulator) answer(r *http.Request, path string) (body []byte, status int, header map[string]string) {
	no := func(status int, message string) ([]byte, int, map[string]string) {
		b, _ := json.Marshal(Doc{"message": message, "status": strconv.Itoa(status)})
		return b, status, nil
	}
	if r.Method != http.MethodGet {
		return no(http.StatusNotFound, "Not Found")
	}
	path, location := s.repository(path)
	if location != "" {
		if r.URL.RawQuery != "" {
			location += "?" + r.URL.RawQuery
		}
		b, _ := json.Marshal(Doc{"message": "Moved Permanently", "url": location})
		return b, http.StatusMovedPermanently, map[string]string{"Location": location}
	}
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if status := s.refusal(token, path); status != 0 {
		return no(status, http.StatusText(status))
	}
	rt, known := find(path)
	list := path
	if path == "installation/repositories" {
		list = "user/repos"
	}
	docs, there := s.lists[list]
	if one := s.single(path); one != nil && !there {
		if len(r.URL.Query()) > 0 && !known {
			return no(http.StatusUnprocessableEntity, "This path has no parameters.")
		}
		b, _ := json.Marshal(one)
		return b, http.StatusOK, nil
	}
	if !known || !there && !s.under(path) {
		return no(http.StatusNotFound, "Not Found")
	}
	if rt.commits && len(docs) == 0 {
		return no(http.StatusConflict, "Git Repository is empty.")
	}
	if project, ok := strings.CutSuffix(path, "/items"); ok && strings.Contains(path, "/projectsV2/") {
		if docs = withFields(docs, s.lists[project+"/fields"], r.URL.Query().Get("fields")); docs == nil {
			return no(http.StatusUnprocessableEntity, "fields are none of the project's.")
		}
	}
	return rt.page(r.URL, s.visible(token, list, docs), no)
}

// repository returns a path by the name that its repository has now, or where
// to look for it.
func (s *Simulator) repository(path string) (now, location string) {
	if rest, ok := strings.CutPrefix(path, "repositories/"); ok {
		id, below, _ := strings.Cut(rest, "/")
		for _, d := range s.lists["user/repos"] {
			if fmt.Sprint(d["id"]) == id {
				return strings.TrimSuffix("repos/"+d["full_name"].(string)+"/"+below, "/"), ""
			}
		}
		return path, ""
	}
	for old, id := range s.moved {
		if below, ok := strings.CutPrefix(path+"/", "repos/"+old+"/"); ok {
			return path, strings.TrimSuffix(fmt.Sprintf("/repositories/%d/%s", id, below), "/")
		}
	}
	return path, ""
}

// single returns one object.
func (s *Simulator) single(path string) Doc {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		if path == "rate_limit" {
			return Doc{"resources": Doc{}}
		}
		return nil
	}
	list, last := path[:i], path[i+1:]
	if name, ok := strings.CutPrefix(path, "repos/"); ok && strings.Count(name, "/") == 1 {
		list, last = "user/repos", name
	}
	if list == "orgs" {
		list = "user/orgs"
	}
	for _, d := range s.lists[list] {
		for _, k := range []string{"full_name", "number", "sha", "login", "name", "run_attempt", "id"} {
			if d[k] != nil && fmt.Sprint(d[k]) == last && (k != "id" || list == "user") {
				return d
			}
		}
	}
	return nil
}

// under reports whether what a list is of exists.
func (s *Simulator) under(path string) bool {
	p := strings.Split(path, "/")
	switch {
	case len(p) > 3 && p[0] == "repos":
		return s.single(strings.Join(p[:3], "/")) != nil
	case len(p) > 2 && p[0] == "orgs":
		return s.single(strings.Join(p[:2], "/")) != nil
	}
	return path == "user/repos" || path == "user/orgs" || path == "installation/repositories"
}

// link returns the Link header of a page.
func link(u *url.URL, page, last int) string {
	at := func(n int, rel string) string {
		q := u.Query()
		q.Set("page", strconv.Itoa(n))
		return fmt.Sprintf(`<%s?%s>; rel=%q`, u.Path, q.Encode(), rel)
	}
	var parts []string
	if page > 1 {
		parts = append(parts, at(page-1, "prev"), at(1, "first"))
	}
	if page < last {
		parts = append(parts, at(page+1, "next"), at(last, "last"))
	}
	return strings.Join(parts, ", ")
}
