// Package sample is a source with nothing behind it: the tables of a small
// shop, computed, that go on changing as time passes. The demonstration
// offers it where no database is at hand; what it sends at a given time is
// the same every time.
//
// An order is placed each second after the shop opened; it is paid after one
// minute and shipped after two. An increment sends the orders that may have
// changed since the one before, and the customers who placed new ones.
package sample

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

type config struct {
	SchemaPrefix string `json:"schema_prefix" title:"Destination schema prefix" required:"true" immutable:"true"`
	Orders       int    `json:"orders" title:"Orders" help:"Orders that the shop had when it opened." default:"5000"`
	OpenedAt     string `json:"opened_at" title:"Opened at" help:"When the shop opened, in RFC 3339." required:"true"`
	Pace         int    `json:"pace" title:"Rows per second" help:"At most so many, so that somebody can watch a sync; 0: as fast as it goes." default:"0"`
}

// Service is the sample shop.
var Service = connector.Service{
	ID:           "sample",
	Name:         "Sample shop",
	Kind:         "Database",
	Description:  "A made-up shop whose tables change as time passes.",
	SchemaFormat: connector.FormatSchemaPrefix,
	Naming:       schema.DatabaseNaming,
	Config:       setup.Describe("Sample shop", config{}),
	Open:         open,
}

type source struct {
	orders int
	opened time.Time
	pace   int // rows per second at most; 0: any number
	now    func() time.Time
}

func open(raw json.RawMessage, env connector.Env) (connector.Source, error) {
	var c config
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, err
	}
	opened, err := time.Parse(time.RFC3339, c.OpenedAt)
	if err != nil {
		return nil, &setup.Problem{Code: "invalid_config", Message: "opened_at must be a time like 2026-11-23T08:00:00Z", Err: err}
	}
	s := &source{orders: c.Orders, opened: opened, pace: c.Pace, now: env.Now}
	if s.now == nil {
		s.now = time.Now
	}
	return s, nil
}

var (
	customer = schema.Table{Name: schema.Name{Schema: "shop", Table: "customer"}, Columns: []schema.Column{
		{Name: "id", Type: schema.Type{Kind: schema.Long}, Key: true},
		{Name: "name", Type: schema.Type{Kind: schema.String}},
		{Name: "city", Type: schema.Type{Kind: schema.String}},
		{Name: "created_at", Type: schema.Type{Kind: schema.Instant}},
	}}
	order = schema.Table{Name: schema.Name{Schema: "shop", Table: "order"}, Columns: []schema.Column{
		{Name: "id", Type: schema.Type{Kind: schema.Long}, Key: true},
		{Name: "customer_id", Type: schema.Type{Kind: schema.Long}},
		{Name: "total", Type: schema.DecimalOf(12, 2)},
		{Name: "status", Type: schema.Type{Kind: schema.String}},
		{Name: "placed_at", Type: schema.Type{Kind: schema.Instant}},
	}}
)

func (s *source) Test(context.Context) []setup.TestResult {
	return []setup.TestResult{{Title: "The shop is open", Status: setup.Passed}}
}

func (s *source) Tables(context.Context, func(setup.Warning)) ([]schema.Table, error) {
	return []schema.Table{customer, order}, nil
}

func (s *source) Close() error { return nil }

// A state says of each table how many orders were read of those that will not
// change any more.
type state struct {
	// Settled is of all tables, in states that do not tell them apart.
	Settled int            `json:"settled,omitempty"`
	Tables  map[string]int `json:"tables,omitempty"`
}

func readState(raw json.RawMessage) (*state, error) {
	st := &state{}
	if raw != nil {
		if err := json.Unmarshal(raw, st); err != nil {
			return nil, fmt.Errorf("state: %w", err)
		}
	}
	if st.Tables == nil {
		st.Tables = map[string]int{}
		if st.Settled > 0 {
			st.Tables[customer.Table], st.Tables[order.Table] = st.Settled, st.Settled
		}
	}
	st.Settled = 0
	return st, nil
}

// Forget implements connector.Forgetter.
func (s *source) Forget(raw json.RawMessage, tables []schema.Name) (json.RawMessage, error) {
	st, err := readState(raw)
	if err != nil {
		return nil, err
	}
	for _, t := range tables {
		delete(st.Tables, t.Table)
	}
	return json.Marshal(st)
}

