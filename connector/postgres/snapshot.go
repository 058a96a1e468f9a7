package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/sqlsource"
)

// A snapshot is a transaction that keeps a state of the database visible for
// as long as it is open, for other connections too.
type snapshot struct {
	conn    *pgx.Conn
	id      string // for SET TRANSACTION SNAPSHOT
	version int    // server_version_num
	origin  string
	block   int64 // bytes of a page

	// Every transaction below xmin had ended; none from xmax on had begun.
	xmin, xmax uint64
	seen       visibility

	fits bool     // tables that are read under it can be handed over to the log
	end  position // of the log when it had been taken

	asciiOnly bool // see dialect
	utf8      bool // the server's encoding is UTF-8

	// lsn is the end of the WAL when the snapshot had been taken; "" if all
	// that the snapshot sees is known to be on disk. By settled it is anyhow.
	lsn     string
	settled time.Time
}

const minVersion = 100000

// readOnly begins the transactions that data are read in.
const readOnly = "begin isolation level repeatable read read only"

func (s *source) snapshot(ctx context.Context) (_ *snapshot, err error) {
	conn, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			conn.Close(context.WithoutCancel(ctx))
		}
	}()
	snap := &snapshot{conn: conn}
	if snap.version, err = serverVersion(ctx, conn); err != nil {
		return nil, err
	}
	if snap.version < minVersion {
		return nil, tooOld(snap.version)
	}
	snap.origin = origin(ctx, conn)
	delay := walWriterDelay(ctx, conn)
	if _, err = conn.Exec(ctx, readOnly); err != nil {
		return nil, err
	}
	var seen string
	err = conn.QueryRow(ctx, `select pg_export_snapshot(), current_setting('block_size')::int8, txid_current_snapshot()::text`).
		Scan(&snap.id, &snap.block, &seen)
	if err != nil {
		return nil, err
	}
	if err := snap.seen.UnmarshalText([]byte(seen)); err != nil {
		return nil, err
	}
	snap.xmin, snap.xmax = snap.seen.xmin, snap.seen.xmax
	if delay > 0 {
		err = conn.QueryRow(ctx, `select pg_current_wal_insert_lsn()::text`).Scan(&snap.lsn)
		snap.settled = time.Now().Add(3 * delay)
	}
	return snap, err
}

// walWriterDelay returns how often a primary's WAL writer is woken, or 0 if
// the server replays another's WAL or does not tell where its own is. Commits
// that are not synchronous are on disk after three times that (manual of
// version 15, chapter "Asynchronous Commit").
func walWriterDelay(ctx context.Context, conn *pgx.Conn) time.Duration {
	var millis int64
	if conn.QueryRow(ctx, `
		select setting::int8 from pg_settings
		where name = 'wal_writer_delay' and not pg_is_in_recovery()
			and pg_current_wal_insert_lsn() is not null and pg_current_wal_flush_lsn() is not null`).Scan(&millis) != nil {
		return 0
	}
	return time.Duration(millis) * time.Millisecond
}

