package connectortest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// A Model is a destination in memory and the ledger of one connection. It
// implements [connector.Output], checks what a source owes to its contract,
// and can be asked for rows. Its zero value is empty and ready.
type Model struct {
	State json.RawMessage // last saved; nil before the first Checkpoint

	// Of the latest Sync.
	Failed   map[schema.Name]error
	Warnings []setup.Warning
	Expected map[schema.Name]int64

	// Clock says when a Sync starts. nil: a minute after the one before,
	// the first at the beginning of 2026.
	Clock func() time.Time

	mu      sync.Mutex
	tables  map[schema.Name]*table
	durable *Model // tables and State as of the last Checkpoint
	start   time.Time
	request map[schema.Name]bool
	events  []event
	fault   *fault
	broken  bool
}

var _ connector.Output = (*Model)(nil)

// Sync reads src from m.State on, all tables that it offers.
func (m *Model) Sync(ctx context.Context, src connector.Source) error {
	return m.SyncTables(ctx, src, nil)
}

// SyncTables is Sync with only those tables for which want returns true.
func (m *Model) SyncTables(ctx context.Context, src connector.Source, want func(schema.Table) bool) error {
	m.begin()
	offered, err := src.Tables(ctx, m.Warn)
	if err != nil {
		return fmt.Errorf("tables: %w", err)
	}
	req := connector.Request{State: m.State, Start: m.start}
	for _, t := range offered {
		if want == nil || want(t) {
			m.request[t.Name] = true
			req.Tables = append(req.Tables, t)
		}
	}
	return src.Sync(ctx, req, m)
}

func (m *Model) begin() {
	m.Failed, m.Warnings, m.Expected = map[schema.Name]error{}, nil, map[schema.Name]int64{}
	m.request, m.events, m.broken = map[schema.Name]bool{}, nil, false
	switch {
	case m.Clock != nil:
		m.start = m.Clock()
	case m.start.IsZero():
		m.start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	default:
		m.start = m.start.Add(time.Minute)
	}
	for _, t := range m.tables {
		t.present, t.sent = nil, nil
	}
	m.durable = m.clone()
}

func (m *Model) clone() *Model {
	c := &Model{State: slices.Clone(m.State), Clock: m.Clock, start: m.start, tables: map[schema.Name]*table{}}
	for name, t := range m.tables {
		c.tables[name] = t.clone()
	}
	return c
}

// A fault is the event at which a Model breaks, and what is left afterwards.
type fault struct {
	at  int // index of the event; -1: the first Checkpoint that is no Note
	how outcome
	hit bool
}

type outcome string

const (
	lost  outcome = "what was not checkpointed is lost"
	kept  outcome = "the rows are kept, the state is not"
	saved outcome = "all is kept and saved"
)

// An event is a call of Write, Checkpoint or Note.
type event struct {
	op    schema.Op
	table schema.Name // "": a Checkpoint or a Note
	rows  int64
	note  bool // a Note, which is one without rows
}

func (e event) String() string {
	if e.table.Table == "" {
		return "a checkpoint"
	}
	return fmt.Sprintf("%v of %d rows of %s", e.op, e.rows, e.table)
}

func (e event) outcomes() []outcome {
	if e.table.Table == "" {
		return []outcome{lost, kept, saved}
	}
	return []outcome{lost, kept}
}

var errBroken = errors.New("the destination broke")

// do applies an event and breaks m if it is its turn.
func (m *Model) do(e event, apply func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken {
		return errBroken
	}
	checkpoint := e.table.Table == "" && !e.note
	f := m.fault
	hit := f != nil && (f.at == len(m.events) || f.at < 0 && checkpoint)
	m.events = append(m.events, e)
	state := m.State
	if !hit || f.how != lost {
		if err := apply(); err != nil {
			return err
		}
	}
	if !hit {
		return nil
	}
	f.hit, m.broken = true, true
	switch f.how {
	case lost:
		m.State, m.tables = m.durable.State, m.durable.tables
	case kept:
		m.State = state
	case saved:
		if e.note {
			m.tables = m.durable.tables
		}
	}
	return errBroken
}

// Write implements [connector.Output].
func (m *Model) Write(ctx context.Context, b schema.Batch) error {
	defer b.Release()
	if err := ctx.Err(); err != nil {
		return err
	}
	if b.Table == nil {
		return errors.New("a batch without a table")
	}
	return m.do(event{op: b.Op, table: b.Table.Name, rows: b.Rows()}, func() error {
		if !m.request[b.Table.Name] {
			return fmt.Errorf("a batch of %s, which was not asked for", b.Table.Name)
		}
		t := m.tables[b.Table.Name]
		if t == nil {
			t = &table{rows: map[string]*row{}}
			if m.tables == nil {
				m.tables = map[schema.Name]*table{}
			}
			m.tables[b.Table.Name] = t
		}
		if err := t.apply(b, m.start); err != nil {
			return fmt.Errorf("%v to %s: %w", b.Op, b.Table.Name, err)
		}
		return nil
	})
}

