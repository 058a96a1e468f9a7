package runner

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/internal/pipe"
	"github.com/penstock-data/penstock/internal/schedule"
	"github.com/penstock-data/penstock/internal/secret"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

var ctx = context.Background()

// A fixture is a store with a connection "c" into a destination, whose
// services do what its functions say.
type fixture struct {
	t      *testing.T
	dir    string // of the store
	store  *store.Store
	runner *Runner
	user   string
	days   int // runs are a day apart

	tables []schema.Table
	sync   func(ctx context.Context, req connector.Request, out connector.Output) error
	test   func(ctx context.Context, trusts func(string) bool) []setup.TestResult // of both
	writer func(opt destination.Options) (destination.Writer, error)

	env     connector.Env // as the source was opened with
	config  string
	written []schema.Name // destinations of the tables
}

type settings struct {
	Schema string `json:"schema" required:"true"`
	Key    string `json:"key" secret:"true"`
	Way    string `json:"connection_type"`
	setup.Tunnel
}

func newFixture(t *testing.T, formats ...connector.SchemaFormat) *fixture {
	t.Helper()
	f := &fixture{t: t, dir: t.TempDir(), tables: []schema.Table{{
		Name:    schema.Name{Schema: "Public", Table: "Person"},
		Columns: []schema.Column{{Name: "id", Type: schema.Type{Kind: schema.Long}, Key: true}},
	}}}
	f.sync = func(ctx context.Context, _ connector.Request, out connector.Output) error {
		return out.Checkpoint(ctx, "done")
	}
	f.test = func(context.Context, func(string) bool) []setup.TestResult { return nil }
	f.writer = func(destination.Options) (destination.Writer, error) { return writer{f}, nil }
	var err error
	f.store, err = store.Open(ctx, f.dir, secret.Key{1})
	f.ok(err)
	t.Cleanup(func() { f.store.Close() })
	format := connector.FormatSchema
	if len(formats) > 0 {
		format = formats[0]
	}
	f.runner = New(Config{
		Store: f.store,
		Connectors: []connector.Service{{ID: "source", SchemaFormat: format, Naming: schema.DatabaseNaming, Config: setup.Describe("Source", settings{}),
			Open: func(raw json.RawMessage, env connector.Env) (connector.Source, error) {
				f.config, f.env = string(raw), env
				return source{f, env.Trusts}, nil
			}}},
		Destinations: []destination.Service{{ID: "target", Open: func(_ json.RawMessage, env destination.Env) (destination.Destination, error) {
			return target{f, env.Trusts}, nil
		}}},
		Endpoints: map[string]string{"source": "http://simulator"},
	})
	a := &store.Account{Name: "Acme"}
	f.ok(f.store.CreateAccount(ctx, a))
	u := &store.User{AccountID: a.ID, Email: "a@example.com"}
	f.ok(f.store.CreateUser(ctx, u))
	f.user = u.ID
	f.ok(f.store.CreateGroup(ctx, &store.Group{ID: "g", AccountID: a.ID, Name: "g"}))
	f.ok(f.store.CreateDestination(ctx, &store.Destination{ID: "g", Service: "target"}))
	f.ok(f.store.CreateConnection(ctx, &store.Connection{ID: "c", GroupID: "g", Service: "source", Schema: "app",
		Config: json.RawMessage(`{"schema":"app","key":"hunter2"}`), ScheduleType: schedule.Auto, SyncFrequency: 60, SetupState: store.Connected}))
	return f
}

