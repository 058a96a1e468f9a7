package postgres

import (
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/penstock-data/penstock/schema"
)

// state is what a sync leaves for the next one.
type state struct {
	Version int `json:"version"` // 1

	// Origin is the history that transaction ids belong to: the cluster's
	// identifier and timeline. Horizons of another origin mean nothing.
	Origin string `json:"origin"`

	// Tables are the tables of which anything was sent, by schema and name.
	Tables map[string]map[string]*tableState `json:"tables"`

	// Log is how far the log of changes was read; nil: it is not.
	Log *logState `json:"log,omitempty"`
}

// logState is how far the log was read, by WAL_PGOUTPUT.
type logState struct {
	Slot string `json:"slot"`

	// Made is set if a sync made the slot, which then goes with the
	// connection.
	Made bool `json:"made,omitempty"`

	// Position is where the log goes on: what was committed before is in the
	// tables that were handed over to it.
	Position position `json:"position"`

	// Horizon is for these tables what it is for parts that were read by
	// queries: every transaction below had ended before Position.
	Horizon uint64 `json:"horizon"`

	// Before is what had been seen to end where the slot begins. It sends
	// nothing of that. nil: snapshots see all of it.
	Before *visibility `json:"before,omitempty"`

	// Clock is when the last transaction before Position was committed, for
	// history mode, in microseconds: later ones count as later.
	Clock int64 `json:"clock"`

	// Early are transactions before Position that others could not see yet.
	Early []uint64 `json:"early,omitempty"`
}

// tableState is how far one table was read.
type tableState struct {
	// Columns are the columns that the rows were sent with.
	Columns []columnState `json:"columns"`

	// Newest is the greatest number of a column that the table had then, of
	// those too that could not be read or were not wanted.
	Newest int16 `json:"newest"`

	// Began is the start of the sync in which the last full read began.
	Began time.Time `json:"began"`

	// Parts are the relations that hold the table's rows, one for an
	// ordinary table, by their oid.
	Parts map[string]*partState `json:"parts"`

	// Rows is the number of rows in the source when the last full read
	// began, and Live how many the destination had when it ended. Tables
	// without a key have them; -1 means not counted.
	Rows int64 `json:"rows"`
	Live int64 `json:"live"`

	// Log is set as long as changes are taken from the log.
	Log *handover `json:"log,omitempty"`

	// Published is what is published of the table; nil: nothing.
	Published *published `json:"published,omitempty"`

	// Unlogged is why not, as people have been told.
	Unlogged string `json:"unlogged,omitempty"`
}

// A handover is where the log took over from queries.
type handover struct {
	// Seen is what the queries saw; all that was committed from End on they
	// did not. nil: Position is beyond it.
	Seen *visibility `json:"seen,omitempty"`
	End  position    `json:"end,omitempty"`

	// Clock is as that of the log, where the table's is ahead of it; else 0.
	Clock int64 `json:"clock,omitempty"`
}

// published tells since when a table's changes are in the log.
type published struct {
	Mark string `json:"mark"` // see publication.publishes

	// Since is the id from which on transactions have all of their changes
	// published: what ran when that was decided has only some.
	Since uint64 `json:"since"`
}

type columnState struct {
	Name string      `json:"name"`
	Num  int16       `json:"num"`
	Type schema.Type `json:"type"`
	Key  bool        `json:"key,omitempty"`
}

// partState is how far one relation was read.
type partState struct {
	// File is the relfilenode that Done speaks of.
	File uint32 `json:"file"`

	// Horizon is the 64-bit pg_snapshot_xmin of the snapshot that the rows
	// sent are complete for: the last sync's, or that of the first snapshot
	// of a load that has not ended.
	Horizon uint64 `json:"horizon"`

	// Done are the ranges of pages that a load has finished.
	Done []pageRange `json:"done,omitempty"`

	// Loaded is set when the load has ended; Done is empty then.
	Loaded bool `json:"loaded"`
}

// A pageRange is the pages from Lo up to but without Hi.
type pageRange struct {
	Lo uint32 `json:"lo"`
	Hi uint32 `json:"hi"`
}

// endOfTable is the Hi of a range that has no upper end.
const endOfTable = math.MaxUint32

