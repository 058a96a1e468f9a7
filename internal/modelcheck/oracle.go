package modelcheck

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/destination/destinationtest"
	"github.com/penstock-data/penstock/schema"
)

var secret = []byte("a key that nobody knows")

// An oracle says what the destination's table must contain. It gets what the
// source sends and what people choose, applies the rules of docs/divergence.md
// for choices, names and masks, and writes what is left into a destination in
// memory, all of it as text.
type oracle struct {
	memory *destinationtest.Memory
	w      destination.Writer // of the sync that runs
	name   schema.Name

	handling    string
	carry       bool
	mode        schema.Mode
	ownKey      bool
	choices     map[string]choice // by the source's name, or the name that a column had
	masks       []mask
	entries     map[string]*entry // the source's columns as they were last seen, by name
	off, paused bool

	rules   map[string]string // what was done to values in the last sync, by the destination's column
	stale   map[string]bool   // columns in which rows may be that were sent by other rules
	resumed bool              // the last full read was, so that it missed what had changed before its cursor

	switches bool // the sync that runs has switched the table's mode
}

type choice struct {
	blocked, set bool // set: somebody or the handling said so
	hashed       bool
}

type mask struct{ column, how string }

// An entry is what is known of a column: what the destination's is called, and
// all names that the source's has had.
type entry struct {
	id, name, called string
	names            []string
	gone             bool
}

func newOracle(name schema.Name) *oracle {
	return &oracle{memory: &destinationtest.Memory{}, name: name, choices: map[string]choice{}, entries: map[string]*entry{},
		rules: map[string]string{}, stale: map[string]bool{}}
}

// see looks at the source's columns: what is new is blocked if the handling
// says so; what was renamed keeps its choices and, if renames are carried, the
// name in the destination.
func (o *oracle) see(columns []schema.Column, first bool) {
	now, before := map[string]*entry{}, map[string]choice{}
	for n, c := range o.choices {
		before[n] = c
	}
	moved := func(e *entry) bool { // the source has it by another name
		return slices.ContainsFunc(columns, func(c schema.Column) bool { return c.ID == e.id && c.Name != e.name })
	}
	for _, c := range columns {
		was := o.byID(c.ID)
		if e := o.entries[c.Name]; was == nil && e != nil && !moved(e) {
			was = e // dropped, and added again
		}
		is := &entry{id: c.ID, name: c.Name, called: c.Name, names: []string{c.Name}}
		now[c.Name] = is
		if was == nil {
			if was := before[c.Name]; o.handling == "BLOCK_ALL" && !first && !was.set {
				o.choices[c.Name] = choice{blocked: true, set: true, hashed: was.hashed}
			}
			continue
		}
		is.names = append(slices.Clone(was.names), c.Name)
		if was.name == c.Name || o.carry {
			is.called = was.called
		}
		if choice, ok := before[was.name]; ok && was.name != c.Name {
			o.choices[c.Name] = choice
		}
	}
	for n, e := range o.entries {
		if now[n] == nil && !moved(e) {
			now[n] = &entry{e.id, e.name, e.called, e.names, true}
		}
	}
	o.entries = now
	for _, c := range columns {
		e := now[c.Name]
		for kept := e.called != e.name; !kept && o.taken(e); {
			e.called += "_2"
		}
	}
}

func (o *oracle) byID(id string) *entry {
	for _, e := range o.entries {
		if e.id == id {
			return e
		}
	}
	return nil
}

// taken reports whether a column that was renamed has kept e's name in the
// destination.
func (o *oracle) taken(e *entry) bool {
	for _, other := range o.entries {
		if other != e && !other.gone && other.called == e.called {
			return true
		}
	}
	return false
}

// treat says what becomes of a source's column.
func (o *oracle) treat(c schema.Column) (called string, blocked, key bool, how string) {
	e, choice := o.entries[c.Name], o.choices[c.Name]
	blocked = choice.blocked && !c.Key
	key = c.Key || o.ownKey && c.ID == keyID && !blocked
	for _, m := range o.masks {
		if slices.Contains(e.names, m.column) {
			how = m.how
			break
		}
	}
	if choice.hashed && how != "redact" || key && how != "" {
		how = "hash"
	}
	return e.called, blocked, key, how
}

func masked(v, how string) string {
	switch {
	case v == "":
		return v
	case how == "hash":
		h := hmac.New(sha256.New, secret)
		h.Write([]byte(v))
		return base64.StdEncoding.EncodeToString(h.Sum(nil))
	case how == "redact":
		return "******"
	case how == "truncated":
		return v[:1]
	}
	return v
}

