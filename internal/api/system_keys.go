package api

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/store"
)

// System keys are managed by people only (page "System Keys" of Fivetran's
// documentation, 2026): in the hands of a key they would outlive it.
var systemKeyList = subject{limited: true, resource: access.Account, people: true}

var aSystemKey = subject{
	limited: true, resource: access.Account, people: true,
	find: func(s *server, r *request) (p access.Place, err error) {
		if r.systemKey, err = s.Store.SystemKey(r.Context(), r.id()); err != nil {
			return p, err
		}
		if r.systemKey.AccountID != r.caller.AccountID {
			return p, store.ErrNotFound
		}
		return p, nil
	},
	gone: func(r *request) error {
		return notFound(fivetran.NotFound, "System key with id '%s' does not exist.", r.id())
	},
}

func (s *server) listSystemKeys(r *request) (any, error) {
	return paged(r, wireSystemKey, func(page store.Page) ([]store.SystemKey, string, error) {
		return s.Store.SystemKeys(r.Context(), r.caller.AccountID, access.Everything, page)
	})
}

func (s *server) createSystemKey(r *request) (any, error) {
	var req fivetran.NewSystemKey
	if err := r.read(&req); err != nil {
		return nil, err
	}
	switch {
	case req.Name == nil || *req.Name == "":
		return nil, fieldRequired("name")
	case req.Permissions == nil:
		return nil, fieldRequired("permissions")
	}
	k := &store.SystemKey{AccountID: r.caller.AccountID}
	if err := s.applySystemKey(r, k, &req); err != nil {
		return nil, err
	}
	secret, err := s.Store.CreateSystemKey(r.Context(), k)
	if err != nil {
		return nil, keyNameTaken(err, req.Name)
	}
	wire := wireSystemKey(k)
	wire.Secret = secret
	return wire, nil
}

// applySystemKey changes k by what a request says.
func (s *server) applySystemKey(r *request, k *store.SystemKey, req *fivetran.NewSystemKey) (err error) {
	if v := req.Name; v != nil && *v == "" {
		return fieldRequired("name")
	} else if v != nil {
		k.Name = *v
	}
	if v := req.ExpirationPeriod; v != nil {
		if k.ExpiresAt, err = expiry(*v, s.now()); err != nil {
			return err
		}
	}
	if req.Permissions == nil {
		return nil
	}
	if k.Permissions, err = permissions(*req.Permissions); err != nil {
		return err
	}
	if !r.caller.Grants.Includes(k.Grants()) { // or whoever makes a key would gain by it
		return errForbidden
	}
	return nil
}

// expiry returns when a key expires that is made now; zero: never.
func expiry(period string, now time.Time) (time.Time, error) {
	months, ok := map[string]int{"ONE_MONTH": 1, "THREE_MONTHS": 3, "SIX_MONTHS": 6}[period]
	switch {
	case ok:
		return now.UTC().AddDate(0, months, 0), nil
	case period == "ONE_WEEK":
		return now.UTC().AddDate(0, 0, 7), nil
	case period == "INFINITE":
		return time.Time{}, nil
	}
	return time.Time{}, invalidInput("Invalid value for field 'expiration_period'")
}

func permissions(wire []fivetran.Permission) ([]store.Permission, error) {
	var all []store.Permission
	for _, p := range wire {
		if _, ok := access.ParseResource(p.ResourceType); !ok {
			return nil, invalidInput("Invalid value for field 'resource_type'")
		}
		if p.AccessLevel != "NONE" && p.AccessLevel != "READ" && p.AccessLevel != "MANAGE" {
			return nil, invalidInput("Invalid value for field 'access_level'")
		}
		one := store.Permission{Resource: p.ResourceType, Level: p.AccessLevel}
		if f := p.ResourceFilter; f != nil {
			if f.IDs == nil && f.GroupIDs == nil {
				return nil, invalidInput("Field 'resource_filter' names neither 'ids' nor 'group_ids'")
			}
			one.IDs, one.GroupIDs = f.IDs, f.GroupIDs
		}
		all = append(all, one)
	}
	return all, checkRules(all)
}

// checkRules refuses ids that are none, that of what is still to be made among
// them, and two rules of which neither is the more special one.
func checkRules(all []store.Permission) error {
	seen := map[string]bool{}
	for _, p := range all {
		named := []string{p.Resource}
		if p.IDs != nil || p.GroupIDs != nil {
			named = nil
		}
		for _, id := range slices.Concat(p.IDs, p.GroupIDs) {
			if id == "" || id == access.New.ID || strings.ContainsAny(id, ",;") {
				return invalidInput("Invalid value for field 'resource_filter'")
			}
			named = append(named, p.Resource+" '"+id+"'")
		}
		for _, name := range named {
			if seen[name] {
				return invalidInput("Field 'permissions' has two rules for %s", name)
			}
			seen[name] = true
		}
	}
	return nil
}

func keyNameTaken(err error, name *string) error {
	if errors.Is(err, store.ErrExists) && name != nil {
		return conflict("System key with name '%s' already exists", *name)
	}
	return err
}

func (s *server) showSystemKey(r *request) (any, error) { return wireSystemKey(r.systemKey), nil }

func (s *server) updateSystemKey(r *request) (any, error) {
	var req fivetran.NewSystemKey
	if err := r.read(&req); err != nil {
		return nil, err
	}
	req.ExpirationPeriod = nil // a rotation changes it
	k, err := s.Store.UpdateSystemKey(r.Context(), r.id(), func(k *store.SystemKey) error { return s.applySystemKey(r, k, &req) })
	if err != nil {
		return nil, keyNameTaken(err, req.Name)
	}
	return wireSystemKey(k), nil
}

func (s *server) rotateSystemKey(r *request) (any, error) {
	var req fivetran.NewSystemKey
	if err := r.read(&req); err != nil {
		return nil, err
	}
	if req.ExpirationPeriod == nil {
		return nil, fieldRequired("expiration_period")
	}
	k, secret, err := s.Store.RotateSystemKey(r.Context(), r.id(), func(k *store.SystemKey) error {
		if err := s.applySystemKey(r, k, &fivetran.NewSystemKey{ExpirationPeriod: req.ExpirationPeriod}); err != nil {
			return err
		}
		if !r.caller.Grants.Includes(k.Grants()) { // its secret is as good as the key
			return errForbidden
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	wire := wireSystemKey(k)
	wire.Secret = secret
	return wire, nil
}

func (s *server) deleteSystemKey(r *request) (any, error) {
	return nil, s.Store.DeleteSystemKey(r.Context(), r.systemKey.ID)
}

func wireSystemKey(k *store.SystemKey) fivetran.SystemKey {
	wire := fivetran.SystemKey{ID: k.ID, Name: k.Name, Key: k.Key, CreatedAt: k.CreatedAt, UpdatedAt: k.UpdatedAt,
		ExpiredAt: optionalTime(k.ExpiresAt), LastUsedAt: optionalTime(k.LastUsedAt), Permissions: make([]fivetran.Permission, len(k.Permissions))}
	for i, p := range k.Permissions {
		wire.Permissions[i] = fivetran.Permission{ResourceType: p.Resource, AccessLevel: p.Level}
		if p.IDs != nil || p.GroupIDs != nil {
			wire.Permissions[i].ResourceFilter = &fivetran.ResourceFilter{IDs: p.IDs, GroupIDs: p.GroupIDs}
		}
	}
	return wire
}
