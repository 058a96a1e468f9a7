package connector

import (
	"slices"
	"time"
)

// A Pass is one way through the parts of a source that are read one after
// another, as a part of the source's state: a sync that goes on after one that
// was broken off leaves out the parts that are done. Its zero value is one that
// has not begun.
type Pass struct {
	Done  []string  `json:"done,omitempty"` // names of parts; nil: no sync was broken off
	Begun time.Time `json:"begun,omitzero"` // when the first of its syncs began
}

// goOn is how much later a sync may be and still go on with another.
const goOn = 6 * time.Hour

// Begin is the start of a sync, which goes on with the Pass or begins a new one.
func (p *Pass) Begin(start time.Time) {
	if p.Done == nil || start.Sub(p.Begun) > goOn {
		p.Done, p.Begun = nil, start
	}
}

// Redo takes a part out of those that are done.
func (p *Pass) Redo(part string) {
	p.Done = slices.DeleteFunc(p.Done, func(done string) bool { return done == part })
}