// Checkpoint implements [connector.Output].
func (m *Model) Checkpoint(ctx context.Context, state any) error {
	return m.save(ctx, event{}, state, func() { m.durable = m.clone() })
}

// Note implements [connector.Output]. It breaks where a Checkpoint may, and then
// only the state is saved.
func (m *Model) Note(ctx context.Context, state any) error {
	return m.save(ctx, event{note: true}, state, func() { m.durable.State = m.State })
}

// save makes a state the last one; durable notes what that makes of m.durable.
func (m *Model) save(ctx context.Context, e event, state any, durable func()) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	js, err := json.Marshal(state)
	if err != nil {
		return fmt.Errorf("encode the state: %w", err)
	}
	return m.do(e, func() error {
		m.State = js
		if m.fault != nil {
			durable()
		}
		return nil
	})
}

// Fail implements [connector.Output].
func (m *Model) Fail(name schema.Name, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.Failed[name] = err
}

// Warn implements [connector.Output].
func (m *Model) Warn(w setup.Warning) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !slices.Contains(m.Warnings, w) {
		m.Warnings = append(m.Warnings, w)
	}
}

// Progress implements [connector.Output].
func (m *Model) Progress(name schema.Name, rows int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.Expected[name] = rows
}

// Live implements [connector.Output].
func (m *Model) Live(_ context.Context, name schema.Name) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var n int64
	if t := m.tables[name]; t != nil {
		for _, r := range t.rows {
			if !r.deleted {
				n++
			}
		}
	}
	return n, nil
}

// Passes implements [connector.Output]: a Model takes Arrow only.
func (m *Model) Passes(context.Context, *schema.Table, schema.Format) (bool, error) {
	return false, nil
}

// Columns returns the columns of a table as they have become, or nil.
// Like all queries it takes the table's name as schema.Name.String gives it.
func (m *Model) Columns(name string) []schema.Column {
	if t := m.find(name); t != nil {
		return t.columns
	}
	return nil
}

// Rows returns the live rows of a table in the order of their keys, numbers
// by size: the values of the columns named, or of all, joined by "|". NULL is
// "NULL". Timestamps look like 2026-01-31 10:00:00, with a fraction if there
// is one; numbers are plain and without superfluous zeros.
func (m *Model) Rows(name string, columns ...string) []string {
	t := m.find(name)
	if t == nil {
		return nil
	}
	if columns == nil {
		for _, c := range t.columns {
			columns = append(columns, c.Name)
		}
	}
	var out []string
	for _, r := range t.sorted() {
		if !r.deleted {
			out = append(out, t.line(r, columns))
		}
	}
	return out
}

// Deleted returns the keys of the rows that are marked as deleted, joined by "|".
func (m *Model) Deleted(name string) []string {
	t := m.find(name)
	if t == nil {
		return nil
	}
	var key, out []string
	for _, c := range t.columns {
		if c.Key || !t.keyed() {
			key = append(key, c.Name)
		}
	}
	for _, r := range t.sorted() {
		if r.deleted {
			out = append(out, t.line(r, key))
		}
	}
	return out
}

// Dump returns everything as text: a line per table with its columns, then one
// per row, those marked as deleted with a minus sign. Times of syncs are left
// out, and columns that never had a value.
func (m *Model) Dump() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var b strings.Builder
	names := slices.SortedFunc(maps.Keys(m.tables), func(a, b schema.Name) int {
		return strings.Compare(a.String(), b.String())
	})
	for _, name := range names {
		t := m.tables[name]
		var columns []string
		fmt.Fprintf(&b, "%s:", name)
		byName := slices.SortedFunc(slices.Values(t.columns), func(a, b schema.Column) int { return strings.Compare(a.Name, b.Name) })
		for _, c := range byName {
			if c.Type.Kind == schema.Unspecified {
				continue
			}
			columns = append(columns, c.Name)
			fmt.Fprintf(&b, " %s %s", c.Name, c.Type)
			if c.Key {
				b.WriteString(" key")
			}
		}
		b.WriteByte('\n')
		for _, r := range t.sorted() {
			mark := "  "
			if r.deleted {
				mark = "- "
			}
			fmt.Fprintf(&b, "%s%s\n", mark, t.line(r, columns))
		}
	}
	return b.String()
}

func (m *Model) find(name string) *table {
	m.mu.Lock()
	defer m.mu.Unlock()
	for n, t := range m.tables {
		if n.String() == name {
			return t
		}
	}
	return nil
}
