package postgres

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/penstock-data/penstock/schema"
)

// A sink takes the messages of a COPY BINARY, which are a header, one tuple
// each (the protocol's chapter on COPY promises "always one per row"), and a
// trailer. PostgreSQL sends the header together with what follows it.
type sink interface {
	// message takes the bytes of a message, which it must not keep.
	message(b []byte) error

	// flush sends on what is left when the COPY has ended.
	flush() error

	// sent returns the rows and bytes taken since the call before.
	sent() (rows, bytes int64)
}

var (
	copySignature = []byte("PGCOPY\n\xff\r\n\x00")
	errMalformed  = errors.New("the server sent rows that are not as COPY BINARY describes them")
)

// tuple strips the header from a message. It returns nil for the trailer and
// for a header alone.
func tuple(b []byte) ([]byte, error) {
	if bytes.HasPrefix(b, copySignature) {
		if len(b) < 19 {
			return nil, errMalformed
		}
		if len(b) == 19 {
			return nil, nil
		}
		b = b[19:]
	}
	if len(b) < 2 {
		return nil, errMalformed
	}
	if b[0] == 0xff && b[1] == 0xff {
		return nil, nil
	}
	return b, nil
}

// A decoder is a sink that turns tuples into Arrow batches.
type decoder struct {
	ctx   context.Context
	write func(context.Context, schema.Batch) error
	batch schema.Batch // what all batches have in common: Op, Table, Fresh
	cols  []column
	limit int // bytes of a batch

	vectors []vector
	arrow   *arrow.Schema
	fixed   int  // bytes of a row's fixed parts
	spent   bool // the vectors' memory went with the last batch
	n, room int
	wire    int // bytes of the tuples in the batch

	since int64 // since when rows of the log hold, or are gone, in microseconds; see schema.Start

	rows, bytes int64
}

// newDecoder returns a decoder of tuples that have the columns of
// batch.Table. warn hears of values that need a word: the column, a code, and
// the value.
func newDecoder(ctx context.Context, cols []column, batch schema.Batch, limit int,
	write func(context.Context, schema.Batch) error, warn func(column, code string, value func() string)) *decoder {
	d := &decoder{ctx: ctx, write: write, batch: batch, cols: cols, limit: limit, vectors: make([]vector, len(cols)), room: 64}
	for i, c := range cols {
		v := &d.vectors[i]
		v.warn = func(code string, value func() string) { warn(c.Name, code, value) }
		v.reset(c.Type, c.decode, d.room, 1024)
		d.fixed += max(v.width, 1)
	}
	d.arrow = batch.Table.Arrow()
	return d
}

func (d *decoder) message(b []byte) error {
	b, err := tuple(b)
	if err != nil || b == nil {
		return err
	}
	if int(binary.BigEndian.Uint16(b)) != len(d.vectors) {
		return errMalformed
	}
	row, err := d.next(len(b))
	if err != nil {
		return err
	}
	b = b[2:]
	for i := range d.vectors {
		if len(b) < 4 {
			return errMalformed
		}
		size := int(int32(binary.BigEndian.Uint32(b)))
		b = b[4:]
		v := &d.vectors[i]
		if size < 0 {
			v.null(row)
			continue
		}
		if size > len(b) {
			return errMalformed
		}
		if err := v.decode(v, row, b[:size:size]); err != nil {
			return err
		}
		b = b[size:]
	}
	if len(b) != 0 {
		return errMalformed
	}
	d.n++
	return nil
}

// next makes room for a row of so many bytes and returns its index. The row
// counts when d.n does.
func (d *decoder) next(size int) (row int, err error) {
	if d.full(size) {
		if err := d.flush(); err != nil {
			return 0, err
		}
	}
	if d.spent {
		d.renew()
	}
	if d.n == d.room {
		d.room *= 2
		for i := range d.vectors {
			d.vectors[i].grow(d.n, d.room)
		}
	}
	d.wire += size
	return d.n, nil
}

