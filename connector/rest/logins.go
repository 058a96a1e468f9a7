package rest

import (
	"context"
	"errors"
	"net/http"
	"slices"
)

// logins returns clients that ask with one credential each.
func (c *Client) logins() []*Client {
	own := *c
	own.Spare = nil
	return append([]*Client{&own}, c.Spare...)
}

// of returns a Client that asks with the credentials of some, of which there is
// at least one.
func of(logins []*Client) *Client {
	c := *logins[0]
	c.Spare = logins[1:]
	return &c
}

// denied reports whether an error may be about who asks.
func denied(err error) bool {
	s, own := Status(err), (*ownError)(nil)
	return (s == http.StatusForbidden || s == http.StatusNotFound) && !errors.As(err, &own)
}

// asking returns who asks for a list: each login by itself where what it has
// depends on that.
func (r *reader) asking(l *Resource) []*Client {
	if l.PerLogin && len(r.client.Spare) > 0 {
		return r.client.logins()
	}
	return []*Client{r.client}
}

// byEach reads a list as each login sees it. What one of them is denied may be
// what only that one has seen.
func (r *reader) byEach(ctx context.Context, l *Resource, list *List, around *Object) error {
	all := r.client
	defer func() { r.client = all }()
	asking, met, shrunk, address := r.asking(l), map[string]bool{}, false, list.Path
	var refusals []error
	for _, c := range asking {
		r.client, list.Path = c, address
		err := r.pages(ctx, l, list, around, func(o *Object) (bool, error) {
			if id := o.Text("id"); len(asking) > 1 && id != "" {
				if met[id] {
					return true, nil
				}
				met[id] = true
			}
			return true, r.send(ctx, l, o)
		})
		switch {
		case denied(err) && len(asking) > 1:
			refusals = append(refusals, err)
		case err != nil:
			return err
		}
		if shrunk = shrunk || list.Shrunk; len(asking) > 1 { // it says nothing of what others see
			list.ETag, list.Tag = "", ""
		}
	}
	list.Shrunk = shrunk
	switch n := len(refusals); {
	case n == len(asking):
		return refusals[0]
	case n > 0 && !slices.Contains(l.Empty, Status(refusals[0])):
		r.deny(l, refusals[0])
	}
	return nil
}

// The objects of a root that were met.
type met struct {
	n       int           // how many
	needed  bool          // for their lists, or to know which come twice
	fields  []string      // that their lists need
	objects []*Object     // those that are needed
	at      map[int64]int // where they are, by their ids
}

// add takes note of an object, and of who sees it. It reports whether it is to
// be sent: it was not met before.
func (m *met) add(o *Object, c *Client) bool {
	m.n++
	if !m.needed {
		return true
	}
	id := o.Int("id")
	i, known := m.at[id]
	if !known {
		i = len(m.objects)
		m.at[id], m.objects = i, append(m.objects, o.keep(m.fields))
	}
	for _, c := range append([]*Client{c}, c.Spare...) {
		if !slices.Contains(m.objects[i].logins, c) {
			m.objects[i].logins = append(m.objects[i].logins, c)
		}
	}
	return !known
}