func (s *source) Sync(ctx context.Context, req connector.Request, out connector.Output) error {
	st, err := readState(req.State)
	if err != nil {
		return err
	}
	now := s.now()
	placed := s.orders + max(int(now.Sub(s.opened)/time.Second), 0)
	settled := max(0, placed-120) / ordersPerCustomer * ordersPerCustomer
	read := map[string]int{} // a table that is not wanted now is read anew when it is
	for _, n := range req.Paused {
		if begin, ok := st.Tables[n.Table]; ok {
			read[n.Table] = begin
		}
	}
	for _, t := range req.Tables {
		begin := min(st.Tables[t.Table], placed)
		out.Progress(t.Name, int64(placed-begin))
		for from, step := begin, s.step(); from < placed; from += step {
			b := schema.Batch{Op: schema.Upsert, Table: &t, Fresh: begin == 0}
			b.Record = s.record(&t, from, min(from+step, placed), now)
			if err := out.Write(ctx, b); err != nil {
				return err
			}
			if s.pace == 0 {
				continue
			}
			if err := s.rest(ctx); err != nil {
				return err
			}
			sofar := maps.Clone(read)
			sofar[t.Table] = max(begin, min(from+step, settled))
			if err := out.Checkpoint(ctx, state{Tables: sofar}); err != nil {
				return err
			}
		}
		if begin == 0 { // what a shop of another size left is gone
			if err := out.Write(ctx, schema.Batch{Op: schema.Truncate, Table: &t, Before: req.Start}); err != nil {
				return err
			}
		}
		read[t.Table] = max(begin, settled)
	}
	return out.Checkpoint(ctx, state{Tables: read})
}

const (
	batch             = 10_000
	ordersPerCustomer = 5
	paceSteps         = 4 // batches per second of a shop that keeps a pace
)

// step is how many orders a batch is of.
func (s *source) step() int {
	if s.pace == 0 {
		return batch
	}
	return min(batch, max(1, s.pace/paceSteps/ordersPerCustomer)*ordersPerCustomer)
}

// rest keeps the pace after a batch.
func (s *source) rest(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Duration(s.step()) * time.Second / time.Duration(s.pace)):
		return nil
	}
}

var (
	names  = []string{"Ada", "Bo", "Cleo", "Dag", "Eve", "Finn", "Gita", "Hugo", "Ines", "Jun"}
	cities = []string{"Oslo", "Kyoto", "Lima", "Porto", "Quito", "Turku", "Accra"}
)

// record makes the rows of orders from up to to, or of the customers who placed them.
func (s *source) record(t *schema.Table, from, to int, now time.Time) arrow.RecordBatch {
	rb := array.NewRecordBuilder(memory.DefaultAllocator, t.Arrow())
	defer rb.Release()
	step := 1
	if t.Table == customer.Table {
		from, step = from/ordersPerCustomer*ordersPerCustomer, ordersPerCustomer
	}
	for i := from; i < to; i += step {
		at := s.opened.Add(time.Duration(i-s.orders) * time.Second)
		for f, c := range t.Columns {
			switch b := rb.Field(f); c.Name {
			case "id":
				b.(*array.Int64Builder).Append(int64(i/step + 1))
			case "name":
				b.(*array.StringBuilder).Append(names[i/step%len(names)])
			case "city":
				b.(*array.StringBuilder).Append(cities[i/step%len(cities)])
			case "customer_id":
				b.(*array.Int64Builder).Append(int64(i/ordersPerCustomer + 1))
			case "total":
				b.(*array.Decimal128Builder).Append(decimal128.FromI64(int64(i)*7919%100_000 + 500))
			case "status":
				b.(*array.StringBuilder).Append(status(now.Sub(at)))
			case "created_at", "placed_at":
				b.(*array.TimestampBuilder).Append(arrow.Timestamp(at.UnixMicro()))
			}
		}
	}
	return rb.NewRecordBatch()
}

func status(age time.Duration) string {
	switch {
	case age < time.Minute:
		return "placed"
	case age < 2*time.Minute:
		return "paid"
	}
	return "shipped"
}
