package api

import (
	"errors"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/store"
)

// memberships are the operations on the roles of users or teams, which the path
// names, in groups or for connections.
type memberships struct {
	*server
	kind  store.MemberKind
	level access.Level
}

func (ms memberships) member(r *request) store.Member {
	return store.Member{Kind: ms.kind, ID: r.id(), Level: ms.level}
}

// place returns where a group or a connection of the caller's account stands, or
// the error of one that the caller cannot see.
func (ms memberships) place(r *request, id string) (access.Place, error) {
	if ms.level == access.GroupLevel {
		gone, p := noGroup(id), groupPlace(id)
		g, err := ms.Store.Group(r.Context(), id)
		if errors.Is(err, store.ErrNotFound) || err == nil && (g.AccountID != r.caller.AccountID || !r.caller.Grants.May(access.Destinations, access.Read, p)) {
			return p, gone
		}
		return p, err
	}
	gone := notFound(fivetran.NotFoundConnection, "Connection with id '%s' does not exist.", id)
	c, err := ms.Store.ConnectionIn(r.Context(), r.caller.AccountID, id)
	if errors.Is(err, store.ErrNotFound) {
		return access.Place{}, gone
	}
	if err != nil {
		return access.Place{}, err
	}
	p := access.Place{Group: c.GroupID, ID: c.ID}
	if !r.caller.Grants.May(access.Connections, access.Read, p) {
		return p, gone
	}
	return p, nil
}

func (ms memberships) list(r *request) (any, error) {
	page, err := r.page()
	if err != nil {
		return nil, err
	}
	all, next, err := ms.Store.Memberships(r.Context(), ms.member(r), page)
	if err != nil {
		return nil, err
	}
	return newPage(all, next, wireMembership), nil
}

func (ms memberships) create(r *request) (any, error) {
	var req fivetran.UpdateMembership
	if err := r.read(&req); err != nil {
		return nil, err
	}
	switch {
	case req.ID == "":
		return nil, fieldRequired("id")
	case req.Role == "":
		return nil, fieldRequired("role")
	}
	p, err := ms.place(r, req.ID)
	if err == nil {
		err = r.mayGive(req.Role, ms.level, p)
	}
	if err != nil {
		return nil, err
	}
	m := &store.Membership{Member: ms.member(r), Place: req.ID, Role: req.Role}
	err = ms.Store.CreateMembership(r.Context(), m)
	if errors.Is(err, store.ErrExists) {
		return nil, conflict("Membership in '%s' already exists", req.ID)
	}
	if err != nil {
		return nil, err
	}
	return wireMembership(m), nil
}

func (ms memberships) show(r *request) (any, error) {
	m, err := ms.Store.Membership(r.Context(), ms.member(r), r.PathValue("place"))
	if err != nil {
		return nil, membershipGone(err, r)
	}
	return wireMembership(m), nil
}

func (ms memberships) update(r *request) (any, error) {
	var req fivetran.UpdateMembership
	if err := r.read(&req); err != nil {
		return nil, err
	}
	if req.Role == "" {
		return nil, fieldRequired("role")
	}
	p, err := ms.place(r, r.PathValue("place"))
	if err == nil {
		err = r.mayGive(req.Role, ms.level, p)
	}
	if err != nil {
		return nil, err
	}
	m := &store.Membership{Member: ms.member(r), Place: r.PathValue("place"), Role: req.Role}
	if err := ms.Store.UpdateMembership(r.Context(), m); err != nil {
		return nil, membershipGone(err, r)
	}
	return ms.show(r)
}

func (ms memberships) remove(r *request) (any, error) {
	return nil, membershipGone(ms.Store.DeleteMembership(r.Context(), ms.member(r), r.PathValue("place")), r)
}

func membershipGone(err error, r *request) error {
	if errors.Is(err, store.ErrNotFound) {
		return notFound(fivetran.NotFound, "Membership in '%s' does not exist.", r.PathValue("place"))
	}
	return err
}

func wireMembership(m *store.Membership) fivetran.Membership {
	return fivetran.Membership{ID: m.Place, Role: m.Role, CreatedAt: m.CreatedAt}
}

// mayGive refuses a role that does not exist at a level, and one that allows
// more at a place than the caller may do there.
func (r *request) mayGive(role string, level access.Level, p access.Place) error {
	found := access.FindRole(role, level)
	if found == nil {
		return invalidInput("Invalid value for field 'role': there is no role '%s' for %s", role, levelNames[level])
	}
	if !r.caller.Grants.Covers(found, p) {
		return errForbidden
	}
	return nil
}

var levelNames = map[access.Level]string{
	access.AccountLevel: "an account", access.GroupLevel: "a destination", access.ConnectionLevel: "a connection", access.TeamLevel: "a team",
}
