package runner

import (
	"context"
	"errors"
	"time"

	"github.com/penstock-data/penstock/destination"
)

// ErrNoQueries says that a destination cannot be looked into by queries.
var ErrNoQueries = errors.New("queries can be asked of DuckDB destinations only; ask this one with its own tools")

// queryTime is how long a query of somebody's may take.
const queryTime = 20 * time.Second

// Query looks into the tables of a destination by a query of somebody's.
func (r *Runner) Query(ctx context.Context, id string, q destination.Query) (*destination.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTime)
	defer cancel()
	d, err := r.Store.Destination(ctx, id)
	if err != nil {
		return nil, ofStore("read the destination", err)
	}
	dst, err := r.destination(ctx, d, r.Log.With("destination", id))
	if err != nil {
		return nil, ofService(err)
	}
	defer dst.tunnel.Close()
	asked, ok := dst.Destination.(destination.Querier)
	if !ok {
		return nil, ErrNoQueries
	}
	a, err := asked.Query(ctx, q)
	return a, ofService(err)
}
