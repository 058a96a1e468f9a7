package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/penstock-data/penstock/schema"
)

// States of a verification.
const (
	VerificationRunning  = "running"
	VerificationDone     = "done" // all tables were looked at, whatever was found
	VerificationFailed   = "failed"
	VerificationCanceled = "canceled"
)

// Interrupted is why a verification failed whose process is gone.
const Interrupted = "The server that ran it ended. Start another verification."

// A Verification compares tables of a connection on both sides. It is held
// by a lease: one whose process is silent for longer than that has failed.
type Verification struct {
	ID           string // later ones have greater ids
	ConnectionID string
	State        string
	Reason       string // why it failed; "": it did not
	Waiting      bool   // for a sync to end, or for others of its kind
	StartedAt    time.Time
	EndedAt      time.Time // zero: it runs

	Total, Done, Wrong int // tables; of those that are done, the ones with something lost or wrong

	Findings
}

// Findings are what a verification was asked for and what it has found.
type Findings struct {
	Tables []schema.Name `json:"tables,omitempty"` // that were asked for; nil: all
	List   int           `json:"list"`             // rows that are listed of a table, at most
	Checks []TableCheck  `json:"checks"`           // of the tables, once they are known
}

// States of a table in a verification.
const (
	CheckPending = "pending"
	CheckRunning = "running"
	CheckDone    = "done"
)

// A TableCheck is how a verification stands with a table.
type TableCheck struct {
	Table  schema.Name     `json:"table"` // the source's
	State  string          `json:"state"`
	Wrong  bool            `json:"wrong,omitempty"`  // something was lost, or it could not be compared
	Result json.RawMessage `json:"result,omitempty"` // in the words of who compares; nil before it is done
}

// keptVerifications are kept of each connection, at most.
const keptVerifications = 20

var verificationColumns = columns{"id", "connection_id", "state", "reason", "waiting", "started_at", "ended_at", "lease_until",
	"tables_total", "tables_done", "tables_wrong", "findings"}

// CreateVerification begins a verification, whose lease is until then. It
// sets the ID, and is ErrExists if one of the connection is running.
func (s *Store) CreateVerification(ctx context.Context, v *Verification, until time.Time) error {
	v.ID, v.State, v.StartedAt = timeID(v.StartedAt), VerificationRunning, v.StartedAt.UTC().Truncate(time.Microsecond)
	findings, err := s.seal(v)
	if err != nil {
		return err
	}
	return s.in(ctx, func(tx *sql.Tx) error {
		if err := interrupt(ctx, tx, v.StartedAt, ` and connection_id = $5`, v.ConnectionID); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, verificationColumns.insert("verifications"), v.ID, v.ConnectionID, v.State, v.Reason, v.Waiting,
			micros(v.StartedAt), micros(v.EndedAt), until.UnixMicro(), v.Total, v.Done, v.Wrong, findings)
		if errors.Is(known(err), ErrInUse) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `delete from verifications where connection_id = $1 and id <= (select id from verifications
			where connection_id = $1 order by id desc limit 1 offset $2)`, v.ConnectionID, keptVerifications)
		return err
	})
}

// interrupt ends the verifications whose lease has run out by now.
func interrupt(ctx context.Context, q querier, now time.Time, and string, args ...any) error {
	_, err := q.ExecContext(ctx, `update verifications set state = $1, reason = $2, waiting = false, ended_at = $3
		where state = $4 and lease_until < $3`+and, append([]any{VerificationFailed, Interrupted, now.UnixMicro(), VerificationRunning}, args...)...)
	return err
}

// SaveVerification notes how a running verification stands, or, if State
// says so, how it ended, and extends its lease. It is [ErrStale] if it has
// ended already.
func (s *Store) SaveVerification(ctx context.Context, v *Verification, until time.Time) error {
	findings, err := s.seal(v)
	if err != nil {
		return err
	}
	err = one(s.write.ExecContext(ctx, `update verifications set state = $2, reason = $3, waiting = $4, ended_at = $5, lease_until = $6,
		tables_total = $7, tables_done = $8, tables_wrong = $9, findings = $10 where id = $1 and state = $11`, v.ID, v.State, v.Reason, v.Waiting,
		micros(v.EndedAt), until.UnixMicro(), v.Total, v.Done, v.Wrong, findings, VerificationRunning))
	if errors.Is(err, ErrNotFound) {
		return ErrStale
	}
	return err
}

// CancelVerification ends a verification, if it runs, and returns it as it is
// then. Whoever runs it finds out by [Store.SaveVerification].
func (s *Store) CancelVerification(ctx context.Context, connectionID, id string, now time.Time) (*Verification, error) {
	_, err := s.write.ExecContext(ctx, `update verifications set state = $3, waiting = false, ended_at = $4
		where connection_id = $1 and id = $2 and state = $5 and lease_until >= $4`,
		connectionID, id, VerificationCanceled, now.UnixMicro(), VerificationRunning)
	if err != nil {
		return nil, err
	}
	return s.Verification(ctx, connectionID, id, now)
}

// Verification returns a verification of a connection as it stands now.
func (s *Store) Verification(ctx context.Context, connectionID, id string, now time.Time) (*Verification, error) {
	v, sealed, err := scanVerification(s.row(ctx, `select `+verificationColumns.list()+` from verifications where connection_id = $1 and id = $2`, connectionID, id), now)
	if err != nil {
		return nil, known(err)
	}
	packed, err := s.box.Open(sealed, "verification "+v.ID)
	if err == nil {
		packed, err = unpack(packed)
	}
	if err == nil {
		err = json.Unmarshal(packed, &v.Findings)
	}
	if err != nil {
		return nil, fmt.Errorf("verification %s: %w", v.ID, err)
	}
	return &v, nil
}

// Verifications returns the verifications of a connection as they stand now,
// the latest first, without their findings.
func (s *Store) Verifications(ctx context.Context, connectionID string, now time.Time) ([]Verification, error) {
	return collect(func(row scanner) (Verification, error) {
		v, _, err := scanVerification(row, now)
		return v, err
	})(s.ask(ctx, `select id, connection_id, state, reason, waiting, started_at, ended_at, lease_until,
		tables_total, tables_done, tables_wrong, null from verifications where connection_id = $1 order by id desc`, connectionID))
}

func scanVerification(row scanner, now time.Time) (v Verification, findings []byte, err error) {
	var lease time.Time
	err = row.Scan(&v.ID, &v.ConnectionID, &v.State, &v.Reason, &v.Waiting, stamp{&v.StartedAt}, stamp{&v.EndedAt}, stamp{&lease},
		&v.Total, &v.Done, &v.Wrong, &findings)
	if v.State == VerificationRunning && lease.Before(now) {
		v.State, v.Reason, v.Waiting, v.EndedAt = VerificationFailed, Interrupted, false, lease
	}
	return v, findings, err
}

func (s *Store) seal(v *Verification) ([]byte, error) {
	doc, err := json.Marshal(v.Findings)
	if err == nil {
		doc, err = pack(doc)
	}
	if err != nil {
		return nil, err
	}
	return s.box.Seal(doc, "verification "+v.ID), nil
}
