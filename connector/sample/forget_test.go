package sample

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/connectortest"
	"github.com/penstock-data/penstock/schema"
)

func TestForget(t *testing.T) {
	var f connector.Forgetter = &source{}
	for _, tt := range []struct{ state, table, want string }{
		{`{"settled":100}`, "order", `{"tables":{"customer":100}}`}, // of all tables
		{`{"tables":{"customer":100,"order":90}}`, "customer", `{"tables":{"order":90}}`},
		{`{"tables":{"order":90}}`, "customer", `{"tables":{"order":90}}`},
	} {
		got, err := f.Forget([]byte(tt.state), []schema.Name{{Schema: "shop", Table: tt.table}})
		if err != nil || string(got) != tt.want {
			t.Errorf("%s without %s: %s, %v; want %s", tt.state, tt.table, got, err, tt.want)
		}
	}
}

// TestTableReadAgain re-syncs one table, and enables one that was blocked.
func TestTableReadAgain(t *testing.T) {
	now := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	s := &source{orders: 1000, opened: now, now: func() time.Time { return now }}
	m := &connectortest.Model{Clock: func() time.Time { return now }}
	sync := func(wanted ...string) map[string]int {
		t.Helper()
		now = now.Add(time.Minute)
		sent := map[string]int{}
		err := m.SyncTables(context.Background(), counter{s, sent}, func(t schema.Table) bool {
			return len(wanted) == 0 || t.Table == wanted[0]
		})
		if err != nil {
			t.Fatal(err)
		}
		return sent
	}
	pause := func() map[string]int {
		t.Helper()
		now = now.Add(time.Minute)
		sent := map[string]int{}
		if err := m.Sync(context.Background(), paused{counter{s, sent}, customer.Table}); err != nil {
			t.Fatal(err)
		}
		return sent
	}
	steps := []struct {
		name string
		do   func() map[string]int
		want map[string]int
	}{
		{"first", func() map[string]int { return sync() }, map[string]int{"customer": 212, "order": 1060}},
		{"increment", func() map[string]int { return sync() }, map[string]int{"customer": 36, "order": 180}},
		{"re-sync of one", func() map[string]int {
			m.State, _ = s.Forget(m.State, []schema.Name{customer.Name})
			return sync()
		}, map[string]int{"customer": 236, "order": 180}},
		{"one is blocked", func() map[string]int { return sync("order") }, map[string]int{"order": 180}},
		{"it is enabled", func() map[string]int { return sync() }, map[string]int{"customer": 260, "order": 180}},
		{"one is paused", pause, map[string]int{"order": 180}},
		{"it goes on", func() map[string]int { return sync() }, map[string]int{"customer": 48, "order": 180}},
	}
	for _, step := range steps {
		if diff := cmp.Diff(step.want, step.do()); diff != "" {
			t.Errorf("%s: rows sent (-want +got)\n%s", step.name, diff)
		}
	}
	var st state
	if err := json.Unmarshal(m.State, &st); err != nil || len(st.Tables) != 2 {
		t.Errorf("state %s, %v", m.State, err)
	}
}

// A counter is a source whose rows are counted.
type counter struct {
	connector.Source
	sent map[string]int
}

func (c counter) Sync(ctx context.Context, req connector.Request, out connector.Output) error {
	return c.Source.Sync(ctx, req, counted{out, c.sent})
}

type counted struct {
	connector.Output
	sent map[string]int
}

func (c counted) Write(ctx context.Context, b schema.Batch) error {
	if b.Op == schema.Upsert {
		c.sent[b.Table.Name.Table] += int(b.Rows())
	}
	return c.Output.Write(ctx, b)
}

// paused is a source one of whose tables is paused.
type paused struct {
	connector.Source
	table string
}

func (p paused) Sync(ctx context.Context, req connector.Request, out connector.Output) error {
	var read []schema.Table
	for _, t := range req.Tables {
		if t.Table == p.table {
			req.Paused = append(req.Paused, t.Name)
		} else {
			read = append(read, t)
		}
	}
	req.Tables = read
	return p.Source.Sync(ctx, req, out)
}
