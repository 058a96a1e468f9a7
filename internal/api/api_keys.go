package api

import (
	"cmp"
	"errors"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/store"
)

// keysOf returns whose keys a request is about: the caller's own, or those of
// another user, if the caller may do everything that this user may.
func (s *server) keysOf(r *request, userID string) (string, error) {
	userID = cmp.Or(userID, r.caller.UserID)
	if userID == "" {
		return "", fieldRequired("user_id") // a system key is no user
	}
	if userID == r.caller.UserID {
		return userID, nil
	}
	u, err := s.userIn(r, userID, noUser(userID))
	if err != nil {
		return "", err
	}
	mine := r.caller.Grants
	if !mine.May(access.Users, access.Read, access.Place{ID: userID}) {
		return "", noUser(userID)
	}
	if !mine.May(access.Users, access.Edit, access.Place{ID: userID}) {
		return "", errForbidden
	}
	return userID, s.mayAll(r, u)
}

func (s *server) listAPIKeys(r *request) (any, error) {
	userID, err := s.keysOf(r, r.URL.Query().Get("user_id"))
	if err != nil {
		return nil, err
	}
	keys, err := s.Store.APIKeys(r.Context(), userID)
	if err != nil {
		return nil, err
	}
	return partOf(r, keys, func(k *store.APIKey) fivetran.APIKey {
		return fivetran.APIKey{Key: k.ID, UserID: k.UserID, CreatedAt: k.CreatedAt}
	})
}

func (s *server) createAPIKey(r *request) (any, error) {
	var req fivetran.NewAPIKey
	if err := r.read(&req); err != nil {
		return nil, err
	}
	userID, err := s.keysOf(r, req.UserID)
	if err != nil {
		return nil, err
	}
	key, secret, err := s.Store.CreateAPIKey(r.Context(), userID)
	if err != nil {
		return nil, err
	}
	return fivetran.APIKey{Key: key, Secret: secret, UserID: userID, CreatedAt: s.now().UTC()}, nil
}

func (s *server) deleteAPIKey(r *request) (any, error) {
	gone := notFound(fivetran.NotFound, "API key '%s' does not exist.", r.id())
	k, err := s.Store.APIKey(r.Context(), r.id())
	if err != nil {
		return nil, ifGone(err, gone)
	}
	_, err = s.keysOf(r, k.UserID)
	if refused := (*apiError)(nil); errors.As(err, &refused) {
		return nil, gone
	}
	if err != nil {
		return nil, err
	}
	return nil, ifGone(s.Store.DeleteAPIKey(r.Context(), k.ID), gone)
}
