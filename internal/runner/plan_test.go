package runner

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/internal/pipe"
	"github.com/penstock-data/penstock/internal/schemaconfig"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/schema"
)

// A counter is a source that counts its rows for a minute.
type counter struct{ source }

func (counter) Digest(ctx context.Context, _ json.RawMessage, _ schema.DigestQuery, _ func(schema.Digest) error) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Minute):
		return nil
	}
}

// TestPlanEnds plans with servers that take their time.
func TestPlanEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		done := make(chan struct{})
		f.writer = func(destination.Options) (destination.Writer, error) {
			<-done
			return writer{f}, nil
		}
		began := time.Now()
		if _, err := f.runner.Plan(ctx, "c", nil); !errors.Is(err, ErrPlanTime) || time.Since(began) != 50*time.Second+patience {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		close(done)
		synctest.Wait()

		// Rows are counted half of the time.
		f.runner.connectors["source"].Open = func(json.RawMessage, connector.Env) (connector.Source, error) { return counter{source{f: f}}, nil }
		began = time.Now()
		plans, err := f.runner.Plan(ctx, "c", nil)
		if err != nil || len(plans) != 1 || plans[0].Rows != nil || plans[0].Error != "" || plans[0].Load != pipe.LoadAll || plans[0].Why != WhyNew || time.Since(began) != 25*time.Second {
			t.Errorf("after %v: %+v, %v", time.Since(began), plans, err)
		}
		f.store.Close()
	})
}

// TestPlanKeepsNothing proposes changes, of which one is refused.
func TestPlanKeepsNothing(t *testing.T) {
	f := newFixture(t)
	name := f.tables[0].Name
	plans, err := f.runner.Plan(ctx, "c", func(cfg *schemaconfig.Config, cat *schemaconfig.Catalog) error {
		cfg.TableOf(cat, name).Enabled = new(false)
		return nil
	})
	if err != nil || len(plans) != 1 || plans[0].Load != pipe.LoadNone || plans[0].Why != WhyBlocked || plans[0].Reads() {
		t.Errorf("%+v, %v", plans, err)
	}
	refused := errors.New("no")
	if _, err := f.runner.Plan(ctx, "c", func(*schemaconfig.Config, *schemaconfig.Catalog) error { return refused }); !errors.Is(err, refused) {
		t.Error(err)
	}
	f.writer = func(destination.Options) (destination.Writer, error) { return nil, errors.New("no route") }
	var look *ServiceError
	if _, err := f.runner.Plan(ctx, "c", nil); !errors.As(err, &look) {
		t.Error(err)
	}
	cat, err := f.store.Catalog(ctx, "c")
	f.ok(err)
	cfg, err := f.store.SchemaConfig(ctx, "c")
	f.ok(err)
	if cat.Captured() || len(cfg.Schemas) > 0 || len(f.written) > 0 {
		t.Errorf("kept %+v, %+v, %v", cat, cfg, f.written)
	}
	if _, err := f.runner.Plan(ctx, "no_such", nil); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
}

func TestCannotVerify(t *testing.T) {
	f := newFixture(t)
	var cannot *CannotVerify
	if err := f.runner.CanVerify(ctx, "c"); !errors.As(err, &cannot) || err.Error() != "The connector source cannot make checksums of its rows" {
		t.Error(err)
	}
	f.runner.connectors["source"].Open = func(json.RawMessage, connector.Env) (connector.Source, error) { return counter{source{f: f}}, nil }
	if err := f.runner.CanVerify(ctx, "c"); !errors.As(err, &cannot) || err.Error() != "The destination target cannot make checksums of its rows" {
		t.Error(err)
	}
	if err := f.runner.Verify(ctx, &store.Verification{ConnectionID: "c"}, func(Progress) {}); !errors.As(err, &cannot) {
		t.Error(err)
	}
}
