package schema

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of a condition.
const (
	maxFilter      = 16 << 10 // bytes of its canonical form
	maxFilterDepth = 50       // conditions within each other
)

var keywords = []string{"AND", "OR", "NOT", "IN", "IS", "NULL", "LIKE", "BETWEEN", "TRUE", "FALSE"}

// ParseFilter reads a condition. Its errors say where it went wrong, in
// characters from 1 on, and what was expected there; they are for people.
func ParseFilter(text string) (*Filter, error) {
	if len(text) > 4*maxFilter {
		return nil, errTooLong
	}
	if !utf8.ValidString(text) {
		return nil, errors.New("the condition is not UTF-8")
	}
	p := &filterParser{text: text}
	if err := p.next(); err != nil {
		return nil, err
	}
	c, err := p.any(0)
	if err != nil {
		return nil, err
	}
	if p.is.kind != endToken {
		return nil, p.expected("AND, OR or the end")
	}
	f := &Filter{c}
	if len(f.String()) > maxFilter {
		return nil, errTooLong
	}
	return f, nil
}

var errTooLong = fmt.Errorf("the condition is too long; it may have %d bytes", maxFilter)

type tokenKind uint8

const (
	endToken     tokenKind = iota
	nameToken              // text is the name
	keywordToken           // text is in upper case
	valueToken
	signToken // text is a comparison, a parenthesis or a comma
)

type token struct {
	kind  tokenKind
	text  string
	value Literal
	start int // in bytes
}

// A filterParser reads a condition by recursive descent.
type filterParser struct {
	text string
	at   int   // what has been read of text
	is   token // the next token
}

// any reads conditions joined by OR, all those joined by AND.
func (p *filterParser) any(depth int) (Condition, error) {
	return p.list(TestAnyOf, "OR", p.all, depth)
}

func (p *filterParser) all(depth int) (Condition, error) {
	return p.list(TestAllOf, "AND", p.one, depth)
}

func (p *filterParser) list(test TestOp, word string, part func(depth int) (Condition, error), depth int) (Condition, error) {
	out := Condition{Test: test}
	for {
		c, err := part(depth)
		if err != nil {
			return c, err
		}
		if c.Test == test {
			out.Of = append(out.Of, c.Of...)
		} else {
			out.Of = append(out.Of, c)
		}
		if !p.keyword(word) {
			break
		}
		if err := p.next(); err != nil {
			return out, err
		}
	}
	if len(out.Of) == 1 {
		return out.Of[0], nil
	}
	return out, nil
}

// one reads a test, or conditions in parentheses, with or without NOT.
func (p *filterParser) one(depth int) (Condition, error) {
	if depth == maxFilterDepth {
		return Condition{}, p.wrong("conditions are nested more than %d deep", maxFilterDepth)
	}
	switch {
	case p.keyword("NOT"):
		if err := p.next(); err != nil {
			return Condition{}, err
		}
		c, err := p.one(depth + 1)
		return Condition{Test: TestGroup, Not: true, Of: []Condition{c}}, err
	case p.sign("("):
		if err := p.next(); err != nil {
			return Condition{}, err
		}
		c, err := p.any(depth + 1)
		if err != nil {
			return c, err
		}
		return c, p.skip(")", "AND, OR or )")
	case p.is.kind == nameToken:
		return p.test()
	}
	return Condition{}, p.expected("a column, NOT or (")
}

// test reads what is asked of a column.
func (p *filterParser) test() (c Condition, err error) {
	c.Column = p.is.text
	if err := p.next(); err != nil {
		return c, err
	}
	if p.is.kind == signToken {
		for op, sign := range comparisons {
			if p.is.text == sign || op == TestUnequal && p.is.text == "!=" {
				c.Test = op
				if err := p.next(); err != nil {
					return c, err
				}
				return c, p.value(&c)
			}
		}
	}
	if p.keyword("IS") {
		return p.isNull(c)
	}
	if p.keyword("NOT") {
		c.Not = true
		if err := p.next(); err != nil {
			return c, err
		}
	}
	switch {
	case p.keyword("IN"):
		return p.in(c)
	case p.keyword("LIKE"):
		return p.like(c)
	case p.keyword("BETWEEN"):
		return p.between(c)
	case c.Not:
		return c, p.expected("IN, LIKE or BETWEEN")
	}
	c.Test = TestTrue
	if p.is.kind == nameToken || p.is.kind == valueToken {
		return c, p.expected("a comparison, IS, IN, LIKE or BETWEEN")
	}
	return c, nil
}

func (p *filterParser) isNull(c Condition) (Condition, error) {
	c.Test = TestIsNull
	if err := p.next(); err != nil {
		return c, err
	}
	if p.keyword("NOT") {
		c.Not = true
		if err := p.next(); err != nil {
			return c, err
		}
	}
	if !p.keyword("NULL") {
		return c, p.expected("NULL")
	}
	return c, p.next()
}

func (p *filterParser) in(c Condition) (Condition, error) {
	c.Test = TestIn
	if err := p.next(); err != nil {
		return c, err
	}
	if err := p.skip("(", "("); err != nil {
		return c, err
	}
	for {
		if err := p.value(&c); err != nil {
			return c, err
		}
		if !p.sign(",") {
			return c, p.skip(")", ", or )")
		}
		if err := p.next(); err != nil {
			return c, err
		}
	}
}

