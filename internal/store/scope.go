package store

import (
	"strconv"
	"strings"

	"github.com/penstock-data/penstock/internal/access"
)

// scoped is a condition that holds for rows that a scope shows: group and id
// are SQL for a row's group and its own id, at is the number of the first of
// the three arguments that [scopeArgs] gives. Ids have neither commas nor
// semicolons, and replace compares them to the letter on every database.
func scoped(group, id string, at int) string {
	n := func(i int) string { return "$" + strconv.Itoa(at+i) }
	lists := func(i int, mark, value string) string {
		return `replace(` + n(i) + `, '` + mark + `' || ` + value + ` || '` + mark + `', '') <> ` + n(i)
	}
	return `(` + n(0) + ` = 1 or ` + lists(2, ",", id) + ` or not ` + lists(2, ";", id) +
		` and (` + lists(1, ",", group) + ` or ` + n(0) + ` = 2 and not ` + lists(1, ";", group) + `))`
}

// scopeArgs returns 1 for everything, 2 for everything with exceptions, 0 for
// what is listed; then lists of groups and of ids, between commas those that
// are shown and between semicolons those that are not.
func scopeArgs(s access.Scope) []any {
	between := func(mark string, ids []string) string {
		if len(ids) == 0 {
			return "" // two marks would be an empty id, and things may stand in no group
		}
		return mark + strings.Join(ids, mark) + mark
	}
	all := 0
	switch {
	case s.All && s.NotGroups == nil && s.NotIDs == nil:
		all = 1
	case s.All:
		all = 2
	}
	return []any{all, between(",", s.Groups) + between(";", s.NotGroups), between(",", s.IDs) + between(";", s.NotIDs)}
}
