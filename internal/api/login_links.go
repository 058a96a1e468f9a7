package api

import (
	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/store"
)

// createLoginLink makes a link with which a user can sign in once and choose a
// password: the caller's own, or that of a user who may do no more than the
// caller. It is Penstock's own, under /v1/penstock.
func (s *server) createLoginLink(r *request) (any, error) {
	userID, err := s.keysOf(r, r.user.ID)
	if err != nil {
		return nil, err
	}
	now := s.now()
	token, err := s.Store.NewLoginLink(r.Context(), userID, now)
	if err != nil {
		return nil, ifGone(err, noUser(userID))
	}
	return fivetran.LoginLink{Link: s.base(r) + "/welcome?token=" + token, ExpiresAt: now.Add(store.LinkLife).UTC()}, nil
}
