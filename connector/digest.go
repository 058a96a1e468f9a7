package connector

import (
	"context"
	"encoding/json"

	"github.com/penstock-data/penstock/schema"
)

// A Digester is a Source whose rows can be compared where they are.
type Digester interface {
	// Digest gives each digest that q asks for to yield, in any order, and
	// ends with the first error of yield. [schema.Digest.Changed] counts rows
	// that a Sync with state might send; it is 0 if state is nil. It puts no
	// more than one query at a time to the source.
	Digest(ctx context.Context, state json.RawMessage, q schema.DigestQuery, yield func(schema.Digest) error) error
}
