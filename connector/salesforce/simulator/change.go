package simulator

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Values are fields of a row as text, in the formats of a query's answers or
// of Bulk's. "" is null.
type Values map[string]string

// Insert adds a row, and returns its id. Fields that are not given hold what
// rows of that number hold.
func (s *Simulator) Insert(object string, values Values) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.tableOf(object)
	if err != nil {
		return "", err
	}
	v, err := t.parse(values)
	if err != nil {
		return "", err
	}
	return s.insert(t, v, s.clock.Now()).String(), nil
}

// insert adds a row at a time, and returns its id. s.mu is held.
func (s *Simulator) insert(t *table, values map[string]value, now time.Time) value {
	t.last++
	at := second(now.UnixMilli())
	t.set(t.last, &change{values: values, created: at, modified: at, visible: s.visible(now)})
	return value{kind: id, text: t.object.KeyPrefix, num: t.last}
}

// set gives a row values.
func (c *change) set(values map[string]value) {
	all := maps.Clone(c.values)
	if all == nil {
		all = values
	}
	maps.Copy(all, values)
	c.values = all
}

// Update changes fields of a row.
func (s *Simulator) Update(object, id string, values Values) error {
	return s.change(object, id, func(t *table, c *change) error {
		v, err := t.parse(values)
		if err != nil {
			return err
		}
		if c.deleted {
			return fmt.Errorf("%s %s is deleted", object, id)
		}
		c.set(v)
		return nil
	})
}

// Delete moves a row to the recycle bin, or, where rows have no IsDeleted,
// ends it.
func (s *Simulator) Delete(object, id string) error {
	return s.change(object, id, func(t *table, c *change) error {
		if c.deleted {
			return fmt.Errorf("%s %s is deleted", object, id)
		}
		c.deleted, c.gone = t.bin, !t.bin
		return nil
	})
}

// Undelete takes a row out of the recycle bin.
func (s *Simulator) Undelete(object, id string) error {
	return s.change(object, id, func(t *table, c *change) error {
		if !c.deleted {
			return fmt.Errorf("%s %s is not deleted", object, id)
		}
		c.deleted = false
		return nil
	})
}

// Purge ends a row: it is not in the recycle bin either.
func (s *Simulator) Purge(object, id string) error {
	return s.change(object, id, func(t *table, c *change) error {
		c.deleted, c.gone = false, true
		return nil
	})
}

// PurgeLog makes the delete log forget what was deleted until now, as the
// vendor does when it grows too long.
func (s *Simulator) PurgeLog(object string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.tableOf(object)
	if err != nil {
		return err
	}
	t.log, t.purged = nil, second(s.clock.Now().UnixMilli())
	return nil
}

// change makes a row what f makes of it, now.
func (s *Simulator) change(object, id string, f func(*table, *change) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.tableOf(object)
	if err != nil {
		return err
	}
	x, ok := parseID(id)
	was, there := t.latest(x.num)
	if !ok || x.text != t.object.KeyPrefix || !there || was.gone {
		return fmt.Errorf("%s has no row %s", object, id)
	}
	return s.alter(t, x.num, s.clock.Now(), func(c *change) error { return f(t, c) })
}

// alter makes a row that is there what f makes of it, at a time. s.mu is held.
func (s *Simulator) alter(t *table, n int64, now time.Time, f func(*change) error) error {
	was, _ := t.latest(n)
	c := *was
	c.modified, c.visible, c.before = second(now.UnixMilli()), s.visible(now), nil
	if s.opt.VisibleAfter > 0 {
		c.before = t.changes[n]
	}
	if err := f(&c); err != nil {
		return err
	}
	t.logged(n, was, &c, s.opt.LogKeeps)
	t.set(n, &c)
	return nil
}

func (s *Simulator) visible(now time.Time) int64 { return now.Add(s.opt.VisibleAfter).UnixMilli() }

// latest returns a row as it was left, whether others see that yet or not.
func (t *table) latest(n int64) (c *change, ok bool) {
	if c = t.changes[n]; c != nil {
		return c, true
	}
	if n < 1 || n > t.first {
		return nil, false
	}
	r := t.born(n)
	return &change{created: r.created, modified: r.modified, deleted: r.deleted}, true
}

// logged keeps the delete log, from which rows that come back go away unless it
// keeps them.
func (t *table) logged(n int64, was, is *change, keeps bool) {
	dead := func(c *change) bool { return c.deleted || c.gone }
	switch {
	case dead(is) && !dead(was):
		t.log = append(t.log, deletion{n, is.modified})
	case dead(is) && t.changes[n] == nil: // deleted from the first
		t.log = append(t.log, deletion{n, was.modified})
	case !dead(is) && !keeps:
		t.log = slices.DeleteFunc(slices.Clone(t.log), func(d deletion) bool { return d.row == n })
	}
}

// deletions returns what was deleted in a period, as the log has it now.
func (t *table) deletions(now, start, end int64) []deletion {
	var found []deletion
	in := func(at int64) bool { return at >= max(start, t.purged, now-binKeeps.Milliseconds()) && at < end }
	for n := int64(1); n <= t.first; n++ {
		if t.changes[n] == nil {
			if r := t.born(n); r.deleted && in(r.modified) {
				found = append(found, deletion{n, r.modified})
			}
		}
	}
	for _, d := range t.log {
		if c := t.changes[d.row]; in(d.at) && c.visible <= now {
			found = append(found, d)
		}
	}
	return found
}

func (t *table) parse(values Values) (map[string]value, error) {
	out := map[string]value{}
	for name, text := range values {
		f := t.object.field(name)
		if f == nil {
			return nil, fmt.Errorf("%s has no field %s", t.object.Name, name)
		}
		v, ok := parse(f, text)
		if !ok {
			return nil, fmt.Errorf("%s.%s: %q is no %s", t.object.Name, name, text, f.Type)
		}
		out[f.Name] = v
	}
	return out, nil
}

// tableOf returns an object's table, after what time has brought. s.mu is held.
func (s *Simulator) tableOf(object string) (*table, error) {
	s.live()
	if t := s.tables[strings.ToLower(object)]; t != nil {
		return t, nil
	}
	return nil, fmt.Errorf("there is no object %s", object)
}

// IDs returns the ids of an object's rows that a query finds now, deleted
// ones too if all is set.
func (s *Simulator) IDs(object string, all bool) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.tableOf(object)
	if err != nil {
		return nil
	}
	var ids []string
	for r := range t.view(s.clock.Now()).rows(all) {
		ids = append(ids, value{kind: id, text: t.object.KeyPrefix, num: r.n}.String())
	}
	return ids
}

// Names returns the names of all objects.
func (s *Simulator) Names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.names)
}

// Count returns how many rows a query finds now, deleted ones not counted.
func (s *Simulator) Count(object string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.tableOf(object)
	if err != nil {
		return 0
	}
	n := 0
	for range t.view(s.clock.Now()).rows(false) {
		n++
	}
	return n
}

// Value returns a field of a row as a query would, without quotes; false if
// there is no such row or field, or it is null.
func (s *Simulator) Value(object, id, field string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.tableOf(object)
	if err != nil {
		return "", false
	}
	x, _ := parseID(id)
	v := s.look().byName[strings.ToLower(object)]
	r, ok := v.row(x.num)
	f := t.object.field(field)
	if !ok || f == nil {
		return "", false
	}
	val := v.value(&r, f.Name)
	return val.String(), val.kind != null
}
