package store

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/penstock-data/penstock/internal/access"
)

func TestMemberships(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		u, g := seed(t, s)
		c := &Connection{GroupID: g.ID, Service: "postgres", Schema: "shop"}
		check(t, s.CreateConnection(ctx, c))
		team := &Team{AccountID: u.AccountID, Name: "Data"}
		check(t, s.CreateTeam(ctx, team))
		wantErr(t, s.CreateTeam(ctx, &Team{AccountID: u.AccountID, Name: "Data"}), ErrExists)
		for _, m := range []Member{{UserMember, u.ID, access.GroupLevel}, {UserMember, u.ID, access.ConnectionLevel},
			{TeamMember, team.ID, access.GroupLevel}, {TeamMember, team.ID, access.ConnectionLevel}} {
			place := g.ID
			if m.Level == access.ConnectionLevel {
				place = c.ID
			}
			ms := &Membership{Member: m, Place: place, Role: "one"}
			check(t, s.CreateMembership(ctx, ms))
			wantErr(t, s.CreateMembership(ctx, ms), ErrExists)
			wantErr(t, s.CreateMembership(ctx, &Membership{Member: m, Place: "nothing", Role: "one"}), ErrNotFound)
			ms.Role = "two"
			check(t, s.UpdateMembership(ctx, ms))
			same(t, must(s.Membership(ctx, m, place))(t), ms)
			all, next, err := s.Memberships(ctx, m, access.Everything, Page{})
			check(t, err)
			same(t, all, []Membership{*ms})
			same(t, next, "")
			_, err = s.Membership(ctx, m, "nothing")
			wantErr(t, err, ErrNotFound)
		}
		check(t, s.DeleteMembership(ctx, Member{UserMember, u.ID, access.GroupLevel}, g.ID))
		wantErr(t, s.DeleteMembership(ctx, Member{UserMember, u.ID, access.GroupLevel}, g.ID), ErrNotFound)
		check(t, s.DeleteConnection(ctx, c.ID)) // and what it was to others
		check(t, s.DeleteTeam(ctx, team.ID))
		_, err := s.Membership(ctx, Member{TeamMember, team.ID, access.GroupLevel}, g.ID)
		wantErr(t, err, ErrNotFound)
	})
}

func TestTeams(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		u, _ := seed(t, s)
		one, two := &Team{AccountID: u.AccountID, Name: "One", Role: access.Reviewer}, &Team{AccountID: u.AccountID, Name: "Two"}
		check(t, s.CreateTeam(ctx, one))
		check(t, s.CreateTeam(ctx, two))
		one.Description = "d"
		must(s.UpdateTeam(ctx, one.ID, func(t *Team) error {
			t.Description = "d"
			return nil
		}))(t)
		same(t, must(s.Team(ctx, one.ID))(t), one)
		for _, tt := range []struct {
			scope access.Scope
			want  int
		}{{access.Everything, 2}, {access.Scope{IDs: []string{two.ID}}, 1}, {access.Scope{}, 0}} {
			teams, _, err := s.Teams(ctx, u.AccountID, tt.scope, Page{})
			check(t, err)
			if len(teams) != tt.want {
				t.Errorf("%v shows %d teams", tt.scope, len(teams))
			}
		}
		eve := &User{AccountID: u.AccountID, Email: "eve@example.com"}
		check(t, s.CreateUser(ctx, eve))
		in := &TeamUser{TeamID: one.ID, UserID: eve.ID, Role: access.TeamMember}
		check(t, s.AddTeamUser(ctx, in))
		wantErr(t, s.AddTeamUser(ctx, in), ErrExists)
		in.Role = access.TeamManager
		check(t, s.UpdateTeamUser(ctx, in))
		same(t, must(s.TeamUser(ctx, one.ID, eve.ID))(t), in)
		key, sec, err := s.CreateAPIKey(ctx, eve.ID)
		check(t, err)
		grants := must(s.Authenticate(ctx, key, sec))(t).Grants
		if !grants.May(access.Connections, access.Read, access.Place{Group: "any"}) || !grants.May(access.Teams, access.Edit, access.Place{ID: one.ID}) {
			t.Errorf("in the team one may %v", grants)
		}
		check(t, s.RemoveTeamUser(ctx, one.ID, eve.ID))
		if grants := must(s.Authenticate(ctx, key, sec))(t).Grants; len(grants) != 0 {
			t.Errorf("out of it one may %v", grants)
		}
	})
}

