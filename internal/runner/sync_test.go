package runner

import (
	"testing"
	"time"

	"github.com/penstock-data/penstock/internal/store"
)

// TestStart has a run that goes on after it was taken over: rows that an
// earlier try wrote must be older than those of the later one.
func TestStart(t *testing.T) {
	began := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		fence int64
		now   time.Time
		want  time.Time
	}{
		{1, began.Add(time.Second), began},
		{2, began.Add(time.Minute), began.Add(time.Minute)},
		{2, began, began.Add(2 * time.Microsecond)},
		{3, began.Add(-time.Hour), began.Add(3 * time.Microsecond)},
	}
	for _, tt := range tests {
		if got := start(&store.Run{StartedAt: began, Fence: tt.fence}, tt.now); !got.Equal(tt.want) {
			t.Errorf("taken %d times, now at %v: %v, want %v", tt.fence, tt.now, got, tt.want)
		}
	}
}
