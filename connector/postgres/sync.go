package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// maxRounds is how often a table is tried under another snapshot in one sync.
const maxRounds = 4

// A run is one sync.
type run struct {
	source *source
	req    connector.Request
	out    connector.Output

	mu     sync.Mutex
	state  *state
	sent   map[schema.Name]bool // tables that rows were sent of in this sync
	warned map[string]bool
	again  []schema.Name // tables to read under another snapshot
	ranges int           // that loads have finished in this round
	over   bool          // the round ends before its loads do
	unsafe int64         // bytes sent since the last checkpoint
	dirty  bool          // something happened since then that the state must tell
	marker marker

	log *follower // nil: changes are found by queries

	checkpoints sync.Mutex // held during a checkpoint, so that states are saved in order
	snap        *snapshot  // of the round; its connection is used with checkpoints held
}

// Sync implements connector.Source.
func (s *source) Sync(ctx context.Context, req connector.Request, out connector.Output) error {
	if p := s.usable(); p != nil {
		return p
	}
	st, err := parseState(req.State)
	if err != nil {
		return err
	}
	r := &run{source: s, req: req, out: out, state: st, marker: marker{needs: st.Mark, saved: st.Mark, last: req.State}, sent: make(map[schema.Name]bool), warned: make(map[string]bool)}
	wanted := make(map[schema.Name]bool, len(req.Tables))
	for _, t := range req.Tables {
		wanted[t.Name] = true
		r.again = append(r.again, t.Name)
	}
	for _, n := range req.Paused {
		wanted[n] = true
	}
	r.dirty = st.keep(wanted)
	do := r.all
	if s.UpdateMethod == byLog {
		do = r.followLog
	} else if st.Log != nil {
		r.abandon(st.Log)
		st.leaveLog()
		r.dirty = true
		if err := (&spill{dir: s.env.Folder}).remove(); err != nil {
			return err
		}
	}
	if err := do(ctx); err != nil {
		var out *outputError
		if errors.Is(err, connector.ErrSchemaChanged) {
			return connector.ErrSchemaChanged
		}
		if errors.As(err, &out) {
			return out.err
		}
		return s.readError(ctx, err)
	}
	return nil
}

func (r *run) all(ctx context.Context) error {
	for round := 1; round == 1 || len(r.again) > 0; round++ {
		if err := r.round(ctx, round == maxRounds); err != nil {
			return err
		}
	}
	r.mu.Lock()
	dirty := r.dirty
	r.mu.Unlock()
	if !dirty { // an idle sync leaves no trace, in the destination or the ledger
		return nil
	}
	return r.checkpoint(ctx)
}

// round reads the tables of r.again under one snapshot. Tables for which it
// proves unfit are left there, unless it is the last round.
func (r *run) round(ctx context.Context, last bool) error {
	names := r.again
	r.again = nil
	snap, err := r.snapshot(ctx)
	if err != nil {
		return err
	}
	defer snap.close(ctx)
	r.snap = snap
	if r.log != nil {
		r.log.reads = false
		defer func() { r.log.reads = true }()
	}
	if r.log != nil && snap.origin != r.state.Origin {
		return fmt.Errorf("another server answers at %s than when the sync began", r.source.address())
	}
	r.belongTo(snap.origin)
	only := make(map[schema.Name]bool, len(names))
	for _, n := range names {
		only[n] = true
	}
	cat, err := readCatalog(ctx, snap.conn, snap.version, func(n schema.Name) bool { return only[n] })
	if err != nil {
		return err
	}
	snap.asciiOnly, snap.utf8 = cat.asciiOnly, cat.utf8
	if r.log != nil {
		if err := r.log.learn(ctx, snap, cat); err != nil {
			return err
		}
	}
	found := make(map[schema.Name]*relation, len(names))
	for _, rel := range cat.tables {
		found[rel.name()] = rel
	}
	var q queue
	for i := range r.req.Tables {
		want := &r.req.Tables[i]
		if !only[want.Name] {
			continue
		}
		t, err := r.plan(found[want.Name], want, snap, last)
		if err != nil {
			r.out.Fail(want.Name, err)
			continue
		}
		if t != nil && t.st.Log == nil {
			q.add(t.start)
		}
	}
	if r.log != nil {
		r.log.release()
		r.log.waiting = len(r.log.tables) > 0
	}
	if err := r.work(ctx, snap, &q); err != nil {
		return err
	}
	if err := snap.settle(ctx); err != nil || r.log == nil {
		return err
	}
	return r.log.aim(ctx, snap)
}

func (r *run) snapshot(ctx context.Context) (*snapshot, error) {
	if r.log != nil {
		return r.log.fitting(ctx)
	}
	return r.source.snapshot(ctx)
}

// belongTo begins the state anew if it is of another history.
func (r *run) belongTo(origin string) {
	if origin == r.state.Origin {
		return
	}
	// Nothing can be said about what changed.
	clear(r.state.Tables)
	r.state.Origin, r.state.Log = origin, nil
	r.dirty = true
}

