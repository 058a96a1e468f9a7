package formula

import (
	"fmt"
	"strings"
)

// texts are the functions of texts.
var texts = map[string]*function{
	"&": {"TT", func(c *compiler, a []value) (value, error) { return concatenate(a[0], a[1]), nil }},
	"BEGINS": {"TT", func(c *compiler, a []value) (value, error) {
		return loose(boolean, a, "(STRPOS(%s, %s) = 1)", a[0].blank(), a[1].blank()), nil
	}},
	"CONTAINS": {"TT", func(c *compiler, a []value) (value, error) {
		return loose(boolean, a, "(STRPOS(%s, %s) > 0)", a[0].blank(), a[1].blank()), nil
	}},
	"BR":         {"", func(c *compiler, a []value) (value, error) { return literalOf("<br>"), nil }},
	"CASESAFEID": {"T", func(c *compiler, a []value) (value, error) { return caseSafe(a[0]) }},
	"CHR": {"N", func(c *compiler, a []value) (value, error) {
		return of(text, a, "CHR(NULLIF(%s, 0))", value{kind: num, sql: fmt.Sprintf("LEAST(GREATEST(%s, 0), 55295)", a[0].sharp())}.small()).nullable(), nil
	}},
	"ASCII": {"T", func(c *compiler, a []value) (value, error) {
		return count(a, "ASCII(%s)", a[0].orNull()).nullable(), nil
	}},
	"FIND":      {"TT?N", func(c *compiler, a []value) (value, error) { return find(a), nil }},
	"HYPERLINK": {"TT?T", func(c *compiler, a []value) (value, error) { return hyperlink(a) }},
	"IMAGE":     {"TT?NN", func(c *compiler, a []value) (value, error) { return image(a) }},
	"LEFT": {"TN", func(c *compiler, a []value) (value, error) {
		return of(text, a, "LEFT(%s, %s)", a[0].sql, a[1].positive()), nil
	}},
	"RIGHT": {"TN", func(c *compiler, a []value) (value, error) {
		return of(text, a, "RIGHT(%s, %s)", a[0].sql, a[1].positive()), nil
	}},
	"MID": {"TNN", func(c *compiler, a []value) (value, error) {
		from := value{kind: num, sql: "GREATEST(" + a[1].small() + ", 1)"}
		v := of(text, a, "SUBSTR(%s, %s, %s)", a[0].sql, from.sql, a[2].positive())
		if !a[1].never {
			v.sql = fmt.Sprintf("CASE WHEN %s IS NOT NULL THEN %s END", a[1].sql, v.sql)
		}
		return v, nil
	}},
	"LEN": {"T", func(c *compiler, a []value) (value, error) {
		return count(a, "LENGTH(%s)", a[0].blank()).loosen(a), nil
	}},
	"LOWER":   {"T?T", func(c *compiler, a []value) (value, error) { return changeCase("LOWER", a) }},
	"UPPER":   {"T?T", func(c *compiler, a []value) (value, error) { return changeCase("UPPER", a) }},
	"LPAD":    {"TN?T", func(c *compiler, a []value) (value, error) { return pad("LPAD", a), nil }},
	"RPAD":    {"TN?T", func(c *compiler, a []value) (value, error) { return pad("RPAD", a), nil }},
	"REVERSE": {"T", func(c *compiler, a []value) (value, error) { return of(text, a, "REVERSE(%s)", a[0].sql), nil }},
	"SUBSTITUTE": {"TTT", func(c *compiler, a []value) (value, error) {
		v := of(text, a[:2], "REPLACE(%s, %s, %s)", a[0].sql, a[1].orNull(), a[2].blank())
		v.fails, v.strict = or(v.fails, a[2].fails), v.strict && a[2].fails == ""
		return v.nullable(), nil
	}},
	"TRIM": {"T", func(c *compiler, a []value) (value, error) {
		return of(text, a, "TRIM(BOTH ' ' FROM %s)", a[0].sql), nil
	}},
	"TEXT":  {"*", func(c *compiler, a []value) (value, error) { return toText(a[0]) }},
	"VALUE": {"T", func(c *compiler, a []value) (value, error) { return toNumber(a[0]), nil }},
	"ISNUMBER": {"T", func(c *compiler, a []value) (value, error) {
		return loose(boolean, a, "(%s ~ %s)", a[0].blank(), quote(numberPattern)), nil
	}},
	"PICKLISTCOUNT": {"m", func(c *compiler, a []value) (value, error) {
		t := a[0].blank()
		return count(a, "(LENGTH(%[1]s) - LENGTH(REPLACE(%[1]s, ';', '')) + CASE WHEN %[1]s = '' THEN 0 ELSE 1 END)", t).loosen(a), nil
	}},
	"REGEX": {"TT", func(c *compiler, a []value) (value, error) { return matches(a) }},
}

