package secretsmanager

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/internal/vaulttest"
)

// kept is what vaults keep in the tests; nil: it is deleted.
var kept = map[string]map[string]any{
	"secret/db":          {"user": "ada", "password": "pw-one", "port": 5432},
	"secret/app/api key": {"token": "pw-two"},
	"secret/gone":        nil,
	"secret/private":     {"password": "x"},
	"kv/old":             {"password": "pw-three"},
}

// hashicorpTries are of what is kept; nobody may read secret/private.
var hashicorpTries = []try{
	{name: "fields", keys: keys("secret/db#user", "secret/db#password", "secret/db#port"), want: keys("ada", "pw-one", "5432")},
	{name: "the only field", keys: keys("secret/app/api key"), want: keys("pw-two")},
	{name: "slashes around", keys: keys("/secret/db/#user"), want: keys("ada")},
	{name: "version 1", keys: keys("kv/old#password", "kv/old"), want: keys("pw-three", "pw-three")},
	{name: "several fields", keys: keys("secret/db"), says: `"secret/db" of the field f0 could not be fetched from the external secrets manager "prod" (HashiCorp Vault): it has 3 fields. Add #`, todo: true},
	{name: "no field", keys: keys("secret/db#pin"), says: `it has no field "pin"`, todo: true},
	{name: "no secret", keys: keys("secret/none#a"), says: "404 Not Found. Check the path", todo: true},
	{name: "the API's path", keys: keys("secret/data/db#user"), says: "no data/ after it", todo: true},
	{name: "no secret of version 1", keys: keys("kv/none#a"), says: "404 Not Found", todo: true},
	{name: "deleted", keys: keys("secret/gone#a"), says: "its latest version is deleted", todo: true},
	{name: "no right", keys: keys("secret/private#password"), says: "permission denied. Give the AppRole a policy that may read the path secret/data/private", todo: true},
	{name: "another mount", keys: keys("elsewhere/x#a"), says: "permission denied. Give the AppRole a policy that may read the path elsewhere/x", todo: true},
	{name: "no path", keys: keys("secret/../sys/seal#a"), says: "it is no path", todo: true},
	{name: "empty path", keys: keys("#a"), says: "it is no path", todo: true},
}

func TestHashicorp(t *testing.T) {
	for _, namespace := range []string{"", "team/a"} {
		v := vaulttest.Start(t, namespace)
		f, _ := fetcher(t, v.Authority, nil)
		m := manager("HASHICORP_VAULT", v.Config())
		for path, fields := range kept {
			v.Put(path, fields)
		}
		v.Ban("secret/data/private")
		for _, tt := range hashicorpTries {
			tt.check(t, f, m, v.SecretID, "pw-")
		}
		if n := v.Tokens(); n != 0 {
			t.Errorf("%d tokens are still out", n)
		}
		for name, value := range map[string]string{"role_id": "other", "secret_id": "s3cret-other", "namespace": "team/b"} {
			c := v.Config()
			c[name] = value
			(&try{name: name, keys: keys("secret/db#user"), says: "Check vault_address, namespace, role_id and secret_id", todo: true}).
				check(t, f, manager("HASHICORP_VAULT", c), v.SecretID, "s3cret-other")
		}
	}
}

// TestHashicorpRotates shows that nothing is remembered.
func TestHashicorpRotates(t *testing.T) {
	v := vaulttest.Start(t, "")
	f, _ := fetcher(t, v.Authority, nil)
	m := manager("HASHICORP_VAULT", v.Config())
	for _, pw := range []string{"one", "two"} {
		v.Put("secret/db", map[string]any{"password": pw})
		(&try{name: pw, keys: keys("secret/db"), want: keys(pw)}).check(t, f, m)
	}
	want := []string{"POST auth/approle/login", "GET sys/internal/ui/mounts/secret/db", "GET secret/data/db", "POST auth/token/revoke-self"}
	if diff := cmp.Diff(append(slices.Clone(want), want...), v.Requests()); diff != "" {
		t.Error(diff)
	}
}

// TestHashicorpTokenEnds has a token be used up between two secrets.
func TestHashicorpTokenEnds(t *testing.T) {
	v := vaulttest.Start(t, "")
	v.Put("secret/a", map[string]any{"x": "1"})
	v.Put("secret/b", map[string]any{"x": "2"})
	f, _ := fetcher(t, v.Authority, nil)
	v.Limit(3)
	(&try{name: "3 uses", keys: keys("secret/a", "secret/b"), want: keys("1", "2")}).check(t, f, manager("HASHICORP_VAULT", v.Config()))
	v.Limit(1)
	(&try{name: "1 use", keys: keys("secret/a", "secret/b"), says: "permission denied", todo: true}).check(t, f, manager("HASHICORP_VAULT", v.Config()))
}

// TestPasses has a vault be away for a while, or for good.
func TestPasses(t *testing.T) {
	for _, tt := range []struct {
		name, after string
		status      int
		times       int
		want        []time.Duration
		says        string
	}{
		{"throttled", "3", 429, 1, []time.Duration{3 * time.Second}, ""},
		{"sealed", "", 503, 2, []time.Duration{time.Second, 2 * time.Second}, ""},
		{"sealed for long", "", 503, 9, []time.Duration{time.Second, 2 * time.Second}, "it answered 503 Service Unavailable: Vault is sealed"},
		{"throttled for long", "60", 429, 9, nil, "it answered 429 Too Many Requests"},
		{"broken", "", 500, 9, []time.Duration{time.Second, 2 * time.Second}, "it answered 500 Internal Server Error"},
	} {
		v := vaulttest.Start(t, "")
		v.Put("secret/a", map[string]any{"x": "1"})
		f, waits := fetcher(t, v.Authority, nil)
		n := 0
		v.Answer(func(path string) (int, string) {
			if n++; n <= tt.times {
				return tt.status, tt.after
			}
			return 0, ""
		})
		try := try{name: tt.name, keys: keys("secret/a"), want: keys("1")}
		if tt.says != "" {
			try.want, try.says = nil, tt.says
		}
		try.check(t, f, manager("HASHICORP_VAULT", v.Config()))
		if diff := cmp.Diff(tt.want, *waits, cmp.Transformer("", func(d []time.Duration) []time.Duration { return append([]time.Duration{}, d...) })); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
	v := vaulttest.Start(t, "")
	f, _ := fetcher(t, v.Authority, nil)
	v.Answer(func(string) (int, string) { return 307, "" })
	(&try{name: "redirect", keys: keys("secret/a"), says: "Give the address that it leads to", todo: true}).check(t, f, manager("HASHICORP_VAULT", v.Config()))
	f, _ = fetcher(t, nil, nil)
	(&try{name: "certificate", keys: keys("secret/a"), says: "--outside-ca", todo: true}).check(t, f, manager("HASHICORP_VAULT", v.Config()))
}

func TestUnlikely(t *testing.T) {
	v := vaulttest.Start(t, "")
	f, _ := fetcher(t, v.Authority, nil)
	v.Answer(func(string) (int, string) { return 200, "" })
	(&try{name: "no Vault", keys: keys("secret/a"), says: "without a token. Check that vault_address leads to Vault", todo: true}).check(t, f, manager("HASHICORP_VAULT", v.Config()))
	v.Answer(func(path string) (int, string) {
		if strings.HasPrefix(path, "auth/") {
			return 0, ""
		}
		return 200, ""
	})
	(&try{name: "no data", keys: keys("secret/a"), says: "without data", todo: true}).check(t, f, manager("HASHICORP_VAULT", v.Config()))
}
