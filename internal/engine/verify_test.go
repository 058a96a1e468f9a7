package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/internal/schedule"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/schema"
)

// A digesting source takes a minute for a digest, of one row.
type digesting struct{ *source }

func (s digesting) Digest(ctx context.Context, _ json.RawMessage, q schema.DigestQuery, yield func(schema.Digest) error) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Minute):
		return yield(schema.Digest{Rows: 1})
	}
}

func (target) Digest(_ context.Context, q schema.DigestQuery, yield func(schema.Digest) error) error {
	return yield(schema.Digest{Rows: 1})
}

// idle makes a connection that can be verified and does not sync by itself.
func idle(c *store.Connection) {
	c.Paused, c.Config = true, json.RawMessage(`{"schema":"digesting"}`)
}

var _ connector.Digester = digesting{}

// verification returns one as it stands, in few words.
func (w *world) verification(v *store.Verification) string {
	w.t.Helper()
	now, err := w.store.Verification(context.Background(), v.ConnectionID, v.ID, time.Now())
	w.check(err)
	return fmt.Sprintf("%s %d/%d waiting %v", now.State, now.Done, now.Total, now.Waiting)
}

func (w *world) verify(name string) *store.Verification {
	w.t.Helper()
	v, err := w.engine.Verify(context.Background(), name, nil, 5)
	w.check(err)
	w.settle()
	return v
}

func TestVerifications(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		w.start()
		for _, name := range []string{"a", "b", "c"} {
			w.connection(name, idle)
		}
		state := func(step string, v *store.Verification, want string) {
			t.Helper()
			if got := w.verification(v); got != want {
				t.Errorf("%s: %s, want %s", step, got, want)
			}
		}
		a := w.verify("a")
		b := w.verify("b")
		c := w.verify("c") // its turn has not come
		if _, err := w.engine.Verify(ctx, "a", nil, 5); !errors.Is(err, ErrVerifying) {
			t.Errorf("a second one: %v", err)
		}
		w.pass(40 * time.Second) // longer than a lease
		state("under way", a, "running 0/1 waiting false")
		state("in the queue", c, "running 0/0 waiting true")
		w.pass(30 * time.Second)
		state("at its end", a, "done 1/1 waiting false")
		state("at its end", b, "done 1/1 waiting false")
		w.pass(20 * time.Second)
		state("in its turn", c, "running 0/1 waiting false")
		canceled, err := w.engine.CancelVerification(ctx, "c", c.ID)
		w.check(err)
		if w.settle(); canceled.State != store.VerificationCanceled || len(w.engine.checks) != 0 {
			t.Errorf("%s, %d are left", canceled.State, len(w.engine.checks))
		}
		w.pass(time.Minute)
		state("canceled", c, "canceled 0/1 waiting false")

		// Another process cancels it.
		c = w.verify("c")
		_, err = w.store.CancelVerification(ctx, "c", c.ID, time.Now())
		w.check(err)
		w.pass(20 * time.Second)
		if len(w.engine.checks) != 0 {
			t.Error("one that another process has canceled goes on")
		}

		// Its connection is deleted.
		w.verify("b")
		w.check(w.engine.Delete(ctx, "b"))
		if w.settle(); len(w.engine.checks) != 0 {
			t.Error("one of a connection that is deleted goes on")
		}

		// The server stops.
		a = w.verify("a")
		began := time.Now()
		w.stop()
		state("the server has stopped", a, "failed 0/1 waiting false")
		if took := time.Since(began); took > 0 {
			t.Errorf("it took %v to stop", took)
		}
		if _, err := w.engine.Verify(ctx, "a", nil, 5); !errors.Is(err, ErrStopping) {
			t.Errorf("after the stop: %v", err)
		}
	})
}

// TestVerificationGivesWay has syncs begin while it asks.
func TestVerificationGivesWay(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		w.become(lasting(5))
		w.start()
		w.connection("a", func(c *store.Connection) { idle(c); c.Paused, c.ScheduleType = false, "manual" })
		v := w.verify("a")
		w.pass(30 * time.Second)
		w.check(w.engine.Sync(ctx, "a", false))
		w.pass(2 * time.Minute)
		if got := w.verification(v); got != "running 0/1 waiting true" {
			t.Errorf("while a sync runs: %s", got)
		}
		w.pass(5 * time.Minute)
		if got := w.verification(v); got != "done 1/1 waiting false" {
			t.Errorf("after the sync: %s", got)
		}
		w.become(fine)
		v = w.verify("a")
		for range tries {
			w.pass(30 * time.Second)
			w.check(w.engine.Sync(ctx, "a", false))
			w.pass(31 * time.Second)
		}
		w.pass(10 * time.Second)
		now, err := w.store.Verification(ctx, "a", v.ID, time.Now())
		w.check(err)
		if now.State != store.VerificationDone || now.Wrong != 1 {
			t.Errorf("among many syncs: %+v", now)
		}
		broken := w.connection("broken", idle, func(c *store.Connection) { c.SetupState = store.Broken })
		if _, err := w.engine.Verify(ctx, broken.ID, nil, 5); !errors.Is(err, ErrNotConnected) {
			t.Error(err)
		}
	})
}

// TestVerificationsWaitApart has verifications that wait for a sync: they keep
// no other from its turn.
func TestVerificationsWaitApart(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.become(lasting(60))
		w.start()
		var waiting []*store.Verification
		for _, name := range []string{"a", "b", "c"} {
			w.connection(name, func(c *store.Connection) {
				c.Config = json.RawMessage(`{"schema":"digesting_` + name + `"}`)
				c.Paused, c.ScheduleType, c.TriggeredAt = false, schedule.Manual, time.Now()
			})
			waiting = append(waiting, w.verify(name))
		}
		w.connection("d", idle)
		d := w.verify("d")
		w.pass(61 * time.Second)
		if got := w.verification(d); got != "done 1/1 waiting false" {
			t.Errorf("beside others that wait: %s", got)
		}
		for _, v := range waiting {
			if got := w.verification(v); got != "running 0/0 waiting true" {
				t.Errorf("while a sync runs: %s", got)
			}
		}
		w.pass(time.Hour + 2*time.Minute)
		for _, v := range waiting {
			if got := w.verification(v); got != "done 1/1 waiting false" {
				t.Errorf("after the sync: %s", got)
			}
		}
	})
}

// tries is how often a table is compared again because of a sync.
const tries = 5
