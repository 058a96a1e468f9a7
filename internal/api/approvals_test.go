package api

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/internal/access"
)

// owners are what can have approvals: where it is, and what messages say when
// one is revoked.
var owners = []struct{ name, path, certificate, fingerprint string }{
	{"Connection", "/v1/connections/", "Certificate '%h' has been revoked for connection '%i'", "Fingerprint with hash '%h' has been revoked for connection with id '%i'"},
	{"Destination", "/v1/destinations/", "Certificate '%h' has been revoked for destination '%i'", "Fingerprint with hash = '%h' has been revoked for destination id = '%i'"},
}

// TestApprovals approves and revokes what setup tests have shown.
func TestApprovals(t *testing.T) {
	raw, _ := base64.StdEncoding.DecodeString(testHash)
	keyRaw, _ := base64.StdEncoding.DecodeString(testKeyHash)
	encoded := base64.StdEncoding.EncodeToString(testDER)
	for _, kind := range []struct {
		name, host, trust string
		details           map[string]any
		body, message     string
		want              map[string]any // besides what is said of approving
		hashes            []string       // other forms of the hash
	}{
		{"certificates", "untrusted", "trust_certificates",
			map[string]any{"hash": testHash, "encoded_cert": encoded, "subject": "CN=db"},
			`"encoded_cert":"` + encoded + `"`, "The certificate has been approved.",
			map[string]any{"hash": testHash, "id": base64.RawURLEncoding.EncodeToString(raw), "sha256": hex.EncodeToString(raw), "name": "CN=db", "type": "X.509"},
			[]string{hex.EncodeToString(raw), testHash}},
		{"fingerprints", "unknown", "trust_fingerprints",
			map[string]any{"hash": testKeyHash, "public_key": testKey},
			`"public_key":"` + testKey + ` of a server"`, "The fingerprint has been approved.",
			map[string]any{"hash": testKeyHash, "id": base64.RawURLEncoding.EncodeToString(keyRaw), "public_key": testKey + " of a server"},
			[]string{hex.EncodeToString(keyRaw), "SHA256:" + strings.TrimRight(testKeyHash, "="), testKeyHash}},
	} {
		for _, o := range owners {
			t.Run(o.name+" "+kind.name, func(t *testing.T) {
				e := newEnv(t)
				group := e.group("g")
				e.ok("POST", "/v1/destinations", `{"group_id":"`+group+`","service":"postgres_warehouse","time_zone_offset":"0","config":{"host":"`+kind.host+`"}}`)
				id := group
				if o.name == "Connection" {
					id = e.ok("POST", "/v1/connections", `{"group_id":"`+group+`","service":"15five","config":{"schema":"s","api_key":"`+kind.host+`"}}`).data["id"].(string)
				}
				path := o.path + id
				at := path + "/" + kind.name
				tests := e.ok("GET", path, "").data["setup_tests"].([]any)
				if diff := cmp.Diff(any(kind.details), tests[len(tests)-1].(map[string]any)["details"]); diff != "" {
					t.Fatal("details", diff)
				}

				hash := kind.details["hash"].(string)
				a := e.ok("POST", at, `{"hash":"`+hash+`",`+kind.body+`}`)
				want := map[string]any{"validated_by": "Ada Lovelace"}
				for k, v := range a.data { // what the test does not know beforehand
					if k == "validated_date" || kind.name == "certificates" && (k == "sha1" || k == "public_key") {
						want[k] = v
					}
				}
				for k, v := range kind.want {
					want[k] = v
				}
				if diff := cmp.Diff(want, a.data); a.status != 201 || a.message != kind.message || diff != "" {
					t.Error(a.status, a.message, diff)
				}
				for _, h := range kind.hashes {
					if diff := cmp.Diff(want, e.ok("POST", at, `{"hash":"`+h+`",`+kind.body+`}`).data); diff != "" {
						t.Error("approved twice", diff)
					}
				}
				if diff := cmp.Diff([]any{want}, e.ok("GET", at, "").data["items"]); diff != "" {
					t.Error(diff)
				}
				for _, h := range append(kind.hashes[:len(kind.hashes)-1], want["id"].(string)) {
					if diff := cmp.Diff(want, e.ok("GET", at+"/"+strings.ReplaceAll(h, "/", "_"), "").data); diff != "" {
						t.Error(diff)
					}
				}
				state := func() any {
					data := e.ok("POST", path+"/test", "{}").data
					if st, ok := data["status"].(map[string]any); ok {
						return st["setup_state"]
					}
					return data["setup_status"]
				}
				if s := state(); s != "connected" {
					t.Errorf("approved, and %v", s)
				}

				key, secret := e.key, e.secret
				e.login(t, access.Reviewer)
				if a := e.do("DELETE", at+"/"+want["id"].(string), ""); a.status != 403 {
					t.Errorf("a reviewer revokes: %d", a.status)
				}
				if a := e.do("POST", at, `{}`); a.status != 403 {
					t.Errorf("a reviewer approves: %d", a.status)
				}
				e.ok("GET", at, "")
				e.key, e.secret = key, secret

				message := o.certificate
				if kind.name == "fingerprints" {
					message = o.fingerprint
				}
				a = e.ok("DELETE", at+"/"+want["id"].(string), "")
				if want := strings.NewReplacer("%h", want["id"].(string), "%i", id).Replace(message); a.message != want {
					t.Errorf("got %q, want %q", a.message, want)
				}
				if a := e.do("GET", at+"/"+want["id"].(string), ""); a.status != 404 || !strings.HasPrefix(a.code, "NotFound") {
					t.Errorf("revoked: %d %s", a.status, a.body)
				}
				if s := state(); s != "broken" {
					t.Errorf("revoked, and %v", s)
				}
				e.ok("POST", path+"/test", `{"`+kind.trust+`":true}`)
				if items := e.ok("GET", at, "").data["items"].([]any); len(items) != 1 || items[0].(map[string]any)["validated_by"] != "Ada Lovelace" {
					t.Errorf("trusted, and %v", items)
				}
			})
		}
	}
}

