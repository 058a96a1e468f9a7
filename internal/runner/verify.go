package runner

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/internal/pipe"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/internal/verify"
	"github.com/penstock-data/penstock/schema"
)

// A VerifyResult is what a [store.TableCheck] has as its Result.
type VerifyResult = verify.Result

// A CannotVerify says why a connection cannot be verified, whatever its state.
type CannotVerify struct{ what string }

func (e *CannotVerify) Error() string { return e.what + " cannot make checksums of its rows" }

// CanVerify returns a CannotVerify if a connection's service or destination
// cannot do it.
func (r *Runner) CanVerify(ctx context.Context, connectionID string) error {
	l, err := r.openLook(ctx, connectionID)
	if err != nil {
		return err
	}
	defer l.close()
	_, _, err = l.digesters()
	return err
}

func (l *look) digesters() (connector.Digester, destination.Digester, error) {
	from, ok := l.src.Source.(connector.Digester)
	if !ok {
		return nil, nil, &CannotVerify{"The connector " + l.src.service.ID}
	}
	to, ok := l.dst.Destination.(destination.Digester)
	if !ok {
		return nil, nil, &CannotVerify{"The destination " + l.dst.service.ID}
	}
	return from, to, nil
}

// Progress is how far a verification is.
type Progress struct {
	Checks  []store.TableCheck // shared with nobody
	Waiting bool               // for a sync to end, or for its turn
}

const (
	atOnce     = 2                      // verifications that compare at a time; each puts one query to a source or a destination
	mostListed = 20_000                 // rows that a verification lists of all tables together
	syncLook   = 500 * time.Millisecond // between looks whether a sync has ended
	tries      = 5                      // of a table, each ended by a sync
)

// Verify does a verification: it compares what syncs copy of the tables that
// v asks for, one after the other. tell is told how far it is. While a sync of
// the connection runs it waits, between any two of its queries, and compares
// the table under way once more after that. What the next sync reads anew is
// late, whatever was chosen since the last.
func (r *Runner) Verify(ctx context.Context, v *store.Verification, tell func(Progress)) (err error) {
	defer caught(r.Log.With("connection", v.ConnectionID), &err)
	s := &verifying{runner: r, v: v, tell: tell, room: mostListed}
	defer s.rest()
	if err := s.lookAhead(ctx); err != nil {
		return err
	}
	s.list()
	for i := range s.checks {
		if err := s.check(ctx, &s.checks[i]); err != nil {
			return err
		}
	}
	return nil
}

// verifying is a verification while it runs.
type verifying struct {
	runner *Runner
	v      *store.Verification
	tell   func(Progress)
	checks []store.TableCheck
	room   int // for rows to be listed

	// From lookAhead to rest, while it has its turn.
	yield func()
	run   string // the connection's last run, which has ended
	look  *look
	out   pipe.Outlook
	verify.Comparison
}

// errSyncing says that a sync has begun since lookAhead.
var errSyncing = errors.New("a sync began")

// latest returns the connection's latest run, "" if there is none, and whether
// it lives.
func (s *verifying) latest(ctx context.Context) (id string, lives bool, err error) {
	runs, err := s.runner.Store.Runs(ctx, s.v.ConnectionID, 1)
	if err != nil || len(runs) == 0 {
		return "", false, err
	}
	return runs[0].ID, runs[0].EndedAt.IsZero(), nil
}

// still is errSyncing if a sync has begun since lookAhead.
func (s *verifying) still(ctx context.Context) error {
	id, lives, err := s.latest(ctx)
	if err == nil && (lives || id != s.run) {
		err = errSyncing
	}
	return err
}

// lookAhead waits until no sync runs and it is the verification's turn, and
// finds out what there is to compare: a sync may have changed it, and people
// what is synced and how.
func (s *verifying) lookAhead(ctx context.Context) error {
	for {
		s.rest()
		if err := s.idle(ctx); err != nil {
			return err
		}
		if err := s.take(ctx); err != nil {
			return err
		}
		err := s.still(ctx)
		if err == nil {
			err = s.begin(ctx)
		}
		if err == nil {
			err = s.still(ctx)
		}
		if !errors.Is(err, errSyncing) {
			return err
		}
	}
}

// rest gives back what a verification holds while it compares.
func (s *verifying) rest() {
	if s.look != nil {
		s.look.close()
		s.look = nil
	}
	if s.yield != nil {
		s.yield()
		s.yield = nil
	}
}

// idle waits until no sync of the connection runs.
func (s *verifying) idle(ctx context.Context) error {
	for waits := false; ; waits = true {
		id, lives, err := s.latest(ctx)
		if err != nil || !lives {
			s.run = id
			return err
		}
		if !waits {
			s.told(true)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(syncLook):
		}
	}
}

// take waits for the verification's turn.
func (s *verifying) take(ctx context.Context) error {
	turns := s.runner.turns
	if len(turns) == cap(turns) {
		s.told(true)
	}
	select {
	case turns <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	done := allow(s.runner.share.Heap)
	s.yield = func() { done(); <-turns }
	return nil
}

// begin opens both sides and looks what the next sync would do.
func (s *verifying) begin(ctx context.Context) (err error) {
	if s.look, err = s.runner.openLook(ctx, s.v.ConnectionID); err != nil {
		return err
	}
	if s.Source, s.Destination, err = s.look.digesters(); err != nil {
		return err
	}
	if s.out, err = s.look.ahead(ctx, nil); err != nil {
		return err
	}
	s.State, s.Pause = s.out.State, s.still
	return nil
}

// list makes the list of the tables to be compared.
func (s *verifying) list() {
	if s.v.Tables == nil {
		for i := range s.out.Tables {
			s.checks = append(s.checks, store.TableCheck{Table: s.out.Tables[i].Source.Name, State: store.CheckPending})
		}
	}
	for _, n := range s.v.Tables {
		s.checks = append(s.checks, store.TableCheck{Table: n, State: store.CheckPending})
	}
	s.told(false)
}

func (s *verifying) told(waiting bool) {
	s.tell(Progress{slices.Clone(s.checks), waiting})
}

// check compares one table.
func (s *verifying) check(ctx context.Context, c *store.TableCheck) error {
	c.State, s.List = store.CheckRunning, min(s.v.List, s.room)
	s.told(false)
	r, err := s.compare(ctx, c.Table)
	if err != nil {
		return err
	}
	c.State, c.Wrong = store.CheckDone, r.Bad()
	s.room -= len(r.Differences)
	c.Result, err = json.Marshal(r)
	s.told(false)
	return err
}

func (s *verifying) compare(ctx context.Context, name schema.Name) (r verify.Result, err error) {
	for range tries {
		i := slices.IndexFunc(s.out.Tables, func(t pipe.TableOutlook) bool { return t.Source.Name == name })
		if i < 0 {
			return verify.Result{Source: name.String(), Error: "no sync reads it now: it is blocked, paused, or gone from the source"}, nil
		}
		r, err = s.Outlook(ctx, &s.out.Tables[i])
		if err == nil {
			err = s.still(ctx) // or the two sides were not asked about the same
		}
		if r.Error != "" {
			r.Error = s.look.explain(ctx, errors.New(r.Error)).Error()
		}
		if !errors.Is(err, errSyncing) {
			return r, err
		}
		if err := s.lookAhead(ctx); err != nil {
			return r, err
		}
		s.told(false)
	}
	return verify.Result{Source: r.Source, Destination: r.Destination,
		Error: "syncs began too often for it to be compared: pause the connection, or sync it less often"}, nil
}
