package engine

import (
	"math"
	"sync"
	"time"

	"github.com/penstock-data/penstock/internal/store"
)

// A window counts latencies of the last minutes, by their size: each class is
// five per cent wider than the one before, which is how exact its percentiles
// are. The zero value has counted nothing.
type window struct {
	mu    sync.Mutex
	slots [windowSlots]latencies // the latest first
}

type latencies struct {
	since  time.Time
	counts [latencyClasses]int64
}

const (
	windowSlots    = 10 // of half a minute each
	slotTime       = 30 * time.Second
	latencyClasses = 400 // from a millisecond to three days
	classWidth     = 1.05
)

func (w *window) add(now time.Time, latency time.Duration, changes int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now.Sub(w.slots[0].since) >= slotTime {
		copy(w.slots[1:], w.slots[:])
		w.slots[0] = latencies{since: now}
	}
	class := math.Log(max(1, float64(latency)/float64(time.Millisecond))) / math.Log(classWidth)
	w.slots[0].counts[min(int(class), latencyClasses-1)] += changes
}

// sum returns the percentiles of what was counted in the last minutes; nil if
// nothing was.
func (w *window) sum(now time.Time) *store.Latency {
	w.mu.Lock()
	defer w.mu.Unlock()
	var counts [latencyClasses]int64
	var l store.Latency
	for i := range w.slots {
		if s := &w.slots[i]; now.Sub(s.since) < windowSlots*slotTime {
			for class, n := range s.counts {
				counts[class] += n
				l.Changes += n
			}
		}
	}
	if l.Changes == 0 {
		return nil
	}
	at := func(share float64) float64 {
		left := int64(math.Ceil(share * float64(l.Changes)))
		for class, n := range counts {
			if left -= n; left <= 0 {
				return math.Round(math.Pow(classWidth, float64(class+1))) / 1000
			}
		}
		return 0 // the counts are all of them
	}
	l.P50, l.P95, l.P99 = at(0.5), at(0.95), at(0.99)
	return &l
}