// settle waits until all that the snapshot sees is on the server's disk. With
// synchronous_commit off a crash may take back what others have seen already,
// and hand out the same transaction ids again; a horizon that was saved
// before would then be wrong.
func (s *snapshot) settle(ctx context.Context) error {
	for s.lsn != "" && time.Now().Before(s.settled) {
		var flushed bool
		if err := s.conn.QueryRow(ctx, `select pg_current_wal_flush_lsn() >= $1::pg_lsn`, s.lsn).Scan(&flushed); err != nil {
			return err
		}
		if flushed {
			break
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	s.lsn = ""
	return nil
}

// insertPosition returns the end of the log, of what is not on disk yet too.
func insertPosition(ctx context.Context, conn *pgx.Conn) (position, error) {
	var at string
	if err := conn.QueryRow(ctx, `select pg_current_wal_insert_lsn()::text`).Scan(&at); err != nil {
		return 0, err
	}
	return parsePosition(at)
}

// flushPosition returns the end of the log that is on disk, which is all that
// a slot sends.
func flushPosition(ctx context.Context, conn *pgx.Conn) (position, error) {
	var at string
	if err := conn.QueryRow(ctx, `select pg_current_wal_flush_lsn()::text`).Scan(&at); err != nil {
		return 0, err
	}
	return parsePosition(at)
}

func (s *snapshot) close(ctx context.Context) { s.conn.Close(context.WithoutCancel(ctx)) }

// origin returns what identifies the history of the server's transactions,
// as much of it as the role may see.
func origin(ctx context.Context, conn *pgx.Conn) string {
	var parts []string
	for _, query := range []string{
		`select system_identifier::text from pg_control_system()`,
		`select case when pg_is_in_recovery()
			then (select lpad(to_hex(timeline_id), 8, '0') from pg_control_checkpoint())
			else lower(left(pg_walfile_name(pg_current_wal_lsn()), 8)) end`,
	} {
		var part string
		if conn.QueryRow(ctx, query).Scan(&part) == nil {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, "/")
}

// horizonReach is how many transactions may pass before a horizon can no
// longer be compared with xmin: 2³¹ less what may begin during a sync.
const horizonReach = 1<<31 - 50_000_000

// reaches reports whether changes since the horizon can be told by xmin.
func (s *snapshot) reaches(horizon uint64) bool {
	return horizon <= s.xmin && s.xmax-horizon < horizonReach
}

// since is the condition that a row was written at the horizon or later. The
// ages are taken in one transaction, so they compare; the subquery makes the
// server compute the horizon's once.
func since(horizon uint64) string {
	return fmt.Sprintf("age(xmin) between 0 and (select age('%d'::xid))", uint32(horizon))
}

// A worker is one connection that reads under a snapshot.
type worker struct {
	source *source
	snap   *snapshot
	conn   *pgx.Conn
	buf    []byte // for copyOut

	// The sink of the table that was read last, if it can be used again.
	table *reading
	sink  sink
}

// A connectionError is about the connection or the snapshot, not about what
// is read.
type connectionError struct{ err error }

func (e *connectionError) Error() string { return e.err.Error() }
func (e *connectionError) Unwrap() error { return e.err }

// read calls f within a transaction that sees the snapshot. Locks on tables
// are held no longer than that.
func (w *worker) read(ctx context.Context, f func() error) error {
	if w.conn == nil || w.conn.IsClosed() {
		conn, err := w.source.connect(ctx)
		if err != nil {
			return &connectionError{err}
		}
		w.conn = conn
	}
	begin := readOnly + "; set transaction snapshot '" + w.snap.id + "'"
	if _, err := w.conn.PgConn().Exec(ctx, begin).ReadAll(); err != nil {
		w.conn.Close(context.WithoutCancel(ctx))
		return &connectionError{err}
	}
	err := f()
	if w.conn.IsClosed() {
		return err
	}
	if _, e := w.conn.PgConn().Exec(ctx, "rollback").ReadAll(); e != nil && err == nil {
		return &connectionError{e}
	}
	return err
}

// Close implements sqlsource.Worker.
func (w *worker) Close(ctx context.Context) {
	if w.conn != nil {
		w.conn.Close(context.WithoutCancel(ctx))
	}
}

// errRewritten means that a table's file is not the one that the snapshot
// knows: the table may look empty though it was not.
var errRewritten = errors.New("it was truncated or written anew while it was read")

// errAltered means that the log has changes of a table that cannot be applied
// to it as it is now.
var errAltered = errors.New("it was altered in a way that the log does not tell all of")

// AboutTable implements sqlsource.Database.
func (r *run) AboutTable(err error) bool {
	var conn *connectionError
	if errors.As(err, &conn) {
		return false
	}
	if errors.Is(err, errRewritten) || errors.Is(err, errWidth) || errors.Is(err, errMalformed) || errors.Is(err, errAltered) {
		return true
	}
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || len(pg.Code) != 5 {
		return false
	}
	switch pg.Code[:2] {
	case "08", "53": // connection, resources of the server
		return false
	case "57": // the server stops, but for the statement that was cancelled
		return pg.Code == "57014"
	}
	return true
}

// worthAnotherLook reports whether the table may be readable under a new
// snapshot and catalog: something about it changed.
func worthAnotherLook(err error) bool {
	var own *connector.TableError
	if errors.As(err, &own) {
		return false
	}
	if errors.Is(err, errRewritten) || errors.Is(err, sqlsource.ErrIncomplete) || errors.Is(err, errWidth) {
		return true
	}
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "42P01" || pg.Code == "42703" || pg.Code == "42804" || pg.Code == "42883" || pg.Code == "XX000")
}
