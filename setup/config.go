package setup

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// An InvalidConfig is what is wrong with a config that somebody gave. Its
// message begins as the messages of Fivetran's API do and holds no values.
type InvalidConfig struct {
	Message string
}

func (e *InvalidConfig) Error() string { return e.Message }

func invalid(path, format string, args ...any) error {
	return &InvalidConfig{fmt.Sprintf("Invalid 'config' object: field '%s' %s", path, fmt.Sprintf(format, args...))}
}

var errNoObject = &InvalidConfig{"Invalid 'config' object"}

// Check returns a config in its normal form, like [Description.Normalize],
// if every required field is in it.
func (d *Description) Check(config json.RawMessage) (json.RawMessage, error) {
	n, err := d.Normalize(config)
	if err != nil {
		return nil, err
	}
	if missing := d.Missing(n); len(missing) > 0 {
		return nil, fieldRequired(missing[0])
	}
	return n, nil
}

func fieldRequired(name string) error {
	return &InvalidConfig{fmt.Sprintf("Field '%s' is required", name)}
}

// Normalize checks what a request gives of a config, which may be incomplete
// (not so the objects in it), and returns it in normal form: known fields in the description's order,
// each in the type of its struct field, defaults filled in. Nulls, readonly
// fields, secrets given as ****** and fields that the description does not
// have are left out.
func (d *Description) Normalize(config json.RawMessage) (json.RawMessage, error) {
	obj, err := object(config)
	if err != nil {
		return nil, err
	}
	for i := range d.Fields {
		f := &d.Fields[i]
		if f.Readonly || f.Secret && isMask(obj[f.Name]) {
			delete(obj, f.Name)
		} else if f.Secret && f.Type == Array && obj[f.Name] != nil {
			var err error
			if obj[f.Name], err = keepListed(nil, obj[f.Name], f.Name); err != nil {
				return nil, err
			}
		}
	}
	return rebuild(d.Fields, obj, "", true, (*Field).normal)
}

// Missing returns the names of the required fields that a config in normal
// form lacks, those of a tunnel included that it asks for.
func (d *Description) Missing(config json.RawMessage) []string {
	obj, err := object(config)
	if err != nil {
		return nil
	}
	var missing []string
	for _, f := range d.Fields {
		v, ok := obj[f.Name]
		if f.Required && !f.Readonly && (!ok || string(v) == `""` || string(v) == "[]") {
			missing = append(missing, f.Name)
		}
	}
	if t, err := TunnelOf(config); t != nil && err != nil {
		missing = append(missing, t.missing())
	}
	return missing
}

// Field returns a field that configs have, nil if they have none of that name.
func (d *Description) Field(name string) *Field {
	i := slices.IndexFunc(d.Fields, func(f Field) bool { return f.Name == name })
	if i < 0 {
		return nil
	}
	return &d.Fields[i]
}

// Set returns a config in normal form with a field set to a text, or without
// the field if the text is empty. Fields may be readonly, but not unknown.
func (d *Description) Set(config json.RawMessage, name, value string) (json.RawMessage, error) {
	obj, err := object(config)
	if err != nil {
		return nil, err
	}
	if obj[name] = quote(value); value == "" {
		delete(obj, name)
	}
	return rebuild(d.Fields, obj, "", false, (*Field).normal)
}

// Merge returns a stored config, secrets included, as a partial config
// changes it, in normal form: given fields replace stored ones, objects are
// merged, null removes a field (its default comes back), ****** keeps the
// stored secret, readonly fields are ignored. Changing an immutable field or
// removing a required one is an [InvalidConfig].
func (d *Description) Merge(stored, patch json.RawMessage) (json.RawMessage, error) {
	s, err := object(stored)
	if err != nil {
		return nil, err
	}
	p, err := object(patch)
	if err != nil {
		return nil, err
	}
	if err := merge(d.Fields, s, p, ""); err != nil {
		return nil, err
	}
	return rebuild(d.Fields, s, "", true, (*Field).normal)
}

func merge(fields []Field, stored, patch map[string]json.RawMessage, path string) error {
	for i := range fields {
		f := &fields[i]
		v, ok := patch[f.Name]
		if !ok || f.Readonly || f.Secret && isMask(v) {
			continue
		}
		at := path + f.Name
		old, had := stored[f.Name]
		if isNull(v) {
			switch {
			case f.Required:
				return fieldRequired(at)
			case f.Immutable && had:
				return invalid(at, "cannot be changed")
			}
			delete(stored, f.Name)
			continue
		}
		var err error
		switch {
		case f.Type == Object && had:
			v, err = f.mergeObject(old, v, at)
		case f.Item == Object && had:
			v, err = f.keepItemSecrets(old, v, at)
		case f.Secret && f.Type == Array:
			v, err = keepListed(old, v, at)
		}
		if err != nil {
			return err
		}
		if f.Immutable && had {
			if v, err = f.normal(at, v); err != nil {
				return err
			}
			if !bytes.Equal(v, old) {
				return invalid(at, "cannot be changed")
			}
		}
		stored[f.Name] = v
	}
	return nil
}

func (f *Field) mergeObject(old, v json.RawMessage, path string) (json.RawMessage, error) {
	s, err1 := object(old)
	p, err2 := object(v)
	if err1 != nil || err2 != nil {
		return nil, invalid(path, "is an object")
	}
	if err := merge(f.Fields, s, p, path+"."); err != nil {
		return nil, err
	}
	return json.Marshal(s)
}

