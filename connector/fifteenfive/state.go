package fifteenfive

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/schema"
)

// A state says for each path of the API how far its tables have got.
type state struct {
	Paths map[string]*progress `json:"paths"`

	connector.Pass // of paths
}

// Forget implements [connector.Forgetter]. The tables of one path are read
// together.
func (s *source) Forget(raw json.RawMessage, tables []schema.Name) (json.RawMessage, error) {
	return connector.ForgetIn(raw, readState, func(st *state) (forgot bool) {
		for _, e := range paths {
			p := st.Paths[e.path]
			if !slices.ContainsFunc(tables, func(n schema.Name) bool { return p.knows(n.Table) }) {
				continue
			}
			st.Paths[e.path] = &progress{}
			st.Redo(e.path)
			forgot = true
		}
		return forgot
	})
}

func readState(raw json.RawMessage) (*state, error) {
	s := &state{Paths: map[string]*progress{}}
	if err := connector.ReadState(raw, s); err != nil {
		return nil, err
	}
	for _, p := range paths {
		if s.Paths[p.path] == nil {
			s.Paths[p.path] = &progress{}
		}
	}
	return s, nil
}

// progress is how far the tables of one path have got.
type progress struct {
	// Of the last whole reading.
	Whole    time.Time `json:"whole,omitzero"`     // when it began; zero: there was none
	Tables   []string  `json:"tables,omitempty"`   // that it filled
	Requests int       `json:"requests,omitempty"` // that it took

	Since  time.Time      `json:"since,omitzero"`   // the look-back's beginning
	Window map[int64]mark `json:"window,omitempty"` // the rows from Since on
	LastID int64          `json:"last_id,omitempty"`
	Widest map[string]int `json:"widest,omitempty"` // by table, the longest list met

	// Stale says that parts of a check-in have changed and were not sent.
	Stale bool `json:"stale,omitempty"`

	Reading *reading `json:"reading,omitempty"` // under way; nil: none
}

// A reading goes through the rows of a path once, all or those from Since on.
type reading struct {
	Whole    bool      `json:"whole"`
	Start    time.Time `json:"start"` // of the sync in which it began
	Tables   []string  `json:"tables"`
	Since    time.Time `json:"since,omitzero"`
	Requests int       `json:"requests,omitempty"`

	After  int64          `json:"after,omitempty"` // objects up to this id were read
	From   time.Time      `json:"from,omitzero"`   // rows of a list in order of time were read up to here
	Latest time.Time      `json:"latest,omitzero"` // of the rows' times
	Seen   map[int64]mark `json:"seen,omitempty"`  // rows that may be in the next look-back
	LastID int64          `json:"last_id,omitempty"`
}

// A mark is what is remembered of a row.
type mark struct {
	Time  int64  `json:"t"`           // seconds since 1970
	Parts string `json:"p,omitempty"` // hashes of the parts of a check-in that were sent
	Lists []int  `json:"l,omitempty"` // lengths of the lists inside it, in the order of the path's tables
}

const (
	// A whole reading that takes longer is not part of each sync any more.
	longReading = 15 * time.Minute

	// It gets this part of the time, then.
	longShare = 16

	// Rows older than the look-back are compared this often.
	wholeEvery = 7 * 24 * time.Hour
)

// due reports whether a sync that begins at start reads p's rows as a whole.
func (p *progress) due(e *path, tables []string, start time.Time) bool {
	if p.Whole.IsZero() || !covers(p.Tables, tables) {
		return true
	}
	age, cost := start.Sub(p.Whole), time.Duration(p.Requests)*limitPer/limit
	if e.objects && cost > longReading && age < longShare*cost {
		return false
	}
	return e.filter == "" || p.Stale || age >= wholeEvery
}

// keep forgets that other tables than these were filled: should they be wanted
// again, all of their rows are read.
func (p *progress) keep(tables []string) {
	other := func(t string) bool { return !slices.Contains(tables, t) }
	p.Tables = slices.DeleteFunc(p.Tables, other)
	if p.Reading != nil {
		p.Reading.Tables = slices.DeleteFunc(p.Reading.Tables, other)
	}
}

// knows reports whether rows of a table were sent.
func (p *progress) knows(table string) bool {
	return slices.Contains(p.Tables, table) || p.Reading != nil && slices.Contains(p.Reading.Tables, table)
}

func covers(have, want []string) bool {
	for _, w := range want {
		found := false
		for _, h := range have {
			found = found || h == w
		}
		if !found {
			return false
		}
	}
	return true
}

// lookBack returns where the next increment begins: the path's look-back
// before the latest row, or before the sync if rows lie in the future.
func (r *reading) lookBack(e *path) time.Time {
	latest := r.Latest
	if latest.IsZero() {
		return time.Time{}
	}
	if r.Start.Before(latest) {
		latest = r.Start
	}
	return latest.Add(-e.lookBack).Truncate(24 * time.Hour)
}

// see remembers a row that was read.
func (p *progress) see(e *path, id int64, at time.Time, m mark) {
	r := p.Reading
	r.LastID = max(r.LastID, id)
	if e.filter == "" || at.IsZero() {
		return
	}
	if at.After(r.Latest) {
		r.Latest = at
	}
	if r.Seen == nil {
		r.Seen = map[int64]mark{}
	}
	m.Time = at.Unix()
	r.Seen[id] = m
	delete(p.Window, id) // what is left in the end is gone
}

// prune forgets rows read that are older than since.
func (r *reading) prune(since time.Time) {
	for id, m := range r.Seen {
		if m.Time < since.Unix() {
			delete(r.Seen, id)
		}
	}
}

// finish ends the reading. It is complete if it can have missed no row.
func (p *progress) finish(e *path, complete bool) {
	r := p.Reading
	since := r.lookBack(e)
	if !r.Whole && since.Before(p.Since) {
		since = p.Since
	}
	r.prune(since)
	p.Since, p.Window, p.LastID, p.Reading = since, r.Seen, max(p.LastID, r.LastID), nil
	if r.Whole && complete {
		p.Whole, p.Tables, p.Requests, p.Stale = r.Start, r.Tables, r.Requests, false
	}
}
