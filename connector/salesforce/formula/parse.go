package formula

import "strings"

// A node is a part of a parsed formula.
type node struct {
	kind nodeKind
	text string // of a literal, the value; of a reference, the path; of a call, the function in capitals or the operator
	args []*node
}

type nodeKind uint8

const (
	numberNode nodeKind = iota
	textNode
	boolNode // its text is TRUE or FALSE
	nullNode
	referenceNode
	callNode
)

// Bounds of what is parsed: Salesforce allows 3,900 characters, and far fewer
// levels.
const (
	maxLength = 1 << 16
	maxDepth  = 150
)

// parse parses a formula.
func parse(s string) (*node, error) {
	if len(s) > maxLength {
		return nil, reason(TooLong, "The formula has %d bytes, more than the %d that are translated.", len(s), maxLength)
	}
	tokens, err := lex(s)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens}
	n, err := p.binary(0)
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != end {
		return nil, p.unexpected(t)
	}
	return n, nil
}

type parser struct {
	tokens []token
	at     int
	depth  int
}

func (p *parser) peek() token { return p.tokens[p.at] }

// accept goes on behind the operator if it comes next.
func (p *parser) accept(op string) bool {
	t := p.peek()
	if t.kind == operator && t.text == op {
		p.at++
		return true
	}
	return false
}

func (p *parser) unexpected(t token) error {
	if t.kind == end {
		return reason(SyntaxError, "The formula ends too early.")
	}
	return reason(SyntaxError, "The formula has %q where something else should be, at character %d.", t.text, t.at+1)
}

// levels are the operators of two sides, those that bind the least first. In
// Salesforce's grammar ^ binds less than * and /.
var levels = [][]string{{"||"}, {"&&"}, {"=", "==", "<>", "!="}, {"<", ">", "<=", ">="}, {"+", "-", "&"}, {"^"}, {"*", "/"}}

// spelled is what operators are called that have two names.
var spelled = map[string]string{"||": "OR", "&&": "AND", "==": "=", "!=": "<>", "!": "NOT"}

// binary parses operators of two sides from a level on.
func (p *parser) binary(level int) (*node, error) {
	if level == len(levels) {
		return p.unary()
	}
	left, err := p.binary(level + 1)
	for err == nil {
		op, ok := p.oneOf(levels[level])
		if !ok {
			return left, nil
		}
		var right *node
		if right, err = p.binary(level + 1); err == nil {
			left = &node{callNode, op, []*node{left, right}}
		}
	}
	return nil, err
}

func (p *parser) oneOf(ops []string) (string, bool) {
	for _, op := range ops {
		if p.accept(op) {
			if s := spelled[op]; s != "" {
				op = s
			}
			return op, true
		}
	}
	return "", false
}

// unary parses what begins with an operator of one side, or none.
func (p *parser) unary() (*node, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, reason(TooLong, "The formula is nested more than %d levels deep.", maxDepth)
	}
	defer func() { p.depth-- }()
	op := ""
	switch t := p.peek(); {
	case p.accept("-"), p.accept("+"):
		op = "0" + t.text
	case p.accept("!"):
		op = "NOT"
	case t.kind == name && strings.EqualFold(t.text, "NOT"):
		p.at++
		op = "NOT"
	default:
		return p.primary()
	}
	arg, err := p.unary()
	if err != nil {
		return nil, err
	}
	return &node{callNode, op, []*node{arg}}, nil
}

// primary parses a literal, a reference, a call or what is in parentheses.
func (p *parser) primary() (*node, error) {
	t := p.peek()
	if p.accept("(") {
		n, err := p.binary(0)
		if err == nil && !p.accept(")") {
			err = p.unexpected(p.peek())
		}
		return n, err
	}
	switch t.kind {
	case number:
		p.at++
		return &node{kind: numberNode, text: t.text}, nil
	case quoted:
		p.at++
		return &node{kind: textNode, text: t.text}, nil
	case name:
		p.at++
		word := strings.ToUpper(t.text)
		if p.accept("(") {
			args, err := p.arguments()
			return &node{callNode, word, args}, err
		}
		switch word {
		case "TRUE", "FALSE":
			return &node{kind: boolNode, text: word}, nil
		case "NULL":
			return &node{kind: nullNode}, nil
		}
		return &node{kind: referenceNode, text: t.text}, nil
	}
	return nil, p.unexpected(t)
}

// arguments parses those of a call, with the parenthesis that ends them.
func (p *parser) arguments() (args []*node, err error) {
	if p.accept(")") {
		return nil, nil
	}
	for {
		arg, err := p.binary(0)
		if err != nil {
			return nil, err
		}
		args = append(args, arg)
		if p.accept(")") {
			return args, nil
		}
		if !p.accept(",") {
			return nil, p.unexpected(p.peek())
		}
	}
}
