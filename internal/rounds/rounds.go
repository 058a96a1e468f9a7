// Package rounds works off what waits in a store: it looks again and again,
// begins what is due, and lets what it has begun go on side by side. Several
// processes on one database may do so at once.
package rounds

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Every is how long what other processes have added may go unnoticed.
const Every = 5 * time.Second

// Rounds are what looks for work and does it. All fields are required.
type Rounds struct {
	What  string                 // is looked for, in the words of the log
	Added func() <-chan struct{} // is closed when this process next adds something to look for
	Log   *slog.Logger
	Now   func() time.Time

	mu   sync.Mutex
	busy map[string]int // by whom they are for
	all  int            // of busy
	room chan struct{}  // something has ended
	left sync.WaitGroup
}

// Run calls look until ctx is done: at once, when something was added, when
// something begun has ended, at the time that look returned, and every few
// seconds. Then it waits for what has begun.
func (r *Rounds) Run(ctx context.Context, look func(context.Context) (next time.Time, err error)) {
	r.busy, r.room = map[string]int{}, make(chan struct{}, 1)
	defer r.left.Wait()
	for ctx.Err() == nil {
		added := r.Added()
		wait := Every
		switch next, err := look(ctx); {
		case err != nil && ctx.Err() == nil:
			r.Log.Error("look for "+r.What, "error", err, "again_in", wait)
		case err == nil && !next.IsZero():
			wait = min(wait, next.Sub(r.Now()))
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-added:
		case <-r.room:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// Begin does something for somebody. It is called by what Run calls.
func (r *Rounds) Begin(whom string, do func()) {
	r.count(whom, 1)
	r.left.Go(func() {
		defer func() {
			r.count(whom, -1)
			select {
			case r.room <- struct{}{}:
			default: // Run is going to look already
			}
		}()
		do()
	})
}

func (r *Rounds) count(whom string, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all += n
	if r.busy[whom] += n; r.busy[whom] == 0 {
		delete(r.busy, whom)
	}
}

// Busy returns how much is being done for somebody, and how much in all.
func (r *Rounds) Busy(whom string) (n, all int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.busy[whom], r.all
}
