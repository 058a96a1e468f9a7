package api

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/fivetran/go-fivetran"
	"github.com/fivetran/go-fivetran/common"
)

// TestMembersClient is what go-fivetran asserts of users, teams and their roles
// against the service (tests/e2e of v1.3.8): the client wants each status to
// the letter.
func TestMembersClient(t *testing.T) {
	e := newEnv(t)
	srv := httptest.NewServer(e.handler)
	defer srv.Close()
	client := fivetran.New(e.key, e.secret)
	client.BaseURL(srv.URL + "/v1")
	ctx := t.Context()
	connection := e.connection()
	group := e.ok("GET", "/v1/connections/"+connection, "").data["group_id"].(string)

	done := func(r common.CommonResponse, err error) func(message string) {
		return func(message string) {
			t.Helper()
			must(t, err)
			if r.Code != "Success" || r.Message != message {
				t.Errorf("%s %q, want %q", r.Code, r.Message, message)
			}
		}
	}
	equal := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}

	invited, err := client.NewUserInvite().Email("william_addison.@fivetran.com").GivenName("William").FamilyName("Addison").
		Phone("+19876543210").Role("Account Reviewer").Picture("http://picture.com").Do(ctx)
	must(t, err)
	user := invited.Data.ID
	if d := invited.Data; *d.Verified || !*d.Invited || !d.LoggedInAt.IsZero() || d.CreatedAt.IsZero() || d.Picture != "http://picture.com" || d.Email != "william_addison.@fivetran.com" {
		t.Errorf("invited %+v", d)
	}
	changed, err := client.NewUserUpdate().UserID(user).FamilyName("Gerrard").GivenName("Steven").Phone("+1").Picture("http://x.com").Role("Destination Creator").Do(ctx)
	must(t, err)
	if d := changed.Data; d.ID != user || d.GivenName != "Steven" || d.FamilyName != "Gerrard" || d.Phone != "+1" || d.Role != "Destination Creator" {
		t.Errorf("changed %+v", d)
	}
	roles, err := client.NewRolesList().Do(ctx)
	must(t, err)
	if r := roles.Data.Items[0]; r.Name == "" || r.Description == "" || len(r.Scope) == 0 || r.ReplacementRoleName != "" {
		t.Errorf("the first role is %+v", r)
	}

	t.Run("users", func(t *testing.T) {
		in, err := client.NewUserGroupMembershipCreate().UserId(user).GroupId(group).Role("Destination Analyst").Do(ctx)
		done(in.CommonResponse, err)("Group membership has been created")
		equal(in.Data.GroupId+in.Data.Role, group+"Destination Analyst")
		done(client.NewUserGroupMembershipUpdate().UserId(user).GroupId(group).Role("Destination Reviewer").Do(ctx))("Group membership has been updated")
		of, err := client.NewUserGroupMembershipDetails().UserId(user).GroupId(group).Do(ctx)
		must(t, err)
		equal(of.Data.Role, "Destination Reviewer")
		list, err := client.NewUserGroupMembershipsList().UserId(user).Do(ctx)
		must(t, err)
		equal(list.Data.Items[0].GroupId, group)
		done(client.NewUserGroupMembershipDelete().UserId(user).GroupId(group).Do(ctx))("Group membership has been deleted")

		at, err := client.NewUserConnectionMembershipCreate().UserId(user).ConnectionId(connection).Role("Connector Administrator").Do(ctx)
		done(at.CommonResponse, err)("Connection membership has been created")
		equal(at.Data.ConnectionId+at.Data.Role, connection+"Connector Administrator")
		done(client.NewUserConnectionMembershipUpdate().UserId(user).ConnectionId(connection).Role("Connector Collaborator").Do(ctx))("Connection membership has been updated")
		all, err := client.NewUserConnectionMembershipsList().UserId(user).Do(ctx)
		must(t, err)
		equal(all.Data.Items[0].Role, "Connector Collaborator")
		done(client.NewUserConnectionMembershipDelete().UserId(user).ConnectionId(connection).Do(ctx))("Connection membership has been deleted")
	})

	t.Run("teams", func(t *testing.T) {
		made, err := client.NewTeamsCreate().Name("test_team").Description("test_description").Role("Account Reviewer").Do(ctx)
		done(made.CommonResponse, err)("Team has been created")
		team := made.Data.Id
		again, err := client.NewTeamsUpdate().TeamId(team).Name("test_team").Description("test_description_2").Role("Account Reviewer").Do(ctx)
		done(again.CommonResponse, err)("Team has been updated")
		equal(again.Data.Description+again.Data.Role, "test_description_2Account Reviewer")

		in, err := client.NewTeamGroupMembershipCreate().TeamId(team).GroupId(group).Role("Destination Administrator").Do(ctx)
		done(in.CommonResponse, err)("Group membership has been created")
		done(client.NewTeamGroupMembershipUpdate().TeamId(team).GroupId(group).Role("Destination Reviewer").Do(ctx))("Group membership has been updated")
		done(client.NewTeamGroupMembershipDelete().TeamId(team).GroupId(group).Do(ctx))("Group membership has been deleted")
		at, err := client.NewTeamConnectionMembershipCreate().TeamId(team).ConnectionId(connection).Role("Connector Administrator").Do(ctx)
		done(at.CommonResponse, err)("Connection membership has been created")
		done(client.NewTeamConnectionMembershipUpdate().TeamId(team).ConnectionId(connection).Role("Connector Collaborator").Do(ctx))("Connection membership has been updated")
		done(client.NewTeamConnectionMembershipDelete().TeamId(team).ConnectionId(connection).Do(ctx))("Connection membership has been deleted")

		joined, err := client.NewTeamUserMembershipCreate().TeamId(team).UserId(user).Role("Team Member").Do(ctx)
		done(joined.CommonResponse, err)("User has been added to the team")
		equal(joined.Data.UserId+joined.Data.Role, user+"Team Member")
		done(client.NewTeamUserMembershipUpdate().TeamId(team).UserId(user).Role("Team Manager").Do(ctx))("User role has been updated")
		users, err := client.NewTeamUserMembershipsList().TeamId(team).Do(ctx)
		must(t, err)
		equal(users.Data.Items[0].Role, "Team Manager")
		done(client.NewTeamUserMembershipDelete().TeamId(team).UserId(user).Do(ctx))("User has been removed from the team")
		done(client.NewTeamsDeleteRoleInAccount().TeamId(team).Do(ctx))("Team role in account has been removed")
		done(client.NewTeamsDelete().TeamId(team).Do(ctx))("Team has been deleted")
		gone, err := client.NewTeamGroupMembershipsList().TeamId(team).Do(ctx)
		if err == nil || gone.Code != "NotFound_Team" {
			t.Errorf("gone: %+v, %v", gone, err)
		}
	})

	t.Run("groups", func(t *testing.T) {
		done(client.NewGroupAddUser().GroupID(group).Email("william_addison.@fivetran.com").Role("Destination Administrator").Do(ctx))("User has been added to the group")
		users, err := client.NewGroupListUsers().GroupID(group).Do(ctx)
		must(t, err)
		if len(users.Data.Items) != 2 {
			t.Errorf("%d users", len(users.Data.Items))
		}
		removed, err := client.NewGroupRemoveUser().GroupID(group).UserID(user).Do(ctx)
		must(t, err)
		if !strings.Contains(removed.Message, user) {
			t.Errorf("removed: %q", removed.Message)
		}
		again, err := client.NewGroupRemoveUser().GroupID(group).UserID(user).Do(ctx)
		if err == nil || again.Code != "NotFound" {
			t.Errorf("removed again: %+v, %v", again, err)
		}
	})

	done(client.NewUserDelete().UserID(user).Do(ctx))("User with id '" + user + "' has been deleted")
	gone, err := client.NewUserDetails().UserID(user).Do(ctx)
	if err == nil || gone.Code != "NotFound" {
		t.Errorf("gone: %+v, %v", gone, err)
	}
}
