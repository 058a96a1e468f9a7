package rest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/valyala/fastjson"
)

// A List is a list in pages. Its zero value, but for the first two fields,
// reads lists as Django REST framework's PageNumberPagination gives them:
// {"count": N, "next": URL or null, "previous": …, "results": […]}. There, an
// answer of another shape counts as a list of that one object.
type List struct {
	Client *Client
	Path   string // or the address of the first page, if there is no Query
	Query  url.Values
	Header http.Header // nil: none
	ETag   string      // of the first page when it was read before; "": none

	// Check has each page asked for once more when the next is read, which costs
	// next to nothing where they have ETags, to find out whether the list is
	// Shrunk. Pages that say how many rows there are tell by themselves.
	Check bool

	Next  Pager    // nil: [NextURL] of "next"
	Items []string // the path to the rows in a page; nil: "results", or the page itself if it is an array
	Total string   // the field of a page that says how many rows there are; "": "count"

	// Of the pages read so far.
	Count int64  // rows in all, as the latest page says
	Rows  int64  // rows read
	Tag   string // ETag of the first page; "": it has none

	// Unchanged says that the first page is as it was with ETag. No page is
	// yielded.
	Unchanged bool

	// Shrunk says that rows went away while the list was read. As pages are
	// cut by number, others may have moved to a page that had been read
	// already: what the list does not have may exist all the same.
	Shrunk bool

	more  bool  // there is a page after the latest
	pages int   // read so far
	known known // the latest; without an address: it is not to be checked
	again Reply // of the page before
}

// A known is a page as it was read.
type known struct {
	address, tag string
	rows         []uint64 // hashes of what tells them apart
}

// Pages reads the list from the beginning. What it yields is good until the
// next page. An error ends it; pages that come a second time are one.
func (l *List) Pages(ctx context.Context) iter.Seq2[[]*fastjson.Value, error] {
	return func(yield func([]*fastjson.Value, error) bool) {
		l.Count, l.Rows, l.Tag, l.Unchanged, l.Shrunk, l.known = 0, 0, "", false, false, known{}
		at := Page{Reply: &Reply{}}
		address := l.Path
		if l.Query != nil || !strings.ContainsAny(address, "?:") {
			address = l.Client.URL(l.Path, l.Query)
		}
		seen := map[uint64]bool{}
		for address != "" {
			rows, next, err := l.read(ctx, &at, address, seen)
			l.more, l.pages = next != "", at.Number
			if l.Unchanged || err == nil && at.URL == nil {
				return
			}
			err = l.judge(ctx, err)
			l.known = known{}
			if err == nil && next != "" && l.Check && l.Count == 0 {
				l.known = known{at.URL.String(), at.Reply.Header.Get("ETag"), identities(rows)}
			}
			if !yield(rows, err) || err != nil {
				return
			}
			address = next
		}
	}
}

// errTwice says that a page is one that came before.
var errTwice = errors.New("came twice")

// judge finds out whether the list changed before the page that was just read
// with err, if it is to be checked. A page that came twice is no error then.
func (l *List) judge(ctx context.Context, err error) error {
	if err != nil && err != errTwice {
		return err
	}
	changed := l.Shrunk
	if l.known.address != "" && !changed {
		var failed error
		if changed, failed = l.check(ctx, l.known); failed != nil {
			return failed
		}
	}
	if err == errTwice && !changed {
		return fmt.Errorf("%s: a page of %s %w", l.Client.Name, l.Path, err)
	}
	return nil
}

// check asks for the page before once more, when the one after it is read.
// Where it ends with another row than those that it had, that row may have come
// from the later page before that was read. It reports whether the page has
// changed at all.
func (l *List) check(ctx context.Context, p known) (changed bool, err error) {
	r := &l.again
	err = l.Client.Do(ctx, Request{URL: p.address, Header: l.Header, ETag: p.tag}, r)
	switch {
	case Status(err) == http.StatusNotFound:
		l.Shrunk = true
		return true, nil
	case err != nil || r.Unchanged:
		return false, err
	}
	rows, err := l.rows(r.Value, false)
	ids := identities(rows)
	if len(ids) > 0 {
		l.Shrunk = !slices.Contains(p.rows, ids[len(ids)-1])
	}
	return !slices.Equal(ids, p.rows), err
}

