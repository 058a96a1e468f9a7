package sqlwriter

import (
	"context"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/penstock-data/penstock/schema"
)

// A Database is what the kit needs of a destination: it runs statements and
// fills tables. Its methods may be called from several goroutines.
type Database interface {
	// Describe returns the table as it stands.
	Describe(ctx context.Context, name schema.Name) (Relation, error)

	// Define runs statements that define tables, in one transaction.
	Define(ctx context.Context, statements []string) error

	// Session opens a session, with temporary tables of its own.
	Session(ctx context.Context) (Session, error)

	// Close lets go of the destination; the sessions are closed by then.
	Close() error
}

// A Settler is a [Database] that takes memory for what was committed to a
// table until it has put it in order.
type Settler interface {
	// Settle is called now and then when no more sessions are open than
	// those in use, and when empty tables have got their first rows. It may
	// do nothing.
	Settle(ctx context.Context)
}

// A Renewer is a [Database] that takes more memory the more is written to it,
// until it is opened anew.
type Renewer interface {
	// Grown reports whether that is time.
	Grown() bool

	// Renew opens the database anew. No session is open, and no other method
	// is called meanwhile. After an error nothing more can be done.
	Renew() error
}

// A Refuser is a [Database] that knows which errors come from what is written to
// a table, and would come again.
type Refuser interface {
	// Refuses reports whether an error of a session is one of those. row is
	// how many bytes the largest row has that was written to the table since it
	// was last merged, about.
	Refuses(err error, row int64) bool
}

// A Session runs one thing at a time.
type Session interface {
	// Exec runs statements in one transaction.
	Exec(ctx context.Context, statements ...string) error

	// Count runs a query for one number.
	Count(ctx context.Context, query string) (int64, error)

	// Load begins to fill a table. Until the stream has ended the session
	// can do nothing else.
	Load(ctx context.Context, l Load) (Stream, error)

	// Close ends the session; what is not committed is lost.
	Close() error
}

// An Indexer is a [Session] whose merges are cheaper with an index on the key.
type Indexer interface {
	// Index reports whether the table has a unique index on its key, which
	// it makes if it can. It is called before each merge into a table that
	// has rows.
	Index(ctx context.Context, t *schema.Table) (bool, error)
}

// An Inliner is a [Session] whose statements can read a few rows where they are,
// without a stage.
type Inliner interface {
	// Inline runs statements in one transaction. What is wrong with one of
	// them is an error that names the table. The rows stay the caller's.
	Inline(ctx context.Context, parts []Inline) error
}

// An Inline is some rows, no two of one key, and the statements that each read
// them once, as the table [Rows].
type Inline struct {
	Name       schema.Name   // the table that it is about, for messages
	Shape      *schema.Table // of the rows
	Rows       arrow.RecordBatch
	Statements []Reading
}

// A Reading is a statement that reads all columns of [Rows], or those of the key
// only.
type Reading struct {
	SQL  string
	Keys bool
}

// A Load says which table is filled from batches, and how.
type Load struct {
	Name  schema.Name   // the table that it is about, for messages
	Into  string        // the table to fill, as it is written in a statement
	Shape *schema.Table // the batches' columns
	To    []schema.Type // what each column is converted to; its own type unless the dialect's LoadConverts is set

	// Stage says that Into has the column [Seq] beside those of Shape. If it
	// is not set it has the system columns, whose values are those of
	// Constants; two of them are Synced and false in a table with soft delete.
	Stage     bool
	Constants []Constant
	Synced    time.Time
}

// A Stream takes the batches of one [Load].
type Stream interface {
	// Write takes over b. It blocks while what was written before waits in
	// memory. seq is the [Seq] of b's first row.
	Write(ctx context.Context, b schema.Batch, seq int64) error

	// End returns when all rows are in the table and committed.
	End(ctx context.Context) error

	// Abort gives the rows up, those of the whole Load.
	Abort()
}
