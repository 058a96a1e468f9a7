package simulator

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"time"
)

// Serve answers requests on ln until ctx ends, then closes it.
func (s *Simulator) Serve(ctx context.Context, ln net.Listener) error {
	srv := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { srv.Close() })
	defer stop()
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func sortByTime(ids []int64, latest bool, at func(id int64) time.Time) {
	slices.SortStableFunc(ids, func(a, b int64) int { return at(a).Compare(at(b)) })
	if latest {
		slices.Reverse(ids)
	}
}
