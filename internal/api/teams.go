package api

import (
	"cmp"
	"errors"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/store"
)

var aTeam = subject{
	limited: true, resource: access.Teams,
	find: func(s *server, r *request) (p access.Place, err error) {
		if r.team, err = s.Store.Team(r.Context(), r.id()); err != nil {
			return p, err
		}
		if r.team.AccountID != r.caller.AccountID {
			return p, store.ErrNotFound
		}
		return access.Place{ID: r.team.ID}, nil
	},
	gone: func(r *request) error {
		return notFound(fivetran.NotFoundTeam, "Team with id '%s' does not exist.", r.id())
	},
}

func (s *server) listTeams(r *request) (any, error) {
	return paged(r, wireTeam, func(page store.Page) ([]store.Team, string, error) {
		return s.Store.Teams(r.Context(), r.caller.AccountID, r.scope(access.Teams), page)
	})
}

func (s *server) createTeam(r *request) (any, error) {
	var req fivetran.UpdateTeam
	if err := r.read(&req); err != nil {
		return nil, err
	}
	if req.Name == nil || *req.Name == "" {
		return nil, fieldRequired("name")
	}
	t := &store.Team{AccountID: r.caller.AccountID}
	if err := r.applyTeam(t, &req); err != nil {
		return nil, err
	}
	if err := s.Store.CreateTeam(r.Context(), t); err != nil {
		return nil, teamNameTaken(err, req.Name)
	}
	return wireTeam(t), nil
}

// applyTeam changes t by what a request says.
func (r *request) applyTeam(t *store.Team, req *fivetran.UpdateTeam) error {
	if v := req.Name; v != nil && *v == "" {
		return fieldRequired("name")
	} else if v != nil {
		t.Name = *v
	}
	if v := req.Description; v != nil {
		t.Description = *v
	}
	if !req.Role.Given {
		return nil
	}
	return r.changeTeamRole(t, value(req.Role))
}

// changeTeamRole gives a team another role in the account; "": none.
func (r *request) changeTeamRole(t *store.Team, role string) error {
	if role == t.Role {
		return nil
	}
	err := r.mayChange(t.Role, role, access.AccountLevel, access.Place{})
	t.Role = role
	return err
}

func teamNameTaken(err error, name *string) error {
	if errors.Is(err, store.ErrExists) && name != nil {
		return conflict("Team with name '%s' already exists", *name)
	}
	return err
}

func (s *server) showTeam(r *request) (any, error) { return wireTeam(r.team), nil }

func (s *server) updateTeam(r *request) (any, error) {
	var req fivetran.UpdateTeam
	if err := r.read(&req); err != nil {
		return nil, err
	}
	t, err := s.Store.UpdateTeam(r.Context(), r.id(), func(t *store.Team) error { return r.applyTeam(t, &req) })
	if err != nil {
		return nil, teamNameTaken(err, req.Name)
	}
	return wireTeam(t), nil
}

func (s *server) deleteTeam(r *request) (any, error) {
	if err := s.mayAllOf(r, r.team); err != nil { // with a team go all of its roles
		return nil, err
	}
	return nil, s.Store.DeleteTeam(r.Context(), r.id())
}

func (s *server) removeTeamRole(r *request) (any, error) {
	_, err := s.Store.UpdateTeam(r.Context(), r.id(), func(t *store.Team) error { return r.changeTeamRole(t, "") })
	return nil, err
}

func wireTeam(t *store.Team) fivetran.Team {
	return fivetran.Team{ID: t.ID, Name: t.Name, Description: t.Description, Role: optional(t.Role)}
}

func (s *server) listTeamUsers(r *request) (any, error) {
	return paged(r, wireTeamUser, func(page store.Page) ([]store.TeamUser, string, error) {
		if r.wantsInactive() {
			return nil, "", nil
		}
		return s.Store.TeamUsers(r.Context(), r.team.ID, page)
	})
}

// addTeamUser puts a user into a team, who has then all that the team was
// given: only whoever has it too may do so.
func (s *server) addTeamUser(r *request) (any, error) {
	var req fivetran.UpdateTeamUser
	if err := r.read(&req); err != nil {
		return nil, err
	}
	if req.UserID == "" {
		return nil, fieldRequired("user_id")
	}
	if req.Role == "" {
		req.Role = access.TeamMember
	}
	if err := r.mayChange("", req.Role, access.TeamLevel, access.Place{ID: r.team.ID}); err != nil {
		return nil, err
	}
	if err := s.mayAllOf(r, r.team); err != nil {
		return nil, err
	}
	u, err := s.userIn(r, req.UserID, noUser(req.UserID))
	if err != nil {
		return nil, err
	}
	in := &store.TeamUser{TeamID: r.team.ID, UserID: u.ID, Role: req.Role}
	err = s.Store.AddTeamUser(r.Context(), in)
	switch {
	case errors.Is(err, store.ErrExists):
		return nil, conflict("User with id '%s' is in the team already", u.ID)
	case errors.Is(err, store.ErrNotFound):
		_, gone := s.userIn(r, u.ID, noUser(u.ID))
		return nil, cmp.Or(gone, err) // the user, or else the team
	case err != nil:
		return nil, err
	}
	return wireTeamUser(in), nil
}

// mayAllOf refuses a caller who may not do everything that those in a team may
// because of it.
func (s *server) mayAllOf(r *request, t *store.Team) error {
	grants, err := s.Store.TeamGrants(r.Context(), t.ID)
	if err == nil && !r.caller.Grants.Includes(grants) {
		return errForbidden
	}
	return err
}

func (s *server) showTeamUser(r *request) (any, error) {
	u, err := s.Store.TeamUser(r.Context(), r.team.ID, r.PathValue("user"))
	if err != nil {
		return nil, teamUserGone(err, r)
	}
	return wireTeamUser(u), nil
}

func (s *server) updateTeamUser(r *request) (any, error) {
	var req fivetran.UpdateTeamUser
	if err := r.read(&req); err != nil {
		return nil, err
	}
	if req.Role == "" {
		return nil, fieldRequired("role")
	}
	if err := r.mayChange("", req.Role, access.TeamLevel, access.Place{ID: r.team.ID}); err != nil {
		return nil, err
	}
	u := &store.TeamUser{TeamID: r.team.ID, UserID: r.PathValue("user"), Role: req.Role}
	if err := s.Store.UpdateTeamUser(r.Context(), u); err != nil {
		return nil, teamUserGone(err, r)
	}
	return s.showTeamUser(r)
}

func (s *server) removeTeamUser(r *request) (any, error) {
	return nil, teamUserGone(s.Store.RemoveTeamUser(r.Context(), r.team.ID, r.PathValue("user")), r)
}

func teamUserGone(err error, r *request) error {
	return ifGone(err, notFound(fivetran.NotFound, "User with id '%s' is not in the team.", r.PathValue("user")))
}

func wireTeamUser(u *store.TeamUser) fivetran.TeamUser {
	return fivetran.TeamUser{UserID: u.UserID, Role: u.Role, CreatedAt: u.CreatedAt}
}

func (s *server) listRoles(r *request) (any, error) {
	return partOf(r, access.RoleList(), func(role *access.Role) fivetran.Role {
		return fivetran.Role{Name: role.Name, Description: role.Description, Scope: []string{string(role.Level)},
			IsDeprecated: role.Replacement != "", ReplacementRole: optional(role.Replacement)}
	})
}
