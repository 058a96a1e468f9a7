package rest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fastjson"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
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

// refusals are lists of one resource that could not be read.
type refusals struct {
	n     int
	first error
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
	if root.Found > 0 {
		return r.found(ctx, root)
	}
	objects, err := r.objects(ctx, root)
	if err != nil {
		return err
	}
	r.account = root.account()
	slices.SortFunc(objects, func(a, b *Object) int { return int(a.Int("id") - b.Int("id")) })
	for _, o := range objects {
		id := o.Int("id")
		if id <= r.state.Round.Done[root.name()] {
			continue
		}
		if err := r.listsOf(ctx, root, o); err != nil {
			return err
		}
		rd := r.state.Round
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
func (r *reader) objects(ctx context.Context, root *Resource) (kept []*Object, err error) {
	if root.account() {
		return []*Object{{Value: identified(1), reader: r}}, nil
	}
	r.account = false
	r.begin(root, time.Time{}, false)
	paths := root.Paths
	if paths == nil {
		paths = []string{root.Path}
	}
	missed := false
	for _, path := range paths {
		list := &List{Path: path, Check: r.state.Round.whole(root) && root.Whole != Never}
		err := r.pages(ctx, root, list, nil, func(o *Object) (bool, error) {
			if len(root.Lists) > 0 {
				kept = append(kept, o.keep(root.Keep))
			}
			return true, r.send(ctx, root, o)
		})
		if err != nil || list.Shrunk {
			missed = true
			for _, l := range append(root.Lists, root) {
				r.state.Round.miss(l)
				if err == nil {
					r.state.Round.unsure(l)
				}
			}
		}
		if err := r.refuse(root, err); err != nil {
			return nil, err
		}
	}
	for _, l := range root.Lists {
		if p := r.state.Resources[l.name()]; p != nil && !missed {
			p.keep(kept)
		}
	}
	return kept, nil
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
		rd.Lists, rd.place = i+1, place{}
		if err := r.checkpoint(ctx, false); err != nil {
			return err
		}
	}
	return nil
}

// begin sets what the objects of a list are sent by.
func (r *reader) begin(l *Resource, since time.Time, members bool) {
	r.list, r.since, r.members, r.pager = l, since, members, nil
}

// attempts is how often a list is read that becomes shorter under way.
const attempts = 3

// read reads one list of an object: what has changed, or all.
func (r *reader) read(ctx context.Context, l *Resource, o *Object) error {
	p := r.state.of(l)
	id := o.Text("id")
	known, before := p.Marks[id]
	whole := r.state.Round.whole(l)
	r.begin(l, time.Time{}, before && !(whole && l.window()) || !r.state.Round.Start.Equal(r.req.Start))
	if l.Cursor != nil && !known.At.IsZero() && !(whole && l.window()) {
		r.since = known.At.Add(-l.Cursor.LookBack)
	}
	list := &List{Path: expand(l.Path, o), Check: whole && l.Whole != Never && (l.Cursor == nil || l.Cursor.Since == "")}
	if before && !whole && !r.young(l, known) && !l.window() && l.Each == "" {
		list.ETag = known.Tag
	}
	r.pager = list
	next := mark{At: known.At, ID: known.ID}
	err := r.once(ctx, l, list, o, known, whole, &next)
	for n := 1; err == nil && r.state.Round.Shrunk && n < attempts; n++ {
		seen := r.state.Round.place
		r.state.Round.place = place{Latest: seen.Latest, Newest: seen.Newest, Seen: seen.Seen}
		list.Path, list.ETag, r.members = expand(l.Path, o), "", true
		err = r.once(ctx, l, list, o, known, whole, &next)
	}
	if err == nil && l.window() {
		err = r.look(ctx, l, o, known, whole, &next)
	}
	if err != nil {
		return r.refuse(l, err)
	}
	if r.state.Round.Shrunk {
		r.state.Round.unsure(l)
	}
	switch c := l.Cursor; {
	case list.pages > 1: // it says nothing of other pages
		list.Tag = ""
	case c != nil && c.Since != "" && (whole || !next.At.Equal(known.At)): // nor of what is asked for next
		list.Tag = ""
	}
	next.Tag = list.Tag
	if p.Marks == nil {
		p.Marks = map[string]mark{}
	}
	p.Marks[id] = next
	return nil
}

// once reads a list from its beginning, or from where the round is in it.
func (r *reader) once(ctx context.Context, l *Resource, list *List, o *Object, known mark, whole bool, next *mark) error {
	switch {
	case l.Each != "":
		return r.each(ctx, l, list, o, known, whole, next)
	case l.Cursor == nil:
		return r.pages(ctx, l, list, o, func(o *Object) (bool, error) { return true, r.send(ctx, l, o) })
	case l.window():
		return r.inWindow(ctx, l, list, o)
	case l.Cursor.Since != "":
		return r.ascending(ctx, l, list, o, whole, next)
	}
	return r.descending(ctx, l, list, o, whole, next)
}

// young reports whether a list is to be read although it has no later rows:
// those in the look-back may change, or what belongs to them, where the first
// page does not show it.
func (r *reader) young(l *Resource, known mark) bool {
	return l.Cursor != nil && known.At.After(r.req.Start.Add(-l.Cursor.LookBack))
}

// ascending reads a list from a time on that is in order of that time. As rows
// that change move to its end, and those behind them forward, a page is asked
// for by the time of the last row before, not by its number.
func (r *reader) ascending(ctx context.Context, l *Resource, list *List, o *Object, whole bool, next *mark) error {
	from := r.state.Round.From
	if from.IsZero() && !whole {
		from = r.since
	}
	address, tag, pages := list.Path, list.ETag, 0
	for again := true; again; {
		again = false
		begun, at := from, from
		list.Path, list.ETag = l.Cursor.with(address, from), tag
		err := r.pages(ctx, l, list, o, func(o *Object) (bool, error) {
			at = latest(at, r.at(o))
			return true, r.send(ctx, l, o)
		}, func() (bool, error) { // at the end of a page
			if !at.After(begun) {
				return true, nil
			}
			from, again = at, list.more
			next.At = latest(next.At, at)
			r.state.Round.From = at
			return false, r.checkpoint(ctx, false)
		})
		if err != nil {
			return err
		}
		tag = ""
		pages += list.pages
	}
	list.pages = pages
	return nil
}

// with returns an address with the parameter for a time, without one if that
// is zero.
func (c *Cursor) with(address string, at time.Time) string {
	if at.IsZero() {
		return address
	}
	return join(address, c.Since+"="+url.QueryEscape(at.UTC().Add(-c.Margin).Format(cmp.Or(c.Format, time.RFC3339))))
}

// join adds to the query of an address.
func join(address, query string) string {
	switch {
	case query == "":
		return address
	case strings.Contains(address, "?"):
		return address + "&" + query
	}
	return address + "?" + query
}

// descending reads a list whose latest rows come first as far as they are new.
// A sync that goes on after one that was broken off passes over what that one
// has sent: down to its last row, but for what is later than its first.
func (r *reader) descending(ctx context.Context, l *Resource, list *List, o *Object, whole bool, next *mark) error {
	rd, known := r.state.Round, next.At
	passed, top := rd.Last == "", rd.Top
	err := r.pages(ctx, l, list, o, func(o *Object) (bool, error) {
		at, id := r.at(o), o.Text(cmp.Or(l.Cursor.ID, "id"))
		if !whole && !at.IsZero() && at.Before(r.since) {
			return false, nil
		}
		next.At, top = latest(next.At, at), latest(top, r.time(o))
		if !passed {
			if passed = id == rd.Last; !r.time(o).After(rd.Top) {
				return true, nil
			}
		}
		if err := r.send(ctx, l, o); err != nil || !passed || id == "" {
			return true, err
		}
		rd.Top, rd.Last = top, id
		return true, r.checkpoint(ctx, false)
	})
	if err != nil || passed {
		return err
	}
	rd.Top, rd.Last, next.At = time.Time{}, "", known // the last row is gone, or is another
	return r.descending(ctx, l, list, o, whole, next)
}

// at returns an object's time by the list's Cursor; no later than the sync's
// start, as clocks differ.
func (r *reader) at(o *Object) time.Time {
	t := r.time(o)
	if t.After(r.req.Start) {
		return r.req.Start.UTC()
	}
	return t
}

// time is at by the vendor's clock alone.
func (r *reader) time(o *Object) time.Time {
	s := o.Text(r.list.Cursor.Field)
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t, _ = time.Parse(time.DateOnly, s) // zero if it is none
	}
	return t.UTC()
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// pages gives each object of a list to each, until that has enough, and calls
// the functions of ends after each page, until one has enough.
func (r *reader) pages(ctx context.Context, l *Resource, list *List, around *Object, each func(*Object) (bool, error), ends ...func() (bool, error)) error {
	defer r.note()
	if l.Single || l.Paths != nil {
		var reply Reply
		r.count()
		if err := r.client.Do(ctx, Request{URL: list.Path, Header: l.Header, ETag: list.ETag}, &reply); err != nil {
			return err
		}
		if list.Tag = tag(&reply, list.ETag); reply.Unchanged {
			return nil
		}
		return outputError(each(&Object{Value: reply.Value, Parent: around, reader: r}))
	}
	list.Client, list.Next, list.Header = r.client, l.next(r.api), l.Header
	list.Path = join(list.Path, r.api.Query)
	if l.Items != "" {
		list.Items = strings.Split(l.Items, ".")
	}
	for page, err := range list.Pages(ctx) {
		if r.count(); err != nil {
			return err
		}
		if r.account && list == r.pager && r.state.Round.From.IsZero() && l.Each == "" {
			r.expect(l, list.Count)
		}
		for i, v := range page {
			more, err := each(&Object{Value: v, Parent: around, Index: i, reader: r})
			if err != nil || !more {
				return outputError(more, err)
			}
		}
		for _, end := range ends {
			if more, err := end(); err != nil || !more {
				return outputError(more, err)
			}
		}
	}
	return nil
}

func (l *Resource) next(a *API) Pager {
	if a.Next != nil {
		return a.Next
	}
	return NextURL("next")
}

// An ownError is one that is not the list's: of the output, or of a detail.
type ownError struct{ error }

func (e *ownError) Unwrap() error { return e.error }

func outputError(_ bool, err error) error {
	if err == nil {
		return nil
	}
	return &ownError{err}
}

// send sends the rows of an object, and of its details.
func (r *reader) send(ctx context.Context, l *Resource, o *Object) error {
	if l.Met != nil {
		if err := l.Met(ctx, o); err != nil {
			return err
		}
	}
	if err := r.meet(ctx, l, o); err != nil {
		return err
	}
	r.changed = l.Cursor == nil || !r.at(o).Before(r.since)
	id := o.Int("id")
	r.fresh = id > r.newest[l]
	r.newest[l] = max(r.newest[l], id)
	r.parts = r.partsOf(l, o)
	for _, f := range r.filler(l) {
		if err := f.put(ctx, o, r.api.Funcs); err != nil {
			return err
		}
	}
	r.see(l, o)
	if !r.changed {
		return nil
	}
	for _, d := range l.Details {
		if err := r.detail(ctx, d, o); err != nil {
			return err
		}
	}
	return nil
}

// meet finds out whether rows of lists inside an object may have been sent
// before: by an earlier reading, or by this one, if the object has just changed
// and moved. What waits to be written of it goes out first then, as deletes and
// upserts of one key must keep their order.
func (r *reader) meet(ctx context.Context, l *Resource, o *Object) error {
	if len(l.Tables) == 0 {
		return nil
	}
	moved := l.Cursor != nil && !l.Cursor.Window && !r.at(o).Before(r.req.Start.Add(-l.Cursor.LookBack))
	r.again = r.members || moved
	if !r.again {
		return nil
	}
	id := l.name() + " " + o.Text("id")
	if r.sent[id] || !r.members {
		if err := r.flush(ctx); err != nil {
			return err
		}
	}
	r.sent[id] = true
	return nil
}

// detail reads what an object has of a list that has no state.
func (r *reader) detail(ctx context.Context, d *Resource, o *Object) error {
	if !slices.ContainsFunc(d.tables(), r.asked) {
		return nil
	}
	list := &List{Path: expand(d.Path, o)}
	err := r.pages(ctx, d, list, o, func(o *Object) (bool, error) {
		if d.Met != nil {
			if err := d.Met(ctx, o); err != nil {
				return false, err
			}
		}
		for _, f := range r.filler(d) {
			if err := f.put(ctx, o, r.api.Funcs); err != nil {
				return false, err
			}
		}
		for _, inner := range d.Details {
			if err := r.detail(ctx, inner, o); err != nil {
				return false, err
			}
		}
		return true, nil
	})
	return r.refuse(d, err)
}

func (r *reader) asked(table string) bool {
	return slices.ContainsFunc(r.req.Tables, func(t schema.Table) bool { return t.Name.Table == table })
}

// filler returns what writes the rows of a resource.
func (r *reader) filler(l *Resource) []*filler {
	f, ok := r.fillers[l]
	if !ok {
		for i := range l.Tables {
			if one := newFiller(&l.Tables[i], r.req, r.out, l == r.list, ""); one != nil {
				f = append(f, one)
			}
		}
		r.fillers[l] = f
	}
	return f
}

// forgetMembers deletes the rows of a list inside an object that others of its
// table were met with but it was not.
func (r *reader) forgetMembers(ctx context.Context, f *filler, around *Object, met map[string]bool, funcs map[string]Func) error {
	if r.list.Cursor == nil && r.list.Whole == 0 && r.list.Each == "" {
		return nil // they are swept in each round
	}
	known := r.state.of(r.list).remember(f.table.Name, met)
	if !r.again || !r.changed {
		return nil
	}
	for _, m := range known {
		if met[m] {
			continue
		}
		o := &Object{Value: no, Parent: around, reader: r}
		for i, c := range f.gone.columns {
			if i == f.member {
				f.gone.Value(i, fastjson.MustParse(m), nil)
				continue
			}
			v, err := f.rows.origin(c.Name).value(ctx, o, funcs)
			if err != nil {
				return err
			}
			f.gone.Value(i, v, nil)
		}
		if err := f.gone.End(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Find has a path read later in the round, unless it was read lately. It does
// nothing where nobody wants the root's tables.
func (o *Object) Find(root *Resource, path string) {
	r := o.reader
	if !r.wanted[root] {
		return
	}
	p := r.state.of(root)
	if m, ok := p.Marks[path]; ok && r.req.Start.Sub(m.At) < root.Found {
		return
	}
	if p.Found == nil {
		p.Found = map[string]bool{}
	}
	p.Found[path] = true
}

// Read puts one object of the API into reply, for a [Func] that needs it.
func (o *Object) Read(ctx context.Context, path string, reply *Reply) error {
	o.reader.count()
	if err := o.reader.client.Get(ctx, path, reply); err != nil {
		return &vendorError{err}
	}
	return nil
}

// found reads the paths that were found.
func (r *reader) found(ctx context.Context, root *Resource) error {
	p := r.state.of(root)
	r.begin(root, time.Time{}, false)
	for _, path := range slices.Sorted(maps.Keys(p.Found)) {
		list := &List{Path: path}
		if m, ok := p.Marks[path]; ok && !r.state.Round.full(root) {
			list.ETag = m.Tag
		}
		err := r.pages(ctx, root, list, nil, func(o *Object) (bool, error) { return true, r.send(ctx, root, o) })
		if s := Status(err); s != http.StatusNotFound { // a deleted one is no news
			err = r.refuse(root, err)
		} else {
			err = nil
		}
		if err != nil {
			return err
		}
		if p.Marks == nil {
			p.Marks = map[string]mark{}
		}
		p.Marks[path] = mark{At: r.req.Start, Tag: list.Tag}
		delete(p.Found, path)
		if err := r.checkpoint(ctx, false); err != nil {
			return err
		}
	}
	return nil
}

// refuse takes note of a list that cannot be read, and returns other errors.
func (r *reader) refuse(l *Resource, err error) error {
	var own *ownError
	if errors.As(err, &own) {
		return own.error
	}
	s := Status(err)
	if err == nil || slices.Contains(l.Empty, s) {
		return nil
	}
	if r.account && l == r.list && s/100 == 4 && !slices.Contains([]int{http.StatusUnauthorized, http.StatusRequestTimeout, http.StatusTooManyRequests}, s) {
		r.fail(l, err)
		return nil
	}
	switch s {
	case http.StatusForbidden, http.StatusNotFound, http.StatusConflict, http.StatusGone, http.StatusUnavailableForLegalReasons:
	default:
		return &vendorError{err}
	}
	if r.refused[l] == nil {
		r.refused[l] = &refusals{first: err}
	}
	r.refused[l].n++
	r.state.Round.miss(l)
	return nil
}

// fail says that the tables of a list of the account cannot be read now.
func (r *reader) fail(l *Resource, err error) {
	r.failed[l] = err
	r.state.Round.unsure(l)
	for _, t := range l.tables() {
		if r.asked(t) {
			r.out.Fail(schema.Name{Table: t}, err)
		}
	}
}

// warn tells of the lists that could not be read.
func (r *reader) warn() {
	defer clear(r.refused)
	for l, f := range r.refused {
		r.out.Warn(setup.Warning{Code: "list_not_read", Message: fmt.Sprintf("What %s has could not be read %s. The rows of %s that are there stay as they are. The first refusal: %v.",
			l.name(), times(f.n), strings.Join(l.all(), ", "), f.first)})
	}
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return strconv.Itoa(n) + " times"
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

// expect tells how many rows a table is expected to have.
func (r *reader) expect(l *Resource, rows int64) {
	if own := l.own(); len(own) > 0 && r.asked(own[0]) {
		r.out.Progress(schema.Name{Table: own[0]}, rows)
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
