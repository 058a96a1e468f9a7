package connector

import (
	"context"
	"encoding/json"
	"time"
)

// A Follower is a Source that may follow a log, see [Request.Until].
type Follower interface {
	// Follows reports whether it does with the config that it was opened with.
	Follows() bool
}

// A Keeper is a Source whose server may keep something back for it between
// syncs, such as a log from the place on up to which it was read. Whatever is
// kept grows until the next sync, and may fill the server's disk.
type Keeper interface {
	// Keeps reports whether, with the config that it was opened with, its
	// server keeps anything.
	Keeps() bool

	// Backlog asks the server how much it keeps. It is cheap: it reads no
	// rows, and gives up soon. state is what was last given to
	// [Output.Checkpoint], or nil.
	Backlog(ctx context.Context, state json.RawMessage) (Backlog, error)

	// Release makes the server keep nothing more, even while a sync reads,
	// which then fails. The next Sync brings everything up to date by
	// other means. What somebody else set up for the purpose stays unless
	// force is set. It returns what was let go of, in words for people; "":
	// there was nothing.
	Release(ctx context.Context, state json.RawMessage, force bool) (what string, err error)
}

// A Spiller is a Keeper that can take what its server keeps into [Env.Folder].
type Spiller interface {
	Keeper

	// Spill moves what the server keeps, as far as it had come when Spill
	// began, into files, and has the server forget it once they are on disk.
	// The next Sync with state, or with a later one, applies them before it
	// goes on with the server; if they are gone or damaged then, it brings
	// everything up to date by other means. No Sync may run meanwhile. It
	// returns how many bytes were moved, of which all are good even if an
	// error, or the end of ctx, kept it from the rest.
	Spill(ctx context.Context, state json.RawMessage) (moved int64, err error)
}

// A Backlog is what a source's server keeps back.
type Backlog struct {
	What     string        // in words for people, such as "replication slot penstock_1"; "": nothing is kept
	Retained int64         // bytes
	Limit    int64         // at how many bytes the server itself lets go of it; 0: never
	Lag      time.Duration // how old the first change that was not read yet is at least; 0: not known
	Lost     bool          // the server has let go of it
	Spilled  int64         // bytes in files, see [Spiller]
}