// keepItemSecrets fills the ****** in the items of v with the secrets of the
// old item that has the same first field.
func (f *Field) keepItemSecrets(old, v json.RawMessage, path string) (json.RawMessage, error) {
	if !anySecret(f.Fields) {
		return v, nil
	}
	var before, after []map[string]json.RawMessage
	if json.Unmarshal(old, &before) != nil || json.Unmarshal(v, &after) != nil {
		return nil, invalid(path, "is an array of objects")
	}
	key := f.Fields[0].Name
	for _, item := range after {
		i := slices.IndexFunc(before, func(b map[string]json.RawMessage) bool { return bytes.Equal(b[key], item[key]) })
		for _, g := range f.Fields {
			if !g.Secret || !isMask(item[g.Name]) {
				continue
			}
			delete(item, g.Name)
			if i >= 0 && before[i][g.Name] != nil {
				item[g.Name] = before[i][g.Name]
			}
		}
	}
	return json.Marshal(after)
}

// keepListed fills each ****** in a list of secrets with the old one in its
// place, and leaves those out that have none.
func keepListed(old, v json.RawMessage, path string) (json.RawMessage, error) {
	var before, after []json.RawMessage
	if json.Unmarshal(v, &after) != nil {
		return nil, invalid(path, "is an array")
	}
	if old != nil && json.Unmarshal(old, &before) != nil {
		return nil, invalid(path, "is an array")
	}
	kept := []json.RawMessage{}
	for i, item := range after {
		switch {
		case !isMask(item):
			kept = append(kept, item)
		case i < len(before):
			kept = append(kept, before[i])
		}
	}
	return json.Marshal(kept)
}

// Decode reads a config in normal form into the struct that v points to.
func Decode(config json.RawMessage, v any) error {
	if err := json.Unmarshal(config, v); err != nil {
		return fmt.Errorf("config: %w", err)
	}
	return nil
}

// rebuild writes obj with its fields in order, each as value returns it, and
// leaves out what is null, what is unknown, and what value returns nil for.
func rebuild(fields []Field, obj map[string]json.RawMessage, path string, defaults bool,
	value func(f *Field, path string, v json.RawMessage) (json.RawMessage, error)) (json.RawMessage, error) {
	b := []byte{'{'}
	for i := range fields {
		f := &fields[i]
		v, ok := obj[f.Name]
		if !ok || isNull(v) {
			if !defaults || f.Default == nil {
				continue
			}
			v = f.Default
		}
		v, err := value(f, path+f.Name, v)
		if err != nil {
			return nil, err
		}
		if v == nil {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = strconv.AppendQuote(b, f.Name)
		b = append(b, ':')
		b = append(b, v...)
	}
	return append(b, '}'), nil
}

// normal returns a given value of f in normal form.
func (f *Field) normal(path string, v json.RawMessage) (json.RawMessage, error) {
	switch f.Type {
	case Object:
		obj, err := object(v)
		if err != nil {
			return nil, invalid(path, "is an object")
		}
		for _, g := range f.Fields {
			if v, ok := obj[g.Name]; g.Required && (!ok || isNull(v)) {
				return nil, fieldRequired(path + "." + g.Name)
			}
		}
		return rebuild(f.Fields, obj, path+".", true, (*Field).normal)
	case Array:
		return f.array(path, v)
	}
	return f.scalar(v, path)
}

func (f *Field) array(path string, v json.RawMessage) (json.RawMessage, error) {
	var items []json.RawMessage
	if json.Unmarshal(v, &items) != nil {
		return nil, invalid(path, "is an array")
	}
	item := Field{Type: f.Item, Fields: f.Fields, Enum: f.Enum}
	b := []byte{'['}
	for i, v := range items {
		n, err := item.normal(fmt.Sprintf("%s[%d]", path, i), v)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, n...)
	}
	return append(b, ']'), nil
}

// scalar returns v as the JSON of f's type. Numbers and booleans may come as
// strings, and strings as numbers.
func (f *Field) scalar(v json.RawMessage, path string) (json.RawMessage, error) {
	var s string
	switch {
	case len(v) > 0 && v[0] == '"':
		if err := json.Unmarshal(v, &s); err != nil {
			return nil, errNoObject
		}
	case len(v) > 0 && (v[0] == '{' || v[0] == '[') || isNull(v):
		return nil, invalid(path, "is %s", article(f.Type))
	default:
		s = string(v)
	}
	switch f.Type {
	case Integer:
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return nil, invalid(path, "is an integer")
		}
		if s = strconv.FormatInt(n, 10); f.Quoted {
			s = strconv.Quote(s)
		}
		return json.RawMessage(s), nil
	case Boolean:
		if s != "true" && s != "false" {
			return nil, invalid(path, "is a boolean")
		}
		return json.RawMessage(s), nil
	}
	if s == "true" || s == "false" {
		if v[0] != '"' {
			return nil, invalid(path, "is a string")
		}
	}
	if f.Enum != nil && !slices.Contains(f.Enum, s) {
		return nil, invalid(path, "is one of %s", strings.Join(f.Enum, ", "))
	}
	return quote(s), nil
}

func article(t FieldType) string {
	if t == Integer {
		return "an integer"
	}
	return "a " + string(t)
}

// quote returns s as JSON, without the escapes that are for HTML.
func quote(s string) json.RawMessage {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.Encode(s) // a string can always be encoded
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func isNull(v json.RawMessage) bool { return string(v) == "null" }

// object reads a JSON object; nothing and null are the empty one.
func object(v json.RawMessage) (map[string]json.RawMessage, error) {
	obj := map[string]json.RawMessage{}
	if len(v) == 0 {
		return obj, nil
	}
	if json.Unmarshal(v, &obj) != nil {
		return nil, errNoObject
	}
	if obj == nil {
		obj = map[string]json.RawMessage{}
	}
	return obj, nil
}
