package sqlsource

import "time"

// AskAgain is how long after an answer a server is asked again where it is, by
// whoever waits for an Ending.
const AskAgain = 20 * time.Millisecond

// An Ending finds out whether a log has been read to a position, or to its end:
// it may end in the middle of a record that nobody completes.
type Ending[P Position[P]] struct {
	Target P

	last  P
	stuck int  // how often the server has said where it is, and that was no news
	idle  bool // it waited for more when it was last asked
}

// Reached reports whether a log that has been read to a position needs no more
// reading, after an event other than Within. idle is that of [Log].
func (e *Ending[P]) Reached(at P, event Event, idle func() (bool, error)) (_ bool, err error) {
	if event == Quiet {
		e.stuck++
	}
	if !e.last.Reaches(at) {
		e.last, e.stuck, e.idle = at, 0, false
	}
	if at.Reaches(e.Target) || e.idle && e.stuck > 4 {
		return true, nil
	}
	if event != Quiet || e.stuck != 2 {
		return false, nil
	}
	e.stuck = 1
	if e.idle, err = idle(); e.idle {
		e.stuck = 2 // and what it had sent before is still to be read
	}
	return false, err
}
