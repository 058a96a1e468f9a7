package connector

import (
	"context"
	"encoding/json"

	"github.com/penstock-data/penstock/schema"
)

// Anew is why a Sync reads a table from its beginning.
type Anew string

const (
	AnewUnknown Anew = "unknown" // the state does not know the table
	AnewColumns Anew = "columns" // columns that are wanted now were not, or have another type or part in the key
	AnewAlways  Anew = "always"  // what changed in it cannot be told
)

// A Foreteller is a Source that can say what a Sync would do.
type Foreteller interface {
	// Foretell returns which of tables a Sync with state would read from their
	// beginning. Each has the columns of which values are kept, and the key
	// that is chosen for it. state is never nil.
	Foretell(ctx context.Context, state json.RawMessage, tables []schema.Table) (map[schema.Name]Anew, error)
}
