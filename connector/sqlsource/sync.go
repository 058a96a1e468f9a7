package sqlsource

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// Limits are what a sync may use.
type Limits struct {
	Workers         int           // that read at a time
	CheckpointBytes int64         // sent between two checkpoints within a table
	RoundTime       time.Duration // that loads may go on while the log waits
	Memory          int64         // of changes that are gathered before they are sent
}

// A Sync is one sync: what was sent, and which checkpoints it needs.
type Sync struct {
	limits Limits
	req    connector.Request
	out    connector.Output
	state  record

	aboutTable func(error) bool // of the database
	log        logOfRounds      // nil: changes are found by queries

	checkpoints sync.Mutex                      // held during a checkpoint, so that states are saved in order
	settle      func(ctx context.Context) error // of the round's view

	mu     sync.Mutex           // guards the state, and what follows
	sent   map[schema.Name]bool // tables that rows were sent of in this sync
	warned map[string]bool
	again  []schema.Name // tables to read under another view
	pieces int           // kept ones that have been read in this round
	over   bool          // the round ends before its loads do
	unsafe int64         // bytes sent since the last checkpoint

	dirty atomic.Bool // something happened since the last checkpoint that the state must tell
	begun time.Time   // of the round
}

// A record is a State, whatever it says of tables.
type record interface {
	origin() string
	encode() (json.RawMessage, error)
	takeBackUnless(followed func(schema.Name) bool) bool
	takeBackNamed(schema.Name)
}

// logOfRounds is what a Follower is to rounds, and to what they send.
type logOfRounds interface {
	SaveMark(context.Context) error // before rows are sent
	saves()                         // a state, which is locked
	saved(json.RawMessage)
	planned()                     // all tables of the round have been
	waiting(context.Context) bool // loads should not hold it back any longer
}

// New begins a sync that goes on from a state, of which it keeps only tables
// that are asked for.
func New[T TableState[L], L, P any](st *State[T, L, P], req connector.Request, out connector.Output, limits Limits) *Sync {
	s := &Sync{limits: limits, req: req, out: out, state: st, sent: map[schema.Name]bool{}, warned: map[string]bool{}}
	wanted := make(map[schema.Name]bool, len(req.Tables))
	for _, t := range req.Tables {
		wanted[t.Name] = true
		s.again = append(s.again, t.Name)
	}
	for _, n := range req.Paused {
		wanted[n] = true
	}
	if st.keep(wanted) {
		s.Touch()
	}
	return s
}

// Lock locks the state. Only plans and the log may change it without, while no
// worker is at work.
func (s *Sync) Lock() { s.mu.Lock() }

// Unlock undoes Lock.
func (s *Sync) Unlock() { s.mu.Unlock() }

// Touch notes that the state has changed so that it has to be saved, at the end
// of the sync or before.
func (s *Sync) Touch() { s.dirty.Store(true) }

// Again has a table read in another round. The state is not locked.
func (s *Sync) Again(table schema.Name) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.again = append(s.again, table)
}

// Sent reports whether rows of the table were sent in this sync.
func (s *Sync) Sent(table schema.Name) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent[table]
}

// Write sends a batch on. kept is false of a table that is read again in every
// sync, of which a checkpoint could save nothing.
func (s *Sync) Write(ctx context.Context, b schema.Batch, kept bool) error {
	s.mu.Lock()
	s.sent[b.Table.Name] = true
	if kept {
		s.unsafe += max(1, b.Bytes())
		s.Touch()
	}
	s.mu.Unlock()
	if kept && s.log != nil {
		if err := s.log.SaveMark(ctx); err != nil {
			b.Release()
			return err
		}
	}
	return fromOutput(s.out.Write(ctx, b))
}

// Live is [connector.Output.Live].
func (s *Sync) Live(ctx context.Context, table schema.Name) (int64, error) {
	n, err := s.out.Live(ctx, table)
	return n, fromOutput(err)
}

