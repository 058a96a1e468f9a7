package schemaconfig

import (
	"fmt"
	"strings"
)

// Matches reports whether the mask is meant for a column, given as
// schema.table.column. Letters match in either case: what is masked too much
// shows, what is masked too little does not.
func (m Mask) Matches(column string) bool {
	return glob(strings.ToLower(m.Pattern), strings.ToLower(column))
}

// glob matches s with a pattern in which * stands for any run of characters.
func glob(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == s
	}
	s, ok := strings.CutPrefix(s, parts[0])
	if !ok {
		return false
	}
	last := parts[len(parts)-1]
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(s, p)
		if i < 0 {
			return false
		}
		s = s[i+len(p):]
	}
	return strings.HasSuffix(s, last)
}

// Check returns what is wrong with the mask, or nil.
func (m Mask) Check() error {
	if !strings.Contains(m.Pattern, "*") && strings.Count(m.Pattern, ".") < 2 {
		return fmt.Errorf("mask %q matches no column: a pattern is schema.table.column, with * for any run of characters", m.Pattern)
	}
	switch m.How {
	case MaskHash, MaskRedact, MaskDomain:
	case MaskTruncate:
		if m.Keep < 1 {
			return fmt.Errorf("mask %q keeps %d characters; give a positive number, or redact", m.Pattern, m.Keep)
		}
	default:
		return fmt.Errorf("mask %q: how is %q, which is none of %s, %s, %s, %s", m.Pattern, m.How, MaskHash, MaskRedact, MaskTruncate, MaskDomain)
	}
	return nil
}
