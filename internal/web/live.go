package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// live is how a running sync stands.
type live struct {
	Running bool
	Run     *run
	Tables  []tableProgress // those that it has begun, those that are being read first
	Rate    int64           // rows per second
	Took    string
	Left    string // "": nobody knows
	Percent *int64 // how much is there, about; nil: nobody knows
}

// A tableProgress is how a running sync stands with one table.
type tableProgress struct {
	Schema, Table string
	Status        string
	Error         *string
	RunID         *string `json:"run_id"`
	Rows, Bytes   int64
	Expected      *int64     `json:"rows_expected"`
	StartedAt     *time.Time `json:"started_at"`
	Rate          int64      `json:"-"` // rows per second; 0: not known
	Left          string     `json:"-"` // "": nobody knows
}

// Percent is how much of the table is there, about; nil: nobody knows.
func (t *tableProgress) Percent() *int64 {
	if t.Expected == nil || *t.Expected <= 0 || t.Status != "syncing" {
		return nil
	}
	p := min(99, 100*t.Rows/max(1, *t.Expected))
	return &p
}

// foretell says how fast the table is read, and how long that goes on.
func (t *tableProgress) foretell(now time.Time) {
	if t.StartedAt == nil || t.Status != "syncing" {
		return
	}
	t.Rate = rate(t.Rows, now.Sub(*t.StartedAt))
	if t.Expected != nil {
		t.Left = left(*t.Expected-t.Rows, t.Rate)
	}
}

// rate returns rows per second.
func rate(rows int64, took time.Duration) int64 {
	return int64(float64(rows) / max(1, took.Seconds()))
}

// left says how long rows take at a rate, "" if that is not known.
func left(rows, rate int64) string {
	if rows <= 0 || rate <= 0 {
		return ""
	}
	return span(time.Duration(rows/rate) * time.Second)
}

const tablesLive = 50 // are shown

// live asks how the latest of the connection's runs stands with its tables, if
// it is running.
func (v *visit) live(id string, runs []run) (l live, err error) {
	if len(runs) == 0 || runs[0].EndedAt != nil {
		return l, nil
	}
	l.Running, l.Run = true, &runs[0]
	now := v.s.now()
	took := l.Run.Took(now)
	l.Took, l.Rate = span(took), rate(l.Run.Rows, took)
	var tables struct{ Items []tableProgress }
	if err := v.api("GET", "/v1/penstock/connections/"+url.PathEscape(id)+"/tables", nil, &tables); err != nil && !refused(err) {
		return l, err
	}
	l.add(tables.Items, now)
	return l, nil
}

// add adds those tables that the run has begun.
func (l *live) add(tables []tableProgress, now time.Time) {
	var there, expected int64
	known := true
	for _, t := range tables {
		if t.RunID == nil || *t.RunID != l.Run.ID {
			continue
		}
		t.foretell(now)
		l.Tables = append(l.Tables, t)
		if t.Status != "syncing" {
			continue
		}
		there += t.Rows
		if t.Expected == nil {
			known = false
		} else {
			expected += max(*t.Expected, t.Rows)
		}
	}
	if known && expected > 0 {
		p := min(99, 100*there/expected)
		l.Percent, l.Left = &p, left(expected-there, l.Rate)
	}
	slices.SortStableFunc(l.Tables, func(a, b tableProgress) int { return strings.Compare(b.Status, a.Status) }) // syncing, synced, failed
	l.Tables = l.Tables[:min(len(l.Tables), tablesLive)]
}

// refused reports whether the API said no.
func refused(err error) bool {
	var said *apiError
	return errors.As(err, &said)
}

// A watch is one connection that somebody looks at: it is asked about once a
// second, whoever many look.
type watch struct {
	round  int // how often it was asked about
	seenBy map[chan []byte]*viewer
}

// A viewer is somebody who looks at a connection.
type viewer struct {
	since int    // the round in which they came, which may know less than their page
	told  []byte // nil: nothing yet
}

