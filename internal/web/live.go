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
	seen map[chan []byte]bool
	last []byte // what they have been told; nil: nothing yet
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
	news := s.watches.join(v)
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

// join returns a channel of events about the connection that the visit's path
// names.
func (w *watches) join(v *visit) chan []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	id := v.PathValue("id")
	c := w.open[id]
	news := make(chan []byte, 1)
	if c == nil {
		c = &watch{seen: map[chan []byte]bool{}}
		w.open[id] = c
		own := *v
		own.Request = v.Clone(context.WithoutCancel(v.Context())) // it outlives the first who looks
		go w.ask(&own, id, c)
	}
	c.seen[news] = true
	if c.last != nil {
		news <- c.last // it may be newer than the page
	}
	return news
}

func (w *watches) leave(id string, news chan []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c := w.open[id]; c != nil {
		delete(c.seen, news)
	}
}

// ask asks about a connection once a second, until nobody looks at it, and
// tells all who do when something has changed.
func (w *watches) ask(v *visit, id string, c *watch) {
	tick := time.NewTicker(liveEvery)
	defer tick.Stop()
	for {
		part, err := v.livePart()
		w.mu.Lock()
		if len(c.seen) == 0 || err != nil || v.s.stopping() { // who still looks comes back by itself
			delete(w.open, id)
			for news := range c.seen {
				close(news)
			}
			clear(c.seen)
			w.mu.Unlock()
			return
		}
		if !bytes.Equal(part, c.last) {
			for news := range c.seen {
				select {
				case news <- part:
				default: // it has not read the one before; the next is newer anyway
				}
			}
			c.last = part
		}
		w.mu.Unlock()
		select {
		case <-v.s.Closing:
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
