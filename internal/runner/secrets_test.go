package runner

import (
	"crypto/x509"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/internal/outside"
	"github.com/penstock-data/penstock/internal/secretsmanager"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/internal/vaulttest"
	"github.com/penstock-data/penstock/setup"
)

// keepElsewhere has a vault keep the key of the connection's source, and of the
// destination, whose config as it is opened with is put into target.
func (f *fixture) keepElsewhere(v *vaulttest.Vault, target *string) *store.SecretsManager {
	f.t.Helper()
	p := outside.Policy{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Roots: x509.NewCertPool()}
	p.Roots.AppendCertsFromPEM(v.Authority)
	f.runner.Secrets = secretsmanager.New(p, nil)
	svc := f.runner.destinations["target"]
	open := svc.Open
	svc.Config = setup.Describe("Target", settings{})
	svc.Open = func(raw json.RawMessage, env destination.Env) (destination.Destination, error) {
		*target = string(raw)
		return open(raw, env)
	}
	config, err := json.Marshal(v.Config())
	f.ok(err)
	g, err := f.store.Group(ctx, "g")
	f.ok(err)
	m := &store.SecretsManager{AccountID: g.AccountID, Type: "HASHICORP_VAULT", Name: "team vault", Config: config}
	f.ok(f.store.CreateSecretsManager(ctx, m))
	_, err = f.store.UpdateConnection(ctx, "c", func(c *store.Connection) error {
		c.SecretsManagerID, c.SecretsKeys, c.Config = m.ID, map[string]string{"key": "secret/app#token"}, json.RawMessage(`{"schema":"app"}`)
		return nil
	})
	f.ok(err)
	_, err = f.store.UpdateDestination(ctx, "g", func(d *store.Destination) error {
		d.SecretsManagerID, d.SecretsKeys, d.Config = m.ID, map[string]string{"key": "secret/app#other", "schema": "secret/name"}, json.RawMessage(`{"key":"of before"}`)
		return nil
	})
	f.ok(err)
	return m
}

// TestSecrets fetches what a vault keeps whenever something is opened.
func TestSecrets(t *testing.T) {
	f, v := newFixture(t), vaulttest.Start(t, "")
	var target string
	f.keepElsewhere(v, &target)
	v.Put("secret/name", map[string]any{"v": "s"})
	for _, token := range []string{"one", "two"} { // it rotates
		v.Put("secret/app", map[string]any{"token": token, "other": "pw-" + token})
		for what, open := range map[string]func(){
			"sync": func() {
				if o := f.run(ctx, Watch{}); o.Kind != store.RunSucceeded {
					t.Errorf("%+v", o)
				}
			},
			"test":        func() { _, err := f.runner.TestConnection(ctx, "c", Trust{}); f.ok(err) },
			"destination": func() { _, err := f.runner.TestDestination(ctx, "g", Trust{}); f.ok(err) },
			"capture":     func() { _, _, err := f.runner.Capture(ctx, "c"); f.ok(err) },
			"look": func() {
				l, err := f.runner.openLook(ctx, "c")
				f.ok(err)
				l.close()
			},
		} {
			f.config, target = "", ""
			open()
			source, dest := `{"schema":"app","key":"`+token+`"}`, `{"schema":"s","key":"pw-`+token+`"}`
			switch what {
			case "test", "capture":
				dest = ""
			case "destination":
				source = ""
			}
			if f.config != source || target != dest {
				t.Errorf("%s: opened with %s and %s", what, f.config, target)
			}
		}
	}
	c, err := f.store.Connection(ctx, "c")
	f.ok(err)
	if string(c.Config) != `{"schema":"app"}` {
		t.Errorf("stored: %s", c.Config)
	}
	if diff := cmp.Diff([]setup.TestResult{{Title: titleSecrets, Status: setup.Passed}}, c.SetupTests); diff != "" || c.SetupState != store.Connected {
		t.Errorf("%s: %s", c.SetupState, diff)
	}
	if n := v.Tokens(); n != 0 {
		t.Errorf("%d tokens are out", n)
	}
}