// work runs the queue's jobs until none is left or one fails.
func (r *run) work(ctx context.Context, snap *snapshot, q *queue) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(ctx, q.close)()
	var wg sync.WaitGroup
	for range r.source.workers {
		wg.Go(func() {
			w := &worker{source: r.source, snap: snap, buf: make([]byte, bulkBytes)}
			defer w.close(ctx)
			for job := q.next(); job != nil; job = q.next() {
				if err := job(ctx, w, q); err != nil {
					cancel(err)
				}
				q.done()
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// write sends a batch on. A table that is read again in every sync is nothing
// that a checkpoint could save.
func (t *reading) write(ctx context.Context, b schema.Batch) error {
	r := t.run
	r.mu.Lock()
	r.sent[t.table.Name] = true
	if t.mode != blind {
		r.unsafe += max(1, b.Bytes())
		r.dirty = true
	}
	r.mu.Unlock()
	if r.log != nil && t.mode != blind {
		if err := r.mark(ctx); err != nil {
			b.Release()
			return err
		}
	}
	return output(r.out.Write(ctx, b))
}

func (r *run) live(ctx context.Context, table schema.Name) (int64, error) {
	n, err := r.out.Live(ctx, table)
	return n, output(err)
}

func (r *run) passes(ctx context.Context, t *schema.Table) (bool, error) {
	ok, err := r.out.Passes(ctx, t, schema.PostgresBinary)
	return ok, output(err)
}

func output(err error) error {
	if err == nil {
		return nil
	}
	return &outputError{err}
}

// checkpoint saves the state as it is.
func (r *run) checkpoint(ctx context.Context) error {
	r.checkpoints.Lock()
	defer r.checkpoints.Unlock()
	if err := r.snap.settle(ctx); err != nil {
		return err
	}
	r.mu.Lock()
	r.unsafe, r.dirty = 0, false
	r.mu.Unlock()
	return r.save(ctx)
}

// save is checkpoint for what is on the server's disk.
func (r *run) save(ctx context.Context) error {
	r.mu.Lock()
	r.state.Mark = max(r.state.Mark, r.marker.needs)
	mark := r.state.Mark
	raw, err := json.Marshal(r.state)
	r.mu.Unlock()
	if err != nil {
		return err
	}
	if err := r.out.Checkpoint(ctx, json.RawMessage(raw)); err != nil {
		return output(err)
	}
	r.saved(raw, mark)
	return nil
}

// checkpointAfter makes a checkpoint if more than this many bytes were sent
// since the last one.
func (r *run) checkpointAfter(ctx context.Context, bytes int64) error {
	r.mu.Lock()
	due := r.unsafe >= bytes
	r.mu.Unlock()
	if !due {
		return nil
	}
	return r.checkpoint(ctx)
}

// warn reports an unusual value, the first of its kind in a column.
func (r *run) warn(table schema.Name, column, code string, value func() string) {
	key := fmt.Sprintf("%s %q %q", code, table, column)
	r.mu.Lock()
	known := r.warned[key]
	r.warned[key] = true
	r.mu.Unlock()
	if known {
		return
	}
	what := map[string]string{
		"date_out_of_range": "%s is outside of the years 1 to 9999; such values are kept as they are",
		"decimal_widened":   "%s does not fit the column's precision; the column becomes a decimal of any size",
		"value_not_kept":    "%s cannot be kept as it is",
	}[code]
	text := "a value that is not to be told"
	if !r.hides(table, column) {
		text = value()
	}
	r.out.Warn(setup.Warning{Code: code, Message: fmt.Sprintf("table %s, column %s: "+what, table, column, text)})
}

func (r *run) hides(table schema.Name, column string) bool {
	return r.req.Hidden != nil && r.req.Hidden(table, column)
}

// describe puts an error about a table into the words for [Output.Fail]. What
// the server says of bad data quotes them, which discreet forbids.
func describe(table schema.Name, err error, discreet bool) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		if discreet && strings.HasPrefix(pg.Code, "22") {
			return fmt.Errorf("table %s: the server cannot read a value (SQLSTATE %s)", table, pg.Code)
		}
		text := fmt.Sprintf("table %s: %s (SQLSTATE %s)", table, pg.Message, pg.Code)
		if pg.Code == "42501" {
			return &setup.Problem{Code: "permission_denied", Message: text + "; grant SELECT on it to the role"}
		}
		return errors.New(text)
	}
	return fmt.Errorf("table %s: %w", table, err)
}

// A job is a piece of work for one worker. It may add others to the queue.
type job func(ctx context.Context, w *worker, q *queue) error

// A queue hands out jobs. The zero value is empty.
type queue struct {
	mu     sync.Mutex
	wake   *sync.Cond
	jobs   []job
	active int
	closed bool
}

func (q *queue) cond() *sync.Cond {
	if q.wake == nil {
		q.wake = sync.NewCond(&q.mu)
	}
	return q.wake
}

// add puts a job behind the others.
func (q *queue) add(j job) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.jobs = append(q.jobs, j)
	q.cond().Signal()
}

// push puts jobs before the others, so that a table that has been begun is
// finished first.
func (q *queue) push(jobs ...job) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.jobs = append(jobs, q.jobs...)
	q.cond().Broadcast()
}

// next waits for a job and returns it, or nil when there will be none. A job
// must be followed by done.
func (q *queue) next() job {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.jobs) == 0 && q.active > 0 && !q.closed {
		q.cond().Wait()
	}
	if len(q.jobs) == 0 || q.closed {
		return nil
	}
	j := q.jobs[0]
	q.jobs = q.jobs[1:]
	q.active++
	return j
}

func (q *queue) done() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.active--
	q.cond().Broadcast()
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.cond().Broadcast()
}
