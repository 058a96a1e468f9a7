package rest

import (
	"cmp"
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/penstock-data/penstock/schema"
)

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
		return r.byEach(ctx, l, list, o)
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

// expect tells how many rows a table is expected to have.
func (r *reader) expect(l *Resource, rows int64) {
	if own := l.own(); len(own) > 0 && r.asked(own[0]) {
		r.out.Progress(schema.Name{Table: own[0]}, rows)
	}
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
