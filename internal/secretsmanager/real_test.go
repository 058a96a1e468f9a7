//go:build vault

package secretsmanager

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"testing"
)

// TestRealVault is TestHashicorp with HashiCorp's own Vault: an empty one that
// serves for nothing else, with the key-value engine at secret/ or not. It has a
// build tag because nothing that Penstock is built with brings a Vault.
func TestRealVault(t *testing.T) {
	u, err := url.Parse(os.Getenv("PENSTOCK_TEST_VAULT"))
	if err != nil || u.Host == "" {
		t.Fatal("PENSTOCK_TEST_VAULT names no vault: http://ROOTTOKEN@127.0.0.1:8200")
	}
	call := func(method, path string, body any) (out struct {
		Data struct {
			RoleID   string `json:"role_id"`
			SecretID string `json:"secret_id"`
		}
	}) {
		t.Helper()
		js, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+u.Host+"/v1/"+path, bytes.NewReader(js))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Vault-Token", u.User.Username())
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		json.NewDecoder(res.Body).Decode(&out)
		t.Log(method, path, res.Status)
		return out
	}
	type object = map[string]any
	call("POST", "sys/auth/approle", object{"type": "approle"}) // or it is there
	call("POST", "sys/mounts/secret", object{"type": "kv", "options": object{"version": "2"}})
	call("POST", "sys/mounts/kv", object{"type": "kv", "options": object{"version": "1"}})
	call("PUT", "sys/policies/acl/penstock", object{"policy": `path "secret/data/*" { capabilities = ["read"] }
		path "secret/data/private" { capabilities = ["deny"] }
		path "kv/*" { capabilities = ["read"] }`})
	call("POST", "auth/approle/role/penstock", object{"token_policies": "penstock", "token_ttl": "60s"})
	for path, fields := range kept {
		switch escaped := (&url.URL{Path: path}).EscapedPath(); {
		case escaped[:3] == "kv/":
			call("POST", escaped, fields)
		case fields == nil:
			call("POST", "secret/data/"+escaped[7:], object{"data": object{"x": "y"}})
			call("DELETE", "secret/data/"+escaped[7:], nil)
		default:
			call("POST", "secret/data/"+escaped[7:], object{"data": fields})
		}
	}
	config := map[string]string{"vault_address": "https://vault.example.com",
		"role_id":   call("GET", "auth/approle/role/penstock/role-id", nil).Data.RoleID,
		"secret_id": call("POST", "auth/approle/role/penstock/secret-id", nil).Data.SecretID}
	f, _ := fetcher(t, nil, map[string]string{"HASHICORP_VAULT": "http://" + u.Host})
	for _, tt := range hashicorpTries {
		tt.check(t, f, manager("HASHICORP_VAULT", config), config["secret_id"], "pw-")
	}
	call("POST", "auth/approle/role/penstock", object{"token_policies": "penstock", "token_num_uses": 3})
	(&try{name: "3 uses", keys: keys("secret/db#user", "kv/old"), want: keys("ada", "pw-three")}).check(t, f, manager("HASHICORP_VAULT", config))
	config["secret_id"] = "s3cret-other"
	(&try{name: "secret_id", keys: keys("secret/db#user"), says: "it answered 400 Bad Request: invalid role or secret ID. Check vault_address", todo: true}).
		check(t, f, manager("HASHICORP_VAULT", config), "s3cret-other")
}
