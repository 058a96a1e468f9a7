package web

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/penstock-data/penstock/setup"
)

// A form is a service's config to be filled in. It is made of the service's
// description and of a config as the API shows it, without secrets; what
// somebody has entered becomes a config again by [readForm].
type form struct {
	Fields []input
	Error  string // of the whole; that of a field stands beside it
	Again  bool   // secrets were entered and are not in the form
	Style  string // address of the rules that show what matters only
}

// An input is one field of a form, or several as one.
type input struct {
	setup.Field
	Name   string // in the form: "config.auth.client_id"
	Kind   string // "text", "number", "check", "select", "area", "lines", "group", "rows", "shown"
	Value  string
	Kept   bool // a secret is stored
	Fixed  bool // it cannot be changed
	Error  string
	Inputs []input   // of a "group"
	Rows   [][]input // of "rows", the last one empty
}

// Must says whether browsers ask for a value: not for what may not matter, nor
// for parts of what may be left out as a whole.
func (in *input) Must() bool {
	return in.Field.Required && in.Field.When == nil && !in.Kept && !in.Fixed && strings.Count(in.Name, ".") == 1
}

// Optional reports whether nothing need be there.
func (in *input) Optional() bool { return !in.Field.Required && in.Default == nil && in.When == nil }

// Class names the rule by which the input is shown, "" if it always is.
func (in *input) Class() string { return whenClass(in.When) }

// Note is what stands below the input.
func (in *input) Note() string {
	notes := []string{in.Help}
	if in.Kind == "lines" || in.Kind == "secrets" {
		notes = append(notes, "One on each line.")
	}
	if in.Kept {
		notes = append(notes, "One is stored; leave this empty to keep it.")
	}
	if in.Immutable && !in.Fixed && !strings.Contains(in.Help, "cannot be changed") {
		notes = append(notes, "It cannot be changed later.")
	}
	return strings.TrimSpace(strings.Join(notes, " "))
}

// Label is what the input is called.
func (in *input) Label() string { return label(&in.Field) }

func label(f *setup.Field) string {
	if f.Title != "" {
		return f.Title
	}
	return words(f.Name)
}

// root is where configs begin in forms.
const root = "config"

// newForm returns a form with a config in it, which is nil for a new one. Of one
// that exists fields stay that cannot be changed.
func newForm(fields []setup.Field, config json.RawMessage, exists bool) *form {
	f := &form{Fields: inputs(fields, root, object(config), exists), Style: whenStyle(fields)}
	choices := map[string]bool{}
	gatherChoices(fields, choices)
	sayChoices(f.Fields, choices)
	return f
}

// gatherChoices notes what can be chosen in fields, as programs write it.
func gatherChoices(fields []setup.Field, into map[string]bool) {
	for _, f := range fields {
		for _, v := range f.Enum {
			into[v] = true
		}
		gatherChoices(f.Fields, into)
	}
}

var token = regexp.MustCompile(`\w+`)

// sayChoices makes helps call what can be chosen as the form does.
func sayChoices(all []input, choices map[string]bool) {
	for i := range all {
		in := &all[i]
		in.Help = token.ReplaceAllStringFunc(in.Help, func(w string) string {
			if choices[w] && words(w) != w {
				return "“" + words(w) + "”"
			}
			return w
		})
		sayChoices(in.Inputs, choices)
		for _, row := range in.Rows {
			sayChoices(row, choices)
		}
	}
}

func object(b json.RawMessage) map[string]json.RawMessage {
	obj := map[string]json.RawMessage{}
	json.Unmarshal(b, &obj) // what is no object has no fields
	return obj
}

func inputs(fields []setup.Field, at string, values map[string]json.RawMessage, exists bool) []input {
	var all []input
	for _, f := range fields {
		in := input{Field: f, Name: at + "." + f.Name}
		v, given := values[f.Name]
		given = given && string(v) != "null"
		if !given && f.Default != nil {
			v = f.Default
		}
		in.Fixed = f.Readonly || f.Immutable && exists && given
		switch {
		case f.Readonly:
			if in.Kind, in.Value = "shown", text(v); in.Value == "" {
				continue
			}
		case f.Secret:
			in.Kept = given && string(v) != `""` && string(v) != `[]`
			if in.Kind = "secret"; f.Type == setup.Array {
				in.Kind = "secrets"
			} else if long(&f) {
				in.Kind = "area"
			}
		case f.Type == setup.Object:
			in.Kind, in.Inputs = "group", inputs(f.Fields, in.Name, object(v), exists)
			if exists && in.Name == root+"."+authField {
				in.Help = "What is stored of it is not shown. What is left empty stays."
			}
		case f.Item == setup.Object:
			in.Kind = "rows"
			var rows []json.RawMessage
			json.Unmarshal(v, &rows)
			for i := range len(rows) + 1 {
				var row map[string]json.RawMessage
				if i < len(rows) {
					row = object(rows[i])
				}
				in.Rows = append(in.Rows, inputs(f.Fields, in.Name+"."+strconv.Itoa(i), row, false))
			}
		case f.Type == setup.Array:
			var lines []string
			json.Unmarshal(v, &lines)
			in.Kind, in.Value = "lines", strings.Join(lines, "\n")
		case f.Type == setup.Boolean:
			in.Kind, in.Value = "check", text(v)
		case f.Enum != nil:
			in.Kind, in.Value, in.Enum = "select", text(v), ways(&f, text(v))
		case f.Type == setup.Integer:
			in.Kind, in.Value = "number", text(v)
		case long(&f):
			in.Kind, in.Value = "area", text(v)
		default:
			in.Kind, in.Value = "text", text(v)
		}
		all = append(all, in)
	}
	return all
}

