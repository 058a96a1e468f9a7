package simulator

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// A statement is a query as it was written.
type statement struct {
	text       string
	selected   []selected
	from       string
	fromAt     int
	alias      string
	where      *condition // nil: all
	order      []ordering
	limit      int // -1: none
	offset     int
	aggregates bool
	countOnly  bool // SELECT COUNT()
}

// A selected is one thing of the SELECT clause.
type selected struct {
	path     string // of a field, or the argument of function
	at       int
	function string // "": the field itself; FIELDS: path says which
	alias    string
}

type ordering struct {
	path       string
	at         int
	descending bool
	nullsLast  bool
}

// A condition is a node of the WHERE clause: and, or and not have parts, the
// others compare a field with literals.
type condition struct {
	op     string // and, or, not, =, !=, <, <=, >, >=, like, in, not in, includes, excludes
	parts  []*condition
	path   string
	at     int
	values []literal
}

// A literal is a constant in a condition, as it was written.
type literal struct {
	kind byte // 's'tring, 'w'ord, 'n'umber, 'd'ate or time
	text string
	at   int
}

type token struct {
	kind byte // as a literal's; 'p'unctuation; 0: the end
	text string
	at   int
}

// apiError is an answer that is not what was asked for.
type apiError struct {
	status        int
	code, message string
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

// pointed returns an error with the vendor's picture of where it is.
func pointed(query string, at int, code, format string, args ...any) *apiError {
	from, to := max(0, at-30), min(len(query), at+30)
	excerpt := strings.Map(func(r rune) rune {
		if r == '\n' {
			return ' '
		}
		return r
	}, query[from:to])
	return &apiError{http.StatusBadRequest, code, fmt.Sprintf("\n%s\n%s^\nERROR at Row:1:Column:%d\n%s",
		excerpt, strings.Repeat(" ", at-from), at+1, fmt.Sprintf(format, args...))}
}

func malformed(query string, t token) *apiError {
	if t.kind == 0 {
		return &apiError{http.StatusBadRequest, "MALFORMED_QUERY", "unexpected token: '<EOF>'"}
	}
	return pointed(query, t.at, "MALFORMED_QUERY", "unexpected token: '%s'", t.text)
}

// lex cuts a query into tokens.
func lex(q string) ([]token, *apiError) {
	var tokens []token
	for i := 0; i < len(q); {
		c := q[i]
		j := i + 1
		kind := byte('p')
		switch {
		case unicode.IsSpace(rune(c)):
			i++
			continue
		case c == '\'':
			s, end, err := quotedString(q, i)
			if err != nil {
				return nil, err
			}
			tokens = append(tokens, token{'s', s, i})
			i = end
			continue
		case c >= '0' && c <= '9' || (c == '-' || c == '+') && j < len(q) && q[j] >= '0' && q[j] <= '9':
			kind = 'n'
			for j < len(q) && (q[j] >= '0' && q[j] <= '9' || strings.IndexByte(".-+:TZ", q[j]) >= 0) {
				j++
			}
			if strings.ContainsAny(q[i+1:j], "-:") {
				kind = 'd'
			}
		case c == '_' || unicode.IsLetter(rune(c)):
			kind = 'w'
			for j < len(q) && (q[j] == '_' || q[j] == '.' || q[j] >= '0' && q[j] <= '9' || unicode.IsLetter(rune(q[j]))) {
				j++
			}
		case strings.IndexByte("<>!", c) >= 0 && j < len(q) && (q[j] == '=' || c == '<' && q[j] == '>'):
			j++
		}
		tokens = append(tokens, token{kind, q[i:j], i})
		i = j
	}
	return append(tokens, token{0, "", len(q)}), nil
}

// quotedString reads a string literal that begins at i.
func quotedString(q string, i int) (s string, end int, err *apiError) {
	var b strings.Builder
	for j := i + 1; j < len(q); j++ {
		switch c := q[j]; c {
		case '\'':
			return b.String(), j + 1, nil
		case '\\':
			j++
			if j == len(q) {
				break
			}
			e, ok := map[byte]string{'n': "\n", 'r': "\r", 't': "\t", 'b': "\b", 'f': "\f", '"': `"`, '\'': "'", '\\': `\`, '_': `\_`, '%': `\%`}[q[j]]
			if !ok {
				return "", 0, pointed(q, j-1, "MALFORMED_QUERY", "line 1:%d no viable alternative at character '\\'", j-1)
			}
			b.WriteString(e)
		default:
			b.WriteByte(c)
		}
	}
	return "", 0, pointed(q, i, "MALFORMED_QUERY", "line 1:%d mismatched character '<EOF>' expecting '''", len(q))
}

type parser struct {
	query  string
	tokens []token
}

const longestQuery = 100_000 // characters (SOQL and SOSL limits)

// parseQuery reads a query.
func parseQuery(q string) (*statement, *apiError) {
	if len(q) > longestQuery {
		return nil, &apiError{http.StatusBadRequest, "MALFORMED_QUERY", "SOQL statements cannot be longer than 100000 characters."}
	}
	tokens, err := lex(q)
	if err != nil {
		return nil, err
	}
	p := &parser{q, tokens}
	s := &statement{text: q, limit: -1}
	return s, p.statement(s)
}

func (p *parser) peek() token { return p.tokens[0] }

func (p *parser) next() token {
	t := p.tokens[0]
	if t.kind != 0 {
		p.tokens = p.tokens[1:]
	}
	return t
}

// is reports whether the next tokens are these words or signs, and takes them.
func (p *parser) is(words ...string) bool {
	for i, w := range words {
		if i >= len(p.tokens) || p.tokens[i].kind != 'w' && p.tokens[i].kind != 'p' || !strings.EqualFold(p.tokens[i].text, w) {
			return false
		}
	}
	p.tokens = p.tokens[len(words):]
	return true
}

func (p *parser) expect(word string) *apiError {
	if !p.is(word) {
		return malformed(p.query, p.peek())
	}
	return nil
}

func (p *parser) word() (token, *apiError) {
	if t := p.peek(); t.kind != 'w' {
		return t, malformed(p.query, t)
	}
	return p.next(), nil
}

func (p *parser) statement(s *statement) *apiError {
	if err := p.expect("SELECT"); err != nil {
		return err
	}
	for {
		if err := p.selected(s); err != nil {
			return err
		}
		if !p.is(",") {
			break
		}
	}
	if err := p.expect("FROM"); err != nil {
		return err
	}
	from, err := p.word()
	if err != nil {
		return err
	}
	s.from, s.fromAt = from.text, from.at
	if t := p.peek(); t.kind == 'w' && !slices.Contains(clauses, strings.ToUpper(t.text)) {
		s.alias = p.next().text
	}
	if p.is("WHERE") {
		if s.where, err = p.any(); err != nil {
			return err
		}
	}
	if p.is("ORDER", "BY") {
		if err := p.ordering(s); err != nil {
			return err
		}
	}
	if p.is("LIMIT") {
		if s.limit, err = p.number(); err != nil {
			return err
		}
	}
	if p.is("OFFSET") {
		if s.offset, err = p.number(); err != nil {
			return err
		}
		if s.offset > 2000 {
			return &apiError{http.StatusBadRequest, "NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000"}
		}
	}
	if t := p.peek(); t.kind != 0 {
		return malformed(p.query, t)
	}
	return nil
}

var clauses = []string{"WHERE", "ORDER", "LIMIT", "OFFSET", "GROUP", "HAVING", "WITH", "USING", "FOR", "UPDATE", "ALL"}

func (p *parser) selected(s *statement) *apiError {
	t, err := p.word()
	if err != nil {
		return err
	}
	if !p.is("(") {
		s.selected = append(s.selected, selected{path: t.text, at: t.at})
		return nil
	}
	f := selected{function: strings.ToUpper(t.text), at: t.at}
	switch f.function {
	case "COUNT":
		if p.is(")") {
			s.countOnly = true
			return nil
		}
		s.aggregates = true
	case "COUNT_DISTINCT", "MIN", "MAX":
		s.aggregates = true
	case "FIELDS":
	default:
		return malformed(p.query, t)
	}
	arg, err := p.word()
	if err != nil {
		return err
	}
	f.path, f.at = arg.text, arg.at
	if err := p.expect(")"); err != nil {
		return err
	}
	if t := p.peek(); f.function != "FIELDS" && t.kind == 'w' && !strings.EqualFold(t.text, "FROM") {
		f.alias = p.next().text
	}
	s.selected = append(s.selected, f)
	return nil
}

func (p *parser) ordering(s *statement) *apiError {
	for {
		t, err := p.word()
		if err != nil {
			return err
		}
		o := ordering{path: t.text, at: t.at}
		if o.descending = p.is("DESC"); !o.descending {
			p.is("ASC")
		}
		if p.is("NULLS", "LAST") {
			o.nullsLast = true
		} else {
			p.is("NULLS", "FIRST")
		}
		s.order = append(s.order, o)
		if !p.is(",") {
			return nil
		}
	}
}

func (p *parser) number() (int, *apiError) {
	t := p.peek()
	n, err := strconv.Atoi(t.text)
	if t.kind != 'n' || err != nil || n < 0 {
		return 0, malformed(p.query, t)
	}
	p.next()
	return n, nil
}

// any reads conditions that are all joined by AND or all by OR: the vendor
// wants parentheses around a mixture.
func (p *parser) any() (*condition, *apiError) {
	first, err := p.one()
	if err != nil {
		return nil, err
	}
	all := &condition{parts: []*condition{first}}
	for p.peekIs("AND") || p.peekIs("OR") {
		t := p.next()
		op := strings.ToLower(t.text)
		if all.op != "" && all.op != op {
			return nil, malformed(p.query, t)
		}
		all.op = op
		c, err := p.one()
		if err != nil {
			return nil, err
		}
		all.parts = append(all.parts, c)
	}
	if all.op == "" {
		return first, nil
	}
	return all, nil
}

func (p *parser) peekIs(word string) bool {
	return p.peek().kind == 'w' && strings.EqualFold(p.peek().text, word)
}

func (p *parser) one() (*condition, *apiError) {
	if p.is("NOT") {
		c, err := p.one()
		return &condition{op: "not", parts: []*condition{c}}, err
	}
	if p.is("(") {
		c, err := p.any()
		if err != nil {
			return nil, err
		}
		return c, p.expect(")")
	}
	t, err := p.word()
	if err != nil {
		return nil, err
	}
	c := &condition{path: t.text, at: t.at}
	op := p.next()
	c.op = strings.ToLower(op.text)
	switch {
	case op.kind == 'p' && slices.Contains([]string{"=", "!=", "<>", "<", "<=", ">", ">="}, c.op), op.kind == 'w' && c.op == "like":
		if c.op == "<>" {
			c.op = "!="
		}
		l, err := p.literal()
		c.values = []literal{l}
		return c, err
	case op.kind == 'w' && c.op == "not" && p.is("IN"):
		c.op = "not in"
	case op.kind == 'w' && slices.Contains([]string{"in", "includes", "excludes"}, c.op):
	default:
		return nil, malformed(p.query, op)
	}
	if err := p.expect("("); err != nil {
		return nil, err
	}
	for {
		l, err := p.literal()
		if err != nil {
			return nil, err
		}
		c.values = append(c.values, l)
		if !p.is(",") {
			return c, p.expect(")")
		}
	}
}

func (p *parser) literal() (literal, *apiError) {
	t := p.next()
	switch t.kind {
	case 's', 'n', 'd':
	case 'w':
		if p.is(":") { // LAST_N_DAYS:3
			n, err := p.number()
			if err != nil {
				return literal{}, err
			}
			t.text += ":" + strconv.Itoa(n)
		}
		if !wordLiteral(t.text) {
			return literal{}, malformed(p.query, t)
		}
	default:
		return literal{}, malformed(p.query, t)
	}
	return literal(t), nil
}
