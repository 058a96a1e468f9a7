// Package engine runs what is due. What that is stands in the store, whatever
// the engine: it only says where a sync runs, keeps it alive and ends it.
//
// An [Engine] is told of what people ask for; [InProcess] runs the syncs in
// this process.
package engine

import (
	"context"
	"errors"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/internal/runner"
	"github.com/penstock-data/penstock/internal/schemaconfig"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/schema"
)

var (
	// ErrPaused says that a paused connection does not sync.
	ErrPaused = errors.New("the connection is paused")

	// ErrIncomplete says that a connection does not sync before its setup
	// tests have passed.
	ErrIncomplete = errors.New("the setup of the connection is incomplete: its setup tests have never passed")

	// ErrNoTableResync says that the source of a connection cannot be read
	// again table by table.
	ErrNoTableResync = errors.New("the connector does not support table-level re-sync")
)

// An Engine runs syncs, setup tests, verifications and plans. Its methods are
// safe for concurrent use. They return when what is asked for is certain to
// happen, not when it has happened; errors of the store, such as
// [store.ErrNotFound], come through.
type Engine interface {
	// Run runs what is due until ctx is done. Then it lets running syncs get
	// to their next checkpoint and returns; whoever runs next resumes them.
	Run(ctx context.Context) error

	// Sync makes a connection sync now, without moving its schedule. One
	// that is syncing goes on, or is stopped and run again if force is set. One
	// that stays on with its source ends, and the sync that follows does not.
	// It is ErrPaused or ErrIncomplete if the connection cannot sync.
	Sync(ctx context.Context, connectionID string, force bool) error

	// CancelSync makes a running sync end at its next checkpoint. The next one
	// is that of the schedule. Where none runs it does nothing.
	CancelSync(ctx context.Context, connectionID string) error

	// Resync makes a connection read everything again. A running sync is
	// stopped. What is in the destination stays until it is read again or
	// found to be gone. A paused connection does it when it is enabled.
	Resync(ctx context.Context, connectionID string) error

	// ResyncTables makes a connection read some of its tables again, while the
	// others go on from where they are. A running sync ends at its next
	// checkpoint and begins again. The tables' old rows stay until all has
	// been read. A paused connection does it when it is enabled. It is
	// ErrNoTableResync if the source cannot.
	ResyncTables(ctx context.Context, connectionID string, tables []schema.Name) error

	// Capture looks what a connection's source offers now, keeps it in the
	// store, and returns what is known and chosen then. Errors of the source
	// are [ServiceError]s.
	Capture(ctx context.Context, connectionID string) (*schemaconfig.Config, *schemaconfig.Catalog, error)

	// Restart makes a running sync end at its next checkpoint and begin again
	// with what was changed in the store since it began. Where none runs it
	// does nothing.
	Restart(ctx context.Context, connectionID string) error

	// Follows reports whether the source of a connection follows a log, so
	// that its syncs can stay on.
	Follows(ctx context.Context, connectionID string) (bool, error)

	// Changed says that a connection was changed in the store. A running
	// sync of one that is paused now ends at its next checkpoint, and so does
	// one that stays on with its source; one that has not read all there was
	// yet does not stay on.
	Changed(ctx context.Context, connectionID string) error

	// Delete removes a connection. A running sync is stopped and can write
	// nothing more to the store; what is in the destination stays. What the
	// source keeps back for it, and Penstock set up, goes.
	Delete(ctx context.Context, connectionID string) error

	// Verify begins to compare what a connection's source and destination
	// have of tables, nil for all that it syncs, and to list so many of the
	// rows of a table that differ. It is ErrNotConnected, [CannotVerify], or
	// ErrVerifying if another verification of the connection runs; errors of
	// the source and the destination are [ServiceError]s.
	Verify(ctx context.Context, connectionID string, tables []schema.Name, list int) (*store.Verification, error)

	// CancelVerification ends a verification, if it runs, and returns it.
	CancelVerification(ctx context.Context, connectionID, verification string) (*store.Verification, error)

	// Plan returns what the next sync of a connection would do if change,
	// which may be nil, had been made to what is chosen; neither is kept. An
	// error of change comes through; those of the source and the destination
	// are [ServiceError]s, and ErrPlanTime says that they took too long.
	Plan(ctx context.Context, connectionID string, change func(*schemaconfig.Config, *schemaconfig.Catalog) error) ([]TablePlan, error)

	// TestConnection runs the setup tests of a connection, keeps the results
	// and the setup state that follows, and returns the connection as it is
	// then. Tests that fail are no error.
	TestConnection(ctx context.Context, connectionID string, trust Trust) (*store.Connection, error)

	// TestDestination does the same for a destination.
	TestDestination(ctx context.Context, destinationID string, trust Trust) (*store.Destination, error)

	// Query looks into the tables of a destination by a query of somebody's.
	// It is ErrNoQueries if the destination cannot be looked into, and a
	// [destination.QueryError] if the query cannot be answered; errors of the
	// destination are [ServiceError]s.
	Query(ctx context.Context, destinationID string, q destination.Query) (*destination.Answer, error)
}

// Trust says who approves the server certificates and SSH host keys that setup
// tests meet.
type Trust = runner.Trust
