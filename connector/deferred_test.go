package connector_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/schema"
)

var errDown = errors.New("down")

// An output takes truncates; what it says to a table is in errs.
type output struct {
	connector.Output
	got    []string
	errs   map[string]error
	failed []schema.Name
}

func (o *output) Write(_ context.Context, b schema.Batch) error {
	if err := o.errs[b.Table.Table]; err != nil {
		return err
	}
	o.got = append(o.got, fmt.Sprint(b.Op, " ", b.Table.Name, " ", b.Before.Hour()))
	return nil
}

func (o *output) Fail(t schema.Name, _ error) { o.failed = append(o.failed, t) }

func table(n string) schema.Name { return schema.Name{Table: n} }

func at(hour int) time.Time { return time.Date(2026, 5, 1, hour, 0, 0, 0, time.UTC) }

func TestDeferred(t *testing.T) {
	var d connector.Deferred
	for i, n := range []string{"a", "broken", "paused", "unwanted", "failed", "b", "a"} {
		d.Add(table(n), at(i+1))
	}
	d.Add(table("a"), at(3)) // earlier
	d.Add(table("again"), at(9))
	d.Forget([]schema.Name{table("again")})
	req := connector.Request{Paused: []schema.Name{table("paused")}}
	for _, n := range []string{"a", "b", "broken", "failed", "again"} {
		req.Tables = append(req.Tables, schema.Table{Name: table(n)})
	}
	out := &output{errs: map[string]error{"b": errDown}}
	before := append(connector.Deferred{}, d...)
	out.errs["broken"] = &connector.TableError{Table: table("broken"), Err: errDown}
	if err := d.Send(t.Context(), req, out, table("failed")); !errors.Is(err, errDown) {
		t.Fatalf("got %v", err)
	}
	delete(out.errs, "b")
	if err := d.Send(t.Context(), req, out, table("failed")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"truncate a 7", "truncate b 6"}, out.got); diff != "" {
		t.Errorf("sent: -want +got\n%s", diff)
	}
	if diff := cmp.Diff(connector.Deferred{before[1], before[2], before[4]}, d); diff != "" {
		t.Errorf("left: -want +got\n%s", diff)
	}
	if len(out.failed) != 2 || out.failed[0] != table("broken") { // in either Send
		t.Errorf("failed: %v", out.failed)
	}
}
