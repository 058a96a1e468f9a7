package sqlsource

// A Position is a place in a log: a number, a file and an offset in it, or the
// set of the transactions that are before it.
type Position[P any] interface {
	// Reaches reports whether all that is before q is before the position.
	Reaches(q P) bool

	// Has reports whether a transaction is before the position whose commit
	// is at q.
	Has(commit P) bool

	// Beyond returns about how many bytes of the log are between q and the
	// position; 0 if q is behind it.
	Beyond(q P) int64
}

// A Place is the part of a state that says where the log goes on.
type Place[P any] struct {
	// Position is where the log goes on: what was committed before is in the
	// tables that were handed over to it.
	Position P `json:"position"`

	// Clock is when the last transaction before Position was committed, for
	// history mode, in microseconds: later ones count as later.
	Clock int64 `json:"clock"`
}

// A Transaction is what a log says of one before its changes.
type Transaction[P any] struct {
	ID     uint64 // as the database numbers them; 0 where Commit says all
	Commit P      // where its commit is
	Time   int64  // when that was, in microseconds since 1970
}

// Seen says which transactions were seen by the queries that a table was read
// with.
type Seen[P any] interface {
	Sees(tx *Transaction[P]) bool
}

// A Handover is where the log took over a table from queries.
type Handover[P Position[P], S Seen[P]] struct {
	// Seen is what the queries saw; all that was committed from End on they
	// did not. nil: the log was read beyond End.
	Seen *S `json:"seen,omitempty"`
	End  P  `json:"end,omitzero"`
}

// Takes reports whether a transaction is to be applied: whether the queries did
// not see it.
func (h *Handover[P, S]) Takes(tx *Transaction[P]) bool {
	return h.Seen == nil || !h.End.Has(tx.Commit) || !(*h.Seen).Sees(tx)
}

// passed is told that the log was read to a position, all before it being sent.
func (h *Handover[P, S]) passed(at P) {
	if h.Seen != nil && at.Reaches(h.End) {
		*h = Handover[P, S]{}
	}
}
