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
	"github.com/penstock-data/penstock/setup"
)

// A database is one writer's share of a file.
type database struct {
	f      *file
	warn   func(setup.Warning)
	memory int64
	queue  *semaphore.Weighted // bytes of batches on their way to DuckDB
	size   int64               // of queue
	renew  int64               // how many values may be written before the file is opened anew
	close  sync.Once

	mu      sync.Mutex
	schemas map[string]*catalog // by the schema's name in lower case
}

var (
	_ sqlwriter.Database = (*database)(nil)
	_ sqlwriter.Settler  = (*database)(nil)
	_ sqlwriter.Renewer  = (*database)(nil)
	_ sqlwriter.Session  = (*session)(nil)
	_ sqlwriter.Inliner  = (*session)(nil)
	_ sqlwriter.Stream   = (*stream)(nil)
)

func newDatabase(f *file, warn func(setup.Warning), memory, queue, renew int64) *database {
	return &database{f: f, warn: warn, memory: memory, queue: semaphore.NewWeighted(queue), size: queue, renew: renew, schemas: map[string]*catalog{}}
}

// Grown implements [sqlwriter.Renewer]. A file with other writers is left as it
// is.
func (d *database) Grown() bool { return d.f.written.Load() >= d.renew && d.f.alone() }

// Renew implements [sqlwriter.Renewer].
func (d *database) Renew() error { return d.f.renew() }

func (d *database) Close() (err error) {
	d.close.Do(func() { err = d.f.release(d.memory) })
	return err
}

func (d *database) Define(ctx context.Context, statements []string) error {
	d.f.define.Lock()
	defer d.f.define.Unlock()
	conn, err := d.f.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return d.named(ctx, d.exec(ctx, conn, statements))
}

// named adds the names of the indexes that there are to an error that is about
// one: DuckDB itself does not tell which. All of them are somebody's own.
func (d *database) named(ctx context.Context, err error) error {
	p := setup.AsProblem(err)
	if p == nil || p.Code != inUse {
		return err
	}
	var indexes string
	row := d.f.db.QueryRowContext(ctx, `
		SELECT coalesce(string_agg(index_name || ' on ' || schema_name || '.' || table_name, ', '), '')
		FROM (SELECT * FROM duckdb_indexes() WHERE database_name = current_database() ORDER BY schema_name, table_name, index_name LIMIT 20)`)
	if row.Scan(&indexes) == nil && indexes != "" {
		p.Message += " There are the indexes " + indexes + ". Drop what is in the way, and make it again after the sync."
	}
	return err
}

// Settle makes a checkpoint if much of the memory is that of tables. Until one,
// each column of each table that got rows has some that cannot go to disk, which
// for hundreds of tables is more than there is. DuckDB refuses a checkpoint
// while another transaction writes; the next call tries again.
func (d *database) Settle(ctx context.Context) {
	var tables int64
	row := d.f.db.QueryRowContext(ctx, "SELECT memory_usage_bytes FROM duckdb_memory() WHERE tag = 'IN_MEMORY_TABLE'")
	if row.Scan(&tables) == nil && tables > d.memory/4 {
		d.f.db.ExecContext(ctx, "CHECKPOINT "+quote(d.f.catalog))
	}
}

// exec runs statements in one transaction.
func (d *database) exec(ctx context.Context, conn *sql.Conn, statements []string) error {
	tx, err := begin(ctx, conn)
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

// begin begins a transaction, which ctx does not end: of one that it does,
// database/sql rolls back in a goroutine of its own, while the session and the
// file are closed, of which DuckDB dies. The statements heed ctx.
func begin(ctx context.Context, conn *sql.Conn) (*sql.Tx, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return conn.BeginTx(context.WithoutCancel(ctx), nil)
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
	more int    // views whose names begin with that one's and end in a number below it
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
	for i := range s.more {
		s.conn.ExecContext(context.Background(), "DROP VIEW IF EXISTS "+s.numbered(i))
	}
	return s.conn.Close()
}
