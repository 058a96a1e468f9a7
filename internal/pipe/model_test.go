package pipe_test

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

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

var errBroken = errors.New("broken on purpose")

// A breaker makes one of a series of events fail.
type breaker struct {
	mu     sync.Mutex
	at     int // the event to break, from 1; 0: none
	events int
}

func (b *breaker) event() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.events++; b.events == b.at {
		return errBroken
	}
	return nil
}

// rows is a table's content: rows by key, values by column.
type rows map[string]map[string]string

type tables map[schema.Name]rows

func (ts tables) clone() tables {
	out := tables{}
	for n, t := range ts {
		out[n] = rows{}
		for k, r := range t {
			out[n][k] = maps.Clone(r)
		}
	}
	return out
}

// A store is a destination in memory: what is pending is lost by a crash.
type store struct {
	breaker
	durable, pending tables
	flushed          tables // what the last Flush was given
	lies             bool   // a Flush only makes durable what the one before was given
	shapes           map[schema.Name]*schema.Table
	now              time.Time                            // the synced time of what is written
	synced           map[schema.Name]map[string]time.Time // when a row was written last
	migrations       int
}

func newStore() *store {
	return &store{durable: tables{}, pending: tables{}, flushed: tables{}, shapes: map[schema.Name]*schema.Table{}, synced: map[schema.Name]map[string]time.Time{}}
}

func (s *store) crash() {
	s.pending, s.flushed = s.durable.clone(), s.durable.clone()
	s.at, s.events = 0, 0
}

func (s *store) Table(_ context.Context, n schema.Name) (*schema.Table, error) {
	return s.shapes[n], nil
}

func (s *store) Migrate(_ context.Context, t *schema.Table) error {
	s.shapes[t.Name] = t
	s.migrations++
	if s.pending[t.Name] == nil {
		s.pending[t.Name] = rows{}
	}
	return nil
}

func (s *store) Drop(_ context.Context, n schema.Name, column string) error {
	if err := s.event(); err != nil {
		return err
	}
	if t := s.shapes[n]; t != nil {
		s.shapes[n] = &schema.Table{Name: n, Mode: t.Mode, Columns: slices.DeleteFunc(slices.Clone(t.Columns), func(c schema.Column) bool { return c.Name == column })}
	}
	for _, content := range []tables{s.pending, s.durable} {
		for _, r := range content[n] {
			delete(r, column)
		}
	}
	return s.event()
}

func (s *store) Write(_ context.Context, b schema.Batch) error {
	defer b.Release()
	if err := s.event(); err != nil {
		return err
	}
	t := s.pending[b.Table.Name]
	if b.Op == schema.Truncate {
		for k, r := range t {
			if b.Before.IsZero() || s.synced[b.Table.Name][k].Before(b.Before) {
				r["gone"] = "yes"
			}
		}
		return s.event()
	}
	for i := range int(b.Rows()) {
		var key []string
		row := map[string]string{}
		for c, col := range b.Table.Columns {
			v := b.Record.Column(c).ValueStr(i)
			row[col.Name] = v
			if col.Key {
				key = append(key, v)
			}
		}
		k := strings.Join(key, "/")
		switch b.Op {
		case schema.Upsert:
			t[k] = row
			if s.synced[b.Table.Name] == nil {
				s.synced[b.Table.Name] = map[string]time.Time{}
			}
			s.synced[b.Table.Name][k] = s.now
		case schema.Update:
			if t[k] != nil {
				maps.Copy(t[k], row)
			}
		case schema.Delete:
			if t[k] != nil {
				t[k]["gone"] = "yes"
			}
		}
	}
	return s.event() // half of the failures come after the fact
}

func (s *store) Flush(context.Context) error {
	if err := s.event(); err != nil {
		return err
	}
	if s.lies {
		s.durable, s.flushed = s.flushed, s.pending.clone()
	} else {
		s.durable = s.pending.clone()
	}
	return s.event()
}

func (s *store) Live(_ context.Context, n schema.Name) (int64, error) {
	return int64(len(s.pending[n])), nil
}
func (s *store) Accepts(context.Context, *schema.Table, schema.Format) (bool, error) {
	return false, nil
}
func (s *store) Close() error { return nil }

// A ledger keeps the state, and may break before or after it has.
type ledger struct {
	breaker
	state json.RawMessage
	saves int
}

func (l *ledger) State(context.Context) (json.RawMessage, error) { return l.state, nil }

func (l *ledger) Note(ctx context.Context, s json.RawMessage) error { return l.SetState(ctx, s) }

func (l *ledger) SetState(_ context.Context, s json.RawMessage) error {
	if err := l.event(); err != nil {
		return err
	}
	l.state = s
	l.saves++
	return l.event()
}

// A script is a source that sends the same changes in every sync, from the
// position in its state.
type script struct {
	breaker
	steps []step
}

type step func(ctx context.Context, out connector.Output, at int) error

var person = schema.Table{Name: schema.Name{Schema: "Shop", Table: "Person"}, Columns: []schema.Column{
	{Name: "id", Type: schema.Type{Kind: schema.Long}, Key: true},
	{Name: "name", Type: schema.Type{Kind: schema.String}},
	{Name: "age", Type: schema.Type{Kind: schema.Short}},
}}

var visit = schema.Table{Name: schema.Name{Schema: "Shop", Table: "Visit"}, Columns: []schema.Column{
	{Name: "person", Type: schema.Type{Kind: schema.Long}},
	{Name: "page", Type: schema.Type{Kind: schema.String}},
}}

func (s *script) Test(context.Context) []setup.TestResult { return nil }
func (s *script) Close() error                            { return nil }
func (s *script) Tables(context.Context, func(setup.Warning)) ([]schema.Table, error) {
	return []schema.Table{person, visit}, s.event()
}

func (s *script) Sync(ctx context.Context, req connector.Request, out connector.Output) error {
	var from int
	if req.State != nil {
		if err := json.Unmarshal(req.State, &from); err != nil {
			return err
		}
	}
	for i := from; i < len(s.steps); i++ {
		if err := s.event(); err != nil {
			return err
		}
		if err := s.steps[i](ctx, out, i); err != nil {
			return err
		}
	}
	return nil
}

// send makes a step that writes rows given as "1 ann 30", a word a column.
func send(op schema.Op, t schema.Table, lines ...string) step {
	return func(ctx context.Context, out connector.Output, _ int) error {
		b := schema.Batch{Op: op, Table: &t}
		if op != schema.Truncate {
			b.Record = record(t, lines...)
		}
		return out.Write(ctx, b)
	}
}

func record(t schema.Table, lines ...string) (rec arrowRecord) {
	rb := array.NewRecordBuilder(memory.DefaultAllocator, t.Arrow())
	defer rb.Release()
	for _, l := range lines {
		for i, w := range strings.Fields(l) {
			if err := rb.Field(i).AppendValueFromString(w); err != nil {
				panic(fmt.Sprintf("%q: %v", l, err))
			}
		}
	}
	return rb.NewRecordBatch()
}

func checkpoint(ctx context.Context, out connector.Output, at int) error {
	return out.Checkpoint(ctx, at+1)
}

var start = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
