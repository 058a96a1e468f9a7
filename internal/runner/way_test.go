package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/internal/sshtest"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// through makes a connection's source one behind an SSH server, and returns
// how the server's host key is approved.
func (f *fixture) through(sshd *sshtest.Server) setup.Fingerprint {
	f.t.Helper()
	sshd.Authorize(f.t, f.store.GroupPublicKey("g"))
	sshd.Kill()
	key := sshd.SetHostKeys(f.t, ssh.KeyAlgoED25519)[0]
	sshd.Again(f.t)
	f.configure(fmt.Sprintf(`{"schema":"app","connection_type":"SshTunnel","tunnel_host":%q,"tunnel_port":%d,"tunnel_user":%q}`, sshd.Host, sshd.Port, sshd.User))
	return setup.Fingerprint{Hash: key[0], PublicKey: key[1]}
}

func (f *fixture) configure(config string) {
	f.t.Helper()
	_, err := f.store.UpdateConnection(ctx, "c", func(c *store.Connection) error { c.Config = json.RawMessage(config); return nil })
	f.ok(err)
}

// TestThrough shows what a source is given to get through a tunnel, what the
// tests say, and that the tunnel ends with the source.
func TestThrough(t *testing.T) {
	f := newFixture(t)
	key := f.through(sshtest.Start(t))
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }))
	defer web.Close()
	f.test = func(ctx context.Context, _ func(string) bool) []setup.TestResult {
		r, err := f.env.HTTP.Get(web.URL)
		f.ok(err)
		defer r.Body.Close()
		body, err := io.ReadAll(r.Body)
		f.ok(err)
		return []setup.TestResult{{Title: "Host", Status: setup.Passed, Message: string(body)}}
	}
	c, err := f.runner.TestConnection(ctx, "c", Trust{Certificates: true})
	f.ok(err)
	if len(c.SetupTests) != 1 || c.SetupTests[0].Title != titleTunnel || c.SetupTests[0].Fingerprint == nil || *c.SetupTests[0].Fingerprint != key || c.SetupState != store.Broken {
		t.Errorf("not approved: %+v", c)
	}
	c, err = f.runner.TestConnection(ctx, "c", Trust{Fingerprints: true, By: f.user})
	f.ok(err)
	want := []setup.TestResult{{Title: titleTunnel, Status: setup.Passed}, {Title: "Host", Status: setup.Passed, Message: "hello"}}
	if diff := cmp.Diff(want, c.SetupTests); diff != "" || c.SetupState != store.Connected {
		t.Errorf("%s: %s", c.SetupState, diff)
	}
	if a, err := f.store.Approval(ctx, store.ConnectionOwner, "c", store.Fingerprints, key.Hash); err != nil || string(a.Data) != key.PublicKey || a.ValidatedBy != f.user {
		t.Errorf("approved: %+v, %v", a, err)
	}
	if _, err := f.env.Dial(ctx, "tcp", web.Listener.Addr().String()); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("the tunnel outlives its source: %v", err)
	}
}

// lost is a source that loses what leads to it.
type lost struct {
	source
	lose func(context.Context) error
}

func (l lost) Tables(ctx context.Context, _ func(setup.Warning)) ([]schema.Table, error) {
	return nil, l.lose(ctx)
}

// TestTunnelBreaks ends the SSH server under a sync: what its source says of
// that is of no use to anybody.
func TestTunnelBreaks(t *testing.T) {
	f := newFixture(t)
	sshd := sshtest.Start(t)
	f.through(sshd)
	_, err := f.runner.TestConnection(ctx, "c", Trust{Fingerprints: true})
	f.ok(err)
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	lose := func(ctx context.Context) error {
		c, err := f.env.Dial(ctx, "tcp", web.Listener.Addr().String())
		if err != nil {
			return err
		}
		defer c.Close()
		sshd.Kill()
		_, err = c.Read(make([]byte, 1))
		return err
	}
	f.sync = func(ctx context.Context, _ connector.Request, out connector.Output) error { return lose(ctx) }
	o := f.run(ctx, Watch{})
	if o.Kind != store.RunFailed || o.Task != nil || !strings.Contains(o.Reason, "the SSH tunnel through") {
		t.Errorf("broken: %+v", o)
	}
	// What ends as it was to end is no fault of the tunnel.
	sshd.Again(t)
	open := f.runner.connectors["source"].Open
	f.runner.connectors["source"].Open = func(_ json.RawMessage, env connector.Env) (connector.Source, error) {
		f.env = env
		return lost{source{f: f}, func(ctx context.Context) error { lose(ctx); return nil }}, nil
	}
	status := func(s string) {
		_, err := f.store.UpdateConnection(ctx, "c", func(c *store.Connection) error { c.SchemaStatus = s; return nil })
		f.ok(err)
	}
	status(store.BlockedOnCapture)
	if o := f.run(ctx, Watch{}); o.Kind != store.RunCaptured || o.Reason != errCaptured.Error() {
		t.Errorf("captured: %+v", o)
	}
	status(store.SchemaReady)
	sshd.Again(t)
	f.runner.connectors["source"].Open = open
	stop := make(chan struct{})
	close(stop)
	f.sync = func(ctx context.Context, _ connector.Request, out connector.Output) error {
		lose(ctx)
		return out.Checkpoint(ctx, "1")
	}
	if o := f.run(ctx, Watch{Stop: stop}); o.Kind != store.RunCanceled || !strings.Contains(o.Reason, errStopped.Error()) {
		t.Errorf("stopped: %+v", o)
	}
	sshd.Again(t)
	f.runner.connectors["source"].Open = func(_ json.RawMessage, env connector.Env) (connector.Source, error) {
		f.env = env
		return lost{source{f: f}, lose}, nil
	}
	var look *ServiceError
	if _, err := f.runner.Plan(ctx, "c", nil); !errors.As(err, &look) || !strings.Contains(err.Error(), "the SSH tunnel through") {
		t.Errorf("planned: %v", err)
	}
	f.configure(`{"schema":"app","connection_type":"SshTunnel","tunnel_host":"h"}`)
	if o := f.run(ctx, Watch{}); o.Task == nil || o.Task.Code != "config_incomplete" || o.Reason != "Field 'tunnel_user' is required" {
		t.Errorf("incomplete: %+v", o)
	}
}

// TestImpassable shows that whatever is to be reached on a way that
// this program does not know is not opened: no test, no sync, no look at the
// schema.
func TestImpassable(t *testing.T) {
	for name, way := range map[string]store.Way{
		"proxy agent a":             {Method: store.ViaProxyAgent, ProxyAgent: "a"},
		"private link l":            {Method: store.ViaPrivateLink, PrivateLink: "l"},
		"hybrid deployment agent h": {Method: store.Directly, HybridAgent: "h"},
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
					if !strings.Contains(text, want) {
						t.Errorf("got %q, want %q", text, want)
					}
				}
				o := f.run(ctx, Watch{})
				if o.Kind != store.RunFailed || o.Task == nil || o.Task.Code != "networking_not_supported" {
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
