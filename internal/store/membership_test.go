package store

import (
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
			all, next, err := s.Memberships(ctx, m, Page{})
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
		check(t, s.UpdateTeam(ctx, one))
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
