package connector

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/penstock-data/penstock/schema"
)

// Deferred are truncates that wait for the end of a sync: rows from before are
// marked as deleted once all that takes their place has arrived, and not at all
// in a sync that ends by an error, a stop or a [setup.Reschedule] (the deferred
// truncate of Fivetran's Connector SDK 3.1.0, 2026-11). Until then readers see
// the rows from before beside the new ones; then those of a table go at once.
//
// It is kept in the source's own state: so it lasts from the checkpoint after
// which the truncate is not met again to the one after which it is done, and a
// sync that goes on from a state knows what it still has to do.
//
//	st.Deferred.Add(table, req.Start)
//	…                                        // rows, and checkpoints with st
//	if err := st.Deferred.Send(ctx, req, out); err != nil {
//		return err
//	}
//	return out.Checkpoint(ctx, st)
type Deferred []Truncation

// A Truncation is a truncate of one table that waits.
type Truncation struct {
	Table  schema.Name `json:"table"`
	Before time.Time   `json:"before"` // as in [schema.Batch]
}

// Add puts a truncate off. before is the start of the sync, or earlier: later
// than that, rows of this sync would be marked too. Of two truncates of a
// table the latest counts.
func (d *Deferred) Add(table schema.Name, before time.Time) {
	i := slices.IndexFunc(*d, func(t Truncation) bool { return t.Table == table })
	if i < 0 {
		*d = append(*d, Truncation{table, before})
	} else if before.After((*d)[i].Before) {
		(*d)[i].Before = before
	}
}

// Send sends what was put off, and takes it out: for a Sync that has sent all
// else. Without the checkpoint that is to follow the next sync sends it again,
// which changes nothing. What is about tables that are paused, or that failed
// in this sync, goes on waiting; about tables that nobody wants it is dropped.
func (d *Deferred) Send(ctx context.Context, req Request, out Output, failed ...schema.Name) error {
	var left Deferred
	for i, t := range *d {
		asked := slices.IndexFunc(req.Tables, func(a schema.Table) bool { return a.Name == t.Table })
		switch {
		case slices.Contains(failed, t.Table) || slices.Contains(req.Paused, t.Table):
			left = append(left, t)
			continue
		case asked < 0:
			continue
		}
		err := out.Write(ctx, schema.Batch{Op: schema.Truncate, Table: &req.Tables[asked], Before: t.Before})
		var own *TableError
		switch {
		case errors.As(err, &own):
			out.Fail(t.Table, own)
			left = append(left, t)
		case err != nil:
			*d = append(left, (*d)[i:]...)
			return err
		}
	}
	*d = left
	return nil
}

// Forget takes out what is about tables that are to be read again.
func (d *Deferred) Forget(tables []schema.Name) {
	*d = slices.DeleteFunc(*d, func(t Truncation) bool { return slices.Contains(tables, t.Table) })
}
