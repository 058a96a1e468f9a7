package setup

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// A Description says what a config consists of. It is made by [Describe] from
// a struct whose fields' tags tell everything:
//
//	json:"host"              the name
//	title:"Host"             the label in forms and metadata
//	help:"…"                 one sentence for the person who fills it in
//	required:"true"          must be given before the first setup test
//	default:"5432"           filled in when absent
//	enum:"A,B"               the values allowed
//	secret:"true"            stored encrypted, shown as ******; of a []string, each item. An external secrets manager may keep a string
//	external:"true"          an external secrets manager may keep it, although it is not secret
//	immutable:"true"         cannot be changed later
//	readonly:"true"          set by Penstock, ignored in requests
//	quoted:"true"            a [Port] that responses show as a string; requests may use either
//	when:"method=A,B"        matters only if the enum or boolean beside it that is named has one of the values
//
// Field types are string, int, int64, bool, []string, structs of them, slices
// of such structs, and pointers to the scalars, for which absent differs from
// zero. The fields of an embedded struct count as the outer one's; its tag
// quoted:"true" is that of all its ports. In a slice of structs the first field
// tells the items apart.
type Description struct {
	Title  string
	Fields []Field // in the order in which a form shows them

	secrets bool // whether any field, at any depth, is secret
}

// A FieldType is the JSON type of a field's value, as JSON Schema spells it.
type FieldType string

const (
	String  FieldType = "string"
	Integer FieldType = "integer"
	Boolean FieldType = "boolean"
	Array   FieldType = "array"
	Object  FieldType = "object"
)

// A Field is one field of a config.
type Field struct {
	Name   string
	Title  string
	Help   string
	Type   FieldType
	Item   FieldType // of an Array: String or Object
	Fields []Field   // of an Object, or of each item of an Array of them

	Enum    []string        // nil: any value
	Default json.RawMessage // nil: none

	Required  bool
	Secret    bool
	External  bool // an external secrets manager may keep it
	Immutable bool
	Readonly  bool
	Quoted    bool // an Integer shown as a string

	When *Condition // under which the field matters; nil: always
}

// A Condition is that a field beside has one of some values. Forms show by it
// which fields matter; configs may have them all.
type Condition struct {
	Field  string
	Values []string // "true" and "false" of a boolean
}

// Describe makes the Description of a config struct. It panics if v is not a
// struct or a tag is wrong: descriptions are made when the program starts.
func Describe(title string, v any) *Description {
	t := reflect.TypeOf(v)
	if t == nil || t.Kind() != reflect.Struct {
		panic(fmt.Sprintf("setup.Describe(%q): %T is not a struct", title, v))
	}
	d := &Description{Title: title, Fields: describe(t)}
	checkWhen(d.Fields)
	d.secrets = anySecret(d.Fields)
	return d
}

// With returns a description with the fields of d after those given that d
// does not have itself.
func (d *Description) With(fields ...Field) *Description {
	n := &Description{Title: d.Title}
	for _, f := range fields {
		if !slices.ContainsFunc(d.Fields, func(g Field) bool { return g.Name == f.Name }) {
			n.Fields = append(n.Fields, f)
		}
	}
	n.Fields = append(n.Fields, d.Fields...)
	n.secrets = anySecret(n.Fields)
	return n
}

func anySecret(fields []Field) bool {
	return slices.ContainsFunc(fields, func(f Field) bool { return f.Secret || anySecret(f.Fields) })
}

func describe(t reflect.Type) []Field {
	var fields []Field
	for sf := range t.Fields() {
		name, opts, _ := strings.Cut(sf.Tag.Get("json"), ",")
		switch {
		case name == "-" && opts == "":
			continue
		case sf.Anonymous && name == "" && sf.Type.Kind() == reflect.Struct:
			for _, f := range describe(sf.Type) {
				f.Quoted = f.Quoted || sf.Tag.Get("quoted") == "true" && f.Type == Integer
				fields = append(fields, f)
			}
			continue
		case name == "" || !sf.IsExported():
			panic(fmt.Sprintf("%v.%s: a field of a config is exported and has a json name", t, sf.Name))
		}
		fields = append(fields, describeField(t, sf, name, opts))
	}
	for i, f := range fields {
		if slices.ContainsFunc(fields[:i], func(g Field) bool { return g.Name == f.Name }) {
			panic(fmt.Sprintf("%v: two fields are called %q", t, f.Name))
		}
	}
	return fields
}

