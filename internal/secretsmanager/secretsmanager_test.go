package secretsmanager

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/internal/outside"
	"github.com/penstock-data/penstock/setup"
)

// fetcher returns a Fetcher that reaches this machine, believes an authority,
// and notes how long it would have waited.
func fetcher(t *testing.T, authority []byte, endpoints map[string]string) (*Fetcher, *[]time.Duration) {
	t.Helper()
	p := outside.Policy{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}, Roots: x509.NewCertPool()}
	p.Roots.AppendCertsFromPEM(authority)
	f, waits := New(p, endpoints), &[]time.Duration{}
	f.pause = func(ctx context.Context, d time.Duration) error { *waits = append(*waits, d); return ctx.Err() }
	return f, waits
}

func manager(kind string, config map[string]string) *Manager {
	c, _ := json.Marshal(config)
	return &Manager{Type: kind, Name: "prod", Config: c}
}

// A try is a Fetch and what is to come of it.
type try struct {
	name string
	keys map[string]string
	want map[string]string // nil: an error
	says string            // what the error holds
	todo bool              // it is a problem that a person has to mend
}

func (tt *try) check(t *testing.T, f *Fetcher, m *Manager, secrets ...string) {
	t.Helper()
	got, err := f.Fetch(t.Context(), m, tt.keys)
	if diff := cmp.Diff(tt.want, got); diff != "" || (err == nil) != (tt.want != nil) {
		t.Errorf("%s: %s (%v)", tt.name, diff, err)
	}
	if err == nil {
		return
	}
	p := setup.AsProblem(err)
	if (p != nil) != tt.todo || p != nil && p.Code != "secrets_not_fetched" || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), `"prod"`) {
		t.Errorf("%s: %#v: %v, want it to say %q", tt.name, p, err, tt.says)
	}
	for _, s := range secrets {
		if strings.Contains(err.Error(), s) {
			t.Errorf("%s: a secret is in the error: %v", tt.name, err)
		}
	}
}

func TestValue(t *testing.T) {
	doc := `{"a":"x","n":12.50,"b":true,"o":{},"l":[1],"e":"","z":null}`
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal([]byte(doc), &fields); err != nil {
		t.Fatal(err)
	}
	one := map[string]json.RawMessage{"only": json.RawMessage(`"v"`)}
	for _, tt := range []struct {
		secret
		field, want, err string
	}{
		{secret{text: "plain\n"}, "", "plain\n", ""},
		{secret{text: doc}, "", doc, ""},
		{secret{text: doc}, "a", "x", ""},
		{secret{text: doc}, "n", "12.50", ""},
		{secret{text: doc}, "b", "true", ""},
		{secret{text: doc}, "o", "", `its field "o" is no text`},
		{secret{text: doc}, "l", "", `its field "l" is no text`},
		{secret{text: doc}, "e", "", `its field "e" is empty`},
		{secret{text: doc}, "z", "", `its field "z" is empty`},
		{secret{text: doc}, "q", "", `it has no field "q"`},
		{secret{text: "plain"}, "a", "", "it is no JSON object"},
		{secret{text: "null"}, "a", "", "it is no JSON object"},
		{secret{}, "", "", "it is empty"},
		{secret{fields: one}, "", "v", ""},
		{secret{fields: one}, "only", "v", ""},
		{secret{fields: fields}, "", "", "it has 7 fields"},
		{secret{fields: map[string]json.RawMessage{}}, "", "", "it has 0 fields"},
	} {
		got, err := tt.value(tt.field)
		if got != tt.want || (err == nil) != (tt.err == "") || err != nil && err.Error() != tt.err {
			t.Errorf("%q#%s: %q, %v", tt.text, tt.field, got, err)
		}
	}
}

func TestClean(t *testing.T) {
	v := &via{hidden: []string{"", "pw"}}
	for in, want := range map[string]string{
		"bad pw:\n\tno.": "bad ******: no", "": "", "\x1b[31mred": "[31mred",
		strings.Repeat("ä", 400): strings.Repeat("ä", 300) + "…",
	} {
		if got := v.clean(in); got != want {
			t.Errorf("%q becomes %q", in, got)
		}
	}
}

func TestNotThere(t *testing.T) {
	f, _ := fetcher(t, nil, nil)
	if _, err := f.Fetch(t.Context(), &Manager{Type: "X"}, nil); err == nil || !strings.Contains(err.Error(), "no secrets manager X") {
		t.Error(err)
	}
	for _, tt := range []struct {
		address, says string
		todo          bool
	}{
		{"https://192.168.1.1:8200", "--outside-networks", true},
		{"https://127.0.0.1:1", "connection refused", false},
		{"http://127.0.0.1:1", "it begins with https", true},
		{"https://nobody.invalid", "could not be looked up", false},
		{"", "it is not a URL", true},
	} {
		m := manager("HASHICORP_VAULT", map[string]string{"vault_address": tt.address, "role_id": "r", "secret_id": "s3cret"})
		(&try{name: tt.address, keys: map[string]string{"password": "secret/db#pw"}, says: tt.says, todo: tt.todo}).check(t, f, m, "s3cret")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Fetch(ctx, manager("HASHICORP_VAULT", map[string]string{"vault_address": "https://127.0.0.1:1"}), nil); err != context.Canceled {
		t.Error(err)
	}
}

func keys(all ...string) map[string]string {
	m := map[string]string{}
	for i := range all {
		m[fmt.Sprintf("f%d", i)] = all[i]
	}
	return m
}
