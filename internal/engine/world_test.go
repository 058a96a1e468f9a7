package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/internal/runner"
	"github.com/penstock-data/penstock/internal/schedule"
	"github.com/penstock-data/penstock/internal/secret"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/internal/storetest"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// A world is a source and a destination in memory, and the engine under test.
type world struct {
	t      testing.TB
	at     string // location of the store
	store  *store.Store
	engine *InProcess
	group  *store.Group

	halt func() // ends the engine's Run
	done chan struct{}

	mu     sync.Mutex
	syncs  []begun
	alive  map[string]int // syncs of a connection at this moment
	most   int            // syncs at one moment, at most
	total  int
	behave behavior // of the source
	kept   backlog  // of sources with a log
	tests  []setup.TestResult
}

// begun is a sync as the source saw it begin.
type begun struct {
	name  string
	at    time.Time
	state string
}

// A behavior is what the source does in a sync.
type behavior func(ctx context.Context, req connector.Request, out connector.Output) error

// each runs f in a bubble of its own time, on each kind of database.
func each(t *testing.T, f func(t *testing.T, w *world)) {
	storetest.InBubble(t, func(t *testing.T, at string) {
		w := &world{t: t, at: at, alive: map[string]int{}, behave: fine}
		w.open()
		defer func() {
			w.stop()
			if err := w.store.Close(); err != nil {
				t.Error(err)
			}
		}()
		w.seed()
		f(t, w)
	})
}

func (w *world) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) open() {
	var err error
	w.store, err = store.Open(context.Background(), w.at, secret.Key{1})
	w.check(err)
	w.engine = w.another()
}

// another returns an engine on the world's store.
func (w *world) another() *InProcess {
	r := runner.New(runner.Config{
		Store:        w.store,
		Connectors:   []connector.Service{{ID: "source", Open: w.openSource}},
		Destinations: []destination.Service{{ID: "target", Open: w.openTarget}},
	})
	return New(Config{Store: w.store, Runner: r, Look: 6 * time.Hour})
}

func (w *world) seed() {
	ctx := context.Background()
	a := &store.Account{Name: "Acme"}
	w.check(w.store.CreateAccount(ctx, a))
	w.group = &store.Group{AccountID: a.ID, Name: "g"}
	w.check(w.store.CreateGroup(ctx, w.group))
	w.check(w.store.CreateDestination(ctx, &store.Destination{ID: w.group.ID, Service: "target", TimeZoneOffset: "0"}))
}

// start begins the engine's Run.
func (w *world) start() {
	ctx, cancel := context.WithCancel(context.Background())
	w.halt, w.done = cancel, make(chan struct{})
	go func() {
		defer close(w.done)
		w.engine.Run(ctx)
	}()
	synctest.Wait()
}

// stop ends the engine's Run and waits for it.
func (w *world) stop() {
	if w.halt != nil {
		w.halt()
		<-w.done
		w.halt = nil
	}
}

// pass lets time go by.
func (w *world) pass(d time.Duration) {
	time.Sleep(d)
	w.settle()
}

// settle waits until nothing happens any more without time going by.
func (w *world) settle() {
	synctest.Wait()
}

// connection adds a connection that is set up.
func (w *world) connection(name string, change ...func(*store.Connection)) *store.Connection {
	w.t.Helper()
	c := &store.Connection{
		ID: name, GroupID: w.group.ID, Service: "source", Schema: name, Config: json.RawMessage(`{"schema":"` + name + `"}`),
		ScheduleType: schedule.Auto, SyncFrequency: 60, DelaySensitivity: schedule.Normal, SetupState: store.Connected,
	}
	for _, f := range change {
		f(c)
	}
	w.check(w.store.CreateConnection(context.Background(), c))
	w.check(w.engine.Changed(context.Background(), name))
	w.settle()
	return c
}

func (w *world) get(name string) *store.Connection {
	w.t.Helper()
	c, err := w.store.Connection(context.Background(), name)
	w.check(err)
	return c
}

// update changes a connection as the API does.
func (w *world) update(name string, f func(*store.Connection)) {
	w.t.Helper()
	ctx := context.Background()
	_, err := w.store.UpdateConnection(ctx, name, func(c *store.Connection) error { f(c); return nil })
	w.check(err)
	w.check(w.engine.Changed(ctx, name))
	w.settle()
}

// begun returns the syncs that have begun since the last call.
func (w *world) begun() []begun {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.syncs
	w.syncs = nil
	return s
}

// want checks how many syncs have begun since the last call.
func (w *world) want(n int) []begun {
	w.t.Helper()
	s := w.begun()
	if len(s) != n {
		w.t.Fatalf("%d syncs began, want %d: %v", len(s), n, s)
	}
	return s
}

