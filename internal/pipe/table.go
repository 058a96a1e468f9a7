package pipe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/internal/schemaconfig"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// A table is a source's table on its way to a destination's.
type table struct {
	source, destination schema.Name
	treat               schemaconfig.Treatment
	asked               schema.Table   // what the source is asked for: the columns offered whose values are written, or that the filter reads
	offers              int            // columns that the source offered
	filter              *schema.Filter // what rows must meet; nil: nothing

	mu      sync.Mutex        // guards what follows
	met     []schema.Column   // the source's columns: those offered, then those found in rows
	columns map[string]string // destination's name by source's, of what is not blocked
	shapes  []*shape          // of the batches met so far, the latest first
	target  *schema.Table     // as it stands in the destination; nil: nobody has looked
	absent  bool              // it was not there when somebody looked
	losses  []*loss           // what was not converted
	blank   *bool             // it had no live row when this sync wrote its first; nil: nobody has looked
	broken  error             // why nothing more can be written of it in this sync
	told    bool              // that it is broken
	sent    Progress
	done    TableOutcome
}

// index returns the index of a column that was met, or -1.
func (t *table) index(name string) int {
	return slices.IndexFunc(t.met, func(c schema.Column) bool { return c.Name == name })
}

// choose returns the tables that are wanted now, with what is to be done with
// each.
func (o *output) choose(ctx context.Context, offered []schema.Table) ([]*table, error) {
	var treatments map[schema.Name]schemaconfig.Treatment
	if o.plan.Choose != nil {
		var err error
		if treatments, err = o.plan.Choose(ctx, offered); err != nil {
			return nil, err
		}
	}
	var tables []*table
	for _, st := range offered {
		t := &table{source: st.Name, treat: schemaconfig.Treatment{Wanted: true}, met: slices.Clone(st.Columns),
			columns: map[string]string{}, offers: len(st.Columns), asked: schema.Table{Name: st.Name}}
		if o.plan.Choose != nil {
			t.treat = treatments[st.Name]
		}
		switch {
		case t.treat.Wanted && t.treat.Paused:
			o.paused = append(o.paused, st.Name)
			continue
		case !t.treat.Wanted:
			continue
		}
		var err error
		if t.filter, err = t.filterOf(st.Columns); err != nil {
			t.stop(err)
		}
		blocked := 0
		for _, c := range st.Columns {
			if t.treat.Column(c.Name).Blocked {
				blocked++
			}
			if t.wants(c) || t.filter != nil && slices.Contains(t.filter.Columns(), c.Name) { // it is told to the filter only
				t.asked.Columns = append(t.asked.Columns, c)
			}
		}
		if blocked > 0 && blocked == len(st.Columns) {
			continue
		}
		tables = append(tables, t)
	}
	return tables, nil
}

// wants reports whether values of a column reach the writer. When rows changed
// only history mode has use for, whatever was chosen.
func (t *table) wants(c schema.Column) bool {
	if c.IsStart() {
		return t.starts(c)
	}
	return !t.treat.Column(c.Name).Blocked
}

// starts reports whether c says since when each version holds.
func (t *table) starts(c schema.Column) bool {
	return t.treat.Mode == schema.History && c.IsStart()
}

// name gives every table and column its destination's name and returns the
// tables that can be synced. Two things of one source that would get the same
// name are refused, both of them: their rows would mix.
func (o *output) name(tables []*table) []*table {
	byName := map[schema.Name][]*table{}
	for _, t := range tables {
		t.destination = o.calledTable(t.source)
		t.sent.Table, t.sent.Destination = t.source, t.destination
		t.done.Source, t.done.Destination = t.source, t.destination
		if was := o.before[t.source]; was != nil {
			t.goOn(was)
		}
		byName[t.destination] = append(byName[t.destination], t)
		o.order = append(o.order, t)
	}
	var good []*table
	for _, t := range tables {
		err := collision(t, byName[t.destination])
		if err == nil {
			err = o.nameColumns(t)
		}
		if err != nil {
			t.fail(err)
			o.Warn(setup.Warning{Code: "name_collision", Message: err.Error()})
			o.paused = append(o.paused, t.source)
			continue
		}
		o.tables[t.source] = t
		good = append(good, t)
	}
	return good
}

// goOn takes over what was counted of a table before the source listed it again.
func (t *table) goOn(was *table) {
	t.sent, t.losses = was.sent, was.losses
	t.done.Upserted, t.done.Updated, t.done.Deleted, t.done.Bytes = was.done.Upserted, was.done.Updated, was.done.Deleted, was.done.Bytes
}

func collision(t *table, same []*table) error {
	for _, other := range same {
		if other != t {
			return &setup.Problem{Code: "name_collision", Message: fmt.Sprintf(
				"Table %s was not synced: %s and %s would both be called %s in the destination. Rename or block one of them.",
				t.source, same[0].source, same[1].source, t.destination)}
		}
	}
	return nil
}

// reserved returns the names of a table's system columns.
func reserved(m schema.Mode) []string {
	names := []string{schema.Synced, schema.Deleted, schema.RowID}
	if m == schema.History {
		names = append(names, schema.Active, schema.Start, schema.End)
	}
	return names
}

