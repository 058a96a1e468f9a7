package fifteenfive

import (
	"context"
	"time"

	"github.com/valyala/fastjson"

	"github.com/penstock-data/penstock/connector/rest"
)

// A path is what one path of the API is read for.
type path struct {
	path    string
	tables  []string // the first has the path's own rows, the others lists inside them
	objects bool     // the list has only short rows; each object is read by itself

	filter   string // the parameter that leaves out older rows; "": there is none
	format   string // of its values
	at       string // the field that it is compared with
	ordered  bool   // the list can be had in order of that field
	lookBack time.Duration

	expires bool // rows that are not there any more are not deleted
	send    func(r *reader, ctx context.Context, v *fastjson.Value) error
}

const day = 24 * time.Hour

// paths are in the order in which they are read: small ones first, so that
// what others refer to is there early.
//
// Filters: 15five-connect, 15five-to-bigquery-sync and 15five-client (public
// clients, read 2026-11). A check-in changes until it is reviewed; a pulse
// while its check-in may be edited; a one-on-one until it has taken place.
var paths = []*path{
	{path: "feature-status", tables: []string{"feature"}, send: (*reader).row},
	{path: "attribute", tables: []string{"people_attribute"}, send: (*reader).row},
	{path: "group-type", tables: []string{"group_type"}, objects: true, send: (*reader).row},
	{path: "group", tables: []string{"groups"}, objects: true, send: (*reader).row},
	{path: "question", tables: []string{"question"}, objects: true, send: (*reader).row},
	{path: "user", tables: []string{"users", "company_group_id"}, objects: true, send: (*reader).row},
	{path: "vacation", tables: []string{"user_vacation"}, send: (*reader).row},
	{path: "one-on-one", tables: []string{"one_on_one"}, filter: "scheduled_on_start", format: time.DateTime, at: "for_date",
		lookBack: 35 * day, send: (*reader).row},
	{path: "high-five", tables: []string{"high_five", "high_five_receiver", "high_five_email_receiver"},
		filter: "created_on_start", format: time.DateTime, at: "create_ts", ordered: true, lookBack: 14 * day, send: (*reader).row},
	{path: "pulse", tables: []string{"pulse"}, filter: "created_on_start", format: time.DateTime, at: "create_ts", ordered: true,
		lookBack: 14 * day, send: (*reader).row},
	{path: "security-audit", tables: []string{"security_audit"}, expires: true, send: (*reader).row},
	{path: "report", tables: []string{"check_in", "check_in_answer", "check_in_comment", "check_in_goal", "check_in_accomplishment"},
		objects: true, filter: "due_date_start", format: time.DateOnly, at: "due_date", lookBack: 35 * day, send: (*reader).checkIn},
	{path: "answer", tables: []string{"answer"}, objects: true, send: (*reader).row},
}

// time returns the time by which the API filters v, or zero if it has none.
func (e *path) time(v *fastjson.Value) time.Time {
	s := string(v.GetStringBytes(e.at))
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

// row sends an object and the lists inside it: a row of the path's first
// table, and rows of the others.
func (r *reader) row(ctx context.Context, v *fastjson.Value) error {
	o := &rest.Object{Value: v}
	for n, name := range r.path.tables[1:] {
		if t := tableOf(name); t.each != "" {
			if err := r.list(ctx, t, n, o); err != nil {
				return err
			}
		}
	}
	rows := r.rows[r.path.tables[0]]
	if rows == nil {
		return nil
	}
	return r.put(ctx, rows, o)
}

func (r *reader) put(ctx context.Context, rows *rest.Filler, o *rest.Object) error {
	rows.Fresh = r.fresh
	if err := rows.Set(ctx, o, nil); err != nil {
		return err
	}
	return rows.End(ctx)
}

// list sends the elements of a list inside an object, and deletes the keys
// beyond its end where there may be rows of an earlier, longer one.
func (r *reader) list(ctx context.Context, t *table, n int, o *rest.Object) error {
	elements := o.Value.GetArray(t.each)
	r.mark.Lists = append(r.mark.Lists, len(elements))
	rows := r.rows[t.name]
	if rows == nil {
		return nil
	}
	if !r.sweeps {
		if err := r.beyond(ctx, t.name, n, o.Int("id"), len(elements)); err != nil {
			return err
		}
	}
	if len(elements) > r.progress.Widest[t.name] {
		if r.progress.Widest == nil {
			r.progress.Widest = map[string]int{}
		}
		r.progress.Widest[t.name] = len(elements)
	}
	for i, e := range elements {
		if err := r.put(ctx, rows, &rest.Object{Value: e, Parent: o, Index: i}); err != nil {
			return err
		}
	}
	return nil
}

// beyond deletes a parent's rows from an index on that its n-th list may have
// had: as many as are remembered, or as any had if it was read before in a
// sync that was broken off.
func (r *reader) beyond(ctx context.Context, table string, n int, parent int64, from int) error {
	gone, to := r.gone[table], 0
	if n < len(r.known.Lists) {
		to = r.known.Lists[n]
	}
	if r.resumed {
		to = r.progress.Widest[table]
	}
	for i := from; gone != nil && i < to; i++ {
		gone.Int(0, int64(i))
		gone.Int(1, parent)
		if err := gone.End(ctx); err != nil {
			return err
		}
	}
	return nil
}
