package store

import (
	"cmp"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"strings"
)

// What happened to the rows of [RecordsModified].
const (
	RowsUpserted = "REPLACED_OR_INSERTED"
	RowsUpdated  = "UPDATED"
	RowsDeleted  = "DELETED"
)

// details are what the data of events say, of which each kind says a part.
type details struct {
	Schema, Table, Name, Message, Status, Reason string

	Columns   []string
	Operation string `json:"operationType"`
	Count     int64
	Rows      int64   `json:"total_rows"`
	Seconds   float64 `json:"total_time_s"`
}

// sentences say what happened, by kind.
var sentences = map[string]func(d *details) string{
	SyncStart: func(*details) string { return "The sync began." },
	SyncEnd:   func(d *details) string { return "The sync ended: " + d.Status + because(d.Reason) },

	CreateConnector:    func(*details) string { return "The connection was created." },
	EditConnector:      func(*details) string { return "The connection was changed." },
	DeleteConnector:    func(*details) string { return "The connection was deleted." },
	PauseConnector:     func(*details) string { return "The connection was paused." },
	ResumeConnector:    func(*details) string { return "The connection was resumed." },
	ForceUpdate:        func(*details) string { return "A sync was asked for." },
	CancelSync:         func(*details) string { return "The running sync was asked to stop." },
	ResyncConnector:    func(*details) string { return "A re-sync was asked for." },
	ResyncTable:        func(d *details) string { return "A re-sync of " + d.table() + " was asked for." },
	ChangeSchemaConfig: func(*details) string { return "The schema configuration was changed." },

	ConnectionSuccessful: func(*details) string { return "The setup is in order." },
	ConnectionFailure:    func(d *details) string { return "The setup is not in order" + because(d.Reason) },

	CreateSchema: func(d *details) string { return "Schema " + d.Schema + " was made in the destination." },
	CreateTable:  func(d *details) string { return "Table " + d.table() + " was made in the destination." },
	AlterTable: func(d *details) string {
		return "Columns of table " + d.table() + " were added or widened in the destination: " + strings.Join(d.Columns, ", ") + "."
	},
	WriteStart:      func(d *details) string { return "Writing to " + d.table() + "." },
	WriteEnd:        func(d *details) string { return "What was sent to " + d.table() + " is written." },
	RecordsModified: func(d *details) string { return fmt.Sprintf("%d rows of %s: %s.", d.Count, d.table(), d.Operation) },
	ExtractSummary:  func(d *details) string { return fmt.Sprintf("The source sent %d rows.", d.Rows) },
	SyncStats:       func(d *details) string { return fmt.Sprintf("The sync took %.0f seconds.", d.Seconds) },
	Warned:          func(d *details) string { return d.Message },
}

func (d *details) table() string {
	table := cmp.Or(d.Table, d.Name)
	if d.Schema != "" {
		table = d.Schema + "." + table
	}
	return table
}

func because(reason string) string {
	if reason == "" {
		return "."
	}
	return ": " + reason
}

// Message says in a sentence what happened; of a kind that it does not know
// it returns the name.
func (e *Event) Message() string {
	say := sentences[e.Kind]
	if say == nil {
		return e.Kind
	}
	var d details
	json.Unmarshal(e.Data, &d) // what does not fit is not said
	return say(&d)
}

// SyncID returns the id of the event's run in the form of a UUID; "" if it has
// none.
func (e *Event) SyncID() string {
	b, err := base32.HexEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ToUpper(e.RunID))
	if err != nil || len(b) != 16 {
		return ""
	}
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