func parseState(raw json.RawMessage) (*state, error) {
	st := &state{Version: 1}
	if len(raw) > 0 && string(raw) != "null" {
		if err := json.Unmarshal(raw, st); err != nil {
			return nil, fmt.Errorf("state: %w", err)
		}
		if st.Version != 1 {
			return nil, fmt.Errorf("state has version %d; this program knows 1", st.Version)
		}
	}
	if st.Tables == nil {
		st.Tables = make(map[string]map[string]*tableState)
	}
	for _, t := range st.all() {
		if t.Log != nil && st.Log != nil {
			t.raise(st.Log.Horizon)
		}
	}
	return st, nil
}

// all returns all tables.
func (s *state) all() iter.Seq2[schema.Name, *tableState] {
	return func(yield func(schema.Name, *tableState) bool) {
		for sch, tables := range s.Tables {
			for table, t := range tables {
				if !yield(schema.Name{Schema: sch, Table: table}, t) {
					return
				}
			}
		}
	}
}

// raise notes that the table is complete for a later horizon.
func (t *tableState) raise(horizon uint64) {
	for _, p := range t.Parts {
		p.Horizon = max(p.Horizon, horizon)
	}
}

// readSince reports whether the last full read began at a sync's start or later,
// and has ended.
func (t *tableState) readSince(start time.Time) bool {
	if t == nil || t.Began.Before(start) {
		return false
	}
	for _, p := range t.Parts {
		if !p.Loaded {
			return false
		}
	}
	return true
}

// takeBack leaves a table to queries again, from the horizon to which it is
// complete.
func (s *state) takeBack(t *tableState) {
	if t.Log != nil {
		t.raise(s.Log.Horizon)
		t.Log = nil
	}
}

// leaveLog leaves all tables to queries for good.
func (s *state) leaveLog() {
	s.takeAllBack()
	for _, t := range s.all() {
		t.Published, t.Unlogged = nil, ""
	}
	s.Log = nil
}

// takeAllBack leaves all tables to queries, and reports whether there were any
// that were not.
func (s *state) takeAllBack() (some bool) {
	for _, t := range s.all() {
		some = some || t.Log != nil
		s.takeBack(t)
	}
	return some
}

func (s *state) table(name schema.Name) *tableState { return s.Tables[name.Schema][name.Table] }

func (s *state) set(name schema.Name, t *tableState) {
	if s.Tables[name.Schema] == nil {
		s.Tables[name.Schema] = make(map[string]*tableState)
	}
	s.Tables[name.Schema][name.Table] = t
}

func (s *state) forget(name schema.Name) {
	delete(s.Tables[name.Schema], name.Table)
	if len(s.Tables[name.Schema]) == 0 {
		delete(s.Tables, name.Schema)
	}
}

// Forget implements connector.Forgetter.
func (s *source) Forget(raw json.RawMessage, tables []schema.Name) (json.RawMessage, error) {
	st, err := parseState(raw)
	if err != nil {
		return nil, err
	}
	forgot := false
	for _, name := range tables {
		if st.table(name) != nil {
			st.forget(name)
			forgot = true
		}
	}
	if !forgot {
		return raw, nil
	}
	return json.Marshal(st)
}

// keep forgets all tables but those of names, and reports whether there were any.
func (s *state) keep(names map[schema.Name]bool) (forgot bool) {
	for name := range s.all() {
		if !names[name] {
			s.forget(name)
			forgot = true
		}
	}
	return forgot
}

// finish adds a range to those done.
func (p *partState) finish(r pageRange) {
	p.Done = append(p.Done, r)
	slices.SortFunc(p.Done, func(a, b pageRange) int { return int(int64(a.Lo) - int64(b.Lo)) })
	merged := p.Done[:1]
	for _, r := range p.Done[1:] {
		if last := &merged[len(merged)-1]; r.Lo <= last.Hi {
			last.Hi = max(last.Hi, r.Hi)
		} else {
			merged = append(merged, r)
		}
	}
	p.Done = merged
}

// rest returns what is not done, cut into ranges of at most step pages; the
// last one has no upper end.
func rest(done []pageRange, pages, step int64) []pageRange {
	var todo []pageRange
	gap := func(lo, hi int64) {
		for lo < hi {
			next := min(hi, lo+step)
			if hi == endOfTable && next >= pages {
				next = hi
			}
			todo = append(todo, pageRange{uint32(lo), uint32(next)})
			lo = next
		}
	}
	at := int64(0)
	for _, d := range done {
		gap(at, int64(d.Lo))
		at = int64(d.Hi)
	}
	gap(at, endOfTable)
	return todo
}
