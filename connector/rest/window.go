package rest

import (
	"context"
	"maps"
	"slices"
	"time"
)

// A row is what is remembered of one in a Cursor's Window.
type row struct {
	At    int64  `json:"t"`           // its time, in seconds since 1970
	Parts string `json:"p,omitempty"` // hashes of its parts that were sent
}

// window reports whether a list is read by a Cursor with a Window.
func (r *Resource) window() bool { return r.Cursor != nil && r.Cursor.Window }

// old reports whether an object is before the Window: the list has it because
// of the Margin only.
func (r *reader) old(l *Resource, o *Object) bool {
	if !l.window() {
		return false
	}
	at := r.time(o)
	return !at.IsZero() && at.Before(r.since)
}

// inWindow reads a list whose rows are the objects.
func (r *reader) inWindow(ctx context.Context, l *Resource, list *List, around *Object) error {
	rd := r.state.Round
	begun, at, sorted := rd.From, time.Time{}, l.Cursor.Sorted
	list.Path = l.Cursor.with(list.Path, latest(r.since, begun))
	err := r.pages(ctx, l, list, around, func(o *Object) (bool, error) {
		if r.old(l, o) {
			return true, nil
		}
		sorted, at = sorted && !r.time(o).Before(at), r.time(o)
		return true, r.send(ctx, l, o)
	}, func() (bool, error) { // at the end of a page
		if rd.From = at; !sorted {
			rd.From = time.Time{}
		}
		if !rd.From.After(begun) {
			return true, nil
		}
		return true, r.checkpoint(ctx, false)
	})
	if err == nil {
		rd.From = time.Time{}
	}
	return err
}

// see remembers an object that was sent.
func (r *reader) see(l *Resource, o *Object) {
	rd, id := r.state.Round, o.Int("id")
	rd.Newest = max(rd.Newest, id)
	if !l.window() || r.time(o).IsZero() {
		return
	}
	if rd.Seen == nil {
		rd.Seen = map[int64]row{}
	}
	rd.Latest = latest(rd.Latest, r.at(o))
	rd.Seen[id] = row{At: r.time(o).Unix(), Parts: r.parts.sent()}
}

// prune forgets rows of a whole reading that are before the next Window.
func (r *reader) prune() {
	if rd := r.state.Round; rd != nil && r.list != nil && r.list.window() && rd.whole(r.list) {
		since := rd.Latest.Add(-r.list.Cursor.LookBack)
		maps.DeleteFunc(rd.Seen, func(_ int64, s row) bool { return s.At < since.Unix() })
	}
}

// look deletes what was in the Window and was not met in it, and remembers
// what is in the next.
func (r *reader) look(ctx context.Context, l *Resource, around *Object, known mark, whole bool, next *mark) error {
	rd := r.state.Round
	if !whole && !rd.Shrunk && l.Each == "" {
		if err := r.flush(ctx); err != nil {
			return outputError(false, err)
		}
		for _, id := range slices.Sorted(maps.Keys(known.Rows)) {
			if _, met := rd.Seen[id]; met {
				continue
			}
			if err := r.delete(ctx, l, around, id); err != nil {
				return outputError(false, err)
			}
		}
	}
	next.At = latest(next.At, rd.Latest)
	since := next.At.Add(-l.Cursor.LookBack)
	next.Rows = maps.Clone(rd.Seen)
	maps.DeleteFunc(next.Rows, func(_ int64, s row) bool { return s.At < since.Unix() })
	return nil
}

// delete deletes the rows of an object that is gone.
func (r *reader) delete(ctx context.Context, l *Resource, around *Object, id int64) error {
	r.again, r.changed = true, true
	o := &Object{Value: identified(id), Parent: around, reader: r}
	for _, f := range r.filler(l) {
		if err := f.delete(ctx, o, r.api.Funcs); err != nil {
			return err
		}
	}
	return nil
}
