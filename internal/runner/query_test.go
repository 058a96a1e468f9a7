package runner

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/internal/store"
)

// asked is a destination that can be looked into.
type asked struct {
	target
	answer func(context.Context, destination.Query) (*destination.Answer, error)
}

func (a asked) Query(ctx context.Context, q destination.Query) (*destination.Answer, error) {
	return a.answer(ctx, q)
}

func TestQuery(t *testing.T) {
	f := newFixture(t)
	q := destination.Query{SQL: "SELECT 1", Rows: 3}
	if _, err := f.runner.Query(ctx, "g", q); !errors.Is(err, ErrNoQueries) {
		t.Errorf("of a destination that cannot be looked into: %v", err)
	}
	if _, err := f.runner.Query(ctx, "no_such", q); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("of none: %v", err)
	}
	said := &destination.QueryError{Message: "no"}
	want, failing := &destination.Answer{More: true}, error(nil)
	f.runner.destinations["target"].Open = func(json.RawMessage, destination.Env) (destination.Destination, error) {
		return asked{answer: func(ctx context.Context, got destination.Query) (*destination.Answer, error) {
			if _, limited := ctx.Deadline(); !limited || got != q {
				t.Errorf("asked %+v, limited: %v", got, limited)
			}
			return want, failing
		}}, nil
	}
	if a, err := f.runner.Query(ctx, "g", q); err != nil || a != want {
		t.Errorf("got %+v, %v", a, err)
	}
	failing = said
	var of *ServiceError
	if _, err := f.runner.Query(ctx, "g", q); !errors.As(err, &of) || !errors.Is(err, said) {
		t.Errorf("got %v", err)
	}
}
