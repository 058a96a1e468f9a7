package postgres

import (
	"encoding/json"
	"math"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/sqlsource"
	"github.com/penstock-data/penstock/schema"
)

// state is what a sync leaves for the next one. Its origin is the cluster's
// identifier and timeline, which transaction ids belong to: horizons of another
// origin mean nothing.
type state = sqlsource.State[*tableState, *logState, position]

// logState is how far the log was read, by WAL_PGOUTPUT.
type logState struct {
	Slot string `json:"slot"`

	// Made is set if a sync made the slot, which then goes with the
	// connection.
	Made bool `json:"made,omitempty"`

	sqlsource.Place[position]

	// Horizon is for these tables what it is for parts that were read by
	// queries: every transaction below had ended before Position.
	Horizon uint64 `json:"horizon"`

	// Before is what had been seen to end where the slot begins. It sends
	// nothing of that. nil: snapshots see all of it.
	Before *visibility `json:"before,omitempty"`

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
type handover = sqlsource.Handover[position, visibility]

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
type pageRange = sqlsource.Range[uint32]

// endOfTable is the Hi of a range that has no upper end.
const endOfTable = math.MaxUint32

func parseState(raw json.RawMessage) (*state, error) {
	st, err := sqlsource.Parse[*tableState, *logState, position](raw)
	if err != nil {
		return nil, err
	}
	for _, t := range st.All() {
		if t.Log != nil && st.Log != nil {
			t.raise(st.Log.Horizon)
		}
	}
	return st, nil
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

// Logged implements sqlsource.TableState.
func (t *tableState) Logged() bool { return t.Log != nil }

// TakeBack implements sqlsource.TableState: queries go on from the horizon to
// which the table is complete.
func (t *tableState) TakeBack(log *logState) {
	t.raise(log.Horizon)
	t.Log = nil
}

// leaveLog leaves all tables to queries for good.
func leaveLog(s *state) {
	s.TakeAllBack()
	for _, t := range s.All() {
		t.Published, t.Unlogged = nil, ""
	}
	s.Log = nil
}

// Forget implements connector.Forgetter.
func (s *source) Forget(raw json.RawMessage, tables []schema.Name) (json.RawMessage, error) {
	return connector.ForgetIn(raw, parseState, func(st *state) (forgot bool) {
		for _, name := range tables {
			forgot = st.Forget(name) || forgot
		}
		return forgot
	})
}

// finish adds a range to those done.
func (p *partState) finish(r pageRange) { p.Done = sqlsource.Join(p.Done, r) }

// rest returns what is not done, cut into ranges of at most step pages; the
// last one has no upper end.
func rest(done []pageRange, pages, step int64) []pageRange {
	var todo []pageRange
	for _, gap := range sqlsource.Left(done, 0, endOfTable) {
		for lo, hi := int64(gap.Lo), int64(gap.Hi); lo < hi; {
			next := min(hi, lo+step)
			if hi == endOfTable && next >= pages {
				next = hi
			}
			todo = append(todo, pageRange{Lo: uint32(lo), Hi: uint32(next)})
			lo = next
		}
	}
	return todo
}
