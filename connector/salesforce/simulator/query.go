package simulator

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/penstock-data/penstock/connector/simulate"
)

// A snapshot is all tables at one moment.
type snapshot struct {
	now      time.Time
	byName   map[string]*view // in lower case
	byPrefix map[string]*view
}

// A query is a statement whose names are resolved against a snapshot.
type query struct {
	*statement
	deleted bool // queryAll
	sn      *snapshot
	view    *view
	columns []column
	keep    func(r *row) bool // nil: all
	order   []column
}

// A column is a field, or one of a row that a reference leads to.
type column struct {
	steps    []*Field // references
	field    *Field
	name     string // Owner.Name
	gen      generator
	function string // of an aggregate
	alias    string
}

// resolve checks a statement against what is there.
func (sn *snapshot) resolve(s *statement, deleted bool) (*query, *apiError) {
	v := sn.byName[strings.ToLower(s.from)]
	if v == nil {
		return nil, pointed(s.text, s.fromAt, "INVALID_TYPE", "sObject type '%s' is not supported. If you are attempting to use a custom object, be sure to append the '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names.", s.from)
	}
	if !yes(v.object.Queryable) {
		return nil, &apiError{http.StatusBadRequest, "INVALID_TYPE_FOR_OPERATION", "entity type " + v.object.Name + " does not support query"}
	}
	q := &query{statement: s, deleted: deleted, sn: sn, view: v}
	if err := q.resolveColumns(); err != nil {
		return nil, err
	}
	for _, o := range s.order {
		c, err := q.column(o.path, o.at)
		if err != nil {
			return nil, err
		}
		if !c.field.sortable {
			return nil, pointed(s.text, o.at, "MALFORMED_QUERY", "field '%s' can not be sorted in a query call", c.name)
		}
		q.order = append(q.order, c)
	}
	if s.where != nil {
		keep, err := q.compile(s.where)
		if err != nil {
			return nil, err
		}
		q.keep = keep
	}
	return q, nil
}

func (q *query) resolveColumns() *apiError {
	seen := map[string]bool{}
	for _, s := range q.selected {
		if s.function == "FIELDS" {
			if err := q.fields(s); err != nil {
				return err
			}
			continue
		}
		c, err := q.column(s.path, s.at)
		if err != nil {
			return err
		}
		if seen[c.name] && s.function == "" {
			return &apiError{http.StatusBadRequest, "MALFORMED_QUERY", "duplicate field selected: " + c.name}
		}
		seen[c.name] = true
		c.function, c.alias = s.function, s.alias
		if q.aggregates && s.function == "" {
			return pointed(q.text, s.at, "MALFORMED_QUERY", "Field must be grouped or aggregated: %s", c.name)
		}
		q.columns = append(q.columns, c)
	}
	return nil
}

// fields adds those that FIELDS() stands for.
func (q *query) fields(s selected) *apiError {
	which := strings.ToUpper(s.path)
	if which != "STANDARD" && (q.limit < 0 || q.limit > 200) {
		return &apiError{http.StatusBadRequest, "MALFORMED_QUERY", "The SOQL FIELDS function must have a LIMIT of at most 200"}
	}
	for i := range q.view.object.Fields {
		f := &q.view.object.Fields[i]
		if which == "ALL" || which == "STANDARD" && !f.Custom || which == "CUSTOM" && f.Custom {
			q.columns = append(q.columns, column{field: f, name: f.Name, gen: q.view.gens[f.Name]})
		}
	}
	return nil
}

// column resolves a path of names.
func (q *query) column(path string, at int) (column, *apiError) {
	names := strings.Split(path, ".")
	if len(names) > 1 && (strings.EqualFold(names[0], q.alias) || strings.EqualFold(names[0], q.view.object.Name)) {
		names = names[1:]
	}
	var c column
	v := q.view
	for i, name := range names {
		if i < len(names)-1 {
			f := relation(v.object, name)
			if f == nil || len(f.ReferenceTo) == 0 || i == 5 {
				return c, pointed(q.text, at, "INVALID_FIELD", "Didn't understand relationship '%s' in field path. If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship name. Please reference your WSDL or the describe call for the appropriate names.", name)
			}
			c.steps = append(c.steps, f)
			c.name += *f.RelationshipName + "."
			if v = q.sn.byName[strings.ToLower(f.ReferenceTo[0])]; v == nil {
				return c, pointed(q.text, at, "INVALID_TYPE", "sObject type '%s' is not supported.", f.ReferenceTo[0])
			}
			continue
		}
		if c.field = v.object.field(name); c.field == nil {
			return c, pointed(q.text, at, "INVALID_FIELD", "No such column '%s' on entity '%s'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names.", name, v.object.Name)
		}
	}
	c.name += c.field.Name
	if len(c.steps) == 0 {
		c.gen = v.gens[c.field.Name]
	}
	return c, nil
}