func (f *fixture) ok(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

// run does one sync.
func (f *fixture) run(ctx context.Context, w Watch) store.Outcome {
	f.t.Helper()
	f.days++ // it is due by then
	run, err := f.store.Claim(context.Background(), "test", time.Now().AddDate(0, 0, f.days), time.Hour)
	f.ok(err)
	if run == nil {
		f.t.Fatal("nothing is due")
	}
	o := f.runner.Sync(ctx, run, w)
	f.ok(f.store.Finish(context.Background(), run.Token(), o))
	return o
}

type source struct {
	f      *fixture
	trusts func(string) bool
}

func (s source) Test(ctx context.Context) []setup.TestResult { return s.f.test(ctx, s.trusts) }
func (s source) Close() error                                { return nil }
func (s source) Tables(context.Context, func(setup.Warning)) ([]schema.Table, error) {
	return s.f.tables, nil
}
func (s source) Sync(ctx context.Context, req connector.Request, out connector.Output) error {
	return s.f.sync(ctx, req, out)
}

type target struct {
	f      *fixture
	trusts func(string) bool
}

func (d target) Test(ctx context.Context) []setup.TestResult { return d.f.test(ctx, d.trusts) }
func (d target) Writer(_ context.Context, opt destination.Options) (destination.Writer, error) {
	return d.f.writer(opt)
}

type writer struct{ f *fixture }

func (writer) Table(_ context.Context, n schema.Name) (*schema.Table, error) {
	return &schema.Table{Name: n}, nil
}
func (writer) Drop(context.Context, schema.Name, string) error { return nil }
func (w writer) Migrate(_ context.Context, t *schema.Table) error {
	w.f.written = append(w.f.written, t.Name)
	return nil
}
func (writer) Write(_ context.Context, b schema.Batch) error    { b.Release(); return nil }
func (writer) Live(context.Context, schema.Name) (int64, error) { return 0, nil }
func (writer) Accepts(context.Context, *schema.Table, schema.Format) (bool, error) {
	return false, nil
}
func (writer) Flush(context.Context) error { return nil }
func (writer) Close() error                { return nil }

func TestOutcome(t *testing.T) {
	until := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	problem := &setup.Problem{Code: "authentication_failed", Message: "wrong password for app@db"}
	for _, tt := range []struct {
		name string
		err  error
		want store.Outcome
	}{
		{"success", nil, store.Outcome{Kind: store.RunSucceeded}},
		{"passing", errors.New("no route to host"), store.Outcome{Kind: store.RunFailed, Reason: "no route to host",
			Warnings: []store.Alert{{Code: "sync_failed", Message: "no route to host"}}}},
		{"problem", problem, store.Outcome{Kind: store.RunFailed, Reason: problem.Message, Task: &store.Alert{Code: problem.Code, Message: problem.Message}}},
		{"rescheduled", &setup.Reschedule{Until: until, Reason: "too many requests"},
			store.Outcome{Kind: store.RunRescheduled, RescheduledFor: until, Reason: "too many requests; the sync goes on at 2030-01-01T00:00:00Z"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			f.sync = func(context.Context, connector.Request, connector.Output) error { return tt.err }
			got := f.run(ctx, Watch{})
			if got.EndedAt.IsZero() {
				t.Error("it has no end")
			}
			got.EndedAt, got.Tables, got.Events = time.Time{}, nil, nil
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("-want +got\n%s", d)
			}
		})
	}
}

func TestOneTableOfManyFails(t *testing.T) {
	f := newFixture(t)
	bad := schema.Table{Name: schema.Name{Schema: "Public", Table: "Secret"}, Columns: f.tables[0].Columns}
	f.tables = append(f.tables, bad)
	denied := &setup.Problem{Code: "permission_denied", Message: "permission denied for table Secret"}
	f.sync = func(ctx context.Context, _ connector.Request, out connector.Output) error {
		out.Fail(bad.Name, denied)
		return out.Checkpoint(ctx, 1)
	}
	o := f.run(ctx, Watch{})
	if o.Kind != store.RunSucceeded || len(o.Warnings) != 1 || len(o.Tables) != 2 || o.Tables[0].Error != "" || o.Tables[1].Error != denied.Message {
		t.Errorf("outcome is %+v", o)
	}
	f.tables = f.tables[1:]
	o = f.run(ctx, Watch{})
	if o.Kind != store.RunFailed || o.Task == nil || o.Task.Code != denied.Code {
		t.Errorf("when no table can be read the outcome is %+v", o)
	}
}

