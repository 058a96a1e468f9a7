package formula

import (
	"slices"
	"strings"
)

// A compiler makes SQL of one formula.
type compiler struct {
	view  *View
	row   row      // whose formula it is
	zero  bool     // number fields that are blank are 0
	under []string // the formulas that led to this one
}

// maxNested is how many formulas may refer to one another in a row.
const maxNested = 20

// formula compiles the formula of a field of a row.
func (v *View) formula(r row, f *Field, under []string) (value, error) {
	id := strings.ToLower(r.object.Name + "." + f.Name)
	if slices.Contains(under, id) {
		return value{}, reason(UnsupportedReference, "Formula %s.%s refers to itself.", r.object.Name, f.Name)
	}
	if len(under) == maxNested {
		return value{}, reason(TooLong, "More than %d formulas refer to one another.", maxNested)
	}
	n, err := parse(f.Formula)
	if err != nil {
		return value{}, err
	}
	c := &compiler{view: v, row: r, zero: f.Zero, under: append(slices.Clone(under), id)}
	return c.node(n)
}

func (c *compiler) node(n *node) (v value, err error) {
	switch n.kind {
	case numberNode:
		return literalNumber(n), nil
	case textNode:
		return literalOf(n.text), nil
	case boolNode:
		return literalBool(n.text), nil
	case nullNode:
		return value{kind: nothing, sql: "NULL", strict: true, short: true}, nil
	case referenceNode:
		v, err = c.reference(n.text)
	default:
		v, err = c.call(n)
	}
	if err == nil && len(v.sql)+len(v.fails) > maxSQL {
		err = reason(TooLong, "The formula is too long in SQL: %s is more than %d bytes.", describe(n), maxSQL)
	}
	return v, err
}

// describe names a part of a formula, for people.
func describe(n *node) string {
	if n.kind == callNode {
		return strings.TrimPrefix(n.text, "0")
	}
	return n.text
}

func (c *compiler) call(n *node) (value, error) {
	f, ok := functions[n.text]
	if !ok {
		if why, ok := refused[n.text]; ok {
			return value{}, reason(UnsupportedFunction, "%s is not translated: %s.", n.text, why)
		}
		return value{}, reason(UnsupportedFunction, "%s is not known as a function of formulas.", describe(n))
	}
	var args []value
	for _, a := range n.args {
		v, err := c.node(a)
		if err != nil {
			return value{}, err
		}
		args = append(args, v)
	}
	if err := f.fit(n, args); err != nil {
		return value{}, err
	}
	return f.sql(c, args)
}

// A function makes SQL of its arguments.
type function struct {
	// takes has a letter for the kind of each argument: Number, Text,
	// Boolean, Date, Instant (date and time), Clock, Place, d for a date with
	// or without a time, m for a multi-select picklist or a text, * for any. Those
	// behind a ? may be missing, and those behind a + come as often as one
	// likes.
	takes string
	sql   func(c *compiler, args []value) (value, error)
}

var letters = map[byte][]kind{
	'N': {num}, 'T': {text}, 'B': {boolean}, 'D': {date}, 'I': {datetime}, 'C': {clock}, 'P': {place},
	'd': {date, datetime}, 'm': {multi, text}, '*': {num, text, multi, boolean, date, datetime, clock, place},
}

// fit looks whether the arguments are those that the function takes, and gives
// NULL the kind that is wanted.
func (f *function) fit(n *node, args []value) error {
	must, may, optional := strings.Cut(f.takes, "?")
	must, more, endless := strings.Cut(must, "+")
	all := must + may
	if len(args) < len(must) || !endless && len(args) > len(all) || !optional && !endless && len(args) != len(must) {
		return reason(SyntaxError, "%s has %d arguments, which is not what it takes.", describe(n), len(args))
	}
	for i := range args {
		letter := byte('*')
		switch {
		case i < len(all):
			letter = all[i]
		case more != "":
			letter = more[(i-len(all))%len(more)]
		}
		fits := letters[letter]
		if args[i].kind == nothing && letter != '*' {
			args[i] = args[i].become(fits[0])
		}
		if args[i].kind != nothing && !slices.Contains(fits, args[i].kind) {
			return reason(UnsupportedArgument, "%s has a %s as its argument %d, and takes a %s.", describe(n), args[i].kind, i+1, fits[0])
		}
	}
	return nil
}

// become gives NULL a kind.
func (v value) become(k kind) value {
	if v.kind == nothing {
		v.kind, v.sql = k, typed[k]
		v.double = k == num || k == clock
		v.exact, v.solid = true, true
	}
	return v
}

// unite makes values of one kind of those that a place may take, which are
// NULL or of one kind already.
func unite(what string, all ...*value) (kind, error) {
	k := nothing
	for _, v := range all {
		switch {
		case v.kind == nothing || v.kind == k:
		case k == nothing:
			k = v.kind
		case k == text && v.kind == multi || k == multi && v.kind == text:
			k = text
		default:
			return 0, reason(UnsupportedArgument, "%s has a %s and a %s where both should be of one kind.", what, k, v.kind)
		}
	}
	for _, v := range all {
		if *v = v.become(k); k == text {
			v.kind = text
		}
	}
	return k, nil
}

// functions are all that are translated, operators too. 0- and 0+ are those of
// one side.
var functions = map[string]*function{}

func init() {
	for _, some := range []map[string]*function{logic, arithmetic, texts, times} {
		for name, f := range some {
			functions[name] = f
		}
	}
}

// refused are functions that Salesforce has, and why they are not translated.
var refused = map[string]string{
	"CURRENCYRATE":        "rates are not in the tables",
	"FORMAT":              "it depends on the language of the reader",
	"FORMATCURRENCY":      "it depends on the language of the reader",
	"GETSESSIONID":        "there is no session",
	"GETRECORDIDS":        "it is for buttons",
	"HTMLENCODE":          "it is for buttons and pages",
	"JSENCODE":            "it is for buttons and pages",
	"JSINHTMLENCODE":      "it is for buttons and pages",
	"URLENCODE":           "it is for buttons and pages",
	"IMAGEPROXYURL":       "its address is Salesforce's secret",
	"INCLUDE":             "it is for s-controls",
	"INITCAP":             "DuckDB has no such function",
	"ISCHANGED":           "it is about a change, not a row",
	"ISCLONE":             "it is about a change, not a row",
	"ISNEW":               "it is about a change, not a row",
	"PRIORVALUE":          "it is about a change, not a row",
	"JUNCTIONIDLIST":      "it is for flows",
	"LINKTO":              "it is for buttons",
	"PARENTGROUPVAL":      "it is for reports",
	"PREVGROUPVAL":        "it is for reports",
	"PREDICT":             "predictions are not in the tables",
	"REQUIRESCRIPT":       "it is for buttons",
	"URLFOR":              "it is for buttons",
	"VLOOKUP":             "it is for validation rules",
	"ISPICKVALFORPROFILE": "it depends on the reader",
}
