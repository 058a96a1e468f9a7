package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"
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

// SetState saves a run's checkpoint. It is durable when SetState returns, and
// fails with [ErrStale] if the run is not the token's any more.
func (s *Store) SetState(ctx context.Context, t Token, state json.RawMessage, now time.Time) error {
	return s.in(ctx, func(tx *sql.Tx) error {
		// The update locks the run, so that nobody takes it over in between.
		err := one(tx.ExecContext(ctx, `update runs set fence = fence where id = $1 and fence = $2 and ended_at is null`, t.RunID, t.Fence))
		if errors.Is(err, ErrNotFound) {
			return ErrStale
		}
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, putState, t.ConnectionID, t.RunID, string(state), micros(now))
		return err
	})
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
		_, err = tx.ExecContext(ctx, putState, connectionID, "", string(state), now().UnixMicro())
		return err
	})
}
