package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// The oracle holds every response of this package's tests against Fivetran's
// published API definition. The definition has weaknesses, which load mends:
//
//   - enums in configs are written "type: object": they are strings
//   - enums of integers are written as strings: they are integers
//   - nothing is nullable, though prose and clients say what is: nullable
//   - setup_status is in upper case; the service sends, and clients compare,
//     lower case
//   - ports of destinations are integers; the service sends strings
//   - approving a certificate is 200; clients insist on 201
//   - a proxy agent's details have no envelope; clients read data
//   - what approving a fingerprint answers with is not in an envelope; clients
//     look for data
//   - POST /v1/fingerprints is not there any more
//   - /public/connector-types has one service; its description says all
//   - maps by name, of schemas, tables and columns, are objects with one
//     property, called "schema", "table", "column": they are maps
//   - what is in a secrets manager's config is objects; its example has strings
//   - objects may have any further fields: here only those in extra
type oracle struct {
	doc   *openapi3.T
	paths map[string]*openapi3.PathItem
}

// nullable are the fields that may be null, by schema.
var nullable = map[string]string{
	"ConnectorResponseV1": "sync_frequency connected_by succeeded_at failed_at daily_sync_time private_link_id proxy_agent_id hybrid_deployment_agent_id external_secrets_manager_id",
	"ConnectorResponse":   "sync_frequency connected_by succeeded_at failed_at daily_sync_time private_link_id proxy_agent_id hybrid_deployment_agent_id external_secrets_manager_id",

	"ConnectorStatusResponse":     "rescheduled_for",
	"DestinationResponse":         "private_link_id proxy_agent_id hybrid_deployment_agent_id local_processing_agent_id external_secrets_manager_id",
	"DestinationExtendedResponse": "private_link_id proxy_agent_id hybrid_deployment_agent_id local_processing_agent_id external_secrets_manager_id",
	"UserResponse":                "picture phone role logged_in_at",
	"TeamResponse":                "role",
	"SystemKeyResponse":           "expired_at last_used_at",
	"RoleResponse":                "replacement_role_name",

	"ProxyAgentUsageResponse":                "schema",       // of a destination, says its description
	"HybridDeploymentAgentWithUsageResponse": "last_used_at", // of one that was never used
	"HybridDeploymentAgentCreateResponse":    "last_used_at",
}

// extra are fields that the definition leaves out: of every object, and of
// some.
var extra = map[string]string{
	"":                       "next_cursor",
	"ConnectorResponseV1":    "config local_processing_agent_id schedule external_secrets_keys_config", // the definition of 2026-09-26 has schedule; services' own responses have the last
	"ConnectorResponse":      "local_processing_agent_id schedule",
	"PrivateLinkResponse":    "config",
	"TransformationResponse": "transformation_config",

	"TransformationProjectDetailsResponse": "project_config",
	"DestinationExtendedResponse":          "config external_secrets_keys_config",
	"LogExtendedResponse":                  "config",
}

// unlike are operations of which the definition shows data, or shows none,
// unlike of the same operation on users and teams, groups and connections.
var unlike = []string{"update_user_membership_in_group", "delete_user_membership_in_connection"}

// definition finds the published definition: in the folder that
// PENSTOCK_SHARED names, or in one called shared beside a folder above.
func definition() string {
	const file = "reference/openapi/fivetran-open-api-definition.json"
	dirs := []string{os.Getenv("PENSTOCK_SHARED")}
	for dir, _ := os.Getwd(); ; dir = filepath.Dir(dir) {
		dirs = append(dirs, filepath.Join(dir, "shared"))
		if dir == filepath.Dir(dir) {
			break
		}
	}
	for _, dir := range dirs {
		if p := filepath.Join(dir, file); dir != "" {
			if _, err := os.Stat(p); err == nil {
				return p
			}
		}
	}
	return ""
}

var loadOracle = sync.OnceValues(func() (*oracle, error) {
	path := definition()
	if path == "" {
		return nil, nil
	}
	doc, err := openapi3.NewLoader().LoadFromFile(path)
	if err != nil {
		return nil, err
	}
	o := &oracle{doc, doc.Paths.Map()}
	targets := doc.Components.Schemas["DestinationExtendedResponse"].Value.Discriminator.Mapping
	for name, ref := range doc.Components.Schemas {
		_, target := targets[strings.TrimSuffix(name, "_config_V1")]
		mend(ref.Value, target)
		for _, field := range strings.Fields(nullable[name]) {
			ref.Value.Properties[field].Value.Nullable = true
		}
	}
	for name, field := range map[string]string{"StandardConfigResponse": "schemas", "SchemaConfigResponse": "tables",
		"TableConfigResponse": "columns", "TableColumnsConfigResponse": "columns"} {
		p := doc.Components.Schemas[name].Value.Properties[field].Value
		for _, item := range p.Properties { // the one
			p.AdditionalProperties.Schema = item
		}
		p.Properties = nil
	}
	doc.Components.Schemas["SecretsManagerResponse"].Value.Properties["config"].Value.AdditionalProperties.Schema.Value.Type = &openapi3.Types{"string"}
	for _, name := range []string{"SchemaConfigResponse", "TableConfigResponse", "ColumnConfigResponse", "TableEnabledPatchSettings", "ColumnEnabledPatchSettings"} {
		doc.Components.Schemas[name].Value.AdditionalProperties.Has = new(bool)
	}
	for _, name := range []string{"DestinationResponse", "DestinationExtendedResponse"} {
		doc.Components.Schemas[name].Value.Properties["setup_status"].Value.Enum = []any{"incomplete", "connected", "broken"}
	}
	return o, nil
})

