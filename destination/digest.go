package destination

import (
	"context"

	"github.com/penstock-data/penstock/schema"
)

// A Digester is a Destination whose rows can be compared where they are.
type Digester interface {
	// Digest gives each digest that q asks for to yield, in any order, and
	// ends with the first error of yield. Rows that are marked as deleted and
	// versions that hold no longer are not among the rows. It puts no more
	// than one query at a time to the destination, and writes nothing.
	Digest(ctx context.Context, q schema.DigestQuery, yield func(schema.Digest) error) error
}
