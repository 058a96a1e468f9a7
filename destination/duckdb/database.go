package duckdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/penstock-data/penstock/destination/sqlwriter"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// A database is one writer's share of a file.
type database struct {
	f      *file
	warn   func(setup.Warning)
	memory int64
	queue  *semaphore.Weighted // bytes of batches on their way to DuckDB
	size   int64               // of queue
	close  sync.Once
}

var (
	_ sqlwriter.Database = (*database)(nil)
	_ sqlwriter.Session  = (*session)(nil)
	_ sqlwriter.Stream   = (*stream)(nil)
)

func newDatabase(f *file, warn func(setup.Warning), memory, queue int64) *database {
	return &database{f: f, warn: warn, memory: memory, queue: semaphore.NewWeighted(queue), size: queue}
}

func (d *database) Close() (err error) {
	d.close.Do(func() { err = d.f.release(d.memory) })
	return err
}

const describeColumns = `
	SELECT c.table_name, c.column_name, c.data_type, coalesce(c.comment, '')
	FROM duckdb_columns() c JOIN duckdb_tables() t USING (database_oid, table_oid)
	WHERE c.database_name = current_database() AND lower(c.schema_name) = lower(?) AND lower(c.table_name) = lower(?)
	ORDER BY c.column_index`

func (d *database) Describe(ctx context.Context, name schema.Name) (sqlwriter.Relation, error) {
	var r sqlwriter.Relation
	var schemas, views int
	err := d.f.db.QueryRowContext(ctx, `SELECT
		(SELECT count(*) FROM duckdb_schemas() WHERE database_name = current_database() AND lower(schema_name) = lower(?)),
		(SELECT count(*) FROM duckdb_views() WHERE database_name = current_database() AND lower(schema_name) = lower(?) AND lower(view_name) = lower(?))`,
		name.Schema, name.Schema, name.Table).Scan(&schemas, &views)
	if err != nil {
		return r, explain(d.f.path, err)
	}
	if views > 0 {
		return r, &setup.Problem{Code: "table_name_taken", Message: fmt.Sprintf("There is a view called %s, where a table is to be written. Rename or drop the view.", name)}
	}
	r.Schema = schemas > 0
	rows, err := d.f.db.QueryContext(ctx, describeColumns, name.Schema, name.Table)
	if err != nil {
		return r, explain(d.f.path, err)
	}
	defer rows.Close()
	for rows.Next() {
		var table, column, typ, comment string
		if err := rows.Scan(&table, &column, &typ, &comment); err != nil {
			return r, err
		}
		if r.Table == nil {
			r.Table = &schema.Table{Name: schema.Name{Schema: name.Schema, Table: table}}
		}
		switch column {
		case schema.Synced:
			r.Synced = true
			continue
		case schema.Deleted:
			r.Deleted = true
			continue
		}
		t, ok := typeOf(typ)
		if !ok {
			return r, &setup.Problem{Code: "column_type_unknown", Message: fmt.Sprintf(
				"Column %s of table %s has the type %s, which Penstock does not write. Change it to VARCHAR, or drop the table to have it made again.", column, name, typ)}
		}
		r.Table.Columns = append(r.Table.Columns, dialect.Column(column, t, comment))
	}
	return r, rows.Err()
}

func (d *database) Define(ctx context.Context, statements []string) error {
	d.f.define.Lock()
	defer d.f.define.Unlock()
	conn, err := d.f.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return d.exec(ctx, conn, statements)
}

// exec runs statements in one transaction.
func (d *database) exec(ctx context.Context, conn *sql.Conn, statements []string) error {
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return explain(d.f.path, err)
	}
	for _, s := range statements {
		if _, err := tx.ExecContext(ctx, s); err != nil {
			err = errors.Join(explain(d.f.path, err), rollback(tx))
			if ctx.Err() != nil { // DuckDB says only that it was interrupted
				return context.Cause(ctx)
			}
			return err
		}
	}
	return explain(d.f.path, tx.Commit())
}

// rollback returns only what went wrong in a rollback that was still to do:
// DuckDB has rolled back already after some errors.
func rollback(tx *sql.Tx) error {
	err := tx.Rollback()
	if err == nil || errors.Is(err, sql.ErrTxDone) || strings.Contains(err.Error(), "no transaction is active") {
		return nil
	}
	return err
}

func (d *database) Session(ctx context.Context) (sqlwriter.Session, error) {
	conn, err := d.f.db.Conn(ctx)
	if err != nil {
		return nil, explain(d.f.path, err)
	}
	if _, err := conn.ExecContext(ctx, "USE "+quote(beside)); err != nil {
		conn.Close()
		return nil, explain(d.f.path, err)
	}
	return &session{d: d, conn: conn, view: fmt.Sprintf("incoming_%d", d.f.sessions.Add(1))}, nil
}

type session struct {
	d    *database
	conn *sql.Conn
	view string // of the batches that a stream reads; no other session's has the name
}

func (s *session) Exec(ctx context.Context, statements ...string) error {
	return s.d.exec(ctx, s.conn, statements)
}

func (s *session) Count(ctx context.Context, query string) (n int64, err error) {
	err = s.conn.QueryRowContext(ctx, query).Scan(&n)
	return n, explain(s.d.f.path, err)
}

func (s *session) Close() error {
	s.conn.ExecContext(context.Background(), "DROP VIEW IF EXISTS "+s.view)
	return s.conn.Close()
}
