package runner

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/internal/pipe"
	"github.com/penstock-data/penstock/internal/schemaconfig"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/schema"
)

// A keeper keeps the batches' rows as text.
type keeper struct {
	writer
	rows *[]string
}

func (k keeper) Write(_ context.Context, b schema.Batch) error {
	for i := range int(b.Rows()) {
		row := b.Table.Table
		for c, col := range b.Table.Columns {
			row += " " + col.Name + "=" + b.Record.Column(c).ValueStr(i)
		}
		*k.rows = append(*k.rows, row)
	}
	b.Release()
	return nil
}

func texts(t schema.Table, values ...string) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, t.Arrow())
	defer b.Release()
	for i, v := range values {
		if err := b.Field(i).AppendValueFromString(v); err != nil {
			panic(err)
		}
	}
	return b.NewRecordBatch()
}

// What people chose decides what a source is asked for and what of it leaves.
func TestChoices(t *testing.T) {
	f := newFixture(t)
	text := schema.Type{Kind: schema.String}
	id := f.tables[0].Columns[0]
	person := schema.Table{Name: schema.Name{Schema: "Public", Table: "Person"}, Columns: []schema.Column{id, {Name: "email", Type: text}, {Name: "ssn", Type: text}}}
	sent := person
	sent.Columns = append(slices.Clone(person.Columns), schema.Column{Name: "custom", Type: text})
	f.tables = []schema.Table{person, {Name: schema.Name{Schema: "Public", Table: "Visit"}, Columns: person.Columns}, {Name: schema.Name{Schema: "Public", Table: "Order"}, Columns: person.Columns}}
	var asked connector.Request
	f.sync = func(ctx context.Context, req connector.Request, out connector.Output) error {
		asked = req
		if err := out.Write(ctx, schema.Batch{Table: &sent, Record: texts(sent, "1", "ann@x", "123", "more")}); err != nil {
			return err
		}
		return out.Checkpoint(ctx, 1)
	}
	var rows []string
	f.writer = func(destination.Options) (destination.Writer, error) { return keeper{writer{f}, &rows}, nil }
	choose := func(edit func(*schemaconfig.Config, *schemaconfig.Catalog)) {
		t.Helper()
		_, _, err := f.store.UpdateSchema(ctx, "c", func(cfg *schemaconfig.Config, cat *schemaconfig.Catalog) error {
			edit(cfg, cat)
			return nil
		})
		f.ok(err)
	}
	choose(func(cfg *schemaconfig.Config, cat *schemaconfig.Catalog) {
		cfg.ColumnOf(cat, person.Name, "email").Hashed = true
		cfg.ColumnOf(cat, person.Name, "ssn").Enabled = new(false)
		cfg.TableOf(cat, f.tables[1].Name).Enabled = new(false)
		cfg.TableOf(cat, f.tables[2].Name).Paused = true
	})
	if o := f.run(ctx, Watch{}); o.Kind != store.RunSucceeded || len(o.Tables) != 1 {
		t.Fatalf("outcome %+v", o)
	}
	if len(asked.Tables) != 1 || len(asked.Tables[0].Columns) != 2 || len(asked.Paused) != 1 {
		t.Errorf("the source was asked for %+v, paused %v", asked.Tables, asked.Paused)
	}
	first := rows[0]
	if len(rows) != 1 || len(first) != len("person id=1 email= custom=more")+44 {
		t.Errorf("rows %q", rows)
	}
	cat, err := f.store.Catalog(ctx, "c")
	f.ok(err)
	if len(cat.Tables) != 3 || cat.Unnamed != "source" || !cat.Table(person.Name).Column("custom").Found {
		t.Errorf("the catalog is %+v", cat)
	}

	// The column found on the way can be chosen now; hashes stay the same.
	choose(func(cfg *schemaconfig.Config, cat *schemaconfig.Catalog) {
		cfg.ColumnOf(cat, person.Name, "custom").Enabled = new(false)
	})
	f.run(ctx, Watch{})
	if want := first[:len(first)-len(" custom=more")]; len(rows) != 2 || rows[1] != want {
		t.Errorf("got %q, want %q", rows[1:], want)
	}
}

func TestColumnKeysAreAccounts(t *testing.T) {
	f := newFixture(t)
	if a, b := f.store.ColumnKey("a"), f.store.ColumnKey("b"); a == b || a != f.store.ColumnKey("a") {
		t.Error("accounts share a key, or it changes")
	}
}

// A dropper drops columns, but for those that are held.
type dropper struct {
	writer
	held    map[string]bool
	dropped *[]string
}

func (d dropper) Drop(_ context.Context, _ schema.Name, column string) error {
	if d.held[column] {
		return &destination.TableError{Err: errors.New("a view depends on it")}
	}
	*d.dropped = append(*d.dropped, column)
	return nil
}

