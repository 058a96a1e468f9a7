// Package vaulttest stands in for HashiCorp Vault in tests: AppRole and the
// key-value engines, version 2 at secret/ and version 1 at kv/, as strict and
// with the same answers as the real one (HTTP API, 2026-11).
package vaulttest

import (
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A Vault serves on this machine, by TLS, until its test ends.
type Vault struct {
	URL       string
	Authority []byte // its certificate, in PEM's form
	RoleID    string
	SecretID  string
	Namespace string // that requests must name

	server *httptest.Server

	mu       sync.Mutex
	secrets  map[string]map[string]any // by path; nil: deleted
	tokens   map[string]int            // how often they may still be used
	uses     int                       // of a token; 0: any number
	banned   []string                  // paths
	answer   func(path string) (status int, retryAfter string)
	requests []string
}

// Start starts a Vault, in a namespace unless that is empty.
func Start(t testing.TB, namespace string) *Vault {
	t.Helper()
	v := &Vault{RoleID: rand.Text(), SecretID: "s3cret-" + rand.Text(), Namespace: namespace, secrets: map[string]map[string]any{}, tokens: map[string]int{}}
	v.server = httptest.NewTLSServer(v)
	t.Cleanup(v.server.Close)
	v.URL = v.server.URL
	v.Authority = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: v.server.Certificate().Raw})
	return v
}

// Config is what a secrets manager of the Vault has as its config.
func (v *Vault) Config() map[string]string {
	c := map[string]string{"vault_address": v.URL, "role_id": v.RoleID, "secret_id": v.SecretID}
	if v.Namespace != "" {
		c["namespace"] = v.Namespace
	}
	return c
}

// Put writes a secret; nil deletes it, so that version 2 remembers it.
func (v *Vault) Put(path string, fields map[string]any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.secrets[path] = fields
}

// Limit makes tokens good for some requests only, that which gives them back
// not counted; 0: any number.
func (v *Vault) Limit(uses int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.uses = uses
}

// Ban takes away the right to read paths, in place of those banned before.
func (v *Vault) Ban(paths ...string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.banned = paths
}

// Answer has requests answered with a status, unless it is 0.
func (v *Vault) Answer(f func(path string) (status int, retryAfter string)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.answer = f
}

// Requests returns the requests since it was last called: "GET path".
func (v *Vault) Requests() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	all := v.requests
	v.requests = nil
	return all
}

// Tokens returns how many tokens are out.
func (v *Vault) Tokens() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.tokens)
}

func (v *Vault) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	path, ok := strings.CutPrefix(r.URL.Path, "/v1/")
	v.requests = append(v.requests, r.Method+" "+path)
	w.Header().Set("Content-Type", "application/json")
	if v.answer != nil {
		if status, after := v.answer(path); status != 0 {
			if after != "" {
				w.Header().Set("Retry-After", after)
			}
			refuse(w, status, "Vault is sealed")
			return
		}
	}
	switch {
	case !ok:
		refuse(w, 404)
	case r.Header.Get("X-Vault-Namespace") != v.Namespace:
		refuse(w, 403, "permission denied")
	case path == "auth/approle/login" && r.Method == http.MethodPost:
		v.login(w, r)
	case !v.spend(r.Header.Get("X-Vault-Token"), path):
		refuse(w, 403, "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n")
	case path == "auth/token/revoke-self" && r.Method == http.MethodPost:
		delete(v.tokens, r.Header.Get("X-Vault-Token"))
		w.WriteHeader(http.StatusNoContent)
	case r.Method != http.MethodGet:
		refuse(w, 405)
	case slices.Contains(v.banned, path):
		refuse(w, 403, "1 error occurred:\n\t* permission denied\n\n")
	default:
		v.read(w, path)
	}
}

func (v *Vault) login(w http.ResponseWriter, r *http.Request) {
	var in map[string]string
	body, err := io.ReadAll(r.Body)
	if err != nil || json.Unmarshal(body, &in) != nil || in["role_id"] != v.RoleID || in["secret_id"] != v.SecretID {
		refuse(w, 400, fmt.Sprintf("invalid role or secret ID %s", in["secret_id"]))
		return
	}
	token := "hvs." + rand.Text()
	v.tokens[token] = v.uses
	if v.uses == 0 {
		v.tokens[token] = -1
	}
	reply(w, 200, map[string]any{"auth": map[string]any{"client_token": token, "lease_duration": 1200, "renewable": true}})
}

// spend reports whether a token is good, and takes one use from it.
func (v *Vault) spend(token, path string) bool {
	left, ok := v.tokens[token]
	if !ok || path == "auth/token/revoke-self" {
		return ok
	}
	if left == 0 {
		delete(v.tokens, token)
		return false
	}
	v.tokens[token] = left - 1
	return true
}

func (v *Vault) read(w http.ResponseWriter, path string) {
	if about, ok := strings.CutPrefix(path, "sys/internal/ui/mounts/"); ok {
		mount, _, _ := strings.Cut(about, "/")
		version, ok := map[string]string{"secret": "2", "kv": "1"}[mount]
		if !ok {
			refuse(w, 403, "preflight capability check returned 403, please ensure client's policies grant access to path \""+about+"/\"")
			return
		}
		reply(w, 200, map[string]any{"data": map[string]any{"path": mount + "/", "type": "kv", "options": map[string]string{"version": version}}})
		return
	}
	if name, ok := strings.CutPrefix(path, "secret/data/"); ok {
		fields, known := v.secrets["secret/"+name]
		switch {
		case !known:
			refuse(w, 404)
		case fields == nil:
			reply(w, 404, map[string]any{"data": map[string]any{"data": nil, "metadata": map[string]any{"deletion_time": "2026-11-25T00:00:00Z", "destroyed": false, "version": 1}}})
		default:
			reply(w, 200, map[string]any{"data": map[string]any{"data": fields, "metadata": map[string]any{"deletion_time": "", "version": 1}}})
		}
		return
	}
	fields := v.secrets[path]
	switch {
	case !strings.HasPrefix(path, "kv/"): // no policy speaks of it
		refuse(w, 403, "1 error occurred:\n\t* permission denied\n\n")
	case fields == nil:
		refuse(w, 404)
	default:
		reply(w, 200, map[string]any{"data": fields})
	}
}

func refuse(w http.ResponseWriter, status int, errors ...string) {
	reply(w, status, map[string]any{"errors": append([]string{}, errors...)})
}

func reply(w http.ResponseWriter, status int, body any) {
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}
