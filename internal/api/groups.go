package api

import (
	"cmp"
	"errors"
	"strings"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/store"
)

func (s *server) listGroups(r *request) (any, error) {
	return paged(r, wireGroup, func(page store.Page) ([]store.Group, string, error) {
		return s.Store.Groups(r.Context(), r.caller.AccountID, r.scope(access.Destinations), page)
	})
}

func (s *server) createGroup(r *request) (any, error) {
	var req fivetran.GroupName
	if err := r.read(&req); err != nil {
		return nil, err
	}
	if req.Name == "" {
		return nil, fieldRequired("name")
	}
	g := &store.Group{AccountID: r.caller.AccountID, Name: req.Name, CreatedBy: r.caller.UserID}
	if err := s.Store.CreateGroup(r.Context(), g, r.makersRole(access.Destinations, access.Place{}, access.GroupLevel, access.ManageDestination)...); err != nil {
		return nil, groupNameTaken(err, req.Name)
	}
	return wireGroup(g), nil
}

// makersRole returns the role by which whoever makes something at p can manage it;
// none if they may do so anyway, or are no user.
func (r *request) makersRole(res access.Resource, p access.Place, level access.Level, role string) []store.Membership {
	if r.caller.UserID == "" || r.caller.Grants.May(res, access.Read|access.Edit, p) {
		return nil
	}
	return []store.Membership{{Member: store.Member{Kind: store.UserMember, ID: r.caller.UserID, Level: level}, Role: role}}
}

func groupNameTaken(err error, name string) error {
	if errors.Is(err, store.ErrExists) {
		return conflict("Group with name '%s' already exists", name)
	}
	return err
}

func (s *server) showGroup(r *request) (any, error) {
	return wireGroup(r.group), nil
}

func (s *server) updateGroup(r *request) (any, error) {
	var req fivetran.GroupName
	if err := r.read(&req); err != nil {
		return nil, err
	}
	if req.Name == "" {
		return nil, fieldRequired("name")
	}
	g := r.group
	g.Name = req.Name
	if err := s.Store.UpdateGroup(r.Context(), g); err != nil {
		return nil, groupNameTaken(err, req.Name)
	}
	return wireGroup(g), nil
}

func (s *server) deleteGroup(r *request) (any, error) {
	err := s.Store.DeleteGroup(r.Context(), r.group.ID)
	if errors.Is(err, store.ErrInUse) {
		return nil, conflict("Group with id '%s' cannot be deleted because it has a destination or connections", r.group.ID)
	}
	return nil, err
}

func (s *server) groupConnections(r *request) (any, error) {
	return s.connectionsPage(r, r.group.ID)
}

// groupUsers lists the members of a group, with their roles in it, and those who
// see it because of their role in the account, which is not shown here.
func (s *server) groupUsers(r *request) (any, error) {
	return paged(r, wireUser, func(page store.Page) ([]store.User, string, error) {
		if r.wantsInactive() {
			return nil, "", nil
		}
		return s.Store.GroupUsers(r.Context(), r.caller.AccountID, r.group.ID, page)
	})
}

// addGroupUser gives somebody a role in a group, by their e-mail address. Who is
// not known yet is invited.
func (s *server) addGroupUser(r *request) (any, error) {
	var req fivetran.NewGroupUser
	if err := r.read(&req); err != nil {
		return nil, err
	}
	switch {
	case req.Email == "":
		return nil, fieldRequired("email")
	case req.Role == "":
		return nil, fieldRequired("role")
	}
	if err := checkEmail(req.Email); err != nil {
		return nil, err
	}
	if err := r.mayChange("", req.Role, access.GroupLevel, groupPlace(r.group.ID)); err != nil {
		return nil, err
	}
	u, err := s.invited(r, req.Email)
	if err != nil {
		return nil, err
	}
	if u.AccountID != r.caller.AccountID {
		return nil, conflict("User with email '%s' already exists", req.Email)
	}
	m := store.Member{Kind: store.UserMember, ID: u.ID, Level: access.GroupLevel}
	err = s.Store.CreateMembership(r.Context(), &store.Membership{Member: m, Place: r.group.ID, Role: req.Role})
	if errors.Is(err, store.ErrExists) {
		return nil, conflict("User with email '%s' is a member of the group already", req.Email)
	}
	return nil, err
}

// invited returns the user with an e-mail address, who is made if there is none.
func (s *server) invited(r *request, email string) (*store.User, error) {
	u, err := s.Store.UserByEmail(r.Context(), email)
	if !errors.Is(err, store.ErrNotFound) {
		return u, err
	}
	if err := s.limit(r, newUser); err != nil {
		return nil, err
	}
	u = &store.User{AccountID: r.caller.AccountID, Email: email, Invited: true}
	err = s.Store.CreateUser(r.Context(), u)
	if errors.Is(err, store.ErrExists) { // another request was faster
		return s.Store.UserByEmail(r.Context(), email)
	}
	return u, err
}

// removeGroupUser takes a user's role in a group away. Whoever is in it because
// of a role in the account stays. Of other users the group's manager learns
// nothing.
func (s *server) removeGroupUser(r *request) (any, error) {
	id := r.PathValue("user")
	gone := notFound(fivetran.NotFound, "User with id '%s' is not a member of the group.", id)
	u, err := s.userIn(r, id, gone)
	if err != nil {
		return nil, err
	}
	in, p := store.Member{Kind: store.UserMember, ID: id, Level: access.GroupLevel}, groupPlace(r.group.ID)
	m, err := s.Store.Membership(r.Context(), in, r.group.ID)
	if err == nil {
		if err := r.mayChange(m.Role, "", in.Level, p); err != nil {
			return nil, err
		}
		err = s.Store.DeleteMembership(r.Context(), in, r.group.ID)
	}
	switch {
	case !errors.Is(err, store.ErrNotFound):
		return nil, err
	case access.OfAccountRole(u.Role).May(access.Destinations, access.Read, p):
		return nil, nil
	}
	return nil, gone
}

func (s *server) groupPublicKey(r *request) (any, error) {
	return fivetran.GroupPublicKey{PublicKey: s.Store.GroupPublicKey(r.group.ID)}, nil
}

// groupServiceAccount names the account by which a Google cloud would know
// the group, in the server's project. Its form is the one that clients expect.
func (s *server) groupServiceAccount(r *request) (any, error) {
	return fivetran.GroupServiceAccount{
		ServiceAccount: "g-" + strings.ReplaceAll(r.group.ID, "_", "-") + "@" + cmp.Or(s.GoogleProject, "penstock") + ".iam.gserviceaccount.com",
	}, nil
}

// groupIn makes sure that a group which a request's body names is one of the
// caller's account in which it may do something. gone is the error if the
// caller cannot see it.
func (s *server) groupIn(r *request, id string, res access.Resource, does access.Actions, gone error) error {
	g, err := s.Store.Group(r.Context(), id)
	if errors.Is(err, store.ErrNotFound) || err == nil && g.AccountID != r.caller.AccountID {
		return gone
	}
	if err != nil {
		return err
	}
	return r.allow(res, does, id, gone)
}

func noGroup(id string) error {
	return notFound(fivetran.NotFoundGroup, "Group with id '%s' does not exist.", id)
}

func wireGroup(g *store.Group) fivetran.Group {
	return fivetran.Group{ID: g.ID, Name: g.Name, CreatedAt: g.CreatedAt}
}
