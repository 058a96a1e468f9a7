package rest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/schema"
)

// A Table is a table that JSON objects fill. Its columns are a text,
//
//	id LONG key, user_id LONG = user.id, repository_id LONG key = ^id
//
// with a comma between columns, the type as [schema.ParseType] reads it, "key"
// for a part of the key, and after "=" where the value comes from, if that is
// not the field of the column's name:
//
//	a.b      a field of a field
//	a|b      the first of two that is not null
//	a/       the last segment of a URL or path
//	a?       whether there is one
//	.        the element of the list itself, if it is no object
//	*        the element of the list itself
//	#        its index in the list
//	^a       a field of the object around it, ^^a of the one around that
//	@f       what the function f of [API.Funcs] returns
//
// A name that ends with * and has neither type nor key stands for columns that
// are not known before: "custom_*" for the fields that begin so, and
// "content_* = content" for those of the field content.
//
// A table whose rows are elements of a list, and that has no key, has parts of
// the object around: where that changes, all that was sent of it must go first,
// so its list needs a Cursor with a Window, or has to be read as a whole each
// time.
type Table struct {
	Name    string
	Columns string

	// Each is the path from the object around to the list that has the rows; an
	// object there is a list of one. "": the object itself.
	Each     string
	Children []Table // of the lists inside each row's object

	// Only reports which objects are rows; nil: all.
	Only func(*Object) bool

	// Fixed says that a list inside an object never loses an element.
	Fixed bool
}

// An Object is a JSON object, or an element of a list, with what is around it.
type Object struct {
	Value  *fastjson.Value
	Parent *Object // nil: nothing
	Index  int     // in the list

	reader *reader
	logins []*Client // that see an object of a root; nil: it is asked for by all
}

// Get returns a value by a source as the columns of a [Table] have it, without
// "|" and "/". It may be nil.
func (o *Object) Get(path string) *fastjson.Value {
	for strings.HasPrefix(path, "^") {
		if o, path = o.Parent, path[1:]; o == nil {
			return nil
		}
	}
	if path == "*" || path == "." && o.Value.Type() != fastjson.TypeObject {
		return o.Value
	}
	return get(o.Value, path)
}

// Text returns a text or a number as text; "" if it is neither.
func (o *Object) Text(path string) string { return text(o.Get(path)) }

// Int returns a number, or 0.
func (o *Object) Int(path string) int64 {
	v := o.Get(path)
	if v == nil {
		return 0
	}
	n, _ := v.Int64() // what is none is 0
	return n
}

// get returns what is at a path of names; what is no object has nothing.
func get(v *fastjson.Value, path string) *fastjson.Value {
	for v != nil && path != "" {
		var name string
		name, path, _ = strings.Cut(path, ".")
		v = v.Get(name)
	}
	return v
}

func text(v *fastjson.Value) string {
	switch {
	case v == nil || v.Type() == fastjson.TypeNull:
		return ""
	case v.Type() == fastjson.TypeString:
		return string(v.GetStringBytes())
	}
	return v.String()
}

// An origin is where a column's values come from, other than a field.
type origin struct {
	column string
	paths  []string // alternatives
	kind   byte     // of '.', '#', '?', '@', or 0
	cut    func(string) string
}

// Schema returns the table as the contract describes it. It panics if the text
// of its columns is wrong.
func (t *Table) Schema() schema.Table {
	s, _, _ := t.parse()
	return s
}

func (t *Table) parse() (schema.Table, []origin, []wildcard) {
	out := schema.Table{Name: schema.Name{Table: t.Name}}
	var sources []origin
	var free []wildcard
	for _, spec := range columnSpecs(t.Columns) {
		spec, from, derived := strings.Cut(spec, "=")
		f := strings.Fields(spec)
		if len(f) == 1 && strings.HasSuffix(f[0], "*") {
			free = append(free, wildcard{strings.TrimSuffix(f[0], "*"), strings.TrimSpace(from)})
			continue
		}
		if len(f) != 2 && (len(f) != 3 || f[2] != "key") {
			panic(fmt.Sprintf("rest: table %s: the column %q is not \"name TYPE [key] [= source]\"", t.Name, spec))
		}
		typ, err := schema.ParseType(f[1])
		if err != nil {
			panic(fmt.Sprintf("rest: %s.%s: %v", t.Name, f[0], err))
		}
		out.Columns = append(out.Columns, schema.Column{Name: f[0], Type: typ, Key: len(f) == 3})
		if derived {
			sources = append(sources, parseSource(f[0], strings.TrimSpace(from)))
		}
	}
	return out, sources, free
}

