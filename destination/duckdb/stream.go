package duckdb

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	duckdb "github.com/duckdb/duckdb-go/v2"

	"github.com/penstock-data/penstock/destination/sqlwriter"
	"github.com/penstock-data/penstock/schema"
)

// A stream is one long-running INSERT … SELECT from a view of the batches that
// are written to it. DuckDB's threads take them from the reader as they come.
type stream struct {
	s *session
	incoming
	reader *reader
	cancel context.CancelFunc

	done chan struct{} // closed when the statement has ended
	err  error         // why; set before done is closed
}

// incoming is the form in which DuckDB reads batches: the columns of a view, all
// of which the statement must read. Where it does not DuckDB takes one column
// for another.
type incoming struct {
	arrow *arrow.Schema
	takes []int // the batches' columns that are in it
	seq   bool  // it ends in the rows' numbers
	notes sqlwriter.Notes
}

// incoming returns the form of a table's batches, or of their keys, and the
// columns' values in it. Names are its own: DuckDB takes names that differ in
// case for one. Of columns of no type nobody need read the NULLs.
func (s *session) incoming(name schema.Name, shape *schema.Table, keys, seq bool) (in incoming, values []string) {
	in = incoming{seq: seq, notes: sqlwriter.Notes{Table: name, Warn: s.d.warn}}
	var fields []arrow.Field
	values = make([]string, len(shape.Columns))
	for i, c := range shape.Columns {
		switch {
		case c.Type.Kind == schema.Unspecified:
			values[i] = "NULL"
		case c.Key || !keys:
			values[i] = fmt.Sprintf("c%d", i)
			fields = append(fields, arrow.Field{Name: values[i], Type: c.Type.Arrow(), Nullable: true})
			in.takes = append(in.takes, i)
		}
	}
	if seq {
		fields = append(fields, arrow.Field{Name: "seq", Type: arrow.PrimitiveTypes.Int64})
	}
	in.arrow = arrow.NewSchema(fields, nil)
	return in, values
}

// register makes a view of what a reader has.
func (s *session) register(r array.RecordReader, view string) (release func(), err error) {
	err = s.conn.Raw(func(c any) error {
		a, err := duckdb.NewArrowFromConn(c.(driver.Conn))
		if err != nil {
			return err
		}
		release, err = a.RegisterView(r, view)
		return err
	})
	return release, err
}

func (s *session) Load(ctx context.Context, l sqlwriter.Load) (sqlwriter.Stream, error) {
	in, values := s.incoming(l.Name, l.Shape, false, l.Stage)
	st := &stream{s: s, incoming: in, done: make(chan struct{})}
	var columns []string
	for i, c := range l.Shape.Columns {
		columns = append(columns, quote(c.Name))
		if l.To[i] != c.Type {
			values[i] = convert(values[i], c.Type, l.To[i])
		}
	}
	if l.Stage {
		columns, values = append(columns, quote(sqlwriter.Seq)), append(values, "seq")
	} else {
		for _, c := range l.Constants {
			columns, values = append(columns, quote(c.Column)), append(values, dialect.Constant(c))
		}
	}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	st.cancel = cancel
	st.reader = &reader{schema: st.arrow, in: make(chan item, 64), stop: run.Done(), freed: s.d.queue.Release}

	release, err := s.register(st.reader, s.view)
	if err != nil {
		cancel()
		return nil, err
	}
	insert := fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s", l.Into, strings.Join(columns, ", "), strings.Join(values, ", "), s.view)
	go func() {
		_, err := s.conn.ExecContext(run, insert)
		if err != nil {
			// DuckDB ends the tasks of a statement that broke off when the
			// next one begins, and they may ask for a batch until then.
			s.conn.ExecContext(context.Background(), "DROP VIEW IF EXISTS "+s.view)
		}
		release()
		st.err = explain(s.d.f.path, err)
		close(st.done)
		st.reader.drain()
	}()
	return st, nil
}