// nameColumns names the columns of t that are not blocked.
func (o *output) nameColumns(t *table) error {
	taken := map[string]string{}
	for _, n := range reserved(t.treat.Mode) {
		taken[n] = ""
	}
	for _, c := range t.met {
		if c.IsStart() || !t.wants(c) {
			continue
		}
		name := o.called(t, c.Name)
		if other, ok := taken[name]; ok && !c.IsRowID() {
			what := fmt.Sprintf("columns %q and %q would both be called %q", other, c.Name, name)
			if other == "" {
				what = fmt.Sprintf("column %q would get the name of the system column %s", c.Name, name)
			}
			return &setup.Problem{Code: "name_collision", Message: fmt.Sprintf(
				"Table %s was not synced: its %s in the destination. Rename or block one of them.", t.source, what)}
		}
		taken[name] = c.Name
		t.columns[c.Name] = name
	}
	return nil
}

// calledTable returns the name of a source's table in the destination.
func (o *output) calledTable(source schema.Name) schema.Name {
	return schema.Name{
		Schema: schema.Shorten(o.plan.Schema(source.Schema), o.plan.MaxName),
		Table:  schema.Shorten(o.plan.Naming.Table(source.Table), o.plan.MaxName),
	}
}

// calledAll is [connector.Request.Called]: of tables that are not read now it
// knows the names by the rule.
func (o *output) calledAll(source schema.Name) (schema.Name, func(string) string) {
	t := o.tables[source]
	if t == nil {
		t = &table{}
	}
	return o.calledTable(source), func(column string) string { return o.called(t, column) }
}

// called returns the name of a source's column in the destination.
func (o *output) called(t *table, column string) string {
	how := t.treat.Column(column)
	return schema.Shorten(o.plan.Naming.Column(cmp.Or(how.As, column)), o.plan.MaxName)
}

// describe finds out what the destination has of t.
func (o *output) describe(ctx context.Context, t *table) error {
	if t.target != nil {
		return nil
	}
	have, err := o.plan.Writer.Table(ctx, t.destination)
	if err != nil {
		return err
	}
	if have == nil {
		have, t.absent = &schema.Table{Name: t.destination}, true
	}
	t.target = have
	return nil
}

// migrate widens the destination's table by what s has: columns that it
// lacks, and types that hold what is there as well as what comes.
func (o *output) migrate(ctx context.Context, t *table, s *shape) error {
	if len(s.table.Key()) == 0 { // a batch without columns says nothing of the key
		return nil
	}
	want := &schema.Table{Name: t.destination, Mode: t.treat.Mode, Columns: slices.Clone(t.target.Columns)}
	for i := range want.Columns {
		want.Columns[i].Key = false // the source says what the key is, now
	}
	for _, c := range s.table.Columns {
		if t.starts(c) {
			continue
		}
		i := want.Index(c.Name)
		if i < 0 {
			want.Columns = append(want.Columns, c)
			continue
		}
		want.Columns[i].Type = schema.Join(want.Columns[i].Type, c.Type)
		want.Columns[i].Key = c.Key
	}
	if err := o.plan.Writer.Migrate(ctx, want); err != nil {
		return err
	}
	o.defined(t.target, want)
	t.target = want
	return nil
}

// defined tells what has become of a table of the destination.
func (o *output) defined(had, has *schema.Table) {
	if o.plan.Defined == nil {
		return
	}
	d := Definition{Table: has.Name, New: len(had.Columns) == 0}
	for _, c := range has.Columns {
		if i := had.Index(c.Name); i < 0 || had.Columns[i].Type != c.Type {
			d.Columns = append(d.Columns, c.Name)
		}
	}
	if len(d.Columns) > 0 {
		o.plan.Defined(d)
	}
}

// own notes an error that is about t alone, and returns it as one.
func (t *table) own(err error) error {
	var mine *destination.TableError
	var refusal *destination.Refusal
	var problem *setup.Problem
	switch {
	case errors.As(err, &refusal):
		err = fmt.Errorf("the destination does not take its rows, all of which the next sync reads again: %w", refusal.Tables[t.destination])
	case errors.As(err, &mine), errors.As(err, &problem) && ownProblems[problem.Code]:
	default:
		return err
	}
	t.broken = &connector.TableError{Table: t.source, Err: err}
	t.done.Err = err
	return t.broken
}

// stop is own for callers that do not hold the lock.
func (t *table) stop(err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.own(err)
}

// ownProblems are those that this package finds in a table.
var ownProblems = map[string]bool{"name_collision": true, "key_missing": true, "null_in_key": true, "row_filter": true}

func (t *table) count(op schema.Op, rows, bytes int64) Progress {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch op {
	case schema.Upsert:
		t.done.Upserted += rows
	case schema.Update:
		t.done.Updated += rows
	case schema.Delete:
		t.done.Deleted += rows
	default: // keys that are only compared are no rows of the table
		rows = 0
	}
	t.done.Bytes += bytes
	t.sent.Rows += rows
	t.sent.Bytes += bytes
	t.sent.Upserted, t.sent.Updated, t.sent.Deleted = t.done.Upserted, t.done.Updated, t.done.Deleted
	return t.sent
}

func (t *table) expect(rows int64) Progress {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sent.Expected = rows
	return t.sent
}

// fail notes why t is not read to its end, and reports whether nobody was told of
// that.
func (t *table) fail(err error) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.broken != nil && errors.Is(err, t.broken) {
		if t.told {
			return false
		}
		t.told = true
	}
	t.done.Err = err
	return true
}
