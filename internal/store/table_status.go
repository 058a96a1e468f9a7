package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/penstock-data/penstock/schema"
)

// What a table is doing. What the schema config says of it, such as that it
// is blocked or paused, comes on top.
const (
	TableSyncing = "syncing" // a sync reads it
	TableSynced  = "synced"  // it was read to the end
	TableFailed  = "failed"  // it could not be read; the others go on
)

// A TableStatus is how a connection stands with one table of its source. A
// table that no sync has begun to read has none.
type TableStatus struct {
	Table     schema.Name // the source's
	Status    string      // TableSyncing, TableSynced or TableFailed
	Error     string      // why it last failed; "": it was read to the end since then
	RunID     string      // the last run that read it
	Rows      int64       // that this run has sent
	Bytes     int64       // the same in memory; 0: not known
	BegunAt   time.Time   // when this run was first known to read it; zero: not known
	Expected  int64       // that it was to send, about; 0: not known
	ChangedAt time.Time   // when any of this last changed
	SyncedAt  time.Time   // when it was last read to the end; zero: never
	FailedAt  time.Time   // when it last failed; zero: never
}

// TableStatuses returns how a connection stands with the tables of its
// source, in the order of their names.
func (s *Store) TableStatuses(ctx context.Context, connectionID string) ([]TableStatus, error) {
	return collect(func(row scanner) (t TableStatus, err error) {
		err = row.Scan(&t.Table.Schema, &t.Table.Table, &t.Status, &t.Error, &t.RunID, &t.Rows, &t.Bytes, &t.Expected,
			stamp{&t.BegunAt}, stamp{&t.ChangedAt}, stamp{&t.SyncedAt}, stamp{&t.FailedAt})
		return t, err
	})(s.ask(ctx, `select source_schema, source_table, status, error, run_id, rows_sent, bytes_sent, rows_expected,
		begun_at, changed_at, synced_at, failed_at from table_statuses where connection_id = $1 order by source_schema, source_table`, connectionID))
}

// A TableProgress is how far a living run is with a table.
type TableProgress struct {
	Table    schema.Name
	Rows     int64
	Bytes    int64
	Expected int64 // 0: not known
}

// A RunProgress is how far a living run is, with those of its tables with which
// it is further than it was.
type RunProgress struct {
	Rows, Bytes int64
	Tables      []TableProgress
}

// SetProgress notes how far a run is. It is [ErrStale] if the run is not the
// token's any more.
func (s *Store) SetProgress(ctx context.Context, t Token, p RunProgress, now time.Time) error {
	return s.in(ctx, func(tx *sql.Tx) error {
		if err := holds(ctx, tx, t); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `update runs set rows_moved = $2, bytes_moved = $3 where id = $1`, t.RunID, p.Rows, p.Bytes); err != nil {
			return err
		}
		stmt, err := tx.PrepareContext(ctx, `insert into table_statuses
			(connection_id, source_schema, source_table, status, error, run_id, rows_sent, bytes_sent, rows_expected, begun_at, changed_at)
			values ($1, $2, $3, $4, '', $5, $6, $7, $8, $9, $9)
			on conflict (connection_id, source_schema, source_table) do update set status = excluded.status, run_id = excluded.run_id,
			rows_sent = excluded.rows_sent, bytes_sent = excluded.bytes_sent, rows_expected = excluded.rows_expected, changed_at = excluded.changed_at,
			begun_at = case when table_statuses.run_id = excluded.run_id then table_statuses.begun_at else excluded.begun_at end`)
		if err != nil {
			return err
		}
		defer stmt.Close()
		for _, p := range p.Tables {
			if _, err := stmt.ExecContext(ctx, t.ConnectionID, p.Table.Schema, p.Table.Table, TableSyncing, t.RunID, p.Rows, p.Bytes, p.Expected, micros(now)); err != nil {
				return err
			}
		}
		return nil
	})
}

// endTables makes the tables of a run that has ended tell how it ended. Those
// that it has begun, and of which nobody knows whether it read them to the
// end, are again what they were before.
func endTables(ctx context.Context, tx *sql.Tx, t Token, o Outcome) error {
	if o.Kind == RunSucceeded || o.Kind == RunFailed {
		stmt, err := tx.PrepareContext(ctx, `insert into table_statuses
			(connection_id, source_schema, source_table, status, error, run_id, rows_sent, bytes_sent, rows_expected, changed_at, synced_at, failed_at)
			values ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9, $10, $11)
			on conflict (connection_id, source_schema, source_table) do update set status = excluded.status, error = excluded.error,
			run_id = excluded.run_id, rows_sent = excluded.rows_sent, bytes_sent = excluded.bytes_sent, rows_expected = 0, changed_at = excluded.changed_at,
			synced_at = coalesce(excluded.synced_at, table_statuses.synced_at), failed_at = coalesce(excluded.failed_at, table_statuses.failed_at)`)
		if err != nil {
			return err
		}
		defer stmt.Close()
		for _, rt := range o.Tables {
			status, synced, failed := TableSynced, o.EndedAt, time.Time{}
			if rt.Error != "" {
				status, synced, failed = TableFailed, time.Time{}, o.EndedAt
			} else if o.Kind == RunFailed {
				continue // whether it was read to the end is not known
			}
			if _, err := stmt.ExecContext(ctx, t.ConnectionID, rt.Source.Schema, rt.Source.Table, status, rt.Error, t.RunID,
				rt.Upserted+rt.Updated+rt.Deleted, rt.Bytes, micros(o.EndedAt), micros(synced), micros(failed)); err != nil {
				return err
			}
		}
	}
	if _, err := tx.ExecContext(ctx, `delete from table_statuses where connection_id = $1 and status = $2 and synced_at is null and error = ''`,
		t.ConnectionID, TableSyncing); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `update table_statuses set status = case when error = '' then $3 else $4 end, changed_at = $5
		where connection_id = $1 and status = $2`, t.ConnectionID, TableSyncing, TableSynced, TableFailed, micros(o.EndedAt))
	return err
}
