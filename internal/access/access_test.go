package access

import (
	"testing"

	"pgregory.net/rapid"
)

func TestRoles(t *testing.T) {
	const g, h, c, d = "group_one", "group_two", "connection_one", "connection_two"
	inG, inH := Place{Group: g, ID: c}, Place{Group: h, ID: d}
	for _, tt := range []struct {
		name     string
		grants   Grants
		resource Resource
		actions  Actions
		place    Place
		want     bool
	}{
		{"administrator", OfAccountRole(Administrator), Users, Manage, Place{}, true},
		{"administrator below", OfAccountRole(Administrator), Connections, Manage, inG, true},
		{"reviewer reads", OfAccountRole(Reviewer), Connections, Read, inG, true},
		{"reviewer writes", OfAccountRole(Reviewer), Connections, Edit, inG, false},
		{"no such role", OfAccountRole("Owner"), Account, Read, Place{}, false},
		{"role of another level", OfAccountRole(ManageDestination), Destinations, Read, Place{}, false},
		{"billing sees no connections", OfAccountRole("Account Billing"), Connections, Read, inG, false},
		{"analyst", OfAccountRole("Account Analyst"), Connections, Create, Place{Group: g}, true},
		{"analyst and destinations", OfAccountRole("Account Analyst"), Destinations, Edit, Place{Group: g, ID: g}, false},
		{"group's manager", OfMembership(ManageDestination, GroupLevel, g), Connections, Delete, inG, true},
		{"group's manager elsewhere", OfMembership(ManageDestination, GroupLevel, g), Connections, Read, inH, false},
		{"group's manager and the account", OfMembership(ManageDestination, GroupLevel, g), Users, Read, Place{}, false},
		{"group's manager and new groups", OfMembership(ManageDestination, GroupLevel, g), Destinations, Create, Place{}, false},
		{"connection's editor", OfMembership("Edit Connection", ConnectionLevel, c), Connections, Edit, inG, true},
		{"connection's editor deletes", OfMembership("Edit Connection", ConnectionLevel, c), Connections, Delete, inG, false},
		{"connection's editor and its group", OfMembership("Edit Connection", ConnectionLevel, c), Destinations, Read, Place{Group: g, ID: g}, false},
		{"connection's editor and another", OfMembership("Edit Connection", ConnectionLevel, c), Connections, Read, inH, false},
		{"creator makes", OfMembership("Create Connection", GroupLevel, g), Connections, Create, Place{Group: g}, true},
		{"creator sees others'", OfMembership("Create Connection", GroupLevel, g), Connections, Read, inG, false},
		{"earlier name", OfMembership("Destination Administrator", GroupLevel, g), Destinations, Delete, Place{Group: g, ID: g}, true},
		{"team's manager", OfMembership(TeamManager, TeamLevel, "team"), Teams, Edit, Place{ID: "team"}, true},
		{"an id of another kind", OfMembership(TeamManager, TeamLevel, c), Connections, Read, inG, false},
		{"together", append(OfMembership("View Connection", ConnectionLevel, c), OfMembership("Create Connection", GroupLevel, g)...), Connections, Read | Create, inG, true},
		{"empty place", Grants{{Resource: Connections, Actions: Manage, Groups: []string{""}}}, Connections, Read, Place{}, false},
		{"a filter that names nothing", Grants{{Resource: Connections, Actions: Manage, IDs: []string{}}}, Connections, Read, inG, false},
	} {
		if got := tt.grants.May(tt.resource, tt.actions, tt.place); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestScope shows that a list has what single reads answer, and no more.
func TestScope(t *testing.T) {
	ids := []string{"a", "b", "c"}
	some := rapid.SampledFrom([][]string{nil, {}, {"a"}, {"b", "c"}})
	rapid.Check(t, func(r *rapid.T) {
		gs := rapid.SliceOfN(rapid.Custom(func(r *rapid.T) Grant {
			return Grant{Resource: Resource(rapid.IntRange(0, 2).Draw(r, "resource")), Actions: Actions(rapid.IntRange(1, 15).Draw(r, "actions")),
				Groups: some.Draw(r, "groups"), IDs: some.Draw(r, "ids")}
		}), 0, 4).Draw(r, "grants")
		for res := Account; res <= Roles; res++ {
			scope := Grants(gs).Scope(res, Read)
			for _, group := range ids {
				for _, id := range ids {
					p := Place{group, id}
					if got, want := scope.Contains(p), Grants(gs).May(res, Read, p); got != want {
						r.Fatalf("%v at %v: listed %v, read %v", res, p, got, want)
					}
				}
			}
		}
	})
}

func TestNames(t *testing.T) {
	for r := Account; r <= Connections; r++ {
		if got, ok := ParseResource(r.String()); !ok || got != r {
			t.Errorf("%s: got %v, %v", r, got, ok)
		}
	}
	if _, ok := ParseResource("NOTHING"); ok {
		t.Error("NOTHING is a resource")
	}
	for _, r := range RoleList() {
		if r.Replacement == "" {
			continue
		}
		other := FindRole(r.Replacement, r.Level)
		if other == nil || other.Replacement != "" {
			t.Errorf("%s is replaced by %s, which is no role of its level, or is replaced itself", r.Name, r.Replacement)
		}
	}
}
