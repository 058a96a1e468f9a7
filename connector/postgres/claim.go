package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/penstock-data/penstock/connector/sqlsource"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// claimPublication sees to it that the publication has what is wanted.
func (f *follower) claimPublication(ctx context.Context) error {
	r := f.run
	pub, err := readPublication(ctx, f.conn, f.version, r.source.Publication)
	if err != nil {
		return err
	}
	if pub == nil || pub.mine && !pub.all {
		wanted := map[schema.Name]bool{}
		for _, t := range r.req.Tables {
			wanted[t.Name] = true
		}
		cat, err := readCatalog(ctx, f.conn, f.version, func(n schema.Name) bool { return wanted[n] })
		if err != nil {
			return err
		}
		if err := cat.readLogged(ctx, f.conn, f.version); err != nil {
			return err
		}
		if err := r.source.publish(ctx, f.conn, pub, publishables(cat)); err != nil {
			return err
		}
		if pub, err = readPublication(ctx, f.conn, f.version, r.source.Publication); err != nil {
			return err
		}
	}
	f.before = pub
	return nil
}

// unpublished reports whether a publication was not there when changes were
// made that are to be read: the server looks for it as of then.
func unpublished(err error) bool { return hasCode(err, "42704") }

// Renew implements sqlsource.Log: it replaces a slot with which the log cannot
// be read.
func (f *follower) Renew(ctx context.Context, err error) error {
	if !unpublished(err) {
		return err
	}
	r := f.run
	f.endStream()
	f.DropAll()
	if err := f.claimPublication(ctx); err != nil {
		return err
	}
	if err := f.claimSlot(ctx, "cannot be read: publication "+r.source.Publication+" was made after changes that it has"); err != nil {
		return err
	}
	f.From(&r.state.Log.Place)
	f.early, f.horizon = nil, 0
	return nil
}

// claimSlot finds or makes the slot, and takes tables back from the log if it
// has a gap. If it is known to have one, the slot is made anew.
func (f *follower) claimSlot(ctx context.Context, gap string) error {
	r, name, log := f.run, f.run.source.ReplicationSlot, f.run.state.Log
	slot, err := r.source.idleSlot(ctx, f.conn, f.version, name)
	if err != nil {
		return err
	}
	if slot != nil && !slot.ours() {
		return r.source.slotUnusable()
	}
	if slot != nil && slot.confirmed == 0 { // by a sync that broke off, or by somebody else
		return fmt.Errorf("replication slot %s of %s is still being made: it waits for transactions that are running", name, r.source.address())
	}
	anew := gap != "" || slot != nil && slot.lost
	var clock int64
	switch {
	case log == nil:
	case log.Slot != name:
		r.abandon(log)
	case gap == "":
		if gap, err = f.gap(slot, log); gap == "" || err != nil {
			f.before = nil
			return err
		}
	}
	if log != nil {
		clock = log.Clock
	}
	if gap != "" {
		if err := r.mayHeal(fmt.Sprintf("Replication slot %s %s", name, gap)); err != nil {
			return err
		}
	}
	if err := f.spill.remove(); err != nil {
		return err
	}
	if r.state.TakeAllBack() && gap != "" {
		r.out.Warn(setup.Warning{Code: "log_gap", Message: fmt.Sprintf(
			"Replication slot %s %s. What changed is found by queries once, of rows that changed several times the last state.", name, gap)})
	}
	if slot != nil && anew {
		if err := f.dropSlot(ctx, name); err != nil {
			return err
		}
		slot = nil
	}
	at, before, err := f.beginning(ctx, name, slot)
	if err != nil {
		return err
	}
	r.state.Log = &logState{
		Slot: name, Made: slot == nil, Before: &before,
		Place: sqlsource.Place[position]{Position: at, Clock: clock},
	}
	r.Touch()
	end, err := insertPosition(ctx, f.conn)
	if err != nil {
		return err
	}
	f.Mark(end)
	if slot != nil {
		return nil
	}
	return r.Checkpoint(ctx) // whatever happens, the slot that a sync made goes with the connection
}

// gap says why slot and spill do not go on where the state ends, or "".
func (f *follower) gap(slot *slotState, log *logState) (gap string, err error) {
	if f.spill, err = openSpill(f.run.source.env.Folder, spillOf{log.Slot, f.run.state.Origin}); err != nil {
		return "", err
	}
	if gap = slot.gapAfter(log.Position); slot == nil || slot.lost {
		return gap, nil
	}
	if gap == "" { // the server has all of it
		return "", f.spill.remove()
	}
	if had := f.spill.bytes(); had > 0 {
		f.spill.check()
		if slot.gapAfter(f.spill.reach(log.Position)) == "" {
			return "", nil
		}
		return "was read further than the files of changes in " + f.spill.dir + " go, or they are damaged", nil
	}
	return gap + ", or its changes were moved to files that are gone, or on another server of Penstock", nil
}

// beginning returns where a slot begins, and what had been seen to end there.
// slot is nil if it is to be made.
func (f *follower) beginning(ctx context.Context, name string, slot *slotState) (position, visibility, error) {
	if slot == nil {
		return f.run.source.makeSlot(ctx, name, false)
	}
	// What was committed before the slot's position, but not yet seen by
	// others, has been seen when another slot is complete.
	_, before, err := f.run.source.makeSlot(ctx, name[:min(len(name), 58)]+"_look", true)
	return slot.confirmed, before, err
}

func (f *follower) dropSlot(ctx context.Context, name string) error {
	for deadline := time.Now().Add(waitForSlot); ; {
		_, err := f.conn.Exec(ctx, "select pg_drop_replication_slot($1)", name)
		if err == nil || !busy(err) || time.Now().After(deadline) {
			return f.run.source.slotError(ctx, name, err)
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// abandon says that a slot is not read any more.
func (r *run) abandon(log *logState) {
	r.out.Warn(setup.Warning{Code: "slot_unused", Message: fmt.Sprintf(
		"Replication slot %s is not read any more, and makes the server keep its log; run: %s", log.Slot, dropStatement(log.Slot))})
}
