package pipe

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// An Outlook is what a sync would do.
type Outlook struct {
	State    json.RawMessage // that it would begin with
	Tables   []TableOutlook  // those that are wanted, in the source's order
	Paused   []schema.Name   // wanted, but not to be read now
	Unwanted []schema.Name
	Warnings []setup.Warning
}

// A TableOutlook is what a sync would do with one table.
type TableOutlook struct {
	Source      schema.Table // what the source would be asked for, with the key that counts
	Destination schema.Name
	Columns     map[string]string // the destination's names by the source's
	Masked      map[string]bool   // the source's columns whose values would be replaced
	Filter      *schema.Filter    // what the source's rows must meet; nil: nothing
	Have        *schema.Table     // as it stands in the destination; nil: there is none
	Want        *schema.Table     // as the sync would have it; nil if Err is not
	Drop        []string          // columns that the destination's table would lose
	Err         error             // why it would not be synced

	// Set by [Outlook.Foretell].
	Load string         // LoadAll, LoadChanges or LoadNone
	Anew connector.Anew // why all of it would be read; "": it would not
}

// Look does all of [Run] that comes before rows, up to the definition of
// tables, which it only notes: neither the source nor the destination, nor the
// ledger, is changed.
func Look(ctx context.Context, p Plan) (Outlook, error) {
	defined := &notingWriter{Writer: p.Writer, found: map[schema.Name]*schema.Table{},
		wanted: map[schema.Name]*schema.Table{}, unwanted: map[schema.Name][]string{}}
	p.Writer, p.Ledger = defined, readOnly{p.Ledger}
	o := &output{plan: p, tables: map[schema.Name]*table{}}
	req, offered, err := o.prepare(ctx)
	if err != nil {
		return Outlook{}, err
	}
	out := Outlook{State: req.State, Warnings: o.outcome().Warnings}
	wanted := map[schema.Name]bool{}
	for _, t := range o.order {
		wanted[t.source] = true
		look := TableOutlook{Source: t.keyed(), Destination: t.destination, Columns: t.columns, Masked: t.masked(), Filter: t.filter,
			Err: t.done.Err, Have: defined.found[t.destination]}
		if look.Err == nil {
			look.Want, look.Drop = defined.wanted[t.destination], defined.unwanted[t.destination]
		}
		out.Tables = append(out.Tables, look)
	}
	for _, n := range o.paused {
		if !wanted[n] {
			wanted[n] = true
			out.Paused = append(out.Paused, n)
		}
	}
	for _, t := range offered {
		if !wanted[t.Name] {
			out.Unwanted = append(out.Unwanted, t.Name)
		}
	}
	return out, ctx.Err()
}

// A readOnly ledger forgets what it is told.
type readOnly struct{ Ledger }

func (readOnly) SetState(context.Context, json.RawMessage) error { return nil }
func (readOnly) Note(context.Context, json.RawMessage) error     { return nil }

// keyed returns what is asked for of the source's table, with the key that
// counts: the source's or the user's own.
func (t *table) keyed() schema.Table {
	out := schema.Table{Name: t.source}
	for _, c := range t.asked.Columns {
		how := t.treat.Column(c.Name)
		if how.Blocked || c.IsStart() { // it is told to the filter only, or is a system column's
			continue
		}
		c.Key = c.Key || how.Key
		out.Columns = append(out.Columns, c)
	}
	return out
}

func (t *table) masked() map[string]bool {
	out := map[string]bool{}
	for _, c := range t.asked.Columns {
		if t.treat.Column(c.Name).Mask.How != "" {
			out[c.Name] = true
		}
	}
	return out
}

// A notingWriter defines nothing, and remembers which tables there are and
// which it should define, and what it should drop of them. One goroutine uses
// it.
type notingWriter struct {
	destination.Writer
	found, wanted map[schema.Name]*schema.Table
	unwanted      map[schema.Name][]string
}

func (w *notingWriter) Drop(_ context.Context, name schema.Name, column string) error {
	w.unwanted[name] = append(w.unwanted[name], column)
	return nil
}

func (w *notingWriter) Table(ctx context.Context, name schema.Name) (*schema.Table, error) {
	t, err := w.Writer.Table(ctx, name)
	w.found[name] = t
	return t, err
}

func (w *notingWriter) Migrate(_ context.Context, t *schema.Table) error {
	w.wanted[t.Name] = t
	return nil
}

