package simulator

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

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
	several := col.field.Type == "multipicklist"
	switch c.op {
	case "=", "!=", "in", "not in":
	case "includes", "excludes":
		if !several {
			return nil, q.operator(c, &col)
		}
	default:
		if several {
			return nil, q.operator(c, &col)
		}
	}
	tests := make([]func(value) bool, len(c.values))
	for i, l := range c.values {
		if tests[i], err = q.comparison(c, &col, l); err != nil {
			return nil, err
		}
	}
	negative := c.op == "not in" || c.op == "excludes"
	if col.field.kind() == id && len(tests) > 1 {
		return q.among(c, &col, negative), nil
	}
	if len(tests) == 1 && !negative {
		test := tests[0]
		return func(r *row) bool { return test(q.value(&col, r)) }, nil
	}
	return func(r *row) bool {
		x := q.value(&col, r)
		return slices.ContainsFunc(tests, func(t func(value) bool) bool { return t(x) }) != negative
	}, nil
}

// among decides whether an id is one of many, whose number costs nothing.
func (q *query) among(c *condition, col *column, negative bool) func(*row) bool {
	ids := map[value]bool{}
	for _, l := range c.values {
		x, _ := parseID(l.text) // null is the zero value
		ids[x] = true
	}
	return func(r *row) bool { return ids[q.value(col, r)] != negative }
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
