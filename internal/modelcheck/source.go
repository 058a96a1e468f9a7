package modelcheck

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/destination/destinationtest"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

var errBroken = errors.New("broken on purpose")

// A source has one table and, unless it is read anew each time, a log of what
// happened to it. Values are numerals, "" for NULL, by the columns' IDs.
type source struct {
	name    schema.Name
	kind    string
	columns []schema.Column
	newest  int // greatest ID of a column so far
	rows    map[string]values
	log     []change
	clock   time.Time // of the last change

	// Of the sync to come.
	each     int    // batches between checkpoints
	breaks   string // lost, kept, or "" for a sync that goes well
	after    int    // how many batches
	switches bool   // the table's mode
	ledger   *ledger
	begins   func()                     // is told that a full read begins,
	sent     func(schema.Batch, values) // of each batch, before it is sent,
	saved    func()                     // and when what was sent is durable
	wait     func()
	tears    func() // the destination may keep any part of what was sent since
}

// How syncs break.
const (
	lost = "lost"
	kept = "kept"
)

// values are some or all of a row's, by column ID.
type values map[string]string

// A change is an upsert of a whole row, an update of some columns, a delete or
// a truncate.
type change struct {
	op  schema.Op
	row values
	at  time.Time
}

const (
	keyID   = "0" // of the column k
	startID = "start"
)

func newSource(name schema.Name, kind string) *source {
	s := &source{name: name, kind: kind, rows: map[string]values{}, clock: destinationtest.SyncTime(0)}
	s.columns = []schema.Column{{Name: "k", Type: schema.Type{Kind: schema.Long}, Key: kind != keyless, ID: keyID}}
	s.do("add", []string{"a", "text"})
	s.do("add", []string{"n", "short"})
	return s
}

var types = map[string]schema.Type{"short": {Kind: schema.Short}, "long": {Kind: schema.Long}, "text": {Kind: schema.String}}

// do does a line of a script that is about the source's table.
func (s *source) do(verb string, args []string) {
	switch verb {
	case "put", "set":
		s.change(verb, args[0], args[1:])
	case "delete":
		if row := s.rows[args[0]]; row != nil {
			s.note(schema.Delete, values{keyID: row[keyID]})
			delete(s.rows, args[0])
		}
	case "truncate":
		s.note(schema.Truncate, nil)
		clear(s.rows)
	case "add":
		if s.column(args[0]) == nil {
			s.newest++
			s.columns = append(s.columns, schema.Column{Name: args[0], Type: types[args[1]], ID: strconv.Itoa(s.newest)})
		}
	case "drop":
		s.columns = slices.DeleteFunc(s.columns, func(c schema.Column) bool { return c.Name == args[0] })
	case "rename":
		if c := s.column(args[0]); c != nil && s.column(args[1]) == nil {
			c.Name = args[1]
		}
	case "type":
		if c := s.column(args[0]); c != nil {
			c.Type = types[args[1]]
		}
	}
}

func (s *source) change(verb, key string, set []string) {
	row := maps.Clone(s.rows[key])
	if row == nil {
		if verb == "set" {
			return
		}
		row = values{keyID: key}
	}
	changed := values{keyID: key}
	for _, w := range set {
		name, v, _ := strings.Cut(w, "=")
		if c := s.column(name); c != nil {
			row[c.ID] = strings.TrimPrefix(v, "-")
			changed[c.ID] = row[c.ID]
		}
	}
	s.rows[key] = row
	if verb == "set" && s.kind == logged {
		s.note(schema.Update, changed)
	} else {
		s.note(schema.Upsert, row)
	}
}

// note adds a change to the log.
func (s *source) note(op schema.Op, row values) {
	s.clock = s.clock.Add(time.Minute)
	s.log = append(s.log, change{op, row, s.clock})
}