// TestMembershipsInScope lists the roles of a member in places that somebody
// sees: groups, and connections by themselves or by their groups.
func TestMembershipsInScope(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		u, g := seed(t, s)
		inGroups, forConnections := Member{UserMember, u.ID, access.GroupLevel}, Member{UserMember, u.ID, access.ConnectionLevel}
		role := func(m Member) Membership { return Membership{Member: m, Role: "one"} }
		h := &Group{AccountID: u.AccountID, Name: "Lake"}
		check(t, s.CreateGroup(ctx, h, role(inGroups)))
		check(t, s.CreateMembership(ctx, &Membership{Member: inGroups, Place: g.ID, Role: "one"}))
		c, d := connection(g, "shop"), connection(h, "shop")
		check(t, s.CreateConnection(ctx, c, role(forConnections)))
		check(t, s.CreateConnection(ctx, d, role(forConnections)))
		wantErr(t, s.CreateConnection(ctx, connection(g, "other"), role(Member{UserMember, "nobody", access.ConnectionLevel})), ErrNotFound)
		if all, _, err := s.Connections(ctx, ConnectionFilter{AccountID: u.AccountID, Scope: access.Everything}, Page{}); err != nil || len(all) != 2 {
			t.Errorf("%d connections, %v", len(all), err)
		}
		for _, tt := range []struct {
			of    Member
			scope access.Scope
			want  []string
		}{
			{inGroups, access.Everything, []string{h.ID, g.ID}},
			{inGroups, access.Scope{Groups: []string{g.ID}}, []string{g.ID}},
			{inGroups, access.Scope{}, nil},
			{forConnections, access.Everything, []string{c.ID, d.ID}},
			{forConnections, access.Scope{Groups: []string{h.ID}}, []string{d.ID}},
			{forConnections, access.Scope{IDs: []string{c.ID}}, []string{c.ID}},
			{forConnections, access.Scope{}, nil},
		} {
			all, _, err := s.Memberships(ctx, tt.of, tt.scope, Page{})
			check(t, err)
			var got []string
			for _, m := range all {
				got = append(got, m.Place)
			}
			slices.Sort(got)
			slices.Sort(tt.want)
			same(t, got, tt.want)
		}
	})
}

// TestTeamGrants is what a user gains by joining a team.
func TestTeamGrants(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		u, g := seed(t, s)
		team := &Team{AccountID: u.AccountID, Name: "Data"}
		check(t, s.CreateTeam(ctx, team))
		same(t, must(s.TeamGrants(ctx, team.ID))(t), access.Grants(nil))
		check(t, s.CreateMembership(ctx, &Membership{Member: Member{TeamMember, team.ID, access.GroupLevel}, Place: g.ID, Role: "View Destination"}))
		must(s.UpdateTeam(ctx, team.ID, func(t *Team) error {
			t.Role = access.Reviewer
			return nil
		}))(t)
		want := append(access.OfAccountRole(access.Reviewer), access.OfMembership("View Destination", access.GroupLevel, g.ID)...)
		same(t, must(s.TeamGrants(ctx, team.ID))(t), want)
	})
}

// TestLastAdministrator has two administrators end each other at one time: one
// stays, whichever way they do it.
func TestLastAdministrator(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		first, _ := seed(t, s)
		demote := func(id string) error {
			_, err := s.UpdateUser(ctx, id, func(u *User) error {
				u.Role = access.Reviewer
				return nil
			})
			return err
		}
		end := func(id string) error { return s.DeleteUser(ctx, id) }
		wantErr(t, demote(first.ID), ErrLastAdministrator)
		wantErr(t, end(first.ID), ErrLastAdministrator)
		keep := first.ID
		for i, how := range [][2]func(string) error{{demote, demote}, {end, end}, {demote, end}, {end, demote}} {
			other := &User{AccountID: first.AccountID, Email: fmt.Sprintf("other%d@example.com", i), Role: access.Administrator}
			check(t, s.CreateUser(ctx, other))
			ids, errs := [2]string{keep, other.ID}, [2]error{}
			var both sync.WaitGroup
			for j := range ids {
				both.Go(func() { errs[j] = how[j](ids[j]) })
			}
			both.Wait()
			if (errs[0] == nil) == (errs[1] == nil) {
				t.Fatalf("round %d: %v and %v", i, errs[0], errs[1])
			}
			for j := range ids {
				if errs[j] != nil {
					wantErr(t, errs[j], ErrLastAdministrator)
					keep = ids[j]
				}
			}
			same(t, must(s.User(ctx, keep))(t).Role, access.Administrator)
		}
	})
}
