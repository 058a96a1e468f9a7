package rest

import (
	"context"
	"slices"

	"github.com/valyala/fastjson"

	"github.com/penstock-data/penstock/schema"
)

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
	if d.For == nil {
		return r.detailAt(ctx, d, expand(d.Path, o), o)
	}
	paths, err := d.For(ctx, o)
	if err != nil {
		return r.refuse(d, err)
	}
	for _, path := range paths {
		if err := r.detailAt(ctx, d, path, o); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) detailAt(ctx context.Context, d *Resource, path string, o *Object) error {
	err := r.pages(ctx, d, &List{Path: path}, o, func(o *Object) (bool, error) {
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
