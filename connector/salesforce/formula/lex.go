package formula

import "strings"

// A token is a word of a formula.
type token struct {
	kind tokenKind
	text string // of a text: what it means
	at   int    // byte of the formula where it begins
}

type tokenKind uint8

const (
	end tokenKind = iota
	number
	quoted
	name
	operator
)

// operators, longer ones first.
var operators = []string{"&&", "||", "<>", "!=", "==", "<=", ">=", "&", "+", "-", "*", "/", "^", "=", "<", ">", "!", "(", ")", ","}

// lex splits a formula into words, the last of which is the end.
func lex(s string) ([]token, error) {
	var all []token
	for i := 0; ; {
		i = skip(s, i)
		if i < 0 {
			return nil, reason(SyntaxError, "A comment of the formula does not end.")
		}
		if i == len(s) {
			return append(all, token{end, "", i}), nil
		}
		t, next, err := lexOne(s, i)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
		i = next
	}
}

// skip returns where behind white space and comments a word begins, -1 if a
// comment does not end.
func skip(s string, i int) int {
	for i < len(s) {
		switch {
		case strings.IndexByte(" \t\f\r\n", s[i]) >= 0:
			i++
		case strings.HasPrefix(s[i:], "\u00a0"):
			i += len("\u00a0")
		case strings.HasPrefix(s[i:], "/*"):
			n := strings.Index(s[i+2:], "*/")
			if n < 0 {
				return -1
			}
			i += n + 4
		default:
			return i
		}
	}
	return i
}

func lexOne(s string, i int) (token, int, error) {
	switch c := s[i]; {
	case c == '"' || c == '\'':
		return lexText(s, i)
	case isDigit(c) || c == '.' && i+1 < len(s) && isDigit(s[i+1]):
		j := i
		for j < len(s) && (isDigit(s[j]) || s[j] == '.' && strings.IndexByte(s[i:j], '.') < 0) {
			j++
		}
		return token{number, s[i:j], i}, j, nil
	case isLetter(c) || c == '$':
		j := i
		for j < len(s) && (isLetter(s[j]) || isDigit(s[j]) || strings.IndexByte("$_:.#", s[j]) >= 0) {
			j++
		}
		return token{name, s[i:j], i}, j, nil
	}
	for _, op := range operators {
		if strings.HasPrefix(s[i:], op) {
			return token{operator, op, i}, i + len(op), nil
		}
	}
	return token{}, 0, reason(SyntaxError, "The formula has a character that means nothing: %.20q.", s[i:])
}

// lexText reads a text in double or single quotes.
func lexText(s string, i int) (token, int, error) {
	var b strings.Builder
	for j := i + 1; j < len(s); j++ {
		switch s[j] {
		case s[i]:
			return token{quoted, b.String(), i}, j + 1, nil
		case '\\':
			if j++; j == len(s) {
				break
			}
			switch s[j] {
			case 'n', 'N':
				b.WriteByte('\n')
			case 'r', 'R':
				b.WriteByte('\r')
			case 't', 'T':
				b.WriteByte('\t')
			case '"', '\'', '\\':
				b.WriteByte(s[j])
			default:
				return token{}, 0, reason(SyntaxError, "A text of the formula has a backslash before %q, which means nothing.", s[j])
			}
		default:
			b.WriteByte(s[j])
		}
	}
	return token{}, 0, reason(SyntaxError, "A text of the formula does not end.")
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
