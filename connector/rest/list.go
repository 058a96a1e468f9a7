package rest

import (
	"context"
	"fmt"
	"iter"
	"net/url"
	"sync"

	"github.com/valyala/fastjson"
)

// A List is a list in pages, as Django REST framework's PageNumberPagination
// gives it: {"count": N, "next": URL or null, "previous": …, "results": […]}.
// An answer of another shape counts as a list of that one object.
type List struct {
	Client *Client
	Path   string
	Query  url.Values

	// Of the pages read so far.
	Count int64 // rows in all, as the latest page says
	Rows  int64 // rows read

	// Shrunk says that rows went away while the list was read. As pages are
	// cut by number, others may have moved to a page that had been read
	// already: what the list does not have may exist all the same.
	Shrunk bool
}

// Pages reads the list from the beginning. What it yields is good until the
// next page. An error ends it.
func (l *List) Pages(ctx context.Context) iter.Seq2[[]*fastjson.Value, error] {
	return func(yield func([]*fastjson.Value, error) bool) {
		l.Count, l.Rows, l.Shrunk = 0, 0, false
		address := l.Client.URL(l.Path, l.Query)
		var r Reply
		for first := true; address != ""; first = false {
			err := l.Client.Get(ctx, address, &r)
			if Status(err) == 404 && !first {
				l.Shrunk = true // the page that was promised is gone
				return
			}
			if err != nil {
				yield(nil, err)
				return
			}
			rows, next, err := l.page(r.Value, first)
			if err == nil && next == address {
				err = fmt.Errorf("%s: the next page of %s is the page itself", l.Client.Name, l.Path)
			}
			if !yield(rows, err) || err != nil {
				return
			}
			address = next
		}
	}
}

func (l *List) page(v *fastjson.Value, first bool) (rows []*fastjson.Value, next string, err error) {
	if v.Type() != fastjson.TypeObject {
		return nil, "", fmt.Errorf("%s: a page of %s is no object but %s", l.Client.Name, l.Path, v.Type())
	}
	if !v.Exists("results") && first {
		l.Count, l.Rows = 1, 1
		return []*fastjson.Value{v}, "", nil
	}
	results := v.Get("results")
	if results == nil || results.Type() != fastjson.TypeArray {
		return nil, "", fmt.Errorf("%s: a page of %s has no results", l.Client.Name, l.Path)
	}
	rows = results.GetArray()
	count := v.GetInt64("count")
	if count < l.Count {
		l.Shrunk = true
	}
	l.Count, l.Rows = count, l.Rows+int64(len(rows))
	return rows, string(v.GetStringBytes("next")), nil
}

// GetAll requests many addresses, up to ahead of them at a time, and yields
// the answers in the order of the addresses. An answer is good until the next.
// A request that fails is yielded as an error, and the next ones follow.
func (c *Client) GetAll(ctx context.Context, ahead int, addresses iter.Seq[string]) iter.Seq2[*Reply, error] {
	return func(yield func(*Reply, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var running sync.WaitGroup
		defer running.Wait()
		defer cancel()

		type answer struct {
			reply *Reply
			err   error
		}
		var waiting []chan answer // in the order of the addresses
		free := make([]*Reply, 0, ahead+1)
		next, stop := iter.Pull(addresses)
		defer stop()
		for more := true; more || len(waiting) > 0; {
			for more && len(waiting) < ahead {
				var address string
				if address, more = next(); !more {
					break
				}
				r := &Reply{}
				if n := len(free); n > 0 {
					r, free = free[n-1], free[:n-1]
				}
				done := make(chan answer, 1)
				waiting = append(waiting, done)
				running.Go(func() { done <- answer{r, c.Get(ctx, address, r)} })
			}
			if len(waiting) == 0 {
				return
			}
			a := <-waiting[0]
			waiting = waiting[1:]
			if !yield(a.reply, a.err) {
				return
			}
			free = append(free, a.reply)
		}
	}
}