// ways leaves out of the ways to a host those that lead nowhere here.
func ways(f *setup.Field, now string) []string {
	if f.Name != "connection_type" {
		return f.Enum
	}
	return slices.DeleteFunc(slices.Clone(f.Enum), func(v string) bool { return v != now && !setup.Reaches(v, true) })
}

// long reports whether a text has lines, as keys and certificates have.
func long(f *setup.Field) bool {
	return f.Type == setup.String && (strings.Contains(f.Help, "PEM") || strings.Contains(f.Name, "private_key") || strings.Contains(f.Name, "certificate"))
}

// text returns a scalar as a person writes it.
func text(v json.RawMessage) string {
	var s string
	if json.Unmarshal(v, &s) == nil {
		return s
	}
	return strings.TrimSpace(string(v))
}

// readForm returns what somebody has entered, as the API takes it. Secrets left
// empty are left out, so that the stored ones stay; other empty values are null
// in a config that exists, which takes them away, and left out of a new one.
func readForm(fields []setup.Field, entered url.Values, exists bool) map[string]json.RawMessage {
	return readInputs(fields, root, entered, exists)
}

func readInputs(fields []setup.Field, at string, entered url.Values, exists bool) map[string]json.RawMessage {
	out := map[string]json.RawMessage{}
	for i := range fields {
		f := &fields[i]
		name := at + "." + f.Name
		if _, there := entered[name+"!"]; f.Readonly || !there && f.Type != setup.Object && f.Item != setup.Object {
			continue // the form did not have it
		}
		if v := readInput(f, name, entered, exists); v != nil {
			out[f.Name] = v
		} else if exists && !f.Secret && !f.Immutable && f.Type != setup.Object {
			out[f.Name] = json.RawMessage("null")
		}
	}
	return out
}

// readInput returns the value of a field, nil if there is none.
func readInput(f *setup.Field, name string, entered url.Values, exists bool) json.RawMessage {
	v := strings.TrimSpace(entered.Get(name))
	switch {
	case f.Type == setup.Object:
		shown := name != root+"."+authField // nobody has seen what was there: what is empty stays
		if obj := readInputs(f.Fields, name, entered, exists && shown); len(obj) > 0 {
			return encode(obj)
		}
		return nil
	case f.Item == setup.Object:
		return readRows(f, name, entered)
	case f.Type == setup.Array:
		return encodeLines(entered.Get(name))
	case f.Type == setup.Boolean:
		return encode(v == "true")
	case v == "":
		if f.Secret && entered.Get(name+"!") == "kept" && !exists { // in a row, which is sent whole
			return encode(setup.Masked)
		}
		return nil
	}
	return encode(v) // the API takes numbers as texts
}

func readRows(f *setup.Field, name string, entered url.Values) json.RawMessage {
	var rows []map[string]json.RawMessage
	for i := 0; ; i++ {
		at := name + "." + strconv.Itoa(i)
		if _, there := entered[at+"!"]; !there {
			break
		}
		row := readInputs(f.Fields, at, entered, false)
		if slices.ContainsFunc(f.Fields, func(g setup.Field) bool { return strings.TrimSpace(entered.Get(at+"."+g.Name)) != "" }) {
			rows = append(rows, row)
		}
	}
	if rows == nil {
		return json.RawMessage("[]")
	}
	return encode(rows)
}

func encodeLines(s string) json.RawMessage {
	var lines []string
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	if lines == nil {
		return nil
	}
	return encode(lines)
}

func encode[T any](v T) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // texts and what is made of them can always be encoded
	}
	return b
}

// unsecret takes out of a config what was entered as secrets, before it goes
// back to the browser, and says with ****** which of them are stored.
func unsecret(fields []setup.Field, config, stored map[string]json.RawMessage) map[string]json.RawMessage {
	out := map[string]json.RawMessage{}
	for _, f := range fields {
		v, given := config[f.Name]
		old, kept := stored[f.Name]
		switch {
		case f.Secret, f.Item == setup.Object, f.Immutable && kept: // rows may have secrets
			if kept {
				out[f.Name] = old
			}
		case f.Type == setup.Object:
			out[f.Name] = encode(unsecret(f.Fields, object(v), object(old)))
		case given:
			out[f.Name] = v
		case kept:
			out[f.Name] = old
		}
	}
	return out
}

