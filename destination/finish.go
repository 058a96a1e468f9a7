package destination

import "context"

// A Finisher is a [Writer] that has something to do at the end of a sync.
type Finisher interface {
	// Finish is called after the last Flush of a sync that was not broken
	// off. It prepares tables for later syncs, which cannot rely on it.
	Finish(ctx context.Context)
}
