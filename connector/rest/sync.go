package rest

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/valyala/fastjson"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/schema"
)

// Sync does the Sync of a [connector.Source] by c. Refusals about one list
// (403, 404, 409, 410, 451) become warnings, and its rows stay as they are. A
// list of the account itself that is refused, whatever the 4xx, fails its
// tables; if all are, that is the error. Other errors end the sync; what was
// read before is kept.
func (a *API) Sync(ctx context.Context, c *Client, req connector.Request, out connector.Output) error {
	st, err := readState(req.State)
	if err != nil {
		return err
	}
	r := &reader{api: a, client: c, req: req, out: out, state: st, fillers: map[*Resource][]*filler{}, refused: map[*Resource]*refusals{},
		sent: map[string]bool{}, failed: map[*Resource]error{}, newest: map[*Resource]int64{}, lists: map[*Resource][]string{}}
	err = r.rounds(ctx)
	var v *vendorError
	switch {
	case errors.As(err, &v):
		if err := r.checkpoint(ctx, true); err != nil {
			return err
		}
		return v.error
	case err != nil || len(r.failed) == 0 || len(r.failed) < len(r.wanted):
		return err
	}
	for _, root := range a.Roots {
		for _, l := range root.Lists {
			err = cmp.Or(err, r.failed[l])
		}
	}
	return err
}

// A vendorError is one of the API's. What was read before it can be kept.
type vendorError struct{ error }

func (e *vendorError) Unwrap() error { return e.error }

// goOn is how old a round may be at its end. After one that is older, what was
// read at its beginning is read once more.
const goOn = 6 * time.Hour

// rounds ends the round that is under way, or a new one, and does one more if
// that began long ago.
func (r *reader) rounds(ctx context.Context) error {
	for {
		r.wanted = r.state.begin(r.api, r.req, r.client.Budget.pace())
		begun := r.state.Round.Start
		for _, root := range r.api.Roots {
			if err := r.root(ctx, root); err != nil {
				return err
			}
		}
		r.warn()
		if err := r.end(ctx); err != nil || r.req.Start.Sub(begun) <= goOn {
			return err
		}
	}
}

// A reader reads an API in one sync.
type reader struct {
	api     *API
	client  *Client
	req     connector.Request
	out     connector.Output
	state   *state
	wanted  map[*Resource]bool
	fillers map[*Resource][]*filler
	refused map[*Resource]*refusals

	requests int             // since the last checkpoint
	sent     map[string]bool // objects whose rows wait to be written

	failed map[*Resource]error    // lists of the account that may not be read
	newest map[*Resource]int64    // the highest ids that were sent
	lists  map[*Resource][]string // that have parts

	// Of the list being read.
	list    *Resource
	account bool      // it is one of the account itself
	pager   *List     // nil: it has no pages
	since   time.Time // what is older has not changed; zero: everything is new
	members bool      // rows of lists inside objects may have been sent before
	again   bool      // those of the object being sent may have been
	changed bool      // the object being sent is none of those that are older than since
	fresh   bool      // the object being sent was not sent before in this sync
	parts   parts     // of the object being sent
}

// needed reports whether a root, or a list of its objects, is to be read.
func (r *reader) needed(root *Resource) bool {
	return r.wanted[root] || slices.ContainsFunc(root.Lists, func(l *Resource) bool { return r.wanted[l] })
}

// root reads a root, and the lists of its objects, unless the round has them.
func (r *reader) root(ctx context.Context, root *Resource) error {
	if !r.needed(root) || slices.Contains(r.state.Round.Ended, root.name()) {
		return nil
	}
	r.account = root.account()
	if root.Found > 0 {
		return r.found(ctx, root)
	}
	objects, err := r.objects(ctx, root)
	if err != nil {
		return err
	}
	all := r.client
	defer func() { r.client = all }()
	slices.SortFunc(objects, func(a, b *Object) int { return int(a.Int("id") - b.Int("id")) })
	for _, o := range objects {
		id := o.Int("id")
		if id <= r.state.Round.Done[root.name()] {
			continue
		}
		rd := r.state.Round
		if rd.Object != id { // the one that was being read is gone
			rd.Object, rd.Lists, rd.place = id, 0, place{}
		}
		if r.client = all; len(o.logins) > 0 {
			r.client = of(o.logins)
		}
		if err := r.listsOf(ctx, root, o); err != nil {
			return err
		}
		if rd.Done == nil {
			rd.Done = map[string]int64{}
		}
		rd.Done[root.name()], rd.Lists = id, 0
		if err := r.checkpoint(ctx, false); err != nil {
			return err
		}
	}
	r.state.Round.Ended = append(r.state.Round.Ended, root.name())
	return r.checkpoint(ctx, false)
}

// objects reads a root's own list, and keeps of it what its lists need.
func (r *reader) objects(ctx context.Context, root *Resource) ([]*Object, error) {
	if root.account() {
		return []*Object{{Value: identified(1), reader: r}}, nil
	}
	r.begin(root, time.Time{}, false)
	kept, missed := &met{needed: len(root.Lists) > 0 || len(r.asking(root)) > 1, fields: root.Keep, at: map[int64]int{}}, false
	for _, path := range root.paths() {
		all, err := r.objectsAt(ctx, root, path, kept)
		if err != nil {
			return nil, err
		}
		missed = missed || !all
	}
	for _, l := range root.Lists {
		if p := r.state.Resources[l.name()]; p != nil && !missed {
			p.keep(kept.objects)
		}
	}
	return kept.objects, nil
}

