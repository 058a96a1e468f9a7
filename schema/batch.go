package schema

import (
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/util"
)

// An Op says what a batch does to its table. All of them are safe to repeat.
// What it means to mark a row as deleted, and to change one, is the table's
// [Mode]: in history mode a version ends, in live mode a row is deleted.
type Op uint8

const (
	// Upsert replaces whole rows by key, or adds them, and revives deleted
	// ones. Of rows with one key in one batch the last counts, unless the
	// batch tells by [Start] when each of them began to hold.
	Upsert Op = iota

	// Update sets the columns that the batch has in the rows with its keys.
	// A key that is not there is passed over.
	Update

	// Delete marks the rows with the batch's keys as deleted. The batch has
	// the key columns only, and [Start] if the source knows since when each
	// of the rows is gone. A key that is not there is passed over.
	Delete

	// Truncate marks as deleted every row last synced before Batch.Before.
	// The batch has no record. It is how a full re-read infers deletes. What
	// is sent after it in one sync is spared, what was sent before it is too
	// if Before is no later than the sync's start.
	Truncate

	// Present adds the batch's keys to the set of keys that the source has;
	// nothing changes until Sweep. The batch has the key columns only.
	Present

	// Sweep marks as deleted every live row whose key is not in the set
	// gathered by Present since the table's last Sweep, and empties the set.
	// The batch has no record.
	Sweep
)

var opNames = [...]string{"upsert", "update", "delete", "truncate", "present", "sweep"}

func (o Op) String() string { return opNames[o] }

// A Batch is one operation on one table.
type Batch struct {
	Op Op

	// Table describes the record: the same columns, in the same order.
	Table *Table

	// Record holds the rows; nil for Truncate and Sweep, or if Encoded is set.
	// Whoever a batch is handed to releases it.
	Record arrow.RecordBatch

	// Encoded holds the rows of an Upsert in the destination's own wire
	// format instead. Only a table for which [Format] was agreed has it.
	Encoded *Encoded

	// Fresh is the source's promise that no row with one of these keys was
	// sent before in this sync, so that a table that was empty when the sync
	// began can be filled without looking for earlier versions. Rows that
	// break it may stand side by side until their key is written again.
	Fresh bool

	// Before is the time of a Truncate.
	Before time.Time
}

// A Format names a wire format that both a source and a destination may speak,
// so that rows can pass without being decoded.
type Format string

// PostgresBinary is the tuples of PostgreSQL's COPY BINARY format without the
// header and the trailer, the columns in the order of the batch's table, each
// value in the binary form of the type that the Postgres destination uses for
// the column's [Type].
const PostgresBinary Format = "postgres-copy-binary"

// Encoded is rows in a wire format, whole.
type Encoded struct {
	Format Format
	Rows   int64
	Data   []byte
}

// Rows returns the number of rows in b.
func (b *Batch) Rows() int64 {
	switch {
	case b.Record != nil:
		return b.Record.NumRows()
	case b.Encoded != nil:
		return b.Encoded.Rows
	}
	return 0
}

// Bytes returns the memory that b's rows take, about.
func (b *Batch) Bytes() int64 {
	switch {
	case b.Record != nil:
		return util.TotalRecordSize(b.Record)
	case b.Encoded != nil:
		return int64(len(b.Encoded.Data))
	}
	return 0
}

// Release gives up the batch's memory.
func (b *Batch) Release() {
	if b.Record != nil {
		b.Record.Release()
	}
	b.Record, b.Encoded = nil, nil
}
