package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"
)

// A StateVersion is a state that a connection had, to which it can return.
// Of each run the latest is kept, of all runs the most recent ones. A run that
// saves its state every second for long leaves one a minute.
type StateVersion struct {
	ConnectionID string
	Version      int64  // goes up with each
	RunID        string // "": somebody gave the connection this state
	Rows         int64  // that the run had moved by then
	SavedAt      time.Time
	Bytes        int64 // as stored
}

const (
	recentVersions = 10 // are kept, whichever run they are of
	keptVersions   = 60 // are kept at most in all

	versionsApart = time.Minute // are those of one run, from its second minute on
)

// putVersion adds a version, unless it is the state that the connection has.
func putVersion(ctx context.Context, tx *sql.Tx, v *StateVersion, state json.RawMessage) error {
	var last int64
	var have []byte
	err := tx.QueryRowContext(ctx, `select version, digest from state_versions where connection_id = $1 order by version desc limit 1`,
		v.ConnectionID).Scan(&last, &have)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	sum := digest(state)
	if bytes.Equal(sum, have) {
		_, err := tx.ExecContext(ctx, `update state_versions set run_id = $3, rows_moved = $4, saved_at = $5 where connection_id = $1 and version = $2`,
			v.ConnectionID, last, v.RunID, v.Rows, micros(v.SavedAt))
		return err
	}
	packed, err := pack(state)
	if err != nil {
		return err
	}
	v.Version = last + 1
	if _, err := tx.ExecContext(ctx, `insert into state_versions (connection_id, version, run_id, state, digest, rows_moved, saved_at)
		values ($1, $2, $3, $4, $5, $6, $7)`, v.ConnectionID, v.Version, v.RunID, packed, sum, v.Rows, micros(v.SavedAt)); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `delete from state_versions where connection_id = $1 and version = $2 and run_id = $3 and exists
			(select 1 from state_versions before where before.connection_id = $1 and before.version < $2 and before.run_id = $3 and before.saved_at > state_versions.saved_at - $4)
			and exists (select 1 from runs where id = $3 and started_at < $5)`,
		v.ConnectionID, last, v.RunID, versionsApart.Microseconds(), micros(v.SavedAt.Add(-versionsApart))); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `delete from state_versions where connection_id = $1 and (
			version <= (select version from state_versions where connection_id = $1 order by version desc limit 1 offset $2) and exists (select 1 from state_versions later where later.connection_id = state_versions.connection_id
				and later.run_id = state_versions.run_id and later.version > state_versions.version)
			or version <= (select version from state_versions where connection_id = $1 order by version desc limit 1 offset $3))`,
		v.ConnectionID, recentVersions, keptVersions)
	return err
}

// StateVersions returns the states that a connection can return to, the
// latest, which is the present one, first.
func (s *Store) StateVersions(ctx context.Context, connectionID string) ([]StateVersion, error) {
	return collect(func(row scanner) (StateVersion, error) {
		v := StateVersion{ConnectionID: connectionID}
		err := row.Scan(&v.Version, &v.RunID, &v.Rows, stamp{&v.SavedAt}, &v.Bytes)
		return v, err
	})(s.ask(ctx, `select version, run_id, rows_moved, saved_at, length(state) from state_versions
		where connection_id = $1 order by version desc`, connectionID))
}

// StateVersion returns a version and its state.
func (s *Store) StateVersion(ctx context.Context, connectionID string, version int64) (*StateVersion, json.RawMessage, error) {
	v := StateVersion{ConnectionID: connectionID}
	var packed []byte
	err := s.row(ctx, `select version, run_id, rows_moved, saved_at, length(state), state from state_versions
		where connection_id = $1 and version = $2`, connectionID, version).
		Scan(&v.Version, &v.RunID, &v.Rows, stamp{&v.SavedAt}, &v.Bytes, &packed)
	if err != nil {
		return nil, nil, known(err)
	}
	state, err := unpack(packed)
	return &v, state, err
}
