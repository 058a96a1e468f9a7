package rest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/schema"
)

// A state says how far an [API]'s resources have been read.
type state struct {
	Resources map[string]*progress `json:"resources"`
	Round     *round               `json:"round,omitempty"` // under way; nil: none
}

// A progress is how far one resource has got.
type progress struct {
	Tables map[string][]string `json:"tables,omitempty"` // that it filled, with their columns
	Whole  time.Time           `json:"whole,omitzero"`   // start of the last round that read all of it

	// Marks are how far the lists of the objects around are, by their ids; of
	// found paths, when they were read.
	Marks map[string]mark `json:"marks,omitempty"`

	// Members are the keys, as JSON, that rows of lists inside objects had, by
	// table.
	Members map[string][]string `json:"members,omitempty"`

	// Found are paths that wait to be read.
	Found map[string]bool `json:"found,omitempty"`

	Requests int       `json:"requests,omitempty"` // that the last whole reading took
	Spent    int       `json:"spent,omitempty"`    // that the one under way took so far
	Begun    time.Time `json:"begun,omitzero"`     // start of a whole reading that began after the round

	// Stale says that parts of an object have changed and were not sent.
	Stale bool `json:"stale,omitempty"`
}

// A mark is how far a list is.
type mark struct {
	At  time.Time `json:"at,omitzero"`   // of the latest row
	Tag string    `json:"tag,omitempty"` // ETag of its first page, read from At on

	ID   int64         `json:"id,omitempty"`   // the highest of the objects that were read one by one
	Rows map[int64]row `json:"rows,omitempty"` // those in a Cursor's Window, by id
}

// A round is one pass over all resources.
type round struct {
	Start time.Time `json:"start"`

	// Whole are the resources that are read as a whole; Full those of which
	// nothing was known.
	Whole []string `json:"whole,omitempty"`
	Full  []string `json:"full,omitempty"`

	// Partial are resources of which something may not have been met; Again
	// those that are to be read as a whole in the next round because of it.
	Partial []string `json:"partial,omitempty"`
	Again   []string `json:"again,omitempty"`

	Done   map[string]int64 `json:"done,omitempty"`   // by root: objects up to this id are done
	Object int64            `json:"object,omitempty"` // the next
	Lists  int              `json:"lists,omitempty"`  // of that: so many are done
	Ended  []string         `json:"ended,omitempty"`  // roots that are done
	place                   // in the next list
}

// A place is how far a list has been read.
type place struct {
	From time.Time `json:"from,omitzero"`  // up to here
	Top  time.Time `json:"top,omitzero"`   // or, in descending order, from here
	Last string    `json:"last,omitempty"` // to this row

	After  int64         `json:"after,omitempty"`  // objects up to this id, one by one
	Latest time.Time     `json:"latest,omitzero"`  // of the rows' times
	Newest int64         `json:"newest,omitempty"` // the highest id
	Seen   map[int64]row `json:"seen,omitempty"`   // rows that may be in the next Window
	Shrunk bool          `json:"shrunk,omitempty"` // rows may have slipped past
}

func readState(raw json.RawMessage) (*state, error) {
	s := &state{Resources: map[string]*progress{}}
	return s, connector.ReadState(raw, s)
}

// of returns the progress of a resource.
func (s *state) of(r *Resource) *progress {
	p := s.Resources[r.name()]
	if p == nil {
		p = &progress{}
		s.Resources[r.name()] = p
	}
	return p
}

// Forget implements [connector.Forgetter] for a source that is read by
// [API.Sync]. Tables of one list are read together.
func (a *API) Forget(raw json.RawMessage, tables []schema.Name) (json.RawMessage, error) {
	return connector.ForgetIn(raw, readState, func(s *state) (forgot bool) {
		a.all(func(r *Resource) {
			p := s.Resources[r.name()]
			if p == nil || !slices.ContainsFunc(tables, func(n schema.Name) bool { return p.Tables[n.Table] != nil }) {
				return
			}
			delete(s.Resources, r.name())
			s.Round, forgot = nil, true
		})
		return forgot
	})
}