func TestStops(t *testing.T) {
	t.Run("at a checkpoint", func(t *testing.T) {
		f := newFixture(t)
		stop := make(chan struct{})
		f.sync = func(ctx context.Context, _ connector.Request, out connector.Output) error {
			if err := out.Checkpoint(ctx, 1); err != nil {
				return err
			}
			close(stop)
			if err := out.Checkpoint(ctx, 2); err != nil {
				return err
			}
			t.Error("it goes on")
			return nil
		}
		o := f.run(ctx, Watch{Stop: stop})
		state, err := f.store.State(ctx, "c")
		f.ok(err)
		if o.Kind != store.RunCanceled || string(state) != "2" {
			t.Errorf("outcome %s, state %s", o.Kind, state)
		}
	})
	t.Run("at once", func(t *testing.T) {
		f := newFixture(t)
		cut, cancel := context.WithCancel(ctx)
		f.sync = func(ctx context.Context, _ connector.Request, out connector.Output) error {
			cancel()
			<-ctx.Done()
			return &setup.Problem{Message: "connection refused", Err: ctx.Err()}
		}
		if o := f.run(cut, Watch{}); o.Kind != store.RunCanceled {
			t.Errorf("outcome %s", o.Kind)
		}
	})
	t.Run("too late", func(t *testing.T) {
		f := newFixture(t)
		stop := make(chan struct{})
		f.sync = func(context.Context, connector.Request, connector.Output) error { close(stop); return nil }
		if o := f.run(ctx, Watch{Stop: stop}); o.Kind != store.RunSucceeded {
			t.Errorf("outcome %s", o.Kind)
		}
	})
}

func TestWhatServicesGet(t *testing.T) {
	f := newFixture(t)
	f.runner.share = pipe.Memory(300 << 20)
	var opt destination.Options
	f.writer = func(o destination.Options) (destination.Writer, error) {
		opt = o
		o.Warn(setup.Warning{Code: "value_not_kept", Message: "x"})
		o.Warn(setup.Warning{Code: "value_not_kept", Message: "x"})
		return writer{f}, nil
	}
	var req connector.Request
	f.sync = func(_ context.Context, r connector.Request, _ connector.Output) error { req = r; return nil }
	o := f.run(ctx, Watch{})
	if f.config != `{"schema":"app","key":"hunter2"}` || f.env.Endpoint != "http://simulator" || f.env.Memory <= 0 || f.env.Trusts("x") {
		t.Errorf("the source got %s, %+v", f.config, f.env)
	}
	if !opt.Synced.Equal(req.Start) || opt.Memory <= 0 || opt.Synced.IsZero() {
		t.Errorf("start %v, the writer got %+v", req.Start, opt)
	}
	if len(o.Warnings) != 1 {
		t.Errorf("warnings %v", o.Warnings)
	}
	memory := opt.Memory
	f.writer = func(o destination.Options) (destination.Writer, error) { opt = o; return writer{f}, nil }
	if _, err := f.runner.Plan(ctx, "c", nil); err != nil || opt.Memory != memory {
		t.Errorf("a plan may take %d, %v", opt.Memory, err)
	}
}

