package api

import (
	"strings"
	"time"

	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/store"
)

// The window of a sync history, as Fivetran's page "Retrieve Connection Sync
// History" has it (2026-11).
const (
	historyWindow    = time.Hour
	maxHistoryWindow = 7 * 24 * time.Hour
)

func (s *server) syncHistory(r *request) (any, error) {
	from, to, err := r.window(s.now())
	if err != nil {
		return nil, err
	}
	return paged(r, wirePastSync, func(page store.Page) ([]store.Run, string, error) {
		return s.Store.RunsBetween(r.Context(), r.id(), from, to, page)
	})
}

// window reads the time that a request asks for, an hour if it gives one end.
func (r *request) window(now time.Time) (from, to time.Time, err error) {
	read := func(name string) (t time.Time) {
		text := r.URL.Query().Get(name)
		if text == "" || err != nil {
			return t
		}
		if t, err = time.Parse(time.RFC3339, text); err != nil {
			err = invalidInput("Invalid value for parameter '%s': it is a time such as 2026-01-01T00:00:00Z", name)
		}
		return t
	}
	from, to = read("start_time"), read("end_time")
	switch {
	case err != nil:
		return from, to, err
	case from.IsZero() && to.IsZero():
		to = now
		from = to.Add(-historyWindow)
	case from.IsZero():
		from = to.Add(-historyWindow)
	case to.IsZero():
		to = from.Add(historyWindow)
	}
	switch window := to.Sub(from); {
	case window <= 0:
		return from, to, invalidInput("Parameter 'end_time' must be after 'start_time'")
	case window > maxHistoryWindow:
		return from, to, invalidInput("The range between 'start_time' and 'end_time' can be at most 7 days")
	}
	return from, to, nil
}

func wirePastSync(r *store.Run) fivetran.PastSync {
	p := fivetran.PastSync{SyncID: r.ID, Start: r.StartedAt, End: optionalTime(r.EndedAt), Reason: r.Reason}
	p.Status = map[string]string{
		"":                   fivetran.SyncIncomplete,
		store.RunSucceeded:   fivetran.SyncCompleted,
		store.RunCaptured:    fivetran.SyncCompleted,
		store.RunFailed:      fivetran.SyncFailure,
		store.RunCanceled:    fivetran.SyncCanceled,
		store.RunRescheduled: fivetran.SyncIsRescheduled,
	}[r.Outcome]
	megabytes := float64(r.Bytes) / 1e6
	p.Stages.Extract.Volume = &megabytes
	if p.Status == fivetran.SyncCompleted {
		p.Stages.Load.Volume = &megabytes
		p.Reason = ""
	}
	return p
}

// connectionErrors lists what a connection's tasks, its last failure and its
// warnings say.
func (s *server) connectionErrors(r *request) (any, error) {
	c := r.connection
	var errs []fivetran.ConnectionError
	add := func(kind string, a store.Alert) {
		errs = append(errs, fivetran.ConnectionError{Type: kind, Title: title(a.Code), Reason: a.Code, Message: a.Message, CreatedAt: optionalTime(c.FailedAt)})
	}
	for _, t := range c.Tasks {
		add(t.Code, t)
	}
	for _, w := range c.Warnings {
		kind := "sync_warning"
		if w.Code == store.SyncFailed {
			kind = "unknown_sync_failure"
		}
		add(kind, w)
	}
	return partOf(r, errs, func(e *fivetran.ConnectionError) fivetran.ConnectionError { return *e })
}

// title writes a code as people do.
func title(code string) string {
	if code == "" {
		return ""
	}
	return strings.ToUpper(code[:1]) + strings.ReplaceAll(code[1:], "_", " ")
}
