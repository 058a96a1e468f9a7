package secretsmanager

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/penstock-data/penstock/internal/outside"
	"github.com/penstock-data/penstock/setup"
)

// azureKeyVault is Azure Key Vault (REST API reference, Get Secret, 7.4, read
// 2026-11), with a token of the Microsoft identity platform that this server
// gets as whom it runs: an application with a secret or a federated token,
// else the machine's managed identity. A secret's name is its name.
var azureKeyVault = &Type{
	ID: "AZURE_KEY_VAULT", title: "Azure Key Vault", said: saidByAzure, open: openAzure,
	Config: setup.Describe("Azure Key Vault", azureConfig{}),
}

type azureConfig struct {
	VaultURL string `json:"vault_url" required:"true"`
	TenantID string `json:"tenant_id" required:"true"`
}

// azureClouds are the domains of vaults, and who gives tokens for them. The
// token is good for every vault that this server may read, so that it must not
// be sent to another host (documentation, "Azure Key Vault basic concepts" and
// "Microsoft Entra authentication & national clouds", 2026-11).
var azureClouds = []struct{ domain, login string }{
	{"vault.azure.net", "https://login.microsoftonline.com"},
	{"vault.azure.cn", "https://login.partner.microsoftonline.cn"},
	{"vault.usgovcloudapi.net", "https://login.microsoftonline.us"},
}

const azureMachine = "http://169.254.169.254" // Azure's answers to its own machines

// An azureReader has a token.
type azureReader struct {
	*via
	azureConfig
	resource, authority, machine string
	token                        string
	again                        bool // it has got a second token
}

func openAzure(ctx context.Context, v *via, config json.RawMessage) (reader, error) {
	r := &azureReader{via: v}
	if err := setup.Decode(config, &r.azureConfig); err != nil {
		return nil, err
	}
	if err := outside.CheckURL(r.VaultURL, "https"); err != nil {
		return nil, &refusal{reason: "its vault_url is of no use: " + err.Error(), todo: "Correct vault_url."}
	}
	u, _ := url.Parse(r.VaultURL) // CheckURL has
	for _, c := range azureClouds {
		if strings.HasSuffix(strings.ToLower(u.Hostname()), "."+c.domain) && u.Port() == "" {
			r.resource, r.authority, r.machine = "https://"+c.domain, c.login, azureMachine
		}
	}
	if r.resource == "" {
		return nil, &refusal{reason: "its vault_url is none of Azure Key Vault's", todo: "Give vault_url as the vault's page shows it: https://NAME.vault.azure.net."}
	}
	if r.TenantID == "" || strings.ContainsFunc(r.TenantID, func(c rune) bool { return !word(c) && c != '.' && c != '-' }) {
		return nil, &refusal{reason: "its tenant_id is malformed", todo: "Correct tenant_id."}
	}
	r.VaultURL = "https://" + u.Hostname()
	if v.endpoint != "" {
		r.VaultURL, r.authority, r.machine = v.endpoint, v.endpoint, v.endpoint
	}
	return r, r.login(ctx)
}

func word(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func (r *azureReader) close(context.Context) {}

// login gets a token as the environment says, by the variables of Azure's own
// libraries.
func (r *azureReader) login(ctx context.Context) (err error) {
	id, secret, file := os.Getenv("AZURE_CLIENT_ID"), os.Getenv("AZURE_CLIENT_SECRET"), os.Getenv("AZURE_FEDERATED_TOKEN_FILE")
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "scope": {r.resource + "/.default"}}
	switch {
	case id != "" && secret != "":
		form.Set("client_secret", secret)
		r.hidden = append(r.hidden, secret)
	case id != "" && file != "":
		token, err := os.ReadFile(file)
		if err != nil {
			return &refusal{reason: "this server cannot read its federated token", todo: "Whoever runs it can check AZURE_FEDERATED_TOKEN_FILE."}
		}
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", strings.TrimSpace(string(token)))
		r.hidden = append(r.hidden, form.Get("client_assertion"))
	default:
		return r.machineLogin(ctx, id)
	}
	a, err := r.do(ctx, func() (*http.Request, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.authority+"/"+r.TenantID+"/oauth2/v2.0/token", strings.NewReader(form.Encode()))
		if err == nil {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		return req, err
	})
	if err != nil {
		return err
	}
	var of struct {
		Token string `json:"access_token"`
	}
	json.Unmarshal(a.body, &of) // a proxy's answer has none
	if !a.ok() || of.Token == "" {
		return r.refused(a, "the login was refused", "Check tenant_id, and that the tenant lets the server's application in.")
	}
	r.took(of.Token)
	return nil
}

