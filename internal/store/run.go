package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"
)

// ErrStale says that a run has ended, or is another process's by now.
var ErrStale = errors.New("the run is no longer this process's")

// What began a run.
const (
	BySchedule = "schedule"
	ByTrigger  = "trigger" // somebody asked for it
)

// How a run ended.
const (
	RunSucceeded   = "succeeded"
	RunFailed      = "failed"
	RunCanceled    = "canceled"
	RunRescheduled = "rescheduled"
	RunCaptured    = "captured" // it only looked what the source offers, see [BlockedOnCapture]
)

// What a run is asked to do.
const (
	GoOn     = ""
	StopRead = "read" // once it has read all that there was when it began, instead of staying on
	StopSoon = "soon" // at the next checkpoint
	StopNow  = "now"
	StopOver = "over" // at the next checkpoint, and its turn is over: the next run is the one after it
)

// A Run is one sync of one connection. It begins when a process claims it and
// lives until it ends; a process that dies leaves it to be taken over, with
// the time at which it began.
type Run struct {
	ID           string // later runs have greater ids
	ConnectionID string
	Cause        string // BySchedule or ByTrigger
	Historical   bool
	StartedAt    time.Time

	Owner      string // the process that runs it
	Fence      int64
	LeaseUntil time.Time
	Stop       string // GoOn, StopRead, StopSoon, StopNow or StopOver
	Rows       int64  // moved so far
	Bytes      int64

	FreshAt time.Time // of a run that stays on: all that was committed at the source until then is in the destination
	Latency *Latency  // of the last minutes; nil: nothing was measured

	EndedAt        time.Time // zero: it lives
	Outcome        string    // "" while it lives
	Reason         string    // the error's words; "" after a success
	RescheduledFor time.Time
}

// A Token is a process's right to a run. Each taking-over makes the tokens
// before it stale: with those nothing can be written.
type Token struct {
	RunID        string
	ConnectionID string
	Fence        int64
}

// Token returns the right to the run as r says it is held.
func (r *Run) Token() Token { return Token{r.ID, r.ConnectionID, r.Fence} }

var runColumns = columns{"id", "connection_id", "cause", "historical", "started_at", "owner", "fence", "lease_until", "stop",
	"rows_moved", "bytes_moved", "fresh_at", "latency", "ended_at", "outcome", "reason", "rescheduled_for"}

func scanRun(row scanner) (r Run, err error) {
	var latency json.RawMessage
	err = row.Scan(&r.ID, &r.ConnectionID, &r.Cause, &r.Historical, stamp{&r.StartedAt}, &r.Owner, &r.Fence, stamp{&r.LeaseUntil}, &r.Stop,
		&r.Rows, &r.Bytes, stamp{&r.FreshAt}, document{&latency}, stamp{&r.EndedAt}, &r.Outcome, &r.Reason, stamp{&r.RescheduledFor})
	if err == nil && latency != nil {
		err = json.Unmarshal(latency, &r.Latency)
	}
	return r, known(err)
}

func (r *Run) values() []any {
	return []any{r.ID, r.ConnectionID, r.Cause, r.Historical, micros(r.StartedAt), r.Owner, r.Fence, r.LeaseUntil.UnixMicro(), r.Stop,
		r.Rows, r.Bytes, micros(r.FreshAt), nil, micros(r.EndedAt), r.Outcome, r.Reason, micros(r.RescheduledFor)}
}

var (
	runByID     = `select ` + runColumns.list() + ` from runs where id = $1`
	runsPage    = `select ` + runColumns.list() + ` from runs where connection_id = $1 order by started_at desc, id desc limit $2`
	runsBetween = `select ` + runColumns.list() + ` from runs where connection_id = $1 and started_at >= $2 and started_at < $3
		and (started_at, id) > ($4, $5) order by started_at, id limit $6`
	runsBack = `select ` + runColumns.list() + ` from runs where connection_id = $1
		and (started_at, id) < (case when cast($2 as bigint) < 0 then 9223372036854775807 else cast($2 as bigint) end, $3)
		order by started_at desc, id desc limit $4`
	dueFirst = `select ` + connectionColumns.list() + ` from connections
		where due_at <= $1 and run_id is null order by due_at limit 1`
	takeOver = `update runs set owner = $1, lease_until = $2, fence = fence + 1 where id =
		(select id from runs where ended_at is null and owner <> $1 and lease_until <= $3 order by lease_until limit 1 `
)

// Run returns a run.
func (s *Store) Run(ctx context.Context, id string) (*Run, error) {
	r, err := scanRun(s.row(ctx, runByID, id))
	if err != nil {
		return nil, err
	}
	return &r, nil
}

// Runs returns a connection's latest runs, the latest first.
func (s *Store) Runs(ctx context.Context, connectionID string, limit int) ([]Run, error) {
	return s.runs(ctx, runsPage, connectionID, limit)
}

// RunsBetween returns a page of a connection's runs that began from one time
// on and before another, the earliest first, and the cursor of the next.
func (s *Store) RunsBetween(ctx context.Context, connectionID string, from, to time.Time, page Page) ([]Run, string, error) {
	return readPage(ctx, s, page, runsBetween, []any{connectionID, from.UnixMicro(), to.UnixMicro()}, scanRun,
		func(r *Run) (time.Time, string) { return r.StartedAt, r.ID })
}

// RunsBack returns a page of a connection's runs, the latest first, and the
// cursor of the next.
func (s *Store) RunsBack(ctx context.Context, connectionID string, page Page) ([]Run, string, error) {
	return readPage(ctx, s, page, runsBack, []any{connectionID}, scanRun,
		func(r *Run) (time.Time, string) { return r.StartedAt, r.ID })
}

