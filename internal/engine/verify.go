package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/penstock-data/penstock/internal/runner"
	"github.com/penstock-data/penstock/internal/schemaconfig"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/schema"
)

var (
	// ErrVerifying says that a connection is being verified.
	ErrVerifying = errors.New("the connection is being verified already")

	// ErrNotConnected says that a connection's last setup tests did not pass.
	ErrNotConnected = errors.New("the connection is not connected: its setup tests have to pass first")

	// ErrNoQueries says that a destination is looked into with its own tools
	// only.
	ErrNoQueries = runner.ErrNoQueries

	// ErrStopping says that this server is about to end.
	ErrStopping = errors.New("the server is stopping")

	// ErrPlanTime says that a plan could not be made in time.
	ErrPlanTime = runner.ErrPlanTime
)

type (
	// A ColumnPlan is what becomes of a column of the destination's table.
	ColumnPlan = runner.ColumnPlan

	// A TablePlan is what the next sync would do with a table.
	TablePlan = runner.TablePlan

	// A VerifyResult is what a [store.TableCheck] has as its Result.
	VerifyResult = runner.VerifyResult

	// A CannotVerify says that the service or the destination of a connection
	// cannot be verified.
	CannotVerify = runner.CannotVerify

	// A ServiceError is an error of a connection's source or destination, as
	// opposed to one of this program.
	ServiceError = runner.ServiceError
)

// saveEvery is how often the store is told how far a verification is, at most.
const saveEvery = time.Second

// A checking is a verification that this process runs.
type checking struct {
	e      *InProcess
	ctx    context.Context
	cancel context.CancelCauseFunc

	mu    sync.Mutex // guards what follows
	v     store.Verification
	moved bool // since it was last saved
}

// Verify implements [Engine].
func (e *InProcess) Verify(ctx context.Context, id string, tables []schema.Name, list int) (*store.Verification, error) {
	c, err := e.Store.Connection(ctx, id)
	if err != nil {
		return nil, err
	}
	if c.SetupState != store.Connected {
		return nil, ErrNotConnected
	}
	if err := e.Runner.CanVerify(ctx, id); err != nil {
		return nil, err
	}
	k := &checking{e: e, v: store.Verification{ConnectionID: id, StartedAt: e.Now(), Findings: store.Findings{Tables: tables, List: list}}}
	k.ctx, k.cancel = context.WithCancelCause(context.Background())
	err = e.Store.CreateVerification(ctx, &k.v, e.Now().Add(e.Lease))
	if errors.Is(err, store.ErrExists) {
		return nil, ErrVerifying
	}
	if err != nil {
		return nil, err
	}
	begun := k.v
	if !e.begin(k) {
		k.cancel(ErrStopping)
		k.end(nil)
		return nil, ErrStopping
	}
	// A run that began before there was the verification would stay on.
	if c, err = e.Store.Connection(ctx, id); err == nil {
		err = e.stop(ctx, c, store.StopRead)
	}
	return &begun, err
}

// begin runs a verification, unless this process is about to end.
func (e *InProcess) begin(k *checking) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closing {
		return false
	}
	e.checks[k.v.ID] = k
	e.left.Go(k.run)
	return true
}

// endChecks cuts the verifications of a connection off, those of all if id is
// "".
func (e *InProcess) endChecks(id string, why error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, k := range e.checks {
		if id == "" || k.v.ConnectionID == id {
			k.cancel(why)
		}
	}
}

// CancelVerification implements [Engine].
func (e *InProcess) CancelVerification(ctx context.Context, id, verification string) (*store.Verification, error) {
	v, err := e.Store.CancelVerification(ctx, id, verification, e.Now())
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if k := e.checks[verification]; k != nil {
		k.cancel(store.ErrStale)
	}
	return v, nil
}

// Plan implements [Engine].
func (e *InProcess) Plan(ctx context.Context, id string, change func(*schemaconfig.Config, *schemaconfig.Catalog) error) ([]TablePlan, error) {
	return e.Runner.Plan(ctx, id, change)
}

func (k *checking) run() {
	defer func() {
		k.cancel(nil)
		k.e.mu.Lock()
		defer k.e.mu.Unlock()
		delete(k.e.checks, k.v.ID)
	}()
	asked := k.v // what becomes of it is noted
	beating, stop := context.WithCancel(k.ctx)
	var beat sync.WaitGroup
	beat.Go(func() { k.beat(beating) })
	err := k.e.Runner.Verify(k.ctx, &asked, k.note)
	stop()
	beat.Wait()
	k.end(err)
	k.e.goOn(context.WithoutCancel(k.ctx), k.v.ConnectionID)
}

// beat tells the store how the verification stands when that has changed, and
// keeps its lease.
func (k *checking) beat(ctx context.Context) {
	every := time.NewTicker(min(saveEvery, k.e.Lease/3))
	defer every.Stop()
	for saved := k.e.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		v, moved := k.stands()
		if moved || k.e.Now().Sub(saved) >= k.e.Lease/3 {
			saved = k.e.Now()
			k.save(ctx, &v)
		}
	}
}

// stands returns how the verification stands, and whether that has changed
// since the last call.
func (k *checking) stands() (v store.Verification, moved bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	moved, k.moved = k.moved, false
	return k.v, moved
}

// note takes how far the verification is.
func (k *checking) note(p runner.Progress) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.moved = true
	k.v.Checks, k.v.Waiting = p.Checks, p.Waiting
	k.v.Total, k.v.Done, k.v.Wrong = len(p.Checks), 0, 0
	for _, c := range p.Checks {
		if c.State == store.CheckDone {
			k.v.Done++
		}
		if c.Wrong {
			k.v.Wrong++
		}
	}
}

// save tells the store how the verification stands. One that the store says
// has ended is cut off.
func (k *checking) save(ctx context.Context, v *store.Verification) error {
	ctx, cancel := context.WithTimeout(ctx, k.e.Lease/3)
	defer cancel()
	err := k.e.Store.SaveVerification(ctx, v, k.e.Now().Add(k.e.Lease))
	if errors.Is(err, store.ErrStale) {
		k.cancel(err)
	} else if err != nil && ctx.Err() == nil {
		k.e.Log.Warn("note the progress of a verification", "connection", v.ConnectionID, "error", err)
	}
	return err
}

// end records how the verification ended, unless somebody has ended it.
func (k *checking) end(err error) {
	log := k.e.Log.With("connection", k.v.ConnectionID, "verification", k.v.ID)
	if errors.Is(context.Cause(k.ctx), store.ErrStale) {
		log.Info("verification ended by somebody else")
		return
	}
	v, _ := k.stands()
	v.State, v.Waiting, v.EndedAt = store.VerificationDone, false, k.e.Now()
	switch {
	case k.ctx.Err() != nil:
		v.State, v.Reason = store.VerificationFailed, store.Interrupted
	case err != nil:
		v.State, v.Reason = store.VerificationFailed, err.Error()
	}
	log.Info("verification ended", "state", v.State, "tables", v.Done, "wrong", v.Wrong, "reason", v.Reason)
	if err := k.save(context.WithoutCancel(k.ctx), &v); err != nil && !errors.Is(err, store.ErrStale) {
		log.Error("record the end of a verification", "error", err) // its lease runs out
	}
}
