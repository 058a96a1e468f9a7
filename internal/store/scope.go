package store

import (
	"strings"

	"github.com/penstock-data/penstock/internal/access"
)

// scoped is a condition that holds for rows that a scope shows: group and id
// are SQL for a row's group and its own id, at is the number of the first of
// the three arguments that [scopeArgs] gives. Ids have no commas, and replace
// compares them to the letter on every database.
func scoped(group, id string, at int) string {
	n := func(i int) string { return "$" + string(rune('0'+at+i)) }
	return `(` + n(0) + ` = 1 or replace(` + n(1) + `, ',' || ` + group + ` || ',', '') <> ` + n(1) +
		` or replace(` + n(2) + `, ',' || ` + id + ` || ',', '') <> ` + n(2) + `)`
}

func scopeArgs(s access.Scope) []any {
	if s.All {
		return []any{1, ",", ","}
	}
	list := func(ids []string) string {
		if len(ids) == 0 {
			return ","
		}
		return "," + strings.Join(ids, ",") + ","
	}
	return []any{0, list(s.Groups), list(s.IDs)}
}