func TestSchemaNames(t *testing.T) {
	for _, tt := range []struct {
		format connector.SchemaFormat
		config string
		names  string
		source string
		want   string
	}{
		{connector.FormatSchema, `{"schema":"hr"}`, "", "", "hr"},
		{connector.FormatSchema, `{"schema":"hr"}`, "", "Public", "hr"},
		{connector.FormatSchema, `{}`, "", "", "app"},
		{connector.FormatSchemaTable, `{"schema":"s","table":"t"}`, "", "", "s"},
		{connector.FormatSchemaTableGroup, `{"schema":"s","table_group_name":"t"}`, "", "", "s"},
		{connector.FormatSchemaPrefix, `{"schema_prefix":"pg"}`, "", "Public Data", "pg_public_data"},
		{connector.FormatSchemaPrefix, `{"schema_prefix":"pg"}`, sourceNames, "Public Data", "pg_Public Data"},
		{connector.FormatSchemaPrefix, `{"schema_prefix":"pg"}`, "", "", "pg"},
		{connector.FormatSchemaPrefix, `{}`, "", "public", "app_public"},
	} {
		naming := schema.DatabaseNaming
		if tt.names == sourceNames {
			naming = schema.SourceNaming
		}
		c := &store.Connection{Schema: "app", Config: json.RawMessage(tt.config), SchemaNames: tt.names}
		if got := schemaNames(tt.format, c, naming)(tt.source); got != tt.want {
			t.Errorf("%s, %s, schema %q: %q, want %q", tt.format, tt.config, tt.source, got, tt.want)
		}
	}
}

func TestNothingToRunWith(t *testing.T) {
	f := newFixture(t)
	f.ok(errors.Join(f.store.DeleteConnection(ctx, "c"), f.store.DeleteDestination(ctx, "g")))
	f.ok(f.store.CreateConnection(ctx, &store.Connection{ID: "c", GroupID: "g", Service: "source", Schema: "app", SetupState: store.Connected, ScheduleType: schedule.Auto, SyncFrequency: 60}))
	if o := f.run(ctx, Watch{}); o.Kind != store.RunFailed || o.Task == nil || o.Task.Code != "no_destination" {
		t.Errorf("without a destination: %+v", o)
	}
	f.ok(f.store.CreateDestination(ctx, &store.Destination{ID: "g", Service: "elsewhere"}))
	if o := f.run(ctx, Watch{}); o.Kind != store.RunFailed || o.Task == nil || o.Task.Code != "no_destination" || !strings.Contains(o.Reason, `"elsewhere"`) {
		t.Errorf("without the destination's service: %+v", o)
	}
}

