package sqlwriter

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// Notes report the values of one load that could not be kept as they were. Of
// each column the first few are named, the rest are counted.
type Notes struct {
	Table schema.Name
	Warn  func(setup.Warning) // nil: the first such value is an error

	seen map[noteKey]int
	err  error
}

type noteKey struct{ column, code string }

const named = 10

// Add reports a value of a column: what it is and what became of it.
func (n *Notes) Add(column, code, what string) {
	what = fmt.Sprintf("table %s, column %s: %s", n.Table, column, what)
	if n.Warn == nil {
		if n.err == nil {
			n.err = errors.New(what)
		}
		return
	}
	if n.seen == nil {
		n.seen = map[noteKey]int{}
	}
	k := noteKey{column, code}
	n.seen[k]++
	if n.seen[k] <= named {
		n.Warn(setup.Warning{Code: code, Message: what})
	}
}

// Lost reports a value that becomes NULL, and is an error of a key's column:
// nothing would ever find the row again.
func (n *Notes) Lost(c schema.Column, what string) {
	if c.Key && n.err == nil {
		n.err = fmt.Errorf("table %s, column %s: %s, and a key cannot be NULL", n.Table, c.Name, what)
	}
	n.Add(c.Name, "value_not_kept", what+" and became NULL")
}

// Err returns the error of a value that nobody was warned of, or of a key.
func (n *Notes) Err() error { return n.err }

// End reports how many values there were beside those named.
func (n *Notes) End() {
	keys := slices.SortedFunc(maps.Keys(n.seen), func(a, b noteKey) int {
		return cmp.Or(cmp.Compare(a.column, b.column), cmp.Compare(a.code, b.code))
	})
	for _, k := range keys {
		if more := n.seen[k] - named; more > 0 {
			n.Warn(setup.Warning{Code: k.code, Message: fmt.Sprintf("table %s, column %s: %d more values like those named before", n.Table, k.column, more)})
		}
	}
}

// ValidText reports whether every value of a is UTF-8. All of a's bytes are
// looked at in one go; what may be at a value's edge is half a character.
func ValidText(a *array.String) bool {
	all := a.ValueBytes()
	if !utf8.Valid(all) {
		return false
	}
	offsets := a.ValueOffsets()
	for _, at := range offsets[1:] {
		if at -= offsets[0]; int(at) < len(all) && !utf8.RuneStart(all[at]) {
			return false
		}
	}
	return true
}

// Clip shortens a value for a message.
func Clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
