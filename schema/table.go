// Package schema is the vocabulary that sources, destinations and the pipe
// between them share: tables, columns, types, the batches in which rows
// travel, and the rules that turn a source's names into a destination's.
// It imports nothing else of Penstock.
package schema

import (
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
)

// Names of the columns that Penstock adds, as Fivetran's documentation
// "System columns and tables" defines them (read 2026-11).
const (
	Synced  = "_fivetran_synced"  // UTC_DATETIME: start of the sync that last wrote the row
	Deleted = "_fivetran_deleted" // BOOLEAN: the row is gone from the source
	RowID   = "_fivetran_id"      // STRING: key of a table that has none: a hash of the row's values
)

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

// A Column is one column of a table.
type Column struct {
	Name string `json:"name"`
	Type Type   `json:"type"`
	Key  bool   `json:"key,omitempty"` // part of the primary key
}

// A Table is a table as a source offers it or as a destination has it.
type Table struct {
	Name
	Columns []Column `json:"columns"`
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
