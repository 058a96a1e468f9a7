package web

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/penstock-data/penstock/internal/store"
)

// A line is one of a run's log.
type line struct {
	ID      int64
	At      time.Time `json:"created_at"`
	Level   string
	Event   string
	Message string
}

// levels are what the log can be filtered by: each shows what is at least as
// grave.
var levels = []string{"INFO", "WARNING", "SEVERE"}

// shows reports whether a filter shows a line.
func (l *line) shows(level, search string) bool {
	return slices.Index(levels, l.Level) >= slices.Index(levels, level) &&
		strings.Contains(strings.ToLower(l.Event+" "+l.Message), strings.ToLower(search))
}

// A runPage is a run with its log.
type runPage struct {
	head
	Run           *run
	Lines         []line
	Last          int64 // the last line that is shown or left out
	Level, Search string
	More          bool // there are lines after Last
}

// Moved and Still are the run's tables in which something was changed, or that
// failed, and the others.
func (p *runPage) Moved() []runTable { return p.tables(true) }
func (p *runPage) Still() []runTable { return p.tables(false) }

func (p *runPage) tables(moved bool) (some []runTable) {
	for _, t := range p.Run.Tables {
		if (t.Upserted+t.Updated+t.Deleted > 0 || t.Error != nil) == moved {
			some = append(some, t)
		}
	}
	return some
}

const linesShown = 1000

func (s *server) run(v *visit) error {
	h, err := v.head("run")
	if err != nil {
		return err
	}
	page := runPage{head: h, Run: new(run), Level: v.FormValue("level"), Search: strings.TrimSpace(v.FormValue("q"))}
	path := "/v1/penstock/connections/" + v.escaped("id") + "/runs/" + v.escaped("run")
	if err := v.api("GET", path, nil, page.Run); err != nil {
		return err
	}
	var log struct {
		Items  []line
		Cursor string `json:"next_cursor"`
	}
	if err := v.api("GET", path+"/log?limit="+itoa(linesShown), nil, &log); err != nil {
		return err
	}
	for _, l := range log.Items {
		page.Last = l.ID
		if l.shows(page.Level, page.Search) {
			page.Lines = append(page.Lines, l)
		}
	}
	page.More = log.Cursor != "" || page.Run.EndedAt == nil
	if v.Header.Get("HX-Request") != "" {
		return v.part("run", "log", &page)
	}
	return v.show("run", &page)
}

// Feed is the address of what follows the lines that the page has.
func (p *runPage) Feed() string {
	return fmt.Sprintf("%s/runs/%s/log?after=%d&level=%s&q=%s", p.Base(), p.Run.ID, p.Last, p.Level, p.Search)
}

// logFeed sends the lines of a run as they are written, as rows of the page's
// table: the API's own feed of the log, with each line as HTML.
func (s *server) logFeed(v *visit) error {
	ctx, stop := context.WithCancel(store.WithCaller(v.Context(), v.caller))
	defer stop()
	r, err := http.NewRequestWithContext(ctx, "GET", "/v1/penstock/connections/"+v.escaped("id")+"/runs/"+v.escaped("run")+"/log?cursor="+itoa(int(v.number("after"))), nil)
	if err != nil {
		return err
	}
	r.Header.Set("Accept", "text/event-stream")
	if last := v.Header.Get("Last-Event-ID"); last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	s.API.ServeHTTP(&lineWriter{ResponseWriter: v.w, level: v.FormValue("level"), search: v.FormValue("q")}, r)
	return nil
}

// A lineWriter turns the API's events of a log into rows of a table.
type lineWriter struct {
	http.ResponseWriter
	level, search string
	kept          []byte // an event whose end has not come yet
}

// Unwrap lets what is written be sent at once.
func (w *lineWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *lineWriter) Write(b []byte) (int, error) {
	w.kept = append(w.kept, b...)
	for {
		event, rest, whole := bytes.Cut(w.kept, []byte("\n\n"))
		if !whole {
			return len(b), nil
		}
		if _, err := w.ResponseWriter.Write(w.row(event)); err != nil {
			return 0, err
		}
		w.kept = rest
	}
}

// row returns an event with a row of HTML instead of JSON; without data, if the
// line is filtered out, so that the browser knows how far it is.
func (w *lineWriter) row(event []byte) []byte {
	id, data, ok := bytes.Cut(event, []byte("\ndata: "))
	if !ok || bytes.HasPrefix(event, []byte("event: ")) {
		return slices.Concat(event, []byte("\n\n"))
	}
	var l line
	if json.Unmarshal(data, &l) != nil || !l.shows(w.level, w.search) {
		return slices.Concat(id, []byte("\n\n"))
	}
	var out bytes.Buffer
	out.Write(id)
	out.WriteString("\ndata: ")
	var row bytes.Buffer
	if err := pages()["run"].ExecuteTemplate(&row, "line", l); err != nil {
		return nil
	}
	out.Write(bytes.ReplaceAll(bytes.TrimSpace(row.Bytes()), []byte("\n"), []byte(" ")))
	out.WriteString("\n\n")
	return out.Bytes()
}

// number returns a number of the form, 0 if it is none.
func (v *visit) number(name string) (n int64) {
	fmt.Sscan(v.FormValue(name), &n)
	return max(n, 0)
}