// concatenate joins texts, of which blank ones are "".
func concatenate(a, b value) value {
	v := loose(text, []value{a, b}, "(%s || %s)", a.blank(), b.blank())
	v.solid = a.solid && a.never || b.solid && b.never
	return v
}

// count is of for whole numbers of the database's own types.
func count(args []value, format string, sql ...any) value {
	return of(num, args, "CAST("+format+" AS DOUBLE PRECISION)", sql...).as(true, true).sized(10)
}

// loosen says of v that it is no error where an argument is.
func (v value) loosen(args []value) value {
	l := loose(v.kind, args, "")
	v.strict, v.never = l.strict, true
	return v
}

// positive returns the SQL of how many characters are wanted. It is 0 for
// less, and NULL for NULL.
func (v value) positive() string {
	if n, ok := v.literalInt(); ok {
		return fmt.Sprint(max(n, 0))
	}
	some := "GREATEST(" + v.small() + ", 0)"
	if v.never {
		return some
	}
	return fmt.Sprintf("CASE WHEN %s IS NOT NULL THEN %s END", v.sql, some)
}

// caseSafe makes 18 characters of the 15 of an id, which are known of fields
// only.
func caseSafe(a value) (value, error) {
	if a.raw == "" || !a.id {
		return value{}, reason(UnsupportedArgument, "The argument of CASESAFEID is no field that holds an id.")
	}
	a.sql, a.id = a.raw, false
	return a, nil
}

func find(a []value) value {
	needle, hay := a[0], a[1]
	if len(a) == 2 {
		v := count(a, "CASE WHEN %s = '' THEN 0 ELSE STRPOS(%s, %s) END", needle.blank(), hay.blank(), needle.blank())
		if needle.solid && needle.never {
			v = count(a, "STRPOS(%s, %s)", hay.blank(), needle.sql)
		}
		return v.loosen(a)
	}
	from := "GREATEST(COALESCE(" + a[2].small() + ", 1), 1)"
	part := fmt.Sprintf("STRPOS(SUBSTR(%s, %s), %s)", hay.blank(), from, needle.blank())
	return count(a, "CASE WHEN %s = '' OR %s = 0 THEN 0 ELSE %s + %s - 1 END", needle.blank(), part, part, from).loosen(a)
}

// hyperlink and image are as Salesforce's API gives them: as HTML.
func hyperlink(a []value) (value, error) {
	target := literalOf("_blank")
	if len(a) == 3 {
		target = a[2]
	}
	return markup(literalOf(`<a href="`), a[0], literalOf(`" target="`), target, literalOf(`">`), a[1], literalOf("</a>")), nil
}

func image(a []value) (value, error) {
	parts := []value{literalOf(`<img src="`), a[0], literalOf(`" alt="`), a[1], literalOf(`"`)}
	switch len(a) {
	case 3:
		return value{}, reason(SyntaxError, "IMAGE has a height and no width.")
	case 4:
		height, err := toText(a[2])
		if err != nil {
			return value{}, err
		}
		width, err := toText(a[3])
		if err != nil {
			return value{}, err
		}
		parts = append(parts, literalOf(` style="height:`), height, literalOf("px; width:"), width, literalOf(`px;"`))
	}
	return markup(append(parts, literalOf(` border="0"/>`))...), nil
}

func markup(parts ...value) value {
	v := parts[0]
	for _, p := range parts[1:] {
		v = concatenate(v, p)
	}
	return v
}

func changeCase(function string, a []value) (value, error) {
	if len(a) == 2 {
		return value{}, reason(UnsupportedArgument, "%s has a locale as its second argument.", function)
	}
	v := of(text, a, "%s(%s)", function, a[0].sql)
	v.solid = a[0].solid
	return v, nil
}

func pad(function string, a []value) value {
	with := literalOf(" ")
	if len(a) == 3 {
		with = a[2]
	}
	v := of(text, a[:2], "%s(%s, %s, %s)", function, a[0].orNull(), a[1].positive(), with.blank())
	if !with.never || !with.solid { // nothing to pad with
		v.sql = fmt.Sprintf("CASE WHEN %s = '' THEN LEFT(%s, %s) ELSE %s END", with.blank(), a[0].orNull(), a[1].positive(), v.sql)
	}
	v.fails, v.strict = or(v.fails, with.fails), v.strict && with.fails == ""
	return v.nullable()
}

