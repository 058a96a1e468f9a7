package sqlsource

import (
	"context"
	"sync"
	"sync/atomic"
)

// A load is the work of one table in one round.
type load[W Worker] struct {
	sync  *Sync
	table Table[W]
	last  bool // no other round follows

	pending atomic.Int32 // pieces not yet read
	off     atomic.Bool  // the rest is left to another round

	mu      sync.Mutex
	failure error
}

// start is the first job of a table: it cuts the table into pieces and queues
// their jobs. The job that is done last goes on with end.
func (l *load[W]) start(ctx context.Context, w W, q *queue[W]) error {
	if l.putOff(ctx) {
		return l.end(ctx, w)
	}
	pieces, err := l.table.Cut(ctx, w)
	if err := l.note(err); err != nil {
		return err
	}
	if len(pieces) == 0 || l.failed() != nil {
		return l.end(ctx, w)
	}
	l.pending.Store(int32(len(pieces)))
	jobs := make([]job[W], len(pieces))
	for i, p := range pieces {
		jobs[i] = l.job(p)
	}
	q.push(jobs...)
	return nil
}

func (l *load[W]) job(p Piece[W]) job[W] {
	return func(ctx context.Context, w W, q *queue[W]) error {
		if l.failed() == nil && !(p.Kept && l.putOff(ctx)) {
			if err := l.note(l.read(ctx, w, p)); err != nil {
				return err
			}
		}
		if l.pending.Add(-1) > 0 {
			if !p.Kept { // only the table's end is progress
				return nil
			}
			return l.sync.checkpointAfter(ctx, l.sync.limits.CheckpointBytes)
		}
		return l.end(ctx, w)
	}
}

func (l *load[W]) read(ctx context.Context, w W, p Piece[W]) error {
	if err := p.Read(ctx, w); err != nil || !p.Kept {
		return err
	}
	l.sync.mu.Lock()
	defer l.sync.mu.Unlock()
	l.sync.pieces++
	return nil
}

// putOff reports whether what is to be loaded of the table is left to another
// round, so that the log need not wait for it.
func (l *load[W]) putOff(ctx context.Context) bool {
	if l.table.Waits() && !l.off.Load() && l.sync.roundOver(ctx) {
		l.off.Store(true)
	}
	return l.off.Load()
}

// end follows the last piece of a table.
func (l *load[W]) end(ctx context.Context, w W) error {
	most := l.sync.limits.CheckpointBytes
	if l.failed() == nil && l.off.Load() {
		l.sync.Again(l.table.Name())
		return l.sync.checkpointAfter(ctx, most)
	}
	if l.failed() == nil {
		if err := l.note(l.table.Finish(ctx, w)); err != nil {
			return err
		}
	}
	if err := l.failed(); err != nil {
		l.report(err)
		return nil
	}
	return l.sync.checkpointAfter(ctx, min(smallTable, most))
}

// smallTable is how many bytes may wait for the checkpoint of a later table.
const smallTable = 1 << 20

// note keeps an error that is about the table alone: its other jobs do nothing
// then. It returns one that stops the whole sync.
func (l *load[W]) note(err error) error {
	if err == nil || !l.sync.concernsTable(err) {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failure == nil {
		l.failure = err
	}
	return nil
}

func (l *load[W]) failed() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failure
}

// report says what became of a table that failed.
func (l *load[W]) report(err error) {
	if !l.last && l.table.Retry(err) {
		l.sync.Again(l.table.Name())
		return
	}
	l.sync.out.Fail(l.table.Name(), l.table.Explain(err))
}
