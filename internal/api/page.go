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
