package fifteenfive

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/valyala/fastjson"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/rest"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// Sync implements [connector.Source].
func (s *source) Sync(ctx context.Context, req connector.Request, out connector.Output) error {
	st, err := readState(req.State)
	if err != nil {
		return err
	}
	st.Begin(req.Start)
	readers := st.readers(s, req, out)
	refused := 0
	for i, r := range readers {
		r.last = i == len(readers)-1
		if slices.Contains(st.Done, r.path.path) && covers(r.progress.Tables, r.wanted) {
			continue
		}
		err := r.read(ctx)
		if p := keyProblem(err); p != nil {
			return p
		}
		if status := rest.Status(err); status >= 400 && status < 500 && status != http.StatusTooManyRequests {
			refused++
			for _, t := range r.wanted {
				out.Fail(schema.Name{Table: t}, err)
			}
			continue
		}
		if err != nil {
			return err
		}
	}
	if refused > 0 && refused == len(readers) {
		return &setup.Problem{Code: "permission_denied", Message: noAccess}
	}
	if len(st.Done) > 0 { // the last path could not be read
		st.Done = nil
		return out.Checkpoint(ctx, st)
	}
	return nil
}

// readers returns a reader for each path that has tables to be filled.
func (st *state) readers(s *source, req connector.Request, out connector.Output) []*reader {
	var readers []*reader
	for _, e := range paths {
		if r := newReader(s, e, st, req, out); len(r.wanted) > 0 {
			readers = append(readers, r)
		}
	}
	return readers
}

// A reader reads one path in one sync.
type reader struct {
	*source
	path     *path
	wanted   []string // the path's tables that are to be filled
	req      connector.Request
	out      connector.Output
	state    *state
	progress *progress // of the path, in state
	last     bool      // no other path is read after this one

	rows map[string]*rest.Filler // by table, of those wanted
	gone map[string]*rest.Rows   // the same, for keys to be deleted

	sweeps  bool  // what the reading does not meet is deleted at its end
	resumed bool  // the reading began in an earlier sync
	lastID  int64 // the highest of the objects sent in this sync

	// Of the object being sent.
	fresh bool // it was not sent before in this sync
	known mark // what is remembered of it; zero: nothing
	mark  mark // what will be
}

func newReader(s *source, e *path, st *state, req connector.Request, out connector.Output) *reader {
	r := &reader{
		source: s, path: e, req: req, out: out, state: st, progress: st.Paths[e.path],
		rows: map[string]*rest.Filler{}, gone: map[string]*rest.Rows{},
	}
	for _, t := range req.Tables {
		if !slices.Contains(e.tables, t.Table) {
			continue
		}
		r.wanted = append(r.wanted, t.Table)
		rows := tableOf(t.Table).rest().Filler(out, t)
		if t.Table == "security_audit" {
			rows.Infer = customField
		}
		r.rows[t.Table] = rows
		if key := t.Key(); len(key) > 0 {
			k := schema.Table{Name: t.Name}
			for _, i := range key {
				k.Columns = append(k.Columns, t.Columns[i])
			}
			gone := rest.NewRows(out, k)
			gone.Op = schema.Delete
			r.gone[t.Table] = gone
		}
	}
	kept := r.wanted
	if len(kept) == 0 { // what is read of a path, is read of all its tables
		for _, n := range req.Paused {
			kept = append(kept, n.Table)
		}
	}
	r.progress.keep(kept)
	return r
}

// A vendorError is one of the source. What was read before it can be kept.
type vendorError struct{ error }

func (e *vendorError) Unwrap() error { return e.error }

// read reads the path as far as this sync has to.
func (r *reader) read(ctx context.Context) error {
	if rd := r.progress.Reading; rd == nil || !covers(rd.Tables, r.wanted) {
		r.begin()
	}
	if err := r.once(ctx); err != nil {
		return err
	}
	if r.again() {
		r.begin()
		return r.once(ctx)
	}
	return nil
}

// again reports whether all must be read after an increment, because of what
// it found.
func (r *reader) again() bool {
	return r.progress.Stale && r.progress.due(r.path, r.wanted, r.req.Start)
}

