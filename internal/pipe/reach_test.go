package pipe_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/internal/pipe"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// following is a source that does what a test says when it is to go on.
type following struct {
	script
	does func(req connector.Request, out connector.Output) error
}

func (f *following) Tables(context.Context, func(setup.Warning)) ([]schema.Table, error) {
	return []schema.Table{person}, nil
}

func (f *following) Sync(_ context.Context, req connector.Request, out connector.Output) error {
	return f.does(req, out)
}

// TestLanded tells of commits when they are in the destination, and of an idle
// source when nothing is on its way.
func TestLanded(t *testing.T) {
	ctx, t0 := t.Context(), time.Unix(1_000_000, 0)
	at := func(ms int) time.Time { return t0.Add(time.Duration(ms) * time.Millisecond) }
	var until time.Time
	var now []pipe.Commits
	told := 0
	want := func(n int, last time.Time, commits ...pipe.Commits) {
		t.Helper()
		if told != n || !until.Equal(last) {
			t.Fatalf("told %d times, last until %v; want %d, %v", told, until, n, last)
		}
		for i, c := range commits {
			if i >= len(now) || now[i] != c {
				t.Fatalf("landed %v, want %v", now, commits)
			}
		}
	}
	src := &following{does: func(req connector.Request, out connector.Output) error {
		row := func() error {
			return out.Write(ctx, schema.Batch{Op: schema.Upsert, Table: &person, Record: record(person, "1 ann 40")})
		}
		req.Reached(at(0), 0) // nothing was there
		want(1, at(0))
		err := row()
		req.Reached(at(100), 2)
		req.Reached(at(105), 3)
		req.Reached(at(200), 1)
		req.Reached(at(300), 0)
		want(1, at(0))
		err = errors.Join(err, out.Checkpoint(ctx, 1))
		want(2, at(300), pipe.Commits{At: at(100), Changes: 5}, pipe.Commits{At: at(200), Changes: 1})
		req.Reached(at(400), 0)
		want(3, at(400))
		err = errors.Join(err, row())
		req.Reached(at(450), 0) // rows are on their way
		want(3, at(400))
		for i := range 100_000 { // a backlog of days takes no more memory
			req.Reached(at(1000+i*20), 1)
		}
		err = errors.Join(err, out.Checkpoint(ctx, 2))
		want(4, at(1000+99_999*20))
		var sum int64
		for _, c := range now {
			sum += c.Changes
		}
		if sum != 100_000 || len(now) > 4096 || len(now) < 500 {
			t.Errorf("%d changes in %d commits", sum, len(now))
		}
		return err
	}}
	p := plan(src, newStore(), &ledger{})
	p.Until = t0.Add(time.Hour)
	p.Landed = func(u time.Time, n []pipe.Commits) { until, now, told = u, n, told+1 }
	if _, err := pipe.Run(ctx, p); err != nil {
		t.Fatal(err)
	}

	p.Until = time.Time{}
	src.does = func(req connector.Request, _ connector.Output) error {
		if req.Reached != nil {
			t.Error("a source that is not to go on is to tell how far it is")
		}
		return nil
	}
	if _, err := pipe.Run(ctx, p); err != nil {
		t.Fatal(err)
	}
}
