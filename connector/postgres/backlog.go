package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/setup"
)

var (
	_ connector.Follower = (*source)(nil)
	_ connector.Keeper   = (*source)(nil)
)

// Follows implements connector.Follower.
func (s *source) Follows() bool { return s.UpdateMethod == byLog }

// Keeps implements connector.Keeper: the server keeps the log that the slot
// has not sent yet, and whatever transactions need that have not ended.
func (s *source) Keeps() bool { return s.UpdateMethod == byLog && s.ReplicationSlot != "" }

// Backlog implements connector.Keeper.
func (s *source) Backlog(ctx context.Context, _ json.RawMessage) (b connector.Backlog, err error) {
	b.Spilled = folderBytes(s.env.Folder)
	conn, err := s.connect(ctx)
	if err != nil {
		return b, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	version, err := serverVersion(ctx, conn)
	if err != nil {
		return b, s.readError(ctx, err)
	}
	limits := "false, null::bigint" // before 13 a slot is kept whatever it costs
	if version >= 130000 {
		limits = "coalesce(wal_status = 'lost', false), safe_wal_size"
	}
	var retained int64
	var safe *int64
	err = conn.QueryRow(ctx, `select `+limits+`, coalesce(pg_wal_lsn_diff(
			case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end, restart_lsn), 0)::bigint
		from pg_replication_slots where slot_name = $1`, s.ReplicationSlot).Scan(&b.Lost, &safe, &retained)
	if errors.Is(err, pgx.ErrNoRows) {
		return b, nil
	}
	if err != nil {
		return b, s.readError(ctx, err)
	}
	b.What, b.Retained = "replication slot "+s.ReplicationSlot, max(0, retained)
	b.Lag = lag(ctx, conn, s.ReplicationSlot)
	if safe != nil && !b.Lost {
		b.Limit = max(1, b.Retained+*safe)
	}
	return b, nil
}

// lag returns how long ago something was last written to the file of the log in
// which the first change is that the slot has not sent, so how old that is at
// least; 0 if that cannot be told: the file is still being written, or the role
// is no member of pg_monitor.
func lag(ctx context.Context, conn *pgx.Conn, slot string) (d time.Duration) {
	var seconds float64
	err := conn.QueryRow(ctx, `
		select coalesce(extract(epoch from clock_timestamp() - modification), 0)::float8
		from pg_replication_slots join pg_ls_waldir() on name = pg_walfile_name(confirmed_flush_lsn)
		where slot_name = $1 and not pg_is_in_recovery() and name < pg_walfile_name(pg_current_wal_insert_lsn())`, slot).Scan(&seconds)
	if err != nil {
		return 0
	}
	return max(0, time.Duration(seconds*float64(time.Second)))
}

// Release implements connector.Keeper.
func (s *source) Release(ctx context.Context, raw json.RawMessage, force bool) (string, error) {
	st, err := parseState(raw)
	if err != nil {
		return "", err
	}
	slot := s.ReplicationSlot
	if !force {
		if st.Log == nil || !st.Log.Made {
			return "", nil
		}
		slot = st.Log.Slot
	}
	had, err := s.drop(ctx, slot)
	if refused(err) {
		return "", &setup.Problem{Code: "slot_not_dropped", Message: fmt.Sprintf(
			"the role may not drop replication slot %s of %s; a superuser can run: %s", slot, s.address(), dropStatement(slot))}
	}
	if err != nil {
		return "", fmt.Errorf("replication slot %s was not dropped: %w; run in database %s: %s", slot, s.readError(ctx, err), s.Database, dropStatement(slot))
	}
	if err := (&spill{dir: s.env.Folder}).remove(); err != nil || !had {
		return "", err
	}
	return "replication slot " + slot, nil
}

func dropStatement(slot string) string {
	return "SELECT pg_drop_replication_slot('" + strings.ReplaceAll(slot, "'", "''") + "')"
}

// drop drops a slot, even while it is read, and reports whether it was there.
func (s *source) drop(ctx context.Context, slot string) (had bool, err error) {
	conn, err := s.connect(ctx)
	if err != nil {
		return false, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for {
		tag, err := conn.Exec(ctx, "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1", slot)
		if !busy(err) {
			return tag.RowsAffected() > 0, err
		}
		// A sync reads it, or one that is gone and that the server still waits for.
		if _, err := conn.Exec(ctx, "select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1 and active", slot); err != nil {
			return false, err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
}