// How a sync would read a table.
const (
	LoadAll     = "historical"
	LoadChanges = "incremental"
	LoadNone    = "none" // not at all
)

// A ColumnChange is what becomes of a column of the destination's table.
type ColumnChange struct {
	Name string `json:"name"`
	Was  string `json:"was,omitempty"`  // the type that is there; "": the column is added
	Type string `json:"type,omitempty"` // "": the column is dropped
}

// Create reports whether the sync would make the table.
func (t *TableOutlook) Create() bool { return t.Have == nil && t.Want != nil }

// Changes returns what would become of the table's columns: those of a table
// that is made, else those that are dropped, added or widened.
func (t *TableOutlook) Changes() (out []ColumnChange) {
	if t.Want == nil {
		return nil
	}
	for _, name := range t.Drop {
		if t.Have == nil {
			break
		}
		if i := t.Have.Index(name); i >= 0 {
			out = append(out, ColumnChange{Name: name, Was: t.Have.Columns[i].Type.String()})
		}
	}
	for _, c := range t.Want.Columns {
		i := -1
		if t.Have != nil {
			i = t.Have.Index(c.Name)
		}
		switch {
		case i < 0:
			out = append(out, ColumnChange{Name: c.Name, Type: c.Type.String()})
		case t.Have.Columns[i].Type != c.Type:
			out = append(out, ColumnChange{c.Name, t.Have.Columns[i].Type.String(), c.Type.String()})
		}
	}
	return out
}

// Rekeyed reports whether the table would get another key.
func (t *TableOutlook) Rekeyed() bool {
	if t.Want == nil || t.Have == nil || len(t.Have.Key()) == 0 {
		return false
	}
	for _, c := range t.Want.Columns {
		if i := t.Have.Index(c.Name); i < 0 && c.Key || i >= 0 && t.Have.Columns[i].Key != c.Key {
			return true
		}
	}
	return false
}

// Foretell finds out how the source would read each table, and sets Load and
// Anew.
func (o *Outlook) Foretell(ctx context.Context, src connector.Source) error {
	anew, err := o.anew(ctx, src)
	for i := range o.Tables {
		t := &o.Tables[i]
		t.Load, t.Anew = LoadChanges, anew[t.Source.Name]
		switch {
		case t.Err != nil:
			t.Load, t.Anew = LoadNone, ""
		case o.State == nil:
			t.Load, t.Anew = LoadAll, connector.AnewUnknown
		case t.Anew != "":
			t.Load = LoadAll
		}
	}
	return err
}

// anew says why tables would be read from their beginning.
func (o *Outlook) anew(ctx context.Context, src connector.Source) (map[schema.Name]connector.Anew, error) {
	if o.State == nil {
		return nil, nil
	}
	var tables []schema.Table
	for i := range o.Tables {
		if o.Tables[i].Err == nil {
			tables = append(tables, o.Tables[i].Source)
		}
	}
	if f, ok := src.(connector.Foreteller); ok {
		return f.Foretell(ctx, o.State, tables)
	}
	f, ok := src.(connector.Forgetter)
	if !ok {
		return nil, nil
	}
	out := map[schema.Name]connector.Anew{}
	for _, t := range tables {
		known, err := connector.Knows(f, o.State, t.Name)
		if err != nil {
			return nil, err
		}
		if !known {
			out[t.Name] = connector.AnewUnknown
		}
	}
	return out, nil
}

// Expect counts the rows that would be sent of the table if the source can
// count them where they are; nil: it cannot. It needs Load.
func (t *TableOutlook) Expect(ctx context.Context, src connector.Source, state json.RawMessage) (*int64, error) {
	d, ok := src.(connector.Digester)
	if !ok || t.Load == LoadNone || len(t.Source.Columns) == 0 {
		return nil, nil
	}
	// One column is enough to count, and as a key it counts equal rows too.
	c := t.Source.Columns[0]
	c.Key = true
	q := schema.DigestQuery{Table: schema.Table{Name: t.Source.Name, Columns: []schema.Column{c}}, As: []schema.Type{c.Type}, Parts: 1, Filter: t.Filter}
	rows := new(int64)
	err := d.Digest(ctx, state, q, func(d schema.Digest) error {
		*rows = d.Rows
		if t.Load == LoadChanges {
			*rows = d.Changed
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("count the rows of %s: %w", t.Source.Name, err)
	}
	return rows, nil
}
