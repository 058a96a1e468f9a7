package duckdb

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/penstock-data/penstock/destination/sqlwriter"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// Inline runs statements over views of the batches. The first block of each
// column of a temporary table would be larger than the rows are, by far.
func (s *session) Inline(ctx context.Context, parts []sqlwriter.Inline) (err error) {
	var all []*inlined
	defer func() {
		for _, one := range all {
			one.close()
		}
	}()
	// The views are in another catalog than the tables, and a transaction
	// writes to one only.
	for _, p := range parts {
		for i := range p.Statements {
			one := &inlined{name: p.Name}
			all = append(all, one)
			if err := one.prepare(s, p, i, s.numbered(len(all)-1)); err != nil {
				return fmt.Errorf("%s: %w", p.Name, err)
			}
		}
	}
	tx, err := begin(ctx, s.conn)
	if err != nil {
		return explain(s.d.f.path, err)
	}
	for _, one := range all {
		if _, err := tx.ExecContext(ctx, one.sql); err != nil {
			err = errors.Join(fmt.Errorf("%s: %w", one.name, explain(s.d.f.path, err)), rollback(tx))
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return err
		}
	}
	return explain(s.d.f.path, tx.Commit())
}

func (s *session) numbered(view int) string {
	s.more = max(s.more, view+1)
	return fmt.Sprintf("%s_%d", s.view, view)
}

// An inlined is a statement whose rows are a view.
type inlined struct {
	name    schema.Name
	sql     string
	rows    *rows
	release func()
}

// prepare makes the view for one of a part's statements.
func (one *inlined) prepare(s *session, p sqlwriter.Inline, statement int, view string) (err error) {
	r := p.Statements[statement]
	in, values := s.incoming(p.Name, p.Shape, r.Keys, false)
	if statement > 0 && in.notes.Warn != nil { // of that the first has told
		in.notes.Warn = func(setup.Warning) {}
	}
	record, err := in.record(p.Shape, p.Rows, 0)
	if err != nil {
		return err
	}
	one.rows = &rows{schema: in.arrow, record: record}
	in.notes.End()
	var columns []string
	for i, c := range p.Shape.Columns {
		if values[i] != "" {
			columns = append(columns, values[i]+" AS "+quote(c.Name))
		}
	}
	one.sql = fmt.Sprintf("WITH %s AS (SELECT %s FROM %s) %s", quote(sqlwriter.Rows), strings.Join(columns, ", "), view, r.SQL)

	one.release, err = s.register(one.rows, view)
	return err
}

func (one *inlined) close() {
	if one.release != nil {
		one.release()
	}
	if one.rows != nil {
		one.rows.record.Release()
	}
}

// rows is a record that DuckDB reads once.
type rows struct {
	schema *arrow.Schema
	record arrow.RecordBatch
	read   bool
}

var _ array.RecordReader = (*rows)(nil)

func (r *rows) Next() bool {
	first := !r.read
	r.read = true
	return first
}

func (r *rows) Schema() *arrow.Schema          { return r.schema }
func (r *rows) Record() arrow.RecordBatch      { return r.record }
func (r *rows) RecordBatch() arrow.RecordBatch { return r.record }
func (r *rows) Err() error                     { return nil }
func (r *rows) Retain()                        {}
func (r *rows) Release()                       {}
