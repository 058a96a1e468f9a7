package engine

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/penstock-data/penstock/internal/runner"
	"github.com/penstock-data/penstock/internal/store"
)

// following is what a run that stays on with its source tells of it.
type following struct {
	caughtUp atomic.Bool               // it has read all that there was when it began
	leaves   atomic.Bool               // it is to end then, instead of staying on
	surplus  atomic.Bool               // it ends because there are enough of its kind
	fresh    atomic.Pointer[time.Time] // all that was committed until then is in the destination
	window   window
}

// Follows implements [Engine].
func (e *InProcess) Follows(ctx context.Context, id string) (bool, error) {
	c, err := e.Store.Connection(ctx, id)
	if err != nil {
		return false, err
	}
	return e.Runner.Follows(c)
}

// surplusTime is how long a run waits that was to stay on while enough others
// did.
const surplusTime = time.Minute

// goOn makes a connection sync whose syncs waited for something to end.
func (e *InProcess) goOn(ctx context.Context, id string) {
	c, err := e.Store.Connection(ctx, id)
	if err == nil && c.Continuous && c.FollowAt.After(e.Now()) {
		_, err = e.Store.UpdateConnection(ctx, id, func(c *store.Connection) error {
			if now := e.Now(); c.FollowAt.After(now) {
				c.FollowAt = now
			}
			return nil
		})
		e.poke()
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		e.Log.Error("make a connection go on", "connection", id, "error", err) // in a while it does
	}
}

// landed is told what has got into the destination.
func (e *InProcess) landed(l *live, until time.Time, commits []runner.Commits) {
	now := e.Now()
	for _, c := range commits {
		latency := max(0, now.Sub(c.At))
		l.window.add(now, latency, c.Changes)
		e.metrics.latency.Observe(latency.Seconds())
	}
	l.fresh.Store(&until)
	if l.caughtUp.Swap(true) {
		return
	}
	switch {
	case l.leaves.Load():
		l.end(e.Grace)
	case e.followers() > e.Followers:
		l.surplus.Store(true)
		l.end(e.Grace)
	}
	e.poke() // it takes no place any more
}

// endRead makes the sync end when it has read all that there was when it began,
// at its next checkpoint if it has.
func (l *live) endRead(grace time.Duration) {
	l.leaves.Store(true)
	if l.caughtUp.Load() {
		l.end(grace)
	}
}

// followers returns how many runs stay on with their sources.
func (e *InProcess) followers() (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, l := range e.live {
		if l.caughtUp.Load() {
			n++
		}
	}
	return n
}

// noteFresh tells the store how far a run is that stays on.
func (e *InProcess) noteFresh(ctx context.Context, l *live) {
	until := l.fresh.Load()
	if until == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.Lease/3)
	defer cancel()
	err := e.Store.SetFresh(ctx, l.run.Token(), *until, l.window.sum(e.Now()))
	if err != nil && !errors.Is(err, store.ErrStale) {
		l.log.Warn("note until when the destination is up to date", "error", err) // it is for people
	}
}
