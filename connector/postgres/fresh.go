package postgres

import (
	"context"
	"time"
)

// freshEvery is how often a sync that goes on asks the server how far its log
// is.
const freshEvery = time.Second

// A freshness says until when all that was committed has been read.
type freshness struct {
	ahead time.Duration // of the server's clock before this machine's

	asked time.Time // when the server was last asked how far its log was
	end   *ending   // there; nil: that was told
}

// start compares the clocks.
func (n *freshness) start(ctx context.Context, f *follower) error {
	var there time.Time
	began := time.Now()
	if err := f.conn.QueryRow(ctx, `select clock_timestamp()`).Scan(&there); err != nil {
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
func (n *freshness) committed(f *follower) {
	if f.run.req.Reached != nil && f.changes > 0 {
		f.run.req.Reached(time.UnixMicro(f.now.time+epochMicros).Add(-n.ahead), f.changes)
	}
}

// look tells until when all was read, if that is known, and asks again how far
// the log is. It is called between transactions.
func (n *freshness) look(ctx context.Context, f *follower) error {
	if f.run.req.Reached == nil {
		return nil
	}
	if n.end != nil {
		reached, err := n.end.reached(ctx, f.stream, f.position)
		if err != nil {
			return err
		}
		if reached {
			f.run.req.Reached(n.asked, 0)
			n.end = nil
		}
	}
	now := time.Now()
	if n.end != nil || now.Sub(n.asked) < freshEvery {
		return nil
	}
	target, err := flushPosition(ctx, f.conn)
	n.asked, n.end = now, &ending{conn: f.conn, target: target}
	return err
}
