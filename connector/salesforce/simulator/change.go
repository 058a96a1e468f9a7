package simulator

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/penstock-data/penstock/connector/simulate"
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

// Compute changes what a formula comes to, in every row, without any row's
// SystemModstamp changing.
func (s *Simulator) Compute(object, field, text string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.tableOf(object)
	if err != nil {
		return err
	}
	f := t.object.field(field)
	if f == nil || !f.Calculated {
		return fmt.Errorf("%s has no formula %s", object, field)
	}
	v, ok := parse(f, text)
	if !ok {
		return fmt.Errorf("%s.%s: %q is no %s", object, field, text, f.Type)
	}
	t.gens = maps.Clone(t.gens)
	t.gens[f.Name] = func(*row) value { return v }
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
	t.logged(n, was, &c)
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

// logged keeps the delete log.
func (t *table) logged(n int64, was, is *change) {
	dead := func(c *change) bool { return c.deleted || c.gone }
	switch {
	case dead(is) && !dead(was):
		t.log = append(t.log, deletion{n, is.modified})
	case dead(is) && t.changes[n] == nil: // deleted from the first
		t.log = append(t.log, deletion{n, was.modified})
	case !dead(is):
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
	v := t.view(s.clock.Now())
	for n := int64(1); n <= v.last; n++ {
		if r, ok := v.row(n); ok && (all || !r.deleted) {
			ids = append(ids, value{kind: id, text: t.object.KeyPrefix, num: n}.String())
		}
	}
	return ids
}

// Count returns how many rows a query finds now, deleted ones not counted.
func (s *Simulator) Count(object string) int { return len(s.IDs(object, false)) }

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
	v := t.view(s.clock.Now())
	r, ok := v.row(x.num)
	f := t.object.field(field)
	if !ok || f == nil {
		return "", false
	}
	val := v.value(&r, f.Name)
	return val.String(), val.kind != null
}

// AddObject adds an object with rows.
func (s *Simulator) AddObject(o Object, rows int) error {
	n, err := newObject(o)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tables[strings.ToLower(o.Name)] != nil {
		return fmt.Errorf("there is an object %s", o.Name)
	}
	s.add(n, rows)
	return nil
}

// RemoveObject takes an object away, or the right to see it: for who asks,
// that is the same.
func (s *Simulator) RemoveObject(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.tableOf(name)
	if err != nil {
		return err
	}
	delete(s.tables, strings.ToLower(name))
	s.names = slices.DeleteFunc(s.names, func(n string) bool { return n == t.object.Name })
	return nil
}

// AddField adds a field, which is null in the rows that are there, unless it
// is a formula.
func (s *Simulator) AddField(object string, f Field) error {
	n, err := newField(f)
	if err != nil {
		return err
	}
	return s.remodel(object, func(t *table) error {
		if t.object.field(f.Name) != nil {
			return fmt.Errorf("%s has a field %s", object, f.Name)
		}
		t.object.Fields = append(t.object.Fields, *n)
		g, last := t.generator(n), t.last
		t.gens[n.Name] = func(r *row) value {
			if r.n <= last && !n.Calculated || g == nil {
				return value{}
			}
			return g(r)
		}
		return nil
	})
}

// RemoveField takes a field away, or the right to see it.
func (s *Simulator) RemoveField(object, field string) error {
	return s.remodel(object, func(t *table) error {
		f := t.object.field(field)
		if f == nil {
			return fmt.Errorf("%s has no field %s", object, field)
		}
		delete(t.gens, f.Name)
		t.forget(f.Name)
		t.object.Fields = slices.DeleteFunc(t.object.Fields, func(x Field) bool { return x.Name == f.Name })
		return nil
	})
}

// RetypeField gives a field another type, and all rows other values in it.
func (s *Simulator) RetypeField(object string, f Field) error {
	n, err := newField(f)
	if err != nil {
		return err
	}
	return s.remodel(object, func(t *table) error {
		was := t.object.field(f.Name)
		if was == nil {
			return fmt.Errorf("%s has no field %s", object, f.Name)
		}
		t.forget(was.Name)
		*was = *n
		t.gens[n.Name] = t.generator(n)
		return nil
	})
}

// remodel changes a table's fields; those who read a view of it go on with
// the old ones.
func (s *Simulator) remodel(object string, f func(*table) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.tableOf(object)
	if err != nil {
		return err
	}
	next := *t
	o := *t.object
	o.Fields = slices.Clone(o.Fields)
	next.object, next.gens, next.changed = &o, maps.Clone(t.gens), s.clock.Now()
	if err := f(&next); err != nil {
		return err
	}
	s.tables[strings.ToLower(object)] = &next
	return nil
}

// forget drops what rows were given in a field.
func (t *table) forget(field string) {
	changes := make(map[int64]*change, len(t.changes))
	for n, c := range t.changes {
		d := *c
		d.values = maps.Clone(c.values)
		delete(d.values, field)
		changes[n] = &d
	}
	t.changes, t.shared = changes, false
}

// control is the path for people.
func (s *Simulator) control() *simulate.Control {
	row := func(f func(object, id string) error) func(*http.Request) (map[string]any, error) {
		return func(r *http.Request) (map[string]any, error) { return nil, f(r.FormValue("object"), r.FormValue("id")) }
	}
	values := func(r *http.Request) Values {
		v := Values{}
		for name, x := range r.URL.Query() {
			if name != "object" && name != "id" {
				v[name] = x[0]
			}
		}
		return v
	}
	return &simulate.Control{
		Clock: &s.clock, Faults: &s.faults, Status: s.status,
		More: map[string]func(*http.Request) (map[string]any, error){
			"insert": func(r *http.Request) (map[string]any, error) {
				id, err := s.Insert(r.FormValue("object"), values(r))
				return map[string]any{"id": id}, err
			},
			"update": func(r *http.Request) (map[string]any, error) {
				return nil, s.Update(r.FormValue("object"), r.FormValue("id"), values(r))
			},
			"delete": row(s.Delete), "undelete": row(s.Undelete), "purge": row(s.Purge),
			"revoke": func(*http.Request) (map[string]any, error) { s.Revoke(); return nil, nil },
			"usage": func(r *http.Request) (map[string]any, error) {
				var n int
				err := json.Unmarshal([]byte(r.FormValue("requests")), &n)
				if err == nil {
					s.SetUsage(n)
				}
				return nil, err
			},
		},
	}
}

func (s *Simulator) status() map[string]any {
	rows := map[string]int{}
	s.mu.Lock()
	names := slices.Clone(s.names)
	s.mu.Unlock()
	for _, n := range names {
		rows[n] = s.Count(n)
	}
	return map[string]any{"requests": s.counts.All(), "usage": s.Usage(), "rows": rows}
}
