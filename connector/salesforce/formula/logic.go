package formula

import (
	"fmt"
	"slices"
	"strings"
)

// logic are comparisons and decisions.
var logic = map[string]*function{
	"=":          {"**", func(c *compiler, a []value) (value, error) { return equal(a[0], a[1], "=") }},
	"<>":         {"**", func(c *compiler, a []value) (value, error) { return equal(a[0], a[1], "<>") }},
	"<":          {"**", func(c *compiler, a []value) (value, error) { return compare(a[0], a[1], "<") }},
	">":          {"**", func(c *compiler, a []value) (value, error) { return compare(a[0], a[1], ">") }},
	"<=":         {"**", func(c *compiler, a []value) (value, error) { return compare(a[0], a[1], "<=") }},
	">=":         {"**", func(c *compiler, a []value) (value, error) { return compare(a[0], a[1], ">=") }},
	"AND":        {"B+B", func(c *compiler, a []value) (value, error) { return chain(a, "AND"), nil }},
	"OR":         {"B+B", func(c *compiler, a []value) (value, error) { return chain(a, "OR"), nil }},
	"NOT":        {"B", func(c *compiler, a []value) (value, error) { return of(boolean, a, "(NOT %s)", a[0].sql), nil }},
	"IF":         {"B**", func(c *compiler, a []value) (value, error) { return choose(a) }},
	"IFS":        {"B**+**", func(c *compiler, a []value) (value, error) { return chooseAmong(a) }},
	"CASE":       {"****+**", func(c *compiler, a []value) (value, error) { return pick(a) }},
	"BLANKVALUE": {"**", func(c *compiler, a []value) (value, error) { return instead(a, false) }},
	"NULLVALUE":  {"**", func(c *compiler, a []value) (value, error) { return instead(a, true) }},
	"ISBLANK":    {"*", func(c *compiler, a []value) (value, error) { return isBlank(a[0]), nil }},
	"ISNULL":     {"*", func(c *compiler, a []value) (value, error) { return isNull(a[0]), nil }},
	"IFERROR":    {"**", func(c *compiler, a []value) (value, error) { return ifError(a) }},
	"ISPICKVAL":  {"TT", func(c *compiler, a []value) (value, error) { return equal(a[0], a[1], "=") }},
	"INCLUDES": {"mT", func(c *compiler, a []value) (value, error) {
		if _, ok := a[1].literalText(); !ok {
			return value{}, reason(UnsupportedArgument, "The second argument of INCLUDES is no literal.")
		}
		return loose(boolean, a, "(STRPOS(';' || %s || ';', ';' || %s || ';') > 0)", a[0].blank(), a[1].sql), nil
	}},
}

// equal compares with = or <>. Blank texts are equal; otherwise a comparison
// with NULL is NULL.
func equal(a, b value, op string) (value, error) {
	k, err := unite(op, &a, &b)
	if err != nil {
		return value{}, err
	}
	both := []value{a, b}
	switch k {
	case nothing:
		return literalBool("FALSE"), nil
	case text, multi:
		return loose(boolean, both, "(%s %s %s)", a.blank(), op, b.blank()), nil
	case boolean:
		return loose(boolean, both, "(%s %s %s)", a.isTrue(), op, b.isTrue()), nil
	case place:
		return value{}, reason(UnsupportedArgument, "Locations are compared.")
	}
	if k == num && !(a.exact && b.exact) {
		if !b.short {
			a, b = b, a
		}
		near := map[string]string{"=": "<=", "<>": ">"}[op]
		return of(boolean, both, "(ABS(%s - %s) %s %s)", a.inDouble(), b.sql, near, tolerance(b)), nil
	}
	return of(boolean, both, "(%s %s %s)", a.sql, op, b.sql), nil
}

// tolerance returns the SQL of how far computations in double precision may
// be off near a number.
func tolerance(v value) string {
	if f, ok := v.number(); ok {
		return fmt.Sprintf("%.3g", 1e-9+1e-12*f)
	}
	return fmt.Sprintf("(1e-9 + 1e-12 * ABS(%s))", v.sql)
}

