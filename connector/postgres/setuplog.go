package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/penstock-data/penstock/setup"
)

// Titles of the setup tests for the log.
const (
	testLevel       = "Log Level"
	testReplication = "Replication Privilege"
	testSlot        = "Replication Slot"
	testPublication = "Publication"
)

// testLog tells whether the log can be read. It makes nothing.
func (s *source) testLog(ctx context.Context, conn *pgx.Conn, version int) []setup.TestResult {
	var results []setup.TestResult
	for _, test := range []struct {
		title string
		run   func(context.Context, *pgx.Conn, int) (said string, err error)
	}{
		{testLevel, s.testLevel},
		{testReplication, s.testReplication},
		{testSlot, s.testSlot},
		{testPublication, s.testPublication},
	} {
		result := setup.TestResult{Title: test.title, Status: setup.Passed}
		said, err := test.run(ctx, conn, version)
		if result.Message = said; err != nil {
			result.Status, result.Message = setup.Failed, err.Error()
		}
		results = append(results, result)
		if err != nil {
			break
		}
	}
	return results
}

func (s *source) testLevel(ctx context.Context, conn *pgx.Conn, _ int) (string, error) {
	var standby bool
	var level string
	if err := conn.QueryRow(ctx, "select pg_is_in_recovery(), current_setting('wal_level')").Scan(&standby, &level); err != nil {
		return "", err
	}
	switch {
	case standby:
		return "", s.standby()
	case level != "logical":
		return "", fmt.Errorf("wal_level is %s; a superuser can run: ALTER SYSTEM SET wal_level = 'logical', and restart the server", level)
	}
	return "", nil
}

func (s *source) standby() *setup.Problem {
	return &setup.Problem{Code: "standby", Message: s.address() + " is a standby server, and its log can only be read on the primary one; name that one as the host, or set update_method to " + queryBased}
}

func (s *source) testReplication(ctx context.Context, _ *pgx.Conn, _ int) (string, error) {
	conn, err := s.connectReplication(ctx)
	if err != nil {
		return "", err
	}
	return "", conn.Close(ctx)
}

func (s *source) testSlot(ctx context.Context, conn *pgx.Conn, version int) (string, error) {
	slot, err := readSlot(ctx, conn, version, s.ReplicationSlot)
	if err != nil {
		return "", err
	}
	switch {
	case slot == nil:
		var free bool
		if err := conn.QueryRow(ctx, "select (select count(*) from pg_replication_slots) < current_setting('max_replication_slots')::int").Scan(&free); err != nil {
			return "", err
		}
		if !free {
			return "", fmt.Errorf("there is no replication slot %s, and no room for one; a superuser can drop a slot that is not used, or raise max_replication_slots and restart the server", s.ReplicationSlot)
		}
		return "the first sync makes it", nil
	case !slot.ours():
		return "", s.slotUnusable()
	case slot.lost:
		return "the server has thrown away changes that it had not sent yet; the next sync makes the slot anew", nil
	}
	return "", nil
}

func (s *source) testPublication(ctx context.Context, conn *pgx.Conn, version int) (string, error) {
	pub, err := readPublication(ctx, conn, version, s.Publication)
	if err != nil {
		return "", err
	}
	cat, err := readCatalog(ctx, conn, version, nil)
	if err != nil {
		return "", err
	}
	if err := cat.readLogged(ctx, conn, version); err != nil {
		return "", err
	}
	rels := publishables(cat)
	if pub == nil {
		var may bool
		if err := conn.QueryRow(ctx, "select has_database_privilege(current_database(), 'create')").Scan(&may); err != nil {
			return "", err
		}
		if !may {
			return "", s.publicationMissing(rels)
		}
		return "the first sync makes it, if the role owns the tables", nil
	}
	var outside []string
	for _, r := range rels {
		if _, why := pub.publishes(r, nil); why != "" {
			outside = append(outside, r.name().String()+": "+why)
		}
	}
	if pub.mine && !pub.all || len(outside) == 0 {
		return "", nil
	}
	if more := len(outside) - 5; more > 0 {
		outside = append(outside[:5], fmt.Sprintf("and %d more", more))
	}
	return "read by queries are " + strings.Join(outside, "; "), nil
}

// publishables are the tables whose changes can be told from the log.
func publishables(cat *catalog) []*relation {
	var rels []*relation
	for _, rel := range cat.tables {
		if rel.Kind != "r" && rel.Kind != "p" || rel.unreadable() != "" || !rel.keyed() {
			continue
		}
		if all(rel.holders(), func(h *relation) bool { return h.unidentified(nil) == "" }) {
			rels = append(rels, rel)
		}
	}
	return rels
}
