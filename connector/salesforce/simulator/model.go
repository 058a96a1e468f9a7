package simulator

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

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
	t.gens, t.comp = maps.Clone(t.gens), maps.Clone(t.comp)
	delete(t.comp, f.Name)
	t.gens[f.Name] = func(*row) value { return v }
	return nil
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
		t.comp = maps.Clone(t.comp)
		delete(t.comp, f.Name)
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
