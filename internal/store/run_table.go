package store

import (
	"context"
	"database/sql"

	"github.com/penstock-data/penstock/schema"
)

// A RunTable is what a run did to one table.
type RunTable struct {
	Source      schema.Name
	Destination schema.Name
	Upserted    int64 // rows
	Updated     int64
	Deleted     int64
	Bytes       int64
	Error       string // why the table could not be read; "": it was
}

var runTableColumns = columns{"run_id", "source_schema", "source_table", "destination_schema", "destination_table",
	"upserted", "updated", "deleted", "bytes_moved", "error"}

func putRunTables(ctx context.Context, tx *sql.Tx, runID string, tables []RunTable) error {
	if len(tables) == 0 {
		return nil
	}
	stmt, err := tx.PrepareContext(ctx, runTableColumns.insert("run_tables")+` on conflict do nothing`)
	if err != nil {
		return err
	}
	defer stmt.Close()
	for _, t := range tables {
		if _, err := stmt.ExecContext(ctx, runID, t.Source.Schema, t.Source.Table, t.Destination.Schema, t.Destination.Table,
			t.Upserted, t.Updated, t.Deleted, t.Bytes, t.Error); err != nil {
			return err
		}
	}
	return nil
}

// RunTables returns what a run did, by table, in the order of the sources'
// names; nothing while it lives.
func (s *Store) RunTables(ctx context.Context, runID string) ([]RunTable, error) {
	return collect(func(row scanner) (t RunTable, err error) {
		err = row.Scan(&t.Source.Schema, &t.Source.Table, &t.Destination.Schema, &t.Destination.Table,
			&t.Upserted, &t.Updated, &t.Deleted, &t.Bytes, &t.Error)
		return t, err
	})(s.ask(ctx, `select source_schema, source_table, destination_schema, destination_table,
		upserted, updated, deleted, bytes_moved, error from run_tables where run_id = $1 order by source_schema, source_table`, runID))
}
