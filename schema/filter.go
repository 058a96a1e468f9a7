package schema

import (
	"fmt"
	"slices"
	"strings"
)

// A Filter is a condition that the rows of a table must meet to be copied, in
// the language that docs/filters.md describes: a small part of SQL's, with
// SQL's logic of three values. It is not changed once it is made.
//
// What a condition means does not depend on who evaluates it: numbers are
// compared exactly, but for floating point, whose literals are the nearest
// value of the column's type; text is compared byte by byte as UTF-8; NaN
// equals itself and comes after all other numbers.
type Filter struct{ where Condition }

// A Condition is a part of a [Filter].
type Condition struct {
	Test TestOp
	Not  bool // the opposite: NOT IN, NOT LIKE, NOT BETWEEN, IS NOT NULL, NOT (…)

	Of []Condition // of TestAllOf and TestAnyOf, two or more, and of TestGroup, one

	Column string    // of all other tests
	Values []Literal // one for a comparison and TestLike, two for TestBetween, any number for TestIn
}

// A TestOp says what a condition asks for.
type TestOp uint8

const (
	TestAllOf   TestOp = iota // AND
	TestAnyOf                 // OR
	TestGroup                 // one condition, to be negated
	TestTrue                  // a boolean column by itself
	TestIsNull                // IS NULL
	TestEqual                 // =
	TestUnequal               // <>
	TestLess                  // <
	TestAtMost                // <=
	TestMore                  // >
	TestAtLeast               // >=
	TestLike                  // LIKE, with % for any run of characters, _ for one, and \ before one meant literally
	TestBetween               // BETWEEN … AND …
	TestIn                    // IN (…)
)

var comparisons = map[TestOp]string{TestEqual: "=", TestUnequal: "<>", TestLess: "<", TestAtMost: "<=", TestMore: ">", TestAtLeast: ">="}

// String returns the comparison as SQL writes it; "" for other tests.
func (op TestOp) String() string { return comparisons[op] }

// A Literal is a value in a condition. [Literal.As] says what it is for a
// column.
type Literal struct {
	Kind LiteralKind
	Text string // a number in one form for all that are equal, the text itself, TRUE or FALSE
}

// A LiteralKind says how a literal is written.
type LiteralKind uint8

const (
	NumberLiteral LiteralKind = iota // 5, -1.50, 1e6
	TextLiteral                      // 'it''s'
	TruthLiteral                     // TRUE, FALSE
)

func (l Literal) String() string {
	if l.Kind == TextLiteral {
		return "'" + strings.ReplaceAll(l.Text, "'", "''") + "'"
	}
	return l.Text
}

// Where returns the condition, which must not be changed.
func (f *Filter) Where() Condition { return f.where }

// String returns the filter in one form for all that differ in spaces,
// needless parentheses and the like only. ParseFilter makes the same filter
// of it.
func (f *Filter) String() string {
	var b strings.Builder
	f.where.write(&b)
	return b.String()
}

// Columns returns the names of the columns that the filter asks about, each
// once.
func (f *Filter) Columns() []string {
	var names []string
	f.where.each(func(c *Condition) {
		if c.Column != "" && !slices.Contains(names, c.Column) {
			names = append(names, c.Column)
		}
	})
	return names
}

// Rename returns the filter after columns got other names.
func (f *Filter) Rename(to map[string]string) *Filter {
	out := &Filter{f.where.clone()}
	out.where.each(func(c *Condition) {
		if name, ok := to[c.Column]; ok {
			c.Column = name
		}
	})
	return out
}

func (c *Condition) each(f func(*Condition)) {
	f(c)
	for i := range c.Of {
		c.Of[i].each(f)
	}
}

func (c Condition) clone() Condition {
	c.Of = slices.Clone(c.Of)
	for i := range c.Of {
		c.Of[i] = c.Of[i].clone()
	}
	return c
}

func (c *Condition) write(b *strings.Builder) {
	not := ""
	if c.Not {
		not = "NOT "
	}
	switch c.Test {
	case TestAllOf, TestAnyOf:
		c.writeList(b)
		return
	case TestGroup:
		b.WriteString("NOT ")
		c.Of[0].writeIn(b, c.Of[0].Test == TestAllOf || c.Of[0].Test == TestAnyOf)
		return
	}
	b.WriteString(quoteName(c.Column))
	switch c.Test {
	case TestTrue:
	case TestIsNull:
		b.WriteString(" IS " + not + "NULL")
	case TestLike:
		b.WriteString(" " + not + "LIKE " + c.Values[0].String())
	case TestBetween:
		fmt.Fprintf(b, " %sBETWEEN %s AND %s", not, c.Values[0], c.Values[1])
	case TestIn:
		b.WriteString(" " + not + "IN (")
		for i, v := range c.Values {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(v.String())
		}
		b.WriteString(")")
	default:
		fmt.Fprintf(b, " %s %s", c.Test, c.Values[0])
	}
}

func (c *Condition) writeList(b *strings.Builder) {
	between := " AND "
	if c.Test == TestAnyOf {
		between = " OR "
	}
	for i := range c.Of {
		if i > 0 {
			b.WriteString(between)
		}
		c.Of[i].writeIn(b, c.Test == TestAllOf && c.Of[i].Test == TestAnyOf)
	}
}

func (c *Condition) writeIn(b *strings.Builder, parentheses bool) {
	if parentheses {
		b.WriteString("(")
		defer b.WriteString(")")
	}
	c.write(b)
}

// quoteName returns a column's name as a condition has it.
func quoteName(name string) string {
	bare := name != "" && !isDigit(rune(name[0])) && !slices.Contains(keywords, strings.ToUpper(name)) &&
		!strings.ContainsFunc(name, func(c rune) bool { return !isWord(c) })
	if bare {
		return name
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}