// checkWhen panics if a condition among fields is about none, or can never hold.
func checkWhen(fields []Field) {
	for _, f := range fields {
		checkWhen(f.Fields)
		if f.When == nil {
			continue
		}
		i := slices.IndexFunc(fields, func(g Field) bool { return g.Name == f.When.Field })
		if i < 0 || fields[i].Enum != nil && !slices.ContainsFunc(f.When.Values, func(v string) bool { return slices.Contains(fields[i].Enum, v) }) {
			panic(fmt.Sprintf("field %s: when %s is %s, which never is", f.Name, f.When.Field, strings.Join(f.When.Values, ",")))
		}
	}
}

func describeField(t reflect.Type, sf reflect.StructField, name, opts string) Field {
	wrong := func(what string) { panic(fmt.Sprintf("%v.%s: %s", t, sf.Name, what)) }
	flag := func(tag string) bool {
		v, ok := sf.Tag.Lookup(tag)
		if ok && v != "true" && v != "false" {
			wrong(tag + " is true or false")
		}
		return v == "true"
	}
	f := Field{
		Name:      name,
		Title:     sf.Tag.Get("title"),
		Help:      sf.Tag.Get("help"),
		Required:  flag("required"),
		Secret:    flag("secret"),
		Immutable: flag("immutable"),
		Readonly:  flag("readonly"),
		Quoted:    flag("quoted"),
	}
	ft := sf.Type
	if ft.Kind() == reflect.Pointer {
		ft = ft.Elem()
		if k := ft.Kind(); k == reflect.Slice || k == reflect.Struct || k == reflect.Pointer {
			wrong("only scalars may be pointers")
		}
	}
	switch ft.Kind() {
	case reflect.String:
		f.Type = String
	case reflect.Int, reflect.Int64:
		f.Type = Integer
	case reflect.Bool:
		f.Type = Boolean
	case reflect.Struct:
		f.Type, f.Fields = Object, describe(ft)
	case reflect.Slice:
		f.Type = Array
		switch ft.Elem().Kind() {
		case reflect.String:
			f.Item = String
		case reflect.Struct:
			f.Item, f.Fields = Object, describe(ft.Elem())
		}
	}
	if f.Type == "" || f.Type == Array && f.Item == "" {
		wrong("a config cannot have a field of type " + sf.Type.String())
	}
	if f.Quoted && ft != reflect.TypeFor[Port]() || strings.Contains(opts, "string") {
		wrong("only a Port is shown as a string, by its tag quoted")
	}
	if f.Secret && f.Type != String && f.Item != String {
		wrong("only strings can be secret, or arrays of them")
	}
	if f.External = f.Secret && f.Type == String || flag("external"); f.External && f.Type != String {
		wrong("only strings can be kept by a secrets manager")
	}
	if s, ok := sf.Tag.Lookup("when"); ok {
		field, values, _ := strings.Cut(s, "=")
		f.When = &Condition{field, strings.Split(values, ",")}
	}
	if s, ok := sf.Tag.Lookup("enum"); ok {
		if f.Type != String && f.Item != String {
			wrong("only strings can be an enum")
		}
		f.Enum = strings.Split(s, ",")
	}
	if s, ok := sf.Tag.Lookup("default"); ok {
		if f.Type == Array || f.Type == Object {
			wrong("only scalars can have a default")
		}
		v, err := f.scalar(json.RawMessage(strconv.Quote(s)), name)
		if err != nil {
			wrong("the default is no value of the field")
		}
		f.Default = v
	}
	return f
}
