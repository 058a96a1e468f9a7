package pipe

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"hash"
	"slices"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/penstock-data/penstock/internal/schemaconfig"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// A shape is what batches with one kind of Table become.
type shape struct {
	source []schema.Column // the source's columns of the batch
	table  *schema.Table   // the destination's
	parts  []part          // where its columns come from, in its order, but for the row id
	rowID  bool            // whole rows get a [schema.RowID]
	masked bool            // a column is
	plain  bool            // the columns are the source's, in number and values
	ownKey bool            // the key is the user's, about which the source promises nothing

	// The table's filter, for batches of whole rows and of parts of rows;
	// nil: there is none.
	whole, some *schema.Selector
}

// A part is a column of the destination's table.
type part struct {
	from  int // index of the source's column
	typ   schema.Type
	start bool   // it says since when the row holds
	was   string // its name, the earlier one if a rename was carried
	mask  schemaconfig.Mask
	hash  *sync.Pool // of hashers, for masks that hash
	lost  *loss      // set for a column whose values are converted to a locked type
}

// shape returns what batches described by st become, and sees to it that the
// destination's table can hold them.
func (o *output) shape(ctx context.Context, t *table, st *schema.Table) (*shape, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.broken != nil {
		return nil, t.broken
	}
	for i, s := range t.shapes {
		if slices.Equal(s.source, st.Columns) {
			if i > 0 {
				t.shapes = append([]*shape{s}, slices.Delete(t.shapes, i, i+1)...)
			}
			return s, nil
		}
	}
	s, err := o.newShape(ctx, t, st)
	if err == nil {
		err = o.migrate(ctx, t, s)
	}
	if err != nil {
		return nil, t.own(fmt.Errorf("prepare %s: %w", t.destination, err))
	}
	t.shapes = append([]*shape{s}, t.shapes...)
	return s, nil
}

func (o *output) newShape(ctx context.Context, t *table, st *schema.Table) (*shape, error) {
	if err := o.describe(ctx, t); err != nil {
		return nil, err
	}
	if err := o.meet(t, st); err != nil {
		return nil, err
	}
	s := &shape{source: slices.Clone(st.Columns), table: &schema.Table{Name: t.destination, Mode: t.treat.Mode}}
	for i, c := range st.Columns {
		if !t.wants(c) {
			continue
		}
		if t.starts(c) {
			s.parts = append(s.parts, part{from: i, typ: c.Type, start: true})
			s.table.Columns = append(s.table.Columns, schema.Column{Name: schema.Start, Type: c.Type})
			continue
		}
		how := t.treat.Column(c.Name)
		p := part{from: i, typ: c.Type, was: cmp.Or(how.As, c.Name), mask: how.Mask}
		// Text has any length in the destination: a limit would have to be
		// widened again and again, and saves nothing there.
		to := schema.Column{Name: t.columns[c.Name], Type: c.Type.AnyLength(), Key: c.Key || how.Key}
		if p.mask.How != "" {
			if len(o.plan.Secret) == 0 {
				return nil, fmt.Errorf("column %s is to be masked, but there is no key to do it with", c.Name)
			}
			to.Type = schema.Type{Kind: schema.String}
			p.hash = hashers(o.plan.Secret)
			s.masked = true
		} else if to.Key && to.Type.Kind == schema.JSON {
			// Not every destination can compare documents. They travel as
			// their text, and that any can.
			to.Type.Kind = schema.String
		} else if j := t.target.Index(to.Name); j >= 0 && t.treat.Locked {
			if have := t.target.Columns[j].Type; have.Kind != schema.Unspecified && schema.Join(have, c.Type) != have {
				to.Type, p.lost = have, t.loss(c.Name, have)
			}
		}
		s.ownKey = s.ownKey || how.Key && !c.Key
		s.parts = append(s.parts, p)
		s.table.Columns = append(s.table.Columns, to)
	}
	s.plain = len(s.parts) == len(st.Columns) && !s.masked && !s.ownKey &&
		!slices.ContainsFunc(s.parts, func(p part) bool { return p.lost != nil || p.start })
	if len(st.Columns) == 0 {
		return s, nil
	}
	if err := t.bind(s); err != nil {
		return nil, err
	}
	if missing := t.missingKey(s.table); missing != "" {
		return nil, &setup.Problem{Code: "key_missing", Message: fmt.Sprintf(
			"Table %s was not synced: its rows have no column %s, which was chosen for its key. Choose another key.", t.source, missing)}
	}
	if len(s.table.Key()) == 0 {
		s.rowID = true
		s.table.Columns = append(s.table.Columns, schema.Column{Name: schema.RowID, Type: schema.Type{Kind: schema.String}, Key: true})
	}
	return s, nil
}

