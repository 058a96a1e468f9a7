package secretsmanager

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/penstock-data/penstock/internal/outside"
	"github.com/penstock-data/penstock/setup"
)

// hashicorpVault is HashiCorp Vault, and OpenBao, by Vault's HTTP API (read
// 2026-11): login by AppRole at auth/approle, secrets of the key-value engine,
// versions 1 and 2. A secret's name is its path as `vault kv get` has it,
// which begins with the engine's mount.
var hashicorpVault = &Type{
	ID: "HASHICORP_VAULT", title: "HashiCorp Vault", said: saidByVault, open: openHashicorp,
	Config: setup.Describe("HashiCorp Vault", hashicorpConfig{}),
}

type hashicorpConfig struct {
	VaultAddress string `json:"vault_address" required:"true"`
	RoleID       string `json:"role_id" required:"true"`
	SecretID     string `json:"secret_id" required:"true" secret:"true"`
	Namespace    string `json:"namespace"`
}

// A hashicorpReader has logged in.
type hashicorpReader struct {
	*via
	hashicorpConfig
	token string
	again bool // it has logged in a second time
}

func openHashicorp(ctx context.Context, v *via, config json.RawMessage) (reader, error) {
	h := &hashicorpReader{via: v}
	if err := setup.Decode(config, &h.hashicorpConfig); err != nil {
		return nil, err
	}
	if v.endpoint != "" {
		h.VaultAddress = v.endpoint
	} else if err := outside.CheckURL(h.VaultAddress, "https"); err != nil {
		return nil, &refusal{reason: "its vault_address is of no use: " + err.Error(), todo: "Correct vault_address."}
	}
	h.VaultAddress = strings.TrimRight(h.VaultAddress, "/")
	v.hidden = append(v.hidden, h.SecretID)
	return h, h.login(ctx)
}

func (h *hashicorpReader) login(ctx context.Context) error {
	body, err := json.Marshal(map[string]string{"role_id": h.RoleID, "secret_id": h.SecretID})
	if err != nil {
		return err
	}
	a, err := h.call(ctx, http.MethodPost, "auth/approle/login", body)
	if err != nil {
		return err
	}
	if !a.ok() {
		return h.refused(a, "", "Check vault_address, namespace, role_id and secret_id, and that the AppRole and its secret id have not been taken back.")
	}
	var login struct {
		Auth struct {
			Token string `json:"client_token"`
		}
	}
	if json.Unmarshal(a.body, &login) != nil || login.Auth.Token == "" {
		return h.refused(a, "without a token", "Check that vault_address leads to Vault, and that the AppRole needs no second factor.")
	}
	h.token = login.Auth.Token
	h.hidden = append(h.hidden, h.token)
	return nil
}

// read finds out the engine's version, as Vault's own command line does: by
// the mount of the path.
func (h *hashicorpReader) read(ctx context.Context, name string) (s secret, err error) {
	segments := strings.Split(strings.Trim(name, "/"), "/")
	if slices.ContainsFunc(segments, func(s string) bool { return s == "" || s == "." || s == ".." }) {
		return s, &refusal{reason: "it is no path", todo: "Write it as for vault kv get: secret/name#field."}
	}
	for i := range segments {
		segments[i] = url.PathEscape(segments[i])
	}
	path := strings.Join(segments, "/")
	var mount struct {
		Data struct {
			Path    string
			Options struct{ Version string }
		}
	}
	a, err := h.get(ctx, "sys/internal/ui/mounts/"+path)
	if err != nil {
		return s, err
	}
	if a.ok() && json.Unmarshal(a.body, &mount) == nil && mount.Data.Options.Version == "2" && strings.HasPrefix(path+"/", mount.Data.Path) {
		return h.version2(ctx, mount.Data.Path, strings.TrimPrefix(path, mount.Data.Path))
	}
	a, err = h.get(ctx, path) // also where the mount is not told
	if err != nil {
		return s, err
	}
	if !a.ok() {
		return s, h.notRead(a, path)
	}
	var kv struct{ Data map[string]json.RawMessage }
	if json.Unmarshal(a.body, &kv) != nil || kv.Data == nil {
		return s, h.refused(a, "without data", "Name a secret of a key-value engine.")
	}
	return secret{fields: kv.Data}, nil
}

func (h *hashicorpReader) version2(ctx context.Context, mount, path string) (s secret, err error) {
	a, err := h.get(ctx, mount+"data/"+path)
	if err != nil {
		return s, err
	}
	var kv struct {
		Data struct {
			Data     map[string]json.RawMessage
			Metadata struct {
				Deleted string `json:"deletion_time"`
			}
		}
	}
	json.Unmarshal(a.body, &kv) // of whoever is in Vault's place: it has no data
	switch {
	case a.status == http.StatusNotFound && kv.Data.Metadata.Deleted != "":
		return s, h.refused(a, "its latest version is deleted", "Write a new version, or undelete it.")
	case !a.ok():
		return s, h.notRead(a, mount+"data/"+path)
	case kv.Data.Data == nil:
		return s, h.refused(a, "without data", "Write a new version of the secret.")
	}
	return secret{fields: kv.Data.Data}, nil
}

func (h *hashicorpReader) notRead(a *answer, path string) error {
	todo := "Give the AppRole a policy that may read the path " + path + "."
	if a.status == http.StatusNotFound {
		todo = "Check the path, which is written as for vault kv get: the mount, and no data/ after it."
	}
	return h.refused(a, "", todo)
}

// get logs in a second time if the token is not good any more: it may have
// ended, or been for a few requests only.
func (h *hashicorpReader) get(ctx context.Context, path string) (*answer, error) {
	a, err := h.call(ctx, http.MethodGet, path, nil)
	if err != nil || a.status != http.StatusForbidden || h.again {
		return a, err
	}
	h.again = true
	h.close(ctx)
	if err := h.login(ctx); err != nil {
		return nil, err
	}
	return h.call(ctx, http.MethodGet, path, nil)
}

func (h *hashicorpReader) call(ctx context.Context, method, path string, body []byte) (*answer, error) {
	return h.do(ctx, func() (*http.Request, error) { return h.request(ctx, method, path, body) })
}

func (h *hashicorpReader) request(ctx context.Context, method, path string, body []byte) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, h.VaultAddress+"/v1/"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("X-Vault-Request", "true")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if h.Namespace != "" {
		req.Header.Set("X-Vault-Namespace", h.Namespace)
	}
	if h.token != "" {
		req.Header.Set("X-Vault-Token", h.token)
	}
	return req, nil
}

// close gives the token back, as far as it may: it ends by itself later.
func (h *hashicorpReader) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if req, err := h.request(ctx, http.MethodPost, "auth/token/revoke-self", nil); err == nil {
		h.send(req)
	}
}

func saidByVault(a *answer) (string, bool) {
	var of struct{ Errors []string }
	json.Unmarshal(a.body, &of) // a proxy's answer has none
	return strings.Join(of.Errors, "; "), false
}
