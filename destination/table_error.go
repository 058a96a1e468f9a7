package destination

// A TableError is an error of [Writer.Table], [Writer.Migrate], [Writer.Drop]
// or [Writer.Write] that is about that table only: nothing of the call was done,
// what was written before is not lost, and the Writer goes on with the others.
type TableError struct {
	Err error
}

func (e *TableError) Error() string { return e.Err.Error() }

func (e *TableError) Unwrap() error { return e.Err }
