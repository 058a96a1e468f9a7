package salesforce

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/rest"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// A run is a sync while it runs.
type run struct {
	*source
	req   connector.Request
	out   connector.Output
	state *state

	failed  []schema.Name
	unsaved int // pages since the last checkpoint
	columns int // of the tables with rows since then
	called  int // rows of FIVETRAN_API_CALL so far
}

// A vendorError is one of Salesforce. What was read before it can be kept.
type vendorError struct{ error }

func (e *vendorError) Unwrap() error { return e.error }

func vendor(err error) error {
	if err == nil {
		return nil
	}
	return &vendorError{err}
}

// Sync implements [connector.Source].
func (s *source) Sync(ctx context.Context, req connector.Request, out connector.Output) error {
	st, err := readState(req.State)
	if err != nil {
		return err
	}
	if err := s.connect(ctx); err != nil {
		return err
	}
	if err := s.describeMissing(ctx, req.Tables, out); err != nil {
		return err
	}
	st.keep(req)
	st.Begin(req.Start)
	r := &run{source: s, req: req, out: out, state: st}
	err = r.all(ctx)
	var v *vendorError
	if !errors.As(err, &v) {
		return err
	}
	if err := r.checkpoint(ctx); err != nil {
		return err
	}
	return v.error
}

// describeMissing describes the tables' objects that Tables has not.
func (s *source) describeMissing(ctx context.Context, tables []schema.Table, out connector.Output) error {
	var names []string
	for _, t := range tables {
		if s.objects[t.Table] == nil && !own(t.Table) {
			names = append(names, t.Table)
		}
	}
	return s.api.describe(ctx, names, func(name string, err error) {})
}

// all reads all tables.
func (r *run) all(ctx context.Context) error {
	if err := r.tidy(ctx); err != nil {
		return err
	}
	broken := 0
	for _, t := range r.req.Tables {
		if own(t.Table) || slices.Contains(r.state.Done, t.Table) {
			continue
		}
		err := r.table(ctx, t)
		if status := rest.Status(err); status >= http.StatusInternalServerError {
			broken++
		} else if err == nil {
			broken = 0
		}
		if err != nil && (!r.fails(t.Name, err) || broken == allBroken) {
			return err
		}
	}
	if err := r.sendFormulas(ctx); err != nil {
		return err
	}
	if err := r.state.Deferred.Send(ctx, r.req, r.out, r.failed...); err != nil {
		return err
	}
	r.state.Done = nil
	return r.checkpoint(ctx)
}

// allBroken is for how many tables one after another Salesforce may have
// nothing but trouble before it is taken for that of all.
const allBroken = 3

// fails reports a table's own error, and reports whether it is one.
func (r *run) fails(table schema.Name, err error) bool {
	var own *connector.TableError
	var refused *rest.StatusError
	var v *vendorError
	switch {
	case errors.As(err, &own):
		err = own
	case setup.AsProblem(err) != nil || !errors.As(err, &v) || !errors.As(err, &refused):
		return false
	case refused.Status == http.StatusBadRequest && slices.Contains(unreadable, refused.Code) && r.state.Tables[table.Table].Whole.IsZero():
		r.out.Warn(setup.Warning{Code: "table_skipped", Message: fmt.Sprintf(
			"Object %s was left out: Salesforce does not let all of its rows be read. It says %q.", table.Table, refused.Detail)})
		r.failed = append(r.failed, table) // its rows from before stay
		return true
	default:
		err = explainTable(table.Table, refused)
	}
	r.out.Fail(table, err)
	r.failed = append(r.failed, table)
	return true
}

// mostColumns is how many columns the tables have that are filled between two
// checkpoints: destinations need memory for each, however few the rows are.
const mostColumns = 40

// unreadable are Salesforce's words about objects of which not all rows can be
// had, as are more of them than anybody has listed.
var unreadable = []string{"MALFORMED_QUERY", "INVALID_TYPE_FOR_OPERATION", "EXTERNAL_OBJECT_UNSUPPORTED_EXCEPTION", "OPERATION_TOO_LARGE"}

// checkpoint makes what was read so far durable, and remembers it.
func (r *run) checkpoint(ctx context.Context) error {
	r.unsaved, r.columns = 0, 0
	if err := r.sendCalls(ctx); err != nil {
		return err
	}
	return r.out.Checkpoint(ctx, r.state)
}

// table reads what one table needs.
func (r *run) table(ctx context.Context, table schema.Table) error {
	o := r.objects[table.Table]
	if o == nil {
		r.out.Fail(table.Name, errGone(table.Table))
		r.failed = append(r.failed, table.Name)
		return nil
	}
	if r.state.Tables[table.Table] == nil {
		r.state.Tables[table.Table] = &progress{}
	}
	t := newReader(r, o, table)
	err := t.read(ctx)
	r.api.quiet = false
	var own *connector.TableError
	var v *vendorError
	switch {
	case errors.As(err, &own):
		r.state.Tables[table.Table] = t.saved
		if t.saved == nil {
			delete(r.state.Tables, table.Table)
		}
	case errors.As(err, &v):
		if ferr := t.flush(ctx); ferr != nil {
			return ferr
		}
	case err == nil:
		r.state.Done = append(r.state.Done, table.Table)
		if t.wrote {
			r.columns += len(table.Columns)
		}
		if r.unsaved >= r.save || r.columns >= mostColumns || len(r.state.Left) > 0 {
			if err := r.checkpoint(ctx); err != nil {
				return err
			}
			return r.tidy(ctx)
		}
	}
	return err
}
