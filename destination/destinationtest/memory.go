package destinationtest

import (
	"cmp"
	"context"
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
	rows    map[string]history // by key
}

// A history is the versions of a row, the first one first. In a mode other
// than history mode there is but one.
type history []version

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
		return d.(*Memory).tables[name].text(columns)
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
	c := &memoryTable{t.mode, slices.Clone(t.columns), map[string]history{}}
	for k, h := range t.rows {
		c.rows[k] = slices.Clone(h)
	}
	return c
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
		t = &memoryTable{mode: want.Mode, rows: map[string]history{}}
		w.tables[want.Name] = t
	}
	key := t.key()
	for _, c := range want.Columns {
		i := slices.IndexFunc(t.columns, func(have schema.Column) bool { return have.Name == c.Name })
		if i < 0 {
			t.columns = append(t.columns, c)
			continue
		}
		t.columns[i].Type = schema.Join(t.columns[i].Type, c.Type)
		t.columns[i].Key = c.Key
	}
	if !slices.Equal(key, t.key()) {
		t.rekey()
	}
	t.become(want.Mode)
	return nil
}

func (t *memoryTable) key() (names []string) {
	for _, c := range t.columns {
		if c.Key {
			names = append(names, c.Name)
		}
	}
	return names
}

// rekey finds rows by another key from now on.
func (t *memoryTable) rekey() {
	before := t.rows
	t.rows = map[string]history{}
	for _, h := range before {
		t.rows[t.keyOf(h.last().values)] = h
	}
}

func (t *memoryTable) keyOf(row map[string]string) (key string) {
	for _, name := range t.key() {
		key += row[name] + "\n"
	}
	return key
}

// become switches a table to a mode.
func (t *memoryTable) become(mode schema.Mode) {
	last := never
	for _, h := range t.rows {
		last = max(last, h.last().synced)
	}
	for k, h := range t.rows {
		v := *h.last()
		switch {
		case t.mode == mode:
			continue
		case t.mode == schema.SoftDelete && v.end != forever && mode == schema.History:
			v.start, v.end = never, never
		case t.mode == schema.SoftDelete:
			v.start = last
		case t.mode == schema.Live:
			v.start = v.synced
		}
		t.rows[k] = history{v}
		if mode == schema.Live && v.end != forever {
			delete(t.rows, k)
		}
	}
	t.mode = mode
}

func (w *memoryWriter) Write(_ context.Context, b schema.Batch) error {
	defer b.Release()
	t, gathered := w.tables[b.Table.Name], w.gathered[b.Table.Name]
	switch b.Op {
	case schema.Truncate:
		for k, h := range t.rows {
			if h.live() && h.last().synced < b.Before.UnixMicro() {
				t.end(k, w.now, false)
			}
		}
		return nil
	case schema.Sweep:
		for k, h := range t.rows {
			if h.live() && !gathered[k] {
				t.end(k, w.now, true)
			}
		}
		clear(gathered)
		return nil
	}
	for _, r := range rowsOf(b) {
		key, row, at := t.keyOf(r.values), r.values, r.start
		switch b.Op {
		case schema.Present:
			if gathered == nil {
				gathered = map[string]bool{}
				w.gathered[b.Table.Name] = gathered
			}
			gathered[key] = true
		case schema.Delete:
			if h := t.rows[key]; h != nil && (h.live() || t.mode != schema.History) {
				t.end(key, w.now, true)
			}
		case schema.Update:
			t.update(key, row, w.now, at)
		default:
			t.put(key, row, w.now, at)
		}
	}
	return nil
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
	h := t.rows[key]
	if h == nil || !h.live() && t.mode == schema.History {
		return
	}
	was := len(h) - 1
	if at != 0 {
		was = slices.IndexFunc(h, func(v version) bool { return v.start < at && v.end >= at-tick })
	}
	if was < 0 {
		return
	}
	values := maps.Clone(h[was].values)
	maps.Copy(values, row)
	if t.mode == schema.SoftDelete { // a deleted row stays one
		h.last().values, h.last().synced = values, now
		return
	}
	t.put(key, values, now, at)
}

// put gives a row other values since at. What began then or later is made
// anew; what a sync has itself ended goes on if the row is as before.
func (t *memoryTable) put(key string, row map[string]string, now, at int64) {
	h, own := t.rows[key], at != 0
	at = cmp.Or(at, now)
	if t.mode != schema.History {
		t.rows[key] = history{{row, now, 0, forever}}
		return
	}
	h = slices.DeleteFunc(h, func(v version) bool { return v.start >= at })
	if len(h) > 0 && h.last().end >= at-tick {
		v := h.last()
		if t.same(row, v.values) && !own {
			v.synced, v.end = now, forever
			t.rows[key] = h
			return
		}
		if !own || v.end >= at {
			v.synced, v.end = now, at-tick
		}
	}
	t.rows[key] = append(h, version{row, now, at, forever})
}

func (t *memoryTable) same(a, b map[string]string) bool {
	return !slices.ContainsFunc(t.columns, func(c schema.Column) bool {
		return cmp.Or(a[c.Name], Null) != cmp.Or(b[c.Name], Null)
	})
}

// end is what becomes of a row that is gone from the source.
func (t *memoryTable) end(key string, now int64, read bool) {
	v := t.rows[key].last()
	switch t.mode {
	case schema.Live:
		delete(t.rows, key)
		return
	case schema.SoftDelete:
		if read {
			v.synced = now
		}
	}
	v.end = max(now, v.start)
}

func (h history) last() *version { return &h[len(h)-1] }

func (h history) live() bool { return h.last().end == forever }

func (w *memoryWriter) Live(_ context.Context, name schema.Name) (n int64, _ error) {
	for _, h := range w.tables[name].rows {
		if h.live() {
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
	for _, h := range t.rows {
		for _, v := range h {
			var row []string
			for _, c := range columns {
				row = append(row, v.text(c.Name))
			}
			out = append(out, row)
		}
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