// wanted reports whether the table is to be synced.
func (o *oracle) wanted(columns []schema.Column) bool {
	return !o.off && slices.ContainsFunc(columns, func(c schema.Column) bool {
		_, blocked, _, _ := o.treat(c)
		return !blocked
	})
}

// begin begins a sync of the table.
func (o *oracle) begin(ctx context.Context, at time.Time, columns []schema.Column) (err error) {
	o.w, err = o.memory.Writer(ctx, destination.Options{Synced: at})
	if err != nil || !o.wanted(columns) || o.paused {
		return err
	}
	for _, c := range columns {
		called, blocked, _, how := o.treat(c)
		rule := fmt.Sprint(blocked, how)
		o.stale[called] = o.stale[called] || o.rules[called] != "" && o.rules[called] != rule
		o.rules[called] = rule
	}
	table := o.table(columns)
	was, err := o.w.Table(ctx, o.name)
	if was != nil {
		o.switches = was.Mode != table.Mode
		for _, c := range was.Columns {
			if table.Index(c.Name) < 0 { // it is no part of the key now
				c.Key = false
				table.Columns = append(table.Columns, c)
			}
		}
	}
	return errors.Join(err, o.w.Migrate(ctx, table))
}

// table returns the destination's table for a batch of the source.
func (o *oracle) table(columns []schema.Column) *schema.Table {
	t := &schema.Table{Name: o.name}
	keyed := false
	for _, c := range columns {
		if c.IsStart() {
			t.Columns = append(t.Columns, c)
		} else if called, blocked, key, _ := o.treat(c); !blocked {
			t.Columns = append(t.Columns, schema.Column{Name: called, Type: schema.Type{Kind: schema.String}, Key: key, ID: c.ID})
			keyed = keyed || key
		}
	}
	if keyed || o.mode != schema.History {
		t.Mode = o.mode
	}
	if !keyed {
		t.Columns = append(t.Columns, schema.Column{Name: schema.RowID, Type: schema.Type{Kind: schema.String}, Key: true, ID: schema.RowID})
	}
	return t
}

// take does to the table what becomes of a batch that the source sends.
func (o *oracle) take(ctx context.Context, b schema.Batch, row values) error {
	out := schema.Batch{Op: b.Op, Before: b.Before, Table: &schema.Table{Name: o.name}}
	if b.Record != nil {
		out.Table = o.table(b.Table.Columns)
		out.Record = record(out.Table, o.told(b.Table.Columns, row))
	}
	return o.w.Write(ctx, out)
}

// told is what the destination is told of a row. A row without a key has one
// that is made of its values.
func (o *oracle) told(columns []schema.Column, row values) values {
	out, id, secrets := values{}, "", false
	for _, c := range columns {
		if c.IsStart() {
			out[c.ID] = row[c.ID]
			continue
		}
		called, blocked, _, how := o.treat(c)
		if blocked {
			continue
		}
		out[c.ID] = masked(row[c.ID], how)
		secrets = secrets || how != ""
		if row[c.ID] != "" {
			id += fmt.Sprint(called, "=", row[c.ID], c.Type.Kind == schema.String, " ")
		}
	}
	out[schema.RowID] = fmt.Sprint(secrets, " ", id)
	return out
}

// end returns the table as it must be in the end; nil: there must be none.
func (o *oracle) end(ctx context.Context) (*schema.Table, error) {
	w, err := o.memory.Writer(ctx, destination.Options{})
	if err != nil {
		return nil, err
	}
	return w.Table(ctx, o.name)
}

// holds compares rows of the destination, as they must be, with the source's,
// but for columns in which they may have been sent by other rules.
func (o *oracle) holds(s *source, columns []schema.Column, rows []string) error {
	if o.resumed {
		return nil
	}
	index := map[string]int{} // of the columns that are compared
	for _, c := range o.table(s.columns).Columns {
		i := slices.IndexFunc(columns, func(o schema.Column) bool { return o.Name == c.Name })
		if i >= 0 && !o.stale[c.Name] {
			index[c.ID] = i
		}
	}
	var want, got []string
	for _, row := range s.rows {
		told, words := o.told(s.columns, row), make([]string, len(columns))
		for id, i := range index {
			words[i] = cmp.Or(told[id], "-")
		}
		want = append(want, strings.Join(words, ","))
	}
	for _, row := range rows {
		all, words := strings.Split(row, ","), make([]string, len(columns))
		for _, i := range index {
			words[i] = all[i]
		}
		got = append(got, strings.Join(words, ","))
	}
	slices.Sort(want)
	slices.Sort(got)
	if s.kind == keyless && !o.ownKey { // equal rows are one, but for those that are masked
		want, got = slices.Compact(want), slices.Compact(got)
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("the source's rows\n     %s\nare  %s", strings.Join(want, " "), strings.Join(got, " "))
	}
	return nil
}