func relation(o *Object, name string) *Field {
	for i := range o.Fields {
		if r := o.Fields[i].RelationshipName; r != nil && strings.EqualFold(*r, name) {
			return &o.Fields[i]
		}
	}
	return nil
}

// value returns what a column holds for a row.
func (q *query) value(c *column, r *row) value {
	if len(c.steps) == 0 {
		if len(r.values) > 0 {
			if x, ok := r.values[c.field.Name]; ok {
				return x
			}
		}
		if c.gen == nil {
			return value{}
		}
		return c.gen(r)
	}
	v, at := q.follow(c, r)
	if v == nil {
		return value{}
	}
	return v.value(at, c.field.Name)
}

// follow returns the row that a column's references lead to; nil if to none.
func (q *query) follow(c *column, r *row) (*view, *row) {
	v := q.view
	for _, f := range c.steps {
		x := v.value(r, f.Name)
		if x.kind != id {
			return nil, nil
		}
		if v = q.sn.byPrefix[x.text]; v == nil {
			return nil, nil
		}
		next, ok := v.row(x.num)
		if !ok {
			return nil, nil
		}
		r = &next
	}
	return v, r
}

// rows returns the numbers of the rows that a query selects, in order.
func (q *query) rows() []int32 {
	var found []int32
	var keys []value
	var r row // here, so that the loop allocates nothing
	for n := int64(1); n <= q.view.last; n++ {
		var ok bool
		if r, ok = q.view.row(n); !ok || r.deleted && !q.deleted || q.keep != nil && !q.keep(&r) {
			continue
		}
		if len(q.order) == 0 && q.limit >= 0 && len(found) == q.offset+q.limit {
			break
		}
		found = append(found, int32(n))
		for i := range q.order {
			keys = append(keys, q.value(&q.order[i], &r))
		}
	}
	if len(q.order) > 0 {
		found = q.sorted(found, keys)
	}
	found = found[min(q.offset, len(found)):]
	if q.limit >= 0 {
		found = found[:min(q.limit, len(found))]
	}
	return found
}

