package simulator

import (
	"strings"
	"time"

	"github.com/penstock-data/penstock/connector/simulate"
)

// chLife is the subject of chance that a table's cannot be.
const chLife = -1

// live lets happen what the time that has gone by since the last request
// brings, if the org lives: one change for every Options.Every, each with its
// own time. s.mu is held.
func (s *Simulator) live() {
	if s.opt.Every == 0 {
		return
	}
	for now := s.clock.Now(); !s.lived.Add(s.opt.Every).After(now); {
		s.lived = s.lived.Add(s.opt.Every)
		s.happen(s.lived)
	}
}

// happen changes one row: of ten changes six are updates, two make a row, and
// two delete one. A deleted row that is met is undeleted or purged.
func (s *Simulator) happen(now time.Time) {
	s.events++
	draw := func(what int64) uint64 { return simulate.Chance(uint64(s.opt.Seed), chLife, s.events, what) }
	var alive []*table
	for _, name := range s.names {
		if t := s.tables[strings.ToLower(name)]; t.last > 0 && t.object.flag("createable") {
			alive = append(alive, t)
		}
	}
	if len(alive) == 0 {
		return
	}
	t := alive[draw(0)%uint64(len(alive))]
	n := int64(draw(1)%uint64(t.last)) + 1
	was, ok := t.latest(n)
	if !ok || was.gone || now.UnixMilli()-was.modified > binKeeps.Milliseconds() && was.deleted {
		return
	}
	what := draw(2) % 10
	switch {
	case was.deleted && what < 7:
		s.alter(t, n, now, func(c *change) error { c.deleted = false; return nil })
	case was.deleted:
		s.alter(t, n, now, func(c *change) error { c.deleted, c.gone = false, true; return nil })
	case what < 6:
		s.alter(t, n, now, func(c *change) error { c.set(t.redrawn(n, draw(3))); return nil })
	case what < 8:
		s.insert(t, nil, now)
	case yes(t.object.Deletable):
		s.alter(t, n, now, func(c *change) error { c.deleted, c.gone = t.bin, !t.bin; return nil })
	}
}

// redrawn returns new values for a third of a row's fields: those of a row
// that does not exist.
func (t *table) redrawn(n int64, x uint64) map[string]value {
	other := row{n: n + int64(x>>8%1_000_000) + t.last}
	values := map[string]value{}
	for i := range t.object.Fields {
		f := &t.object.Fields[i]
		if g := t.gens[f.Name]; g != nil && f.updateable && f.Type != "reference" && x>>(i%60)%3 == 0 {
			values[f.Name] = g(&other)
		}
	}
	return values
}
