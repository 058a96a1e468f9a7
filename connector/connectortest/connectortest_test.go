package connectortest

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// counter is a source of the numbers below n, two to a batch, that can be
// made to do one thing wrong.
type counter struct {
	n     int64
	wrong string
}

func (*counter) Test(context.Context) []setup.TestResult { return nil }
func (*counter) Close() error                            { return nil }

func (*counter) Tables(context.Context, func(setup.Warning)) ([]schema.Table, error) {
	return []schema.Table{numbers}, nil
}

var numbers = schema.Table{
	Name:    schema.Name{Table: "numbers"},
	Columns: []schema.Column{{Name: "id", Type: schema.Type{Kind: schema.Long}, Key: true}},
}

func (c *counter) Sync(ctx context.Context, req connector.Request, out connector.Output) error {
	var next int64
	if req.State != nil {
		if err := json.Unmarshal(req.State, &next); err != nil {
			return err
		}
	}
	if c.wrong == "starts over" {
		next = 0
	}
	for next < c.n {
		if c.wrong == "checkpoints before it writes" {
			if err := out.Checkpoint(ctx, next+2); err != nil {
				return err
			}
		}
		if err := out.Write(ctx, batch(next, next+1, c.wrong)); err != nil {
			return err
		}
		next += 2
		if c.wrong != "checkpoints before it writes" {
			if err := out.Checkpoint(ctx, next); err != nil {
				return err
			}
		}
	}
	return nil
}

func batch(from, to int64, wrong string) schema.Batch {
	b := array.NewInt64Builder(memory.DefaultAllocator)
	defer b.Release()
	for v := from; v <= to; v++ {
		if wrong == "says twice what is fresh" {
			b.Append(7)
		} else {
			b.Append(v)
		}
	}
	col := b.NewArray()
	defer col.Release()
	return schema.Batch{Op: schema.Upsert, Table: &numbers, Fresh: true,
		Record: array.NewRecordBatch(numbers.Arrow(), []arrow.Array{col}, to-from+1)}
}

func TestRun(t *testing.T) {
	src := &counter{n: 5}
	m := Run(t, func() connector.Source { return src }, func() { src.n = 9 })
	if got := strings.Join(m.Rows("numbers"), " "); got != "0 1 2 3 4 5 6 7 8 9" {
		t.Errorf("rows: %s", got)
	}
}

func TestRunFindsWhatIsWrong(t *testing.T) {
	for wrong, want := range map[string]string{
		"checkpoints before it writes": "rows differ",
		"starts over":                  "gets no further",
		"says twice what is fresh":     "said to be fresh",
	} {
		_, err := verify(&Model{}, func() connector.Source { return &counter{n: 5, wrong: wrong} })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("a source that %s: got %v, want an error with %q", wrong, err, want)
		}
	}
}

func TestOperations(t *testing.T) {
	ctx := t.Context()
	m := &Model{}
	m.begin()
	m.request[numbers.Name] = true
	write := func(op schema.Op, ids ...int64) {
		t.Helper()
		b := schema.Batch{Op: op, Table: &numbers, Before: m.start}
		if ids != nil {
			r := batch(ids[0], ids[len(ids)-1], "")
			b.Record = r.Record
		}
		if err := m.Write(ctx, b); err != nil {
			t.Fatal(err)
		}
	}
	live := func(want ...string) {
		t.Helper()
		if got := m.Rows("numbers"); !slices.Equal(got, want) {
			t.Errorf("live rows: got %v, want %v", got, want)
		}
	}
	write(schema.Upsert, 1, 2, 3, 4)
	write(schema.Delete, 2)
	live("1", "3", "4")
	write(schema.Delete, 9)
	write(schema.Present, 3, 4)
	write(schema.Sweep)
	live("3", "4")
	write(schema.Upsert, 1, 2)
	live("1", "2", "3", "4")
	m.begin()
	m.request[numbers.Name] = true
	write(schema.Upsert, 3)
	write(schema.Truncate)
	live("3")
	if got := m.Deleted("numbers"); !slices.Equal(got, []string{"1", "2", "4"}) {
		t.Errorf("deleted: %v", got)
	}
}
