package pipe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// forget takes the tables out of a state that the destination does not have:
// somebody has dropped them, or put another destination in its place. They are
// read whole, or the rows from before would be missing for ever. The new state
// is saved before the tables are made again.
func (o *output) forget(ctx context.Context, state json.RawMessage, tables []*table) (json.RawMessage, error) {
	f, ok := o.plan.Source.(connector.Forgetter)
	if !ok || state == nil {
		return state, nil
	}
	var absent []schema.Name
	var names []string
	for _, t := range tables {
		if len(t.asked.Columns) == 0 { // it is made when its first row comes
			continue
		}
		err := o.describe(ctx, t)
		if errors.As(err, new(*destination.TableError)) { // it is met again
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("look at %s: %w", t.destination, err)
		}
		if !t.absent {
			continue
		}
		known, err := connector.Knows(f, state, t.source)
		if err != nil {
			return nil, forgetting(err)
		}
		if known { // else it is new
			absent, names = append(absent, t.source), append(names, t.destination.String())
		}
	}
	if len(absent) == 0 {
		return state, nil
	}
	after, err := f.Forget(state, absent)
	if err != nil {
		return nil, forgetting(err)
	}
	if more := len(names) - 10; more > 0 {
		names = append(names[:10], fmt.Sprintf("%d more", more))
	}
	o.Warn(setup.Warning{Code: "table_missing", Message: fmt.Sprintf(
		"The destination does not have %s: of them all rows are read, not only those that have changed.", strings.Join(names, ", "))})
	if err := o.plan.Ledger.SetState(ctx, after); err != nil {
		return nil, fmt.Errorf("save the state: %w", err)
	}
	return after, nil
}

func forgetting(err error) error {
	return fmt.Errorf("forget the tables that the destination does not have: %w", err)
}