// begin makes s the state at the start of a sync, and returns the resources
// that have something to read.
// pace is how long each request takes of what the vendor allows.
func (s *state) begin(a *API, req connector.Request, pace time.Duration) map[*Resource]bool {
	wanted := map[*Resource]bool{}
	var due []*Resource
	a.all(func(r *Resource) {
		asked := columnsOf(r, req.Tables)
		p := s.of(r)
		if len(asked) == 0 {
			if !slices.ContainsFunc(req.Paused, func(n schema.Name) bool { return p.Tables[n.Table] != nil }) {
				delete(s.Resources, r.name())
			} else if s.Round != nil { // it goes on without
				s.Round.miss(r)
			}
			return
		}
		wanted[r] = true
		if !covers(p.Tables, asked) {
			*p, s.Round = progress{}, nil
		}
		p.Tables = asked
		if p.due(r, req.Start, pace) {
			due = append(due, r)
		}
	})
	if s.Round != nil {
		return wanted
	}
	s.Round = &round{Start: req.Start}
	for _, r := range due {
		s.of(r).Spent, s.of(r).Begun = 0, time.Time{}
		s.Round.Whole = append(s.Round.Whole, r.name())
		if s.of(r).Whole.IsZero() {
			s.Round.Full = append(s.Round.Full, r.name())
		}
	}
	return wanted
}

// keep forgets the lists of objects around that are not there any more: should
// they come back, all of their lists is read.
func (p *progress) keep(objects []*Object) {
	there := map[string]bool{}
	for _, o := range objects {
		there[o.Text("id")] = true
	}
	maps.DeleteFunc(p.Marks, func(id string, _ mark) bool { return !there[id] })
}

// columnsOf returns the columns that are wanted of a resource's tables.
func columnsOf(r *Resource, tables []schema.Table) map[string][]string {
	asked := map[string][]string{}
	names := r.tables()
	for _, t := range tables {
		if !slices.Contains(names, t.Name.Table) {
			continue
		}
		for _, c := range t.Columns {
			asked[t.Name.Table] = append(asked[t.Name.Table], fmt.Sprint(c.Name, " ", c.Type, " ", c.Key))
		}
	}
	return asked
}

func covers(have, want map[string][]string) bool {
	for t, columns := range want {
		for _, c := range columns {
			if !slices.Contains(have[t], c) {
				return false
			}
		}
	}
	return true
}

func (o *round) whole(r *Resource) bool { return slices.Contains(o.Whole, r.name()) }
func (o *round) full(r *Resource) bool  { return slices.Contains(o.Full, r.name()) }

// miss notes that something of a resource may not have been met.
func (o *round) miss(r *Resource) {
	if !slices.Contains(o.Partial, r.name()) {
		o.Partial = append(o.Partial, r.name())
	}
}

// unsure notes that rows of a resource may have been passed by unseen.
func (o *round) unsure(r *Resource) {
	o.miss(r)
	if !slices.Contains(o.Again, r.name()) {
		o.Again = append(o.Again, r.name())
	}
}

// swept returns the tables whose rows from before the round are gone if it did
// not meet them. Details are read for what has changed only.
func (o *round) swept(r *Resource) []string {
	switch {
	case slices.Contains(o.Partial, r.name()) || !o.whole(r) || r.Found > 0 && !o.full(r) || r.Found == 0 && r.Whole == Never:
		return nil
	case r.Cursor != nil && !o.full(r):
		return r.own()
	}
	names := r.own()
	for _, d := range r.Details {
		names = append(names, o.details(d)...)
	}
	return names
}

// details returns the tables of details that nothing was missed of.
func (o *round) details(d *Resource) (names []string) {
	if !slices.Contains(o.Partial, d.name()) {
		names = d.own()
	}
	for _, inner := range d.Details {
		names = append(names, o.details(inner)...)
	}
	return names
}

// remember adds members of a table, and returns those of before.
func (p *progress) remember(table string, met map[string]bool) (before []string) {
	before = p.Members[table]
	fresh := slices.DeleteFunc(slices.Sorted(maps.Keys(met)), func(m string) bool {
		_, have := slices.BinarySearch(before, m)
		return have
	})
	if len(fresh) > 0 {
		if p.Members == nil {
			p.Members = map[string][]string{}
		}
		p.Members[table] = slices.Sorted(slices.Values(append(slices.Clone(before), fresh...)))
	}
	return before
}
