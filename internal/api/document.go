package api

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// openapi describes what is under /v1/penstock, which Fivetran has not, in the
// form of OpenAPI 3. It is written by hand: tests hold every response against
// it, its operations against the routes, its fields against the Go types.
//
//go:embed openapi.json
var openapi []byte

//go:embed document.html
var documentHTML string

//go:embed document.css
var documentCSS string

// documentPolicy lets the page have its one style sheet and nothing else.
var documentPolicy = func() string {
	sum := sha256.Sum256([]byte(documentCSS))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

// A static is an answer that is the same for everybody.
type static struct {
	contentType string
	body        []byte
}

func (d *static) send(w http.ResponseWriter, r *http.Request) int {
	h := w.Header()
	h.Set("Content-Type", d.contentType)
	h.Set("Content-Length", strconv.Itoa(len(d.body)))
	h.Set("Content-Security-Policy", documentPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return 0
	}
	n, _ := w.Write(d.body) // the client may be gone; there is nobody to tell
	return n
}

func showDocument(*request) (any, error) { return &static{"application/json", openapi}, nil }

func showPage(*request) (any, error) {
	page, err := documentPage()
	return &static{"text/html; charset=utf-8", page}, err
}

// documentPage is the document as a page.
var documentPage = sync.OnceValues(func() ([]byte, error) {
	var d document
	if err := json.Unmarshal(openapi, &d); err != nil {
		return nil, err
	}
	t, err := template.New("").Funcs(template.FuncMap{"css": func() template.CSS { return template.CSS(documentCSS) }}).Parse(documentHTML)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, &d)
	return b.Bytes(), err
})

// A document is what the page shows of the OpenAPI document.
type document struct {
	Info struct{ Title, Description string }
	Tags []struct{ Name, Description string }

	Paths map[string]struct {
		Parameters               []*parameterDoc
		Get, Post, Patch, Delete *operationDoc
	}

	Components struct {
		Parameters map[string]*parameterDoc
		Responses  map[string]*responseDoc
		Schemas    map[string]*schemaDoc
	}
}

type operationDoc struct {
	Tags        []string
	ID          string `json:"operationId"`
	Summary     string
	Description string
	Parameters  []*parameterDoc // those of the path first
	RequestBody *bodyDoc
	Responses   map[string]*responseDoc
	Security    []struct{} // empty: no key; nil: as everywhere

	Method, Path string `json:"-"`
}

// Public reports whether an operation needs no key.
func (op *operationDoc) Public() bool { return op.Security != nil }

type parameterDoc struct {
	Ref         string `json:"$ref"`
	Name, In    string
	Description string
	Required    bool
	Schema      *schemaDoc
}

type responseDoc struct {
	Ref         string `json:"$ref"`
	Description string
	Content     content
}

type bodyDoc struct{ Content content }

// A content is what a request or a response holds, by its type.
type content map[string]struct {
	Schema  *schemaDoc
	Example json.RawMessage
}

type schemaDoc struct {
	Ref         string `json:"$ref"`
	Type        string
	Format      string
	Nullable    bool
	Description string
	Enum        []any
	Minimum     *float64
	Maximum     *float64
	Default     any
	Required    []string
	Properties  map[string]*schemaDoc
	Items       *schemaDoc
	AllOf       []*schemaDoc
	Additional  json.RawMessage `json:"additionalProperties"` // a schema, or true
}

// Operations returns those of a tag, by path and method, with references
// resolved.
func (d *document) Operations(tag string) []*operationDoc {
	var ops []*operationDoc
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		item := d.Paths[path]
		for i, op := range []*operationDoc{item.Get, item.Post, item.Patch, item.Delete} {
			if op == nil || op.Tags[0] != tag {
				continue
			}
			shown := *op
			shown.Method, shown.Path = []string{"GET", "POST", "PATCH", "DELETE"}[i], path
			shown.Parameters = nil
			for _, p := range slices.Concat(item.Parameters, op.Parameters) {
				if p.Ref != "" {
					p = d.Components.Parameters[last(p.Ref)]
				}
				shown.Parameters = append(shown.Parameters, p)
			}
			shown.Responses = make(map[string]*responseDoc, len(op.Responses))
			for status, res := range op.Responses {
				if res.Ref != "" {
					res = d.Components.Responses[last(res.Ref)]
				}
				shown.Responses[status] = res
			}
			ops = append(ops, &shown)
		}
	}
	return ops
}