// watches are the connections that are looked at, by id.
type watches struct {
	mu   sync.Mutex
	open map[string]*watch
}

// liveEvery is how often a page that shows a running sync changes, and
// liveAgain how often it is asked whether its reader may still see it.
const (
	liveEvery = time.Second
	liveAgain = time.Minute
)

// liveFeed sends how a connection stands and how its running sync does, as
// server-sent events, each time it has changed.
func (s *server) liveFeed(v *visit) error {
	if _, err := v.head(""); err != nil {
		return err
	}
	h := v.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // a proxy that gathers lines before it passes them on
	v.w.WriteHeader(http.StatusOK)
	ctl := http.NewResponseController(v.w)
	own := *v
	own.Request = v.Clone(context.WithoutCancel(v.Context())) // it may outlive this one
	news := s.watches.join(v.PathValue("id"), own.livePart, s.Closing)
	defer s.watches.leave(v.PathValue("id"), news)
	again := time.NewTicker(liveAgain)
	defer again.Stop()
	for ctl.Flush() == nil {
		select {
		case <-v.Context().Done():
			return nil
		case <-s.Closing:
			return nil
		case <-again.C:
			fresh, err := s.visit(v.w, v.Request)
			if err == nil {
				_, err = fresh.head("")
			}
			if err != nil {
				return nil
			}
			fmt.Fprint(v.w, ": still here\n\n")
		case part, ok := <-news:
			if !ok {
				return nil
			}
			v.w.Write(part)
		}
	}
	return nil
}

// join returns a channel of events about a connection. If nobody else looks at
// it, look is called once a second until closing is closed.
func (w *watches) join(id string, look func() ([]byte, error), closing <-chan struct{}) chan []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.open[id]
	news := make(chan []byte, 1)
	if c == nil {
		c = &watch{seenBy: map[chan []byte]*viewer{}}
		w.open[id] = c
		go w.ask(id, c, look, closing)
	}
	c.seenBy[news] = &viewer{since: c.round}
	return news
}

func (w *watches) leave(id string, news chan []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c := w.open[id]; c != nil {
		delete(c.seenBy, news)
	}
}

// ask asks about a connection once a second, until nobody looks at it, and
// tells all who do what they have not been told.
func (w *watches) ask(id string, c *watch, look func() ([]byte, error), closing <-chan struct{}) {
	tick := time.NewTicker(liveEvery)
	defer tick.Stop()
	for stopping := false; ; {
		w.mu.Lock()
		c.round++
		w.mu.Unlock()
		var part []byte
		var err error
		if !stopping {
			part, err = look()
		}
		w.mu.Lock()
		if len(c.seenBy) == 0 || err != nil || stopping { // who still looks comes back by itself
			delete(w.open, id)
			for news := range c.seenBy {
				close(news)
			}
			clear(c.seenBy)
			w.mu.Unlock()
			return
		}
		for news, who := range c.seenBy {
			if who.since == c.round || bytes.Equal(part, who.told) {
				continue
			}
			select {
			case <-news: // they have not read the one before
			default:
			}
			news <- part
			who.told = part
		}
		w.mu.Unlock()
		select {
		case <-closing:
			stopping = true
		case <-tick.C:
		}
	}
}

// livePart returns the part of a page that shows how the connection stands, as an
// event. All who look get the same: nothing in it depends on what they may do.
func (v *visit) livePart() ([]byte, error) {
	page, err := v.overview()
	if err != nil {
		return nil, err
	}
	var part bytes.Buffer
	if err := pages()["connection"].ExecuteTemplate(&part, "live", page); err != nil {
		return nil, err
	}
	var event bytes.Buffer
	for line := range strings.Lines(part.String()) {
		fmt.Fprintf(&event, "data: %s\n", strings.TrimRight(line, "\n"))
	}
	event.WriteByte('\n')
	return event.Bytes(), nil
}
