package schema

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mozillazg/go-unidecode"
)

// A Naming is a rule that makes destination names from a source's names.
type Naming uint8

const (
	// ApplicationNaming is Fivetran's rule for applications: letters become
	// plain ASCII, camelCase becomes snake_case, digits are set apart, and
	// runs of anything else become one underscore.
	ApplicationNaming Naming = iota

	// DatabaseNaming is the rule for databases: letters become plain lower
	// case ASCII, every other character than a digit an underscore.
	DatabaseNaming

	// SourceNaming keeps names as they are.
	SourceNaming
)

// Schema returns the destination's name for a source's schema.
func (n Naming) Schema(name string) string { return n.Table(name) }

// Table returns the destination's name for a source's table.
// Leading underscores go, if anything else is left.
func (n Naming) Table(name string) string {
	out := n.Column(name)
	if n != ApplicationNaming {
		return out
	}
	if t := strings.TrimLeft(out, "_"); t != "" && !isDigit(rune(t[0])) {
		return t
	}
	return out
}

// Column returns the destination's name for a source's column.
func (n Naming) Column(name string) string {
	switch n {
	case ApplicationNaming:
		return snake(unidecode.Unidecode(name))
	case DatabaseNaming:
		return lower(unidecode.Unidecode(name))
	}
	return name
}

// snake follows the naming of Fivetran's Connector SDK (version 1.4.5, MIT),
// which Salesforce's published tables obey too.
func snake(name string) string {
	var b strings.Builder
	var prev rune // 0 at the start and after an underscore
	for _, c := range name {
		if !isWord(c) || c == '_' {
			if prev != 0 || b.Len() == 0 {
				b.WriteByte('_')
			}
			prev = 0
			continue
		}
		camel := unicode.IsLower(prev) && unicode.IsUpper(c)
		if prev != 0 && (camel || isDigit(prev) != isDigit(c)) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(c))
		prev = c
	}
	return b.String()
}

func lower(name string) string {
	out := strings.Map(func(c rune) rune {
		if !isWord(c) {
			return '_'
		}
		return unicode.ToLower(c)
	}, name)
	if out != "" && isDigit(rune(out[0])) {
		return "_" + out
	}
	return out
}

func isDigit(c rune) bool { return '0' <= c && c <= '9' }

func isWord(c rune) bool {
	return isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_'
}

// Shorten makes name fit into limit bytes, limit being at least 16: a name
// that is too long keeps its beginning and ends in a hash of the whole, so
// that it is the same in every sync and differs from its neighbours.
func Shorten(name string, limit int) string {
	if limit == 0 || len(name) <= limit {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	cut := limit - 9
	for !utf8.RuneStart(name[cut]) {
		cut--
	}
	return name[:cut] + "_" + hex.EncodeToString(sum[:4])
}
