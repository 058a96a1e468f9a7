package api

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/storetest"
)

func TestSecretsManagers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, location string) {
		e := newEnvAt(t, location)
		a := e.ok("POST", "/v1/external-secrets-managers", `{"type":"HASHICORP_VAULT","name":"v","config":{"vault_address":"https://v","role_id":"r","secret_id":"s3cret"}}`)
		id := a.data["id"].(string)
		config := map[string]any{"vault_address": "https://v", "role_id": "r", "secret_id": "******"}
		if a.status != 201 || a.message != "External Secrets Manager has been created" || cmp.Diff(config, a.data["config"]) != "" || a.data["is_hybrid_deployment"] != false {
			t.Errorf("got %d %s", a.status, a.body)
		}
		e.ok("POST", "/v1/external-secrets-managers", `{"type":"AZURE_KEY_VAULT","name":"w","config":{"vault_url":"https://w"},"is_hybrid_deployment":true}`)
		path := "/v1/external-secrets-managers/" + id
		e.now = e.now.Add(time.Hour)
		b := e.ok("PATCH", path, `{"name":"other","config":{"role_id":"r2","secret_id":"******","namespace":"n"}}`)
		config["role_id"], config["namespace"] = "r2", "n"
		if b.message != "Resource updated successfully" || cmp.Diff(config, b.data["config"]) != "" || b.data["name"] != "v" || b.data["updated_at"] == a.data["updated_at"] {
			t.Errorf("got %s", b.body)
		}
		m, err := e.store.SecretsManagerIn(t.Context(), e.user.AccountID, id)
		must(t, err)
		if !strings.Contains(string(m.Config), "s3cret") {
			t.Errorf("stored %s", m.Config)
		}
		if a := e.ok("GET", path, ""); cmp.Diff(b.data, a.data) != "" || a.message != "Operation performed successfully" {
			t.Errorf("got %s", a.body)
		}
		list := e.ok("GET", "/v1/external-secrets-managers", "")
		if items := list.data["items"].([]any); len(items) != 2 || items[0].(map[string]any)["config"] != nil {
			t.Errorf("got %s", list.body)
		}

		c := e.connection()
		if a := e.ok("PATCH", "/v1/connections/"+c, `{"external_secrets_manager_id":"`+id+`","run_setup_tests":false}`); a.data["external_secrets_manager_id"] != id {
			t.Errorf("got %s", a.body)
		}
		g := e.group("d")
		e.ok("POST", "/v1/destinations", `{"group_id":"`+g+`","service":"duckdb","time_zone_offset":"0","config":{"path":"p"},"run_setup_tests":false,"external_secrets_manager_id":"`+id+`"}`)
		entities := func(path string) (ids []any) {
			t.Helper()
			for _, i := range e.ok("GET", path, "").data["items"].([]any) {
				i := i.(map[string]any)
				ids = append(ids, i["type"], i["id"], i["name"], i["enabled"], i["secret_manager_id"])
			}
			return ids
		}
		source, destination := []any{"SOURCE", c, "fifteen", true, id}, []any{"DESTINATION", g, "d", false, id}
		for query, want := range map[string][]any{
			path + "/entities": append(append([]any{}, source...), destination...), path + "/entities?type=source": source,
			path + "/entities?type=destination": destination, "/v1/external-secrets-managers-entities?type=destination": destination,
			"/v1/external-secrets-managers-entities?esm_id=" + id + "&type=source": source, "/v1/external-secrets-managers-entities?esm_id=x": nil,
			"/v1/external-secrets-managers-entities?type=all&limit=1": source,
		} {
			if d := cmp.Diff(want, entities(query)); d != "" {
				t.Errorf("%s: %s", query, d)
			}
		}
		if a := e.do("DELETE", path, ""); a.status != 400 || a.code != "BadRequest" ||
			a.message != "Failed to delete External Secrets Manager with '"+id+"' id, because it is used by 1 connection(s) and 1 destination(s)." {
			t.Errorf("got %d %s", a.status, a.body)
		}
		e.ok("PATCH", "/v1/connections/"+c, `{"external_secrets_manager_id":null,"run_setup_tests":false}`)
		e.ok("PATCH", "/v1/destinations/"+g, `{"external_secrets_manager_id":null,"run_setup_tests":false}`)
		if a := e.ok("DELETE", path, ""); a.message != "Resource deleted successfully" {
			t.Errorf("got %s", a.body)
		}
	})
}

// TestSecretsManagerExternalID shows what a role in AWS is to trust.
func TestSecretsManagerExternalID(t *testing.T) {
	e := newEnv(t)
	a := e.ok("POST", "/v1/external-secrets-managers", `{"type":"AWS_SECRET_MANAGER","name":"n","config":{"role_arn":"r"}}`)
	path := "/v1/external-secrets-managers/" + a.data["id"].(string)
	shows := func(a answer, want string) {
		t.Helper()
		if id := a.data["config"].(map[string]any)["external_id"]; id != want {
			t.Errorf("got %v, want %s", id, want)
		}
	}
	shows(a, e.user.AccountID)
	shows(e.ok("PATCH", path, `{"config":{"role_arn":"s","external_id":"mine"}}`), "mine")
	shows(e.ok("PATCH", path, `{"config":{"role_arn":"t"}}`), "mine")
	shows(e.ok("PATCH", path, `{"config":{"external_id":null}}`), e.user.AccountID)
}

