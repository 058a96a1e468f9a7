package secretsmanager

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// An azure is Microsoft's login, the machine's identity, and a key vault.
type azure struct {
	scope    string // the tokens' resource
	secrets  map[string]string
	disabled string
	tokens   int // given so far
	expired  int // the tokens up to this one have ended
	busy     int // requests still to be answered 429
	identity bool
}

func (a *azure) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	say := func(status int, body any) {
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(body)
	}
	refuse := func(status int, code, message string) {
		say(status, map[string]any{"error": map[string]string{"code": code, "message": message}})
	}
	token := func() {
		a.tokens++
		say(200, map[string]any{"token_type": "Bearer", "expires_in": 3599, "access_token": fmt.Sprintf("t0ken-%d", a.tokens)})
	}
	r.ParseForm()
	f, q := r.PostForm, r.URL.Query()
	switch name, vault := strings.CutPrefix(r.URL.Path, "/secrets/"); {
	case a.busy > 0:
		a.busy--
		w.Header().Set("Retry-After", "4")
		refuse(429, "Throttled", "Request was not processed because too many requests were received.")
	case r.URL.Path == "/tenant-1/oauth2/v2.0/token" && r.Method == http.MethodPost:
		federated := f.Get("client_assertion") == "federated" && f.Get("client_assertion_type") == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
		if f.Get("grant_type") != "client_credentials" || f.Get("client_id") != "app" || f.Get("scope") != a.scope+"/.default" || f.Get("client_secret") != "app-secret" && !federated {
			say(401, map[string]any{"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided: " + f.Get("client_secret") + ".\r\nTrace ID: 1\r\nCorrelation ID: 2"})
			return
		}
		token()
	case strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/token"):
		say(400, map[string]any{"error": "invalid_request", "error_description": "AADSTS90002: Tenant not found."})
	case r.URL.Path == "/metadata/identity/oauth2/token":
		if !a.identity || r.Header.Get("Metadata") != "true" || q.Get("api-version") != "2018-02-01" || q.Get("resource") != a.scope {
			say(400, map[string]any{"error": "invalid_request", "error_description": "Identity not found"})
			return
		}
		token()
	case !vault:
		refuse(404, "NotFound", "")
	case q.Get("api-version") != "7.4":
		refuse(400, "BadParameter", "The specified version () is not recognized.")
	case r.Header.Get("Authorization") != fmt.Sprintf("Bearer t0ken-%d", a.tokens) || a.tokens <= a.expired:
		refuse(401, "Unauthorized", "[TokenExpired] Error validating token.")
	case name == "private":
		refuse(403, "Forbidden", "Caller is not authorized to perform action on resource.")
	case name == a.disabled:
		refuse(403, "Forbidden", "Operation get is not allowed on a disabled secret.")
	case a.secrets[name] == "":
		refuse(404, "SecretNotFound", "A secret with (name/id) "+name+" was not found in this key vault.")
	default:
		say(200, map[string]any{"value": a.secrets[name], "id": "https://v.vault.azure.net/secrets/" + name + "/1", "attributes": map[string]any{"enabled": true}})
	}
}

// inAzure makes this server somebody in Azure.
func inAzure(t *testing.T, id, secret, file string) {
	t.Setenv("AZURE_CLIENT_ID", id)
	t.Setenv("AZURE_CLIENT_SECRET", secret)
	t.Setenv("AZURE_FEDERATED_TOKEN_FILE", file)
}