// objectsAt reads a root's list, or one of its objects, as each login sees it.
// It reports whether it can have missed none.
func (r *reader) objectsAt(ctx context.Context, root *Resource, path string, kept *met) (complete bool, err error) {
	all, before := r.client, kept.n
	defer func() { r.client = all }()
	complete = true
	var refusal error
	for _, c := range r.asking(root) {
		r.client = c
		list := &List{Path: path, Check: r.state.Round.whole(root) && root.Whole != Never}
		err := r.pages(ctx, root, list, nil, func(o *Object) (bool, error) {
			if kept.add(o, c) {
				return true, r.send(ctx, root, o)
			}
			return true, nil
		})
		if denied(err) && root.Paths != nil { // others may see it
			refusal = err
			continue
		}
		if err != nil || list.Shrunk {
			complete = false
			r.missed(root, list.Shrunk)
		}
		if err := r.refuse(root, err); err != nil {
			return false, err
		}
	}
	if refusal != nil && kept.n == before {
		r.missed(root, false)
		return false, r.refuse(root, refusal)
	}
	return complete, nil
}

// missed notes that objects of a root may not have been met: unseen, as rows
// went away under way, or because they may not be read.
func (r *reader) missed(root *Resource, unseen bool) {
	for _, l := range append(root.Lists, root) {
		r.state.Round.miss(l)
	}
	if unseen {
		r.state.Round.unsure(root)
	}
}

// paths are those of a root's own list.
func (r *Resource) paths() []string {
	if r.Paths != nil {
		return r.Paths
	}
	return []string{r.Path}
}

// keep returns a copy of an object with some of its fields.
func (o *Object) keep(fields []string) *Object {
	var arena fastjson.Arena
	v := arena.NewObject()
	for _, f := range append([]string{"id"}, fields...) {
		if x := o.Value.Get(f); x != nil {
			v.Set(f, fastjson.MustParseBytes(x.MarshalTo(nil)))
		}
	}
	return &Object{Value: v, reader: o.reader}
}

// listsOf reads the lists of a root's object, but for those that the round has.
func (r *reader) listsOf(ctx context.Context, root *Resource, o *Object) error {
	for i, l := range root.Lists {
		if i < r.state.Round.Lists || !r.wanted[l] {
			continue
		}
		if err := r.read(ctx, l, o); err != nil {
			return err
		}
		if r.stale(l) {
			if err := r.read(ctx, l, o); err != nil {
				return err
			}
		}
		rd := r.state.Round
		rd.Lists, rd.place, r.pager = i+1, place{}, nil
		if err := r.checkpoint(ctx, false); err != nil {
			return err
		}
	}
	return nil
}

// flush sends what is gathered.
func (r *reader) flush(ctx context.Context) error {
	clear(r.sent)
	for _, fs := range r.fillers {
		for _, f := range fs {
			if err := f.flush(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkpoint makes what was read durable, if it is time or must be.
func (r *reader) checkpoint(ctx context.Context, must bool) error {
	every := r.api.Every
	if every == 0 {
		every = 50
	}
	if r.requests < every && !must {
		return nil
	}
	r.requests = 0
	r.note()
	r.prune()
	if err := r.flush(ctx); err != nil {
		return err
	}
	return r.out.Checkpoint(ctx, r.state)
}

// count counts a request.
func (r *reader) count() {
	r.requests++
	r.state.of(r.list).Spent++
}

// note remembers that the list being read has become shorter: a sync that goes
// on in its middle does not see it any more.
func (r *reader) note() {
	if r.pager != nil && r.pager.Shrunk {
		r.state.Round.Shrunk = true
	}
}

// end ends the round: what it did not meet is gone.
func (r *reader) end(ctx context.Context) error {
	if err := r.flush(ctx); err != nil {
		return err
	}
	rd := r.state.Round
	var sweeping error
	r.api.all(func(l *Resource) {
		if !r.wanted[l] || sweeping != nil {
			return
		}
		p := r.state.of(l)
		for _, name := range rd.swept(l) {
			sweeping = errors.Join(sweeping, r.sweep(ctx, name, latest(rd.Start, p.Begun)))
		}
		if rd.whole(l) && !slices.Contains(rd.Again, l.name()) {
			p.Whole, p.Requests, p.Stale = latest(rd.Start, p.Begun), p.Spent, false
		}
	})
	if sweeping != nil {
		return sweeping
	}
	r.state.Round = nil
	return r.out.Checkpoint(ctx, r.state)
}

func (r *reader) sweep(ctx context.Context, name string, before time.Time) error {
	for _, t := range r.req.Tables {
		if t.Name.Table == name {
			return r.out.Write(ctx, schema.Batch{Op: schema.Truncate, Table: &t, Before: before})
		}
	}
	return nil
}
