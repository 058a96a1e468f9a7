package verify

import (
	"context"
	"errors"

	"github.com/penstock-data/penstock/internal/pipe"
	"github.com/penstock-data/penstock/schema"
)

// PairOf returns a table on both sides, as syncs carry it from one to the
// other. Where [pipe.Outlook.Foretell] was not asked it is not read anew.
func PairOf(t *pipe.TableOutlook) Pair {
	p := Pair{Source: t.Source, Destination: schema.Table{Name: t.Destination}, Columns: t.Columns, Masked: t.Masked, Filter: t.Filter,
		Anew: t.Load == pipe.LoadAll}
	if t.Have != nil {
		p.Destination = *t.Have
	}
	return p
}

// Outlook compares a table as [Comparison.Table] does, where a sync could read
// it; what goes wrong is in the result. The error is that ctx is done, or Pause's.
func (c *Comparison) Outlook(ctx context.Context, t *pipe.TableOutlook) (Result, error) {
	out := Result{Source: t.Source.Name.String(), Destination: t.Destination.String()}
	err := t.Err
	if err == nil {
		out, err = c.Table(ctx, PairOf(t))
	}
	var paused *pauseError
	if errors.As(err, &paused) {
		return out, paused.err
	}
	if err != nil && ctx.Err() == nil {
		return Result{Source: out.Source, Destination: out.Destination, Error: err.Error()}, nil
	}
	return out, err
}

// A pauseError is an error of [Comparison.Pause].
type pauseError struct{ err error }

func (e *pauseError) Error() string { return e.err.Error() }
func (e *pauseError) Unwrap() error { return e.err }
