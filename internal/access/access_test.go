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
	some := rapid.SampledFrom([][]string{nil, {}, {"a"}, {"b", "c"}})
	rapid.Check(t, func(r *rapid.T) {
		gs := rapid.SliceOfN(rapid.Custom(func(r *rapid.T) Grant {
			return Grant{Resource: Resource(rapid.IntRange(0, 2).Draw(r, "resource")), Actions: Actions(rapid.IntRange(1, 15).Draw(r, "actions")),
				Groups: some.Draw(r, "groups"), IDs: some.Draw(r, "ids")}
		}), 0, 4).Draw(r, "grants")
		sameScope(r, gs)
	})
}

func sameScope(r *rapid.T, gs Grants) {
	ids := []string{"a", "b", "c"}
	for res := Account; res <= Roles; res++ {
		scope := gs.Scope(res, Read)
		for _, group := range ids {
			for _, id := range ids {
				p := Place{group, id}
				if got, want := scope.Contains(p), gs.May(res, Read, p); got != want {
					r.Fatalf("%v at %v: listed %v, read %v", res, p, got, want)
				}
			}
		}
	}
}

func TestCovers(t *testing.T) {
	const g, h, c = "group_one", "group_two", "connection_one"
	group, conn, team := Place{Group: g, ID: g}, Place{Group: g, ID: c}, Place{ID: "team"}
	manager := OfMembership(ManageDestination, GroupLevel, g)
	for _, tt := range []struct {
		name   string
		grants Grants
		role   string
		level  Level
		place  Place
		want   bool
	}{
		{"administrator", OfAccountRole(Administrator), Administrator, AccountLevel, Place{}, true},
		{"administrator below", OfAccountRole(Administrator), ManageConnection, ConnectionLevel, conn, true},
		{"reviewer makes reviewers", OfAccountRole(Reviewer), Reviewer, AccountLevel, Place{}, true},
		{"reviewer makes analysts", OfAccountRole(Reviewer), "Account Analyst", AccountLevel, Place{}, false},
		{"analyst makes managers", OfAccountRole("Account Analyst"), ManageDestination, GroupLevel, group, false},
		{"manager makes managers", manager, ManageDestination, GroupLevel, group, true},
		{"manager makes viewers", manager, "View Destination", GroupLevel, group, true},
		{"manager, by an earlier name", manager, "Destination Administrator", GroupLevel, group, true},
		{"manager below", manager, ManageConnection, ConnectionLevel, conn, true},
		{"manager elsewhere", manager, "View Destination", GroupLevel, Place{Group: h, ID: h}, false},
		{"manager in the account", manager, Reviewer, AccountLevel, group, false},
		{"editor makes managers", OfMembership("Edit Destination", GroupLevel, g), ManageDestination, GroupLevel, group, false},
		{"creator of connections", OfMembership("Create Connection", GroupLevel, g), "Create Connection", GroupLevel, group, true},
		{"connection's manager and its group", OfMembership(ManageConnection, ConnectionLevel, c), "View Destination", GroupLevel, group, false},
		{"all of the group but what stands in it", Grants{{Resource: Destinations, Actions: Manage, IDs: []string{g}}, {Resource: Connections, Actions: Manage, IDs: []string{g}}},
			"Create Connection", GroupLevel, group, false},
		{"team's manager", OfMembership(TeamManager, TeamLevel, "team"), TeamManager, TeamLevel, team, true},
		{"team's member", OfMembership(TeamMember, TeamLevel, "team"), TeamManager, TeamLevel, team, false},
		{"nobody", nil, TeamMember, TeamLevel, team, false},
	} {
		if got := tt.grants.Covers(FindRole(tt.role, tt.level), tt.place); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestNobodyGains gives a role to somebody who has nothing: whoever was allowed
// to give it can do all that the other can.
func TestNobodyGains(t *testing.T) {
	ids := []string{"a", "b", "c"}
	some := rapid.SampledFrom([][]string{nil, {}, {"a"}, {"b", "c"}})
	rapid.Check(t, func(r *rapid.T) {
		giver := Grants(rapid.SliceOfN(rapid.Custom(func(r *rapid.T) Grant {
			return Grant{Resource: Resource(rapid.IntRange(int(Account), int(Connections)).Draw(r, "resource")), Actions: Manage,
				Groups: some.Draw(r, "groups"), IDs: some.Draw(r, "ids")}
		}), 0, 12).Draw(r, "grants"))
		role := rapid.SampledFrom(roles).Draw(r, "role")
		at := Place{rapid.SampledFrom(ids).Draw(r, "group"), rapid.SampledFrom(ids).Draw(r, "id")}
		if role.Level == GroupLevel {
			at.ID = at.Group
		}
		if !giver.Covers(&role, at) {
			return
		}
		gained := OfAccountRole(role.Name)
		if role.Level != AccountLevel {
			gained = OfMembership(role.Name, role.Level, at.ID)
		}
		for res := Account; res <= Connections; res++ {
			for a := Read; a <= Delete; a <<= 1 {
				for _, group := range ids {
					for _, id := range ids {
						p := Place{group, id}
						if (role.Level == ConnectionLevel || role.Level == TeamLevel) && id == at.ID {
							p.Group = at.Group // it stands in one group
						}
						if gained.May(res, a, p) && !giver.May(res, a, p) {
							r.Fatalf("whoever may not do %d with %v at %v gave %s at %v", a, res, p, role.Name, at)
						}
					}
				}
			}
		}
	})
}

func TestIncludes(t *testing.T) {
	manager := OfMembership(ManageDestination, GroupLevel, "g")
	for _, tt := range []struct {
		name        string
		all, others Grants
		want        bool
	}{
		{"the same", manager, manager, true},
		{"nothing", nil, nil, true},
		{"more", OfAccountRole(Administrator), manager, true},
		{"less", manager, OfAccountRole(Reviewer), false},
		{"another group", manager, OfMembership("View Destination", GroupLevel, "h"), false},
		{"one of several", manager, append(OfMembership("View Destination", GroupLevel, "g"), OfMembership(TeamMember, TeamLevel, "t")...), false},
	} {
		if got := tt.all.Includes(tt.others); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
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
