// Package connectortest is the suite that every connector passes: a sync that
// is stopped anywhere and resumed leaves the same rows as one that was not.
//
// The destination is a [Model], which keeps to what schema.Op says of each
// operation and forgets, when it breaks, all or nothing of what came after the
// last checkpoint. A real destination may forget any part of that.
package connectortest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/connector"
)

// Run syncs the source that open returns into a Model, then again and again
// from the same beginning with the destination breaking at each Write and at
// each Checkpoint, and resumes each of these from the last saved state. All
// must leave the rows of the undisturbed sync, deleted ones included, and so
// must a sync that is broken after every checkpoint, and one more sync at the
// end.
//
// Each change alters the source's data; after it the same is done for the
// increment, from where the syncs before it ended. While syncs run the data
// must stay as they are.
//
// Every sync opens the source anew and closes it. A sync takes as long as the
// source needs, and there are two or three of them per Write and Checkpoint:
// keep the data small, but have several checkpoints.
//
// Run returns the Model as the last undisturbed sync left it.
func Run(t *testing.T, open func() connector.Source, changes ...func()) *Model {
	t.Helper()
	base := &Model{}
	for step := range len(changes) + 1 {
		name := "history"
		if step > 0 {
			name = fmt.Sprintf("increment%d", step)
			changes[step-1]()
		}
		next, err := verify(base, open)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		base = next
	}
	return base
}

// verify syncs once from base, undisturbed, and returns where that led to;
// then from base with each of the sync's events broken, and compares.
func verify(base *Model, open func() connector.Source) (*Model, error) {
	whole := base.clone()
	if err := once(whole, open, nil); err != nil {
		return nil, fmt.Errorf("undisturbed: %w", err)
	}
	events, want := whole.events, whole.Dump()
	resume := func(m *Model, how string) error {
		if err := once(m, open, nil); err != nil {
			return fmt.Errorf("%s, then resumed: %w", how, err)
		}
		if diff := cmp.Diff(want, m.Dump()); diff != "" {
			return fmt.Errorf("%s, then resumed: rows differ from those of an undisturbed sync (-want +got):\n%s", how, diff)
		}
		return nil
	}
	for i, e := range events {
		for _, b := range e.outcomes() {
			m := base.clone()
			how := fmt.Sprintf("broken at event %d of %d, %s (%s)", i+1, len(events), e, b)
			if err := once(m, open, &fault{at: i, how: b}); err != nil {
				return nil, fmt.Errorf("%s: %w", how, err)
			}
			if err := resume(m, how); err != nil {
				return nil, err
			}
		}
	}

	m := base.clone()
	for n := 0; m.Dump() != want; n++ {
		if n > 4*len(events) {
			return nil, fmt.Errorf("broken after every checkpoint: gets no further; the state is %s", m.State)
		}
		if err := once(m, open, &fault{at: -1, how: saved}); err != nil {
			return nil, fmt.Errorf("broken after every checkpoint: %w", err)
		}
	}
	if err := resume(m, "broken after every checkpoint"); err != nil {
		return nil, err
	}
	return whole, resume(whole.clone(), "complete")
}

// once runs one sync from where m is. It must end well if f is nil or is not
// met, and else with the error of the output.
func once(m *Model, open func() connector.Source, f *fault) error {
	src := open()
	m.fault = f
	err := m.Sync(context.Background(), src)
	m.fault = nil
	if cerr := src.Close(); cerr != nil {
		return fmt.Errorf("close: %w", cerr)
	}
	if f != nil && f.hit {
		if !errors.Is(err, errBroken) {
			return fmt.Errorf("the output failed with %q, the sync ended with: %v", errBroken, err)
		}
		return nil
	}
	for name, ferr := range m.Failed {
		err = errors.Join(err, fmt.Errorf("table %s failed: %w", name, ferr))
	}
	return err
}
