package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/internal/secret"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/internal/vaulttest"
	"github.com/penstock-data/penstock/setup"
)

// key returns the secret that the connection has in a store.
func (f *fixture) key(s *store.Store) string {
	f.t.Helper()
	c, err := s.Connection(ctx, "c")
	f.ok(err)
	var is settings
	f.ok(json.Unmarshal(c.Config, &is))
	return is.Key
}

// A secret that the vendor replaced is stored before a sync uses it: whoever
// opens the database after a process that died at once has it, encrypted, and
// nobody is told that somebody edited the connection.
func TestRotate(t *testing.T) {
	f := newFixture(t)
	f.sync = func(ctx context.Context, _ connector.Request, out connector.Output) error {
		err := f.env.Rotate(ctx, func(config json.RawMessage) (setup.Secrets, error) {
			if !strings.Contains(string(config), "hunter2") {
				t.Errorf("the config is %s", config)
			}
			return setup.Secrets{"key": "hunter3"}, nil
		})
		f.ok(err)
		again, err := store.Open(ctx, f.dir, secret.Key{1}) // as the next process would
		if err == nil {
			defer again.Close()
			if key := f.key(again); key != "hunter3" {
				t.Errorf("the next process has %q", key)
			}
		} else if key := f.key(f.store); key != "hunter3" { // one process at a time may open it
			t.Errorf("stored %q", key)
		}
		return out.Checkpoint(ctx, "done")
	}
	if o := f.run(ctx, Watch{}); o.Kind != store.RunSucceeded {
		t.Fatalf("outcome %+v", o)
	}
}

// What fails before the secret is stored leaves the old one.
func TestRotateFails(t *testing.T) {
	f := newFixture(t)
	f.run(ctx, Watch{})
	refused := errors.New("refused")
	if err := f.env.Rotate(ctx, func(json.RawMessage) (setup.Secrets, error) { return setup.Secrets{"key": "x"}, refused }); !errors.Is(err, refused) {
		t.Errorf("got %v", err)
	}
	if err := f.env.Rotate(ctx, func(json.RawMessage) (setup.Secrets, error) { return nil, nil }); err != nil {
		t.Error(err)
	}
	if err := f.env.Rotate(ctx, func(json.RawMessage) (setup.Secrets, error) { return setup.Secrets{"unknown": "x"}, nil }); err == nil {
		t.Error("a field that the config does not have was stored")
	}
	if key := f.key(f.store); key != "hunter2" {
		t.Errorf("stored %q", key)
	}
}

// A login that somebody enters while an old one is being exchanged stays.
func TestRotateAgainstAPerson(t *testing.T) {
	f := newFixture(t)
	f.run(ctx, Watch{})
	f.ok(f.env.Rotate(ctx, func(json.RawMessage) (setup.Secrets, error) {
		_, err := f.store.UpdateConnection(ctx, "c", func(c *store.Connection) error {
			c.Config = json.RawMessage(`{"schema":"app","key":"entered"}`)
			return nil
		})
		return setup.Secrets{"key": "exchanged"}, err
	}))
	if key := f.key(f.store); key != "entered" {
		t.Errorf("stored %q", key)
	}
}

// Sources of one connection exchange one after another, each with what the
// one before left.
func TestRotateOneAtATime(t *testing.T) {
	f := newFixture(t)
	f.ok(f.store.ReplaceConfig(ctx, "c", func(json.RawMessage) (json.RawMessage, error) {
		return json.RawMessage(`{"schema":"app","key":"0"}`), nil
	}))
	f.run(ctx, Watch{})
	var w sync.WaitGroup
	for range 8 {
		w.Go(func() {
			err := f.env.Rotate(ctx, func(config json.RawMessage) (setup.Secrets, error) {
				var is settings
				var n int
				if err := json.Unmarshal(config, &is); err != nil {
					return nil, err
				}
				_, err := fmt.Sscan(is.Key, &n)
				return setup.Secrets{"key": fmt.Sprint(n + 1)}, err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	w.Wait()
	if key := f.key(f.store); key != "8" {
		t.Errorf("8 exchanges led to %q", key)
	}
}

// A secret that is kept elsewhere cannot be replaced there: a person has to
// act, and the config stays as it is.
func TestRotateWhatAVaultKeeps(t *testing.T) {
	f, v := newFixture(t), vaulttest.Start(t, "")
	var target string
	f.keepElsewhere(v, &target)
	v.Put("secret/name", map[string]any{"v": "s"})
	v.Put("secret/app", map[string]any{"token": "hunter2", "other": "o"})
	f.run(ctx, Watch{})
	err := f.env.Rotate(ctx, func(config json.RawMessage) (setup.Secrets, error) {
		if !strings.Contains(string(config), "hunter2") {
			t.Errorf("the config is %s", config)
		}
		return setup.Secrets{"key": "hunter3"}, nil
	})
	if p := setup.AsProblem(err); p == nil || p.Code != "secret_not_stored" || strings.Contains(err.Error(), "hunter") {
		t.Errorf("got %v", err)
	}
	if key := f.key(f.store); key != "" {
		t.Errorf("stored %q", key)
	}
}
