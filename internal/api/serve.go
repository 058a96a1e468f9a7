package api

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"path"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/store"
)

// timeout bounds a request, setup tests included, as it does at Fivetran
// (rest-api documentation, 2026-07).
const timeout = 60 * time.Second

// A route is one operation of the API.
type route struct {
	method, path string
	message      string // {name} stands for the path's value of that name
	handle       func(*request) (any, error)
	about        subject        // what its caller must be allowed
	does         access.Actions // and to do with it
	status       int            // of a success
	large        bool           // its body may name each column of a large source
	public       bool           // needs no API key
	legacy       bool           // an older name of the path
}

// An endpoint is one path with its routes by method; none for every path that
// is not in the table.
type endpoint struct {
	server *server
	routes map[string]route
}

// newMux returns a mux in which every path leads to an endpoint.
func (s *server) newMux(routes []route) *http.ServeMux {
	byPath := map[string]endpoint{"/": {server: s}}
	for _, r := range routes {
		if _, ok := byPath[r.path]; !ok {
			byPath[r.path] = endpoint{s, map[string]route{}}
		}
		byPath[r.path].routes[r.method] = r
	}
	mux := http.NewServeMux()
	for p, e := range byPath {
		mux.Handle(p, e)
	}
	return mux
}

// ServeHTTP implements http.Handler. A path may end in a slash, as some
// clients write it. The mux, which would answer an unclean path with a
// redirect in HTML, does not get to see one.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p := r.URL.Path; len(p) > 1 && strings.HasSuffix(p, "/") {
		u := *r.URL
		u.Path, u.RawPath = strings.TrimSuffix(p, "/"), strings.TrimSuffix(u.RawPath, "/")
		r2 := *r
		r, r2.URL = &r2, &u
	}
	if p := r.URL.EscapedPath(); path.Clean(p) != p {
		endpoint{server: s}.ServeHTTP(w, r)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// ServeHTTP answers a request: caller, content types, handler, and whatever
// comes of it as JSON and as a line in the log.
func (e endpoint) ServeHTTP(w http.ResponseWriter, hr *http.Request) {
	s := e.server
	start := s.now()
	id := requestID(hr)
	ctx, cancel := context.WithTimeout(hr.Context(), timeout)
	defer cancel()
	hr = hr.WithContext(ctx)
	limit := int64(maxBody)
	if e.routes[hr.Method].large {
		limit = maxLargeBody
	}
	hr.Body = http.MaxBytesReader(w, hr.Body, limit)
	r := &request{Request: hr, caller: &nobody}

	status, res := http.StatusOK, fivetran.Response{Code: fivetran.Success}
	rt, data, err := e.answer(r)
	if err == nil {
		status, res.Message, res.Data = rt.status, expand(rt.message, hr), data
	} else {
		f, ours := failure(err)
		if ours {
			s.log.LogAttrs(ctx, slog.LevelError, "request failed", slog.String("request", id),
				slog.String("method", hr.Method), slog.String("path", hr.URL.Path), slog.Any("error", err))
		}
		status, res.Code, res.Message = f.status, f.code, f.message
		e.errorHeaders(w.Header(), status)
	}
	w.Header()["X-Request-Id"] = []string{id}
	n := write(w, hr.Method, status, &res)
	s.log.LogAttrs(ctx, slog.LevelInfo, "request", slog.String("request", id),
		slog.String("method", hr.Method), slog.String("path", hr.URL.Path), slog.Int("status", status),
		slog.Int("bytes", n), slog.Duration("took", s.now().Sub(start)),
		slog.String("key", r.caller.KeyID), slog.String("remote", hr.RemoteAddr))
}

// answer runs the request's route. A panic becomes an error.
func (e endpoint) answer(r *request) (rt route, data any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	if e.routes == nil {
		return rt, nil, notFound(fivetran.NotFound, "HTTP 404 Not Found")
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	rt, ok := e.routes[method]
	if !ok {
		return rt, nil, &apiError{http.StatusMethodNotAllowed, fivetran.MethodNotAllowed, "HTTP 405 Method Not Allowed"}
	}
	r.legacy = rt.legacy
	if !rt.public {
		caller, err := e.server.authenticate(r.Request)
		if err != nil {
			return rt, nil, err
		}
		r.caller = caller
		r.Request = r.WithContext(store.As(r.Context(), caller.ID()))
		if err := e.server.authorize(r, &rt.about, rt.does); err != nil {
			return rt, nil, err
		}
	}
	if err := checkAccept(r.Header); err != nil {
		return rt, nil, err
	}
	if err := checkContentType(r.Request); err != nil {
		return rt, nil, err
	}
	data, err = rt.handle(r)
	return rt, data, err
}

func (e endpoint) errorHeaders(h http.Header, status int) {
	switch status {
	case http.StatusMethodNotAllowed:
		h.Set("Allow", strings.Join(slices.Sorted(maps.Keys(e.routes)), ", "))
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Basic realm="Penstock"`)
	}
}

// expand replaces each {name} in a message by the path's value of that name.
func expand(message string, r *http.Request) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(message, "{")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		name, after, _ := strings.Cut(rest, "}")
		b.WriteString(r.PathValue(name))
		message = after
	}
}

// nobody is the caller of a request without a valid API key.
var nobody store.Caller

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// write sends a response and returns the size of its body.
func write(w http.ResponseWriter, method string, status int, res *fivetran.Response) int {
	b := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(b)
	b.Reset()
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(res); err != nil {
		panic(err) // the shapes can always be encoded
	}
	h := w.Header()
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(b.Len())}
	w.WriteHeader(status)
	if method == http.MethodHead {
		return 0
	}
	n, _ := io.Copy(w, b) // the client may be gone; there is nobody to tell
	return int(n)
}

// requestID returns the id by which a request is found in the log: the
// client's, if it gave a sensible one.
func requestID(r *http.Request) string {
	id := r.Header.Get("X-Request-Id")
	sensible := func(c rune) bool {
		return c < 128 && (c == '-' || c == '_' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z')
	}
	if id != "" && len(id) <= 64 && strings.IndexFunc(id, func(c rune) bool { return !sensible(c) }) < 0 {
		return id
	}
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
