package pipe

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// filterOf reads the table's filter and sees whether it fits what the source
// offers.
func (t *table) filterOf(offered []schema.Column) (*schema.Filter, error) {
	if t.treat.Filter == "" {
		return nil, nil
	}
	f, err := schema.ParseFilter(t.treat.Filter)
	if err == nil && len(offered) > 0 {
		err = f.Check(offered)
	}
	if err != nil {
		return nil, unfit(err)
	}
	return f, nil
}

func unfit(err error) error {
	return &setup.Problem{Code: "row_filter", Message: fmt.Sprintf("its row filter cannot be applied: %v. Change or remove the filter", err)}
}

// bind makes the table's filter ready for batches of a shape. A column of the
// filter that a batch lacks is NULL in it, but one that no row ever had is an
// error, or a slip of the pen would delete every row.
func (t *table) bind(s *shape) (err error) {
	if t.filter == nil {
		return nil
	}
	for _, name := range t.filter.Columns() {
		if t.index(name) < 0 && !slices.Contains(t.treat.Found, name) {
			return unfit(fmt.Errorf("no row has had a column %s", name))
		}
	}
	if s.whole, err = t.filter.Bind(s.source); err == nil {
		s.some, err = t.filter.BindPart(s.source)
	}
	if err != nil {
		return unfit(err)
	}
	return nil
}

// screen returns what is to be done because of a batch of the shape s: the
// batch as it is, if all of its rows meet the table's filter. Else it is
// divided into the rows that do, and then a delete of the keys of the others, since
// rows with these keys may have met it before. A key is in one of the two
// only: what the batch last says of it counts, unless all versions do. Rows
// without a key are just left out.
func (o *output) screen(ctx context.Context, t *table, s *shape, b schema.Batch) ([]schema.Batch, error) {
	by := s.whole
	if b.Op == schema.Update {
		by = s.some
	}
	if by == nil || b.Op != schema.Upsert && b.Op != schema.Update {
		return []schema.Batch{b}, nil
	}
	if b.Record == nil {
		b.Release()
		return nil, fmt.Errorf("the source sent %s undecoded, which must be decoded", t.source)
	}
	blank := false
	if b.Fresh {
		var err error
		if blank, err = o.blank(ctx, t); err != nil {
			b.Release()
			return nil, err
		}
	}
	meets := by.Select(b.Record)
	if !slices.Contains(meets, false) {
		return []schema.Batch{b}, nil
	}
	defer b.Release()
	var gone []run
	switch {
	case s.rowID || blank && !s.ownKey:
	case slices.ContainsFunc(b.Table.Columns, t.starts):
		return t.divide(b, meets), nil
	default:
		gone = t.settle(b, meets, b.Fresh && !s.ownKey)
	}
	return t.parts(nil, b, runs(meets), gone), nil
}

// parts adds to out the rows of b that are kept, and then the delete of others.
func (t *table) parts(out []schema.Batch, b schema.Batch, kept, gone []run) []schema.Batch {
	if kept != nil {
		k := b
		k.Record = takeRows(b.Table, b.Record, kept)
		out = append(out, k)
	}
	if gone != nil {
		out = append(out, t.leave(b, gone))
	}
	return out
}

// divide divides versions of rows into those that meet the filter and deletes
// of the others, such that versions of a key stay in their order.
func (t *table) divide(b schema.Batch, meets []bool) (out []schema.Batch) {
	key := t.keyTexts(b)
	var kept, gone []run
	left := map[string]bool{} // keys of the rows in gone
	for row, ok := range meets {
		text, whole := key(row)
		switch {
		case !ok && whole:
			gone = extend(gone, row)
			left[string(text)] = true
		case ok:
			if left[string(text)] {
				out = t.parts(out, b, kept, gone)
				kept, gone = nil, nil
				clear(left)
			}
			kept = extend(kept, row)
		}
	}
	return t.parts(out, b, kept, gone)
}

// blank reports whether the destination had no live row of t before this sync
// wrote fresh ones: then no row with the key of a fresh one is there.
func (o *output) blank(ctx context.Context, t *table) (bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.blank == nil {
		n, err := o.plan.Writer.Live(ctx, t.destination)
		if err != nil {
			return false, t.own(fmt.Errorf("count the rows of %s: %w", t.destination, err))
		}
		t.blank = new(n == 0)
	}
	return *t.blank, nil
}

// settle returns the rows whose keys are to be deleted, and takes from meets
// those that a later row of the batch replaces which does not meet the filter.
// distinct says that no two rows have one key. A row without a value in a key
// column has never been anywhere.
func (t *table) settle(b schema.Batch, meets []bool, distinct bool) (gone []run) {
	key := t.keyTexts(b)
	leaving := map[string]int{} // the last row that does not meet it, by key
	for row, ok := range meets {
		if ok {
			continue
		}
		switch text, whole := key(row); {
		case !whole:
		case distinct:
			gone = extend(gone, row)
		default:
			leaving[string(text)] = row
		}
	}
	if len(leaving) == 0 {
		return gone
	}
	for row, ok := range meets {
		if !ok {
			continue
		}
		text, _ := key(row)
		switch last, met := leaving[string(text)]; {
		case met && row < last:
			meets[row] = false
		case met:
			delete(leaving, string(text))
		}
	}
	for _, row := range slices.Sorted(maps.Values(leaving)) {
		gone = extend(gone, row)
	}
	return gone
}

// keyColumns returns the indexes of the columns of a source's table that tell
// the destination's rows apart.
func (t *table) keyColumns(of *schema.Table) (key []int) {
	for i, c := range of.Columns {
		if how := t.treat.Column(c.Name); !how.Blocked && (c.Key || how.Key) {
			key = append(key, i)
		}
	}
	return key
}

// keyTexts returns a function that makes one text of all keys that are equal,
// and reports whether the key has all of its values. The text is good until
// the next call.
func (t *table) keyTexts(b schema.Batch) func(row int) ([]byte, bool) {
	key := t.keyColumns(b.Table)
	var value []func(dst []byte, row int) []byte
	for _, i := range key {
		value = append(value, texts(b.Record.Column(i), b.Table.Columns[i].Type))
	}
	var buf []byte
	return func(row int) ([]byte, bool) {
		buf = buf[:0]
		for k, i := range key {
			if b.Record.Column(i).IsNull(row) {
				return nil, false
			}
			at := len(buf)
			buf = value[k](append(buf, 0, 0, 0, 0), row)
			binary.LittleEndian.PutUint32(buf[at:], uint32(len(buf)-at))
		}
		return buf, true
	}
}

// leave returns the delete of rows of b, since when they do not meet the
// filter if b says so.
func (t *table) leave(b schema.Batch, rows []run) schema.Batch {
	keys := &schema.Table{Name: b.Table.Name}
	from := t.keyColumns(b.Table)
	if i := slices.IndexFunc(b.Table.Columns, t.starts); i >= 0 {
		from = append(from, i)
	}
	var columns []arrow.Array
	for _, i := range from {
		keys.Columns, columns = append(keys.Columns, b.Table.Columns[i]), append(columns, b.Record.Column(i))
	}
	whole := array.NewRecordBatch(keys.Arrow(), columns, b.Record.NumRows())
	defer whole.Release()
	return schema.Batch{Op: schema.Delete, Table: keys, Record: takeRows(keys, whole, rows)}
}
