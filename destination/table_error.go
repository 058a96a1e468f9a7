package destination

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/penstock-data/penstock/schema"
)

// A TableError is an error of [Writer.Table], [Writer.Migrate], [Writer.Drop]
// or [Writer.Write] that is about that table only: nothing of the call was done,
// what was written before is not lost, and the Writer goes on with the others.
type TableError struct {
	Err error
}

func (e *TableError) Error() string { return e.Err.Error() }

func (e *TableError) Unwrap() error { return e.Err }

// A Refusal is an error of [Writer.Write], [Writer.Live], [Writer.Migrate],
// [Writer.Drop] or [Writer.Flush]: the destination does not take rows of some
// tables, and would not if they were written again. What was written to those
// since the Flush before may be lost, and the Writer takes nothing more of them.
// Of the others nothing is lost, and the Writer goes on with them.
//
// A Flush returns one for the tables that were refused since the Flush before,
// whoever was told already, and has made durable what was written to all others.
type Refusal struct {
	Tables map[schema.Name]error // why each is refused
}

func (e *Refusal) Error() string {
	var all []string
	for _, name := range slices.SortedFunc(maps.Keys(e.Tables), schema.Name.Compare) {
		all = append(all, fmt.Sprintf("%s: %v", name, e.Tables[name]))
	}
	return strings.Join(all, "; ")
}
