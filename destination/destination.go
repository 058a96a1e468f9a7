// Package destination defines what a destination of data is.
//
// A [Service] is a kind of destination, such as duckdb; a [Destination] is
// one of it, opened with its config; a [Writer] is one sync's access to it.
// To add one, write a package beside this one and list it in package all.
package destination

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"log/slog"
	"net"
	"time"

	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// A Service is a kind of destination.
type Service struct {
	ID   string // as in the API's "service" field
	Name string // for people

	// Config describes what a destination of this kind is configured with.
	Config *setup.Description

	// MaxName is the longest name of a schema, table or column, in bytes.
	MaxName int

	// Open makes a Destination from a config that the Description has
	// checked. It must not touch the network or the disk.
	Open func(config json.RawMessage, env Env) (Destination, error)

	// Absent is as in connector.Service.
	Absent *setup.Problem
}

// Env is what a destination may use of the world. Its zero value works.
type Env struct {
	Log *slog.Logger // nil: no log

	// These are as in connector.Env.
	Trusts      func(hash string) bool
	Authorities *x509.CertPool
	Dial        func(ctx context.Context, network, address string) (net.Conn, error)
}

// A Destination is a place that holds tables.
type Destination interface {
	// Test runs the setup tests, in the order in which they are shown.
	Test(ctx context.Context) []setup.TestResult

	// Writer opens the destination for one sync. If it is locked by
	// somebody, the error says by whom where that can be known, and is not
	// a [setup.Problem]: the sync is tried again.
	Writer(ctx context.Context, opt Options) (Writer, error)
}

// Options are what a Writer needs to know of the sync.
type Options struct {
	// Synced is the start of the sync, the value of [schema.Synced].
	Synced time.Time

	// Memory is what the writer's staging, caches and merges may take
	// together, in bytes; it goes to disk with the rest. 0: 256 MiB.
	Memory int64

	// Warn is told of values that could not be kept, by table, column and
	// value. nil: they are errors.
	Warn func(setup.Warning)

	// Made is told of each schema that the writer has made, from any
	// goroutine; some may be told twice. nil: nobody is told.
	Made func(schema string)
}

// A Writer writes the tables of one sync. Everything it does is safe to
// repeat. Methods may be called from several goroutines; calls for one table
// are applied in the order in which they are made.
//
// A table has the columns of the source, [schema.RowID] if the source gives
// it no other key, then the system columns of its [schema.Mode], which are the
// writer's own to fill: batches do not have them. Only in history mode may a
// batch of upserts, updates or deletes have [schema.Start], not as a part of
// the key, where the source knows when its rows changed.
//
// # Modes
//
// With [schema.SoftDelete] a row that is gone is marked by [schema.Deleted];
// with [schema.Live] it is deleted, and an update finds it no more.
//
// With [schema.History] a change makes another version of the row, whose Start
// is the start of the sync, or what the batch says. It ends the version before
// a millisecond earlier. Rows that the operations leave as they are get no new
// version; theirs was last synced now. Of what happens to a row in one sync the
// last counts, except that a batch with Start makes a version of each of its
// rows, which are chained by Start: versions that the table has since the first
// of them or later are replaced. An update makes its version of the active one,
// or with Start of the one that held then, and passes over a row that has none.
// A row that is gone ends when the sync began, or when the batch says, or when
// it began itself if that was later, and no version is added. To repeat
// operations, in the same sync or in another, makes no more versions.
type Writer interface {
	// Table returns a table as it stands, or nil if there is none. Its
	// columns are in the destination's order, without the system columns;
	// Key is set where the writer knows it.
	Table(ctx context.Context, name schema.Name) (*schema.Table, error)

	// Migrate makes the table exist with at least the columns of t, each at
	// least as wide as in t, the values that are there kept. It creates
	// missing schemas, adds missing columns at the end, widens types, and
	// never drops a column of the source's or narrows a type. It changes
	// nothing, and costs little, when all is there. Rows written before are
	// not lost. Versions from before a column was added have NULL in it.
	//
	// A table of another mode than t's is switched to it, wholly or not at
	// all. Towards history mode, rows are active since the latest sync that
	// the table with soft delete knows of, or since they were last synced in
	// live mode; of deleted ones Start and End are the year 1. Away from it,
	// the latest version of each key stays. Towards live mode, only rows
	// that are still in the source do.
	Migrate(ctx context.Context, t *schema.Table) error

	// Drop drops a column of a table, in all its rows and versions. Rows
	// written before are not lost. A table or column that is not there is
	// passed over; a column of the key and a system column are errors. What
	// the destination refuses, because something depends on the column, is a
	// [TableError] that names it.
	Drop(ctx context.Context, name schema.Name, column string) error

	// Write takes over b and applies it; it need not be visible or durable
	// until Flush returns. The table has been migrated to hold b: a column
	// of b is converted where the table's is wider, and a column that the
	// table has and an upsert has not becomes NULL. A Truncate and a Sweep of a
	// table that is not there do nothing.
	Write(ctx context.Context, b schema.Batch) error

	// Live returns the number of rows that are still in the source: not
	// marked as deleted, or active. Everything written so far is included.
	Live(ctx context.Context, name schema.Name) (int64, error)

	// Accepts reports whether batches of t may come encoded in f.
	Accepts(ctx context.Context, t *schema.Table, f schema.Format) (bool, error)

	// Flush makes everything written durable and visible. After an error that
	// is no [Refusal] nothing may be assumed of what was written since the
	// Flush before.
	Flush(ctx context.Context) error

	// Close gives up what was not flushed and lets go of the destination.
	Close() error
}