// TestApproveNamed approves by the older operations.
func TestApproveNamed(t *testing.T) {
	e := newEnv(t)
	id := e.connection()
	group, _ := e.details(id)
	dest := group["group_id"].(string)
	e.ok("POST", "/v1/destinations", `{"group_id":"`+dest+`","service":"duckdb","time_zone_offset":"0","config":{"path":"p"}}`)
	cert := `"hash":"` + testHash + `","encoded_cert":"` + base64.StdEncoding.EncodeToString(testDER) + `"`
	key := `"hash":"` + testKeyHash + `","public_key":"` + testKey + `"`
	for _, tt := range []struct {
		path, body string
		status     int
		message    string
	}{
		{"/v1/certificates", `{"connection_id":"` + id + `",` + cert + `}`, 200, "The certificate has been approved."},
		{"/v1/certificates", `{"destination_id":"` + dest + `",` + cert + `}`, 200, "The certificate has been approved."},
		{"/v1/fingerprints", `{"connector_id":"` + id + `",` + key + `}`, 200, "The fingerprint has been approved."},
		{"/v1/fingerprints", `{"destination_id":"` + dest + `",` + key + `}`, 200, "The fingerprint has been approved."},
		{"/v1/fingerprints", `{` + key + `}`, 400, "Field 'connection_id' is required"},
		{"/v1/fingerprints", `{"connection_id":"` + id + `","destination_id":"` + dest + `",` + key + `}`, 400, "Only one of the fields 'connection_id' and 'destination_id' may be given"},
		{"/v1/fingerprints", `{"connection_id":"` + id + `","public_key":"k"}`, 400, "Field 'hash' is required"},
		{"/v1/fingerprints", `{"connection_id":"` + id + `","hash":"h"}`, 400, "Field 'public_key' is required"},
		{"/v1/fingerprints", `{"connection_id":"` + id + `","hash":"h","public_key":"` + testKey + `"}`, 400, "Field 'hash' is not the SHA-256 hash of 'public_key'"},
		{"/v1/fingerprints", `{"connection_id":"x",` + key + `}`, 404, "Connection with id 'x' does not exist."},
		{"/v1/certificates", `{"destination_id":"x",` + cert + `}`, 404, "Destination with id 'x' does not exist."},
	} {
		if a := e.do("POST", tt.path, tt.body); a.status != tt.status || a.message != tt.message {
			t.Errorf("%s %s\n got %d %s\nwant %d %s", tt.path, tt.body, a.status, a.body, tt.status, tt.message)
		}
	}
	for _, path := range []string{"/v1/connections/" + id, "/v1/destinations/" + dest} {
		for _, kind := range []string{"/certificates", "/fingerprints"} {
			if items := e.ok("GET", path+kind, "").data["items"].([]any); len(items) != 1 {
				t.Errorf("%s%s: %v", path, kind, items)
			}
		}
	}
	// Clients' own tests approve what is neither a key nor a hash.
	e.ok("POST", "/v1/connections/"+id+"/fingerprints", `{"hash":"test_hash","public_key":"test_public_key"}`)
	e.ok("GET", "/v1/connections/"+id+"/fingerprints/test_hash", "")
	e.login(t, access.Reviewer)
	if a := e.do("POST", "/v1/fingerprints", `{"connection_id":"`+id+`",`+key+`}`); a.status != 403 {
		t.Errorf("a reviewer approves: %d %s", a.status, a.body)
	}
	if a := e.do("POST", "/v1/fingerprints", `{}`, "-"); a.status != 401 {
		t.Errorf("nobody approves: %d", a.status)
	}
}

func TestHubsAndOldCertificates(t *testing.T) {
	e := newEnv(t)
	hub := `{"fingerprint":"f","port":4340,"hub_server_url":"https://hub.example.com"}`
	a, b := e.ok("POST", "/v1/hvr/register-hub", hub), e.ok("POST", "/v1/hvr/register-hub", hub)
	if a.message != "HVR hub has been registered" || a.data["registration_id"] == b.data["registration_id"] || a.data["access_token"] == b.data["access_token"] {
		t.Errorf("got %s, %s", a.body, b.body)
	}
	cert := `"hash":"` + testHash + `","encoded_cert":"` + base64.StdEncoding.EncodeToString(testDER) + `"`
	c := e.connection()
	data, _ := e.details(c)
	group := data["group_id"].(string)
	e.ok("POST", "/v1/destinations", `{"group_id":"`+group+`","service":"duckdb","time_zone_offset":"0","config":{"path":"p"}}`)
	for field, id := range map[string]string{"connection_id": c, "destination_id": group} {
		if a := e.ok("POST", "/v1/certificates", `{`+cert+`,"`+field+`":"`+id+`"}`); a.status != 200 || a.message != "The certificate has been approved." || a.data != nil {
			t.Errorf("got %d %s", a.status, a.body)
		}
		list := e.ok("GET", "/v1/"+strings.TrimSuffix(field, "_id")+"s/"+id+"/certificates", "").data["items"].([]any)
		if len(list) != 1 || list[0].(map[string]any)["hash"] != testHash {
			t.Errorf("%s: %v", field, list)
		}
	}
}