func TestSetupTests(t *testing.T) {
	passed := setup.TestResult{Title: "Host", Status: setup.Passed}
	certificate := func(hash string) setup.TestResult {
		return setup.TestResult{Title: "TLS", Status: setup.Failed, Message: "not trusted", Certificate: &setup.Certificate{Hash: hash, DER: []byte(hash)}}
	}
	// two servers one behind the other, each with a certificate
	server := func(_ context.Context, trusts func(string) bool) []setup.TestResult {
		for _, hash := range []string{"h1", "h2"} {
			if !trusts(hash) {
				return []setup.TestResult{passed, certificate(hash)}
			}
		}
		return []setup.TestResult{passed, {Title: "TLS", Status: setup.Passed}}
	}
	t.Run("certificates of a connection", func(t *testing.T) {
		f := newFixture(t)
		f.test = server
		c, err := f.runner.TestConnection(ctx, "c", Trust{})
		f.ok(err)
		if c.SetupState != store.Broken || len(c.SetupTests) != 2 || len(c.Tasks) != 1 || c.SetupTests[1].Certificate == nil {
			t.Errorf("untrusted: %+v", c)
		}
		c, err = f.runner.TestConnection(ctx, "c", Trust{Certificates: true, By: f.user})
		f.ok(err)
		if c.SetupState != store.Connected || len(c.Tasks) != 0 {
			t.Errorf("trusted: %+v", c)
		}
		cert, err := f.store.Approval(ctx, store.ConnectionOwner, "c", store.Certificates, "h2")
		f.ok(err)
		if cert.ValidatedBy != f.user || string(cert.Data) != "h2" {
			t.Errorf("approved: %+v", cert)
		}
	})
	t.Run("certificates of a destination", func(t *testing.T) {
		f := newFixture(t)
		f.test = server
		d, err := f.runner.TestDestination(ctx, "g", Trust{})
		f.ok(err)
		if d.SetupStatus != store.Incomplete {
			t.Errorf("untrusted: %+v", d)
		}
		d, err = f.runner.TestDestination(ctx, "g", Trust{Certificates: true})
		f.ok(err)
		if d.SetupStatus != store.Connected || len(d.SetupTests) != 2 {
			t.Errorf("trusted: %+v", d)
		}
	})
	t.Run("a server with ever new certificates", func(t *testing.T) {
		f := newFixture(t)
		calls := 0
		f.test = func(context.Context, func(string) bool) []setup.TestResult {
			calls++
			return []setup.TestResult{certificate(string(rune('a' + calls)))}
		}
		c, err := f.runner.TestConnection(ctx, "c", Trust{Certificates: true})
		f.ok(err)
		if c.SetupState != store.Broken || calls != rounds {
			t.Errorf("after %d calls it is %s", calls, c.SetupState)
		}
	})
	t.Run("a required field is missing", func(t *testing.T) {
		f := newFixture(t)
		_, err := f.store.UpdateConnection(ctx, "c", func(c *store.Connection) error { c.Config = json.RawMessage(`{}`); return nil })
		f.ok(err)
		c, err := f.runner.TestConnection(ctx, "c", Trust{})
		f.ok(err)
		if len(c.SetupTests) != 1 || c.SetupTests[0].Message != "Field 'schema' is required" {
			t.Errorf("%+v", c.SetupTests)
		}
	})
	t.Run("a panic", func(t *testing.T) {
		f := newFixture(t)
		f.test = func(context.Context, func(string) bool) []setup.TestResult { panic("oh") }
		c, err := f.runner.TestConnection(ctx, "c", Trust{})
		f.ok(err)
		if c.SetupState != store.Broken {
			t.Errorf("%+v", c.SetupTests)
		}
	})
	t.Run("mended after failures", func(t *testing.T) {
		f := newFixture(t)
		f.sync = func(context.Context, connector.Request, connector.Output) error {
			return &setup.Problem{Code: "x", Message: "y"}
		}
		f.run(ctx, Watch{})
		c, err := f.runner.TestConnection(ctx, "c", Trust{})
		f.ok(err)
		if c.SetupState != store.Connected || c.Failures != 0 || c.DueAt.After(time.Now()) {
			t.Errorf("%s, %d failures, due at %v", c.SetupState, c.Failures, c.DueAt)
		}
	})
	t.Run("nothing there", func(t *testing.T) {
		f := newFixture(t)
		if _, err := f.runner.TestConnection(ctx, "no_such", Trust{}); !errors.Is(err, store.ErrNotFound) {
			t.Error(err)
		}
		if _, err := f.runner.TestDestination(ctx, "no_such", Trust{}); !errors.Is(err, store.ErrNotFound) {
			t.Error(err)
		}
	})
}

// TestSetupTestsEnd tests servers that do not answer.
func TestSetupTestsEnd(t *testing.T) {
	for name, heeds := range map[string]bool{"heeds the time": true, "does not": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				done := make(chan struct{})
				f.test = func(ctx context.Context, _ func(string) bool) []setup.TestResult {
					if heeds {
						<-ctx.Done()
						return []setup.TestResult{{Title: "Host", Status: setup.Failed, Message: "no answer"}}
					}
					<-done
					return nil
				}
				began := time.Now()
				c, err := f.runner.TestConnection(ctx, "c", Trust{})
				f.ok(err)
				want := 50 * time.Second
				if !heeds {
					want += patience
				}
				if took := time.Since(began); took != want || len(c.SetupTests) != 1 || c.SetupTests[0].Status != setup.Failed {
					t.Errorf("after %v: %+v", took, c.SetupTests)
				}
				gone, cancel := context.WithCancel(ctx)
				cancel()
				if _, err := f.runner.TestConnection(gone, "c", Trust{}); !heeds && err == nil {
					t.Error("the caller is gone, and the tests count")
				}
				close(done)
				synctest.Wait()
				f.store.Close()
			})
		})
	}
}
