package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/fivetran/go-fivetran"
	"github.com/fivetran/go-fivetran/connections"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/internal/engine"
	"github.com/penstock-data/penstock/internal/pgtest"
	"github.com/penstock-data/penstock/internal/runner"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// A slowSource is a source whose syncs wait for the test.
type slowSource struct {
	began  chan connector.Request // a sync has begun
	finish chan error             // lets it end
}

func (s *slowSource) Test(context.Context) []setup.TestResult {
	return []setup.TestResult{{Title: "Connecting", Status: setup.Passed}}
}

func (s *slowSource) Tables(context.Context, func(setup.Warning)) ([]schema.Table, error) {
	return nil, nil
}

func (s *slowSource) Sync(ctx context.Context, req connector.Request, out connector.Output) error {
	s.began <- req
	select {
	case err := <-s.finish:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *slowSource) Close() error { return nil }

// nowhere is a destination that keeps nothing.
type nowhere struct{}

func (nowhere) Test(context.Context) []setup.TestResult {
	return []setup.TestResult{{Title: "Connecting", Status: setup.Passed}}
}
func (nowhere) Writer(context.Context, destination.Options) (destination.Writer, error) {
	return nowhere{}, nil
}
func (nowhere) Table(context.Context, schema.Name) (*schema.Table, error) { return nil, nil }
func (nowhere) Drop(context.Context, schema.Name, string) error           { return nil }
func (nowhere) Migrate(context.Context, *schema.Table) error              { return nil }
func (nowhere) Write(_ context.Context, b schema.Batch) error             { b.Release(); return nil }
func (nowhere) Live(context.Context, schema.Name) (int64, error)          { return 0, nil }
func (nowhere) Accepts(context.Context, *schema.Table, schema.Format) (bool, error) {
	return false, nil
}
func (nowhere) Flush(context.Context) error { return nil }
func (nowhere) Close() error                { return nil }

// TestLife is the life of a connection as Fivetran's own Go client sees it,
// with the engine that runs it, over each of the databases.
func TestLife(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { testLife(t, t.TempDir()) })
	t.Run("postgres", func(t *testing.T) { testLife(t, pgtest.Database(t)) })
}