// TestSecretsTrouble has a vault not give what it keeps: whether a person has
// to act is told apart.
func TestSecretsTrouble(t *testing.T) {
	f, v := newFixture(t), vaulttest.Start(t, "")
	var target string
	m := f.keepElsewhere(v, &target)
	v.Put("secret/name", map[string]any{"v": "s"})
	v.Put("secret/app", map[string]any{"token": "t", "other": "o"})
	for _, tt := range []struct {
		name   string
		spoil  func()
		status setup.Status
		code   string // of the task; "": none, it is tried again
		says   string
		state  string
	}{
		{"good", func() {}, setup.Passed, "", "", store.Connected},
		{"away", func() { v.Answer(func(string) (int, string) { return 429, "60" }) }, setup.JobFailed, "", `"team vault" (HashiCorp Vault): it answered 429`, store.Connected},
		{"right taken away", func() { v.Answer(nil); v.Ban("secret/data/app") }, setup.Failed, "secrets_not_fetched", "The secret \"secret/app#token\" of the field key could not be fetched", store.Broken},
		{"away again", func() { v.Answer(func(string) (int, string) { return 429, "60" }) }, setup.JobFailed, "", `it answered 429`, store.Broken},
		{"mended", func() { v.Answer(nil); v.Ban() }, setup.Passed, "", "", store.Connected},
		{"empty", func() { v.Put("secret/app", map[string]any{"token": ""}) }, setup.Failed, "secrets_not_fetched", `its field "token" is empty`, store.Broken},
		{"for agents", func() {
			_, err := f.store.UpdateSecretsManager(ctx, m.ID, f.runner.Now(), func(m *store.SecretsManager) error { m.Hybrid = true; return nil })
			f.ok(err)
		}, setup.Failed, "secrets_manager_not_supported", `"team vault", which is for hybrid deployment agents`, store.Broken},
		{"gone", func() {
			_, err := f.store.UpdateConnection(ctx, "c", func(c *store.Connection) error { c.SecretsManagerID = "x"; return nil })
			f.ok(err)
		}, setup.Failed, "secrets_not_fetched", "The external secrets manager x of the source is gone", store.Broken},
	} {
		tt.spoil()
		f.config = ""
		c, err := f.runner.TestConnection(ctx, "c", Trust{})
		f.ok(err)
		if len(c.SetupTests) != 1 || c.SetupTests[0].Title != titleSecrets || c.SetupTests[0].Status != tt.status ||
			!strings.Contains(c.SetupTests[0].Message, tt.says) || c.SetupState != tt.state || (len(c.Tasks) > 0) != (tt.state == store.Broken) {
			t.Errorf("%s: tests %+v, %s, %+v", tt.name, c.SetupTests, c.SetupState, c.Tasks)
		}
		if tt.status == setup.Passed {
			continue
		}
		o := f.run(ctx, Watch{})
		if o.Kind != store.RunFailed || !strings.Contains(o.Reason, tt.says) || (o.Task != nil) != (tt.code != "") || o.Task != nil && o.Task.Code != tt.code {
			t.Errorf("%s: outcome %+v", tt.name, o)
		}
		if _, _, err := f.runner.Capture(ctx, "c"); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: capture: %v", tt.name, err)
		}
		if f.config != "" {
			t.Errorf("%s: it was opened", tt.name)
		}
	}
	if target != "" {
		t.Error("the destination was opened")
	}
	d, err := f.runner.TestDestination(ctx, "g", Trust{})
	f.ok(err)
	if d.SetupTests[0].Status != setup.Failed || !strings.Contains(d.SetupTests[0].Message, "secrets of the destination are kept") {
		t.Errorf("the destination: %+v", d.SetupTests)
	}
}