// identities returns hashes of what tells rows apart, which is all of them
// where they have no id.
func identities(rows []*fastjson.Value) (ids []uint64) {
	var b []byte
	for _, v := range rows {
		id := v
		for _, name := range []string{"id", "sha", "url"} {
			if v.Exists(name) {
				id = v.Get(name)
				break
			}
		}
		b = id.MarshalTo(b[:0])
		ids = append(ids, maphash.Bytes(seed, b))
	}
	return ids
}

// read reads the page at an address, and finds the next one's. at.URL is nil if
// there is none although it was promised.
func (l *List) read(ctx context.Context, at *Page, address string, seen map[uint64]bool) (rows []*fastjson.Value, next string, err error) {
	q := Request{URL: address, Header: l.Header}
	first := at.Number == 0
	if first {
		q.ETag = l.ETag
	}
	err = l.Client.Do(ctx, q, at.Reply)
	if Status(err) == http.StatusNotFound && !first {
		l.Shrunk = true
		at.URL = nil
		return nil, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	if first {
		l.Tag, l.Unchanged = tag(at.Reply, l.ETag), at.Reply.Unchanged
	}
	if l.Unchanged {
		return nil, "", nil
	}
	if at.URL, err = l.Client.Base.Parse(address); err != nil {
		return nil, "", err
	}
	at.Number++
	if rows, err = l.page(at.Reply.Value, first); err != nil {
		return nil, "", err
	}
	at.Rows = len(rows)
	if next, err = l.pager()(at); err != nil {
		return nil, "", fmt.Errorf("%s: a page of %s: %w", l.Client.Name, l.Path, err)
	}
	if at.Last > 0 {
		l.Shrunk = l.Shrunk || at.last > 0 && at.Last < at.last
		at.last = at.Last
	}
	if next != "" {
		u, err := at.URL.Parse(next)
		if err != nil {
			return rows, "", fmt.Errorf("%s: a page of %s: %w", l.Client.Name, l.Path, err)
		}
		next = u.String()
	}
	seen[maphash.String(seed, at.URL.String())] = true
	if seen[maphash.String(seed, next)] {
		return rows, "", fmt.Errorf("%s: the next page of %s is the page itself or one before", l.Client.Name, l.Path)
	}
	if len(rows) == 0 {
		return rows, next, nil
	}
	body := maphash.Bytes(seed, at.Reply.body.Bytes())
	if seen[body] {
		return rows, next, errTwice
	}
	seen[body] = true
	return rows, next, nil
}

// tag returns the ETag of an answer to a request with one.
func tag(r *Reply, before string) string {
	if t := r.Header.Get("ETag"); t != "" || !r.Unchanged {
		return t
	}
	return before
}

var seed = maphash.MakeSeed()

func (l *List) pager() Pager {
	if l.Next != nil {
		return l.Next
	}
	return NextURL("next")
}

// page returns the rows of a page, and counts them.
func (l *List) page(v *fastjson.Value, first bool) ([]*fastjson.Value, error) {
	rows, err := l.rows(v, first)
	if err != nil {
		return nil, err
	}
	l.Rows += int64(len(rows))
	switch {
	case v.Type() == fastjson.TypeArray:
	case len(rows) == 1 && rows[0] == v:
		l.Count = 1
	default:
		count := v.GetInt64(cmp.Or(l.Total, "count"))
		l.Shrunk = l.Shrunk || count < l.Count
		l.Count = count
	}
	return rows, nil
}

// rows returns the rows of a page.
func (l *List) rows(v *fastjson.Value, first bool) ([]*fastjson.Value, error) {
	if v.Type() == fastjson.TypeArray && len(l.Items) == 0 && l.Next != nil {
		return v.GetArray(), nil
	}
	if v.Type() != fastjson.TypeObject {
		return nil, fmt.Errorf("%s: a page of %s is no object but %s", l.Client.Name, l.Path, v.Type())
	}
	items := l.Items
	if items == nil {
		items = []string{"results"}
	}
	if !v.Exists(items...) && first && l.Next == nil {
		return []*fastjson.Value{v}, nil
	}
	results := v.Get(items...)
	if results == nil || results.Type() != fastjson.TypeArray {
		return nil, fmt.Errorf("%s: a page of %s has no %s", l.Client.Name, l.Path, strings.Join(items, "."))
	}
	return results.GetArray(), nil
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
