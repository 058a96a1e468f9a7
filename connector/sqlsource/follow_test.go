package sqlsource

import (
	"testing"
	"time"
)

// TestHealing counts what was healed of late.
func TestHealing(t *testing.T) {
	var h healing
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i, c := range []struct {
		later time.Duration
		often bool
	}{{0, false}, {time.Second, false}, {time.Second, false}, {time.Second, true}, {time.Second, true}, {2 * time.Minute, false}, {0, false}, {0, false}, {0, true}} {
		at = at.Add(c.later)
		if h = h.again(at); h.often() != c.often {
			t.Errorf("%d: often %v", i, h.often())
		}
	}
}
