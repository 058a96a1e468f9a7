package api

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"mime"
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

// transferTimeout bounds a request that sends or fetches a file.
const transferTimeout = 10 * time.Minute

// slack is how much longer than its request a connection may take to bring a
// body or to fetch an answer: what a handler waits for ends first.
const slack = 5 * time.Second

// NewServer returns a server of the API or of what has the API in it. No client
// keeps it busy by being slow: it waits ten seconds for a request's head, and
// for its body and the fetching of its answer little longer than it may take.
func NewServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
}

// A route is one operation of the API.
type route struct {
	method, path string
	message      string // {name} stands for the path's value of that name
	handle       func(*request) (any, error)
	about        subject        // what its caller must be allowed
	does         access.Actions // and to do with it
	load         load           // by which its requests are limited
	status       int            // of a success
	large        bool           // its body may name each column of a large source
	upload       bool           // its body is multipart, with a file
	download     bool           // it answers with a file, or for as long as something happens
	public       bool           // needs no API key
	legacy       bool           // an older name of the path
}

// An endpoint is one path with its routes by method; none for every path that
// is not in the table.
type endpoint struct {
	server *server
	routes map[string]route
}

// newMux returns a mux in which every path leads to an endpoint. One of a
// single method is known by it too: the definition has paths that the mux
// could not tell from others by the path alone.
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
		if len(e.routes) == 1 {
			for method := range e.routes {
				p = method + " " + p
			}
		}
		mux.Handle(p, e)
	}
	return mux
}

// other returns the endpoint of the request's path for another method, if
// there is one.
func (s *server) other(r *http.Request) (endpoint, bool) {
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete} {
		probe := *r
		probe.Method = method
		h, _ := s.mux.Handler(&probe)
		if e, ok := h.(endpoint); ok && e.routes != nil {
			return e, true
		}
	}
	return endpoint{}, false
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
	if e.routes == nil {
		if other, ok := s.other(hr); ok {
			e = other
		}
	}
	start := s.now()
	id := requestID(hr)
	limit, patience := e.limits(hr.Method)
	ctx, cancel := context.WithTimeout(hr.Context(), patience)
	defer cancel()
	connection, end := http.NewResponseController(w), time.Now().Add(patience+slack)
	_ = connection.SetReadDeadline(end)             // what is no connection, in tests, has no deadlines
	_ = connection.SetWriteDeadline(end.Add(slack)) // the answer to a body that did not come, too
	hr = hr.WithContext(ctx)
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
		e.errorHeaders(w.Header(), status, err)
	}
	w.Header()["X-Request-Id"] = []string{id}
	var n int
	if own, ok := data.(reply); ok && err == nil {
		n = own.send(w, hr)
	} else {
		n = write(w, hr.Method, status, &res)
	}
	s.log.LogAttrs(ctx, slog.LevelInfo, "request", slog.String("request", id),
		slog.String("method", hr.Method), slog.String("path", hr.URL.Path), slog.Int("status", status),
		slog.Int("bytes", n), slog.Duration("took", s.now().Sub(start)),
		slog.String("key", r.caller.KeyID), slog.String("remote", hr.RemoteAddr))
}

// limits returns how many bytes a request's body may have, and how long it may
// take.
func (e endpoint) limits(method string) (body int64, patience time.Duration) {
	switch rt := e.routes[method]; {
	case rt.upload:
		return maxPackage + maxBody, transferTimeout
	case rt.download:
		return maxBody, transferTimeout
	case rt.large:
		return maxLargeBody, timeout
	}
	return maxBody, timeout
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
		if err := e.server.admit(r, rt.load); err != nil {
			return rt, nil, err
		}
		if err := e.server.authorize(r, &rt.about, rt.does); err != nil {
			return rt, nil, err
		}
		if rt.load != ordinary {
			if err := e.server.limit(r, rt.load); err != nil {
				return rt, nil, err
			}
		}
	}
	if !rt.download {
		if err := checkAccept(r.Header); err != nil {
			return rt, nil, err
		}
	}
	if !rt.upload {
		if err := checkContentType(r.Request); err != nil {
			return rt, nil, err
		}
	}
	data, err = rt.handle(r)
	if rt.about.find != nil {
		err = rt.about.lost(err, r)
	}
	return rt, data, err
}

func (e endpoint) errorHeaders(h http.Header, status int, err error) {
	switch status {
	case http.StatusMethodNotAllowed:
		h.Set("Allow", strings.Join(slices.Sorted(maps.Keys(e.routes)), ", "))
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Basic realm="Penstock"`)
	case http.StatusTooManyRequests:
		if over := (*tooMany)(nil); errors.As(err, &over) {
			h.Set("Retry-After", strconv.Itoa(over.seconds()))
		}
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

// A reply is what a route answers in place of a response in JSON. It returns
// how many bytes were sent.
type reply interface {
	send(w http.ResponseWriter, r *http.Request) int
}

// A download is a file.
type download struct {
	server *server
	name   string
	size   int64
	write  func(context.Context, io.Writer) error
}

// send sends a file. If it ends before its size the client notices.
func (d *download) send(w http.ResponseWriter, r *http.Request) int {
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Length", strconv.FormatInt(d.size, 10))
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": d.name}))
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return 0
	}
	sent := &counter{Writer: w}
	if err := d.write(r.Context(), sent); err != nil {
		d.server.log.LogAttrs(r.Context(), slog.LevelWarn, "download ended early", slog.String("path", r.URL.Path), slog.Any("error", err))
	}
	return sent.n
}

// A counter counts what is written through it.
type counter struct {
	io.Writer
	n int
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.Writer.Write(b)
	c.n += n
	return n, err
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
