package api

import (
	"strconv"

	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/store"
)

// page reads which part of a list a request wants.
func (r *request) page() (store.Page, error) {
	if r.URL.RawQuery == "" {
		return store.Page{}, nil
	}
	q := r.URL.Query()
	p := store.Page{Cursor: q.Get("cursor")}
	if s := q.Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > store.MaxLimit {
			return p, invalidInput("Invalid value for parameter 'limit': it is a number from 1 to %d", store.MaxLimit)
		}
		p.Limit = n
	}
	return p, nil
}

// backwards reports whether a request wants a list from its end.
func (r *request) backwards() (bool, error) {
	switch r.URL.Query().Get("order") {
	case "", "asc":
		return false, nil
	case "desc":
		return true, nil
	}
	return false, invalidInput("Invalid value for parameter 'order': it is asc or desc")
}

// paged answers with the page that a request wants of a list in the store: read
// returns its rows and the cursor of the next page.
func paged[R, T any](r *request, wire func(*R) T, read func(store.Page) ([]R, string, error)) (any, error) {
	page, err := r.page()
	if err != nil {
		return nil, err
	}
	rows, next, err := read(page)
	if err != nil {
		return nil, err
	}
	return newPage(rows, next, wire), nil
}

// partOf returns the page that a request wants of a list that is at hand. The
// cursor is the number of items before the page.
func partOf[R, T any](r *request, all []R, wire func(*R) T) (any, error) {
	page, err := r.page()
	if err != nil {
		return nil, err
	}
	from := 0
	if page.Cursor != "" {
		if from, err = strconv.Atoi(page.Cursor); err != nil || from < 0 || from > len(all) {
			return nil, store.ErrCursor
		}
	}
	limit := page.Limit
	if limit == 0 {
		limit = store.DefaultLimit
	}
	to, next := min(from+limit, len(all)), ""
	if to < len(all) {
		next = strconv.Itoa(to)
	}
	return newPage(all[from:to], next, wire), nil
}

// newPage returns the wire form of a page of rows.
func newPage[R, T any](rows []R, next string, wire func(*R) T) fivetran.Page[T] {
	p := fivetran.Page[T]{Items: make([]T, len(rows))}
	for i := range rows {
		p.Items[i] = wire(&rows[i])
	}
	if next != "" {
		p.NextCursor = &next
	}
	return p
}
