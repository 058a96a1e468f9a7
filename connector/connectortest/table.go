package connectortest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/penstock-data/penstock/schema"
)

// A table is a table of a Model. Values are text; a missing one is NULL.
type table struct {
	columns []schema.Column
	rows    map[string]*row // by key
	present map[string]bool // keys gathered by Present
	sent    map[string]bool // keys upserted in this sync
}

// A row is never changed, only replaced: clones of a table share it.
type row struct {
	values  map[string]string // by column
	synced  time.Time
	deleted bool
}

func (t *table) clone() *table {
	return &table{slices.Clone(t.columns), maps.Clone(t.rows), maps.Clone(t.present), maps.Clone(t.sent)}
}

func (t *table) keyed() bool {
	return slices.ContainsFunc(t.columns, func(c schema.Column) bool { return c.Key })
}

func (t *table) apply(b schema.Batch, start time.Time) error {
	switch b.Op {
	case schema.Truncate:
		if b.Record != nil || b.Before.IsZero() {
			return errors.New("needs a time and no record")
		}
		for k, r := range t.rows {
			if r.synced.Before(b.Before) && !r.deleted {
				t.rows[k] = &row{r.values, r.synced, true}
			}
		}
		return nil
	case schema.Sweep:
		if b.Record != nil {
			return errors.New("has a record")
		}
		for k, r := range t.rows {
			if !r.deleted && !t.present[k] {
				t.rows[k] = &row{r.values, start, true}
			}
		}
		t.present = nil
		return nil
	}
	if err := fits(b); err != nil {
		return err
	}
	if err := t.widen(b); err != nil {
		return err
	}
	for i := range int(b.Record.NumRows()) {
		if err := t.applyRow(b, i, start); err != nil {
			return err
		}
	}
	return nil
}

func (t *table) applyRow(b schema.Batch, i int, start time.Time) error {
	values := map[string]string{}
	for c, column := range b.Table.Columns {
		if v := b.Record.Column(c); !v.IsNull(i) {
			values[column.Name] = text(v, i)
		} else if column.Key {
			return fmt.Errorf("row %d has no %s, which is part of the key", i, column.Name)
		}
	}
	k := t.key(b.Table, values)
	old := t.rows[k]
	switch b.Op {
	case schema.Upsert:
		if b.Fresh && t.sent[k] {
			return fmt.Errorf("row %q was sent before in this sync and is said to be fresh", k)
		}
		if t.sent == nil {
			t.sent = map[string]bool{}
		}
		t.sent[k] = true
		t.rows[k] = &row{values: values, synced: start}
	case schema.Update:
		if old == nil {
			break
		}
		all := maps.Clone(old.values)
		for _, c := range b.Table.Columns {
			if v, ok := values[c.Name]; ok {
				all[c.Name] = v
			} else {
				delete(all, c.Name)
			}
		}
		t.rows[k] = &row{all, start, old.deleted}
	case schema.Delete:
		if old != nil {
			t.rows[k] = &row{old.values, start, true}
		}
	case schema.Present:
		if t.present == nil {
			t.present = map[string]bool{}
		}
		t.present[k] = true
	}
	return nil
}

// fits checks that the record is what its table says, and the table what the
// operation wants.
func fits(b schema.Batch) error {
	if b.Record == nil {
		return errors.New("has no record")
	}
	want := b.Table.Arrow()
	if n := int(b.Record.NumCols()); n != want.NumFields() {
		return fmt.Errorf("has %d columns, its table %d", n, want.NumFields())
	}
	key, others := 0, 0
	for i, f := range want.Fields() {
		if got := b.Record.Column(i).DataType(); !arrow.TypeEqual(got, f.Type) || b.Record.ColumnName(i) != f.Name {
			return fmt.Errorf("has %s %v where its table has %s %v", b.Record.ColumnName(i), got, f.Name, f.Type)
		}
		switch c := b.Table.Columns[i]; {
		case c.Key:
			key++
		case b.Op != schema.Delete || !c.IsStart():
			others++
		}
	}
	switch b.Op {
	case schema.Update:
		if key == 0 {
			return errors.New("has no key")
		}
	case schema.Delete, schema.Present:
		if key == 0 || others > 0 {
			return errors.New("has other columns than the key's")
		}
	}
	return nil
}