// hasSecret reports whether somebody has entered a secret.
func hasSecret(fields []setup.Field, config map[string]json.RawMessage) bool {
	return slices.ContainsFunc(fields, func(f setup.Field) bool {
		v, given := config[f.Name]
		return given && (f.Secret || f.Type == setup.Object && hasSecret(f.Fields, object(v)))
	})
}

var namedField = regexp.MustCompile(`(?:Invalid 'config' object: )?(?:Invalid value for )?[Ff]ield '([^']+)'`)

// refuse puts an answer of the API that says no beside the field that it names,
// or at the head of the form.
func (f *form) refuse(err error) {
	said := err.Error()
	if m := namedField.FindStringSubmatchIndex(said); m != nil {
		name := strings.TrimPrefix(strings.NewReplacer("[", ".", "]", "").Replace(said[m[2]:m[3]]), ".")
		if in := find(f.Fields, root+"."+name); in != nil {
			in.Error = said[:m[0]] + in.Label() + said[m[1]:]
			return
		}
	}
	f.Error = said
}

// publicKey is the field of a config that shows the key by which a group logs in
// to SSH servers.
const publicKey = "public_key"

// withKey returns a config that shows a group's key, which somebody needs before
// they can choose a tunnel.
func withKey(config json.RawMessage, key string) json.RawMessage {
	obj := object(config)
	obj[publicKey] = encode(key)
	return encode(obj)
}

// Wrong returns what is wrong with fields, to stand at the head of the form too.
func (f *form) Wrong() []input { return wrong(f.Fields) }

func wrong(all []input) (out []input) {
	for _, in := range all {
		if in.Error != "" {
			out = append(out, in)
		}
		out = append(out, wrong(in.Inputs)...)
		for _, row := range in.Rows {
			out = append(out, wrong(row)...)
		}
	}
	return out
}

func find(all []input, name string) *input {
	for i := range all {
		in := &all[i]
		if in.Name == name {
			return in
		}
		for _, below := range append(in.Rows, in.Inputs) {
			if found := find(below, name); found != nil {
				return found
			}
		}
	}
	return nil
}

// whenClass names a condition.
func whenClass(c *setup.Condition) string {
	if c == nil {
		return ""
	}
	return "when-" + c.Field + "-" + strings.Join(c.Values, "-")
}

// styles are the rules that show inputs only where they matter, by the address
// that serves them: without :has in the browser all are shown.
var styles sync.Map

const stylePath = "/style/"

// whenStyle returns the address of the rules for fields, "" if they need none.
func whenStyle(fields []setup.Field) string {
	var rules []string
	var gather func([]setup.Field)
	gather = func(fields []setup.Field) {
		for _, f := range fields {
			gather(f.Fields)
			if f.When == nil {
				continue
			}
			if rule := whenRule(f.When); !slices.Contains(rules, rule) {
				rules = append(rules, rule)
			}
		}
	}
	if gather(fields); rules == nil {
		return ""
	}
	sheet := strings.Join(rules, "")
	sum := fnv.New64a()
	sum.Write([]byte(sheet))
	path := fmt.Sprintf("%s%x.css", stylePath, sum.Sum64())
	styles.LoadOrStore(path, sheet)
	return path
}

func whenRule(c *setup.Condition) string {
	at := fmt.Sprintf(`[name$=".%s"]`, c.Field)
	var holds []string
	for _, v := range c.Values {
		switch v {
		case "true":
			holds = append(holds, at+":checked")
		case "false":
			holds = append(holds, at+`[type=checkbox]:not(:checked)`)
		default:
			holds = append(holds, fmt.Sprintf(`%s option[value="%s"]:checked`, at, v))
		}
	}
	return fmt.Sprintf("form:has(%s):not(:has(%s)) .%s { display: none; }\n", at, strings.Join(holds, ", "), whenClass(c))
}

func (s *server) style(w http.ResponseWriter, r *http.Request) {
	sheet, ok := styles.Load(r.URL.Path)
	if !ok {
		s.missing(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	fmt.Fprint(w, sheet)
}

// words writes a name of programs as people do: "CLIENT_CERTIFICATE" is "Client
// certificate", "SshTunnel" "SSH tunnel".
func words(name string) string {
	var parts []string
	for _, part := range strings.FieldsFunc(camel.ReplaceAllString(name, "${1}_${2}"), func(r rune) bool { return r == '_' || r == ' ' }) {
		part = strings.ToLower(part)
		if slices.Contains([]string{"ssh", "aws", "iam", "jwt", "wal", "api", "id", "sql", "url", "tls", "pat"}, part) {
			part = strings.ToUpper(part)
		}
		if len(parts) == 0 {
			part = strings.ToUpper(part[:1]) + part[1:]
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, " ")
}

var camel = regexp.MustCompile(`([a-z0-9])([A-Z])`)
