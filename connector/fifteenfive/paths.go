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
	{path: "user", tables: []string{"users", "company_group_id"}, objects: true, send: (*reader).user},
	{path: "vacation", tables: []string{"user_vacation"}, send: (*reader).row},
	{path: "one-on-one", tables: []string{"one_on_one"}, filter: "scheduled_on_start", format: time.DateTime, at: "for_date",
		lookBack: 35 * day, send: (*reader).oneOnOne},
	{path: "high-five", tables: []string{"high_five", "high_five_receiver", "high_five_email_receiver"},
		filter: "created_on_start", format: time.DateTime, at: "create_ts", ordered: true, lookBack: 14 * day, send: (*reader).highFive},
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

// row sends an object that is one row of the path's first table.
func (r *reader) row(ctx context.Context, v *fastjson.Value) error {
	rows := r.rows[r.path.tables[0]]
	if rows == nil {
		return nil
	}
	rows.Fresh = r.fresh
	rows.Record(v.GetObject())
	return rows.End(ctx)
}

func (r *reader) user(ctx context.Context, v *fastjson.Value) error {
	id := v.GetInt64("id")
	err := r.list(ctx, "company_group_id", id, v.GetArray("company_groups_ids"), func(rows *rest.Rows, index int64, e *fastjson.Value) {
		rows.Int(rows.Column("index"), index)
		rows.Int(rows.Column("users_id"), id)
		rows.Value(rows.Column("company_group_id"), e, rest.LastSegment)
	})
	if err != nil {
		return err
	}
	return r.row(ctx, v)
}

func (r *reader) oneOnOne(ctx context.Context, v *fastjson.Value) error {
	rows := r.rows["one_on_one"]
	if rows == nil {
		return nil
	}
	rows.Fresh = r.fresh
	rows.Record(v.GetObject())
	for _, side := range []string{"user_1", "user_2"} {
		rows.Value(rows.Column(side+"_details_id"), first(v.Get(side+"_details", "id"), v.Get(side)), rest.LastSegment)
	}
	return rows.End(ctx)
}

// first returns the first of vs that is there.
func first(vs ...*fastjson.Value) *fastjson.Value {
	for _, v := range vs {
		if v != nil && v.Type() != fastjson.TypeNull {
			return v
		}
	}
	return nil
}

func (r *reader) highFive(ctx context.Context, v *fastjson.Value) error {
	id := v.GetInt64("id")
	err := r.list(ctx, "high_five_receiver", id, v.GetArray("receivers"), func(rows *rest.Rows, index int64, e *fastjson.Value) {
		rows.Int(rows.Column("index"), index)
		rows.Int(rows.Column("high_five_id"), id)
		if o := e.GetObject(); o != nil {
			rows.Record(o)
			rows.Value(rows.Column("receiver_id"), first(e.Get("id"), e.Get("url")), rest.LastSegment)
		} else {
			rows.Value(rows.Column("receiver_id"), e, rest.LastSegment)
			rows.Value(rows.Column("url"), e, nil)
		}
	})
	if err != nil {
		return err
	}
	err = r.list(ctx, "high_five_email_receiver", id, v.GetArray("email_receivers"), func(rows *rest.Rows, index int64, e *fastjson.Value) {
		rows.Int(rows.Column("index"), index)
		rows.Int(rows.Column("high_five_id"), id)
		if o := e.GetObject(); o != nil {
			rows.Record(o)
		} else {
			rows.Value(rows.Column("email"), e, nil)
		}
	})
	if err != nil {
		return err
	}
	rows := r.rows["high_five"]
	if rows == nil {
		return nil
	}
	rows.Fresh = r.fresh
	rows.Record(v.GetObject())
	rows.Value(rows.Column("creator_detail_id"), first(v.Get("creator_details", "id"), v.Get("creator")), rest.LastSegment)
	rows.Value(rows.Column("creator_id"), first(v.Get("creator_id"), v.Get("creator")), rest.LastSegment)
	return rows.End(ctx)
}

// list sends the elements of a list inside an object, and deletes the keys
// beyond its end where there may be rows of an earlier, longer one.
func (r *reader) list(ctx context.Context, table string, parent int64, elements []*fastjson.Value,
	set func(rows *rest.Rows, index int64, e *fastjson.Value)) error {
	n := len(r.mark.Lists)
	r.mark.Lists = append(r.mark.Lists, len(elements))
	rows := r.rows[table]
	if rows == nil {
		return nil
	}
	if !r.sweeps {
		if err := r.beyond(ctx, table, n, parent, len(elements)); err != nil {
			return err
		}
	}
	if len(elements) > r.progress.Widest[table] {
		if r.progress.Widest == nil {
			r.progress.Widest = map[string]int{}
		}
		r.progress.Widest[table] = len(elements)
	}
	rows.Fresh = r.fresh
	for i, e := range elements {
		set(rows, int64(i), e)
		if err := rows.End(ctx); err != nil {
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