func (r *azureReader) took(token string) {
	r.token = token
	r.hidden = append(r.hidden, token)
}

var errNobody = &refusal{reason: "this server is nobody in Azure", todo: "Whoever runs it can give it a managed identity, or AZURE_CLIENT_ID and AZURE_CLIENT_SECRET of an application."}

// machineLogin gets a token of the machine's managed identity (documentation,
// "How to use managed identities for Azure resources on an Azure VM to acquire
// an access token", 2026-11). The address is Azure's and given by nobody.
func (r *azureReader) machineLogin(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second) // it is near, or not there
	defer cancel()
	query := url.Values{"api-version": {"2018-02-01"}, "resource": {r.resource}}
	if id != "" {
		query.Set("client_id", id)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.machine+"/metadata/identity/oauth2/token?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	req.Header.Set("Metadata", "true")
	res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return errNobody
	}
	defer res.Body.Close()
	var of struct {
		Token string `json:"access_token"`
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, outside.MaxAnswer))
	switch {
	case res.StatusCode == http.StatusTooManyRequests || res.StatusCode >= 500:
		return errors.New("the machine's identity could not be had")
	case err != nil || res.StatusCode != http.StatusOK || json.Unmarshal(body, &of) != nil || of.Token == "":
		return errNobody
	}
	r.took(of.Token)
	return nil
}

func (r *azureReader) read(ctx context.Context, name string) (s secret, err error) {
	if name == "" || strings.ContainsFunc(name, func(c rune) bool { return !word(c) && c != '-' }) {
		return s, &refusal{reason: "it is no name of a secret", todo: "Names of secrets in Azure Key Vault have letters, digits and dashes."}
	}
	a, err := r.get(ctx, name)
	if err == nil && a.status == http.StatusUnauthorized && !r.again {
		r.again = true
		if err := r.login(ctx); err != nil {
			return s, err
		}
		a, err = r.get(ctx, name)
	}
	if err != nil {
		return s, err
	}
	var of struct {
		Value *string
	}
	json.Unmarshal(a.body, &of) // a proxy's answer has none
	switch {
	case a.ok() && of.Value != nil:
		return secret{text: *of.Value}, nil
	case a.status == http.StatusNotFound:
		return s, r.refused(a, "", "Check the secret's name, and whether it was deleted.")
	case a.status == http.StatusUnauthorized:
		return s, r.refused(a, "", "Check that the vault belongs to the tenant.")
	}
	return s, r.refused(a, "", "Let the server's application get secrets of the vault (role Key Vault Secrets User), and check that the secret is enabled and the vault's firewall lets it in.")
}

func (r *azureReader) get(ctx context.Context, name string) (*answer, error) {
	return r.do(ctx, func() (*http.Request, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.VaultURL+"/secrets/"+name+"?api-version=7.4", nil)
		if err == nil {
			req.Header.Set("Authorization", "Bearer "+r.token)
		}
		return req, err
	})
}

// saidByAzure reads the two forms of errors, of vaults and of logins.
func saidByAzure(a *answer) (string, bool) {
	var vault struct{ Error struct{ Message string } }
	if json.Unmarshal(a.body, &vault) == nil {
		return vault.Error.Message, false
	}
	var login struct {
		Description string `json:"error_description"`
	}
	json.Unmarshal(a.body, &login) // a proxy's answer has none
	message, _, _ := strings.Cut(login.Description, "\n")
	return message, false
}
