package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
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
	Waiting bool               // for a sync to end
}

// Verify does a verification: it compares what syncs copy of the tables that
// v asks for, one after the other. tell is told how far it is. While a sync of
// the connection runs it waits, between any two of its queries, and compares
// the table under way once more after that.
func (r *Runner) Verify(ctx context.Context, v *store.Verification, tell func(Progress)) (err error) {
	defer allow(r.share.Heap)()
	defer func() {
		if p := recover(); p != nil {
			r.Log.Error("panic in a verification", "connection", v.ConnectionID, "panic", p, "stack", string(debug.Stack()))
			err = &faultError{p}
		}
	}()
	l, err := r.openLook(ctx, v.ConnectionID)
	if err != nil {
		return err
	}
	defer l.close()
	s := &verifying{look: l, v: v, tell: tell}
	if s.Source, s.Destination, err = l.digesters(); err != nil {
		return err
	}
	s.List, s.Pause = v.List, s.still
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
	*look
	verify.Comparison
	v      *store.Verification
	tell   func(Progress)
	run    string // the connection's last run, which has ended
	out    pipe.Outlook
	checks []store.TableCheck
}

// errSyncing says that a sync has begun since lookAhead.
var errSyncing = errors.New("a sync began")

const (
	syncLook = 500 * time.Millisecond // between looks whether a sync has ended
	tries    = 5                      // of a table, each ended by a sync
)

// latest returns the connection's latest run, "" if there is none, and whether
// it lives.
func (s *verifying) latest(ctx context.Context) (id string, lives bool, err error) {
	runs, err := s.runner.Store.Runs(ctx, s.c.ID, 1)
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

// lookAhead waits until no sync runs and finds out what there is to compare.
func (s *verifying) lookAhead(ctx context.Context) error {
	for {
		id, lives, err := s.latest(ctx)
		if err != nil {
			return err
		}
		if lives {
			s.told(true)
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(syncLook):
			}
			continue
		}
		s.run = id
		if s.State, err = s.runner.Store.State(ctx, s.c.ID); err != nil {
			return fmt.Errorf("state: %w", err)
		}
		if s.out, err = s.ahead(ctx, s.State, nil); err != nil {
			return err
		}
		if err := s.still(ctx); !errors.Is(err, errSyncing) {
			return err
		}
	}
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
	c.State = store.CheckRunning
	s.told(false)
	r, err := s.compare(ctx, c.Table)
	if err != nil {
		return err
	}
	c.State, c.Wrong = store.CheckDone, r.Bad()
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
			r.Error = s.explain(ctx, errors.New(r.Error)).Error()
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