func (p *filterParser) like(c Condition) (Condition, error) {
	c.Test = TestLike
	if err := p.next(); err != nil {
		return c, err
	}
	if p.is.kind != valueToken || p.is.value.Kind != TextLiteral {
		return c, p.expected("a pattern in quotes")
	}
	if n := len(p.is.value.Text) - len(strings.TrimRight(p.is.value.Text, `\`)); n%2 == 1 {
		return c, p.wrong(`the pattern ends in a single \, which stands before a character that is meant literally`)
	}
	return c, p.value(&c)
}

func (p *filterParser) between(c Condition) (Condition, error) {
	c.Test = TestBetween
	if err := p.next(); err != nil {
		return c, err
	}
	if err := p.value(&c); err != nil {
		return c, err
	}
	if !p.keyword("AND") {
		return c, p.expected("AND and the greatest value")
	}
	if err := p.next(); err != nil {
		return c, err
	}
	return c, p.value(&c)
}

// value adds a literal to what c compares with.
func (p *filterParser) value(c *Condition) error {
	if p.keyword("NULL") {
		return p.wrong("nothing is equal to NULL; write IS NULL or IS NOT NULL")
	}
	if p.is.kind != valueToken {
		return p.expected("a value: a number, text in single quotes, TRUE or FALSE")
	}
	c.Values = append(c.Values, p.is.value)
	return p.next()
}

func (p *filterParser) keyword(word string) bool {
	return p.is.kind == keywordToken && p.is.text == word
}

func (p *filterParser) sign(s string) bool { return p.is.kind == signToken && p.is.text == s }

func (p *filterParser) skip(sign, want string) error {
	if !p.sign(sign) {
		return p.expected(want)
	}
	return p.next()
}

// next reads a token.
func (p *filterParser) next() error {
	p.at += len(p.text[p.at:]) - len(strings.TrimLeft(p.text[p.at:], " \t\r\n"))
	p.is = token{start: p.at}
	rest := p.text[p.at:]
	if rest == "" {
		return nil
	}
	switch c := rest[0]; {
	case c == '\'' || c == '"':
		return p.quoted(c)
	case isDigit(rune(c)), (c == '-' || c == '+' || c == '.') && len(rest) > 1 && (isDigit(rune(rest[1])) || rest[1] == '.'):
		return p.number()
	case isWord(rune(c)):
		p.word()
		return nil
	}
	for _, sign := range []string{"<>", "!=", "<=", ">=", "=", "<", ">", "(", ")", ","} {
		if strings.HasPrefix(rest, sign) {
			p.is.kind, p.is.text = signToken, sign
			p.at += len(sign)
			return nil
		}
	}
	c, _ := utf8.DecodeRuneInString(rest)
	return p.wrong("%q has no meaning here; column names with such characters stand in double quotes", c)
}

func (p *filterParser) word() {
	end := p.at
	for end < len(p.text) && isWord(rune(p.text[end])) {
		end++
	}
	word := p.text[p.at:end]
	p.at = end
	upper := strings.ToUpper(word)
	switch {
	case upper == "TRUE" || upper == "FALSE":
		p.is.kind, p.is.value = valueToken, Literal{TruthLiteral, upper}
	case slices.Contains(keywords, upper):
		p.is.kind, p.is.text = keywordToken, upper
	default:
		p.is.kind, p.is.text = nameToken, word
	}
}

// quoted reads text or a name; a quote within it is doubled.
func (p *filterParser) quoted(quote byte) error {
	var b strings.Builder
	at := p.at + 1
	for {
		end := strings.IndexByte(p.text[at:], quote)
		if end < 0 {
			return p.wrong("the closing %c is missing", quote)
		}
		b.WriteString(p.text[at : at+end])
		at += end + 1
		if at == len(p.text) || p.text[at] != quote {
			break
		}
		b.WriteByte(quote)
		at++
	}
	p.at = at
	text := b.String()
	switch {
	case strings.Contains(text, "\x00"):
		return p.wrong("there is a character with the code 0")
	case quote == '\'':
		p.is.kind, p.is.value = valueToken, Literal{TextLiteral, text}
	case text == "":
		return p.wrong("a name is empty")
	default:
		p.is.kind, p.is.text = nameToken, text
	}
	return nil
}

func (p *filterParser) number() error {
	end := p.at + 1
	for end < len(p.text) {
		c, before := p.text[end], p.text[end-1]
		exponent := (c == '-' || c == '+') && (before == 'e' || before == 'E')
		if !isWord(rune(c)) && c != '.' && !exponent {
			break
		}
		end++
	}
	n, ok := parseNumber(p.text[p.at:end])
	if !ok {
		return p.wrong("%s is no number, or has over %d digits", p.text[p.at:end], maxDigits)
	}
	p.at = end
	p.is.kind, p.is.value = valueToken, Literal{NumberLiteral, n.String()}
	return nil
}

// wrong is an error at the next token.
func (p *filterParser) wrong(format string, args ...any) error {
	at := utf8.RuneCountInString(p.text[:p.is.start]) + 1
	return fmt.Errorf("at character %d: %s", at, fmt.Sprintf(format, args...))
}

func (p *filterParser) expected(what string) error {
	found := p.text[p.is.start:p.at]
	if p.is.kind == endToken {
		found = "the end"
	}
	return p.wrong("expected %s, found %s", what, found)
}
