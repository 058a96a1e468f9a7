package sqlsource

import (
	"context"
	"time"
)

// freshEvery is how often a sync that goes on asks the server how far its log
// is.
const freshEvery = time.Second

// A freshness says until when all that was committed has been read.
type freshness[P Position[P]] struct {
	ahead time.Duration // of the server's clock before this machine's

	asked time.Time  // when the server was last asked how far its log was
	end   *Ending[P] // there; nil: that was told
}

// start compares the clocks.
func (n *freshness[P]) start(ctx context.Context, f *Follower[P]) error {
	began := time.Now()
	_, there, err := f.log.End(ctx)
	if err != nil {
		return err
	}
	took := time.Since(began)
	n.ahead = there.Sub(began.Add(took / 2))
	if n.ahead.Abs() < took { // which is as well as can be known
		n.ahead = 0
	}
	return nil
}

// committed is told that a transaction was read.
func (n *freshness[P]) committed(f *Follower[P]) {
	if f.sync.req.Reached != nil && f.changes > 0 {
		f.sync.req.Reached(time.UnixMicro(f.tx.Time).Add(-n.ahead), f.changes)
	}
}

// look tells until when all was read, if that is known, and asks again how far
// the log is. It is called between transactions.
func (n *freshness[P]) look(ctx context.Context, f *Follower[P], event Event) error {
	if f.sync.req.Reached == nil {
		return nil
	}
	if n.end != nil {
		reached, err := n.end.Reached(f.position, event, func() (bool, error) { return f.log.Idle(ctx) })
		if err != nil {
			return err
		}
		if reached {
			f.sync.req.Reached(n.asked, 0)
			n.end = nil
		}
	}
	now := time.Now()
	if n.end != nil || now.Sub(n.asked) < freshEvery {
		return nil
	}
	target, _, err := f.log.End(ctx)
	n.asked, n.end = now, &Ending[P]{Target: target}
	return err
}
