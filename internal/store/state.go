package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/penstock-data/penstock/schema"
)

// ErrRunning says that a connection is syncing, so that its state is the
// run's.
var ErrRunning = errors.New("the connection is syncing")

// State returns how far the connection's source has been read, in the
// source's own words; nil before the first checkpoint.
func (s *Store) State(ctx context.Context, connectionID string) (json.RawMessage, error) {
	var state json.RawMessage
	err := s.row(ctx, `select state from states where connection_id = $1`, connectionID).Scan(document{&state})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return state, err
}

const putState = `insert into states (connection_id, run_id, state, saved_at) values ($1, $2, $3, $4)
	on conflict (connection_id) do update set run_id = excluded.run_id, state = excluded.state, saved_at = excluded.saved_at`

// SetState saves a run's checkpoint, with the rows that the run has moved by
// then. It is durable when SetState returns, and fails with [ErrStale] if the
// run is not the token's any more.
func (s *Store) SetState(ctx context.Context, t Token, state json.RawMessage, rows int64, now time.Time) error {
	return s.in(ctx, func(tx *sql.Tx) error {
		if err := holds(ctx, tx, t); err != nil {
			return err
		}
		return saveState(ctx, tx, &StateVersion{ConnectionID: t.ConnectionID, RunID: t.RunID, Rows: rows, SavedAt: now}, state)
	})
}

// holds makes sure that the run is the token's, and until the transaction
// ends nobody else's.
func holds(ctx context.Context, tx *sql.Tx, t Token) error {
	err := one(tx.ExecContext(ctx, `update runs set fence = fence where id = $1 and fence = $2 and ended_at is null`, t.RunID, t.Fence))
	if errors.Is(err, ErrNotFound) {
		return ErrStale
	}
	return err
}

// ReplaceState gives a connection another state, which its next run begins
// with. It is ErrRunning while a run is alive.
func (s *Store) ReplaceState(ctx context.Context, connectionID string, state json.RawMessage) error {
	return s.in(ctx, func(tx *sql.Tx) error {
		c, err := s.lockConnection(ctx, tx, connectionID)
		if err != nil {
			return err
		}
		if c.RunID != "" {
			return ErrRunning
		}
		return saveState(ctx, tx, &StateVersion{ConnectionID: connectionID, SavedAt: now()}, state)
	})
}

// saveState makes state the connection's, and the latest of its versions.
func saveState(ctx context.Context, tx *sql.Tx, v *StateVersion, state json.RawMessage) error {
	if _, err := tx.ExecContext(ctx, putState, v.ConnectionID, v.RunID, string(state), micros(v.SavedAt)); err != nil {
		return err
	}
	return putVersion(ctx, tx, v, state)
}

// AskResync notes that tables are to be read again from their beginning. The
// next sync to begin does it; until then it can be asked for again.
func (s *Store) AskResync(ctx context.Context, connectionID string, tables []schema.Name) error {
	return s.in(ctx, func(tx *sql.Tx) error {
		if err := askResync(ctx, tx, connectionID, tables); err != nil {
			return err
		}
		events, err := resynced(ctx, connectionID, tables)
		if err != nil {
			return err
		}
		return s.record(ctx, tx, events...)
	})
}

func askResync(ctx context.Context, tx *sql.Tx, connectionID string, tables []schema.Name) error {
	for _, t := range tables {
		_, err := tx.ExecContext(ctx, `insert into table_resyncs (connection_id, source_schema, source_table, asked_at) values ($1, $2, $3, $4)
			on conflict do nothing`, connectionID, t.Schema, t.Table, now().UnixMicro())
		if errors.Is(known(err), ErrInUse) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// resynced returns the events of tables that somebody has asked to read again.
func resynced(ctx context.Context, connectionID string, tables []schema.Name) ([]Event, error) {
	c := Connection{ID: connectionID}
	events := make([]Event, len(tables))
	for i, t := range tables {
		var err error
		if events[i], err = c.done(ctx, ResyncTable, map[string]any{"schema": t.Schema, "table": t.Table}); err != nil {
			return nil, err
		}
	}
	return events, nil
}

// AskedResyncs returns the tables that are to be read again, in the order of
// their names.
func (s *Store) AskedResyncs(ctx context.Context, connectionID string) ([]schema.Name, error) {
	return askedResyncs(ctx, s.read, connectionID)
}

func askedResyncs(ctx context.Context, q querier, connectionID string) ([]schema.Name, error) {
	return collect(func(row scanner) (n schema.Name, err error) {
		err = row.Scan(&n.Schema, &n.Table)
		return n, err
	})(q.QueryContext(ctx, `select source_schema, source_table from table_resyncs where connection_id = $1
		order by source_schema, source_table`, connectionID))
}

// Forget takes the tables that are to be read again out of the state with
// which a run begins, by f, and returns the state as it is then. It is
// [ErrStale] if the run is not the token's any more; what f returns comes
// through, and nothing has changed.
func (s *Store) Forget(ctx context.Context, t Token, now time.Time,
	f func(state json.RawMessage, tables []schema.Name) (json.RawMessage, error)) (json.RawMessage, error) {
	var state json.RawMessage
	err := s.in(ctx, func(tx *sql.Tx) error {
		if err := holds(ctx, tx, t); err != nil {
			return err
		}
		err := tx.QueryRowContext(ctx, `select state from states where connection_id = $1`, t.ConnectionID).Scan(document{&state})
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		tables, err := askedResyncs(ctx, tx, t.ConnectionID)
		if err != nil || len(tables) == 0 {
			return err
		}
		if state != nil {
			if state, err = f(state, tables); err != nil {
				return err
			}
			if err := saveState(ctx, tx, &StateVersion{ConnectionID: t.ConnectionID, RunID: t.RunID, SavedAt: now}, state); err != nil {
				return err
			}
		}
		return dropResyncs(ctx, tx, t.ConnectionID)
	})
	return state, err
}

func dropResyncs(ctx context.Context, tx *sql.Tx, connectionID string) error {
	_, err := tx.ExecContext(ctx, `delete from table_resyncs where connection_id = $1`, connectionID)
	return err
}

// digest tells states apart.
func digest(state json.RawMessage) []byte {
	sum := sha256.Sum256(state)
	return sum[:]
}
