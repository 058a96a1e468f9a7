package salesforce

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/salesforce/simulator"
	"github.com/penstock-data/penstock/setup"
)

// A pair is a key and its certificate, as files.
type pair struct {
	key, certificate string
	parsed           *x509.Certificate
}

func newPair(t *testing.T, user string, until time.Time) pair {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	check(t, err)
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: user}, NotBefore: began.Add(-time.Hour), NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	check(t, err)
	c, err = x509.ParseCertificate(der)
	check(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	check(t, err)
	block := func(kind string, b []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}))
	}
	return pair{block("PRIVATE KEY", private), block("CERTIFICATE", der), c}
}

func TestLogins(t *testing.T) {
	next := began.AddDate(1, 0, 0)
	good, other, old := newPair(t, simulator.DefaultUsername, next), newPair(t, "x@example.com", next), newPair(t, simulator.DefaultUsername, began.Add(-time.Minute))
	unnamed := pair{key: good.key}
	client := map[string]any{"client_id": simulator.DefaultClientID, "client_secret": simulator.DefaultClientSecret}
	signed := func(p pair, certificate string) map[string]any {
		return map[string]any{"authentication_method": "ADVANCED", "private_key": p.key, "certificate": certificate, ".auth": map[string]any{"client_access": client}}
	}
	with := func(config map[string]any, name string, v any) map[string]any {
		config[name] = v
		return config
	}
	for _, c := range []struct {
		name   string
		config map[string]any
		fails  string // the title of the test that fails; "": none
		words  string // that it or the opening of the source fails with
	}{
		{"refresh token", nil, "", ""},
		{"client credentials", map[string]any{"base_url": "https://acme.my.salesforce.com", ".auth": map[string]any{"client_access": client}}, "", ""},
		{"certificate", signed(good, good.certificate), "", ""},
		{"key of who was logged in", with(signed(unnamed, ""), "connecting_user", simulator.DefaultUsername), "", ""},
		{"key, and a first login", map[string]any{"authentication_method": "ADVANCED", "private_key": good.key}, "", ""},
		{"key of nobody", signed(unnamed, ""), testLogin, "which user to log in as"},
		{"another certificate", signed(other, other.certificate), testLogin, "user x@example.com is pre-authorized"},
		{"expired", signed(old, old.certificate), testCertificate, "2026-03-02 only"},
		{"mixed up", signed(good, other.certificate), "", "do not belong together"},
		{"no key", map[string]any{"authentication_method": "ADVANCED"}, "", "needs a private_key"},
		{"key of another kind", signed(pair{key: "secret"}, ""), "", "not an RSA key"},
		{"nothing", map[string]any{".auth": map[string]any{}}, testLogin, "nothing to log in with"},
		{"base_url without https", map[string]any{"base_url": "http://acme.my.salesforce.com"}, "", "My Domain"},
		{"base_url with a path", map[string]any{"base_url": "https://acme.my.salesforce.com/x"}, "", "My Domain"},
		{"limit", map[string]any{"api_usage_limit": 95}, "", "from 50 to 90"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := newOrg(t, simulator.Options{})
			check(t, o.Register(good.parsed))
			for name, v := range c.config {
				o.config[name] = v
			}
			raw, _ := json.Marshal(o.config)
			if c.fails == "" && c.words != "" {
				_, err := open(raw, connector.Env{}, Service.Name, "")
				if p := setup.AsProblem(err); p == nil || !strings.Contains(p.Message, c.words) {
					t.Errorf("got %v, want %q", err, c.words)
				}
				return
			}
			s := o.open(t)
			results := s.Test(t.Context())
			last := results[len(results)-1]
			if c.fails != "" {
				if last.Title != c.fails || last.Status != setup.Failed || !strings.Contains(last.Message, c.words) || strings.Contains(last.Message, simulator.DefaultClientSecret) {
					t.Errorf("got %+v, want %s to fail with %q", last, c.fails, c.words)
				}
				return
			}
			if last.Title != testUsage || last.Status != setup.Passed {
				t.Errorf("got %+v", results)
			}
			want := map[string]string{"connecting_user": simulator.DefaultUsername, "connecting_user_email": simulator.DefaultUsername, "organization_id": simulator.OrganizationID}
			if diff := cmp.Diff(want, s.Learned()); diff != "" {
				t.Error(diff)
			}
			o.mustSync(t, o.model(), "Account")
		})
	}
}

func TestUsageTest(t *testing.T) {
	o := newOrg(t, simulator.Options{DailyRequests: 1000})
	o.SetUsage(890)
	if r := o.open(t).Test(t.Context()); r[len(r)-1].Status != setup.Passed {
		t.Errorf("got %+v", r)
	}
	o.SetUsage(899)
	if r := o.open(t).Test(t.Context()); r[len(r)-1].Status == setup.Passed || !strings.Contains(r[len(r)-1].Message, "of 1000 requests") {
		t.Errorf("got %+v", r)
	}
	unreachable := o.open(t)
	unreachable.env.HTTP = nil
	unreachable.address = "http://127.0.0.1:1"
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if r := unreachable.Test(ctx); r[0].Title != testConnect || r[0].Status != setup.Failed || !strings.Contains(r[0].Message, "127.0.0.1:1 could not be reached") {
			t.Errorf("got %+v", r)
		}
	})
}

// A refresh token that is replaced with each use is stored each time, and a
// source that cannot store it does not go on.
func TestRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, simulator.Options{RotateTokens: true, SessionRequests: 2})
		o.adapt = single
		auth := o.config[".auth"].(map[string]any)
		stores := 0
		o.rotate = func(ctx context.Context, exchange func(json.RawMessage) (setup.Secrets, error)) error {
			raw, _ := json.Marshal(o.config)
			secrets, err := exchange(raw)
			if err != nil || secrets == nil {
				return err
			}
			if stores++; stores == 5 {
				stores++
				return errors.New("the store is down")
			}
			auth["refresh_token"] = secrets[".auth/refresh_token"]
			return nil
		}
		m := o.model()
		for range 3 {
			err := o.sync(t, m, "Account", "Contact")
			if (err != nil) != (stores == 6) {
				t.Fatalf("after %d stores: %v", stores, err)
			}
			if stores == 6 { // the token of that exchange is lost
				stores = 7
				auth["refresh_token"] = o.RefreshToken()
			}
			o.Advance(time.Hour)
		}
		o.equal(t, m, "Account")
		o.equal(t, m, "Contact")
		if auth["refresh_token"] != o.RefreshToken() || stores < 8 {
			t.Errorf("after %d stores the token is not the one that is good", stores)
		}
	})
}
