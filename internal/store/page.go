package store

import (
	"context"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"
)

// ErrCursor says that a cursor was not made by this package.
var ErrCursor = errors.New("the cursor is malformed")

// MaxLimit and DefaultLimit bound the items of a page.
const (
	MaxLimit     = 1000
	DefaultLimit = 100
)

// A Page says which part of a list is wanted. Lists are in the order of
// creation, so that what is created or deleted while somebody reads page by
// page moves nothing between the pages.
type Page struct {
	Cursor string // as returned with the page before; "": the first page
	Limit  int    // 1 to MaxLimit; 0: DefaultLimit
}

func (p Page) limit() int {
	if p.Limit <= 0 {
		return DefaultLimit
	}
	return min(p.Limit, MaxLimit)
}

// A position is the last item of a page.
type position struct {
	created int64
	id      string
}

// after returns the position that the page begins after.
func (p Page) after() (pos position, err error) {
	if p.Cursor == "" {
		return position{created: -1 << 63}, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(p.Cursor)
	if err != nil {
		return pos, ErrCursor
	}
	created, id, ok := strings.Cut(string(b), " ")
	if !ok {
		return pos, ErrCursor
	}
	if pos.created, err = strconv.ParseInt(created, 10, 64); err != nil {
		return pos, ErrCursor
	}
	pos.id = id
	return pos, nil
}

// cut returns the items of a page, of which one more than the limit was read,
// and the cursor of the next; "" if there is none.
func cut[T any](items []T, limit int, at func(*T) (time.Time, string)) ([]T, string) {
	if len(items) <= limit {
		return items, ""
	}
	items = items[:limit]
	created, id := at(&items[limit-1])
	return items, base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(created.UnixMicro(), 10) + " " + id))
}

// readPage runs a query whose arguments are args, the created_at and id that
// the page begins after, and a limit.
func readPage[T any](ctx context.Context, s *Store, page Page, query string, args []any,
	scan func(scanner) (T, error), at func(*T) (time.Time, string)) ([]T, string, error) {
	pos, err := page.after()
	if err != nil {
		return nil, "", err
	}
	items, err := collect(scan)(s.ask(ctx, query, append(args, pos.created, pos.id, page.limit()+1)...))
	if err != nil {
		return nil, "", err
	}
	items, next := cut(items, page.limit(), at)
	return items, next, nil
}
