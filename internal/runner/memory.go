package runner

import (
	"runtime/debug"
	"sync"
)

// heap bounds what Go allocates in this process: a base for everything else,
// and the share of each running sync. Nearing the bound, the garbage
// collector runs sooner, so that a sync's batches do not pile up as garbage.
var heap struct {
	mu    sync.Mutex
	syncs int64 // bytes allowed to the running ones
}

const heapBase = 64 << 20

// allow makes room for a sync and returns a function that takes it back.
func allow(bytes int64) (done func()) {
	change := func(by int64) {
		heap.mu.Lock()
		defer heap.mu.Unlock()
		heap.syncs += by
		debug.SetMemoryLimit(heapBase + heap.syncs)
	}
	change(bytes)
	return func() { change(-bytes) }
}
