package pipe

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// A table is a source's table on its way to a destination's.
type table struct {
	source, destination schema.Name
	offered             schema.Table      // as the source offered it
	columns             map[string]string // destination's name by source's

	mu     sync.Mutex // guards what follows
	shapes []*shape   // of the batches met so far, the latest first
	target *schema.Table
	sent   Progress
	done   TableOutcome
}

// name gives every table and column its destination's name and returns the
// tables that can be synced. Two things of one source that would get the same
// name are refused, both of them: their rows would mix.
func (o *output) name(offered []schema.Table) []*table {
	var tables []*table
	byName := map[schema.Name][]*table{}
	for _, st := range offered {
		if o.plan.Wants != nil && !o.plan.Wants(st.Name) {
			continue
		}
		t := &table{source: st.Name, offered: st, columns: map[string]string{}}
		t.destination = schema.Name{
			Schema: schema.Shorten(o.plan.Schema(st.Schema), o.plan.MaxName),
			Table:  schema.Shorten(o.plan.Naming.Table(st.Table), o.plan.MaxName),
		}
		t.sent.Table = t.source
		t.done.Source, t.done.Destination = t.source, t.destination
		byName[t.destination] = append(byName[t.destination], t)
		tables = append(tables, t)
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
			continue
		}
		o.tables[t.source] = t
		good = append(good, t)
	}
	return good
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

// nameColumns names the columns of t that have no name yet.
func (o *output) nameColumns(t *table) error {
	taken := map[string]string{schema.Synced: "", schema.Deleted: "", schema.RowID: ""}
	for _, c := range t.offered.Columns {
		name := schema.Shorten(o.plan.Naming.Column(c.Name), o.plan.MaxName)
		if other, ok := taken[name]; ok {
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

// A shape is what batches with one kind of Table become.
type shape struct {
	source []schema.Column // the source's columns of the batch
	table  *schema.Table   // the destination's, of the same columns
	rowID  bool            // whole rows get a [schema.RowID]
}

// shape returns what batches described by st become, and sees to it that the
// destination's table can hold them.
func (o *output) shape(ctx context.Context, name schema.Name, st *schema.Table) (*shape, error) {
	t := o.tables[name]
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, s := range t.shapes {
		if slices.Equal(s.source, st.Columns) {
			if i > 0 {
				t.shapes = append([]*shape{s}, slices.Delete(t.shapes, i, i+1)...)
			}
			return s, nil
		}
	}
	s, err := t.newShape(o, st)
	if err != nil {
		return nil, err
	}
	if err := o.migrate(ctx, t, s); err != nil {
		return nil, fmt.Errorf("prepare %s: %w", t.destination, err)
	}
	t.shapes = append([]*shape{s}, t.shapes...)
	return s, nil
}

func (t *table) newShape(o *output, st *schema.Table) (*shape, error) {
	s := &shape{source: slices.Clone(st.Columns), table: &schema.Table{Name: t.destination}}
	known := len(t.columns)
	for _, c := range st.Columns {
		if _, ok := t.columns[c.Name]; !ok {
			t.offered.Columns = append(slices.Clip(t.offered.Columns), c)
		}
	}
	if len(t.offered.Columns) > known { // columns that appeared on the way
		if err := o.nameColumns(t); err != nil {
			return nil, err
		}
	}
	for _, c := range st.Columns {
		if c.Key && c.Type.Kind == schema.JSON {
			// Not every destination can compare documents. They travel as
			// their text, and that any can.
			c.Type.Kind = schema.String
		}
		s.table.Columns = append(s.table.Columns, schema.Column{Name: t.columns[c.Name], Type: c.Type, Key: c.Key})
	}
	if len(st.Key()) == 0 && len(st.Columns) > 0 {
		s.rowID = true
		s.table.Columns = append(s.table.Columns, schema.Column{Name: schema.RowID, Type: schema.Type{Kind: schema.String}, Key: true})
	}
	return s, nil
}

// migrate widens the destination's table by what s has: columns that it
// lacks, and types that hold what is there as well as what comes.
func (o *output) migrate(ctx context.Context, t *table, s *shape) error {
	if t.target == nil {
		have, err := o.plan.Writer.Table(ctx, t.destination)
		if err != nil {
			return err
		}
		if have == nil {
			have = &schema.Table{Name: t.destination}
		}
		t.target = have
	}
	want := &schema.Table{Name: t.destination, Columns: slices.Clone(t.target.Columns)}
	for i := range want.Columns {
		want.Columns[i].Key = false // the source says what the key is, now
	}
	for _, c := range s.table.Columns {
		i := want.Index(c.Name)
		if i < 0 {
			want.Columns = append(want.Columns, c)
			continue
		}
		want.Columns[i].Type = schema.Join(want.Columns[i].Type, c.Type)
		want.Columns[i].Key = c.Key
	}
	if len(s.table.Key()) == 0 { // a batch without columns says nothing of the key
		return nil
	}
	if err := o.plan.Writer.Migrate(ctx, want); err != nil {
		return err
	}
	t.target = want
	return nil
}

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
	return t.sent
}

func (t *table) expect(rows int64) Progress {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sent.Expected = rows
	return t.sent
}

func (t *table) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done.Err = err
}