// meet names the columns of a batch that were not met before.
func (o *output) meet(t *table, st *schema.Table) error {
	known := len(t.met)
	for _, c := range st.Columns {
		if c.IsStart() {
			continue
		}
		if i := t.index(c.Name); i >= 0 {
			if i >= t.offers {
				t.met[i].Type = schema.Join(t.met[i].Type, c.Type)
			}
			continue
		}
		t.met = append(t.met, c)
	}
	if len(t.met) == known {
		return nil
	}
	return o.nameColumns(t)
}

// missingKey returns the source's name of a column of the user's own key that
// a batch of whole rows lacks.
func (t *table) missingKey(of *schema.Table) string {
	for name, how := range t.treat.Columns {
		if how.Key && !how.Blocked && of.Index(t.columns[name]) < 0 {
			return name
		}
	}
	return ""
}

// batch turns a source's batch into the destination's: other names, without
// what is blocked, masked, and with the row id that takes the place of a key.
func (o *output) batch(s *shape, b schema.Batch) (schema.Batch, error) {
	b.Table = s.table
	if s.ownKey {
		b.Fresh = false
	}
	if b.Encoded != nil && (!s.plain || s.rowID) {
		return b, fmt.Errorf("the source sent %s undecoded, which must be decoded", s.table.Name)
	}
	if b.Record == nil {
		return b, nil
	}
	rec := b.Record
	columns := rec.Columns()
	if !s.plain || s.rowID {
		columns = make([]arrow.Array, 0, len(s.table.Columns))
		for _, p := range s.parts {
			columns = append(columns, rec.Column(p.from))
		}
	}
	if s.rowID {
		names, values := s.identity(columns)
		id := rowIDs(o.idHash(s), names, values, int(rec.NumRows()))
		defer id.Release()
		columns = append(columns, id)
	}
	for i, p := range s.parts {
		var made arrow.Array
		switch {
		case p.mask.How != "":
			made = mask(columns[i], p.typ, p.mask, p.hash)
		case p.lost != nil:
			made = convert(columns[i], p.typ, s.table.Columns[i].Type, p.lost)
		case p.start && columns[i].NullN() > 0:
			made = filled(columns[i].(*array.Timestamp), o.plan.Start)
		default:
			continue
		}
		defer made.Release()
		columns[i] = made
	}
	b.Record = array.NewRecordBatch(s.table.Arrow(), columns, rec.NumRows())
	rec.Release()
	for i, c := range s.table.Columns {
		if c.Key && !s.plain && b.Record.Column(i).NullN() > 0 {
			return b, &setup.Problem{Code: "null_in_key", Message: fmt.Sprintf(
				"Table %s was not synced further: a row has no value in column %s, which is part of the key.", s.table.Name, c.Name)}
		}
	}
	return b, nil
}

// idHash returns the hash of row ids. It takes values as they are, so that
// rows stay apart which only differ in what is masked; then it needs a key,
// or the values could be guessed.
func (o *output) idHash(s *shape) hash.Hash {
	if s.masked {
		return hmac.New(sha256.New, o.plan.Secret)
	}
	return sha256.New()
}

// identity returns what a row's id is made of: all that the source has of it,
// under the names that it had first.
func (s *shape) identity(columns []arrow.Array) (names []schema.Column, values []arrow.Array) {
	for i, p := range s.parts {
		if !p.start {
			names, values = append(names, schema.Column{Name: p.was}), append(values, columns[i])
		}
	}
	return names, values
}

// filled returns c with a time in the place of NULL.
func filled(c *array.Timestamp, at time.Time) arrow.Array {
	b := array.NewTimestampBuilder(memory.DefaultAllocator, c.DataType().(*arrow.TimestampType))
	defer b.Release()
	b.Reserve(c.Len())
	for r := range c.Len() {
		if c.IsNull(r) {
			b.Append(arrow.Timestamp(at.UnixMicro()))
		} else {
			b.Append(c.Value(r))
		}
	}
	return b.NewArray()
}

// idle reports whether an update sets nothing, because all that it would set
// is blocked.
func (s *shape) idle(op schema.Op) bool {
	if op != schema.Update || len(s.parts) == len(s.source) {
		return false
	}
	for i, p := range s.parts {
		if !s.table.Columns[i].Key && !p.start {
			return false
		}
	}
	return true
}
