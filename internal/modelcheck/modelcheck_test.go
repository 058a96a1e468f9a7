package modelcheck

import (
	"context"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/destination/destinationtest"
	"github.com/penstock-data/penstock/internal/pipe"
	"github.com/penstock-data/penstock/internal/schemaconfig"
	"github.com/penstock-data/penstock/schema"
)

func TestMemory(t *testing.T) { Run(t, destinationtest.MemorySubject, 10_000) }

// A spoiled writer does not do what it should.
type spoiled struct {
	destination.Writer
	write func(*schema.Batch) bool
}

func (s spoiled) Write(ctx context.Context, b schema.Batch) error {
	if !s.write(&b) {
		b.Release()
		return nil
	}
	return s.Writer.Write(ctx, b)
}

// A hasty writer says too early that rows are durable.
type hasty struct{ destination.Writer }

func (hasty) Flush(context.Context) error { return nil }

func writes(f func(*schema.Batch) bool) func(*pipe.Plan) {
	return func(p *pipe.Plan) { p.Writer = spoiled{p.Writer, f} }
}

func treats(f func(*schemaconfig.Treatment)) func(*pipe.Plan) {
	return func(p *pipe.Plan) {
		choose := p.Choose
		p.Choose = func(ctx context.Context, offered []schema.Table) (map[schema.Name]schemaconfig.Treatment, error) {
			all, err := choose(ctx, offered)
			for n, t := range all {
				f(&t)
				all[n] = t
			}
			return all, err
		}
	}
}

func columns(f func(*schemaconfig.ColumnTreatment)) func(*pipe.Plan) {
	return treats(func(t *schemaconfig.Treatment) {
		for n, c := range t.Columns {
			f(&c)
			t.Columns[n] = c
		}
	})
}

// TestFaultsAreFound plants faults: each is found by what TestMemory plays, and
// shown by a script of no more lines than it needs.
func TestFaultsAreFound(t *testing.T) {
	for _, c := range []struct {
		fault string
		lines int
		spoil func(*pipe.Plan)
	}{
		{"deletes are forgotten", 5, writes(func(b *schema.Batch) bool { return b.Op != schema.Delete })},
		{"truncates are forgotten", 6, writes(func(b *schema.Batch) bool { return b.Op != schema.Truncate })},
		{"sweeps are forgotten", 5, writes(func(b *schema.Batch) bool { return b.Op != schema.Sweep })},
		{"updates replace rows", 5, writes(func(b *schema.Batch) bool {
			if b.Op == schema.Update {
				b.Op = schema.Upsert
			}
			return true
		})},
		{"deletes do not say when", 6, writes(func(b *schema.Batch) bool {
			if i := b.Table.Index(schema.Start); b.Op == schema.Delete && i >= 0 {
				keys := &schema.Table{Name: b.Table.Name, Columns: b.Table.Columns[:i]} // it is the last
				b.Record = array.NewRecordBatch(keys.Arrow(), b.Record.Columns()[:i], b.Rows())
				b.Table = keys
			}
			return true
		})},
		{"states are saved too early", 5, func(p *pipe.Plan) { p.Writer = hasty{p.Writer} }},
		{"modes are not switched", 4, treats(func(t *schemaconfig.Treatment) { t.Mode = schema.SoftDelete })},
		{"paused tables are synced", 4, treats(func(t *schemaconfig.Treatment) { t.Paused = false })},
		{"disabled tables are synced", 4, treats(func(t *schemaconfig.Treatment) { t.Wanted = true })},
		{"blocked columns are copied", 4, columns(func(c *schemaconfig.ColumnTreatment) { c.Blocked = false })},
		{"hashed columns are shown", 4, columns(func(c *schemaconfig.ColumnTreatment) { c.Mask.How = "" })},
		{"renames are not carried", 6, columns(func(c *schemaconfig.ColumnTreatment) { c.As = "" })},
		{"keys of one's own are not used", 6, columns(func(c *schemaconfig.ColumnTreatment) { c.Key = false })},
	} {
		t.Run(c.fault, func(t *testing.T) {
			p := &player{t: t, subject: destinationtest.MemorySubject, spoil: c.spoil}
			for seed := 1; seed < 5000; seed++ {
				if p.play([]script{scripts().Example(seed)})[0] == nil {
					continue
				}
				short, err := destinationtest.Shortest(scripts(), seed, p.play)
				if len(short) > c.lines {
					t.Errorf("%d lines, want %d:\n%s%v", len(short), c.lines, short, err)
				}
				t.Logf("seed %d:\n%s%s", seed, short, strings.TrimSpace(err.Error()))
				return
			}
			t.Error("was not found")
		})
	}
}
