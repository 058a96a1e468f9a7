package formula

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A kind is what a part of a formula comes to.
type kind uint8

const (
	nothing  kind = iota // NULL, which fits everywhere
	num                  // DOUBLE PRECISION, or a literal
	text                 // TEXT; "" and NULL are both blank
	multi                // several values of a picklist, joined by ;
	boolean              // BOOLEAN, of which NULL is neither true nor false
	date                 // DATE
	datetime             // TIMESTAMP, in UTC
	clock                // a time of day: its milliseconds, as num
	place                // a place on earth: two nums
)

var kindNames = [...]string{"null", "number", "text", "multi-select picklist", "yes or no", "date", "date/time", "time", "location"}

func (k kind) String() string { return kindNames[k] }

// typed is NULL of each kind.
var typed = map[kind]string{
	num: "CAST(NULL AS DOUBLE PRECISION)", text: "CAST(NULL AS TEXT)", multi: "CAST(NULL AS TEXT)", boolean: "CAST(NULL AS BOOLEAN)",
	date: "CAST(NULL AS DATE)", datetime: "CAST(NULL AS TIMESTAMP)", clock: "CAST(NULL AS DOUBLE PRECISION)",
}

// A value is a part of a formula in SQL. Its SQL can stand beside any operator.
type value struct {
	kind kind
	sql  string
	to   []value // of a place: latitude and longitude
	lit  *node   // the literal that it is; nil: it is none

	// fails is a condition under which the part is an error; "": it never is.
	// Its NULL is no error. strict says that sql is NULL where fails holds.
	fails  string
	strict bool

	short  bool   // the SQL may be repeated: a column or a literal
	never  bool   // never NULL
	solid  bool   // a text that is never ""
	double bool   // a number in double precision, not another type
	exact  bool   // a number that no computation has blurred
	whole  bool   // a number without a fraction
	id     bool   // a text: the first 15 characters of an id
	raw    string // the column that the value is made of; "": there is none
	size   int    // digits that a number may have in front of its point; 0: not known
}

// maxSQL is how long, in bytes, the SQL of a part may get: arguments that are
// needed twice double it.
const maxSQL = 1 << 16

func literalNumber(n *node) value {
	f, err := strconv.ParseFloat(n.text, 64)
	v := value{kind: num, sql: n.text, lit: n, strict: true, short: true, never: true, exact: true}
	v.whole = err == nil && f == math.Trunc(f) && f < 1e15
	if v.whole {
		v.sql = strconv.FormatFloat(f, 'f', -1, 64)
	}
	v.size = len(v.sql) // or less
	if strings.HasPrefix(v.sql, ".") {
		v.sql = "0" + v.sql
	}
	return v
}

// number returns the value of a literal.
func (v value) number() (float64, bool) {
	if v.lit == nil || v.lit.kind != numberNode {
		return 0, false
	}
	f, err := strconv.ParseFloat(v.lit.text, 64)
	return f, err == nil
}

// literalInt returns the value of a literal without a fraction.
func (v value) literalInt() (int, bool) {
	if f, ok := v.number(); ok && v.whole && math.Abs(f) < 1e6 {
		return int(f), true
	}
	return 0, false
}

// literalText returns the value of a literal.
func (v value) literalText() (string, bool) {
	if v.lit == nil || v.lit.kind != textNode {
		return "", false
	}
	return v.lit.text, true
}

func literalOf(s string) value {
	return value{kind: text, sql: quote(s), lit: &node{kind: textNode, text: s}, strict: true, short: true, never: true, solid: s != ""}
}

// quote returns a text as SQL has it. A backslash means nothing in it.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func literalBool(word string) value {
	return value{kind: boolean, sql: word, strict: true, short: true, never: true}
}

// of returns a value of functions that are NULL where an argument is, and an
// error where one is.
func of(k kind, args []value, format string, sql ...any) value {
	v := value{kind: k, sql: fmt.Sprintf(format, sql...), strict: true, never: true, double: k == num || k == clock}
	for _, a := range args {
		v.fails = or(v.fails, a.fails)
		v.strict = v.strict && a.strict
		v.never = v.never && a.never
	}
	return v
}

