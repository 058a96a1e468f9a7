// Package store is Penstock's own database: accounts, users, teams and their
// roles, API keys and system keys; groups, destinations, connections, and the
// runs of their syncs; events, and the webhooks and log services that are told
// of them; agents, private links, secrets managers, packages of code and
// transformations. It is an SQLite file or a PostgreSQL database, with the same
// SQL on both.
//
// Methods named after a noun read it; Create, Update and Delete write it. All
// are safe for concurrent use. A row that is not there is [ErrNotFound], one
// that must be unique and is there is [ErrExists], one that others refer to
// is [ErrInUse]. Times are kept to the microsecond and returned in UTC; the
// zero time stands for null.
//
// Configs of connections, destinations, log services, secrets managers and
// transformation projects, and what verifications have found, are encrypted
// whole, and so are the secrets of webhooks; of keys and tokens there are hashes
// only. The rest is in the clear, URLs of webhooks and states of syncs included.
// At most one run of a connection is alive; it is held by a lease and fenced by a token
// that goes up with each taking-over, see [Token].
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/penstock-data/penstock/internal/secret"
)

var (
	ErrNotFound = errors.New("not found")
	ErrExists   = errors.New("exists already")
	ErrInUse    = errors.New("in use")
)

// A Store is an open database.
type Store struct {
	dialect dialect
	write   *sql.DB // one connection in SQLite
	read    *sql.DB
	lock    io.Closer // of the data folder; nil on PostgreSQL

	box       *secret.Box // seals what is stored
	hashKey   secret.Key  // of API keys
	columnKey secret.Key  // of hashed columns, of which each account has its own

	appended *bell // rung when events have been added

	mu       sync.RWMutex
	prepared map[string]*sql.Stmt // of read, by text
}

// Open opens the database at location, a URL that begins with postgres:// or
// postgresql://, or else a data folder, made if it is missing, in which the
// database is the file penstock.db. It brings the tables up to date.
//
// A data folder belongs to one process: a second one gets an error that says
// so. What a dead process held there is free at once. On PostgreSQL, which
// many processes may share, it is free when its lease has run out.
//
// An error says so if the master key is not the one that the data are
// encrypted under.
func Open(ctx context.Context, location string, master secret.Key) (*Store, error) {
	s := &Store{prepared: map[string]*sql.Stmt{}, appended: newBell()}
	var err error
	if strings.HasPrefix(location, "postgres://") || strings.HasPrefix(location, "postgresql://") {
		err = s.openPostgres(location)
	} else {
		err = s.openSQLite(location)
	}
	if err == nil {
		err = s.prepareData(ctx, master)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Store) openPostgres(url string) (err error) {
	s.dialect = postgres
	if s.write, err = sql.Open("pgx", url); err != nil {
		return errors.New("the database URL is malformed") // pgx's error may repeat the password
	}
	s.write.SetMaxOpenConns(16)
	s.write.SetMaxIdleConns(4)
	s.read = s.write
	return nil
}

func (s *Store) openSQLite(dir string) (err error) {
	s.dialect = sqlite
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if s.lock, err = lockFolder(dir); err != nil {
		return err
	}
	file := filepath.Join(dir, "penstock.db")
	made, err := os.OpenFile(file, os.O_CREATE, 0o600) // before SQLite makes it readable by others
	if err != nil {
		return err
	}
	made.Close()
	// synchronous FULL: a source may forget what a saved state covers, so a
	// commit must outlive a power failure.
	dsn := "file:" + strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(file) +
		"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=foreign_keys(1)&_pragma=synchronous(FULL)"
	if s.write, err = sql.Open("sqlite", dsn+"&_txlock=immediate"); err != nil {
		return err
	}
	s.write.SetMaxOpenConns(1)
	s.write.SetMaxIdleConns(1)
	if s.read, err = sql.Open("sqlite", dsn+"&_pragma=query_only(1)"); err != nil {
		return err
	}
	s.read.SetMaxOpenConns(max(4, runtime.GOMAXPROCS(0)))
	s.read.SetMaxIdleConns(max(4, runtime.GOMAXPROCS(0)))
	return nil
}

func (s *Store) prepareData(ctx context.Context, master secret.Key) error {
	if err := s.write.PingContext(ctx); err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	if err := s.migrate(ctx); err != nil {
		return err
	}
	if err := s.unlockSecrets(ctx, master); err != nil {
		return err
	}
	if s.dialect == sqlite {
		return s.expireLeases(ctx) // the folder's lock proves that nobody holds them
	}
	return nil
}

// Close closes the database and lets go of the data folder.
func (s *Store) Close() error {
	var errs []error
	s.mu.Lock()
	for _, stmt := range s.prepared {
		errs = append(errs, stmt.Close())
	}
	clear(s.prepared)
	s.mu.Unlock()
	if s.read != nil && s.read != s.write {
		errs = append(errs, s.read.Close())
	}
	if s.write != nil {
		errs = append(errs, s.write.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	var one int
	return s.row(ctx, `select 1`).Scan(&one)
}

// now is the present, as precise as the database keeps it.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
