// Package sqlsource is the kit for databases: what reading one has in common
// with reading another, be it by queries alone or by a log of changes as well.
//
// # A sync
//
// [Query] and [Follow] are the two ways through a sync, and each is a page long.
// A sync goes in rounds. In each the database gives a [View], a state of it under
// which tables are read, and plans the tables; what has to be read of them is cut
// into pieces, which a few workers read. A table for which the view proves unfit
// is read in another round. With a log, the log is read after each round; so a
// round of long loads ends early when the log has waited, and what is left is
// loaded in the next.
//
// # States
//
// A [State] is saved by checkpoints, one at a time, and only when all that it
// speaks of is durable in the destination. Only then the log is confirmed: the
// server may forget what was read.
//
// # The log
//
// Queries are the one way to bring a table to the state of a view. From there on
// it is handed over to the log: a change is applied if the queries did not see
// its transaction, which the table's [Handover] tells. Nothing of a table that is
// not handed over is taken from the log. So loads can be interrupted, and a table
// that fails is left to queries again, which holds back no other: it is healed.
//
// Changes are sent in another order than they came in, but in their order for
// each key; see [Window].
//
// # What a database adds
//
// Its catalog, its SQL, how rows are decoded, how changes are found by queries,
// and how its log is had. A database whose log has positions only, or sets of
// transactions, has a [Position] and a [Seen] of its own; whether all workers
// read one snapshot, or each piece has a point of its own, is the View's affair.
package sqlsource

import (
	"context"
	"time"

	"github.com/penstock-data/penstock/schema"
)

// A Database gives the views that tables are read under.
type Database[W Worker] interface {
	// View begins a round in which these tables are read.
	View(ctx context.Context, names map[schema.Name]bool) (View[W], error)

	// AboutTable reports whether an error concerns only the table that was
	// read, and neither the connection nor the view.
	AboutTable(err error) bool
}

// A View is a state of the database for one round.
type View[W Worker] interface {
	// Plan decides how a table is read, and tells the state and the log. It
	// returns nil if nothing is to be read by queries in this round. Its error
	// is about the table.
	Plan(want *schema.Table) (Table[W], error)

	// Worker makes one of the workers. It is called from several goroutines.
	Worker() W

	// Settle waits until the server cannot lose any more what the view sees.
	// It is called before each checkpoint of the round, one at a time, and at
	// the round's end. Once it has returned nil it does so without the
	// database, after Close too.
	Settle(ctx context.Context) error

	Close(ctx context.Context)
}

// A Worker is what one goroutine reads with, such as a connection.
type Worker interface {
	Close(ctx context.Context)
}

// A Table is a table in one round.
type Table[W Worker] interface {
	Name() schema.Name

	// Cut says what is to be read, in pieces of bounded size.
	Cut(ctx context.Context, w W) ([]Piece[W], error)

	// Finish follows when all pieces have been read. It makes the table
	// complete for the view, and hands it over to the log.
	Finish(ctx context.Context, w W) error

	// Waits reports whether what is to be loaded may be left to another round.
	Waits() bool

	// Retry reports whether the table may be readable under another view.
	Retry(err error) bool

	// Explain puts an error about the table into words for people.
	Explain(err error) error
}

// A Piece is what one worker reads of a table at a time.
type Piece[W Worker] struct {
	Read func(ctx context.Context, w W) error

	// Kept says that the state knows when the piece has been read, so that a
	// later round or sync goes on behind it.
	Kept bool
}

// maxRounds is how often a table is tried under another view in one sync.
const maxRounds = 4

// Query is a sync that finds changes by queries.
func Query[W Worker](ctx context.Context, s *Sync, db Database[W]) error {
	for n := 1; n == 1 || len(s.again) > 0; n++ {
		if err := round(ctx, s, db, n >= maxRounds); err != nil {
			return err
		}
	}
	if !s.dirty.Load() { // an idle sync leaves no trace, in the destination or the ledger
		return nil
	}
	return s.Checkpoint(ctx)
}

// Follow is a sync with a log: tables that it does not tell of are read by
// queries, and then it goes on with them.
func Follow[W Worker, P Position[P]](ctx context.Context, s *Sync, db Database[W], f *Follower[P]) error {
	for again := true; again; {
		for n := 1; n == 1 || len(s.again) > 0; n++ {
			if err := round(ctx, s, db, n >= maxRounds); err != nil {
				return err
			}
			if s.over {
				n--
			}
			err := f.readRound(ctx)
			if err != nil && n <= 1 {
				err = f.log.Renew(ctx, err)
			}
			if err != nil {
				return err
			}
		}
		if !time.Now().Before(s.req.Until) || s.stopped() {
			break
		}
		if err := f.readUntil(ctx, s.req.Until); err != nil {
			return err
		}
		again = len(s.again) > 0
	}
	if !f.news() { // as above
		return nil
	}
	return f.Save(ctx)
}

// round reads the tables of s.again under one view. Those for which it proves
// unfit are left there, unless it is the last round.
func round[W Worker](ctx context.Context, s *Sync, db Database[W], last bool) error {
	names := make(map[schema.Name]bool, len(s.again))
	for _, n := range s.again {
		names[n] = true
	}
	s.again, s.pieces, s.over, s.begun = nil, 0, false, time.Now()
	s.aboutTable = db.AboutTable
	view, err := db.View(ctx, names)
	if err != nil {
		return err
	}
	defer view.Close(ctx)
	s.settle = view.Settle
	var q queue[W]
	for i := range s.req.Tables {
		want := &s.req.Tables[i]
		if !names[want.Name] {
			continue
		}
		t, err := view.Plan(want)
		if err != nil {
			s.out.Fail(want.Name, err)
		} else if t != nil {
			l := &load[W]{sync: s, table: t, last: last}
			q.add(l.start)
		}
	}
	if s.log != nil {
		s.log.planned()
	}
	if err := work(ctx, &q, s.limits.Workers, view.Worker); err != nil {
		return err
	}
	return view.Settle(ctx)
}