func testLife(t *testing.T, location string) {
	ctx := t.Context()
	e := newEnvAt(t, location)
	source := &slowSource{make(chan connector.Request), make(chan error)}
	sources, targets := slices.Clone(testConnectors), slices.Clone(testDestinations)
	for i := range sources {
		sources[i].Open = func(json.RawMessage, connector.Env) (connector.Source, error) { return source, nil }
	}
	for i := range targets {
		targets[i].Open = func(json.RawMessage, destination.Env) (destination.Destination, error) { return nowhere{}, nil }
	}
	eng := engine.New(engine.Config{Store: e.store, Runner: runner.New(runner.Config{
		Store: e.store, Connectors: sources, Destinations: targets,
	})})
	running, stop := context.WithCancel(ctx)
	ended := make(chan error)
	go func() { ended <- eng.Run(running) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	e.handler = watch(t, New(Config{Store: e.store, Engine: eng, Connectors: sources, Destinations: targets}))
	server := httptest.NewServer(e.handler)
	defer server.Close()
	client := fivetran.New(e.key, e.secret)
	client.BaseURL(server.URL + "/v1")

	group, err := client.NewGroupCreate().Name("Warehouse").Do(ctx)
	must(t, err)
	groupID := group.Data.ID
	dest, err := client.NewDestinationCreate().GroupID(groupID).Service("postgres_warehouse").TimeZoneOffset("+3").
		Config(fivetran.NewDestinationConfig().Host("h").Port(6543).User("u").Password("p")).Do(ctx)
	must(t, err)
	if d := dest.Data; d.ID != groupID || d.SetupStatus != "connected" || d.Config.Port != "6543" || d.Config.Password != "******" || d.TimeZoneOffset != "+3" {
		t.Errorf("destination %+v", d)
	}
	details := func(id string) connections.DetailsWithCustomConfigNoTestsResponse {
		t.Helper()
		d, err := client.NewConnectionDetails().ConnectionID(id).DoCustom(ctx)
		must(t, err)
		return d
	}
	state := func(id, want string) {
		t.Helper()
		for details(id).Data.Status.SyncState != want {
			if err := ctx.Err(); err != nil {
				t.Fatal(err)
			}
		}
	}

	// Created paused, it waits; enabled, it syncs at once.
	config := map[string]any{"schema_prefix": "pg", "host": "h", "port": 5433, "database": "d", "user": "u", "password": "p"}
	created, err := client.NewConnectionCreate().GroupID(groupID).Service("postgres").Paused(true).ConfigCustom(&config).DoCustom(ctx)
	must(t, err)
	id := created.Data.ID
	if d := created.Data; d.Schema != "pg" || d.Status.SetupState != "connected" || d.Status.SyncState != "paused" || d.Config["port"] != 5433.0 || d.Config["password"] != "******" {
		t.Errorf("connection %+v", d)
	}
	if _, err := client.NewConnectionSync().ConnectionID(id).Do(ctx); err == nil {
		t.Error("a paused connection was synced")
	}
	_, err = client.NewConnectionUpdate().ConnectionID(id).Paused(false).RunSetupTests(false).Do(ctx)
	must(t, err)
	req := <-source.began
	state(id, "syncing")
	if d := details(id).Data; !*d.Status.IsHistoricalSync || !d.SucceededAt.IsZero() || req.State != nil {
		t.Errorf("during the first sync: %+v", d)
	}
	source.finish <- nil
	state(id, "scheduled")
	first := details(id).Data
	if *first.Status.IsHistoricalSync || first.SucceededAt.IsZero() || !first.FailedAt.IsZero() {
		t.Errorf("after the first sync: %+v", first)
	}

	// Asked for, it syncs again; a failure moves failed_at alone.
	synced, err := client.NewConnectionSync().ConnectionID(id).Do(ctx)
	must(t, err)
	if want := "Sync has been successfully triggered for connection with id '" + id + "'"; synced.Message != want {
		t.Errorf("got %q, want %q", synced.Message, want)
	}
	<-source.began
	if d := details(id).Data; !d.SucceededAt.Equal(first.SucceededAt) {
		t.Error("succeeded_at moved before the end")
	}
	source.finish <- &setup.Problem{Code: "authentication_failed", Message: "The password is wrong."}
	state(id, "scheduled")
	failed := details(id).Data
	if !failed.SucceededAt.Equal(first.SucceededAt) || failed.FailedAt.IsZero() || failed.Status.SetupState != "broken" || len(failed.Status.Tasks) != 1 {
		t.Errorf("after a failure: %+v", failed)
	}

	// Put off by the source.
	tests, err := client.NewConnectionSetupTests().ConnectionID(id).Do(ctx)
	must(t, err)
	if tests.Data.Status.SetupState != "connected" || len(tests.Data.SetupTests) != 1 {
		t.Errorf("after the tests: %+v", tests.Data)
	}
	<-source.began // it makes up for the failed sync
	source.finish <- &setup.Reschedule{Until: time.Now().Add(time.Hour), Reason: "too many requests"}
	state(id, "rescheduled")

	// Everything anew, in the middle of which it is deleted.
	e.ok("POST", "/v1/connections/"+id+"/resync", "{}")
	<-source.began
	state(id, "syncing")
	if d := details(id).Data; !*d.Status.IsHistoricalSync {
		t.Error("a re-sync is no historical sync")
	}
	modified, err := client.NewConnectionUpdate().ConnectionID(id).ScheduleType("manual").RunSetupTests(false).
		ConfigCustom(&map[string]any{"host": "i", "password": "******"}).DoCustom(ctx)
	must(t, err)
	if d := modified.Data; d.ScheduleType != "manual" || d.Config["host"] != "i" || d.Config["database"] != "d" {
		t.Errorf("modified %+v", d)
	}
	kept, err := e.store.Connection(ctx, id)
	must(t, err)
	var stored map[string]any
	must(t, json.Unmarshal(kept.Config, &stored))
	if stored["password"] != "p" {
		t.Error("the password was not kept")
	}
	_, err = client.NewConnectionDelete().ConnectionID(id).Do(ctx)
	must(t, err)
	if gone, err := client.NewConnectionDetails().ConnectionID(id).DoCustom(ctx); err == nil || gone.Code != "NotFound_Connection" {
		t.Errorf("after deleting: %+v, %v", gone, err)
	}

	// More of them than a page has.
	want := map[string]bool{}
	for i := range 5 {
		config := map[string]any{"schema": fmt.Sprint("s", i), "api_key": "k"}
		c, err := client.NewConnectionCreate().GroupID(groupID).Service("15five").Paused(true).RunSetupTests(false).ConfigCustom(&config).DoCustom(ctx)
		must(t, err)
		want[c.Data.ID] = true
	}
	for cursor, pages := "", 1; ; pages++ {
		list, err := client.NewGroupListConnections().GroupID(groupID).Limit(2).Cursor(cursor).Do(ctx)
		must(t, err)
		for _, item := range list.Data.Items {
			if !want[item.ID] {
				t.Errorf("%s is listed twice, or wrongly", item.ID)
			}
			delete(want, item.ID)
		}
		if cursor = list.Data.NextCursor; cursor == "" {
			if pages != 3 || len(want) > 0 {
				t.Errorf("%d pages, and %d connections left out", pages, len(want))
			}
			break
		}
	}
	one, err := client.NewGroupListConnections().GroupID(groupID).Schema("s3").Do(ctx)
	must(t, err)
	if len(one.Data.Items) != 1 || one.Data.Items[0].Schema != "s3" {
		t.Errorf("by schema: %+v", one.Data.Items)
	}
}
