// Package schema is the vocabulary that sources, destinations and the pipe
// between them share: tables, columns, types, the batches in which rows
// travel, and the rules that turn a source's names into a destination's.
// It imports nothing else of Penstock.
package schema

import (
	"cmp"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
)

// Names of the columns that Penstock adds, as Fivetran's documentation
// "System columns and tables" defines them (read 2026-11).
const (
	Synced  = "_fivetran_synced"  // UTC_DATETIME: start of the sync that last wrote the row
	Deleted = "_fivetran_deleted" // BOOLEAN: the row is gone from the source
	RowID   = "_fivetran_id"      // STRING: key of a table that has none: a hash of the row's values. A source gives it where other tables refer to it

	// The columns of history mode. Start is part of the key there.
	Active = "_fivetran_active" // BOOLEAN: this is the row's current version
	Start  = "_fivetran_start"  // UTC_DATETIME: since when the version holds
	End    = "_fivetran_end"    // UTC_DATETIME: until when, the next version's start less a millisecond; [EndOfTime] while it holds
)

// EndOfTime is the [End] of a version that still holds: 9999-12-31 23:59:59.999 UTC,
// in microseconds.
const EndOfTime = 253402300799999000

// A Mode says what a destination's table keeps of rows that change or go.
type Mode uint8

const (
	// SoftDelete keeps the latest version of each row and marks the ones
	// that are gone. The table has [Synced] and [Deleted].
	SoftDelete Mode = iota

	// Live keeps the latest version of each row that is there, and nothing
	// of the ones that are gone. The table has [Synced].
	Live

	// History keeps every version of each row (a slowly changing dimension
	// of type 2). The table has [Synced], [Active], [Start] and [End].
	History
)

var modeNames = [...]string{"SOFT_DELETE", "LIVE", "HISTORY"}

// String returns the mode as the API's sync_mode spells it.
func (m Mode) String() string { return modeNames[m] }

// ParseMode is the inverse of [Mode.String].
func ParseMode(s string) (Mode, bool) {
	i := slices.Index(modeNames[:], s)
	return Mode(max(i, 0)), i >= 0
}

// A Name says which table of a source, or of a destination, is meant.
// Services with a single schema leave Schema empty on the source's side.
type Name struct {
	Schema string `json:"schema"`
	Table  string `json:"table"`
}

func (n Name) String() string {
	if n.Schema == "" {
		return n.Table
	}
	return n.Schema + "." + n.Table
}

// Compare orders names by schema, then by table.
func (n Name) Compare(other Name) int {
	return cmp.Or(cmp.Compare(n.Schema, other.Schema), cmp.Compare(n.Table, other.Table))
}

// A Column is one column of a table.
type Column struct {
	Name string `json:"name"`
	Type Type   `json:"type"`
	Key  bool   `json:"key,omitempty"` // part of the primary key

	// ID tells the column from others of its table where its name does not:
	// a renamed column keeps it, a dropped and added one has another. "":
	// the source knows columns by their names only.
	ID string `json:"id,omitempty"`
}

// IsStart reports whether c is the column in which a source that knows when
// its rows changed says so: it is called [Start], a UTC_DATETIME, and no part
// of the key.
func (c Column) IsStart() bool {
	return c.Name == Start && c.Type.Kind == Instant && !c.Key
}

// IsRowID reports whether c is the [RowID] that a source gives itself.
func (c Column) IsRowID() bool { return c.Name == RowID && c.Type.Kind == String && c.Key }

// A Table is a table as a source offers it or as a destination has it.
type Table struct {
	Name
	Columns []Column `json:"columns"`

	// Mode is what the destination's table keeps; a source leaves it zero.
	Mode Mode `json:"mode,omitempty"`
}

// Key returns the indexes of the primary key's columns; none for a table
// without a key.
func (t *Table) Key() []int {
	var key []int
	for i, c := range t.Columns {
		if c.Key {
			key = append(key, i)
		}
	}
	return key
}

// Index returns the index of the column called name, or -1.
func (t *Table) Index(name string) int {
	return slices.IndexFunc(t.Columns, func(c Column) bool { return c.Name == name })
}

// Arrow returns the Arrow schema of a batch of whole rows of t.
func (t *Table) Arrow() *arrow.Schema {
	fields := make([]arrow.Field, len(t.Columns))
	for i, c := range t.Columns {
		fields[i] = arrow.Field{Name: c.Name, Type: c.Type.Arrow(), Nullable: true}
	}
	return arrow.NewSchema(fields, nil)
}
