package simulator

import (
	"hash/fnv"
	"iter"
	"maps"
	"time"
)

const day = 24 * time.Hour

// How long the recycle bin keeps rows, and the delete log what was deleted.
const binKeeps = 15 * day

// A table is the rows of an object. Those that were there from the first are
// computed when they are asked for; what was done to rows since is kept.
type table struct {
	object *Object
	ns     int64 // tells the object's chances from others'
	seed   uint64
	gens   map[string]generator // by field name; what is not there is null
	comp   map[string]computed  // by field name, before gens
	first  int64                // rows from the first: 1 to first
	last   int64                // the latest row's number
	start  int64                // ms: when the simulation began

	bin     bool              // deleted rows lie in the recycle bin for a while
	changes map[int64]*change // the latest by row
	shared  bool              // a view reads changes: copy before writing
	log     []deletion        // oldest first
	purged  int64             // ms: what the log has lost came before; 0: nothing
	changed time.Time         // when the object was described anew
}

// A change is what a row has become.
type change struct {
	values            map[string]value // by field name; what is not there is as it was generated
	created, modified int64            // ms
	deleted, gone     bool             // gone: not even in the recycle bin
	visible           int64            // ms: when others see it
	before            *change          // what they see until then; nil: the generated row, or none
}

type deletion struct{ row, at int64 }

// A row is a row at one time.
type row struct {
	n                 int64
	created, modified int64
	deleted           bool
	values            map[string]value
}

// A view is a table at one moment; it does not change.
type view struct {
	table
	now int64     // ms
	sn  *snapshot // the other tables; nil: there are none
}

func newTable(o *Object, seed uint64, rows int64, start time.Time) *table {
	h := fnv.New64a()
	h.Write([]byte(o.Name))
	t := &table{
		object: o, ns: int64(h.Sum64() >> 1), seed: seed, first: rows, last: rows, start: start.UnixMilli(),
		changes: map[int64]*change{}, gens: map[string]generator{}, changed: start, comp: computes[o.Name],
		bin: o.field("IsDeleted") != nil && yes(o.Deletable),
	}
	for i := range o.Fields {
		t.gens[o.Fields[i].Name] = t.generator(&o.Fields[i])
	}
	return t
}

func (t *table) view(now time.Time) *view {
	t.shared = true
	return &view{table: *t, now: now.UnixMilli()}
}

// set makes a change the latest of a row.
func (t *table) set(n int64, c *change) {
	if t.shared {
		t.changes, t.shared = maps.Clone(t.changes), false
	}
	t.changes[n] = c
}

// row returns a row that others see, deleted or not.
func (v *view) row(n int64) (r row, ok bool) {
	if len(v.changes) > 0 {
		c := v.changes[n]
		for c != nil && c.visible > v.now {
			c = c.before
		}
		if c != nil {
			r = row{n, c.created, c.modified, c.deleted, c.values}
			return r, !c.gone && !v.emptied(&r)
		}
	}
	if n < 1 || n > v.first {
		return row{}, false
	}
	r = v.born(n)
	return r, !v.emptied(&r)
}

// rows yields the rows that others see, deleted ones too if all is set. The
// row is the loop's own until the next.
func (v *view) rows(all bool) iter.Seq[*row] {
	return func(yield func(*row) bool) {
		var r row
		for n := int64(1); n <= v.last; n++ {
			var ok bool
			if r, ok = v.row(n); ok && (all || !r.deleted) && !yield(&r) {
				return
			}
		}
	}
}

// emptied reports whether the recycle bin has forgotten a row.
func (v *view) emptied(r *row) bool {
	return r.deleted && v.now-r.modified > binKeeps.Milliseconds()
}

// born returns a row as it was from the first: made in the 400 days before
// the start, modified later, one in 25 deleted in the last ten days.
func (t *table) born(n int64) row {
	const span = int64(400 * day / time.Millisecond)
	r := row{n: n}
	r.created = second(t.start - span + (n-1)*(span-2*msPerDay)/max(t.first, 1))
	x := t.chance(n, 0)
	r.modified = r.created
	if x&3 != 0 {
		r.modified = min(second(r.created+int64(x>>8%uint64(40*msPerDay))), t.start-1000)
	}
	if x>>40%25 == 0 && t.bin {
		r.deleted = true
		r.modified = second(max(r.modified, t.start-int64(x>>8%uint64(10*msPerDay))-1000))
	}
	return r
}

func second(ms int64) int64 { return floorDiv(ms, 1000) * 1000 }

func (v *view) value(r *row, field string) value {
	if len(r.values) > 0 {
		if x, ok := r.values[field]; ok {
			return x
		}
	}
	if f := v.comp[field]; f != nil {
		return f(&record{v, r})
	}
	if g := v.gens[field]; g != nil {
		return g(r)
	}
	return value{}
}
