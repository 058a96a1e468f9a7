package destinationtest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// Memory is a destination as the promises of packages schema and destination
// have it: it takes the operations one by one, each row as if it were merged
// by itself. Others are compared with it. It keeps values as text, for which
// numbers and text are enough of the types, refuses nothing, and has one writer
// at a time. Its zero value is empty.
type Memory struct {
	tables map[schema.Name]*memoryTable
}

type memoryTable struct {
	mode    schema.Mode
	columns []schema.Column
	rows    []version // of a key, the first version first
}

// A version has the values of a row by column; one that is missing is NULL.
// The rest is microseconds: forever is the end of a version that holds, and of
// all that are there without history.
type version struct {
	values             map[string]string
	synced, start, end int64
}

const (
	forever = schema.EndOfTime
	tick    = int64(time.Millisecond / time.Microsecond)
)

var never = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()

// MemorySubject tries [Memory].
var MemorySubject = Subject{
	Open: func(testing.TB) destination.Destination { return &Memory{} },
	Select: func(_ testing.TB, d destination.Destination, name schema.Name, columns []schema.Column) [][]string {
		if t := d.(*Memory).tables[name]; t != nil {
			return t.text(columns)
		}
		return nil
	},
}

// Test implements [destination.Destination].
func (m *Memory) Test(context.Context) []setup.TestResult { return nil }

// Writer implements [destination.Destination].
func (m *Memory) Writer(_ context.Context, opt destination.Options) (destination.Writer, error) {
	w := &memoryWriter{of: m, now: opt.Synced.UnixMicro(), gathered: map[schema.Name]map[string]bool{}}
	w.tables = m.clone()
	return w, nil
}

func (m *Memory) clone() map[schema.Name]*memoryTable {
	out := map[schema.Name]*memoryTable{}
	for n, t := range m.tables {
		out[n] = t.clone()
	}
	return out
}

func (t *memoryTable) clone() *memoryTable {
	return &memoryTable{t.mode, slices.Clone(t.columns), slices.Clone(t.rows)}
}

// A memoryWriter has the tables as they will be after a Flush.
type memoryWriter struct {
	of       *Memory
	now      int64 // start of the sync
	tables   map[schema.Name]*memoryTable
	gathered map[schema.Name]map[string]bool // keys of the source
}

func (w *memoryWriter) Table(_ context.Context, name schema.Name) (*schema.Table, error) {
	t := w.tables[name]
	if t == nil {
		return nil, nil
	}
	return &schema.Table{Name: name, Mode: t.mode, Columns: slices.Clone(t.columns)}, nil
}

func (w *memoryWriter) Migrate(_ context.Context, want *schema.Table) error {
	t := w.tables[want.Name]
	if t == nil {
		t = &memoryTable{mode: want.Mode}
		w.tables[want.Name] = t
	}
	t.become(want.Mode) // by the key that the versions have
	for _, c := range want.Columns {
		i := slices.IndexFunc(t.columns, func(have schema.Column) bool { return have.Name == c.Name })
		if i < 0 {
			t.columns = append(t.columns, c)
			continue
		}
		t.columns[i].Type = schema.Join(t.columns[i].Type, c.Type)
		t.columns[i].Key = c.Key
	}
	return nil
}

func (w *memoryWriter) Drop(_ context.Context, name schema.Name, column string) error {
	t := w.tables[name]
	if t == nil {
		return nil
	}
	t.columns = slices.DeleteFunc(t.columns, func(c schema.Column) bool { return c.Name == column })
	for i := range t.rows {
		v := &t.rows[i]
		v.values = maps.Clone(v.values)
		delete(v.values, column)
	}
	return nil
}

// become switches a table to a mode.
func (t *memoryTable) become(mode schema.Mode) {
	if t.mode == mode {
		return
	}
	last, latest := never, map[string]int64{}
	for _, v := range t.rows {
		last = max(last, v.synced)
		k := t.key(v.values)
		if at, ok := latest[k]; !ok || v.start > at {
			latest[k] = v.start
		}
	}
	before := t.rows
	t.rows = nil
	for _, v := range before {
		switch {
		case mode == schema.Live && !v.live(), t.mode == schema.History && t.keyed(v.values) && v.start < latest[t.key(v.values)]:
			continue
		case t.mode == schema.SoftDelete && !v.live() && mode == schema.History:
			v.start, v.end = never, never
		case t.mode == schema.SoftDelete:
			v.start = last
		case t.mode == schema.Live:
			v.start = v.synced
		}
		t.rows = append(t.rows, v)
	}
	t.mode = mode
}

func (v *version) live() bool { return v.end == forever }

// keyed reports whether a row has all of its key. One from before the table
// got that key has not, and is no version of any other.
func (t *memoryTable) keyed(row map[string]string) bool {
	return !slices.ContainsFunc(t.columns, func(c schema.Column) bool { return c.Key && cmp.Or(row[c.Name], Null) == Null })
}

func (t *memoryTable) key(row map[string]string) (key string) {
	for _, c := range t.columns {
		if c.Key {
			key += row[c.Name] + "\n"
		}
	}
	return key
}

