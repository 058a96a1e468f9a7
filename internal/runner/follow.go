package runner

import (
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/internal/schedule"
	"github.com/penstock-data/penstock/internal/store"
)

// stays reports whether the sync is to stay on with its source. A connection
// that syncs when somebody asks for it is done when it has done that.
func (s *syncing) stays(c *store.Connection, src *openSource) bool {
	return s.watch.Enough != nil && c.Continuous && c.ScheduleType == schedule.Auto && follows(src.Source)
}

func follows(src connector.Source) bool {
	f, ok := src.(connector.Follower)
	return ok && f.Follows()
}

// Follows reports whether the source of a service that is configured so can
// stay on.
func (r *Runner) Follows(c *store.Connection) (bool, error) {
	svc := r.connectors[c.Service]
	if svc == nil {
		return false, nil
	}
	src, err := svc.Open(config(c.Config), connector.Env{Log: r.Log})
	if err != nil {
		return false, err
	}
	defer src.Close()
	return follows(src), nil
}

// until returns what is closed when the source is to end: in good order, or at
// a checkpoint, which an idle source may not come to by itself. The caller
// calls end when the source has ended.
func (s *syncing) until() (until <-chan struct{}, end func()) {
	closing, ended := make(chan struct{}), make(chan struct{})
	go func() {
		select {
		case <-s.watch.Enough:
		case <-s.watch.Stop:
		case <-ended:
		}
		close(closing)
	}()
	return closing, func() { close(ended) }
}

func (s *syncing) landed(until time.Time, now []Commits) {
	if !s.followed.Swap(true) {
		s.events.slow()
	}
	if s.watch.Landed != nil {
		s.watch.Landed(until, now)
	}
}