// A column that is marked is dropped once, however the sync ends, and stays
// blocked; one that was enabled again in the meantime is not.
func TestDropsColumns(t *testing.T) {
	f := newFixture(t)
	text := schema.Type{Kind: schema.String}
	for _, n := range []string{"A", "B", "C"} {
		f.tables[0].Columns = append(f.tables[0].Columns, schema.Column{Name: n, Type: text})
	}
	person := f.tables[0].Name
	var dropped []string
	held := map[string]bool{"b": true}
	f.writer = func(destination.Options) (destination.Writer, error) { return dropper{writer{f}, held, &dropped}, nil }
	f.run(ctx, Watch{})
	column := func(edit func(name string, c *schemaconfig.Column)) {
		t.Helper()
		_, _, err := f.store.UpdateSchema(ctx, "c", func(cfg *schemaconfig.Config, cat *schemaconfig.Catalog) error {
			for _, n := range []string{"A", "B", "C"} {
				edit(n, cfg.ColumnOf(cat, person, n))
			}
			return nil
		})
		f.ok(err)
	}
	column(func(_ string, c *schemaconfig.Column) { c.Enabled, c.Drop = new(false), true })
	column(func(n string, c *schemaconfig.Column) {
		if n == "C" {
			c.Enabled = new(true)
		}
	})
	f.sync = func(context.Context, connector.Request, connector.Output) error { return errors.New("away") }
	if o := f.run(ctx, Watch{}); len(o.Warnings) != 2 || o.Warnings[0].Code != "column_not_dropped" {
		t.Errorf("warnings %+v", o.Warnings)
	}
	marks := map[string]bool{}
	column(func(n string, c *schemaconfig.Column) { marks[n] = c.Drop && !*c.Enabled })
	if want := map[string]bool{"A": false, "B": true, "C": false}; !maps.Equal(marks, want) || !slices.Equal(dropped, []string{"a"}) {
		t.Errorf("marked are %v, dropped %v", marks, dropped)
	}
	held["b"] = false
	f.sync = func(_ context.Context, req connector.Request, _ connector.Output) error {
		if len(req.Tables[0].Columns) != 2 {
			t.Errorf("asked for was %v", req.Tables[0].Columns)
		}
		return nil
	}
	for range 2 {
		if o := f.run(ctx, Watch{}); o.Kind != store.RunSucceeded || !slices.Equal(dropped, []string{"a", "b"}) {
			t.Errorf("outcome %+v, dropped %v", o, dropped)
		}
	}
}

// A forgetter's state says only that it has forgotten.
type forgetter struct{ source }

func (forgetter) Forget(json.RawMessage, []schema.Name) (json.RawMessage, error) {
	return json.RawMessage(`"forgotten"`), nil
}

func (forgetter) Foretell(_ context.Context, state json.RawMessage, tables []schema.Table) (map[schema.Name]connector.Anew, error) {
	if string(state) == `"forgotten"` {
		return map[schema.Name]connector.Anew{tables[0].Name: connector.AnewUnknown}, nil
	}
	return nil, nil
}

// A table whose key is hashed from now on is read anew: its rows would not be
// found by the hashes.
func TestHashedKeyIsReadAnew(t *testing.T) {
	f := newFixture(t)
	f.runner.connectors["source"].Open = func(json.RawMessage, connector.Env) (connector.Source, error) {
		return forgetter{source{f, nil}}, nil
	}
	var states []string
	f.sync = func(ctx context.Context, req connector.Request, out connector.Output) error {
		states = append(states, string(req.State))
		return out.Checkpoint(ctx, "read")
	}
	hash := func(hashed bool) {
		t.Helper()
		_, _, err := f.store.UpdateSchema(ctx, "c", func(cfg *schemaconfig.Config, cat *schemaconfig.Catalog) error {
			cfg.ColumnOf(cat, f.tables[0].Name, "id").Hashed = hashed
			return nil
		})
		f.ok(err)
	}
	planned := func(load, why string) {
		t.Helper()
		plans, err := f.runner.Plan(ctx, "c", nil)
		if err != nil || len(plans) != 1 || plans[0].Load != load || plans[0].Why != why {
			t.Errorf("planned %+v, %v, want %s %s", plans, err, load, why)
		}
	}
	f.run(ctx, Watch{})
	f.run(ctx, Watch{})
	planned(pipe.LoadChanges, "")
	hash(true)
	planned(pipe.LoadAll, WhyKey)
	f.run(ctx, Watch{})
	f.run(ctx, Watch{})
	hash(false)
	f.run(ctx, Watch{})
	if want := []string{"", `"read"`, `"forgotten"`, `"read"`, `"forgotten"`}; !slices.Equal(states, want) {
		t.Errorf("states %q, want %q", states, want)
	}
}
