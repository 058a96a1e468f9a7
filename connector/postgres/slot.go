package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/penstock-data/penstock/setup"
)

// A slotState is a row of pg_replication_slots.
type slotState struct {
	plugin    string
	here      bool // it is of the database that is read
	phases    bool // it sends transactions when they are prepared
	lost      bool // the server has thrown away what it has not sent yet
	active    bool // somebody reads it
	confirmed position
}

// ours reports whether the slot is of a kind that a sync can read.
func (s *slotState) ours() bool { return s.plugin == "pgoutput" && s.here && !s.phases }

// gapAfter says why the slot does not go on from a position, or "". It is nil
// if there is none.
func (s *slotState) gapAfter(at position) string {
	switch {
	case s == nil:
		return "is gone"
	case s.lost:
		return "was too far behind: the server has thrown away changes that it had not sent yet (max_slot_wal_keep_size)"
	case s.confirmed > at:
		return "was read by somebody else; give each connection a slot of its own"
	}
	return ""
}

func (s *source) slotUnusable() *setup.Problem {
	return &setup.Problem{Code: "slot_unusable", Message: fmt.Sprintf(
		"replication slot %s of %s is not one of this database with the plugin pgoutput and without two_phase; set replication_slot to another name", s.ReplicationSlot, s.address())}
}

func readSlot(ctx context.Context, conn *pgx.Conn, version int, name string) (*slotState, error) {
	lost := "false"
	if version >= 130000 {
		lost = "coalesce(wal_status = 'lost', false)"
	}
	phases := "false"
	if version >= 140000 {
		phases = "two_phase"
	}
	var s slotState
	var at string
	err := conn.QueryRow(ctx, fmt.Sprintf(`
		select coalesce(plugin, ''), coalesce(database = current_database(), false), %s, %s, active, coalesce(confirmed_flush_lsn, '0/0')::text
		from pg_replication_slots where slot_name = $1`, phases, lost), name).Scan(&s.plugin, &s.here, &s.phases, &s.lost, &s.active, &at)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s.confirmed, err = parsePosition(at)
	return &s, err
}

// idleSlot is readSlot for a slot that somebody may still be reading: it waits
// a while until they have let go.
func (s *source) idleSlot(ctx context.Context, conn *pgx.Conn, version int, name string) (*slotState, error) {
	for deadline := time.Now().Add(waitForSlot); ; {
		slot, err := readSlot(ctx, conn, version, name)
		if err != nil || slot == nil || !slot.active || time.Now().After(deadline) {
			return slot, err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// makeSlot makes a logical slot. It returns from where on the slot has all
// changes, and which transactions were seen as ended there: those that it will
// not send. It waits for transactions that are running. A temporary slot is
// gone when it returns.
func (s *source) makeSlot(ctx context.Context, name string, temporary bool) (position, visibility, error) {
	var seen visibility
	ctx, cancel := context.WithTimeoutCause(ctx, s.patience, fmt.Errorf(
		"replication slot %s could not be made: %s waits for transactions that have been running for more than %s; pg_stat_activity and pg_prepared_xacts show them",
		name, s.address(), s.patience))
	defer cancel()
	conn, err := s.connectReplication(ctx)
	if err != nil {
		return 0, seen, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	kind := ""
	if temporary {
		kind = " TEMPORARY"
	}
	var answers []string
	for _, sql := range []string{
		"begin isolation level repeatable read read only",
		"CREATE_REPLICATION_SLOT " + pgx.Identifier{name}.Sanitize() + kind + " LOGICAL pgoutput USE_SNAPSHOT",
		"select txid_current_snapshot()",
		"commit",
	} {
		results, err := conn.Exec(ctx, sql).ReadAll()
		if err != nil {
			return 0, seen, s.slotError(ctx, name, err)
		}
		for _, r := range results {
			for _, row := range r.Rows {
				answers = append(answers, string(row[len(row)-1]))
				if len(row) > 1 { // name, position, snapshot, plugin
					answers[len(answers)-1] = string(row[1])
				}
			}
		}
	}
	if len(answers) != 2 {
		return 0, seen, errProtocol
	}
	if err := seen.UnmarshalText([]byte(answers[1])); err != nil {
		return 0, seen, err
	}
	at, err := parsePosition(answers[0])
	return at, seen, err
}

// slotError says what a person can do about a slot that cannot be made or
// read.
func (s *source) slotError(ctx context.Context, slot string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return s.connectError(ctx, err)
	}
	says := fmt.Sprintf("replication slot %s: %s says: %s; ", slot, s.address(), pg.Message)
	switch pg.Code {
	case "55000":
		return &setup.Problem{Code: "wal_level", Message: says + "a superuser can run: ALTER SYSTEM SET wal_level = 'logical', and restart the server"}
	case "53400":
		return &setup.Problem{Code: "slots_exhausted", Message: says + "a superuser can drop a slot that is not used, or raise max_replication_slots and restart the server"}
	case "53300":
		return &setup.Problem{Code: "senders_exhausted", Message: says + "a superuser can raise max_wal_senders and restart the server"}
	case "42602":
		return &setup.Problem{Code: "replication_slot", Message: says + "set replication_slot to a name of lower-case letters, digits and underscores"}
	}
	return s.replicationError(ctx, err)
}

// busy reports whether a slot is being read by somebody.
func busy(err error) bool { return hasCode(err, "55006") }

// waitForSlot is how long a sync waits for somebody else to let go of the
// slot: whoever it was may not know yet that they have gone.
const waitForSlot = 20 * time.Second

// slotStream is streamOf for a slot that somebody may still be reading.
func (s *source) slotStream(ctx context.Context, slot, options string, from position) (*stream, error) {
	for deadline := time.Now().Add(waitForSlot); ; {
		st, err := s.streamOf(ctx, slot, options, from)
		if err == nil {
			return st, nil
		}
		if !busy(err) {
			return nil, s.slotError(ctx, slot, err)
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("replication slot %s of %s is being read by somebody else; each connection needs a slot of its own", slot, s.address())
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}
