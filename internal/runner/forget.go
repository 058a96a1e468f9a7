package runner

import (
	"encoding/json"
	"fmt"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// forget takes the tables that are to be read again out of a state. A source
// that cannot forget single tables reads all of them again.
func (l *ledger) forget(state json.RawMessage, tables []schema.Name) (json.RawMessage, error) {
	f, ok := l.source.(connector.Forgetter)
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
