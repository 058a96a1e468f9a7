package rest

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/valyala/fastjson"
)

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

// ReadAll gives each row of a list of the API to each, for a [Func] that needs
// them, or a [Resource.For]. A row is good until each returns.
func (o *Object) ReadAll(ctx context.Context, path string, each func(*fastjson.Value)) error {
	r := o.reader
	list := &List{Client: r.client, Path: join(path, r.api.Query), Next: (&Resource{}).next(r.api)}
	for page, err := range list.Pages(ctx) {
		if r.count(); err != nil {
			return &vendorError{err}
		}
		for _, v := range page {
			each(v)
		}
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
