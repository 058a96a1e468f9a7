package sqlsource

import (
	"encoding/json"
	"fmt"
	"iter"

	"github.com/penstock-data/penstock/schema"
)

// A State is what a sync leaves for the next one, as JSON. T and L are
// pointers, and P is a position of the log.
type State[T TableState[L], L, P any] struct {
	Version int `json:"version"` // 1

	// Origin is the history that positions, and whatever else the state says,
	// belong to. What is of another origin means nothing.
	Origin string `json:"origin"`

	// Mark is a position of the log: all that was ever sent, and all that is
	// said here, was committed before it. It is saved before rows are sent
	// that were committed later. Zero: that is not known.
	Mark P `json:"mark,omitzero"`

	// Tables are the tables of which anything was sent, by schema and name.
	Tables map[string]map[string]T `json:"tables"`

	// Log is how far the log of changes was read; nil: it is not.
	Log L `json:"log,omitempty"`
}

// A TableState is how far one table was read.
type TableState[L any] interface {
	// Logged reports whether changes of the table are taken from the log.
	Logged() bool

	// TakeBack leaves a logged table to queries again, which go on from where
	// the log is known to be complete for it.
	TakeBack(log L)
}

// Parse reads a state; nil is that of a historical sync.
func Parse[T TableState[L], L, P any](raw json.RawMessage) (*State[T, L, P], error) {
	st := &State[T, L, P]{Version: 1}
	if len(raw) > 0 && string(raw) != "null" {
		if err := json.Unmarshal(raw, st); err != nil {
			return nil, fmt.Errorf("state: %w", err)
		}
		if st.Version != 1 {
			return nil, fmt.Errorf("state has version %d; this program knows 1", st.Version)
		}
	}
	if st.Tables == nil {
		st.Tables = make(map[string]map[string]T)
	}
	return st, nil
}

// All returns all tables.
func (s *State[T, L, P]) All() iter.Seq2[schema.Name, T] {
	return func(yield func(schema.Name, T) bool) {
		for sch, tables := range s.Tables {
			for table, t := range tables {
				if !yield(schema.Name{Schema: sch, Table: table}, t) {
					return
				}
			}
		}
	}
}

// Table returns what is known of a table, or nil.
func (s *State[T, L, P]) Table(name schema.Name) T { return s.Tables[name.Schema][name.Table] }

// Set notes what is known of a table.
func (s *State[T, L, P]) Set(name schema.Name, t T) {
	if s.Tables[name.Schema] == nil {
		s.Tables[name.Schema] = make(map[string]T)
	}
	s.Tables[name.Schema][name.Table] = t
}

// Forget makes a table one that was never read, and reports whether it was
// known.
func (s *State[T, L, P]) Forget(name schema.Name) bool {
	_, known := s.Tables[name.Schema][name.Table]
	delete(s.Tables[name.Schema], name.Table)
	if len(s.Tables[name.Schema]) == 0 {
		delete(s.Tables, name.Schema)
	}
	return known
}

// Belong begins the state anew if it is of another origin, and reports whether
// it was.
func (s *State[T, L, P]) Belong(origin string) (foreign bool) {
	if origin == s.Origin {
		return false
	}
	// Nothing can be said about what changed.
	clear(s.Tables)
	var none L
	s.Origin, s.Log = origin, none
	return true
}

// Logs reports whether changes of any table are taken from the log.
func (s *State[T, L, P]) Logs() bool {
	for _, t := range s.All() {
		if t.Logged() {
			return true
		}
	}
	return false
}

// TakeBack leaves a table to queries.
func (s *State[T, L, P]) TakeBack(t T) {
	if t.Logged() {
		t.TakeBack(s.Log)
	}
}

// TakeAllBack leaves all tables to queries, and reports whether there were any
// that were not.
func (s *State[T, L, P]) TakeAllBack() (some bool) {
	return s.takeBackUnless(func(schema.Name) bool { return false })
}

func (s *State[T, L, P]) takeBackUnless(followed func(schema.Name) bool) (some bool) {
	for name, t := range s.All() {
		if t.Logged() && !followed(name) {
			t.TakeBack(s.Log)
			some = true
		}
	}
	return some
}

func (s *State[T, L, P]) takeBackNamed(name schema.Name) {
	if t, ok := s.Tables[name.Schema][name.Table]; ok {
		s.TakeBack(t)
	}
}

// keep forgets all tables but those of names, and reports whether there were any.
func (s *State[T, L, P]) keep(names map[schema.Name]bool) (forgot bool) {
	for name := range s.All() {
		if !names[name] {
			forgot = s.Forget(name) || forgot
		}
	}
	return forgot
}

func (s *State[T, L, P]) origin() string { return s.Origin }

func (s *State[T, L, P]) encode() (json.RawMessage, error) { return json.Marshal(s) }
