package destination

import "context"

// A Querier is a Destination in whose tables people may look by queries of
// their own.
type Querier interface {
	// Query runs one statement that reads the destination's tables, and
	// nothing else of the machine or the network: neither its result nor what
	// it does can be anything but rows of those tables and what is computed
	// from them. What is wrong with the statement, or takes too much, is a
	// [QueryError].
	Query(ctx context.Context, q Query) (*Answer, error)
}

// A Query is what somebody wants to know.
type Query struct {
	SQL   string `json:"sql"`
	Rows  int    `json:"rows"`  // the most that are returned
	Bytes int    `json:"bytes"` // the most that values take together
}

// An Answer is what a Query found.
type Answer struct {
	Columns []AnswerColumn `json:"columns"`
	Rows    [][]*string    `json:"rows"` // values as the destination writes them; nil: NULL
	More    bool           `json:"more"` // there are rows, or longer values, that were left out
}

// An AnswerColumn is a column of an Answer.
type AnswerColumn struct {
	Name string `json:"name"`
	Type string `json:"type"` // in the destination's words
}

// A QueryError is what somebody must change about a Query, or wait for.
type QueryError struct{ Message string }

func (e *QueryError) Error() string { return e.Message }
