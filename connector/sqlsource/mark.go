package sqlsource

import (
	"context"
	"encoding/json"
)

// marks see to it that a state's Mark is saved before rows are sent.
type marks[P Position[P]] struct {
	state *P // in the state, as it will be saved next
	needs P  // of what is sent next
	saved P  // of the state that was saved last
	last  json.RawMessage
}

// Mark notes that what is sent next may have been committed before a position.
func (f *Follower[P]) Mark(at P) {
	f.sync.Lock()
	defer f.sync.Unlock()
	f.marks.needs = later(f.marks.needs, at)
}

// SaveMark saves how far the log goes that rows to be sent now are of. Nothing
// else of the state is: what was sent since the last checkpoint may be lost.
func (f *Follower[P]) SaveMark(ctx context.Context) error {
	if f.marked() {
		return nil
	}
	s := f.sync
	s.checkpoints.Lock()
	defer s.checkpoints.Unlock()
	if f.marked() {
		return nil
	}
	if f.reads { // and what comes soon: the log has only what is on disk
		at, _, err := f.log.End(ctx)
		if err != nil {
			return err
		}
		f.Mark(at)
	}
	s.Lock()
	needs, last, origin := f.marks.needs, f.marks.last, s.state.origin()
	s.Unlock()
	raw, err := withMark(last, needs, origin)
	if err != nil {
		return err
	}
	if err := s.out.Note(ctx, raw); err != nil {
		return fromOutput(err)
	}
	s.Lock()
	defer s.Unlock()
	*f.marks.state = later(*f.marks.state, needs)
	f.marks.saved, f.marks.last = needs, raw
	return nil
}

// marked reports whether the state has the mark that is needed.
func (f *Follower[P]) marked() bool {
	f.sync.Lock()
	defer f.sync.Unlock()
	return f.marks.saved.Reaches(f.marks.needs)
}

// saves puts the mark into a state.
func (f *Follower[P]) saves() { *f.marks.state = later(*f.marks.state, f.marks.needs) }

// saved is told which state was saved, with the mark that it has still.
func (f *Follower[P]) saved(raw json.RawMessage) {
	f.sync.Lock()
	defer f.sync.Unlock()
	f.marks.saved, f.marks.last = *f.marks.state, raw
}

func later[P Position[P]](a, b P) P {
	if b.Reaches(a) {
		return b
	}
	return a
}

// withMark returns a state with another mark.
func withMark[P any](raw json.RawMessage, mark P, origin string) (json.RawMessage, error) {
	fields := map[string]json.RawMessage{"version": json.RawMessage("1"), "tables": json.RawMessage("{}")}
	var err error
	if len(raw) > 0 && string(raw) != "null" {
		err = json.Unmarshal(raw, &fields)
	} else {
		fields["origin"], err = json.Marshal(origin)
	}
	if err != nil {
		return nil, err
	}
	if fields["mark"], err = json.Marshal(mark); err != nil {
		return nil, err
	}
	return json.Marshal(fields)
}