func (q *query) sorted(found []int32, keys []value) []int32 {
	k := len(q.order)
	index := make([]int32, len(found))
	for i := range index {
		index[i] = int32(i)
	}
	slices.SortStableFunc(index, func(a, b int32) int {
		for i := range k {
			x, y := keys[int(a)*k+i], keys[int(b)*k+i]
			o := q.statement.order[i]
			c := compare(x, y)
			if x.kind == null || y.kind == null {
				if o.nullsLast {
					c = -c
				}
			} else if o.descending {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return 0
	})
	for i, j := range index {
		index[i] = found[j]
	}
	return index
}

// aggregate returns the values of MIN, MAX and COUNT over all rows.
func (q *query) aggregate() []value {
	out := make([]value, len(q.columns))
	distinct := make([]map[string]bool, len(q.columns))
	for _, n := range q.rows() {
		r, _ := q.view.row(int64(n))
		for i := range q.columns {
			x, o := q.value(&q.columns[i], &r), &out[i]
			if x.kind == null {
				continue
			}
			switch f := q.columns[i].function; {
			case f == "COUNT":
				o.num++
			case f == "COUNT_DISTINCT":
				if distinct[i] == nil {
					distinct[i] = map[string]bool{}
				}
				distinct[i][x.String()] = true
				o.num = int64(len(distinct[i]))
			case o.kind == null, f == "MIN" && compare(x, *o) < 0, f == "MAX" && compare(x, *o) > 0:
				*o = x
			}
		}
	}
	for i := range out {
		if strings.HasPrefix(q.columns[i].function, "COUNT") {
			out[i].kind = integer
		}
	}
	return out
}

// record writes a row as JSON.
func (q *query) record(j *simulate.Object, version string, n int64) {
	r, _ := q.view.row(n)
	j.Open()
	attributes(j, version, q.view.object, &r)
	written := map[string]bool{}
	for i := range q.columns {
		c := &q.columns[i]
		if len(c.steps) == 0 {
			q.field(j, q.view, c.field, &r, q.value(c, &r))
			continue
		}
		if name := *c.steps[0].RelationshipName; !written[name] {
			written[name] = true
			q.related(j, version, q.columns[i:], 0, &r)
		}
	}
	j.Close()
}

// related writes the object of the first column's reference at a depth, with
// all columns that go the same way.
func (q *query) related(j *simulate.Object, version string, columns []column, depth int, r *row) {
	first := &columns[0]
	name := *first.steps[depth].RelationshipName
	v, at := q.follow(&column{steps: first.steps[:depth+1]}, r)
	if v == nil {
		j.Null(name)
		return
	}
	j.Name(name)
	j.Open()
	attributes(j, version, v.object, at)
	done := map[string]bool{}
	for i := range columns {
		c := &columns[i]
		if len(c.steps) <= depth || !slices.Equal(c.steps[:depth+1], first.steps[:depth+1]) {
			continue
		}
		if len(c.steps) == depth+1 {
			q.field(j, v, c.field, at, v.value(at, c.field.Name))
		} else if next := *c.steps[depth+1].RelationshipName; !done[next] {
			done[next] = true
			q.related(j, version, columns[i:], depth+1, r)
		}
	}
	j.Close()
}

func attributes(j *simulate.Object, version string, o *Object, r *row) {
	j.Name("attributes")
	j.Open()
	j.Text("type", o.Name)
	j.Text("url", "/services/data/"+version+"/sobjects/"+o.Name+"/"+value{kind: id, text: o.KeyPrefix, num: r.n}.String())
	j.Close()
}

// field writes a field; a compound one as an object of its parts.
func (q *query) field(j *simulate.Object, v *view, f *Field, r *row, x value) {
	j.Name(f.Name)
	if !f.compound() {
		x.json(j)
		return
	}
	from, some := len(j.Bytes), false
	j.Open()
	for i := range v.object.Fields {
		part := &v.object.Fields[i]
		if part.CompoundFieldName == nil || *part.CompoundFieldName != f.Name || part == f {
			continue
		}
		x := v.value(r, part.Name)
		some = some || x.kind != null
		j.Name(partName(f.Name, part.Name))
		x.json(j)
	}
	j.Close()
	if !some {
		j.Bytes = append(j.Bytes[:from], "null"...)
	}
}

// partName returns what a part is called inside a compound field: street for
// BillingStreet of BillingAddress, latitude for Site__Latitude__s of Site__c.
func partName(compound, part string) string {
	name := strings.TrimPrefix(part, strings.TrimSuffix(compound, "Address"))
	name = strings.TrimPrefix(strings.TrimSuffix(name, "__s"), strings.TrimSuffix(compound, "__c")+"__")
	return strings.ToLower(name[:1]) + name[1:]
}

// compile makes a condition a function.
func (q *query) compile(c *condition) (func(*row) bool, *apiError) {
	if len(c.parts) > 0 {
		return q.compileParts(c)
	}
	col, err := q.column(c.path, c.at)
	if err != nil {
		return nil, err
	}
	if !col.field.filterable || col.field.compound() {
		return nil, pointed(q.text, c.at, "INVALID_FIELD", "field '%s' can not be filtered in a query call", col.name)
	}
	if strings.Contains(c.op, "cludes") != (col.field.Type == "multipicklist") && c.op != "=" && c.op != "!=" && c.op != "in" && c.op != "not in" {
		return nil, q.operator(c, &col)
	}
	tests := make([]func(value) bool, len(c.values))
	for i, l := range c.values {
		if tests[i], err = q.comparison(c, &col, l); err != nil {
			return nil, err
		}
	}
	negative := c.op == "not in" || c.op == "excludes"
	if len(tests) == 1 && !negative {
		test := tests[0]
		return func(r *row) bool { return test(q.value(&col, r)) }, nil
	}
	return func(r *row) bool {
		x := q.value(&col, r)
		return slices.ContainsFunc(tests, func(t func(value) bool) bool { return t(x) }) != negative
	}, nil
}

func (q *query) compileParts(c *condition) (func(*row) bool, *apiError) {
	var parts []func(*row) bool
	for _, p := range c.parts {
		f, err := q.compile(p)
		if err != nil {
			return nil, err
		}
		parts = append(parts, f)
	}
	if c.op == "not" {
		return func(r *row) bool { return !parts[0](r) }, nil
	}
	or := c.op == "or"
	return func(r *row) bool {
		return slices.ContainsFunc(parts, func(f func(*row) bool) bool { return f(r) == or }) == or
	}, nil
}

func (q *query) operator(c *condition, col *column) *apiError {
	return pointed(q.text, c.at, "INVALID_QUERY_FILTER_OPERATOR", "invalid operator on %s field: %s", col.field.Type, c.op)
}

// comparison returns what decides whether a value meets one literal.
func (q *query) comparison(c *condition, col *column, l literal) (func(value) bool, *apiError) {
	if l.kind == 'w' && strings.EqualFold(l.text, "null") {
		if c.op != "=" && c.op != "!=" && c.op != "in" && c.op != "not in" {
			return nil, q.operator(c, col)
		}
		return func(x value) bool { return (x.kind == null) == (c.op != "!=") }, nil
	}
	k := col.field.kind()
	switch c.op {
	case "like":
		if k != text || l.kind != 's' {
			return nil, q.operator(c, col)
		}
		pattern := strings.ToLower(l.text)
		return func(x value) bool { return x.kind == text && like(strings.ToLower(x.String()), pattern) }, nil
	case "includes", "excludes":
		all := strings.Split(l.text, ";")
		return func(x value) bool { return x.kind == text && includes(strings.Split(x.String(), ";"), all) }, nil
	}
	if k == boolean && strings.ContainsAny(c.op, "<>") {
		return nil, q.operator(c, col)
	}
	from, to, err := q.constant(col, l)
	if err != nil {
		return nil, err
	}
	return func(x value) bool {
		if x.kind == null {
			return c.op == "!="
		}
		switch c.op {
		case "<":
			return compare(x, from) < 0
		case ">=":
			return compare(x, from) >= 0
		case "<=":
			return compare(x, to) <= 0
		case ">":
			return compare(x, to) > 0
		}
		return (compare(x, from) >= 0 && compare(x, to) <= 0) == (c.op != "!=")
	}, nil
}

// constant returns the values that a literal stands for, from the first to
// the last: more than one for words such as TODAY.
func (q *query) constant(col *column, l literal) (from, to value, err *apiError) {
	f := col.field
	k := f.kind()
	ok := false
	switch {
	case l.kind == 'w' && (k == date || k == datetime):
		from, to, ok = span(l.text, q.sn.now, k)
		return from, to, q.mustBe(col, ok)
	case l.kind == 'd' && k == datetime:
		from, ok = parseTime(l.text)
	case l.kind == 'd' && k == date:
		from, ok = parseDate(l.text)
	case l.kind == 'n' && (k == integer || k == decimal):
		from, ok = parseDecimal(strings.TrimPrefix(l.text, "+"))
	case l.kind == 'w' && k == boolean:
		from, ok = boolOf(strings.EqualFold(l.text, "true")), strings.EqualFold(l.text, "true") || strings.EqualFold(l.text, "false")
	case l.kind == 's' && k == text:
		from, ok = textOf(strings.NewReplacer(`\_`, "_", `\%`, "%").Replace(l.text)), true
	case l.kind == 's' && k == id:
		if from, ok = parseID(l.text); !ok {
			return from, to, pointed(q.text, l.at, "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: %s", l.text)
		}
	}
	return from, from, q.mustBe(col, ok)
}

func (q *query) mustBe(col *column, ok bool) *apiError {
	if ok {
		return nil
	}
	what, quotes := map[kind]string{boolean: "boolean", integer: "int", decimal: "double", date: "date", datetime: "dateTime", clock: "time", id: "ID", text: "string"}[col.field.kind()], "not "
	if k := col.field.kind(); k == text || k == id {
		quotes = ""
	}
	return &apiError{http.StatusBadRequest, "INVALID_FIELD", fmt.Sprintf("value of filter criterion for field '%s' must be of type %s and should %sbe enclosed in quotes", col.name, what, quotes)}
}

func includes(has, want []string) bool {
	for _, w := range want {
		if !slices.ContainsFunc(has, func(h string) bool { return strings.EqualFold(h, w) }) {
			return false
		}
	}
	return true
}

// like matches a pattern in which % stands for any text and _ for any
// character, unless a backslash is before them.
func like(s, pattern string) bool {
	if pattern == "" {
		return s == ""
	}
	switch p := pattern[0]; {
	case p == '%':
		for i := range len(s) + 1 {
			if like(s[i:], pattern[1:]) {
				return true
			}
		}
		return false
	case s == "":
		return false
	case p == '_':
		for i := range s {
			if i > 0 {
				return like(s[i:], pattern[1:])
			}
		}
		return pattern == "_"
	case p == '\\' && len(pattern) > 1:
		return s[0] == pattern[1] && like(s[1:], pattern[2:])
	default:
		return s[0] == p && like(s[1:], pattern[1:])
	}
}
