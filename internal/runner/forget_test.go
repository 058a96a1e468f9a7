package runner

import (
	"context"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/schema"
)

// TestTableResyncNeedsAForgetter: what a source cannot do is a task for a
// person, and stays asked for.
func TestTableResyncNeedsAForgetter(t *testing.T) {
	f := newFixture(t)
	f.run(ctx, Watch{})
	f.ok(f.store.AskResync(ctx, "c", []schema.Name{{Schema: "Public", Table: "Person"}}))
	o := f.run(ctx, Watch{})
	want := &store.Alert{Code: "resync_not_supported", Message: o.Reason}
	if o.Kind != store.RunFailed || cmp.Diff(want, o.Task) != "" {
		t.Errorf("outcome %+v, task %+v", o, o.Task)
	}
	if asked, err := f.store.AskedResyncs(ctx, "c"); err != nil || len(asked) != 1 {
		t.Errorf("still asked for: %v, %v", asked, err)
	}
}

// TestVersionsHaveRows: a state is kept with the rows that were sent by then.
func TestVersionsHaveRows(t *testing.T) {
	f := newFixture(t)
	f.sync = func(ctx context.Context, req connector.Request, out connector.Output) error {
		for i := range 3 {
			if err := out.Write(ctx, schema.Batch{Table: &req.Tables[0], Record: people(&req.Tables[0], i+1)}); err != nil {
				return err
			}
			if err := out.Checkpoint(ctx, i); err != nil {
				return err
			}
		}
		return nil
	}
	f.run(ctx, Watch{})
	versions, err := f.store.StateVersions(ctx, "c")
	f.ok(err)
	var rows []int64
	for _, v := range versions {
		rows = append(rows, v.Rows)
	}
	if diff := cmp.Diff([]int64{6, 3, 1}, rows); diff != "" {
		t.Error(diff)
	}
}

// people returns rows of a table whose only column is a number.
func people(t *schema.Table, n int) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, t.Arrow())
	defer b.Release()
	for i := range n {
		b.Field(0).(*array.Int64Builder).Append(int64(i))
	}
	return b.NewRecordBatch()
}

// TestBlockedSyncOpensNoWriter: nothing can reach the destination.
func TestBlockedSyncOpensNoWriter(t *testing.T) {
	f := newFixture(t)
	_, err := f.store.UpdateConnection(ctx, "c", func(c *store.Connection) error { c.SchemaStatus = store.BlockedOnCapture; return nil })
	f.ok(err)
	f.sync = func(context.Context, connector.Request, connector.Output) error {
		t.Error("the source was read")
		return nil
	}
	if o := f.run(ctx, Watch{}); o.Kind != store.RunCaptured {
		t.Errorf("outcome %+v", o)
	}
	cat, err := f.store.Catalog(ctx, "c")
	f.ok(err)
	if !cat.Captured() || cat.Tables[0].Table != "Person" {
		t.Errorf("catalog %+v", cat)
	}
}