func (w *memoryWriter) Write(_ context.Context, b schema.Batch) error {
	defer b.Release()
	t, gathered := w.tables[b.Table.Name], w.gathered[b.Table.Name]
	switch {
	case t == nil && (b.Op == schema.Truncate || b.Op == schema.Sweep):
		return nil
	case t == nil:
		return fmt.Errorf("table %s does not exist", b.Table.Name)
	}
	switch b.Op {
	case schema.Truncate:
		t.end(w.now, w.now, false, func(v *version) bool { return v.live() && v.synced < b.Before.UnixMicro() })
		return nil
	case schema.Sweep:
		t.end(w.now, w.now, true, func(v *version) bool { return v.live() && !gathered[t.key(v.values)] })
		clear(gathered)
		return nil
	}
	for _, r := range rowsOf(b) {
		key := t.key(r.values)
		switch b.Op {
		case schema.Present:
			if gathered == nil {
				gathered = map[string]bool{}
				w.gathered[b.Table.Name] = gathered
			}
			gathered[key] = true
		case schema.Delete:
			t.end(w.now, cmp.Or(r.start, w.now), true, func(v *version) bool { return t.key(v.values) == key && (v.live() || t.mode != schema.History) })
		case schema.Update:
			t.update(key, r.values, w.now, r.start)
		default:
			t.put(key, r.values, w.now, r.start)
		}
	}
	return nil
}

// end does what becomes of rows that are gone from the source since at.
func (t *memoryTable) end(now, at int64, read bool, gone func(*version) bool) {
	for i := range t.rows {
		if v := &t.rows[i]; gone(v) {
			v.end = max(at, v.start)
			if t.mode == schema.SoftDelete && read {
				v.synced = now
			}
		}
	}
	if t.mode == schema.Live {
		t.rows = slices.DeleteFunc(t.rows, func(v version) bool { return !v.live() })
	}
}

// rowsOf returns a batch's rows in the order of their starts, as far as the
// source says when they began to hold; start is 0 where it does not.
func rowsOf(b schema.Batch) []version {
	rows := make([]version, b.Record.NumRows())
	for i := range rows {
		rows[i].values = map[string]string{}
		for c, col := range b.Table.Columns {
			v := b.Record.Column(c)
			switch {
			case col.Name == schema.Start:
				rows[i].start = int64(v.(*array.Timestamp).Value(i))
			case v.IsNull(i):
				rows[i].values[col.Name] = Null // an update sets it
			default:
				rows[i].values[col.Name] = v.ValueStr(i)
			}
		}
	}
	slices.SortStableFunc(rows, func(a, b version) int { return cmp.Compare(a.start, b.start) })
	return rows
}

// update changes a row that is there; in history mode, a version that holds,
// or held when the change was made.
func (t *memoryTable) update(key string, row map[string]string, now, at int64) {
	for i, v := range t.rows {
		if t.key(v.values) != key {
			continue
		}
		values := maps.Clone(v.values)
		maps.Copy(values, row)
		switch {
		case t.mode != schema.History: // a deleted row stays one
			t.rows[i].values, t.rows[i].synced = values, now
		case at == 0 && v.live(), at != 0 && v.start < at && v.end >= at-tick && t.active(key):
			t.put(key, values, now, at)
			return
		}
	}
}

func (t *memoryTable) active(key string) bool {
	return slices.ContainsFunc(t.rows, func(v version) bool { return v.live() && t.key(v.values) == key })
}

// put gives a row other values since at. What began then or later is made
// anew; what a sync has itself ended goes on if the row is as before.
func (t *memoryTable) put(key string, row map[string]string, now, at int64) {
	own := at != 0
	at = cmp.Or(at, now)
	t.rows = slices.DeleteFunc(t.rows, func(v version) bool {
		return t.key(v.values) == key && (t.mode != schema.History || v.start >= at)
	})
	if t.mode != schema.History {
		t.rows = append(t.rows, version{row, now, 0, forever})
		return
	}
	for i := range t.rows {
		v := &t.rows[i]
		if t.key(v.values) != key || v.end < at-tick {
			continue
		}
		if t.same(row, v.values) && !own {
			v.synced, v.end = now, forever
			return
		}
		if !own || v.end >= at {
			v.synced, v.end = now, at-tick
		}
	}
	t.rows = append(t.rows, version{row, now, at, forever})
}

func (t *memoryTable) same(a, b map[string]string) bool {
	return !slices.ContainsFunc(t.columns, func(c schema.Column) bool {
		return cmp.Or(a[c.Name], Null) != cmp.Or(b[c.Name], Null)
	})
}

func (w *memoryWriter) Live(_ context.Context, name schema.Name) (n int64, _ error) {
	for _, v := range w.tables[name].rows {
		if v.live() {
			n++
		}
	}
	return n, nil
}

func (w *memoryWriter) Accepts(context.Context, *schema.Table, schema.Format) (bool, error) {
	return false, nil
}

func (w *memoryWriter) Flush(context.Context) error {
	w.of.tables = (&Memory{w.tables}).clone()
	return nil
}

func (w *memoryWriter) Close() error { return nil }

// text returns columns of all versions of all rows.
func (t *memoryTable) text(columns []schema.Column) (out [][]string) {
	for _, v := range t.rows {
		var row []string
		for _, c := range columns {
			row = append(row, v.text(c.Name))
		}
		out = append(out, row)
	}
	return out
}

func (v *version) text(column string) string {
	truth := map[bool]string{true: "true", false: "false"}
	moment := func(us int64) string { return time.UnixMicro(us).UTC().Format(time.RFC3339Nano) }
	switch column {
	case schema.Synced:
		return moment(v.synced)
	case schema.Start:
		return moment(v.start)
	case schema.End:
		return moment(v.end)
	case schema.Deleted:
		return truth[v.end != forever]
	case schema.Active:
		return truth[v.end == forever]
	}
	return cmp.Or(v.values[column], Null)
}
