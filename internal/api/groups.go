package api

import (
	"errors"
	"strings"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/store"
)

func (s *server) listGroups(r *request) (any, error) {
	page, err := r.page()
	if err != nil {
		return nil, err
	}
	groups, next, err := s.Store.Groups(r.Context(), r.caller.AccountID, r.scope(access.Destinations), page)
	if err != nil {
		return nil, err
	}
	return newPage(groups, next, wireGroup), nil
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
	if err := s.Store.CreateGroup(r.Context(), g); err != nil {
		return nil, groupNameTaken(err, req.Name)
	}
	return wireGroup(g), nil
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

// groupUsers lists the users who have a role in the account: they are members
// of every group.
func (s *server) groupUsers(r *request) (any, error) {
	return s.listUsers(r)
}

func (s *server) groupPublicKey(r *request) (any, error) {
	return fivetran.GroupPublicKey{PublicKey: s.Store.GroupPublicKey(r.group.ID)}, nil
}

// groupServiceAccount names the account by which a Google cloud would know
// the group. Its form is the one that clients expect.
func (s *server) groupServiceAccount(r *request) (any, error) {
	return fivetran.GroupServiceAccount{
		ServiceAccount: "g-" + strings.ReplaceAll(r.group.ID, "_", "-") + "@penstock.iam.gserviceaccount.com",
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