// toText is TEXT.
func toText(a value) (value, error) {
	one := []value{a}
	switch a.kind {
	case nothing:
		return a.become(text), nil
	case text, multi:
		a.kind = text
		return a, nil
	case num:
		return digits(a), nil
	case date:
		return of(text, one, "CAST(%s AS TEXT)", a.sql).full(), nil
	case datetime:
		return of(text, one, "(CAST(DATE_TRUNC('second', %s) AS TEXT) || 'Z')", a.sql).full(), nil
	case clock:
		return of(text, one, "%s", clockText(a)).full(), nil
	}
	return value{}, reason(UnsupportedArgument, "TEXT has a %s as its argument.", a.kind)
}

func clockText(a value) string {
	return fmt.Sprintf("SUBSTR(CAST(TIME '00:00:00.000001' + INTERVAL '1 millisecond' * %s AS TEXT), 1, 12)", a.integer())
}

// full says of a text that it is never "".
func (v value) full() value {
	v.solid = true
	return v
}

// digits writes a number in as few digits as it takes, at most ten of them
// behind the point if it was computed.
func digits(a value) value {
	one := []value{a}
	if a.whole {
		return of(text, one, "CAST(%s AS TEXT)", a.integer()).full()
	}
	short := a.inDouble()
	if !a.exact {
		short = "CAST(" + a.decimal(0) + " AS DOUBLE PRECISION)"
	}
	// The shortest text of a number is 5.0 for DuckDB and 5 for PostgreSQL, and
	// small ones have an exponent.
	v := of(text, one, "CASE WHEN ABS(%s) < 0.001 THEN RTRIM(RTRIM(CAST(%s AS TEXT), '0'), '.') ELSE REPLACE(REPLACE(CAST(%s AS TEXT) || '|', '.0|', '|'), '|', '') END",
		a.sql, a.decimal(17), short)
	return v.full().nullable()
}

const numberPattern = `^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([Ee][+-]?[0-9]{1,2})?$`

// toNumber is VALUE.
func toNumber(a value) value {
	v := of(num, []value{a}, "CAST(CASE WHEN %s ~ %s THEN %s END AS DOUBLE PRECISION)", a.sql, quote(numberPattern), a.sql)
	v.exact = true
	return v.failing("(NOT %s ~ %s AND %s <> '')", a.blank(), quote(numberPattern), a.blank())
}

// matches is REGEX: whether all of a text is what a pattern, of which the SQL
// means the same in both databases, describes.
func matches(a []value) (value, error) {
	pattern, ok := a[1].literalText()
	if !ok {
		return value{}, reason(UnsupportedArgument, "The pattern of REGEX is no literal.")
	}
	p, err := translatePattern(pattern)
	if err != nil {
		return value{}, err
	}
	return loose(boolean, a, "(%s ~ %s)", a[0].blank(), quote(p)), nil
}

// classes are what stands for kinds of characters in Java's patterns, without
// the brackets.
var classes = map[byte]string{'d': "0-9", 'w': "A-Za-z0-9_", 's': " \t\n\x0b\f\r"}

// translatePattern makes of a pattern of Java one that PostgreSQL and DuckDB
// read alike. It refuses what they have not, or see otherwise.
func translatePattern(s string) (string, error) {
	refuse := func(what string) (string, error) {
		return "", reason(UnsupportedArgument, "The pattern of REGEX has %s.", what)
	}
	s = strings.TrimSuffix(strings.TrimPrefix(s, "^"), "$")
	var b strings.Builder
	set := false // inside brackets
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			if i++; i == len(s) {
				return refuse("a backslash at its end")
			}
			class, ok := classes[s[i]]
			switch {
			case ok && set:
				b.WriteString(class)
			case ok:
				b.WriteString("[" + class + "]")
			case strings.IndexByte("DWS", s[i]) >= 0 && !set:
				b.WriteString("[^" + classes[s[i]|0x20] + "]")
			case isLetter(s[i]) || isDigit(s[i]):
				return refuse("\\" + s[i:i+1])
			default:
				b.WriteString("\\" + s[i:i+1])
			}
		case c == '[' && set, c == '&' && set && strings.HasPrefix(s[i:], "&&"):
			return refuse("a set within a set")
		case c == '[':
			set = true
			b.WriteByte(c)
		case c == ']':
			set = false
			b.WriteByte(c)
		case set:
			b.WriteByte(c)
		case c == '.':
			b.WriteString(`[^\n\r]`)
		case c == '^' || c == '$':
			return refuse("an anchor in its middle")
		case c == '(' && strings.HasPrefix(s[i:], "(?") && !strings.HasPrefix(s[i:], "(?:"):
			return refuse("a group that is more than a group")
		case c == '+' && i > 0 && strings.IndexByte("+*?}", s[i-1]) >= 0 && (i < 2 || s[i-2] != '\\'):
			return refuse("a possessive quantifier")
		default:
			b.WriteByte(c)
		}
	}
	return "^(?:" + b.String() + ")$", nil
}
