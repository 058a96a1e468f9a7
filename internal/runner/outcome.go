package runner

import (
	"context"
	"errors"

	"github.com/penstock-data/penstock/internal/pipe"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/setup"
)

// outcome says in the store's terms how a sync ended.
func outcome(ctx context.Context, out pipe.Outcome, err error) store.Outcome {
	o := store.Outcome{Kind: store.RunSucceeded, Rows: out.Rows, Bytes: out.Bytes}
	for _, t := range out.Tables {
		rt := store.RunTable{Source: t.Source, Destination: t.Destination,
			Upserted: t.Upserted, Updated: t.Updated, Deleted: t.Deleted, Bytes: t.Bytes}
		if t.Err != nil {
			rt.Error = t.Err.Error()
		}
		o.Tables = append(o.Tables, rt)
	}
	for _, w := range out.Warnings {
		o.Warnings = append(o.Warnings, store.Alert{Code: w.Code, Message: w.Message})
	}
	if err == nil {
		err = allFailed(out.Tables)
	}
	if err == nil {
		return o
	}
	o.Reason = err.Error()
	if errors.Is(err, errCaptured) {
		o.Kind = store.RunCaptured
		return o
	}
	var pause *setup.Reschedule
	switch {
	case ctx.Err() != nil, errors.Is(err, errStopped), errors.Is(err, store.ErrStale):
		o.Kind = store.RunCanceled
	case errors.As(err, &pause):
		o.Kind, o.RescheduledFor = store.RunRescheduled, pause.Until
	default:
		o.Kind = store.RunFailed
		if p := setup.AsProblem(err); p != nil {
			o.Task = &store.Alert{Code: p.Code, Message: o.Reason}
		} else { // nobody need act, but everybody should be able to see it
			o.Warnings = append(o.Warnings, store.Alert{Code: store.SyncFailed, Message: o.Reason})
		}
	}
	return o
}

// allFailed returns the first table's error if no table could be read: then
// the sync has done nothing that could be called a success.
func allFailed(tables []pipe.TableOutcome) error {
	for _, t := range tables {
		if t.Err == nil {
			return nil
		}
	}
	if len(tables) == 0 {
		return nil
	}
	return tables[0].Err
}