// compare compares with <, >, <= or >=, texts by their characters' numbers.
func compare(a, b value, op string) (value, error) {
	k, err := unite(op, &a, &b)
	if err != nil {
		return value{}, err
	}
	both := []value{a, b}
	switch k {
	case nothing:
		return literalBool("FALSE"), nil
	case boolean, multi, place:
		return value{}, reason(UnsupportedArgument, "%s compares values that have no order.", op)
	case text:
		return of(boolean, both, `((CAST(%s AS TEXT) COLLATE "C") %s (CAST(%s AS TEXT) COLLATE "C"))`, a.orNull(), op, b.orNull()).nullable(), nil
	}
	if k == num && !(a.exact && b.exact) {
		if !b.short {
			a, b, op = b, a, strings.NewReplacer("<", ">", ">", "<").Replace(op)
		}
		sign := map[string]string{"<": "-", ">=": "-", ">": "+", "<=": "+"}[op]
		return of(boolean, both, "(%s %s %s %s %s)", a.inDouble(), op, b.inDouble(), sign, tolerance(b)), nil
	}
	return of(boolean, both, "(%s %s %s)", a.sql, op, b.sql), nil
}

// nullable says that v may be NULL although no argument is.
func (v value) nullable() value {
	v.never = false
	return v
}

// chain joins conditions by AND or OR. What stands behind one that decides it
// is no error.
func chain(args []value, op string) value {
	var all []string
	goesOn, fails := "", ""
	never := true
	for _, a := range args {
		if a.fails != "" {
			fails = or(fails, and(goesOn, a.fails))
		}
		on := a.isTrue()
		if op == "OR" {
			on = "(NOT " + on + ")"
		}
		goesOn = and(goesOn, on)
		all = append(all, a.sql)
		never = never && a.never
	}
	if len(all) == 1 {
		return args[0]
	}
	return value{kind: boolean, sql: "(" + strings.Join(all, " "+op+" ") + ")", fails: fails, strict: fails == "", never: never}
}

// choose is IF. Only the branch that is taken can be an error.
func choose(a []value) (value, error) {
	k, err := unite("IF", &a[1], &a[2])
	if err != nil {
		return value{}, err
	}
	if k == place {
		return value{}, reason(UnsupportedArgument, "IF chooses between locations.")
	}
	if k == nothing {
		return a[1], nil
	}
	condition := a[0].isTrue()
	v := value{kind: k, sql: fmt.Sprintf("CASE WHEN %s THEN %s ELSE %s END", a[0].sql, a[1].sql, a[2].sql), fails: a[0].fails}
	if a[1].fails != "" {
		v.fails = or(v.fails, and(condition, a[1].fails))
	}
	if a[2].fails != "" {
		v.fails = or(v.fails, and("(NOT "+condition+")", a[2].fails))
	}
	v.strict = a[0].fails == "" && a[1].strict && a[2].strict
	return v.like(a[1:]), nil
}

// like gives v what all of the values are that it may be.
func (v value) like(all []value) value {
	v.never, v.solid, v.exact, v.whole, v.double = true, true, true, true, false
	for _, a := range all {
		v.never = v.never && a.never
		v.solid = v.solid && a.solid
		v.exact = v.exact && a.exact
		v.whole = v.whole && a.whole
		v.double = v.double || a.double
		v.size = max(v.size, a.size)
	}
	if slices.ContainsFunc(all, func(a value) bool { return a.size == 0 && a.lit == nil }) {
		v.size = 0
	}
	return v
}

// chooseAmong is IFS: conditions and values in turn, and what else.
func chooseAmong(a []value) (value, error) {
	if len(a)%2 == 0 {
		return value{}, reason(SyntaxError, "IFS has no value for the case that no condition holds.")
	}
	v := a[len(a)-1]
	for i := len(a) - 3; i >= 0; i -= 2 {
		if a[i].kind != boolean {
			return value{}, reason(UnsupportedArgument, "IFS has a %s where a condition should be.", a[i].kind)
		}
		var err error
		if v, err = choose([]value{a[i], a[i+1], v}); err != nil {
			return value{}, err
		}
	}
	return v, nil
}