// loose is of for functions that are not NULL where an argument is.
func loose(k kind, args []value, format string, sql ...any) value {
	v := of(k, args, format, sql...)
	v.strict, v.never = v.fails == "", true
	return v
}

// failing adds a condition under which v is an error; v is NULL then.
func (v value) failing(format string, args ...any) value {
	v.fails = or(v.fails, fmt.Sprintf(format, args...))
	v.never = false
	return v
}

// as says whether v is whole and exact.
func (v value) as(whole, exact bool) value {
	v.whole, v.exact = whole, exact
	return v
}

// sized says how many digits v may have in front of its point.
func (v value) sized(n int) value {
	v.size = n
	return v
}

func or(a, b string) string { return link(a, " OR ", b) }

func and(a, b string) string { return link(a, " AND ", b) }

func link(a, op, b string) string {
	switch {
	case a == "" || a == b:
		return b
	case b == "":
		return a
	}
	return "(" + a + op + b + ")"
}

// blank returns the SQL of a text that is "" where it is blank.
func (v value) blank() string {
	if v.never {
		return v.sql
	}
	return "COALESCE(" + v.sql + ", '')"
}

// orNull returns the SQL of a text that is NULL where it is blank.
func (v value) orNull() string {
	if v.solid || v.kind != text && v.kind != multi {
		return v.sql
	}
	return "NULLIF(" + v.sql + ", '')"
}

// isTrue returns a condition that is never NULL.
func (v value) isTrue() string {
	if v.never {
		return v.sql
	}
	return "COALESCE(" + v.sql + ", FALSE)"
}

// inDouble returns the SQL of a number in double precision.
func (v value) inDouble() string {
	if v.double {
		return v.sql
	}
	return "CAST(" + v.sql + " AS DOUBLE PRECISION)"
}

// within returns the SQL of a number that is NULL from 9e(n) on, on either
// side, where it would be an error in the database.
func (v value) within(n int) string {
	if 0 < v.size && v.size <= n {
		return v.sql
	}
	most := fmt.Sprintf("9e%d", n)
	return between("-"+most, v.sql, most)
}

// between returns the SQL of a value that is NULL where it is not between two
// others.
func between(low, sql, high string) string {
	return fmt.Sprintf("NULLIF(NULLIF(LEAST(GREATEST(%s, %[2]s), %[3]s), %[3]s), %[2]s)", sql, low, high)
}

// decimal returns the SQL of a number rounded to ten digits behind the point,
// or more, as a decimal. It is made of the number's shortest text: what
// computations in double precision have blurred is sharp again.
func (v value) decimal(scale int) string {
	scale = max(scale, 10)
	if v.lit == nil {
		return fmt.Sprintf("CAST(CAST(%s AS TEXT) AS DECIMAL(38, %d))", v.within(37-scale), scale)
	}
	return fmt.Sprintf("CAST(%s AS DECIMAL(38, %d))", v.sql, scale)
}

// integer returns the SQL of a whole number as one.
func (v value) integer() string {
	if v.lit != nil {
		return v.sql
	}
	return "CAST(" + v.within(18) + " AS BIGINT)"
}

// small is integer for numbers that count days, characters and the like, less
// their fraction. Others are NULL.
func (v value) small() string {
	if v.lit != nil && v.whole {
		return v.sql
	}
	return "CAST(" + v.floored().within(6) + " AS INTEGER)"
}

// floored is a number less its fraction.
func (v value) floored() value {
	if !v.whole {
		v.sql = "TRUNC(" + v.sharp() + ")"
	}
	return v
}

// steps is small for what is added to dates: less than most, so that no
// database has an error.
func (v value) steps(most int) string {
	if n, ok := v.literalInt(); ok && -most < n && n < most {
		return v.sql
	}
	high := strconv.Itoa(most)
	return "CAST(" + between("-"+high, v.floored().sql, high) + " AS INTEGER)"
}

// sharp returns the SQL of a number of which nothing is blurred.
func (v value) sharp() string {
	if v.exact {
		return v.sql
	}
	return v.decimal(0)
}
