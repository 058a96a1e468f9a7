package runner

import (
	"context"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/internal/schedule"
	"github.com/penstock-data/penstock/internal/store"
)

// checkpointEvery is how old changes become before a sync that stays on makes
// them durable.
const checkpointEvery = time.Second

// stays reports whether a connection's syncs are to stay on with the source. One
// that syncs only when somebody asks for it is done when it has done that; and
// so are, of any connection, a historical sync and one that somebody asked for:
// their end tells people that the destination has what they wait for.
func stays(c *store.Connection, src *openSource) bool {
	return c.Continuous && c.ScheduleType == schedule.Auto && follows(src.Source)
}

func follows(src connector.Source) bool {
	f, ok := src.(connector.Follower)
	return ok && f.Follows()
}

// Follows reports whether a connection's source, as it is configured, can stay
// on.
func (r *Runner) Follows(c *store.Connection) (bool, error) {
	svc := r.connectors[c.Service]
	if svc == nil || svc.Absent != nil {
		return false, nil
	}
	src, err := svc.Open(config(c.Config), connector.Env{Log: r.Log})
	if err != nil {
		return false, err
	}
	defer src.Close()
	return follows(src), nil
}

// verifyTime is how long a verification has after a sync of a connection that
// stays on; its end makes the next one due.
const verifyTime = 15 * time.Minute

// verified returns for how long no sync is to begin because somebody compares
// what the connection's syncs have copied, which is done between syncs.
func (s *syncing) verified(ctx context.Context) (time.Duration, error) {
	all, err := s.runner.Store.Verifications(ctx, s.run.ConnectionID, s.runner.Now())
	if len(all) > 0 && all[0].State == store.VerificationRunning {
		return verifyTime, nil
	}
	return 0, ofStore("verifications", err)
}

// until returns how long the sync stays on: no longer than the connection's
// frequency, because tables that are not in the source's log are read once in
// each sync.
func (s *syncing) until(c *store.Connection) time.Time {
	until := s.watch.Until
	if next := s.runner.Now().Add(time.Duration(c.SyncFrequency) * time.Minute); next.Before(until) {
		return next
	}
	return until
}

func (s *syncing) landed(until time.Time, now []Commits) {
	if !s.caughtUp.Swap(true) {
		s.events.slow()
	}
	if s.watch.Landed != nil {
		s.watch.Landed(until, now)
	}
}
