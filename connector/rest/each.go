package rest

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/valyala/fastjson"
)

// Ahead is how many objects of a list with Each are asked for at a time:
// answers that take longer than the time between two requests do not slow the
// reading down.
const Ahead = 4

const (
	// Reading objects one by one for longer than that is not part of each sync.
	longReading = 15 * time.Minute

	// It gets this part of the time, then.
	longShare = 16
)

// due reports whether a round that begins at start reads all of a resource.
func (p *progress) due(r *Resource, start time.Time, pace time.Duration) bool {
	if p.Whole.IsZero() {
		return true
	}
	age, cost := start.Sub(p.Whole), time.Duration(p.Requests)*pace
	if r.Each != "" && cost > longReading && age < longShare*cost {
		return false
	}
	return p.Stale || age >= r.Whole
}

// pace returns how long a request takes of what the vendor allows.
func (b *Budget) pace() time.Duration {
	if b == nil {
		return 0
	}
	return b.later
}

// account reports whether r is the account itself.
func (r *Resource) account() bool { return r.Path == "" && r.Paths == nil }

// identified returns an object that has an id and nothing else.
func identified(id int64) *fastjson.Value {
	return fastjson.MustParse(fmt.Sprintf(`{"id":%d}`, id))
}

// each reads the objects of a list one by one, in the order of their ids, so
// that a number says how far that is.
func (r *reader) each(ctx context.Context, l *Resource, list *List, around *Object, known mark, whole bool, next *mark) error {
	rd := r.state.Round
	ids, err := r.ids(ctx, l, list, around, known, whole)
	if err != nil {
		return err
	}
	r.expect(l, int64(len(ids)))
	i, _ := slices.BinarySearch(ids, rd.After+1)
	ids = ids[i:]
	addresses := func(yield func(string) bool) {
		for _, id := range ids {
			if !yield(expand(l.Each, &Object{Value: identified(id), Parent: around})) {
				return
			}
		}
	}
	i = 0
	for reply, err := range r.client.GetAll(ctx, Ahead, addresses) {
		id := ids[i]
		i++
		r.count()
		switch {
		case Status(err) == http.StatusNotFound && whole:
			err = nil
		case Status(err) == http.StatusNotFound:
			err = r.delete(ctx, l, around, id)
		case err != nil:
			return err
		default:
			err = r.send(ctx, l, &Object{Value: reply.Value, Parent: around, reader: r})
		}
		if err == nil {
			rd.After = id
			err = r.checkpoint(ctx, false)
		}
		if err != nil {
			return outputError(false, err)
		}
	}
	next.ID = max(next.ID, rd.Newest)
	return ctx.Err()
}

// ids returns the ids of the objects to be read, in their order. A list that
// becomes shorter under way is read again, and what any reading met counts.
func (r *reader) ids(ctx context.Context, l *Resource, list *List, around *Object, known mark, whole bool) (ids []int64, err error) {
	address := list.Path
	for n := 1; ; n++ {
		list.Path = address
		if l.window() {
			list.Path = l.Cursor.with(address, r.since)
		}
		err := r.pages(ctx, l, list, around, func(o *Object) (bool, error) {
			if id := o.Int("id"); !r.old(l, o) && (whole || l.window() || id > known.ID) {
				ids = append(ids, id)
			}
			return true, nil
		})
		if err != nil {
			return nil, err
		}
		if !list.Shrunk {
			break
		}
		if n == attempts {
			r.state.Round.unsure(l)
			break
		}
	}
	list.Shrunk, r.state.Round.Shrunk = false, false
	if !whole { // those that are not in the list will be found to be gone, or moved
		ids = slices.AppendSeq(ids, maps.Keys(known.Rows))
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}