// Passes is [connector.Output.Passes].
func (s *Sync) Passes(ctx context.Context, t *schema.Table, f schema.Format) (bool, error) {
	ok, err := s.out.Passes(ctx, t, f)
	return ok, fromOutput(err)
}

// Checkpoint saves the state as it is.
func (s *Sync) Checkpoint(ctx context.Context) error {
	s.checkpoints.Lock()
	defer s.checkpoints.Unlock()
	if s.settle != nil {
		if err := s.settle(ctx); err != nil {
			return err
		}
	}
	s.mu.Lock()
	if s.log != nil {
		s.log.saves()
	}
	raw, err := s.state.encode()
	s.unsafe = 0
	s.dirty.Store(false)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	if err := s.out.Checkpoint(ctx, raw); err != nil {
		return fromOutput(err)
	}
	if s.log != nil {
		s.log.saved(raw)
	}
	return nil
}

// checkpointAfter makes a checkpoint if more than this many bytes were sent
// since the last one.
func (s *Sync) checkpointAfter(ctx context.Context, bytes int64) error {
	if !s.due(bytes) {
		return nil
	}
	return s.Checkpoint(ctx)
}

func (s *Sync) due(bytes int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unsafe >= bytes
}

// roundOver reports whether loads should go on in another round, because the
// log has waited for long. Each round gets somewhere.
func (s *Sync) roundOver(ctx context.Context) bool {
	if s.log == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.over && s.pieces > 0 && time.Since(s.begun) >= s.limits.RoundTime {
		s.over = s.log.waiting(ctx)
	}
	return s.over
}

// stopped reports whether the sync is to end.
func (s *Sync) stopped() bool {
	select {
	case <-s.req.Stop:
		return true
	default:
		return false
	}
}

// Warn reports an unusual value, the first of its kind in a column. The codes
// are those of the texts below.
func (s *Sync) Warn(table schema.Name, column, code string, value func() string) {
	key := fmt.Sprintf("%s %q %q", code, table, column)
	s.mu.Lock()
	known := s.warned[key]
	s.warned[key] = true
	s.mu.Unlock()
	if known {
		return
	}
	what := map[string]string{
		"date_out_of_range": "%s is outside of the years 1 to 9999; such values are kept as they are",
		"decimal_widened":   "%s does not fit the column's precision; the column becomes a decimal of any size",
		"value_not_kept":    "%s cannot be kept as it is",
	}[code]
	text := "a value that is not to be told"
	if !s.Hides(table, column) {
		text = value()
	}
	s.out.Warn(setup.Warning{Code: code, Message: fmt.Sprintf("table %s, column %s: "+what, table, column, text)})
}

// Hides reports whether nobody may be told values of a column.
func (s *Sync) Hides(table schema.Name, column string) bool {
	return s.req.Hidden != nil && s.req.Hidden(table, column)
}

// An outputError is what the Output said. It ends the sync.
type outputError struct{ err error }

func (e *outputError) Error() string { return e.err.Error() }
func (e *outputError) Unwrap() error { return e.err }

func fromOutput(err error) error {
	if err == nil {
		return nil
	}
	return &outputError{err}
}

// Outcome is what a Source's Sync returns of an error: what the Output said as
// it is, and of the database's errors what explain makes of them.
func Outcome(err error, explain func(error) error) error {
	var out *outputError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, connector.ErrSchemaChanged):
		return connector.ErrSchemaChanged
	case errors.As(err, &out):
		return out.err
	}
	return explain(err)
}

// concernsTable reports whether an error is about one table alone.
func (s *Sync) concernsTable(err error) bool {
	var own *connector.TableError
	var out *outputError
	switch {
	case errors.As(err, &own):
		return true
	case errors.As(err, &out):
		return false
	}
	return errors.Is(err, ErrIncomplete) || s.aboutTable(err)
}
