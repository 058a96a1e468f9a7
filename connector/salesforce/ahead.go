package salesforce

import (
	"context"
	"errors"

	"github.com/valyala/fastjson"

	"github.com/penstock-data/penstock/connector/rest"
	"github.com/penstock-data/penstock/setup"
)

// Most readings of a sync find nothing new, or little. What several of them ask
// for first is asked for in one request, which counts as one: the log of deletes
// and the first page, or the number of rows. What is refused there is asked for
// again by the reading itself, which knows what to do about it.

// mostQueries is how many queries fit into one request (REST API Developer
// Guide, "Composite", 2026-07).
const mostQueries = 5

// some takes off the readers whose first requests go into one: their pages have
// no more values together than one may have.
func (r *run) some(left []*reader) (some, later []*reader) {
	fields := 0
	for i, t := range left {
		if fields += len(t.fields); i > 0 && (i == r.queries || fields*fewestRows > pageValues) {
			return left[:i], left[i:]
		}
	}
	return left, nil
}

// askAhead plans readings, and asks for what they need first.
func (r *run) askAhead(ctx context.Context, some []*reader) error {
	r.api.early = nil
	fields := 1
	for _, t := range some {
		t.plan()
		fields += len(t.fields)
	}
	var all []subrequest
	quiet := true
	for _, t := range some {
		all = append(all, t.first(pageValues/fields)...)
		quiet = quiet && t.progress.Reading.Whole
	}
	if len(all) < 2 || r.single {
		return nil
	}
	q, err := r.api.bundle(all)
	if err != nil {
		return err
	}
	q.Tries = 1 // there is another way
	r.api.quiet = quiet
	defer func() { r.api.quiet = false }()
	var reply rest.Reply
	err = r.api.do(ctx, q, &reply)
	var pause *setup.Reschedule
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case setup.AsProblem(err) != nil || errors.As(err, &pause):
		return vendor(err)
	case err != nil:
		r.single = true
		return nil
	}
	early := map[string]*fastjson.Value{}
	err = r.api.unbundle(all, &reply, func(i int, v *fastjson.Value, err error) error {
		if err == nil {
			early[all[i].address] = v
		}
		return nil
	})
	r.single = err != nil
	r.api.early = early
	return nil
}

// first returns what the reading asks for first, a page of that many rows.
func (t *reader) first(rows int) (all []subrequest) {
	if t.log != nil {
		all = append(all, subrequest{address: t.log.address})
	}
	rd := t.progress.Reading
	switch {
	case rd.Job != nil:
	case t.counts():
		all = append(all, subrequest{address: t.api.queryAddress(t.query().count())})
	default:
		all = append(all, subrequest{t.api.queryAddress(t.query().ordered()), paged(min(rows, mostRows))})
	}
	return all
}