// columnSpecs cuts a text at its commas, but for those of types: DECIMAL(10,2).
func columnSpecs(s string) []string {
	depth := 0
	return strings.FieldsFunc(s, func(r rune) bool {
		switch r {
		case '(':
			depth++
		case ')':
			depth--
		}
		return r == ',' && depth == 0
	})
}

func parseSource(column, from string) origin {
	s := origin{column: column}
	switch {
	case from == "#":
		s.kind = '#'
	case strings.HasPrefix(from, "@"):
		s.kind, from = '@', from[1:]
	case strings.HasSuffix(from, "?"):
		s.kind, from = '?', strings.TrimSuffix(from, "?")
	case strings.HasSuffix(from, "/"):
		s.cut, from = LastSegment, strings.TrimSuffix(from, "/")
	}
	s.paths = strings.Split(from, "|")
	return s
}

var no, yes = fastjson.MustParse("false"), fastjson.MustParse("true")

// value returns the source's value for an object.
func (s *origin) value(ctx context.Context, o *Object, funcs map[string]Func) (*fastjson.Value, error) {
	switch s.kind {
	case '#':
		return Number(int64(o.Index)), nil
	case '@':
		f := funcs[s.paths[0]]
		if f == nil {
			return nil, fmt.Errorf("there is no function %q", s.paths[0])
		}
		return f(ctx, o)
	}
	for _, p := range s.paths {
		v := o.Get(p)
		there := v != nil && v.Type() != fastjson.TypeNull
		switch {
		case s.kind == '?':
			return Bool(there), nil
		case there:
			return v, nil
		}
	}
	return nil, nil
}

// A Func computes a column's value from an object. nil is NULL.
type Func func(ctx context.Context, o *Object) (*fastjson.Value, error)

// Number returns n as a value.
func Number(n int64) *fastjson.Value {
	return new(fastjson.Arena).NewNumberString(strconv.FormatInt(n, 10))
}

// String returns s as a value.
func String(s string) *fastjson.Value { return new(fastjson.Arena).NewString(s) }

// Bool returns b as a value.
func Bool(b bool) *fastjson.Value {
	if b {
		return yes
	}
	return no
}

// A Filler makes rows of a Table from objects. Its Rows are free to use for
// what the text of the columns does not say.
type Filler struct {
	*Rows
	origins []origin
	columns []int // of the origins
	free    []wildcard
}

// Filler returns a Filler for what is asked for of t.
func (t *Table) Filler(out connector.Output, asked schema.Table) *Filler {
	f := &Filler{Rows: NewRows(out, asked)}
	_, f.origins, f.free = t.parse()
	for _, o := range f.origins {
		f.columns = append(f.columns, f.Column(o.column))
	}
	return f
}

// Set sets the values of the row that o has. They must stay as they are until
// End.
func (f *Filler) Set(ctx context.Context, o *Object, funcs map[string]Func) error {
	if v := o.Value.GetObject(); v != nil {
		f.Record(v)
	}
	for i := range f.origins {
		v, err := f.origins[i].value(ctx, o, funcs)
		if err != nil {
			return err
		}
		f.Value(f.columns[i], v, f.origins[i].cut)
	}
	for _, w := range f.free {
		w.set(f.Rows, o)
	}
	return nil
}

// origin returns where a column comes from, nil if from the field of its name.
func (f *Filler) origin(column string) *origin {
	for i := range f.origins {
		if f.origins[i].column == column {
			return &f.origins[i]
		}
	}
	return nil
}

// A filler writes the rows of one table that a sync wants, and of its children.
type filler struct {
	table    *Table
	rows     *Filler // nil: nobody wants the table
	children []*filler
	part     bool // the rows are parts of an object
	byID     bool // the key has the id of the resource's object

	// Of a child whose key is the parent's and one column more: keys that are
	// to be deleted, and the index and the name of that column in them.
	gone   *Rows
	member int
	own    string
}

// newFiller returns nil if neither the table nor a child is wanted. own says
// that the resource is no detail, and up how far up its objects are.
func newFiller(t *Table, req connector.Request, out connector.Output, own bool, up string) *filler {
	if t.Each != "" {
		up += "^"
	}
	f := &filler{table: t, member: -1}
	for _, asked := range req.Tables {
		if asked.Name.Table != t.Name {
			continue
		}
		f.rows = t.Filler(out, asked)
		f.keys(asked, out)
		f.part = t.Each != "" && len(asked.Key()) == 0
		f.byID = own && slices.ContainsFunc(asked.Key(), func(k int) bool { return f.source(asked.Columns[k].Name) == up+"id" })
	}
	for i := range t.Children {
		if c := newFiller(&t.Children[i], req, out, own, up); c != nil {
			f.children = append(f.children, c)
		}
	}
	if f.rows == nil && len(f.children) == 0 {
		return nil
	}
	return f
}