// last returns the name at the end of a reference.
func last(ref string) string { return ref[strings.LastIndexByte(ref, '/')+1:] }

// Failed reports whether a status is that of an error.
func (*document) Failed(status string) bool { return status >= "4" }

// Code returns the code of the example.
func (c content) Code() string {
	var example struct{ Code string }
	_ = json.Unmarshal(c["application/json"].Example, &example) // there may be none
	return example.Code
}

// Example returns the example in JSON, indented; "" if there is none.
func (c content) Example() string {
	var out bytes.Buffer
	if err := json.Indent(&out, c["application/json"].Example, "", "  "); err != nil {
		return ""
	}
	return out.String()
}

// A fieldDoc is a line in a table of fields.
type fieldDoc struct{ Name, Type, Description string }

// Fields returns the fields of a body, those of objects within it after the
// field that holds them. Of an answer they are those in data.
func (d *document) Fields(c content) []fieldDoc {
	s := d.whole(c["application/json"].Schema)
	if data := s.Properties["data"]; data != nil {
		s = d.whole(data)
	} else if s.Properties["code"] != nil {
		return nil
	}
	return d.fields("", s)
}

func (d *document) fields(prefix string, s *schemaDoc) []fieldDoc {
	names := slices.SortedFunc(maps.Keys(s.Properties), func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(s.Required, a), rank(s.Required, b)), cmp.Compare(a, b))
	})
	var all []fieldDoc
	for _, name := range names {
		p := d.whole(s.Properties[name])
		all = append(all, fieldDoc{prefix + name, d.Type(p), p.Description})
		within, object := prefix+name+".", p
		if p.Items != nil {
			within, object = prefix+name+"[].", d.whole(p.Items)
		}
		all = append(all, d.fields(within, object)...)
	}
	return all
}

// rank returns where a name stands in a list; the list's length if it does not.
func rank(list []string, name string) int {
	if i := slices.Index(list, name); i >= 0 {
		return i
	}
	return len(list)
}

// whole returns a schema with its reference resolved and its parts put
// together; never nil.
func (d *document) whole(s *schemaDoc) *schemaDoc {
	if s == nil {
		return new(schemaDoc)
	}
	if s.Ref != "" {
		return d.whole(d.Components.Schemas[last(s.Ref)])
	}
	if len(s.AllOf) == 0 {
		return s
	}
	sum := *s
	sum.AllOf, sum.Properties, sum.Type = nil, map[string]*schemaDoc{}, "object"
	for _, part := range s.AllOf {
		p := d.whole(part)
		maps.Copy(sum.Properties, p.Properties)
		sum.Required = append(sum.Required, p.Required...)
	}
	return &sum
}

// Type says in words what values a schema allows.
func (d *document) Type(s *schemaDoc) string {
	s = d.whole(s)
	text := cmp.Or(s.Type, "any value")
	var values *schemaDoc
	switch {
	case s.Format == "date-time":
		text = "time"
	case s.Items != nil:
		text = "list of " + plural(d.Type(s.Items))
	case json.Unmarshal(s.Additional, &values) == nil && values != nil:
		text = "map of " + plural(d.Type(values))
	}
	if s.Enum != nil {
		var names []string
		for _, v := range s.Enum {
			if v != nil {
				names = append(names, fmt.Sprint(v))
			}
		}
		text = strings.Join(names, ", ")
	}
	if s.Minimum != nil {
		text += fmt.Sprintf(" from %g", *s.Minimum)
	}
	if s.Maximum != nil {
		text += fmt.Sprintf(" to %g", *s.Maximum)
	}
	if s.Default != nil {
		text += fmt.Sprintf(", %v if absent", s.Default)
	}
	if s.Nullable {
		text += " or null"
	}
	return text
}

// plural returns what a list or a map holds many of.
func plural(kind string) string {
	first, rest, _ := strings.Cut(strings.TrimSuffix(kind, " or null"), " ")
	return strings.TrimSpace(first + "s " + rest)
}