// TestSecretsKeys names in requests what a secrets manager keeps.
func TestSecretsKeys(t *testing.T) {
	storetest.Each(t, func(t *testing.T, location string) {
		e := newEnvAt(t, location)
		m := e.ok("POST", "/v1/external-secrets-managers", `{"type":"AWS_SECRET_MANAGER","name":"m","config":{"role_arn":"r"}}`).data["id"].(string)
		g := e.group("g")
		// What is kept elsewhere is required here no more.
		a := e.ok("POST", "/v1/connections", `{"group_id":"`+g+`","service":"postgres","config":{"schema_prefix":"p","host":"h","database":"d"},
			"external_secrets_manager_id":"`+m+`","external_secrets_keys_config":{"user":"U","password":"P"}}`)
		c := "/v1/connections/" + a.data["id"].(string)
		shows := func(a answer, want map[string]any) {
			t.Helper()
			got, ok := a.data["external_secrets_keys_config"]
			if ok != (want != nil) || ok && cmp.Diff(want, got) != "" {
				t.Errorf("got %s, want %v", a.body, want)
			}
		}
		shows(a, map[string]any{"user": "U", "password": "P"})
		shows(e.ok("GET", c, ""), map[string]any{"user": "U", "password": "P"})
		if item := e.ok("GET", "/v1/connections", "").data["items"].([]any)[0].(map[string]any); cmp.Diff(map[string]any{"user": "U", "password": "P"}, item["external_secrets_keys_config"]) != "" {
			t.Errorf("got %v", item)
		}
		d := "/v1/destinations/" + g
		a = e.ok("POST", "/v1/destinations", `{"group_id":"`+g+`","service":"postgres_warehouse","time_zone_offset":"0","config":{"host":"h"},
			"external_secrets_manager_id":"`+m+`","external_secrets_keys_config":{"password":"D"}}`)
		shows(a, map[string]any{"password": "D"})
		for _, path := range []string{c, d} {
			tests := func(body string) int {
				t.Helper()
				before := e.engine.tests
				e.ok("PATCH", path, body)
				return e.engine.tests - before
			}
			if n := tests(`{"external_secrets_keys_config":{"password":"Q"}}`); n != 1 {
				t.Errorf("%s: other keys are tested %d times", path, n)
			}
			if n := tests(`{"external_secrets_keys_config":{"password":"Q"}}`); n != 0 {
				t.Errorf("%s: the same keys are tested %d times", path, n)
			}
			want := map[string]any{"password": "Q"}
			if path == c {
				want["user"] = "U"
			}
			shows(e.ok("GET", path, ""), want)
			want["user"] = "V"
			delete(want, "password")
			shows(e.ok("PATCH", path, `{"external_secrets_keys_config":{"password":null,"user":"V"},"run_setup_tests":false}`), want)
			shows(e.ok("PATCH", path, `{"external_secrets_keys_config":null,"run_setup_tests":false}`), nil)
			shows(e.ok("PATCH", path, `{"external_secrets_keys_config":{"password":"Q"},"run_setup_tests":false}`), map[string]any{"password": "Q"})
			// They end with the manager.
			shows(e.ok("PATCH", path, `{"external_secrets_manager_id":null,"run_setup_tests":false}`), nil)
			shows(e.ok("PATCH", path, `{"external_secrets_manager_id":"`+m+`","run_setup_tests":false}`), nil)
		}
		kind := e.ok("GET", "/v1/metadata/connector-types/postgres", "").data["external_secrets_keys_config"].(map[string]any)["properties"].(map[string]any)
		if len(kind) != 2 || kind["user"] == nil || kind["password"] == nil {
			t.Errorf("postgres may have %v elsewhere", kind)
		}
		if kind, ok := e.ok("GET", "/v1/metadata/connector-types/aws_lambda", "").data["external_secrets_keys_config"]; ok {
			t.Errorf("aws_lambda may have %v elsewhere", kind)
		}
	})
}

