package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/penstock-data/penstock/internal/runner"
	"github.com/penstock-data/penstock/internal/store"
)

// A source that does not let go is asked again at growing distances. After a
// while people are told.
const (
	farewellTold  = time.Minute
	farewellApart = time.Hour // at most
	farewellEnds  = 24 * time.Hour
)

// farewell has the source of a connection that is gone let go of what was set
// up for it.
func (e *InProcess) farewell(c *store.Connection, f *runner.Farewell) {
	say := func() {
		defer f.Close()
		if e.insist(c, f, 0, farewellTold) != nil {
			e.insist(c, f, farewellTold, farewellEnds)
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closing { // nobody waits for it
		go say()
		return
	}
	e.left.Go(say)
}

// insist asks a source to let go until it has, or enough time has passed since
// the connection was deleted, or, when people have been told, the engine ends.
func (e *InProcess) insist(c *store.Connection, f *runner.Farewell, since, until time.Duration) error {
	ctx, ending := context.Background(), e.ending()
	if since == 0 {
		ending = nil
	}
	for wait := max(since, time.Second); ; wait = min(2*wait, farewellApart) {
		what, err := f.Release(ctx)
		if err == nil {
			if what != "" {
				e.Log.Info("the source of a deleted connection keeps back nothing more", "connection", c.ID, "what", what)
			}
			return nil
		}
		if since += wait; since > until {
			e.kept(c, err, until < farewellEnds)
			return err
		}
		select {
		case <-time.After(wait):
		case <-ending:
			e.kept(c, err, false)
			return err
		}
	}
}

// kept tells people that the source of a deleted connection still keeps back
// what was set up for it.
func (e *InProcess) kept(c *store.Connection, err error, again bool) {
	text := fmt.Sprintf("The source of the deleted connection %s still keeps back what was set up for it, and its disk may fill: %v.", c.Schema, err)
	if again {
		text += fmt.Sprintf(" It is asked again for %d hours.", farewellEnds/time.Hour)
	} else {
		text += " It is not asked again."
	}
	e.Log.Error("the source of a deleted connection still keeps back what was set up for it", "connection", c.ID, "error", err, "asked_again", again)
	data, jerr := json.Marshal(map[string]string{"type": store.LogKept, "message": text})
	if jerr == nil {
		jerr = e.Store.Record(context.Background(), store.Event{
			GroupID: c.GroupID, ConnectionID: c.ID, Service: c.Service, Schema: c.Schema, Kind: store.Warned, Level: store.Severe, Data: data})
	}
	if jerr != nil {
		e.Log.Error("record that a source keeps something back", "connection", c.ID, "error", jerr)
	}
}

// ending is done when the engine ends; nil if it does not run.
func (e *InProcess) ending() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.ends
}
