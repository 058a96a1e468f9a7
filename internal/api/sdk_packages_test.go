package api

import (
	"archive/zip"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"mime/multipart"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/setup"
)

// newPackageEnv is newEnv with a service whose connections run packages.
func newPackageEnv(t *testing.T) *env {
	t.Setenv("TMPDIR", t.TempDir())
	e := newEnv(t)
	sdk := connector.Service{ID: connectorSDK, Name: "Connector SDK", SchemaFormat: connector.FormatSchema,
		Config: setup.Describe("Connector SDK", struct {
			Package string `json:"package_id"`
			Python  string `json:"python_version" default:"3.12"`
		}{})}
	e.handler = watch(t, New(Config{Store: e.store, Engine: e.engine, Connectors: append(slices.Clip(testConnectors), sdk), Destinations: testDestinations}))
	return e
}

// zipOf returns a zip file of a random one of some size.
func zipOf(t *testing.T, size int) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.Create("connector.py")
	must(t, err)
	content := make([]byte, size)
	rand.Read(content)
	_, err = f.Write(content)
	must(t, err)
	must(t, w.Close())
	return b.String()
}

// send sends a file as a form's field.
func (e *env) send(method, path, field, file string) answer {
	e.t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	must(e.t, w.WriteField("other", "x"))
	f, err := w.CreateFormFile(field, "code.zip")
	must(e.t, err)
	_, err = io.WriteString(f, file)
	must(e.t, err)
	must(e.t, w.Close())
	return e.do(method, path, b.String(), "Content-Type: "+w.FormDataContentType())
}

