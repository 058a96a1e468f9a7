package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"
)

// A dialect is what differs between the databases, in SQL.
type dialect struct {
	name       string
	forUpdate  string // locks the rows that a transaction has read
	skipLocked string // the same, passing over rows that others have locked
}

var (
	sqlite   = dialect{name: "sqlite3"} // a transaction that writes has the whole file
	postgres = dialect{"postgres", " for no key update", " for no key update skip locked"}
)

// A scanner is a row to be scanned.
type scanner interface{ Scan(dest ...any) error }

// stmt returns the prepared statement of a query. Queries are constants: the
// statements live as long as the store.
func (s *Store) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	s.mu.RLock()
	stmt := s.prepared[query]
	s.mu.RUnlock()
	if stmt != nil {
		return stmt, nil
	}
	stmt, err := s.read.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if other := s.prepared[query]; other != nil {
		stmt.Close()
		return other, nil
	}
	s.prepared[query] = stmt
	return stmt, nil
}

// row reads one row outside of a transaction.
func (s *Store) row(ctx context.Context, query string, args ...any) scanner {
	ctx = s.brief(ctx)
	stmt, err := s.stmt(ctx, query)
	if err != nil {
		return failed{err}
	}
	return stmt.QueryRowContext(ctx, args...)
}

// brief returns the context of a query of few rows. In SQLite it does not end:
// they are there before anybody could give up, and to wait for that costs two
// goroutines for each query.
func (s *Store) brief(ctx context.Context) context.Context {
	if s.dialect == sqlite {
		return context.WithoutCancel(ctx)
	}
	return ctx
}

type failed struct{ err error }

func (f failed) Scan(...any) error { return f.err }

// ask is a query of many rows: of the prepared statement, outside of a
// transaction.
func (s *Store) ask(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	stmt, err := s.stmt(ctx, query)
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(ctx, args...)
}

// collect returns what scan makes of each row that a query has returned.
func collect[T any](scan func(scanner) (T, error)) func(*sql.Rows, error) ([]T, error) {
	return func(rows *sql.Rows, err error) ([]T, error) {
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		var all []T
		for rows.Next() {
			one, err := scan(rows)
			if err != nil {
				return nil, err
			}
			all = append(all, one)
		}
		return all, rows.Err()
	}
}

// in runs f in a transaction that writes, and runs it again if PostgreSQL gave
// it up to end a deadlock.
func (s *Store) in(ctx context.Context, f func(tx *sql.Tx) error) error {
	for try := 1; ; try++ {
		err := s.once(ctx, f)
		var pg *pgconn.PgError
		if try == 5 || !errors.As(err, &pg) || pg.Code != "40P01" {
			return err
		}
	}
}

func (s *Store) once(ctx context.Context, f func(tx *sql.Tx) error) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := f(tx); err != nil {
		s.appended.settle(tx, false)
		return known(err)
	}
	err = tx.Commit()
	s.appended.settle(tx, err == nil)
	return known(err)
}

// known turns errors that callers branch on into the package's own.
func known(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	var pg *pgconn.PgError
	var lite *driver.Error
	switch {
	case errors.As(err, &pg):
		switch pg.Code {
		case "23505":
			return fmt.Errorf("%w (%s)", ErrExists, pg.ConstraintName)
		case "23503":
			return fmt.Errorf("%w (%s)", ErrInUse, pg.ConstraintName)
		}
	case errors.As(err, &lite):
		switch lite.Code() {
		case codes.SQLITE_CONSTRAINT_UNIQUE, codes.SQLITE_CONSTRAINT_PRIMARYKEY:
			return fmt.Errorf("%w (%s)", ErrExists, lite.Error())
		case codes.SQLITE_CONSTRAINT_FOREIGNKEY:
			return ErrInUse
		}
	}
	return err
}

// one checks that a statement changed one row.
func one(r sql.Result, err error) error {
	if err != nil {
		return known(err)
	}
	if n, err := r.RowsAffected(); err != nil || n > 0 {
		return err
	}
	return ErrNotFound
}

// columns is a list of columns, and what is made of it.
type columns []string

// list returns "a, b, c".
func (c columns) list() string { return strings.Join(c, ", ") }

func (c columns) insert(table string) string { return c.insertMany(table, 1) }

// insertMany inserts a number of rows.
func (c columns) insertMany(table string, rows int) string {
	var b strings.Builder
	b.WriteString("insert into " + table + " (" + c.list() + ") values ")
	for i := range rows * len(c) {
		switch {
		case i == 0:
			b.WriteString("(")
		case i%len(c) == 0:
			b.WriteString("), (")
		default:
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "$%d", i+1)
	}
	b.WriteString(")")
	return b.String()
}

// update changes all columns of the row whose first column is $1.
func (c columns) update(table string) string {
	var b strings.Builder
	for i, name := range c[1:] {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s = $%d", name, i+2)
	}
	return "update " + table + " set " + b.String() + " where " + c[0] + " = $1"
}

// A querier is a database or a transaction.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}
