package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock-data/penstock/internal/pgtest"
	"github.com/penstock-data/penstock/internal/vaulttest"
)

// TestSecretsFromVault copies rows between databases whose passwords a vault
// keeps. They change, and the vault goes away and comes back.
func TestSecretsFromVault(t *testing.T) {
	source, config, tables := ownSmall(t)
	pgtest.Exec(t, own.url, `drop database if exists ware with (force)`, `drop role if exists writer`,
		`create role writer login password 'writer-one-7d1'`, `create database ware owner writer`)
	t.Cleanup(func() {
		pgtest.Exec(t, own.url, `drop database shop with (force)`, `drop role app`, `drop database ware with (force)`, `drop role writer`)
	})
	target := map[string]any{"host": "127.0.0.1", "port": own.port, "database": "ware", "always_encrypted": false}
	warehouse := postgresWarehouse(strings.Replace(own.url, "/postgres?", "/ware?", 1))
	delete(config, "user")
	delete(config, "password")

	v := vaulttest.Start(t, "data")
	rotate := func(reader, writer string) {
		pgtest.Exec(t, own.url, `alter role app password '`+reader+`'`, `alter role writer password '`+writer+`'`)
		v.Put("secret/shop/reader", map[string]any{"user": "app", "password": reader})
		v.Put("kv/ware", map[string]any{"user": "writer", "password": writer})
	}
	rotate("reader-one-5c2", "writer-one-7d1")
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, v.Authority, 0o600); err != nil {
		t.Fatal(err)
	}
	s := serve(t, t.TempDir(), "--outside-ca", ca, "--outside-networks", "127.0.0.0/8,::1/128")
	var m struct{ ID string }
	s.must(t, "POST", "/v1/external-secrets-managers", map[string]any{"type": "HASHICORP_VAULT", "name": "team vault", "config": v.Config()}, &m)
	var dest struct {
		SetupStatus string `json:"setup_status"`
	}
	a := s.call(t, "POST", "/v1/destinations", map[string]any{"group_id": seedGroup, "service": "postgres_warehouse", "time_zone_offset": "0", "config": target,
		"external_secrets_manager_id": m.ID, "external_secrets_keys_config": map[string]any{"user": "kv/ware#user", "password": "kv/ware#password"}})
	if a.status != 201 || !strings.Contains(a.raw, `"setup_status":"connected"`) {
		t.Fatalf("the destination: %s", a.raw)
	}
	var d details
	s.must(t, "POST", "/v1/connections", map[string]any{"group_id": seedGroup, "service": "postgres", "schedule_type": "manual", "config": config,
		"external_secrets_manager_id": m.ID, "external_secrets_keys_config": map[string]any{"user": "secret/shop/reader#user", "password": "secret/shop/reader#password"}}, &d)
	if d.Status.SetupState != "connected" || d.SetupTests[0].Title != "Fetching secrets from the external secrets manager" || d.SetupTests[0].Status != "PASSED" || d.Config["password"] != nil {
		t.Fatalf("the connection: %+v", d)
	}
	s.succeeds(t, d.ID)
	equal(t, source, warehouse, tables)

	rotate("reader-two-91e", "writer-two-0aa")
	pgtest.Exec(t, source, `insert into small select i, 'new' from generate_series(501, 700) i`, `delete from small where id < 50`)
	s.succeeds(t, d.ID)
	equal(t, source, warehouse, tables)

	// Whoever else opens the source gets them too.
	var schemas struct{ Schemas map[string]any }
	s.must(t, "POST", "/v1/connections/"+d.ID+"/schemas/reload", map[string]any{}, &schemas)
	if schemas.Schemas["public"] == nil {
		t.Errorf("the source offers %v", schemas.Schemas)
	}
	s.must(t, "GET", "/v1/connections/"+d.ID+"/schemas/public/tables/small/columns", nil, nil)
	s.must(t, "GET", "/v1/penstock/connections/"+d.ID+"/plan", nil, nil)
	var check struct{ ID, State, Reason string }
	s.must(t, "POST", "/v1/penstock/connections/"+d.ID+"/verify", map[string]any{}, &check)
	await(t, "the verification ends", func() bool {
		s.must(t, "GET", "/v1/penstock/connections/"+d.ID+"/verifications/"+check.ID, nil, &check)
		return check.State != "pending" && check.State != "running" && check.State != "waiting"
	})
	if check.Reason != "" {
		t.Errorf("the verification: %+v", check)
	}

	// Away is not broken; a right that was taken away is.
	v.Answer(func(string) (int, string) { return 503, "60" })
	if d = s.fails(t, d.ID); d.Status.SetupState != "connected" || len(d.Status.Tasks) > 0 || !says(d.Status.Warnings, "team vault", "503") {
		t.Errorf("while the vault is away it says %+v", d.Status)
	}
	s.must(t, "POST", "/v1/destinations/"+seedGroup+"/test", nil, &dest)
	if dest.SetupStatus != "connected" {
		t.Errorf("while the vault is away the destination is %s", dest.SetupStatus)
	}
	v.Answer(nil)
	v.Ban("secret/data/shop/reader")
	if d = s.fails(t, d.ID); d.Status.SetupState != "broken" || !says(d.Status.Tasks, "secrets_not_fetched", "team vault", "secret/shop/reader#password", "permission denied", "policy") {
		t.Errorf("without the right it says %+v", d.Status)
	}
	v.Ban()
	s.succeeds(t, d.ID)
	equal(t, source, warehouse, tables)

	var uses struct {
		Items []struct {
			ID, Type string
			Enabled  bool
		}
	}
	s.must(t, "GET", "/v1/external-secrets-managers/"+m.ID+"/entities", nil, &uses)
	if len(uses.Items) != 2 || uses.Items[0].Type != "DESTINATION" || uses.Items[1].ID != d.ID || !uses.Items[1].Enabled {
		t.Errorf("it is used by %+v", uses)
	}
	if a := s.call(t, "DELETE", "/v1/external-secrets-managers/"+m.ID, nil); a.status != 400 || !strings.Contains(a.Message, "it is used by 1 connection(s) and 1 destination(s)") {
		t.Errorf("deleted while in use: %s", a.raw)
	}
	s.must(t, "PATCH", "/v1/connections/"+d.ID, map[string]any{"external_secrets_manager_id": nil, "run_setup_tests": false}, nil)
	if a := s.call(t, "POST", "/v1/connections/"+d.ID+"/test", map[string]any{}); !strings.Contains(a.raw, "Field 'user' is required") {
		t.Errorf("without its manager: %s", a.raw)
	}
	if code := s.terminate(t); code != 0 {
		t.Errorf("the server ended with %d", code)
	}
	for _, secret := range []string{"reader-one-5c2", "reader-two-91e", "writer-one-7d1", "writer-two-0aa", v.SecretID} {
		if found := filesWith(t, s.data, secret); found != nil || strings.Contains(s.stderr.String(), secret) {
			t.Errorf("%q is in the log or in %q", secret, found)
		}
	}
}