func (s *source) column(name string) *schema.Column {
	i := slices.IndexFunc(s.columns, func(c schema.Column) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return &s.columns[i]
}

func (s *source) table() schema.Table {
	t := schema.Table{Name: s.name, Columns: slices.Clone(s.columns)}
	if s.kind == timed {
		t.Columns = append(t.Columns, schema.Column{Name: schema.Start, Type: schema.Type{Kind: schema.Instant}, ID: startID})
	}
	return t
}

// anew reports whether all of the table is read in each sync.
func (s *source) anew() bool { return s.kind == reread || s.kind == keyless }

// A position is how far the table was read; nil: it never was.
type position struct {
	Log     int             // the first change that was not sent
	Load    *load           // the full read that goes on, or nil
	Columns []schema.Column // those that rows were sent with
	Newest  int             // column of the table then
}

// A load has read the rows up to the key Cursor.
type load struct {
	Began  time.Time
	Log    int // where the log was then
	Cursor string
}

func (s *source) Test(context.Context) []setup.TestResult { return nil }
func (s *source) Close() error                            { return nil }

func (s *source) Tables(context.Context, func(setup.Warning)) ([]schema.Table, error) {
	return []schema.Table{s.table()}, nil
}

func (s *source) Forget(json.RawMessage, []schema.Name) (json.RawMessage, error) {
	return json.RawMessage("null"), nil
}

// An event is a batch of one row, or of none, and the position after it.
type event struct {
	op     schema.Op
	row    values
	load   bool      // part of a full read
	since  time.Time // when a change of the log was made
	before time.Time // of the truncate that ends one
	at     position
}

func (s *source) Sync(ctx context.Context, req connector.Request, out connector.Output) error {
	if s.clock.Before(req.Start) {
		s.clock = req.Start
	}
	var was *position
	if req.State != nil {
		if err := json.Unmarshal(req.State, &was); err != nil {
			return err
		}
	}
	if len(req.Tables) == 0 {
		if len(req.Paused) == 0 {
			was = nil
		}
		if err := out.Checkpoint(ctx, was); err != nil || s.breaks != lost {
			return err
		}
		return errBroken
	}
	return s.send(ctx, out, req, was, s.events(was, req))
}

// send sends the events of a sync, as far as it goes.
func (s *source) send(ctx context.Context, out connector.Output, req connector.Request, was *position, events []event) error {
	last := 0 // checkpoint before a break
	if s.breaks != "" {
		last = min(s.after, len(events)) / s.each * s.each
	}
	if s.breaks == lost && last == 0 {
		if err := s.hold(ctx, out, was); err != nil {
			return err
		}
	}
	for i, e := range events {
		if s.breaks != "" && i == s.after {
			break
		}
		if err := s.write(ctx, out, req, e); err != nil {
			return err
		}
		if n := i + 1; n%s.each == 0 && (s.breaks != lost || n == last) {
			if err := s.checkpoint(ctx, out, &e.at); err != nil {
				return err
			}
		}
	}
	if s.breaks == lost {
		tears := func(e event) bool { return e.op == schema.Truncate || e.op == schema.Sweep }
		if slices.ContainsFunc(events[last:max(last, min(s.after, len(events)))], tears) {
			s.tears() // destinations merge for these what came before
		}
		return errBroken
	}
	s.ledger.broken = s.breaks == kept
	return s.checkpoint(ctx, out, &events[len(events)-1].at)
}

// hold waits until the others have saved what a break is not to take with it.
// A switch of the mode is saved too: whether a destination does that by itself
// is its own affair.
func (s *source) hold(ctx context.Context, out connector.Output, was *position) error {
	if s.switches {
		return s.checkpoint(ctx, out, was)
	}
	s.wait()
	return nil
}

func (s *source) checkpoint(ctx context.Context, out connector.Output, at *position) error {
	err := out.Checkpoint(ctx, at)
	if err == nil || errors.Is(err, errBroken) {
		s.saved()
	}
	return err
}

// events returns what a sync has to send. The first and the last are empty.
func (s *source) events(was *position, req connector.Request) (out []event) {
	asked := slices.DeleteFunc(slices.Clone(req.Tables[0].Columns), schema.Column.IsStart)
	at := position{}
	if was != nil {
		at = *was
	}
	if was == nil || at.missing(asked) || s.anew() && at.Load == nil {
		at = position{Load: &load{Began: req.Start, Log: len(s.log)}}
		s.begins()
	}
	at.Columns, at.Newest = asked, s.newest
	add := func(e event) {
		e.at = at
		out = append(out, e)
	}
	add(event{})
	keys := slices.Sorted(maps.Keys(s.rows))
	if l := at.Load; l != nil {
		for _, k := range keys {
			if k > l.Cursor {
				at.Load = &load{l.Began, l.Log, k}
				add(event{row: s.rows[k], load: true})
			}
		}
		at.Log, at.Load = l.Log, nil
		add(event{op: schema.Truncate, load: true, before: l.Began})
	}
	for !s.anew() && at.Log < len(s.log) {
		c := s.log[at.Log]
		at.Log++
		if s.kind == logged || s.kind == timed || c.op == schema.Upsert {
			add(event{op: c.op, row: c.row, since: c.at})
		}
	}
	if s.kind == swept {
		for _, k := range keys {
			add(event{op: schema.Present, row: values{keyID: k}})
		}
		add(event{op: schema.Sweep})
	}
	add(event{})
	return out
}

// missing reports whether rows that were sent lack values of what is asked
// for now. Columns that were added since are null in them.
func (p *position) missing(asked []schema.Column) bool {
	for _, c := range asked {
		i := slices.IndexFunc(p.Columns, func(was schema.Column) bool { return was.Name == c.Name })
		id, _ := strconv.Atoi(c.ID)
		if i >= 0 && p.Columns[i] != c || i < 0 && (c.Key || id <= p.Newest) {
			return true
		}
	}
	return false
}

// write sends an event's batch.
func (s *source) write(ctx context.Context, out connector.Output, req connector.Request, e event) error {
	b := schema.Batch{Op: e.op, Fresh: e.load && e.op == schema.Upsert, Table: &schema.Table{Name: s.name}}
	switch {
	case e.op == schema.Truncate:
		if b.Before = e.before; !e.load { // of all, those that this sync has sent included
			b.Before = req.Start.Add(time.Microsecond)
		}
	case e.op == schema.Sweep:
	case e.row == nil:
		return nil
	default:
		if !e.since.IsZero() {
			e.row = maps.Clone(e.row)
			e.row[startID] = e.since.Format(time.RFC3339Nano)
		}
		b.Table.Columns = slices.DeleteFunc(slices.Clone(req.Tables[0].Columns), func(c schema.Column) bool {
			_, has := e.row[c.ID]
			if c.IsStart() {
				return !has
			}
			return e.op == schema.Update && !has || (e.op == schema.Delete || e.op == schema.Present) && !c.Key
		})
		if e.op == schema.Update && len(b.Table.Columns) == 1 {
			return nil
		}
		b.Record = record(b.Table, e.row)
	}
	s.sent(b, e.row)
	return out.Write(ctx, b)
}

// record makes a row of values by the columns' IDs.
func record(t *schema.Table, row values) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, t.Arrow())
	defer b.Release()
	for i, c := range t.Columns {
		if row[c.ID] == "" {
			b.Field(i).AppendNull()
		} else if err := b.Field(i).AppendValueFromString(row[c.ID]); err != nil {
			panic(err)
		}
	}
	return b.NewRecordBatch()
}
