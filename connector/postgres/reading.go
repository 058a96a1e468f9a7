package postgres

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/penstock-data/penstock/schema"
)

// A reading is one table in one round of a sync.
type reading struct {
	run  *run
	snap *snapshot

	rel   *relation
	table *schema.Table
	cols  []column
	keyed bool
	mode  mode
	st    *tableState
	parts []*part
	fresh bool // no row of the table was sent before, in this sync or an earlier one

	// filter is what rows must meet: those that are loaded, counted and
	// compared, not those that have changed. "": nothing.
	filter string

	// loggable says that changes can be taken from the log once the table is
	// complete.
	loggable bool
	starts   bool // it is asked since when rows hold

	passes  bool         // rows go to the destination undecoded
	resumed bool         // a part was begun under an earlier snapshot
	anew    bool         // the table's state was begun in this round
	whole   bool         // all parts are read from their beginning in this round
	loaded  atomic.Int64 // rows sent by loads in this round
}

// A mode is how changes of a table can be told.
type mode uint8

const (
	byXmin mode = iota // its rows have xmin and ctid
	blind              // not at all: it is read again in every sync
)

// A part is one relation that holds rows of a table.
type part struct {
	key   string
	from  string // what to select from
	check string // a query that is true as long as the contents are in the files that the snapshot knows
	file  uint32
	oid   uint32 // 0 if pages cannot be told apart
	st    *partState

	load    bool // it is being loaded, not incremented
	new     bool // nothing of it was read before this round
	resumed bool // it is being loaded, and was begun under an earlier snapshot
}

// plan decides how a table is read and brings its state into a form that fits.
// rel is nil if there is no such table, and the reading if the table has to wait
// for the next sync.
func (r *run) plan(rel *relation, want *schema.Table, snap *snapshot) (*reading, error) {
	if rel == nil {
		r.state.Forget(want.Name)
		r.Touch()
		return nil, fmt.Errorf("table %s does not exist any more", want.Name)
	}
	if why := rel.unreadable(); why != "" {
		return nil, fmt.Errorf("table %s: %s", want.Name, why)
	}
	t := &reading{run: r, snap: snap, rel: rel, keyed: rel.keyed()}
	t.choose(want)
	if len(t.cols) == 0 {
		return nil, fmt.Errorf("table %s has none of the columns that are to be read", want.Name)
	}
	var err error
	if t.filter, err = rel.where(r.req.Filters[want.Name], snap.asciiOnly, snap.utf8); err != nil {
		return nil, fmt.Errorf("table %s: %w", want.Name, err)
	}
	t.divide()
	t.st = r.state.Table(want.Name)
	if t.replaced() && t.st.readSince(r.req.Start) {
		return nil, nil
	}
	t.fresh = t.keyed && t.st == nil && !r.Sent(want.Name)
	if t.st == nil || t.mode == blind || t.columnsMissing() {
		t.restart()
	}
	if columns := t.columnStates(); !slices.Equal(columns, t.st.Columns) || t.st.Newest != rel.newest {
		t.st.Columns, t.st.Newest = columns, rel.newest
		r.Touch()
	}
	if r.log != nil {
		r.log.consider(t)
	}
	t.adopt()
	return t, nil
}

// replaced reports whether what is gone from the table is told by a full read:
// from the time of the sync that sent a row last. So no sync may send such a
// table as of two snapshots.
func (t *reading) replaced() bool { return !t.keyed || t.mode == blind }

// choose takes those of the relation's columns that are wanted.
func (t *reading) choose(want *schema.Table) {
	offered := t.rel.table()
	t.starts = t.rel.begins() && want.Index(schema.Start) >= 0
	t.table = &schema.Table{Name: offered.Name}
	for i, c := range t.rel.columns {
		if want.Index(c.Name) >= 0 {
			t.cols = append(t.cols, c)
			t.table.Columns = append(t.table.Columns, offered.Columns[i])
		} else if offered.Columns[i].Key {
			t.keyed = false
		}
	}
	if !t.keyed {
		for i := range t.table.Columns {
			t.table.Columns[i].Key = false
		}
	}
}

// divide finds out which relations hold the table's rows.
func (t *reading) divide() {
	rel := t.rel
	switch {
	case rel.Kind == "v" || rel.Kind == "f" || !rel.Whole:
		// The role needs SELECT on the whole table to see system columns.
		t.mode = blind
		t.parts = []*part{{key: strconv.FormatUint(uint64(rel.OID), 10), from: rel.sql(), file: rel.File, check: checkFiles(append(rel.beneath, rel)...)}}
	case rel.Kind != "p":
		t.parts = []*part{plainPart(rel)}
	case slices.ContainsFunc(rel.leaves, func(l *relation) bool { return l.Kind != "r" }):
		t.mode = blind
		t.parts = []*part{{key: "all", from: rel.sql(), check: checkFiles(rel.leaves...)}}
	case slices.ContainsFunc(rel.leaves, func(l *relation) bool { return !l.Whole || !l.Usable }):
		// Partitions that only the root gives access to are read as one. It
		// is another one when a partition is attached.
		key := make([]string, len(rel.leaves))
		for i, l := range rel.leaves {
			key[i] = strconv.FormatUint(uint64(l.OID), 10)
		}
		slices.Sort(key)
		t.parts = []*part{{key: strings.Join(key, "+"), from: rel.sql(), check: checkFiles(rel.leaves...)}}
	default:
		for _, l := range rel.leaves {
			t.parts = append(t.parts, plainPart(l))
		}
	}
}