func TestPackages(t *testing.T) {
	e := newPackageEnv(t)
	const packages = "/v1/connector-sdk/packages"
	file, other := zipOf(t, 3<<20), zipOf(t, 10)
	hash := func(s string) string {
		sum := sha256.Sum256([]byte(s))
		return hex.EncodeToString(sum[:])
	}
	a := e.send("POST", packages, "file", file)
	id, _ := a.data["id"].(string)
	want := map[string]any{"id": id, "created_by": e.user.ID, "last_updated_by": e.user.ID, "created_at": a.data["created_at"],
		"updated_at": a.data["updated_at"], "file_sha256_hash": hash(file)}
	if diff := cmp.Diff(want, a.data); a.status != 201 || a.message != "Package created successfully" || diff != "" {
		t.Fatal(a.status, a.message, diff)
	}
	download := func() answer {
		t.Helper()
		return e.do("GET", packages+"/"+id+"/download", "", "Accept: application/octet-stream")
	}
	if d := download(); d.status != 200 || d.body != file || d.header.Get("Content-Disposition") != "attachment; filename=code.zip" {
		t.Errorf("download: %d, %d bytes, %v", d.status, len(d.body), d.header)
	}
	a = e.send("PATCH", packages+"/"+id, "file", other)
	if a.data["file_sha256_hash"] != hash(other) || a.message != "Package updated successfully" || a.data["created_at"] != want["created_at"] {
		t.Errorf("got %s", a.body)
	}
	if d := download(); d.body != other {
		t.Errorf("download: %d bytes", len(d.body))
	}
	list := e.ok("GET", packages, "")
	if items := list.data["items"].([]any); len(items) != 1 || items[0].(map[string]any)["id"] != id || list.message != "Connector SDK packages retrieved successfully" {
		t.Errorf("got %s", list.body)
	}
	for name, tt := range map[string]struct {
		a       answer
		status  int
		code    string
		message string
	}{
		"no zip":      {e.send("POST", packages, "file", "import os"), 400, "InvalidInput", "Invalid package file: it is not a zip file"},
		"empty":       {e.send("PATCH", packages+"/"+id, "file", ""), 400, "InvalidInput", "Invalid package file: it is not a zip file"},
		"half a zip":  {e.send("POST", packages, "file", file[:len(file)/2]), 400, "InvalidInput", "Invalid package file: it is not a zip file"},
		"no file":     {e.send("POST", packages, "zip", file), 400, "InvalidInput", "Field 'file' is required"},
		"JSON":        {e.do("POST", packages, `{}`), 415, "UnsupportedMediaType", "HTTP 415 Unsupported Media Type"},
		"no parts":    {e.do("POST", packages, "x", "Content-Type: multipart/form-data; boundary=b"), 400, "InvalidInput", "Field 'file' is required"},
		"unknown":     {e.do("GET", packages+"/x", ""), 404, "NotFound_ConnectorSdkPackage", "Connector SDK package with id 'x' does not exist."},
		"no download": {e.do("GET", packages+"/x/download", ""), 404, "NotFound_ConnectorSdkPackage", "Connector SDK package with id 'x' does not exist."},
		"no patch":    {e.send("PATCH", packages+"/x", "file", file), 404, "NotFound_ConnectorSdkPackage", "Connector SDK package with id 'x' does not exist."},
		"no deletion": {e.do("DELETE", packages+"/x", ""), 404, "NotFound_ConnectorSdkPackage", "Connector SDK package with id 'x' does not exist."},
		"no key":      {e.do("GET", packages, "", "-"), 401, "AuthFailed", "Invalid authorization credentials"},
	} {
		if tt.a.status != tt.status || tt.a.code != tt.code || tt.a.message != tt.message {
			t.Errorf("%s: %d %s %q", name, tt.a.status, tt.a.code, tt.a.message)
		}
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || slices.ContainsFunc(left, func(f os.DirEntry) bool { return strings.HasPrefix(f.Name(), "penstock-package") }) {
		t.Errorf("temporary files are left: %v, %v", left, err)
	}
}

// TestPackageAuthority is who may do what with whose package.
func TestPackageAuthority(t *testing.T) {
	e := newPackageEnv(t)
	const packages = "/v1/connector-sdk/packages"
	file := zipOf(t, 10)
	as := func(role string) *env {
		u := *e
		u.login(t, role)
		return &u
	}
	analyst, reviewer, second := as("Account Analyst"), as(access.Reviewer), *e
	u := &store.User{AccountID: e.user.AccountID, Email: "second@example.com", Role: "Destination Creator"} // may create no connection
	must(t, e.store.CreateUser(t.Context(), u))
	key, secret, err := e.store.CreateAPIKey(t.Context(), u.ID)
	must(t, err)
	second.key, second.secret = key, secret

	id := analyst.send("POST", packages, "file", file).data["id"].(string)
	const owner = "User is not the package owner or an account administrator"
	for name, tt := range map[string]struct {
		a       answer
		status  int
		message string
	}{
		"reviewer uploads":     {reviewer.send("POST", packages, "file", file), 403, "You do not have permission to perform this operation"},
		"reviewer replaces":    {reviewer.send("PATCH", packages+"/"+id, "file", file), 403, owner},
		"reviewer deletes":     {reviewer.do("DELETE", packages+"/"+id, ""), 403, owner},
		"reviewer sees":        {reviewer.do("GET", packages+"/"+id, ""), 200, "Connector SDK package details retrieved successfully"},
		"owner replaces":       {analyst.send("PATCH", packages+"/"+id, "file", file), 200, "Package updated successfully"},
		"administrator does":   {e.send("PATCH", packages+"/"+id, "file", file), 200, "Package updated successfully"},
		"nobody's role at all": {second.send("POST", packages, "file", file), 403, "You do not have permission to perform this operation"},
	} {
		if tt.a.status != tt.status || tt.a.message != tt.message {
			t.Errorf("%s: %d %q", name, tt.a.status, tt.a.message)
		}
	}

	// Whoever may make connections, but see no package, can give them none.
	group := e.group("g")
	manager, managerID := e.as("manager@example.com", "")
	e.ok("POST", "/v1/users/"+managerID+"/groups", `{"id":"`+group+`","role":"Manage Destination"}`)
	config := `"run_setup_tests":false,"config":{"schema":"s","package_id":"{id}"}`
	manager.alike(id, "POST", "/v1/connections", `{"group_id":"`+group+`","service":"connector_sdk",`+config+`}`)
	c := e.id("/v1/connections", `{"group_id":"`+group+`","service":"connector_sdk","run_setup_tests":false,"config":{"schema":"s"}}`)
	manager.alike(id, "PATCH", "/v1/connections/"+c, `{`+config+`}`)
	with := `{` + strings.ReplaceAll(config, "{id}", id) + `}`
	e.ok("PATCH", "/v1/connections/"+c, with)
	manager.ok("PATCH", "/v1/connections/"+c, with) // as it is
	e.ok("DELETE", "/v1/connections/"+c, "")
	if a := analyst.ok("DELETE", packages+"/"+id, ""); a.message != "Package deleted successfully" {
		t.Errorf("got %s", a.body)
	}
}

// TestDeploy sends what the command fivetran deploy of Connector SDK 2.12
// sends, in its order.
func TestDeploy(t *testing.T) {
	e := newPackageEnv(t)
	group := e.group("Warehouse")
	if items := e.ok("GET", "/v1/groups?limit=500", "").data["items"].([]any); len(items) != 1 {
		t.Errorf("groups %v", items)
	}
	if items := e.ok("GET", "/v1/groups/"+group+"/connectors?schema=sdk", "").data["items"].([]any); len(items) != 0 {
		t.Errorf("connectors %v", items)
	}
	upload := func() string {
		t.Helper()
		a := e.send("POST", "/v1/connector-sdk/packages", "file", zipOf(t, 100))
		if a.status != 201 {
			t.Fatalf("got %d %s", a.status, a.body)
		}
		return a.data["id"].(string)
	}
	first, second := upload(), upload()
	connector := func(schema, id string) answer {
		return e.do("POST", "/v1/connectors", `{"group_id":"`+group+`","service":"connector_sdk","paused":true,"run_setup_tests":true,"sync_frequency":"360",
			"destination_schema_names":"FIVETRAN_NAMING","config":{"schema":"`+schema+`","package_id":"`+id+`"}}`)
	}
	a := connector("sdk", first)
	config, _ := a.data["config"].(map[string]any)
	if a.status != 201 || a.data["sync_frequency"] != 360.0 || config["python_version"] != "3.12" || config["package_id"] != first || a.data["setup_tests"] == nil {
		t.Fatalf("got %d %s", a.status, a.body)
	}
	id := a.data["id"].(string)
	user := func(p string) any { return e.ok("GET", "/v1/connector-sdk/packages/"+p, "").data["connection_id"] }
	if user(first) != id || user(second) != nil {
		t.Errorf("packages of %v, %v", user(first), user(second))
	}
	if a := connector("sdk2", first); a.status != 409 || a.message != "Package '"+first+"' is associated with another connection" {
		t.Errorf("got %d %s", a.status, a.body)
	}
	if a := connector("sdk2", "x"); a.status != 404 || a.code != "NotFound_ConnectorSdkPackage" {
		t.Errorf("got %d %s", a.status, a.body)
	}
	if a := e.do("DELETE", "/v1/connector-sdk/packages/"+first, ""); a.status != 403 || a.message != "Package is associated with a connection and cannot be deleted" {
		t.Errorf("got %d %s", a.status, a.body)
	}
	e.ok("PATCH", "/v1/connectors/"+id, `{"config":{"package_id":"`+second+`"},"run_setup_tests":true}`)
	if user(first) != nil || user(second) != id {
		t.Errorf("packages of %v, %v", user(first), user(second))
	}
	e.ok("DELETE", "/v1/connector-sdk/packages/"+first, "")
	e.ok("DELETE", "/v1/connectors/"+id, "")
	e.ok("DELETE", "/v1/connector-sdk/packages/"+second, "")
}
