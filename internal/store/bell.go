package store

import (
	"database/sql"
	"sync"
)

// A bell wakes those who wait for transactions that add something.
type bell struct {
	mu   sync.Mutex
	rung chan struct{}
	due  map[*sql.Tx]bool // transactions that will ring it
}

func newBell() *bell {
	return &bell{rung: make(chan struct{}), due: map[*sql.Tx]bool{}}
}

// expect says that a transaction has something to ring for.
func (b *bell) expect(tx *sql.Tx) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.due[tx] = true
}

// settle is called when a transaction has ended.
func (b *bell) settle(tx *sql.Tx, committed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.due[tx] && committed {
		close(b.rung)
		b.rung = make(chan struct{})
	}
	delete(b.due, tx)
}

// next returns a channel that is closed at the next ring.
func (b *bell) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.rung
}

// Appended returns a channel that is closed when this process next adds
// events. Whoever takes it before looking for events misses none of this
// process; those of others on the same database have to be looked for.
func (s *Store) Appended() <-chan struct{} { return s.appended.next() }
