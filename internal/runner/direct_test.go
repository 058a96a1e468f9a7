package runner

import (
	"context"
	"strings"
	"testing"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/setup"
)

// TestNothingGoesDirectly shows that whatever is to be reached on a way that
// this program does not know is not opened: no test, no sync, no look at the
// schema.
func TestNothingGoesDirectly(t *testing.T) {
	for name, way := range map[string]store.Way{
		"proxy agent a":             {Method: store.ViaProxyAgent, ProxyAgent: "a"},
		"private link l":            {Method: store.ViaPrivateLink, PrivateLink: "l"},
		"hybrid deployment agent h": {Method: store.Directly, HybridAgent: "h"},
		"secrets manager m":         {Method: store.Directly, SecretsManager: "m"},
	} {
		for _, what := range []string{"source", "destination"} {
			t.Run(what+" "+name, func(t *testing.T) {
				f := newFixture(t)
				opened := false
				f.test = func(context.Context, func(string) bool) []setup.TestResult { opened = true; return nil }
				f.sync = func(context.Context, connector.Request, connector.Output) error { opened = true; return nil }
				var tests []setup.TestResult
				if what == "source" {
					_, err := f.store.UpdateConnection(ctx, "c", func(c *store.Connection) error { c.SetWay(way); return nil })
					f.ok(err)
				} else {
					_, err := f.store.UpdateDestination(ctx, "g", func(d *store.Destination) error { d.SetWay(way); return nil })
					f.ok(err)
				}
				says := func(text string) {
					t.Helper()
					want := "The " + what + " is to be reached through " + name + ", which this server cannot do."
					if way.SecretsManager != "" {
						want = "The secrets of the " + what + " are kept by external " + name + ", which this server cannot ask."
					}
					if !strings.Contains(text, want) {
						t.Errorf("got %q, want %q", text, want)
					}
				}
				o := f.run(ctx, Watch{})
				code := "networking_not_supported"
				if way.SecretsManager != "" {
					code = "secrets_manager_not_supported"
				}
				if o.Kind != store.RunFailed || o.Task == nil || o.Task.Code != code {
					t.Fatalf("outcome %+v", o)
				}
				says(o.Task.Message)
				if what == "source" {
					c, err := f.runner.TestConnection(ctx, "c", Trust{})
					f.ok(err)
					tests = c.SetupTests
					_, _, err = f.runner.Capture(ctx, "c")
					says(err.Error())
				} else {
					d, err := f.runner.TestDestination(ctx, "g", Trust{})
					f.ok(err)
					tests = d.SetupTests
				}
				if len(tests) != 1 || tests[0].Status != setup.Failed {
					t.Fatalf("tests %+v", tests)
				}
				says(tests[0].Message)
				if opened {
					t.Error("it was opened")
				}
			})
		}
	}
}
