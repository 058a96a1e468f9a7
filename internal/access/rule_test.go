package access

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestOfRules(t *testing.T) {
	const g, h, c, d = "group_one", "group_two", "connection_one", "connection_two"
	inG, inH := Place{g, c}, Place{h, d}
	all, read, none := Manage, Read, Actions(0)
	rule := func(a Actions, groups, ids []string) Grant {
		return Grant{Resource: Connections, Actions: a, Groups: groups, IDs: ids}
	}
	for _, tt := range []struct {
		name  string
		rules []Grant
		does  Actions
		place Place
		want  bool
	}{
		{"all but one", []Grant{rule(none, nil, []string{c}), rule(all, nil, nil)}, Read, inG, false},
		{"all but another", []Grant{rule(none, nil, []string{c}), rule(all, nil, nil)}, all, inH, true},
		{"all but a group", []Grant{rule(all, nil, nil), rule(none, []string{g}, nil)}, Read, inG, false},
		{"made in the group", []Grant{rule(all, nil, nil), rule(none, []string{g}, nil)}, Create, Place{g, g}, false},
		{"made beside it", []Grant{rule(all, nil, nil), rule(none, []string{g}, nil)}, Create, Place{h, h}, true},
		{"one of a group that is hidden", []Grant{rule(none, []string{g}, nil), rule(read, nil, []string{c})}, Read, inG, true},
		{"the rest of it", []Grant{rule(none, []string{g}, nil), rule(read, nil, []string{c})}, Read, Place{g, d}, false},
		{"less than in general", []Grant{rule(all, nil, nil), rule(read, nil, []string{c})}, Edit, inG, false},
		{"no less to read", []Grant{rule(all, nil, nil), rule(read, nil, []string{c})}, Read, inG, true},
		{"ids and groups in one", []Grant{rule(all, []string{h}, []string{c})}, all, inH, true},
		{"making by id", []Grant{rule(all, nil, []string{c})}, Create, inG, false},
		{"a filter that names nothing", []Grant{rule(all, nil, []string{})}, Read, inG, false},
		{"all of the account, but one", []Grant{rule(all, nil, nil), rule(none, nil, []string{c})}, Read, Place{}, false},
		{"all of a group, but one", []Grant{rule(all, []string{g}, nil), rule(none, nil, []string{c})}, Read, Place{Group: g}, false},
	} {
		if got := OfRules(tt.rules).May(Connections, tt.does, tt.place); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
	if OfRules([]Grant{rule(all, nil, []string{c})}).Anywhere(Connections, Create) {
		t.Error("a rule by id allows to make a thing somewhere")
	}
}

// anyRules draws the rules of a system key, in which no id and no group is
// named twice.
func anyRules(r *rapid.T) Grants {
	groups, ids := []string{"a", "b", "c"}, []string{"a", "b", "c"}
	take := func(from *[]string, label string) (names []string) {
		n := rapid.IntRange(0, len(*from)).Draw(r, label)
		names, *from = (*from)[:n:n], (*from)[n:]
		return slices.Clip(names)
	}
	rules := []Grant{{Actions: rapid.SampledFrom([]Actions{0, Read, Manage}).Draw(r, "general")}}
	for range rapid.IntRange(0, 3).Draw(r, "special") {
		g := Grant{Actions: rapid.SampledFrom([]Actions{0, Read, Manage}).Draw(r, "level")}
		g.Groups, g.IDs = take(&groups, "groups"), take(&ids, "ids")
		rules = append(rules, g)
	}
	return OfRules(rules)
}

// TestRulesScope shows that a list has what single reads answer, and no more.
func TestRulesScope(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) { sameScope(r, anyRules(r)) })
}