func TestAzure(t *testing.T) {
	inAzure(t, "app", "app-secret", "")
	a := &azure{scope: "https://vault.azure.net", secrets: map[string]string{"db-password": "pw-one", "db": `{"user":"ada","password":"pw-two"}`}, disabled: "off"}
	srv := httptest.NewServer(a)
	defer srv.Close()
	f, waits := fetcher(t, nil, map[string]string{"AZURE_KEY_VAULT": srv.URL})
	m := manager("AZURE_KEY_VAULT", map[string]string{"vault_url": "https://Prod.vault.azure.net/", "tenant_id": "tenant-1"})
	hidden := []string{"pw-", "app-secret", "t0ken"}
	for _, tt := range []try{
		{name: "texts and fields", keys: keys("db-password", "db#user", "db#password"), want: keys("pw-one", "ada", "pw-two")},
		{name: "no secret", keys: keys("none"), says: "404 Not Found: A secret with (name/id) none was not found in this key vault. Check the secret's name", todo: true},
		{name: "no right", keys: keys("private"), says: "Key Vault Secrets User", todo: true},
		{name: "disabled", keys: keys("off"), says: "not allowed on a disabled secret", todo: true},
		{name: "no name", keys: keys("a/b"), says: "it is no name of a secret", todo: true},
		{name: "empty name", keys: keys("#x"), says: "it is no name of a secret", todo: true},
	} {
		tt.check(t, f, m, hidden...)
	}

	a.expired = a.tokens + 1
	(&try{name: "ended", keys: keys("db-password"), want: keys("pw-one")}).check(t, f, m)
	a.expired = a.tokens + 9
	(&try{name: "ends at once", keys: keys("db-password"), says: "[TokenExpired]", todo: true}).check(t, f, m, hidden...)
	a.expired = 0
	a.busy = 1
	(&try{name: "busy", keys: keys("db-password"), want: keys("pw-one")}).check(t, f, m)
	if diff := cmp.Diff([]time.Duration{4 * time.Second}, *waits); diff != "" {
		t.Error(diff)
	}
	a.busy = 9
	(&try{name: "busy for long", keys: keys("db-password"), says: "too many requests"}).check(t, f, m)
	a.busy = 0

	for _, tt := range []struct{ url, tenant, says string }{
		{"https://prod.vault.azure.net.example.com", "tenant-1", "none of Azure Key Vault's"},
		{"https://examplevault.azure.net", "tenant-1", "none of Azure Key Vault's"},
		{"https://prod.vault.azure.net:8443", "tenant-1", "none of Azure Key Vault's"},
		{"http://prod.vault.azure.net", "tenant-1", "it begins with https"},
		{"https://prod.vault.azure.net", "../x", "its tenant_id is malformed"},
		{"https://prod.vault.azure.net", "tenant-2", "the login was refused: AADSTS90002: Tenant not found. Check tenant_id"},
	} {
		(&try{name: tt.url + tt.tenant, keys: keys("db"), says: tt.says, todo: true}).
			check(t, f, manager("AZURE_KEY_VAULT", map[string]string{"vault_url": tt.url, "tenant_id": tt.tenant}))
	}

	// Another cloud has other tokens.
	a.scope = "https://vault.azure.cn"
	(&try{name: "China", keys: keys("db#user"), want: keys("ada")}).check(t, f, manager("AZURE_KEY_VAULT", map[string]string{"vault_url": "https://prod.vault.azure.cn", "tenant_id": "tenant-1"}))
	a.scope = "https://vault.azure.net"

	inAzure(t, "app", "wrong-secret", "")
	(&try{name: "wrong secret", keys: keys("db"), says: "Invalid client secret provided: ******. Check", todo: true}).check(t, f, m, "wrong-secret", "Trace")
	file := filepath.Join(t.TempDir(), "token")
	inAzure(t, "app", "", file)
	(&try{name: "no token", keys: keys("db"), says: "cannot read its federated token", todo: true}).check(t, f, m, file)
	if err := os.WriteFile(file, []byte("federated\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	(&try{name: "federated", keys: keys("db#user"), want: keys("ada")}).check(t, f, m)
	inAzure(t, "", "", "")
	(&try{name: "nobody", keys: keys("db#user"), says: "this server is nobody in Azure", todo: true}).check(t, f, m)
	a.identity = true
	(&try{name: "managed identity", keys: keys("db#user"), want: keys("ada")}).check(t, f, m)
}
