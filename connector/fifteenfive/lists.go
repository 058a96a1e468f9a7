package fifteenfive

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/penstock-data/penstock/connector/rest"
	"github.com/penstock-data/penstock/schema"
)

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

func objectPath(path string, id int64) string {
	return path + "/" + strconv.FormatInt(id, 10) + "/"
}
