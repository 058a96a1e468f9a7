// Package schemaconfig is what people choose of a source: which schemas,
// tables and columns are copied, how each table is kept, and what becomes of
// values that must not leave the source as they are. It decides, from the
// choices and from what a source offers, how each table is to be treated; it
// knows no database and no HTTP.
package schemaconfig

import "github.com/penstock-data/penstock/schema"

// A Handling says what happens to what a source offers for the first time.
type Handling string

const (
	AllowAll     Handling = "ALLOW_ALL"     // new schemas, tables and columns are copied
	AllowColumns Handling = "ALLOW_COLUMNS" // new columns are; new schemas and tables are not
	BlockAll     Handling = "BLOCK_ALL"     // nothing new is
)

// A Config is the choices for one connection. Its zero value copies all.
// Names are the source's. What has no entry was never chosen.
type Config struct {
	Handling     Handling           `json:"handling,omitempty"` // "": AllowAll
	TypeLocked   bool               `json:"type_locked,omitempty"`
	CarryRenames bool               `json:"carry_renames,omitempty"` // a column renamed in the source stays the same in the destination
	Schemas      map[string]*Schema `json:"schemas,omitempty"`
	Masks        []Mask             `json:"masks,omitempty"` // the first that matches a column counts
}

// A Schema is the choices for one schema. Sources without schemas have one
// called by the service's name, see [Catalog.Unnamed].
type Schema struct {
	// Enabled is nil where nobody chose: then what the catalog knows is
	// copied, because [Capture] blocks what the handling keeps out, and what
	// it does not know is treated as Handling says. The same holds for
	// tables and columns.
	Enabled *bool             `json:"enabled,omitempty"`
	Tables  map[string]*Table `json:"tables,omitempty"`
}

// A Table is the choices for one table.
type Table struct {
	Enabled *bool              `json:"enabled,omitempty"`
	Mode    *schema.Mode       `json:"mode,omitempty"` // nil: SoftDelete
	Columns map[string]*Column `json:"columns,omitempty"`
	Paused  bool               `json:"paused,omitempty"` // not synced for now; what is there stays
	Filter  string             `json:"filter,omitempty"` // what rows must meet to be copied, as [schema.ParseFilter] reads it; "": all are
}

// A Column is the choices for one column.
type Column struct {
	Enabled *bool `json:"enabled,omitempty"`
	Hashed  bool  `json:"hashed,omitempty"`
	Key     *bool `json:"key,omitempty"`  // a key of the user's own for a table without one; nil: as the source says
	Drop    bool  `json:"drop,omitempty"` // blocked, and to be dropped from the destination at the next sync
}

// A Mask is a rule by pattern. Pattern is schema.table.column, in which *
// stands for any run of characters.
type Mask struct {
	Pattern string `json:"pattern"`
	How     Masked `json:"how"`
	Keep    int    `json:"keep,omitempty"` // characters that MaskTruncate keeps
}

// Masked is what becomes of a value before it leaves the source's process.
// NULL stays NULL.
type Masked string

const (
	MaskHash     Masked = "HASH"        // as a hashed column
	MaskRedact   Masked = "REDACT"      // "******"
	MaskTruncate Masked = "TRUNCATE"    // its first characters
	MaskDomain   Masked = "KEEP_DOMAIN" // of an e-mail address, the rest hashed
)

// A Treatment is what a sync does with one table.
type Treatment struct {
	Wanted  bool
	Paused  bool // wanted, but not to be read now; what is there stays
	Mode    schema.Mode
	Locked  bool                       // the destination's types stay as they are
	Filter  string                     // what rows must meet, see [Table]
	Columns map[string]ColumnTreatment // by the source's name; one without an entry is copied as it is

	// Drop are the columns, by the source's name, that the destination's table
	// is to lose. All of them are blocked, and the source may not have them.
	Drop []string

	// Found are the columns, by the source's name, that rows have had and that
	// the source does not offer; blocked ones too.
	Found []string

	// Other says what becomes of columns that the source did not offer and
	// sends all the same. nil: they are copied as they are.
	Other func(column string) ColumnTreatment
}

// A ColumnTreatment is what a sync does with one column.
type ColumnTreatment struct {
	Blocked bool
	Key     bool   // counts as part of the key
	Mask    Mask   // How is "" for values that are copied as they are
	As      string // the source's earlier name, by which the destination's column is called; "": its own
}

// Column returns the treatment of a column, offered or not.
func (t *Treatment) Column(name string) ColumnTreatment {
	if c, ok := t.Columns[name]; ok || t.Other == nil {
		return c
	}
	return t.Other(name)
}
