package api

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/fivetran"
)

// own reports whether a path is described by Penstock's own document.
func own(path string) bool {
	return strings.HasPrefix(path, "/v1/penstock/") || path == "/openapi.json" || path == "/docs/api"
}

// TestDocument holds the document against the rules of OpenAPI, its examples
// against its schemas, and its operations against the routes, both ways.
func TestDocument(t *testing.T) {
	d, err := loadDocument()
	must(t, err)
	must(t, d.doc.Validate(t.Context()))
	described := map[string]bool{}
	for path, item := range d.paths {
		for method := range item.Operations() {
			described[method+" "+path] = true
		}
	}
	for _, rt := range new(server).routes() {
		name := rt.method + " " + rt.path
		if !own(rt.path) {
			continue
		}
		if !described[name] {
			t.Errorf("%s is not in the document", name)
			continue
		}
		delete(described, name)
		op := d.paths[rt.path].GetOperation(rt.method)
		for status := range op.Responses.Map() {
			if n, err := strconv.Atoi(status); err != nil || n < 400 && n != rt.status {
				t.Errorf("%s: the document has a status %s, the route %d", name, status, rt.status)
			}
		}
		if (op.Security != nil) != rt.public {
			t.Errorf("%s: who needs no key is not the same", name)
		}
		if (op.Responses.Status(403) != nil) == (rt.does == access.Read || rt.public) && rt.about.limited && !rt.about.grouped {
			t.Errorf("%s: 403 goes with what changes things", name) // lists of things in groups are refused to whoever has no role at all
		}
	}
	for name := range described {
		t.Errorf("%s is in the document only", name)
	}
}

// TestDocumentTypes holds the document's schemas against the types that become
// the answers, and those of requests against the types that read them.
func TestDocumentTypes(t *testing.T) {
	d, err := loadDocument()
	must(t, err)
	unnamed := maps.Clone(d.doc.Components.Schemas)
	for name, v := range map[string]any{
		"Run": fivetran.Run{}, "RunTable": fivetran.RunTable{}, "LogLine": fivetran.LogLine{}, "TableStatus": fivetran.TableStatus{},
		"Settings": fivetran.ShownSettings{}, "SettingsChange": fivetran.Settings{}, "Mask": fivetran.Mask{}, "StateVersion": fivetran.StateVersion{}, "Backlog": fivetran.Backlog{},
		"VerificationRequest": fivetran.VerificationRequest{}, "Verification": fivetran.Verification{}, "VerifiedTable": fivetran.VerifiedTable{},
		"RowDifference": fivetran.RowDifference{}, "PlanRequest": fivetran.PlanRequest{}, "Plan": fivetran.Plan{}, "TablePlan": fivetran.TablePlan{},
		"ColumnPlan": fivetran.ColumnPlan{}, "TestsRequest": fivetran.Tests{}, "QueryRequest": fivetran.Query{}, "QueryAnswer": fivetran.QueryAnswer{},
		"QueryColumn": fivetran.QueryColumn{}, "NewAPIKey": fivetran.NewAPIKey{}, "APIKey": fivetran.APIKey{}, "WebhookDelivery": fivetran.WebhookDelivery{},
		"Overviews": fivetran.Overviews{}, "Overview": fivetran.Overview{}, "OverviewRun": fivetran.OverviewRun{}, "Change": fivetran.Change{}, "Actor": fivetran.Actor{},
		"LoginLink": fivetran.LoginLink{}, "LogServiceKind": fivetran.LogServiceKind{}, "ServiceField": fivetran.ServiceField{},
		"Page": fivetran.Page[int]{}, "Error": fivetran.Response{}, "Success": fivetran.Response{},
	} {
		ref := d.doc.Components.Schemas[name]
		if ref == nil {
			t.Errorf("the document has no schema %s", name)
			continue
		}
		s, fields := ref.Value, jsonFields(reflect.TypeOf(v))
		delete(fields, "data") // of the envelope: each answer has its own
		for field, f := range fields {
			p := s.Properties[field]
			if p == nil {
				t.Errorf("%s has no field %s", name, field)
				continue
			}
			delete(fields, field)
			if len(s.Required) == 0 || name == "Settings" {
				continue // a request; settings are one, and never null in answers
			}
			if f.Type.Kind() == reflect.Pointer != p.Value.Nullable && f.Type.Kind() != reflect.Slice {
				t.Errorf("%s.%s: nullable is %v", name, field, p.Value.Nullable)
			}
			if absent := strings.Contains(f.Tag.Get("json"), ",omitempty"); absent == slices.Contains(s.Required, field) && field != "message" {
				t.Errorf("%s.%s: required is %v", name, field, !absent)
			}
		}
		for field := range s.Properties {
			if _, ok := jsonFields(reflect.TypeOf(v))[field]; !ok {
				t.Errorf("%s.%s is in the document only", name, field)
			}
		}
		delete(unnamed, name)
	}
	for name := range unnamed {
		t.Errorf("no type stands for the schema %s", name)
	}
}

// jsonFields returns a struct's fields by their names in JSON.
func jsonFields(typ reflect.Type) map[string]reflect.StructField {
	fields := map[string]reflect.StructField{}
	for _, f := range reflect.VisibleFields(typ) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && !f.Anonymous {
			fields[name] = f
		}
	}
	return fields
}

// TestDocumentPage shows that the page has every operation, and nothing that
// runs or comes from elsewhere.
func TestDocumentPage(t *testing.T) {
	e := newEnv(t)
	page := e.do("GET", "/docs/api", "", "-", "Accept: text/html")
	if page.status != http.StatusOK || page.header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("got %d %v", page.status, page.header)
	}
	policy := page.header.Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none'; style-src 'sha256-") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
	for _, link := range regexp.MustCompile(`(?:href|src)="([^"]*)"`).FindAllStringSubmatch(page.body, -1) {
		if !strings.HasPrefix(link[1], "#") && link[1] != "/openapi.json" {
			t.Errorf("the page leads to %s", link[1])
		}
	}
	for _, forbidden := range []string{"<script", " style=", "javascript:", " on", "@import", "url("} {
		if regexp.MustCompile(`<[^>]*`+regexp.QuoteMeta(forbidden)+`\w*=`).MatchString(page.body) || forbidden != " on" && strings.Contains(page.body, forbidden) {
			t.Errorf("the page has %q", forbidden)
		}
	}
	d, err := loadDocument()
	must(t, err)
	for path, item := range d.paths {
		for method, op := range item.Operations() {
			if !strings.Contains(page.body, `<article id="`+op.OperationID+`">`) || !strings.Contains(page.body, method+"</span> "+path+"<") {
				t.Errorf("the page lacks %s %s", method, path)
			}
		}
	}
	for _, path := range []string{"/docs/api", "/openapi.json"} {
		w := httptest.NewRecorder()
		e.handler.ServeHTTP(w, httptest.NewRequest("HEAD", path, nil))
		if w.Code != http.StatusOK || w.Body.Len() != 0 || w.Header().Get("Content-Length") == "0" {
			t.Errorf("HEAD %s: %d %v", path, w.Code, w.Header())
		}
	}
	if e.do("GET", "/openapi.json", "", "-").body != string(openapi) {
		t.Error("the document is not served as it is")
	}
}
