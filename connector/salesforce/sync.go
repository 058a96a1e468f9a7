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
	unsaved int  // pages since the last checkpoint
	columns int  // of the tables with rows since then
	called  int  // rows of FIVETRAN_API_CALL so far
	stuck   int  // of state.Left, the first that cannot be deleted now
	single  bool // requests are made one by one
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
	if err := r.tables(ctx); err != nil {
		return err
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

// tables reads the tables that are objects and not done, some at a time.
func (r *run) tables(ctx context.Context) error {
	left := r.readers()
	if len(left) == 0 {
		return nil
	}
	if err := r.api.timed(ctx); err != nil {
		return err
	}
	broken := 0
	for len(left) > 0 {
		var some []*reader
		some, left = r.some(left)
		if err := r.askAhead(ctx, some); err != nil {
			return err
		}
		for _, t := range some {
			err := r.table(ctx, t)
			var odd *brokenAnswer
			switch {
			case err == nil:
				broken = 0
			case rest.Passing(rest.Status(err)) || errors.As(err, &odd):
				broken++
			}
			if err != nil && (!r.fails(t.table.Name, err) || broken == allBroken) {
				return err
			}
		}
	}
	return nil
}

// readers returns a reader for each table that has something to read.
func (r *run) readers() (readers []*reader) {
	for _, table := range r.req.Tables {
		name := table.Table
		if own(name) || slices.Contains(r.state.Done, name) {
			continue
		}
		o := r.objects[name]
		if o == nil {
			r.out.Fail(table.Name, errGone(name))
			r.failed = append(r.failed, table.Name)
			continue
		}
		if r.state.Tables[name] == nil {
			r.state.Tables[name] = &progress{}
		}
		if t := newReader(r, o, table); t.idle() {
			r.state.Done = append(r.state.Done, name)
		} else {
			readers = append(readers, t)
		}
	}
	return readers
}

// allBroken is for how many tables one after another Salesforce may have
// nothing but trouble before it is taken for that of all.
const allBroken = 3

// fails reports a table's own error, and reports whether it is one.
func (r *run) fails(table schema.Name, err error) bool {
	var own *connector.TableError
	var refused *rest.StatusError
	var odd *brokenAnswer
	var v *vendorError
	switch {
	case errors.As(err, &own):
		err = own
	case errors.As(err, &odd):
		err = fmt.Errorf("%s: %w", table.Table, odd)
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
func (r *run) table(ctx context.Context, t *reader) error {
	err := t.read(ctx)
	r.api.quiet = false
	var own *connector.TableError
	var v *vendorError
	switch {
	case errors.As(err, &own):
		r.state.Tables[t.table.Table] = t.saved
	case errors.As(err, &v):
		if ferr := t.flush(ctx); ferr != nil {
			return ferr
		}
	case err == nil:
		r.state.Done = append(r.state.Done, t.table.Table)
		if t.wrote {
			r.columns += len(t.table.Columns)
		}
		if r.unsaved >= r.save || r.columns >= mostColumns || len(r.state.Left) > r.stuck {
			if err := r.checkpoint(ctx); err != nil {
				return err
			}
			return r.tidy(ctx)
		}
	}
	return err
}
