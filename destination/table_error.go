package destination

// A TableError is an error of [Writer.Migrate] or [Writer.Write] that is about
// that table only: nothing of the call was done, and the Writer can go on with
// the others.
type TableError struct {
	Err error
}

func (e *TableError) Error() string { return e.Err.Error() }

func (e *TableError) Unwrap() error { return e.Err }