// mend repairs enums, and ports if the schema is a destination's config.
func mend(s *openapi3.Schema, target bool) {
	if s.Enum != nil && s.Type.Is("object") {
		s.Type = &openapi3.Types{"string"}
	}
	if s.Type.Is("array") && s.Enum != nil { // of its items
		s.Items.Value.Enum, s.Enum = s.Enum, nil
	}
	if s.Type.Is("integer") {
		for i, v := range s.Enum {
			if text, ok := v.(string); ok {
				n, _ := strconv.Atoi(text)
				s.Enum[i] = float64(n)
			}
		}
	}
	for name, p := range s.Properties {
		if p.Ref != "" {
			continue
		}
		if target && (name == "port" || name == "tunnel_port") {
			p.Value.Type, p.Value.Format = &openapi3.Types{"string"}, ""
		}
		mend(p.Value, target)
	}
	if s.Items != nil && s.Items.Ref == "" {
		mend(s.Items.Value, target)
	}
}

// A described is Penstock's own document, which all of its responses are held
// against: nothing more may be in them, nothing less, and no other status.
type described struct{ *oracle }

var loadDocument = sync.OnceValues(func() (*described, error) {
	doc, err := openapi3.NewLoader().LoadFromData(openapi)
	if err != nil {
		return nil, err
	}
	for name, ref := range doc.Components.Schemas {
		if s := ref.Value; s.AdditionalProperties == (openapi3.AdditionalProperties{}) && name != "Success" && name != "Page" { // which have more beside them
			s.AdditionalProperties.Has = new(bool)
		}
	}
	return &described{&oracle{doc, doc.Paths.Map()}}, nil
})

// check holds a response against the document. What is no operation of it is
// an error as everywhere.
func (d *described) check(op *openapi3.Operation, status int, h http.Header, body []byte) error {
	res := op.Responses.Status(status)
	if res == nil {
		return fmt.Errorf("our own document has no status %d", status)
	}
	media, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		return err
	}
	content := res.Value.Content[media]
	switch {
	case content == nil:
		return fmt.Errorf("our own document has no content of type %q", media)
	case media != "application/json", len(body) == 0: // which answers HEAD
		return nil
	}
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		return err
	}
	return content.Schema.Value.VisitJSON(v, openapi3.MultiErrors(), openapi3.EnableFormatValidation())
}

// watch returns h with the oracle listening, and remembers what was met.
func watch(t *testing.T, h http.Handler) http.Handler {
	return listen(t, h, meet)
}

// listen returns h with the oracle listening. Without the definition the
// responses are only checked for their envelope, and the log says so.
func listen(t *testing.T, h http.Handler, meet func(r *http.Request, status int)) http.Handler {
	o, err := loadOracle()
	if err != nil {
		t.Fatal(err)
	}
	d, err := loadDocument()
	if err != nil {
		t.Fatal(err)
	}
	if o == nil {
		t.Log("Fivetran's API definition is not at hand (PENSTOCK_SHARED): responses are not held against it")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		res := rec.Result()
		meet(r, res.StatusCode)
		check := func() error { return o.check(r, res.StatusCode, res.Header, rec.Body.Bytes()) }
		if op := d.operation(r.Method, strings.TrimSuffix(r.URL.Path, "/")); op != nil && res.StatusCode != http.StatusInternalServerError {
			check = func() error { return d.check(op, res.StatusCode, res.Header, rec.Body.Bytes()) }
		}
		if err := check(); err != nil {
			t.Errorf("%s %s: %d %s\n%v", r.Method, r.URL.Path, res.StatusCode, rec.Body, err)
		}
		maps.Copy(w.Header(), res.Header)
		w.WriteHeader(res.StatusCode)
		w.Write(rec.Body.Bytes())
	})
}

