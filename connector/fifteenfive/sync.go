package fifteenfive

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
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
	st.begin(req.Start)
	readers := st.readers(s, req, out)
	refused := 0
	for i, r := range readers {
		r.last = i == len(readers)-1
		if slices.Contains(st.Done, r.path.path) {
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

	rows map[string]*rest.Rows // by table, of those wanted
	gone map[string]*rest.Rows // the same, for keys to be deleted

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
		rows: map[string]*rest.Rows{}, gone: map[string]*rest.Rows{},
	}
	for _, t := range req.Tables {
		if !slices.Contains(e.tables, t.Table) {
			continue
		}
		r.wanted = append(r.wanted, t.Table)
		rows := rest.NewRows(out, t, fieldsOf(t.Table)...)
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

// attempts is how often a list is read that becomes shorter under way.
const attempts = 3

// margin is added in front of every filter, as it is not known in which zone
// the vendor takes its times.
const margin = 2 * day

// readList reads a path whose list has all there is.
func (r *reader) readList(ctx context.Context) (complete bool, err error) {
	rd := r.progress.Reading
	for range attempts {
		list := rest.List{Client: r.client, Path: r.path.path + "/", Query: r.query()}
		pages, sorted, latest, resumed := 0, r.path.ordered, time.Time{}, rd.From
		for page, err := range list.Pages(ctx) {
			if err != nil {
				return false, &vendorError{err}
			}
			if pages++; pages == 1 && rd.From.IsZero() {
				r.out.Progress(schema.Name{Table: r.path.tables[0]}, list.Count)
			}
			rd.Requests++
			for _, v := range page {
				at := r.path.time(v)
				if r.old(at) {
					continue
				}
				sorted, latest = sorted && !at.Before(latest), at
				if err := r.send(ctx, v, at); err != nil {
					return false, err
				}
			}
			if rd.From = (time.Time{}); sorted {
				rd.From = latest
			}
			if pages%r.pages == 0 && latest.After(resumed) && sorted {
				if err := r.checkpoint(ctx); err != nil {
					return false, err
				}
			}
		}
		if rd.From = (time.Time{}); !list.Shrunk {
			return true, nil
		}
	}
	return false, nil
}

// old reports whether a row of that time is not to be read: the filter let it
// through only because of the margin.
func (r *reader) old(at time.Time) bool {
	return !at.IsZero() && at.Before(r.progress.Reading.Since)
}

// query returns the parameters of the path's list.
func (r *reader) query() url.Values {
	rd, q := r.progress.Reading, url.Values{}
	from := rd.Since
	if rd.From.After(from) {
		from = rd.From
	}
	if !from.IsZero() {
		q.Set(r.path.filter, from.Add(-margin).Format(r.path.format))
	}
	if r.path.ordered {
		q.Set("order_by", r.path.at)
	}
	return q
}

// ahead is how many objects are asked for at a time: answers that take longer
// than the time between two requests do not slow the reading down.
const ahead = 4

// readObjects reads a path whose list only tells which objects there are.
// They are read in the order of their ids, so that a number says how far the
// reading is.
func (r *reader) readObjects(ctx context.Context) (complete bool, err error) {
	rd := r.progress.Reading
	ids, complete, err := r.listIDs(ctx)
	if err != nil {
		return false, err
	}
	r.out.Progress(schema.Name{Table: r.path.tables[0]}, int64(len(ids)))
	i, _ := slices.BinarySearch(ids, rd.After+1)
	ids = ids[i:]
	addresses := func(yield func(string) bool) {
		for _, id := range ids {
			if !yield(r.client.URL(objectPath(r.path.path, id), nil)) {
				return
			}
		}
	}
	i = 0
	for reply, err := range r.client.GetAll(ctx, ahead, addresses) {
		id := ids[i]
		i++
		switch {
		case rest.Status(err) == http.StatusNotFound:
			err = nil
			if !rd.Whole {
				err = r.delete(ctx, id)
			}
		case err != nil:
			return false, &vendorError{err}
		default:
			err = r.send(ctx, reply.Value, r.path.time(reply.Value))
		}
		if err != nil {
			return false, err
		}
		rd.Requests++
		rd.After = id
		if i%r.details == 0 && i < len(ids) {
			if err := r.checkpoint(ctx); err != nil {
				return false, err
			}
		}
	}
	return complete, ctx.Err()
}

// listIDs returns the ids of the objects to be read, in order, and whether
// the list can have missed none.
func (r *reader) listIDs(ctx context.Context) (ids []int64, complete bool, err error) {
	rd := r.progress.Reading
	for range attempts {
		list := rest.List{Client: r.client, Path: r.path.path + "/", Query: r.query()}
		for page, err := range list.Pages(ctx) {
			if err != nil {
				return nil, false, &vendorError{err}
			}
			rd.Requests++
			for _, v := range page {
				id := v.GetInt64("id")
				if r.old(r.path.time(v)) || !rd.Whole && r.path.filter == "" && id <= r.progress.LastID {
					continue
				}
				ids = append(ids, id)
			}
		}
		if complete = !list.Shrunk; complete {
			break
		}
	}
	if !rd.Whole {
		for id := range r.progress.Window { // those that are not in the list will be found to be gone, or moved
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), complete, nil
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
