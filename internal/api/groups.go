package api

import (
	"errors"
	"strings"

	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/store"
)

func (s *server) listGroups(r *request) (any, error) {
	page, err := r.page()
	if err != nil {
		return nil, err
	}
	groups, next, err := s.Store.Groups(r.Context(), r.caller.AccountID, page)
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

func (s *server) group(r *request) (any, error) {
	g, err := s.findGroup(r, r.id())
	if err != nil {
		return nil, err
	}
	return wireGroup(g), nil
}

func (s *server) updateGroup(r *request) (any, error) {
	var req fivetran.GroupName
	if err := r.read(&req); err != nil {
		return nil, err
	}
	g, err := s.findGroup(r, r.id())
	if err != nil {
		return nil, err
	}
	if req.Name == "" {
		return nil, fieldRequired("name")
	}
	g.Name = req.Name
	if err := s.Store.UpdateGroup(r.Context(), g); err != nil {
		return nil, groupNameTaken(err, req.Name)
	}
	return wireGroup(g), nil
}

func (s *server) deleteGroup(r *request) (any, error) {
	g, err := s.findGroup(r, r.id())
	if err != nil {
		return nil, err
	}
	err = s.Store.DeleteGroup(r.Context(), g.ID)
	if errors.Is(err, store.ErrInUse) {
		return nil, conflict("Group with id '%s' cannot be deleted because it has a destination or connections", g.ID)
	}
	return nil, err
}

func (s *server) groupConnections(r *request) (any, error) {
	g, err := s.findGroup(r, r.id())
	if err != nil {
		return nil, err
	}
	return s.connectionsPage(r, g.ID)
}

// groupUsers lists the users who have a role in the account: they are members
// of every group.
func (s *server) groupUsers(r *request) (any, error) {
	if _, err := s.findGroup(r, r.id()); err != nil {
		return nil, err
	}
	return s.listUsers(r)
}

func (s *server) groupPublicKey(r *request) (any, error) {
	g, err := s.findGroup(r, r.id())
	if err != nil {
		return nil, err
	}
	return fivetran.GroupPublicKey{PublicKey: s.Store.GroupPublicKey(g.ID)}, nil
}

// groupServiceAccount names the account by which a Google cloud would know
// the group. Its form is the one that clients expect.
func (s *server) groupServiceAccount(r *request) (any, error) {
	g, err := s.findGroup(r, r.id())
	if err != nil {
		return nil, err
	}
	return fivetran.GroupServiceAccount{
		ServiceAccount: "g-" + strings.ReplaceAll(g.ID, "_", "-") + "@penstock.iam.gserviceaccount.com",
	}, nil
}

// findGroup returns a group of the caller's account.
func (s *server) findGroup(r *request, id string) (*store.Group, error) {
	g, err := s.Store.Group(r.Context(), id)
	if errors.Is(err, store.ErrNotFound) || err == nil && g.AccountID != r.caller.AccountID {
		return nil, notFound(fivetran.NotFoundGroup, "Group with id '%s' does not exist.", id)
	}
	return g, err
}

func wireGroup(g *store.Group) fivetran.Group {
	return fivetran.Group{ID: g.ID, Name: g.Name, CreatedAt: g.CreatedAt}
}
