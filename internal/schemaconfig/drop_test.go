package schemaconfig_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/internal/schemaconfig"
	"github.com/penstock-data/penstock/schema"
)

// What is marked is dropped while it is blocked, also if the source has it no
// more, and once.
func TestResolveDrop(t *testing.T) {
	table := parse("s.t id* a b c d _fivetran_x")[0]
	c, cat := schemaconfig.Capture(schemaconfig.Config{}, schemaconfig.Catalog{}, []schema.Table{parse("s.t id* a b c d gone _fivetran_x")[0]}, time.Unix(1, 0))
	c, cat = schemaconfig.Capture(c, cat, []schema.Table{table}, time.Unix(2, 0))
	for _, name := range []string{"id", "b", "a", "gone", "_fivetran_x"} {
		*c.ColumnOf(&cat, table.Name, name) = schemaconfig.Column{Enabled: new(false), Drop: true}
	}
	*c.ColumnOf(&cat, table.Name, "c") = schemaconfig.Column{Enabled: new(true), Drop: true}
	*c.ColumnOf(&cat, table.Name, "d") = schemaconfig.Column{Enabled: new(false)}
	got := schemaconfig.Resolve(&c, &cat, table)
	if d := cmp.Diff([]string{"a", "b", "gone"}, got.Drop); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	c.Dropped(&cat, table.Name, "a")
	c.Dropped(&cat, table.Name, "never chosen")
	c.Dropped(&cat, schema.Name{Table: "unknown"}, "a")
	got = schemaconfig.Resolve(&c, &cat, table)
	if d := cmp.Diff([]string{"b", "gone"}, got.Drop); d != "" || !got.Column("a").Blocked {
		t.Errorf("once one is dropped: -want +got\n%s", d)
	}
}

// When rows changed is no column that people see.
func TestCaptureWithoutStart(t *testing.T) {
	begun := schema.Column{Name: schema.Start, Type: schema.Type{Kind: schema.Instant}}
	table := parse("s.t id* a")[0]
	table.Columns = append(table.Columns, begun)
	other := parse("s.u id* " + schema.Start)[0] // a column that only has the name
	c, cat := schemaconfig.Capture(schemaconfig.Config{Handling: schemaconfig.BlockAll}, schemaconfig.Catalog{}, []schema.Table{table, other}, time.Unix(1, 0))
	if cat.Table(table.Name).Column(schema.Start) != nil || cat.Table(other.Name).Column(schema.Start) == nil {
		t.Errorf("the catalog has %+v", cat.Tables)
	}
	if how := schemaconfig.Resolve(&c, &cat, table); how.Column(schema.Start) != (schemaconfig.ColumnTreatment{}) {
		t.Errorf("it is treated as %+v", how.Column(schema.Start))
	}
}
