package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"time"
)

// Levels of events, as external logging has them.
const (
	Info    = "INFO"
	Warning = "WARNING"
	Severe  = "SEVERE"
)

// Kinds of events. Their names and what their data say are those of Fivetran's
// log and webhooks (reference of its Platform Connector, 2026-11).
const (
	SyncStart = "sync_start"
	SyncEnd   = "sync_end"

	CreateConnector = "create_connector"
	EditConnector   = "edit_connector"
	DeleteConnector = "delete_connector"
	PauseConnector  = "pause_connector"
	ResumeConnector = "resume_connector"
	ForceUpdate     = "force_update_connector" // somebody asked for a sync
	CancelSync      = "cancel_sync"            // somebody asked a running one to stop; Penstock's own
	ResyncConnector = "resync_connector"
	ResyncTable     = "resync_table"

	ChangeSchemaConfig = "change_schema_config"

	ConnectionSuccessful = "connection_successful" // the setup is in order again
	ConnectionFailure    = "connection_failure"    // it is not, and a person must act

	CreateSchema    = "create_schema"
	CreateTable     = "create_table"
	AlterTable      = "alter_table"
	WriteStart      = "write_to_table_start"
	WriteEnd        = "write_to_table_end"
	RecordsModified = "records_modified"
	ExtractSummary  = "extract_summary"
	SyncStats       = "sync_stats"
	Warned          = "warning"
)

// An Event is something that happened. Events are numbered in the order in
// which they become visible: whoever has read up to one has missed none.
type Event struct {
	ID           int64 // greater than that of every event before; set by the store
	AccountID    string
	GroupID      string // "": of the account; so are the next three
	ConnectionID string
	Service      string // of the connection
	Schema       string // the connection's name
	RunID        string // "": no sync's
	Level        string // Info, Warning or Severe
	Kind         string
	Data         json.RawMessage // nil: none
	At           time.Time
}

var eventColumns = columns{"id", "account_id", "group_id", "connection_id", "service", "schema_name", "run_id", "level", "kind", "data", "created_at"}

func scanEvent(row scanner) (e Event, err error) {
	err = row.Scan(&e.ID, &e.AccountID, &e.GroupID, &e.ConnectionID, &e.Service, &e.Schema, &e.RunID, &e.Level, &e.Kind, document{&e.Data}, stamp{&e.At})
	return e, known(err)
}

// Record adds events. Zero times and levels are filled in, with now and Info,
// and so is what an event of a connection does not say of it.
func (s *Store) Record(ctx context.Context, events ...Event) error {
	return s.in(ctx, func(tx *sql.Tx) error { return s.record(ctx, tx, events...) })
}

// record adds events as part of a transaction, as the last that it does: until
// its end nobody else can add any, and so none becomes visible after one with
// a greater number.
func (s *Store) record(ctx context.Context, tx *sql.Tx, events ...Event) error {
	if len(events) == 0 {
		return nil
	}
	if err := identify(ctx, tx, events); err != nil {
		return err
	}
	var last int64
	err := tx.QueryRowContext(ctx, `update counters set value = value + $1 where name = 'events' returning value`, len(events)).Scan(&last)
	if err != nil {
		return err
	}
	for i := range events {
		events[i].ID = last - int64(len(events)-1-i)
	}
	for some := range slices.Chunk(events, eventsAtOnce) {
		var values []any
		for _, e := range some {
			values = append(values, e.ID, e.AccountID, e.GroupID, e.ConnectionID, e.Service, e.Schema,
				e.RunID, e.Level, e.Kind, orNullJSON(e.Data), micros(e.At))
		}
		if _, err := tx.ExecContext(ctx, eventColumns.insertMany("events", len(some)), values...); err != nil {
			return err
		}
	}
	s.appended.expect(tx)
	return nil
}

// eventsAtOnce is how many events one statement inserts.
const eventsAtOnce = 100

// identify fills in what events leave out.
func identify(ctx context.Context, tx *sql.Tx, events []Event) error {
	connections, accounts := map[string]Event{}, map[string]string{}
	for i := range events {
		e := &events[i]
		created(&e.At)
		if e.Level == "" {
			e.Level = Info
		}
		if e.ConnectionID != "" && e.GroupID == "" {
			c, ok := connections[e.ConnectionID]
			if !ok {
				err := tx.QueryRowContext(ctx, `select group_id, service, schema_name from connections where id = $1`, e.ConnectionID).
					Scan(&c.GroupID, &c.Service, &c.Schema)
				if err != nil && !errors.Is(err, sql.ErrNoRows) {
					return err
				}
				connections[e.ConnectionID] = c
			}
			e.GroupID, e.Service, e.Schema = c.GroupID, c.Service, c.Schema
		}
		if e.AccountID == "" {
			account, ok := accounts[e.GroupID]
			if !ok {
				err := tx.QueryRowContext(ctx, `select account_id from groups where id = $1`, e.GroupID).Scan(&account)
				if err != nil && !errors.Is(err, sql.ErrNoRows) {
					return err
				}
				accounts[e.GroupID] = account
			}
			e.AccountID = account
		}
	}
	return nil
}

// Log adds events of a run that is still the token's; [ErrStale] if it is not.
func (s *Store) Log(ctx context.Context, t Token, events ...Event) error {
	if len(events) == 0 {
		return nil
	}
	return s.in(ctx, func(tx *sql.Tx) error {
		if err := holds(ctx, tx, t); err != nil {
			return err
		}
		return s.record(ctx, tx, ofRun(t, events)...)
	})
}

// ofRun returns events as those of a run.
func ofRun(t Token, events []Event) []Event {
	all := slices.Clone(events)
	for i := range all {
		all[i].RunID, all[i].ConnectionID = t.RunID, t.ConnectionID
	}
	return all
}

var (
	eventsAfter = `select ` + eventColumns.list() + ` from events where id > $1 order by id limit $2`
	// What people did, and what followed from it, has no run.
	changesPage = `select ` + eventColumns.list() + ` from events where connection_id = $1 and connection_id <> '' and run_id = '' and id < $2
		order by id desc limit $3`
	runEvents = `select ` + eventColumns.list() + ` from events where run_id = $1 and run_id <> '' and id > $2 order by id limit $3`
)

// Events returns the first events after one, by its number; 0: from the first
// that there is.
func (s *Store) Events(ctx context.Context, after int64, limit int) ([]Event, error) {
	return s.events(ctx, eventsAfter, after, limit)
}

// RunEvents returns the first events of a run after one.
func (s *Store) RunEvents(ctx context.Context, runID string, after int64, limit int) ([]Event, error) {
	return s.events(ctx, runEvents, runID, after, limit)
}

// Changes returns the latest events of a connection that are no sync's, the
// latest first: from before one on, by its number; 0: from the last.
func (s *Store) Changes(ctx context.Context, connectionID string, before int64, limit int) ([]Event, error) {
	return s.events(ctx, changesPage, connectionID, cmp.Or(before, math.MaxInt64), limit)
}

func (s *Store) events(ctx context.Context, query string, args ...any) ([]Event, error) {
	return collect(scanEvent)(s.ask(ctx, query, args...))
}

// EventsKept is how long events are kept.
const EventsKept = 30 * 24 * time.Hour

// ForgetEvents removes events from before a time, a few thousand in one
// transaction, so that nobody waits for it.
func (s *Store) ForgetEvents(ctx context.Context, before time.Time) error {
	for {
		r, err := s.write.ExecContext(ctx, `delete from events where id in
			(select id from events where created_at < $1 order by created_at limit 5000)`, before.UnixMicro())
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n == 0 {
			return err
		}
	}
}
