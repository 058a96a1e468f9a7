package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/store"
)

// runsWindow is how far back the list of runs goes: as long as they are kept.
const runsWindow = 366 * 24 * time.Hour

// listRuns lists runs, the earliest first, or the latest first if order=desc.
func (s *server) listRuns(r *request) (any, error) {
	if back, err := r.backwards(); back || err != nil {
		if err != nil {
			return nil, err
		}
		return paged(r, wireRun, func(page store.Page) ([]store.Run, string, error) { return s.Store.RunsBack(r.Context(), r.id(), page) })
	}
	now := s.now()
	return paged(r, wireRun, func(page store.Page) ([]store.Run, string, error) {
		return s.Store.RunsBetween(r.Context(), r.id(), now.Add(-runsWindow), now.Add(time.Hour), page)
	})
}

func (s *server) showRun(r *request) (any, error) {
	run, err := s.findRun(r)
	if err != nil {
		return nil, err
	}
	tables, err := s.Store.RunTables(r.Context(), run.ID)
	if err != nil {
		return nil, err
	}
	wire := wireRun(run)
	for _, t := range tables {
		wire.Tables = append(wire.Tables, fivetran.RunTable{
			Schema: t.Source.Schema, Table: t.Source.Table, Destination: t.Destination.String(),
			Upserted: t.Upserted, Updated: t.Updated, Deleted: t.Deleted, Bytes: t.Bytes, Error: optional(t.Error),
		})
	}
	return wire, nil
}

// cancelRun makes a run that lives end at its next checkpoint; one that has
// ended stays as it is.
func (s *server) cancelRun(r *request) (any, error) {
	run, err := s.findRun(r)
	if err != nil {
		return nil, err
	}
	if run.EndedAt.IsZero() {
		if err := s.Engine.CancelSync(r.Context(), r.id()); err != nil {
			return nil, err
		}
	}
	return s.showRun(r)
}

// findRun returns the run of the connection that the path names.
func (s *server) findRun(r *request) (*store.Run, error) {
	run, err := s.Store.Run(r.Context(), r.PathValue("run"))
	if errors.Is(err, store.ErrNotFound) || err == nil && run.ConnectionID != r.id() {
		return nil, notFound(fivetran.NotFoundRun, "Run '%s' of connection '%s' does not exist.", r.PathValue("run"), r.id())
	}
	return run, err
}

func wireRun(r *store.Run) fivetran.Run {
	wire := fivetran.Run{
		ID: r.ID, SyncID: (&store.Event{RunID: r.ID}).SyncID(), Cause: r.Cause, Historical: r.Historical,
		StartedAt: r.StartedAt, EndedAt: optionalTime(r.EndedAt), Outcome: optional(r.Outcome), Reason: optional(r.Reason),
		RescheduledFor: optionalTime(r.RescheduledFor), Rows: r.Rows, Bytes: r.Bytes, FreshAt: optionalTime(r.FreshAt),
	}
	if l := r.Latency; l != nil {
		wire.Latency = &fivetran.Latency{Changes: l.Changes, P50: l.P50, P95: l.P95, P99: l.P99}
	}
	return wire
}

// runLog shows the log of a run, page by page, or line by line as it is written
// to a client that asks for server-sent events. One that was cut off goes on
// after the last line that it has, as the header Last-Event-ID says.
func (s *server) runLog(r *request) (any, error) {
	run, err := s.findRun(r)
	if err != nil {
		return nil, err
	}
	page, err := r.page()
	if err != nil {
		return nil, err
	}
	after, err := lineAfter(page.Cursor)
	if err != nil {
		return nil, err
	}
	if strings.Contains(r.Header.Get("Accept"), eventStream) {
		if last, err := lineAfter(r.Header.Get("Last-Event-ID")); err == nil && last > after {
			after = last
		}
		return &feed{s, run.ID, after}, nil
	}
	limit := page.Limit
	if limit == 0 {
		limit = store.DefaultLimit
	}
	events, err := s.Store.RunEvents(r.Context(), run.ID, after, limit+1)
	if err != nil {
		return nil, err
	}
	next := ""
	if len(events) > limit {
		events = events[:limit]
		next = strconv.FormatInt(events[limit-1].ID, 10)
	}
	return newPage(events, next, wireLine), nil
}

// lineAfter reads the number of the line that somebody has; "": none.
func lineAfter(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, store.ErrCursor
	}
	return n, nil
}

func wireLine(e *store.Event) fivetran.LogLine {
	return fivetran.LogLine{ID: e.ID, At: e.At, Level: e.Level, Event: e.Kind, Message: e.Message(), Data: e.Data}
}

const eventStream = "text/event-stream"

// feedLook is how often a feed looks for lines that another process wrote.
const feedLook = 2 * time.Second

// A feed is the log of a run as server-sent events, until the run has ended and
// all of it is sent.
type feed struct {
	server *server
	runID  string
	after  int64
}

func (f *feed) send(w http.ResponseWriter, r *http.Request) int {
	h := w.Header()
	h.Set("Content-Type", eventStream)
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Accel-Buffering", "no") // a proxy that gathers lines before it passes them on
	w.WriteHeader(http.StatusOK)
	sent := &counter{Writer: w}
	if r.Method == http.MethodHead {
		return 0
	}
	flush := http.NewResponseController(w).Flush
	for {
		appended := f.server.Store.Appended()
		ended, err := f.lines(r.Context(), sent)
		if err != nil || flush() != nil { // the client is gone, or reads again from where it is
			return sent.n
		}
		if ended {
			fmt.Fprint(sent, "event: end\ndata: {}\n\n")
			_ = flush()
			return sent.n
		}
		select {
		case <-r.Context().Done():
			return sent.n
		case <-f.server.Closing: // the client comes back
			return sent.n
		case <-appended:
		case <-time.After(feedLook):
			fmt.Fprint(sent, ": still running\n\n") // so that nobody on the way takes it for dead
		}
	}
}

// lines sends what there is, and reports whether the run had ended before.
func (f *feed) lines(ctx context.Context, w *counter) (ended bool, err error) {
	run, err := f.server.Store.Run(ctx, f.runID)
	if err != nil {
		return false, err
	}
	for {
		events, err := f.server.Store.RunEvents(ctx, f.runID, f.after, store.DefaultLimit)
		if err != nil {
			return false, err
		}
		for i := range events {
			line, err := json.Marshal(wireLine(&events[i]))
			if err != nil {
				return false, err
			}
			if _, err := fmt.Fprintf(w, "id: %d\ndata: %s\n\n", events[i].ID, line); err != nil {
				return false, err
			}
			f.after = events[i].ID
		}
		if len(events) < store.DefaultLimit {
			return !run.EndedAt.IsZero(), nil
		}
	}
}
