package api

import (
	"cmp"
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

// sees returns what of the places at its level the caller sees.
func (ms memberships) sees(r *request) access.Scope {
	if ms.level == access.GroupLevel {
		return r.scope(access.Destinations)
	}
	return r.scope(access.Connections)
}

// place returns where a group or a connection of the caller's account stands, or
// the error of one that the caller cannot see.
func (ms memberships) place(r *request, id string) (access.Place, error) {
	if ms.level == access.GroupLevel {
		return groupPlace(id), ms.groupIn(r, id, access.Destinations, access.Read, noGroup(id))
	}
	c, err := ms.connectionIn(r, id)
	if err != nil {
		return access.Place{}, err
	}
	return connectionPlace(c), nil
}

// find returns the membership that the path names, with its place. One in a
// place that the caller cannot see is as if it were not there.
func (ms memberships) find(r *request) (*store.Membership, access.Place, error) {
	id := r.PathValue("place")
	m, err := ms.Store.Membership(r.Context(), ms.member(r), id)
	if err != nil {
		return nil, access.Place{}, membershipGone(err, r)
	}
	p, err := ms.place(r, id)
	var hidden *apiError
	if errors.As(err, &hidden) {
		err = membershipGone(store.ErrNotFound, r)
	}
	return m, p, err
}

func (ms memberships) list(r *request) (any, error) {
	return paged(r, wireMembership, func(page store.Page) ([]store.Membership, string, error) {
		return ms.Store.Memberships(r.Context(), ms.member(r), ms.sees(r), page)
	})
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
		err = r.mayChange("", req.Role, ms.level, p)
	}
	if err != nil {
		return nil, err
	}
	m := &store.Membership{Member: ms.member(r), Place: req.ID, Role: req.Role}
	err = ms.Store.CreateMembership(r.Context(), m)
	switch {
	case errors.Is(err, store.ErrExists):
		return nil, conflict("Membership in '%s' already exists", req.ID)
	case errors.Is(err, store.ErrNotFound):
		_, gone := ms.place(r, req.ID)
		return nil, cmp.Or(gone, err) // the place, or else whom the path names
	case err != nil:
		return nil, err
	}
	return wireMembership(m), nil
}

func (ms memberships) show(r *request) (any, error) {
	m, _, err := ms.find(r)
	if err != nil {
		return nil, err
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
	m, p, err := ms.find(r)
	if err == nil {
		err = r.mayChange(m.Role, req.Role, ms.level, p)
	}
	if err != nil {
		return nil, err
	}
	m.Role = req.Role
	if err := ms.Store.UpdateMembership(r.Context(), m); err != nil {
		return nil, membershipGone(err, r)
	}
	return wireMembership(m), nil
}

func (ms memberships) remove(r *request) (any, error) {
	m, p, err := ms.find(r)
	if err == nil {
		err = r.mayChange(m.Role, "", ms.level, p)
	}
	if err != nil {
		return nil, err
	}
	return nil, membershipGone(ms.Store.DeleteMembership(r.Context(), m.Member, m.Place), r)
}

func membershipGone(err error, r *request) error {
	return ifGone(err, notFound(fivetran.NotFound, "Membership in '%s' does not exist.", r.PathValue("place")))
}

func wireMembership(m *store.Membership) fivetran.Membership {
	return fivetran.Membership{ID: m.Place, Role: m.Role, CreatedAt: m.CreatedAt}
}

// mayChange refuses to replace a role at a place by another, "" for none: one
// that does not exist at its level, and either of them that allows more than
// the caller may do there.
func (r *request) mayChange(was, role string, level access.Level, p access.Place) error {
	before, after := access.FindRole(was, level), access.FindRole(role, level)
	if role != "" && after == nil {
		return invalidInput("Invalid value for field 'role': there is no role '%s' for %s", role, levelNames[level])
	}
	for _, found := range []*access.Role{before, after} {
		if found != nil && !r.caller.Grants.Covers(found, p) {
			return errForbidden
		}
	}
	return nil
}

var levelNames = map[access.Level]string{
	access.AccountLevel: "an account", access.GroupLevel: "a destination", access.ConnectionLevel: "a connection", access.TeamLevel: "a team",
}