// keys finds out whether rows of a list can be deleted by what was met before.
func (f *filler) keys(t schema.Table, out connector.Output) {
	if f.table.Fixed {
		return
	}
	key := schema.Table{Name: t.Name}
	inherits := false
	for i, k := range t.Key() {
		c := t.Columns[k]
		key.Columns = append(key.Columns, c)
		if o := f.rows.origin(c.Name); o != nil && strings.HasPrefix(o.paths[0], "^") {
			inherits = true
			continue
		}
		if f.member >= 0 { // two columns tell its rows apart
			f.member = -1
			return
		}
		f.member, f.own = i, c.Name
	}
	if f.member >= 0 && inherits == (f.table.Each != "") {
		f.gone = NewRows(out, key)
		f.gone.Op = schema.Delete
	}
}

// put sends the rows that an object has for the table.
func (f *filler) put(ctx context.Context, o *Object, funcs map[string]Func) error {
	if f.table.Each != "" {
		return f.sendAll(ctx, o, funcs)
	}
	return f.send(ctx, o, funcs)
}

// send sends the row of an object, and those of its children.
func (f *filler) send(ctx context.Context, o *Object, funcs map[string]Func) error {
	if f.table.Only != nil && !f.table.Only(o) {
		return nil
	}
	for _, c := range f.children {
		if err := c.put(ctx, o, funcs); err != nil {
			return err
		}
	}
	if f.rows == nil {
		return nil
	}
	if err := f.rows.Set(ctx, o, funcs); err != nil {
		return err
	}
	f.rows.Fresh = f.byID && o.reader.fresh
	return f.rows.End(ctx)
}

// delete sends the keys of the rows that were sent of an object which is gone.
func (f *filler) delete(ctx context.Context, o *Object, funcs map[string]Func) error {
	for _, c := range f.children {
		if err := c.delete(ctx, o, funcs); err != nil {
			return err
		}
	}
	switch {
	case f.part:
		o.reader.state.of(o.reader.list).Stale = true
		return nil
	case f.gone == nil:
		return nil
	case f.table.Each != "":
		return o.reader.forgetMembers(ctx, f, o, nil, funcs)
	}
	f.gone.Value(f.member, o.Get(f.own), nil)
	return f.gone.End(ctx)
}

// source returns where a column's values come from.
func (f *filler) source(column string) string {
	o := f.rows.origin(column)
	switch {
	case o == nil:
		return column
	case o.kind == 0 && len(o.paths) == 1:
		return o.paths[0]
	}
	return ""
}

// sendAll sends the rows of a list inside an object. What the list had before
// and has no more is deleted, if it can be told.
func (f *filler) sendAll(ctx context.Context, around *Object, funcs map[string]Func) error {
	list := Elements(around.Get(f.table.Each))
	met := map[string]bool{}
	for i, v := range list {
		o := &Object{Value: v, Parent: around, Index: i, reader: around.reader}
		if f.part && !around.reader.parts.wants(f.table.Each, v) {
			continue
		}
		if f.gone != nil {
			m, err := f.memberOf(ctx, o, funcs)
			if err != nil {
				return err
			}
			met[m] = true
		}
		if err := f.send(ctx, o, funcs); err != nil {
			return err
		}
	}
	if f.gone == nil {
		return nil
	}
	return around.reader.forgetMembers(ctx, f, around, met, funcs)
}

// Elements returns the elements of a list, or what is none as the only one.
func Elements(v *fastjson.Value) []*fastjson.Value {
	switch {
	case v == nil || v.Type() == fastjson.TypeNull:
		return nil
	case v.Type() == fastjson.TypeArray:
		return v.GetArray()
	}
	return []*fastjson.Value{v}
}

// memberOf returns the part of a row's key that is its own, as JSON.
func (f *filler) memberOf(ctx context.Context, o *Object, funcs map[string]Func) (string, error) {
	v := o.Get(f.own)
	if from := f.rows.origin(f.own); from != nil {
		var err error
		if v, err = from.value(ctx, o, funcs); err != nil {
			return "", err
		}
	}
	if v == nil {
		return "null", nil
	}
	return v.String(), nil
}

func (f *filler) flush(ctx context.Context) error {
	for _, c := range f.children {
		if err := c.flush(ctx); err != nil {
			return err
		}
	}
	if f.gone != nil {
		if err := f.gone.Flush(ctx); err != nil {
			return err
		}
	}
	if f.rows == nil {
		return nil
	}
	return f.rows.Flush(ctx)
}

// walk visits the table and its children.
func (t *Table) walk(visit func(*Table)) {
	visit(t)
	for i := range t.Children {
		t.Children[i].walk(visit)
	}
}
