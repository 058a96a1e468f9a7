package store

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// A Latency is how long it took from the commit of changes at the source until
// they could be read in the destination.
type Latency struct {
	Changes int64   `json:"changes"` // that were measured
	P50     float64 `json:"p50"`     // seconds, so that half of the changes took no longer
	P95     float64 `json:"p95"`
	P99     float64 `json:"p99"`
}

// SetFresh notes how far a run is that stays on: all that was committed until
// a time is in the destination. It is [ErrStale] if the run is not the token's
// any more.
func (s *Store) SetFresh(ctx context.Context, t Token, until time.Time, l *Latency) error {
	var latency any // null
	if l != nil {
		b, err := json.Marshal(l)
		if err != nil {
			return err
		}
		latency = string(b)
	}
	err := one(s.write.ExecContext(ctx, `update runs set fresh_at = $3, latency = coalesce($4, latency) where id = $1 and fence = $2 and ended_at is null`,
		t.RunID, t.Fence, micros(until), latency))
	if errors.Is(err, ErrNotFound) {
		return ErrStale
	}
	if err != nil {
		return err
	}
	_, err = s.write.ExecContext(ctx, `update connections set fresh_at = $2 where id = $1 and (fresh_at is null or fresh_at < $2)`, t.ConnectionID, micros(until))
	return err
}
