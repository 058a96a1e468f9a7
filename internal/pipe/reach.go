package pipe

import (
	"sync"
	"time"
)

// Commits are changes that were committed at the source at one time, about.
type Commits struct {
	At      time.Time
	Changes int64
}

// A reach is what the source has sent of a log and the destination has not made
// durable yet. The zero value is nothing.
type reach struct {
	mu      sync.Mutex
	until   time.Time // the source has sent all that was committed until then; zero: it has not said so
	commits []Commits // in the order in which they were sent
	apart   time.Duration
	unsaved bool // rows were sent since the last checkpoint began
	saving  bool // a checkpoint has begun
}

const (
	commitsApart = 10 * time.Millisecond // of those that are told apart, at least
	commitsKept  = 4096                  // when there are more, they are told apart less
)

// wrote notes that rows were sent.
func (r *reach) wrote() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unsaved = true
}

// reached takes what [connector.Request.Reached] is told. It reports whether
// the destination has all of it already.
func (r *reach) reached(at time.Time, changes int64) (durable bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if changes > 0 {
		r.add(Commits{at, changes})
	}
	if changes == 0 && len(r.commits) == 0 && !r.unsaved && !r.saving {
		r.until = time.Time{}
		return true
	}
	r.until = at
	return false
}

func (r *reach) add(c Commits) {
	if n := len(r.commits); n > 0 && c.At.Sub(r.commits[n-1].At).Abs() < max(r.apart, commitsApart) {
		r.commits[n-1].Changes += c.Changes
		return
	}
	if len(r.commits) < commitsKept {
		r.commits = append(r.commits, c)
		return
	}
	r.apart = max(2*r.apart, 2*commitsApart)
	all := r.commits
	r.commits = r.commits[:0]
	for _, one := range all {
		r.add(one) // it writes no further than it has read
	}
	r.add(c)
}

// take returns what a checkpoint that begins now is going to make durable.
func (r *reach) take() (until time.Time, commits []Commits) {
	r.mu.Lock()
	defer r.mu.Unlock()
	until, commits = r.until, r.commits
	r.until, r.commits, r.apart, r.unsaved, r.saving = time.Time{}, nil, 0, false, true
	return until, commits
}

// saved ends what take began.
func (r *reach) saved() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.saving = false
}
