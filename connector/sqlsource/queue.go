package sqlsource

import (
	"context"
	"sync"
)

// A job is a piece of work for one worker. It may add others to the queue.
type job[W Worker] func(ctx context.Context, w W, q *queue[W]) error

// A queue hands out jobs. The zero value is empty.
type queue[W Worker] struct {
	mu     sync.Mutex
	wake   *sync.Cond
	jobs   []job[W]
	active int
	closed bool
}

// work runs the queue's jobs until none is left or one fails.
func work[W Worker](ctx context.Context, q *queue[W], workers int, worker func() W) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(ctx, q.close)()
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			w := worker()
			defer w.Close(ctx)
			for job := q.next(); job != nil; job = q.next() {
				if err := job(ctx, w, q); err != nil {
					cancel(err)
					q.close()
				}
				q.done()
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

func (q *queue[W]) cond() *sync.Cond {
	if q.wake == nil {
		q.wake = sync.NewCond(&q.mu)
	}
	return q.wake
}

// add puts a job behind the others.
func (q *queue[W]) add(j job[W]) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.jobs = append(q.jobs, j)
	q.cond().Signal()
}

// push puts jobs before the others, so that a table that has been begun is
// finished first.
func (q *queue[W]) push(jobs ...job[W]) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.jobs = append(jobs, q.jobs...)
	q.cond().Broadcast()
}

// next waits for a job and returns it, or nil when there will be none. A job
// must be followed by done.
func (q *queue[W]) next() job[W] {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.jobs) == 0 && q.active > 0 && !q.closed {
		q.cond().Wait()
	}
	if len(q.jobs) == 0 || q.closed {
		return nil
	}
	j := q.jobs[0]
	q.jobs = q.jobs[1:]
	q.active++
	return j
}

func (q *queue[W]) done() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.active--
	q.cond().Broadcast()
}

func (q *queue[W]) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.cond().Broadcast()
}