// widen makes t's columns hold the batch's.
func (t *table) widen(b schema.Batch) error {
	keyed := t.keyed()
	for _, c := range b.Table.Columns {
		i := slices.IndexFunc(t.columns, func(o schema.Column) bool { return o.Name == c.Name })
		if i < 0 {
			if c.Key && keyed {
				return fmt.Errorf("has the key column %s, which the table had not", c.Name)
			}
			t.columns = append(t.columns, c)
			continue
		}
		if t.columns[i].Key != c.Key && keyed {
			return fmt.Errorf("is of another opinion on whether %s is part of the key", c.Name)
		}
		t.columns[i].Type = schema.Join(t.columns[i].Type, c.Type)
	}
	return nil
}

// key returns what tells a row from others: its key, or all of its values.
func (t *table) key(st *schema.Table, values map[string]string) string {
	var parts []string
	keyed := len(st.Key()) > 0
	for _, c := range t.columns {
		if v, ok := values[c.Name]; ok && (c.Key || !keyed) {
			parts = append(parts, c.Name+"="+v)
		}
	}
	return strings.Join(parts, "\x00")
}

func (t *table) sorted() []*row {
	keys := slices.SortedFunc(maps.Keys(t.rows), func(a, b string) int {
		as, bs := strings.Split(a, "\x00"), strings.Split(b, "\x00")
		return slices.CompareFunc(as, bs, compareNumbersFirst)
	})
	rows := make([]*row, len(keys))
	for i, k := range keys {
		rows[i] = t.rows[k]
	}
	return rows
}

func compareNumbersFirst(a, b string) int {
	an, av, _ := strings.Cut(a, "=")
	bn, bv, _ := strings.Cut(b, "=")
	ai, aerr := strconv.ParseInt(av, 10, 64)
	bi, berr := strconv.ParseInt(bv, 10, 64)
	if an == bn && aerr == nil && berr == nil && ai != bi {
		if ai < bi {
			return -1
		}
		return 1
	}
	return strings.Compare(a, b)
}

func (t *table) line(r *row, columns []string) string {
	out := make([]string, len(columns))
	for i, name := range columns {
		v, ok := r.values[name]
		if !ok {
			out[i] = "NULL"
			continue
		}
		c := slices.IndexFunc(t.columns, func(c schema.Column) bool { return c.Name == name })
		if c >= 0 && t.columns[c].Type.Kind == schema.Datetime && len(v) == len("2026-01-31") {
			v += " 00:00:00" // a date that came before the column was widened
		}
		out[i] = v
	}
	return strings.Join(out, "|")
}

// text returns a value as text that does not depend on how wide its type is.
func text(a arrow.Array, i int) string {
	switch a := a.(type) {
	case *array.Float32:
		return strconv.FormatFloat(float64(a.Value(i)), 'f', -1, 64)
	case *array.Float64:
		return strconv.FormatFloat(a.Value(i), 'f', -1, 64)
	case *array.Decimal128:
		s := a.ValueStr(i)
		if strings.Contains(s, ".") {
			s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
		}
		return s
	case *array.Date32:
		if v := a.Value(i); v == schema.DateInfinity || v == -schema.DateInfinity {
			return infinity(v > 0)
		}
		return a.Value(i).ToTime().Format("2006-01-02")
	case *array.Timestamp:
		if v := a.Value(i); v == schema.TimeInfinity || v == -schema.TimeInfinity {
			return infinity(v > 0)
		}
		return time.UnixMicro(int64(a.Value(i))).UTC().Format("2006-01-02 15:04:05.999999")
	case *array.Binary:
		return fmt.Sprintf("%x", a.Value(i))
	case *array.String:
		return a.Value(i)
	}
	return a.ValueStr(i)
}

func infinity(positive bool) string {
	if positive {
		return "infinity"
	}
	return "-infinity"
}