func (o *oracle) check(r *http.Request, status int, h http.Header, body []byte) error {
	if strings.HasSuffix(strings.TrimSuffix(r.URL.Path, "/"), "/download") && status == http.StatusOK {
		if ct := h.Get("Content-Type"); ct != "application/octet-stream" {
			return fmt.Errorf("Content-Type %q", ct)
		}
		return nil
	}
	if ct := h.Get("Content-Type"); ct == eventStream && strings.HasPrefix(r.URL.Path, "/v1/penstock/") {
		return nil
	} else if ct != "application/json" {
		return fmt.Errorf("Content-Type %q", ct)
	}
	if r.Method == http.MethodHead {
		return nil
	}
	var envelope map[string]any
	dec := json.NewDecoder(bytes.NewReader(body))
	if err := dec.Decode(&envelope); err != nil {
		return err
	}
	for _, key := range []string{"code", "message"} {
		if s, ok := envelope[key].(string); !ok || s == "" {
			return fmt.Errorf("envelope without %s", key)
		}
	}
	_, hasData := envelope["data"]
	if status >= 400 {
		if hasData || envelope["code"] == "Success" {
			return fmt.Errorf("an error with data or of code Success")
		}
		return nil
	}
	if envelope["code"] != "Success" {
		return fmt.Errorf("code %v", envelope["code"])
	}
	if o == nil {
		return nil
	}
	return o.checkSuccess(r, status, envelope)
}

func (o *oracle) checkSuccess(r *http.Request, status int, envelope map[string]any) error {
	path := modern(r.URL.Path)
	op := o.operation(r.Method, path)
	if op == nil {
		unlisted := []string{"/force", "/resync", // without data
			"/re-auth",                        // by POST, as go-fivetran has it
			"/v1/fingerprints",                // older
			"/schemas", "/tables", "/columns", // of the older metadata API
			"/sync-history", "/errors"} // newer
		if slices.ContainsFunc(unlisted, func(s string) bool { return strings.HasSuffix(path, s) }) {
			return nil
		}
		return fmt.Errorf("the definition has no such operation")
	}
	if status == http.StatusCreated && strings.HasPrefix(op.OperationID, "approve_") {
		if strings.HasSuffix(op.OperationID, "_fingerprint") {
			return o.visit(op.Responses.Status(status).Value.Content.Get("application/json").Schema, envelope["data"])
		}
		status = http.StatusOK
	}
	ref := op.Responses.Status(status)
	if ref == nil {
		return fmt.Errorf("the definition has no status %d", status)
	}
	schema := ref.Value.Content.Get("application/json").Schema.Value
	data, has := envelope["data"]
	want := schema.Properties["data"]
	if op.OperationID == "get_proxy_agent_details" {
		want = ref.Value.Content.Get("application/json").Schema
	}
	if slices.Contains(unlike, op.OperationID) && has != (want != nil) {
		return nil
	}
	if has != (want != nil) {
		return fmt.Errorf("data present: %v, in the definition: %v", has, want != nil)
	}
	if want == nil {
		return nil
	}
	page, isPage := data.(map[string]any)
	if items, ok := page["items"].([]any); isPage && ok {
		item := want
		if p := want.Value.Properties["items"]; p != nil {
			item = p.Value.Items
		}
		for _, v := range items {
			if err := o.visit(item, v); err != nil {
				return err
			}
		}
		return nil
	}
	return o.visit(want, data)
}

// visit checks a value against a schema, and against the one that the schema
// names for the value's service.
func (o *oracle) visit(ref *openapi3.SchemaRef, v any) error {
	opts := []openapi3.SchemaValidationOption{openapi3.MultiErrors(), openapi3.EnableFormatValidation()}
	if err := ref.Value.VisitJSON(v, opts...); err != nil {
		return err
	}
	name := ref.Ref[strings.LastIndexByte(ref.Ref, '/')+1:]
	obj, _ := v.(map[string]any)
	known := strings.Fields(extra[""] + " " + extra[name])
	for key := range obj {
		if _, ok := ref.Value.Properties[key]; !ok && !slices.Contains(known, key) {
			return fmt.Errorf("%s has no field %q", name, key)
		}
	}
	service, _ := obj["service"].(string)
	if d := ref.Value.Discriminator; d != nil && service != "" {
		if own := o.doc.Components.Schemas[service+"_"+name]; own != nil {
			return own.Value.VisitJSON(v, opts...)
		}
	}
	return nil
}

// modern returns the present name of an older path.
func modern(path string) string {
	path = strings.TrimSuffix(path, "/")
	path = strings.Replace(path, "/v1/metadata/connectors", "/v1/metadata/connector-types", 1)
	path = strings.Replace(path, "/v1/connectors", "/v1/connections", 1)
	for _, of := range []string{"/v1/groups/", "/v1/users/", "/v1/teams/"} {
		if strings.HasPrefix(path, of) {
			path = strings.Replace(path, "/connectors", "/connections", 1)
		}
	}
	return path
}

// operation returns the definition's operation for a path; literal segments
// go before parameters.
func (o *oracle) operation(method, path string) *openapi3.Operation {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	var best *openapi3.Operation
	params := 100
	for template, item := range o.paths {
		op := item.GetOperation(method)
		if n, ok := matches(template, path); ok && op != nil && n < params {
			best, params = op, n
		}
	}
	return best
}

// matches reports whether a path fits a template, and with how many parameters.
func matches(template, path string) (params int, ok bool) {
	t, p := strings.Split(template, "/"), strings.Split(path, "/")
	if len(t) != len(p) {
		return 0, false
	}
	for i := range t {
		if strings.HasPrefix(t[i], "{") {
			params++
		} else if t[i] != p[i] {
			return 0, false
		}
	}
	return params, true
}
