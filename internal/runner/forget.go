package runner

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// Forgets reports whether a connection's source can be read again table by
// table.
func (r *Runner) Forgets(ctx context.Context, connectionID string) (bool, error) {
	c, err := r.Store.Connection(ctx, connectionID)
	if err != nil {
		return false, err
	}
	src, err := r.source(ctx, c, r.Log.With("connection", connectionID))
	if err != nil {
		return false, ofService(err)
	}
	defer src.Close()
	_, ok := src.Source.(connector.Forgetter)
	return ok, nil
}

// forget takes the tables that are to be read again out of a state.
func (l *ledger) forget(state json.RawMessage, tables []schema.Name) (json.RawMessage, error) {
	return forget(l.source, state, tables)
}

func forget(src connector.Source, state json.RawMessage, tables []schema.Name) (json.RawMessage, error) {
	f, ok := src.(connector.Forgetter)
	if !ok {
		return nil, &setup.Problem{Code: "resync_not_supported", Message: fmt.Sprintf(
			"Table %s cannot be re-synced alone. Re-sync the connection.", tables[0])}
	}
	state, err := f.Forget(state, tables)
	if err != nil {
		return nil, fmt.Errorf("forget the tables to be re-synced: %w", err)
	}
	return state, nil
}