func (st *stream) Write(ctx context.Context, b schema.Batch, seq int64) error {
	if b.Record == nil {
		return fmt.Errorf("rows in the format %s", b.Encoded.Format)
	}
	record, err := st.record(b.Table, b.Record, seq)
	size := min(b.Bytes(), st.s.d.size)
	b.Release()
	if err != nil {
		return err
	}
	values := record.NumRows() * record.NumCols()
	if err := st.acquire(ctx, size); err != nil {
		record.Release()
		return err
	}
	select {
	case st.reader.in <- item{record, size}:
		st.s.d.f.written.Add(values)
		return nil
	case <-st.done:
		err = st.ended()
	case <-ctx.Done():
		err = ctx.Err()
	}
	record.Release()
	st.s.d.queue.Release(size)
	return err
}

// acquire waits for room in the queue, no longer than the statement runs.
func (st *stream) acquire(ctx context.Context, size int64) error {
	if st.s.d.queue.TryAcquire(size) {
		return nil
	}
	wait, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-st.done:
			cancel()
		case <-wait.Done():
		}
	}()
	if err := st.s.d.queue.Acquire(wait, size); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return st.ended()
	}
	return nil
}

// ended says why a statement ended that was to go on.
func (st *stream) ended() error {
	<-st.done
	if st.err != nil {
		return st.err
	}
	return errors.New("DuckDB ended the load early")
}

// record returns rows as DuckDB is to read them.
func (in *incoming) record(shape *schema.Table, r arrow.RecordBatch, seq int64) (arrow.RecordBatch, error) {
	columns := make([]arrow.Array, 0, len(in.arrow.Fields()))
	defer func() {
		for _, c := range columns {
			c.Release()
		}
	}()
	for i, j := range in.takes {
		c := r.Column(j)
		if f := in.arrow.Field(i); !arrow.TypeEqual(c.DataType(), f.Type) {
			return nil, fmt.Errorf("column %s comes as %s instead of %s", shape.Columns[j].Name, c.DataType(), f.Type)
		}
		columns = append(columns, checked(&in.notes, shape.Columns[j], c))
	}
	if err := in.notes.Err(); err != nil {
		return nil, err
	}
	n := r.NumRows()
	if in.seq {
		data := make([]int64, n)
		for i := range data {
			data[i] = seq + int64(i)
		}
		raw := array.NewData(arrow.PrimitiveTypes.Int64, int(n),
			[]*memory.Buffer{nil, memory.NewBufferBytes(arrow.Int64Traits.CastToBytes(data))}, nil, 0, 0)
		columns = append(columns, array.NewInt64Data(raw))
		raw.Release()
	}
	return array.NewRecordBatch(in.arrow, columns, n), nil
}

func (st *stream) End(ctx context.Context) error {
	close(st.reader.in)
	select {
	case <-st.done:
		st.cancel()
		st.notes.End()
		return st.err
	case <-ctx.Done():
		st.cancel()
		<-st.done
		return ctx.Err()
	}
}

func (st *stream) Abort() {
	st.cancel()
	<-st.done
}

type item struct {
	record arrow.RecordBatch
	size   int64
}

// A reader hands batches to DuckDB, which calls it from one thread at a time.
type reader struct {
	schema *arrow.Schema
	in     chan item
	stop   <-chan struct{}
	freed  func(int64)

	current item
	err     error
	refs    atomic.Int64
}

var errStopped = errors.New("the load was given up")

func (r *reader) Next() bool {
	r.free()
	select {
	case <-r.stop:
		r.err = errStopped
		return false
	default:
	}
	select {
	case it, ok := <-r.in:
		r.current = it
		return ok
	case <-r.stop:
		r.err = errStopped
		return false
	}
}

// free lets go of the batch that DuckDB has taken; it keeps a reference of its
// own for as long as it reads it.
func (r *reader) free() {
	if r.current.record != nil {
		r.current.record.Release()
		r.freed(r.current.size)
		r.current = item{}
	}
}

// drain lets go of what DuckDB did not take.
func (r *reader) drain() {
	r.free()
	for {
		select {
		case it, ok := <-r.in:
			if !ok {
				return
			}
			it.record.Release()
			r.freed(it.size)
		default:
			return
		}
	}
}

func (r *reader) Schema() *arrow.Schema          { return r.schema }
func (r *reader) Record() arrow.RecordBatch      { return r.current.record }
func (r *reader) RecordBatch() arrow.RecordBatch { return r.current.record }
func (r *reader) Err() error                     { return r.err }
func (r *reader) Retain()                        { r.refs.Add(1) }
func (r *reader) Release()                       { r.refs.Add(-1) }