func plainPart(rel *relation) *part {
	return &part{
		key: strconv.FormatUint(uint64(rel.OID), 10), from: "only " + rel.sql(),
		oid: rel.OID, file: rel.File, check: checkFiles(rel),
	}
}

// checkFiles returns a query that compares files with those that the
// snapshot's catalog names. The function looks past the snapshot.
func checkFiles(rels ...*relation) string {
	cond := []string{"true"}
	for _, r := range rels {
		if r.File != 0 {
			cond = append(cond, fmt.Sprintf("pg_relation_filenode(%d) is not distinct from %d", r.OID, r.File))
		}
	}
	return "select " + strings.Join(cond, " and ")
}

func (t *reading) columnStates() []columnState {
	states := make([]columnState, len(t.cols))
	for i, c := range t.cols {
		states[i] = columnState{Name: c.Name, Num: c.Num, Type: c.Type, Key: t.table.Columns[i].Key}
	}
	return states
}

// columnsMissing reports whether rows that were sent lack values that the
// source has: a column is wanted that was not, or has another type or part in
// the key. A column that was added to the table is null in all rows written
// before, unless it was added with a default.
func (t *reading) columnsMissing() bool {
	newest := t.st.Newest
	known := make(map[string]columnState, len(t.st.Columns))
	for _, c := range t.st.Columns {
		known[c.Name] = c
		newest = max(newest, c.Num)
	}
	for i, c := range t.cols {
		was, ok := known[c.Name]
		switch {
		case ok && was.Num == c.Num && was.Type.AnyLength() == c.Type.AnyLength() && was.Key == t.table.Columns[i].Key:
		case !ok && c.Num > newest && !c.Filled && !t.table.Columns[i].Key:
		default:
			return true
		}
	}
	return false
}

// restart forgets what was read of the table, so that all of it is read again.
func (t *reading) restart() {
	t.touch()
	t.anew = true
	told := ""
	if t.st != nil {
		told = t.st.Unlogged
	}
	t.st = &tableState{Unlogged: told, Began: t.run.req.Start, Parts: make(map[string]*partState), Rows: -1, Live: -1, Columns: t.columnStates(), Newest: t.rel.newest}
	t.run.state.Set(t.table.Name, t.st)
}

// touch notes that the table's state has to be saved. Of one that is read again
// in every sync it has not.
func (t *reading) touch() {
	if t.mode != blind {
		t.run.Touch()
	}
}

// adopt joins the parts with their state, or begins the table anew if what is
// known of it is no ground to go on from.
func (t *reading) adopt() {
	if !t.keyed && t.outdated() {
		t.restart()
	}
	have := make(map[string]bool, len(t.parts))
	t.resumed = false
	for _, p := range t.parts {
		have[p.key] = true
		p.new = false
		p.st = t.st.Parts[p.key]
		if p.st == nil || !t.snap.reaches(p.st.Horizon) || !p.st.Loaded && (p.st.File != p.file || t.keyed && len(p.st.Done) == 0) {
			p.st, p.new = &partState{File: p.file, Horizon: t.snap.xmin}, true
			t.st.Parts[p.key] = p.st
			t.touch()
		}
		p.load = !p.st.Loaded
		p.resumed = p.load && !p.new
		t.resumed = t.resumed || p.resumed
	}
	for key := range t.st.Parts {
		if !have[key] {
			delete(t.st.Parts, key)
			t.run.Touch()
		}
	}
	t.whole = !slices.ContainsFunc(t.parts, func(p *part) bool { return !p.new })
}

// outdated reports whether rows may have come or gone without a trace in
// xmin. With a key, comparing keys sets that right; without one, only
// reading the table again does.
func (t *reading) outdated() bool {
	if len(t.st.Parts) == 0 {
		return false
	}
	progress := false
	for _, p := range t.parts {
		st := t.st.Parts[p.key]
		if st == nil || !t.snap.reaches(st.Horizon) || !st.Loaded && st.File != p.file {
			return true
		}
		progress = progress || st.Loaded || len(st.Done) > 0
	}
	return len(t.st.Parts) != len(t.parts) || !progress
}

// Name implements sqlsource.Table.
func (t *reading) Name() schema.Name { return t.table.Name }

// Waits implements sqlsource.Table.
func (t *reading) Waits() bool { return !t.replaced() }

// Retry implements sqlsource.Table.
func (t *reading) Retry(err error) bool {
	return worthAnotherLook(err) && (!t.replaced() || !t.run.Sent(t.table.Name))
}

// Explain implements sqlsource.Table.
func (t *reading) Explain(err error) error { return describe(t.table.Name, err, t.discreet()) }

// discreet reports whether the table has values that nobody may be told.
func (t *reading) discreet() bool {
	return slices.ContainsFunc(t.rel.columns, func(c column) bool { return t.run.Hides(t.table.Name, c.Name) })
}