// states checks the three states and whether the sync is historical.
func (w *world) states(name, setupState, syncState, updateState string, historical bool) {
	w.t.Helper()
	c := w.get(name)
	got := [3]string{c.SetupState, c.SyncState(), c.UpdateState(time.Now())}
	if want := [3]string{setupState, syncState, updateState}; got != want || c.Historical != historical {
		w.t.Fatalf("states are %v, historical %v; want %v, %v", got, c.Historical, want, historical)
	}
}

func (w *world) become(b behavior) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.behave = b
}

var errLater = errors.New("the network is down")

// fine sends one row and is done.
func fine(ctx context.Context, req connector.Request, out connector.Output) error {
	if err := send(ctx, out); err != nil {
		return err
	}
	return out.Checkpoint(ctx, "done")
}

// lasting makes a sync that checkpoints every minute for so many minutes.
func lasting(minutes int) behavior {
	return func(ctx context.Context, req connector.Request, out connector.Output) error {
		from := 0
		if len(req.State) > 0 && req.State[0] != '"' {
			json.Unmarshal(req.State, &from)
		}
		for i := from; i < minutes; i++ {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Minute):
			}
			if err := send(ctx, out); err != nil {
				return err
			}
			if err := out.Checkpoint(ctx, i+1); err != nil {
				return err
			}
		}
		return out.Checkpoint(ctx, "done")
	}
}

func failing(err error) behavior {
	return func(context.Context, connector.Request, connector.Output) error { return err }
}

var table = schema.Table{Name: schema.Name{Table: "t"}, Columns: []schema.Column{{Name: "id", Type: schema.Type{Kind: schema.Long}, Key: true}}}

func send(ctx context.Context, out connector.Output) error {
	b := array.NewRecordBuilder(memory.DefaultAllocator, table.Arrow())
	defer b.Release()
	b.Field(0).(*array.Int64Builder).Append(1)
	return out.Write(ctx, schema.Batch{Table: &table, Record: b.NewRecordBatch()})
}

// A source is the world's, opened for one connection.
type source struct {
	w    *world
	name string
}

func (w *world) openSource(config json.RawMessage, env connector.Env) (connector.Source, error) {
	var c struct{ Schema string }
	err := json.Unmarshal(config, &c)
	s := &source{w, c.Schema}
	if c.Schema == "digesting_log" {
		return both{logged{s}}, err
	}
	if strings.HasPrefix(c.Schema, "digesting") {
		return digesting{s}, err
	}
	if strings.HasPrefix(c.Schema, "log") {
		return logged{s}, err
	}
	if c.Schema == "rigid" {
		return struct{ connector.Source }{s}, err // without what is optional
	}
	return s, err
}

// Forget says in the state what was forgotten.
func (s *source) Forget(state json.RawMessage, tables []schema.Name) (json.RawMessage, error) {
	return json.Marshal(fmt.Sprintf("%s without %v", state, tables))
}

func (s *source) Test(context.Context) []setup.TestResult { return s.w.tests }
func (s *source) Close() error                            { return nil }
func (s *source) Tables(context.Context, func(setup.Warning)) ([]schema.Table, error) {
	return []schema.Table{table}, nil
}

func (s *source) Sync(ctx context.Context, req connector.Request, out connector.Output) error {
	w := s.w
	w.mu.Lock()
	w.syncs = append(w.syncs, begun{s.name, time.Now().UTC(), string(req.State)})
	if w.alive[s.name]++; w.alive[s.name] > 1 {
		w.t.Errorf("%s is synced twice at the same time", s.name)
	}
	w.total++
	w.most = max(w.most, w.total)
	behave := w.behave
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		w.alive[s.name]--
		w.total--
		w.mu.Unlock()
	}()
	return behave(ctx, req, out)
}

// A target is a destination that has every table, and forgets all rows.
type target struct{}

func (w *world) openTarget(json.RawMessage, destination.Env) (destination.Destination, error) {
	return target{}, nil
}

func (target) Test(context.Context) []setup.TestResult { return nil }
func (target) Writer(context.Context, destination.Options) (destination.Writer, error) {
	return target{}, nil
}
func (target) Table(_ context.Context, n schema.Name) (*schema.Table, error) {
	t := &schema.Table{Name: n}
	if strings.HasPrefix(n.Schema, "digesting") {
		t.Columns = table.Columns
	}
	return t, nil
}
func (target) Drop(context.Context, schema.Name, string) error  { return nil }
func (target) Migrate(context.Context, *schema.Table) error     { return nil }
func (target) Write(_ context.Context, b schema.Batch) error    { b.Release(); return nil }
func (target) Live(context.Context, schema.Name) (int64, error) { return 0, nil }
func (target) Accepts(context.Context, *schema.Table, schema.Format) (bool, error) {
	return false, nil
}
func (target) Flush(context.Context) error { return nil }
func (target) Close() error                { return nil }
