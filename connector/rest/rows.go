package rest

import (
	"context"
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/valyala/fastjson"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// Rows writes rows of one table, a batch whenever [connector.BatchBytes] are
// together. A row is set value by value and ended:
//
//	rows.Int(parent, id)
//	rows.Record(object)
//	err := rows.End(ctx)
//
// No value is lost. What a column's type does not hold makes the type wider,
// by [schema.Join], from a new batch on; numbers and JSON are never rounded or
// rewritten, except that JSON loses the white space between its tokens. A
// missing or null value is NULL, and so is an empty string where the type is
// no text. Timestamps without a zone are taken for UTC. Bytes that are not
// UTF-8 become U+FFFD.
//
// Rows is for one goroutine.
type Rows struct {
	Op schema.Op // of the batches: Upsert, Update or Delete

	// Fresh makes the promise of [schema.Batch.Fresh] for a batch if it was
	// set at the end of each of its rows.
	Fresh bool

	// Nearest keeps DOUBLE columns what they are: they take the double that is
	// nearest to a value, unless that is infinite, or 0 for a value that is
	// not. It is for vendors whose numbers are doubles, with digits that they
	// do not have.
	Nearest bool

	// Infer says which fields that have no column get one, and its name.
	// The column's type is that of its values. nil: none.
	Infer func(field string) (column string, ok bool)

	out     connector.Output
	name    schema.Name
	columns []schema.Column
	keys    []int // indexes of the key's columns
	values  []column
	cells   []cell // of the row being set

	fields map[string]target // by the name of the field
	order  []step            // the fields of the record before, in their order
	at     int               // index in order of the next field
	visit  func(name []byte, v *fastjson.Value)

	table *schema.Table // describes the batch; nil: is to be made
	arrow *arrow.Schema
	rows  int
	stale bool // a row of the batch was not fresh
}

// A Field says which field of a record holds a column's values. A field
// without one of these belongs to the column of its own name. If several
// fields belong to a column, the first that is not null counts.
type Field struct {
	Name, Column string

	// Cut returns the part of a text value that is kept. nil: all of it.
	Cut func(string) string
}

type target struct {
	column int // -1: the field is passed over
	cut    func(string) string
}

type step struct {
	name string
	target
}

// A cell is a value of the row being set.
type cell struct {
	v    *fastjson.Value // nil: NULL, or one of the next
	cut  func(string) string
	text []byte // nil: there is none
	n    int64
	set  bool // n counts
}

func (c *cell) null() bool {
	return !c.set && c.text == nil && (c.v == nil || c.v.Type() == fastjson.TypeNull)
}

// NewRows returns a Rows for t, with the fields that are not named as their
// columns.
func NewRows(out connector.Output, t schema.Table, fields ...Field) *Rows {
	r := &Rows{out: out, name: t.Name, fields: map[string]target{}}
	for _, c := range t.Columns {
		r.add(c)
	}
	renamed := map[string]bool{}
	for _, f := range fields {
		if i := r.Column(f.Column); i >= 0 {
			r.fields[f.Name] = target{i, f.Cut}
			renamed[f.Column] = true
		}
	}
	for i, c := range r.columns {
		if _, taken := r.fields[c.Name]; !taken && !renamed[c.Name] {
			r.fields[c.Name] = target{i, nil}
		}
	}
	r.visit = r.field
	return r
}

func (r *Rows) add(c schema.Column) int {
	r.columns = append(r.columns, c)
	r.values = append(r.values, column{})
	r.cells = append(r.cells, cell{})
	last := len(r.columns) - 1
	if c.Key {
		r.keys = append(r.keys, last)
	}
	r.values[last].setType(c.Type)
	r.values[last].builder.AppendNulls(r.rows)
	r.table = nil
	return last
}

// Column returns the index of a column, or -1 if nobody wants it.
func (r *Rows) Column(name string) int {
	for i, c := range r.columns {
		if c.Name == name {
			return i
		}
	}
	return -1
}

// Int sets an integer of the row; column -1 is passed over.
func (r *Rows) Int(column int, n int64) {
	if column >= 0 {
		r.cells[column] = cell{n: n, set: true}
	}
}

// Value sets a value of the row, of which cut, if there is one, returns the
// part of a text that is kept; column -1 is passed over. v must stay as it is
// until End.
func (r *Rows) Value(column int, v *fastjson.Value, cut func(string) string) {
	if column >= 0 {
		r.cells[column] = cell{v: v, cut: cut}
	}
}

// Text sets a value of the row as text, such as a field of CSV; column -1 is
// passed over. Numbers, dates and booleans are what the text says, in the
// column's type; empty is NULL where the type is no text. nil is NULL. text
// must stay as it is until End.
func (r *Rows) Text(column int, text []byte) {
	if column >= 0 {
		r.cells[column] = cell{text: text}
	}
}

// Record sets the values of the row that the fields of record hold.
// It must stay as it is until End.
func (r *Rows) Record(record *fastjson.Object) {
	r.at = 0
	record.Visit(r.visit)
}

func (r *Rows) field(name []byte, v *fastjson.Value) {
	t, known := r.target(name)
	if !known {
		if t, known = r.infer(string(name), v); !known {
			return
		}
	}
	if t.column < 0 {
		return
	}
	c := &r.cells[t.column]
	if c.v != nil && c.v.Type() != fastjson.TypeNull {
		return
	}
	c.v, c.cut = v, t.cut
}

// target looks a field up, first where the records before had it.
func (r *Rows) target(name []byte) (target, bool) {
	for i := r.at; i < len(r.order) && i < r.at+4; i++ {
		if r.order[i].name == string(name) {
			r.at = i + 1
			return r.order[i].target, true
		}
	}
	t, known := r.fields[string(name)]
	if known && r.at == len(r.order) {
		r.order = append(r.order, step{string(name), t})
		r.at++
	}
	return t, known
}

// infer finds the column for a field that was not met before. It is not known
// as long as it has no value.
func (r *Rows) infer(field string, v *fastjson.Value) (t target, known bool) {
	t.column = -1
	name, wanted := "", false
	if r.Infer != nil {
		name, wanted = r.Infer(field)
	}
	if wanted {
		typ := typeOf(v)
		if typ.Kind == schema.Unspecified {
			return t, false
		}
		if t.column = r.Column(name); t.column < 0 {
			t.column = r.add(schema.Column{Name: name, Type: typ})
			r.values[t.column].free = true
		}
	}
	r.fields[field] = t
	return t, true
}

// End ends the row. A row without a key cannot be told from others; it is
// passed over with a warning.
func (r *Rows) End(ctx context.Context) error {
	defer clear(r.cells)
	for _, i := range r.keys {
		if r.cells[i].null() {
			r.withoutKey(i)
			return nil
		}
	}
	return r.finish(ctx, 0)
}

// Line appends a row of texts, as [Rows.Text] and [Rows.End] would: column i is
// cells[from[i]], and NULL where that is empty or from[i] is below 0.
func (r *Rows) Line(ctx context.Context, cells [][]byte, from []int) error {
	text := func(i int) []byte {
		if from[i] < 0 || len(cells[from[i]]) == 0 {
			return nil
		}
		return cells[from[i]]
	}
	for _, i := range r.keys {
		if text(i) == nil {
			r.withoutKey(i)
			return nil
		}
	}
	for i := range r.values {
		v, t := &r.values[i], text(i)
		if t == nil {
			v.null()
			continue
		}
		if v.near = r.Nearest; v.appendCSV(t) {
			continue
		}
		for k := range r.cells {
			r.cells[k] = cell{text: text(k)}
		}
		defer clear(r.cells)
		return r.finish(ctx, i)
	}
	return r.end(ctx)
}

func (r *Rows) withoutKey(i int) {
	r.out.Warn(setup.Warning{Code: "row_without_key", Message: fmt.Sprintf(
		"A row of %s has no %s and was left out.", r.name, r.columns[i].Name)})
}

// finish appends the cells from column i on, and ends the row.
func (r *Rows) finish(ctx context.Context, i int) error {
	for i < len(r.columns) {
		if r.append(i) {
			i++
			continue
		}
		again, err := r.widen(ctx, i)
		if err != nil {
			return err
		}
		if again {
			i = 0
		}
	}
	return r.end(ctx)
}

// end counts a row whose values are appended.
func (r *Rows) end(ctx context.Context) error {
	r.rows++
	r.stale = r.stale || !r.Fresh
	if r.bytes() >= connector.BatchBytes {
		return r.Flush(ctx)
	}
	return nil
}

func (r *Rows) append(i int) bool {
	r.values[i].near = r.Nearest
	c := &r.cells[i]
	switch {
	case c.set:
		return r.values[i].appendInt(c.n)
	case c.text != nil:
		return r.values[i].appendCSV(c.text)
	case c.v == nil:
		r.values[i].null()
		return true
	}
	return r.values[i].append(c.v, c.cut)
}

// widen gives column i a type that holds the row's value. What the batch has
// in that column goes out first; then the row must be appended again.
func (r *Rows) widen(ctx context.Context, i int) (again bool, err error) {
	typ := schema.Type{Kind: schema.Long}
	switch c := &r.cells[i]; {
	case c.text != nil:
		typ = typeOfText(c.text)
	case !c.set:
		typ = typeOf(c.v)
	}
	typ = r.values[i].wider(typ)
	if again = r.values[i].filled; again {
		for k := range r.values { // the row is half there: fill it up, to be cut off
			if r.values[k].builder.Len() == r.rows {
				r.values[k].null()
			}
		}
		if err := r.cut(ctx); err != nil {
			return false, err
		}
	}
	r.columns[i].Type = typ
	r.values[i].setType(typ)
	r.values[i].builder.AppendNulls(r.rows)
	r.table = nil
	return again, nil
}

// Flush sends the rows gathered.
func (r *Rows) Flush(ctx context.Context) error {
	if r.rows == 0 {
		return nil
	}
	return r.cut(ctx)
}

// cut sends the first r.rows rows that the columns have, if there are any, and
// empties the columns.
func (r *Rows) cut(ctx context.Context) error {
	if r.table == nil {
		t := &schema.Table{Name: r.name, Columns: append([]schema.Column(nil), r.columns...)}
		r.table, r.arrow = t, t.Arrow()
	}
	arrays := make([]arrow.Array, len(r.values))
	for i := range r.values {
		arrays[i] = r.values[i].finish()
		if whole := arrays[i]; whole.Len() > r.rows {
			arrays[i] = array.NewSlice(whole, 0, int64(r.rows))
			whole.Release()
		}
		defer arrays[i].Release()
	}
	b := schema.Batch{Op: r.Op, Table: r.table, Fresh: !r.stale}
	rows := r.rows
	r.rows, r.stale = 0, false
	if rows == 0 {
		return nil
	}
	b.Record = array.NewRecordBatch(r.arrow, arrays, int64(rows))
	return r.out.Write(ctx, b)
}

func (r *Rows) bytes() int {
	n := 0
	for i := range r.values {
		n += r.values[i].bytes
	}
	return n
}

// LastSegment returns the last segment of a URL's path: the id of the object
// that it refers to. It is a Cut for fields that hold references.
func LastSegment(s string) string {
	s, _, _ = strings.Cut(s, "?")
	s = strings.TrimRight(s, "/")
	return s[strings.LastIndexByte(s, '/')+1:]
}