func TestSecretsKeysRefused(t *testing.T) {
	e := newEnv(t)
	m := e.ok("POST", "/v1/external-secrets-managers", `{"type":"AWS_SECRET_MANAGER","name":"m","config":{"role_arn":"r"}}`).data["id"].(string)
	const post, all, one = "POST", "/v1/connections", "/v1/connections/{c}"
	body := func(more string) string {
		return `{"group_id":"{g}","service":"postgres","run_setup_tests":false,"config":{"schema_prefix":"q"},` + more + `}`
	}
	c := e.connection()
	data, _ := e.details(c)
	kept := func(field string) string {
		return "Invalid 'external_secrets_keys_config' object: field '" + field + "' cannot be kept by an external secrets manager"
	}
	refuses(t, e, strings.NewReplacer("{m}", m, "{c}", c, "{g}", data["group_id"].(string)), []refused{
		{"no manager", post, all, body(`"external_secrets_keys_config":{"password":"P"}`), "", 400, "InvalidInput", "Field 'external_secrets_manager_id' is required"},
		{"no such field", post, all, body(`"external_secrets_manager_id":"{m}","external_secrets_keys_config":{"pin":"P"}`), "", 400, "InvalidInput", kept("pin")},
		{"host", post, all, body(`"external_secrets_manager_id":"{m}","external_secrets_keys_config":{"host":"P"}`), "", 400, "InvalidInput", kept("host")},
		{"required elsewhere", post, all, `{"group_id":"{g}","service":"postgres","config":{"schema_prefix":"q","host":"h","database":"d"},"external_secrets_manager_id":"{m}","external_secrets_keys_config":{"password":"P"}}`,
			"", 400, "InvalidInput", "Field 'user' is required"},
		{"change without a manager", "PATCH", one, `{"external_secrets_keys_config":{"api_key":"P"}}`, "", 400, "InvalidInput", "Field 'external_secrets_manager_id' is required"},
		{"schema", "PATCH", one, `{"external_secrets_manager_id":"{m}","external_secrets_keys_config":{"schema":"P"}}`, "", 400, "InvalidInput", kept("schema")},
		{"destination", post, "/v1/destinations", `{"group_id":"{g}","service":"duckdb","time_zone_offset":"0","config":{"path":"p"},"run_setup_tests":false,"external_secrets_manager_id":"{m}","external_secrets_keys_config":{"path":"P"}}`,
			"", 400, "InvalidInput", kept("path")},
	})
}

func TestSecretsManagerErrors(t *testing.T) {
	root := newEnv(t)
	id := root.ok("POST", "/v1/external-secrets-managers", `{"type":"AWS_SECRET_MANAGER","name":"n","config":{"role_arn":"r"}}`).data["id"].(string)
	const all, one = "/v1/external-secrets-managers", "/v1/external-secrets-managers/{m}"
	gone := "External Secrets Manager with 'x' id is not found."
	refuses(t, root, strings.NewReplacer("{m}", id), []refused{
		{"no config", "POST", all, `{"type":"AWS_SECRET_MANAGER","name":"o"}`, "", 400, "BadRequest", "ESM config is required."},
		{"no name", "POST", all, `{"type":"AWS_SECRET_MANAGER","config":{"role_arn":"r"}}`, "", 400, "BadRequest", "ESM name is required."},
		{"no type", "POST", all, `{"name":"o","config":{"role_arn":"r"}}`, "", 400, "BadRequest", "ESM type is required."},
		{"another type", "POST", all, `{"type":"X","name":"o","config":{}}`, "", 400, "InvalidInput", "Invalid value for field 'type'"},
		{"nothing required", "POST", all, `{"type":"AZURE_KEY_VAULT","name":"o","config":{"vault_url":"u"}}`, "", 400, "InvalidInput", "Field 'tenant_id' is required"},
		{"required of agents", "POST", all, `{"type":"AZURE_KEY_VAULT","name":"o","config":{},"is_hybrid_deployment":true}`, "", 400, "InvalidInput", "Field 'vault_url' is required"},
		{"name taken", "POST", all, `{"type":"AWS_SECRET_MANAGER","name":"n","config":{"role_arn":"r"}}`, "", 400, "BadRequest", "External Secrets Manager with name 'n' already exists."},
		{"change nothing", "PATCH", one, `{"name":"o"}`, "", 400, "BadRequest", "ESM config is required."},
		{"required removed", "PATCH", one, `{"config":{"role_arn":""}}`, "", 400, "InvalidInput", "Field 'role_arn' is required"},
		{"another kind of entity", "GET", one + "/entities?type=x", "", "", 400, "InvalidInput", "Invalid value for parameter 'type'"},
		{"read none", "GET", all + "/x", "", "", 404, "NotFound", gone},
		{"change none", "PATCH", all + "/x", `{}`, "", 404, "NotFound", gone},
		{"delete none", "DELETE", all + "/x", "", "", 404, "NotFound", gone},
		{"entities of none", "GET", all + "/x/entities", "", "", 404, "NotFound", gone},
		{"reviewer reads", "GET", one, "", access.Reviewer, 200, "Success", "Operation performed successfully"},
		{"reviewer creates", "POST", all, `{}`, access.Reviewer, 403, "Forbidden", forbidden},
		{"reviewer changes", "PATCH", one, `{}`, access.Reviewer, 403, "Forbidden", forbidden},
		{"reviewer deletes", "DELETE", one, "", access.Reviewer, 403, "Forbidden", forbidden},
		{"stranger lists", "GET", all, "", nobodys, 403, "Forbidden", forbidden},
		{"stranger reads", "GET", one, "", nobodys, 404, "NotFound", "External Secrets Manager with '{m}' id is not found."},
	})
	c := root.connection()
	if a := root.do("PATCH", "/v1/connections/"+c, `{"external_secrets_manager_id":"x"}`); a.status != 404 || a.message != gone {
		t.Errorf("got %d %s", a.status, a.body)
	}
}