// begin starts a reading.
func (r *reader) begin() {
	p := r.progress
	rd := &reading{Whole: p.due(r.path, r.wanted, r.req.Start), Start: r.req.Start, Tables: r.wanted}
	if r.path.filter != "" && !rd.Whole {
		rd.Since = p.Since
		rd.Whole = p.Since.IsZero() // there was no row yet
	}
	p.Reading = rd
}

// once reads the path once, from where the reading is to its end.
func (r *reader) once(ctx context.Context) error {
	rd := r.progress.Reading
	r.resumed = !rd.Start.Equal(r.req.Start)
	r.sweeps = rd.Whole && !r.resumed
	read := r.readList
	if r.path.objects {
		read = r.readObjects
	}
	complete, err := read(ctx)
	var v *vendorError
	switch {
	case errors.As(err, &v):
		if err := r.checkpoint(ctx); err != nil {
			return err
		}
		return v.error
	case err != nil:
		return err
	}
	return r.finish(ctx, complete)
}

// send sends an object's rows.
func (r *reader) send(ctx context.Context, v *fastjson.Value, at time.Time) error {
	id := v.GetInt64("id")
	r.fresh = id > r.lastID
	r.lastID = max(r.lastID, id)
	r.mark, r.known = mark{}, r.remembered(id)
	if err := r.path.send(r, ctx, v); err != nil {
		return err
	}
	r.progress.see(r.path, id, at, r.mark)
	return nil
}

// remembered returns what is known of an object that was sent before.
func (r *reader) remembered(id int64) mark {
	if m, ok := r.progress.Window[id]; ok {
		return m
	}
	return r.progress.Reading.Seen[id]
}

// delete deletes the rows of an object that is gone.
func (r *reader) delete(ctx context.Context, id int64) error {
	r.known = r.remembered(id)
	delete(r.progress.Window, id)
	for i, t := range r.path.tables {
		gone := r.gone[t]
		switch {
		case i > 0 && gone != nil:
			if err := r.beyond(ctx, t, i-1, id, 0); err != nil {
				return err
			}
		case gone != nil:
			gone.Int(0, id)
			if err := gone.End(ctx); err != nil {
				return err
			}
		case r.rows[t] != nil:
			r.progress.Stale = true // the parts of a check-in
		}
	}
	return nil
}

// finish deletes what the reading found to be gone and ends it.
func (r *reader) finish(ctx context.Context, complete bool) error {
	rd := r.progress.Reading
	if !rd.Whole && complete && !r.path.objects {
		for _, id := range slices.Sorted(maps.Keys(r.progress.Window)) {
			if err := r.delete(ctx, id); err != nil {
				return err
			}
		}
	}
	if err := r.flush(ctx); err != nil {
		return err
	}
	if rd.Whole && complete && !r.path.expires {
		for _, t := range r.req.Tables {
			if !slices.Contains(r.wanted, t.Table) {
				continue
			}
			if err := r.out.Write(ctx, schema.Batch{Op: schema.Truncate, Table: &t, Before: rd.Start}); err != nil {
				return err
			}
		}
	}
	r.progress.finish(r.path, complete)
	switch {
	case r.again():
	case r.last:
		r.state.Done = nil
	default:
		r.state.Done = append(r.state.Done, r.path.path)
	}
	return r.out.Checkpoint(ctx, r.state)
}

func (r *reader) flush(ctx context.Context) error {
	for _, t := range r.wanted {
		if gone := r.gone[t]; gone != nil {
			if err := gone.Flush(ctx); err != nil {
				return err
			}
		}
		if err := r.rows[t].Flush(ctx); err != nil {
			return err
		}
	}
	return nil
}

// checkpoint makes what was read so far durable, and remembers it.
func (r *reader) checkpoint(ctx context.Context) error {
	if err := r.flush(ctx); err != nil {
		return err
	}
	rd := r.progress.Reading
	rd.prune(rd.lookBack(r.path))
	return r.out.Checkpoint(ctx, r.state)
}