// full reports whether the batch has to be sent before a row of so many bytes.
func (d *decoder) full(size int) bool {
	return d.n > 0 && (d.wire+size > d.limit || d.n*d.fixed > d.limit)
}

// sinceWhen is where a row of the log has when it began to hold, or went.
const sinceWhen = -2

// put adds a row whose values stand in a tuple of the log, at the index of
// each column there, or are not there (-1) and so NULL.
func (d *decoder) put(tuple []datum, at []int, size int) error {
	row, err := d.next(size)
	if err != nil {
		return err
	}
	for i := range d.vectors {
		v := &d.vectors[i]
		if at[i] == sinceWhen {
			v.i64[row] = d.since
			continue
		}
		if at[i] < 0 || tuple[at[i]].kind == isNull {
			v.null(row)
			continue
		}
		if err := v.decode(v, row, tuple[at[i]].data); err != nil {
			return err
		}
	}
	d.n++
	return nil
}

func (d *decoder) flush() error {
	if d.n == 0 {
		return nil
	}
	b := d.batch
	d.describe(&b)
	arrays := make([]arrow.Array, len(d.vectors))
	for i := range d.vectors {
		arrays[i] = d.vectors[i].array(d.n)
	}
	b.Record = array.NewRecordBatch(d.arrow, arrays, int64(d.n))
	for _, a := range arrays {
		a.Release()
	}
	d.rows += int64(d.n)
	d.bytes += int64(d.wire)

	// The next batch is likely to be as large, unless this was the tail of
	// a range.
	if d.n > d.room/2 {
		d.room = roomFor(d.n)
	}
	d.n, d.wire, d.spent = 0, 0, true
	return d.write(d.ctx, b)
}

// renew gives the vectors memory for another batch.
func (d *decoder) renew() {
	for i := range d.vectors {
		v := &d.vectors[i]
		v.reset(v.typ, v.decode, d.room, roomForText(len(v.data)))
	}
	d.spent = false
}

// describe sees to it that batches from now on say what their columns are, if
// a column had to be widened.
func (d *decoder) describe(b *schema.Batch) {
	for i := range d.vectors {
		if d.vectors[i].typ == b.Table.Columns[i].Type {
			continue
		}
		t := *b.Table
		t.Columns = slices.Clone(t.Columns)
		t.Columns[i].Type = d.vectors[i].typ
		b.Table, d.batch.Table = &t, &t
		d.arrow = t.Arrow()
	}
}

func (d *decoder) sent() (rows, bytes int64) {
	rows, bytes = d.rows, d.bytes
	d.rows, d.bytes = 0, 0
	return rows, bytes
}

// A passer is a sink that hands tuples on as they are.
type passer struct {
	ctx   context.Context
	write func(context.Context, schema.Batch) error
	batch schema.Batch
	limit int

	data        []byte
	n           int64
	rows, bytes int64
}

func (p *passer) message(b []byte) error {
	b, err := tuple(b)
	if err != nil || b == nil {
		return err
	}
	if len(p.data)+len(b) > p.limit {
		if err := p.flush(); err != nil {
			return err
		}
	}
	if p.data == nil {
		p.data = make([]byte, 0, max(p.limit, len(b)))
	}
	p.data = append(p.data, b...)
	p.n++
	return nil
}

func (p *passer) flush() error {
	if p.n == 0 {
		return nil
	}
	b := p.batch
	b.Encoded = &schema.Encoded{Format: schema.PostgresBinary, Rows: p.n, Data: p.data}
	p.rows += p.n
	p.bytes += int64(len(p.data))
	p.data, p.n = nil, 0
	return p.write(p.ctx, b)
}

func (p *passer) sent() (rows, bytes int64) {
	rows, bytes = p.rows, p.bytes
	p.rows, p.bytes = 0, 0
	return rows, bytes
}
