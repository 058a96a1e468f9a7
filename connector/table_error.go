package connector

import "github.com/penstock-data/penstock/schema"

// A TableError is an error of an [Output]'s method that is about one table
// only: what was sent cannot be written, and neither can what follows of that
// table in this sync, while all others can.
//
// A source that can go on with the others does so, calls [Output.Fail], and
// leaves the table in its state as if nothing of it had been sent since the
// checkpoint before. A source that cannot returns the error as it is.
type TableError struct {
	Table schema.Name
	Err   error
}

func (e *TableError) Error() string { return e.Err.Error() }

func (e *TableError) Unwrap() error { return e.Err }
