package web

import (
	"bytes"
	"embed"
	"errors"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"sync"

	"github.com/penstock-data/penstock/internal/store"
)

//go:embed all:templates
var sources embed.FS

// pages are the templates, by name: each file of templates that defines a
// "body", within layout.html and with the parts that files beginning with _
// define. They are parsed when the first page is asked for.
var pages = sync.OnceValue(parse)

func parse() map[string]*template.Template {
	shared := template.Must(template.New("").Funcs(funcs).ParseFS(sources, "templates/layout.html", "templates/_*.html"))
	out := map[string]*template.Template{}
	names, _ := fs.Glob(sources, "templates/[a-z]*.html")
	for _, file := range names {
		name := strings.TrimSuffix(strings.TrimPrefix(file, "templates/"), ".html")
		if name != "layout" {
			out[name] = template.Must(template.Must(shared.Clone()).ParseFS(sources, file))
		}
	}
	return out
}

// A page is what layout.html is filled with.
type page struct {
	User *store.User // nil: nobody is signed in
	Path string
	Data any
}

// show sends a page; v is nil if nobody is signed in.
func (s *server) show(w http.ResponseWriter, v *visit, name string, status int, data any) {
	p := page{Data: data}
	if v != nil {
		p.User, p.Path = v.user, v.URL.Path
	}
	s.send(w, name, "layout", status, p)
}

// show sends a page to whoever is signed in.
func (v *visit) show(name string, data any) error {
	v.s.show(v.w, v, name, http.StatusOK, data)
	return nil
}

// part sends one part of a page, which htmx puts in its place.
func (v *visit) part(name, part string, data any) error {
	v.s.send(v.w, name, part, http.StatusOK, data)
	return nil
}

func (s *server) send(w http.ResponseWriter, name, part string, status int, data any) {
	var b bytes.Buffer
	if err := pages()[name].ExecuteTemplate(&b, part, data); err != nil {
		s.log.Error("page failed", slog.String("page", name), slog.Any("error", err))
		http.Error(w, "This page could not be made. The server's log says why.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	w.Write(b.Bytes())
}

// A message is a page that says one thing.
type message struct{ Title, Text string }

// fail sends a page that says what went wrong; v is nil if nobody is signed in.
func (s *server) fail(w http.ResponseWriter, r *http.Request, v *visit, err error) {
	var said *apiError
	if errors.As(err, &said) {
		title := map[int]string{http.StatusNotFound: "There is nothing here", http.StatusForbidden: "You may not do this"}[said.Status]
		if title == "" {
			title = "That did not work"
		}
		s.show(w, v, "message", said.Status, message{title, said.Message})
		return
	}
	s.log.Error("page failed", slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Any("error", err))
	s.show(w, v, "message", http.StatusInternalServerError, message{"That did not work", "The server's log says why."})
}

func (s *server) missing(w http.ResponseWriter, r *http.Request) {
	v, _ := s.visit(w, r)
	s.show(w, v, "message", http.StatusNotFound, message{"There is nothing here", "No page has this address."})
}
