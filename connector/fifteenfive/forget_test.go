package fifteenfive

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/connectortest"
	"github.com/penstock-data/penstock/connector/fifteenfive/simulator"
	"github.com/penstock-data/penstock/connector/rest"
	"github.com/penstock-data/penstock/schema"
)

var _ connector.Forgetter = (*source)(nil)

func TestForget(t *testing.T) {
	sim := company(simulator.Options{})
	src := account(t, sim, simulator.DefaultKey)
	m := clocked(sim)
	mustSync(t, m, src)
	for _, l := range lists() {
		path, _, _ := strings.Cut(l.Path, "?")
		for _, table := range filledBy(l) {
			raw, err := src.Forget(m.State, []schema.Name{{Table: table}})
			if err != nil {
				t.Fatal(err)
			}
			want := progress(t, m.State)
			if delete(want, path); len(want) != len(lists())-1 {
				t.Errorf("nothing is known of %s", path)
			}
			if diff := cmp.Diff(want, progress(t, raw)); diff != "" {
				t.Errorf("without %s (-want +got)\n%s", table, diff)
			}
		}
	}
	before := progress(t, m.State)
	for _, p := range before {
		delete(p, "tables")
	}
	never, err := json.Marshal(map[string]any{"resources": before})
	if err != nil {
		t.Fatal(err)
	}
	if known, err := connector.Knows(src, never, schema.Name{Table: "feature"}); known || err != nil {
		t.Errorf("a table that was never read is known: %v", err)
	}
	if raw, err := src.Forget(m.State, []schema.Name{{Table: "no_such"}}); err != nil || string(raw) != string(m.State) {
		t.Errorf("a table that never was changed the state: %v", err)
	}
}

// A table that is read again, and one that was blocked for a time, has the
// rows that it would have otherwise, those that changed long ago too; rows
// that are gone are marked.
func TestTablesReadAgain(t *testing.T) {
	for _, c := range []struct {
		name  string
		again func(t *testing.T, m *modelOf, table string)
	}{
		{"forgotten", func(t *testing.T, m *modelOf, table string) {
			var err error
			if m.State, err = m.src.Forget(m.State, []schema.Name{{Table: table}}); err != nil {
				t.Fatal(err)
			}
		}},
		{"blocked", func(t *testing.T, m *modelOf, table string) {
			m.sync(t, table)
			m.sim.Advance(26 * time.Hour)
			m.sync(t, table)
			m.sim.Advance(26 * time.Hour)
		}},
		{"paused", func(t *testing.T, m *modelOf, table string) {
			m.pause(t, table)
			m.sim.Advance(26 * time.Hour)
			m.pause(t, table)
			m.sim.Advance(26 * time.Hour)
		}},
		{"blocked in mid-read", func(t *testing.T, m *modelOf, table string) {
			m.sim.Advance(9 * day) // all is read as a whole
			m.src.api.Every = 1
			m.stop(t, table)
			m.sync(t, table)
			m.sim.Advance(26 * time.Hour)
			m.src.api.Every = 100
		}},
	} {
		for _, table := range []string{"company_group_id", "pulse", "high_five_receiver", "check_in_answer", "one_on_one", "answer"} {
			t.Run(c.name+"/"+table, func(t *testing.T) {
				sim := company(simulator.Options{Users: 5, PageSize: 50})
				m := &modelOf{Model: clocked(sim), sim: sim, src: account(t, sim, simulator.DefaultKey)}
				m.sync(t, "")
				sim.Advance(26 * time.Hour)
				c.again(t, m, table)
				m.sync(t, "")
				fresh := clocked(sim)
				mustSync(t, fresh, m.src)
				if diff := cmp.Diff(rowsOf(fresh, table), rowsOf(m.Model, table)); diff != "" {
					t.Errorf("rows (-read anew +synced)\n%s", diff)
				}
			})
		}
	}
}

// A modelOf is a model of the tables of one company.
type modelOf struct {
	*connectortest.Model
	sim *simulator.Simulator
	src *source
}

// sync fills all tables but one. There seem to be so many check-ins that
// nothing but a table that lacks them makes a sync read all of them.
func (m *modelOf) sync(t *testing.T, blocked string) {
	t.Helper()
	if m.State != nil {
		manyCheckIns(t, m.Model)
	}
	if err := m.SyncTables(context.Background(), m.src, func(t schema.Table) bool { return t.Table != blocked }); err != nil {
		t.Fatal(err)
	}
}

// pause fills all tables but one, which is paused.
func (m *modelOf) pause(t *testing.T, table string) {
	t.Helper()
	if err := m.Sync(context.Background(), pausing{m.src, table}); err != nil {
		t.Fatal(err)
	}
}

type pausing struct {
	connector.Source
	table string
}

func (p pausing) Sync(ctx context.Context, req connector.Request, out connector.Output) error {
	req.Paused = []schema.Name{{Table: p.table}}
	req.Tables = slices.DeleteFunc(slices.Clone(req.Tables), func(t schema.Table) bool { return t.Table == p.table })
	return p.Source.Sync(ctx, req, out)
}

// A path all of whose tables are paused goes on from where it was.
func TestPausedPath(t *testing.T) {
	sim := company(simulator.Options{})
	m := &modelOf{Model: clocked(sim), sim: sim, src: account(t, sim, simulator.DefaultKey)}
	m.sync(t, "")
	before := progress(t, m.State)["pulse/"]
	m.pause(t, "pulse")
	if diff := cmp.Diff(before, progress(t, m.State)["pulse/"]); diff != "" || before == nil {
		t.Errorf("progress (-before +after)\n%s", diff)
	}
}

// filledBy returns the tables that a list fills.
func filledBy(l *rest.Resource) []string {
	var names []string
	for _, t := range l.Tables {
		names = append(names, t.Name)
		for _, c := range t.Children {
			names = append(names, c.Name)
		}
	}
	return names
}

// stop fills all tables, and stops while it reads the list that fills one; at
// the end of the list before where that has no checkpoint inside.
func (m *modelOf) stop(t *testing.T, table string) {
	t.Helper()
	at := slices.IndexFunc(lists(), func(l *rest.Resource) bool { return slices.Contains(filledBy(l), table) })
	if err := m.Sync(context.Background(), stopping{m.src, at}); !errors.Is(err, errStop) && lists()[at].Each != "" {
		t.Fatalf("the sync was not stopped: %v", err)
	}
}

var errStop = errors.New("stop")

type stopping struct {
	connector.Source
	list int
}

func (s stopping) Sync(ctx context.Context, req connector.Request, out connector.Output) error {
	return s.Source.Sync(ctx, req, &stopped{out, s.list})
}

type stopped struct {
	connector.Output
	list int
}

func (s *stopped) Checkpoint(ctx context.Context, st any) error {
	if err := s.Output.Checkpoint(ctx, st); err != nil {
		return err
	}
	var at struct {
		Round *struct{ Lists, After int }
	}
	if raw, err := json.Marshal(st); err != nil || json.Unmarshal(raw, &at) != nil {
		return errors.Join(err, errors.New("the state is none"))
	}
	if at.Round != nil && at.Round.Lists == s.list && (at.Round.After > 0 || lists()[s.list].Each == "") {
		return errStop
	}
	return nil
}

func rowsOf(m *connectortest.Model, table string) []string {
	var columns []string
	for _, c := range m.Columns(table) {
		columns = append(columns, c.Name)
	}
	slices.Sort(columns)
	rows := m.Rows(table, columns...)
	slices.Sort(rows)
	return rows
}