func (s *Store) runs(ctx context.Context, query string, args ...any) ([]Run, error) {
	return collect(scanRun)(s.ask(ctx, query, args...))
}

// Shared reports whether other processes may work on the same database.
func (s *Store) Shared() bool { return s.dialect == postgres }

// Wake returns when there is next something for owner to claim or to take
// over, or false if there is nothing at all. It costs two index look-ups.
func (s *Store) Wake(ctx context.Context, owner string) (time.Time, bool, error) {
	var due, lease time.Time
	err := s.row(ctx, `select (select min(due_at) from connections where due_at is not null and run_id is null),
		(select min(lease_until) from runs where ended_at is null and owner <> $1)`, owner).Scan(stamp{&due}, stamp{&lease})
	if err != nil {
		return time.Time{}, false, err
	}
	if due.IsZero() || !lease.IsZero() && lease.Before(due) {
		due = lease
	}
	return due, !due.IsZero(), nil
}

// Claim begins a run of the connection that has been due the longest at now,
// held by owner until lease has passed. It is nil if none is due.
func (s *Store) Claim(ctx context.Context, owner string, now time.Time, lease time.Duration) (*Run, error) {
	var r Run
	err := s.in(ctx, func(tx *sql.Tx) error {
		c, err := s.scanConnection(tx.QueryRowContext(ctx, dueFirst+s.dialect.skipLocked, now.UnixMicro()))
		if err != nil {
			return err
		}
		r = Run{
			ID: timeID(now), ConnectionID: c.ID, Cause: BySchedule, Historical: c.Historical, StartedAt: now.UTC().Truncate(time.Microsecond),
			Owner: owner, Fence: 1, LeaseUntil: now.Add(lease),
		}
		if !c.TriggeredAt.IsZero() {
			r.Cause = ByTrigger
		}
		if c.Reset {
			if _, err := tx.ExecContext(ctx, `delete from states where connection_id = $1`, c.ID); err != nil {
				return err
			}
			if err := dropResyncs(ctx, tx, c.ID); err != nil { // they are part of it
				return err
			}
		}
		c.RunID, c.StartedAt, c.Reset = r.ID, r.StartedAt, false
		c.TriggeredAt, c.RescheduledFor = time.Time{}, time.Time{}
		if _, err := tx.ExecContext(ctx, runColumns.insert("runs"), r.values()...); err != nil {
			return err
		}
		if err := s.saveConnection(ctx, tx, &c); err != nil {
			return err
		}
		return s.record(ctx, tx, c.event(r.ID, SyncStart, now))
	})
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &r, nil
}

// TakeOver gives owner a run of another's whose lease has run out by now. It
// is nil if there is none that nobody else is just writing.
func (s *Store) TakeOver(ctx context.Context, owner string, now time.Time, lease time.Duration) (*Run, error) {
	r, err := scanRun(s.write.QueryRowContext(ctx, takeOver+s.dialect.skipLocked+`) and ended_at is null returning `+runColumns.list(),
		owner, now.Add(lease).UnixMicro(), now.UnixMicro()))
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &r, nil
}

// Renew extends a run's lease, notes how far it is, and returns what it is
// asked to do. It is [ErrStale] if the run is not the token's any more.
func (s *Store) Renew(ctx context.Context, t Token, until time.Time, rows, bytes int64) (stop string, err error) {
	err = s.write.QueryRowContext(ctx, `update runs set lease_until = $3, rows_moved = $4, bytes_moved = $5
		where id = $1 and fence = $2 and ended_at is null returning stop`, t.RunID, t.Fence, until.UnixMicro(), rows, bytes).Scan(&stop)
	if errors.Is(err, sql.ErrNoRows) {
		return "", ErrStale
	}
	return stop, err
}

// Release gives up a run that is to go on in whichever process takes it next.
func (s *Store) Release(ctx context.Context, t Token) error {
	err := one(s.write.ExecContext(ctx, `update runs set lease_until = 0, owner = '' where id = $1 and fence = $2 and ended_at is null`, t.RunID, t.Fence))
	if errors.Is(err, ErrNotFound) {
		return ErrStale
	}
	return err
}

// Held returns the living runs of an owner.
func (s *Store) Held(ctx context.Context, owner string) ([]Run, error) {
	return s.runs(ctx, `select `+runColumns.list()+` from runs where owner = $1 and ended_at is null`, owner)
}

// Stop asks a living run to stop; one that has ended is no error. What was
// asked before is not weakened.
func (s *Store) Stop(ctx context.Context, runID, how string) error {
	_, err := s.write.ExecContext(ctx, `update runs set stop = $2 where id = $1 and ended_at is null and stop <> $3 and (stop = $4 or $2 <> $5)`, runID, how, StopNow, GoOn, StopRead)
	return err
}

// expireLeases makes living runs, lanes of deliveries and log services free to
// be taken over, and ends verifications.
func (s *Store) expireLeases(ctx context.Context) error {
	if _, err := s.write.ExecContext(ctx, `update runs set lease_until = 0 where ended_at is null and lease_until > 0`); err != nil {
		return err
	}
	if _, err := s.write.ExecContext(ctx, `update webhook_lanes set lease_until = 0 where lease_until > 0`); err != nil {
		return err
	}
	if _, err := s.write.ExecContext(ctx, `update log_services set lease_until = 0 where lease_until > 0`); err != nil {
		return err
	}
	if _, err := s.write.ExecContext(ctx, `update verifications set lease_until = 0 where state = $1`, VerificationRunning); err != nil {
		return err
	}
	return interrupt(ctx, s.write, now(), "")
}