// pick is CASE: a value, values to compare it with and results in turn, and
// what else. An error in any of them is one of all.
func pick(a []value) (value, error) {
	if len(a)%2 != 0 {
		return value{}, reason(SyntaxError, "CASE has no value for the case that nothing is equal.")
	}
	var cases, results []*value
	cases = append(cases, &a[0])
	for i := 1; i < len(a)-1; i += 2 {
		cases, results = append(cases, &a[i]), append(results, &a[i+1])
	}
	results = append(results, &a[len(a)-1])
	of, err := unite("CASE", cases...)
	if err != nil {
		return value{}, err
	}
	k, err := unite("CASE", results...)
	if err != nil {
		return value{}, err
	}
	if of == boolean || of == place || k == place {
		return value{}, reason(UnsupportedArgument, "CASE is about a %s.", of)
	}
	if of == nothing || k == nothing {
		return *results[len(results)-1], nil
	}
	return pickOf(of, k, cases, results)
}

func pickOf(of, k kind, cases, results []*value) (value, error) {
	simple := true // what is compared need be computed only once
	for _, c := range cases {
		simple = simple && (of != num || c.exact)
	}
	var b strings.Builder
	b.WriteString("CASE")
	if simple {
		b.WriteString(" " + comparable(*cases[0]))
	}
	v := value{kind: k, fails: cases[0].fails}
	for i, c := range cases[1:] {
		condition := comparable(*c)
		if !simple {
			same, err := equal(*cases[0], *c, "=")
			if err != nil {
				return value{}, err
			}
			condition = same.sql
		}
		fmt.Fprintf(&b, " WHEN %s THEN %s", condition, results[i].sql)
		v.fails = or(v.fails, c.fails)
	}
	fmt.Fprintf(&b, " ELSE %s END", results[len(results)-1].sql)
	v.sql = b.String()
	var all []value
	for _, r := range results {
		all = append(all, *r)
		v.fails = or(v.fails, r.fails)
	}
	v.strict = v.fails == ""
	return v.like(all), nil
}

func comparable(v value) string {
	if v.kind == text || v.kind == multi {
		return v.blank()
	}
	return v.sql
}

// instead is BLANKVALUE, or NULLVALUE, for which no text is null.
func instead(a []value, null bool) (value, error) {
	k, err := unite("BLANKVALUE", &a[0], &a[1])
	switch {
	case err != nil:
		return value{}, err
	case k == boolean || k == place:
		return value{}, reason(UnsupportedArgument, "A %s is never blank.", k)
	case null && k == text || k == nothing:
		return a[0], nil
	}
	v := loose(k, a, "COALESCE(%s, %s)", a[0].orNull(), a[1].sql).like(a)
	v.never, v.solid = a[0].never || a[1].never, a[1].solid
	return v, nil
}

func isBlank(a value) value {
	switch a.kind {
	case nothing:
		return literalBool("TRUE")
	case text, multi:
		return loose(boolean, []value{a}, "(%s = '')", a.blank())
	case boolean:
		return loose(boolean, []value{a}, "FALSE")
	case place:
		return loose(boolean, a.to, "(%s IS NULL AND %s IS NULL)", a.to[0].sql, a.to[1].sql)
	}
	return loose(boolean, []value{a}, "(%s IS NULL)", a.sql)
}

// isNull is isBlank, but that a text is never null.
func isNull(a value) value {
	if a.kind == text {
		return loose(boolean, []value{a}, "FALSE")
	}
	return isBlank(a)
}

// ifError takes the second value where the first is an error.
func ifError(a []value) (value, error) {
	if _, err := unite("IFERROR", &a[0], &a[1]); err != nil {
		return value{}, err
	}
	if a[0].fails == "" {
		return a[0], nil
	}
	failed := value{kind: boolean, sql: "COALESCE(" + a[0].fails + ", FALSE)", strict: true, never: true}
	sound := a[0]
	sound.fails, sound.strict = "", true
	return choose([]value{failed, a[1], sound})
}
