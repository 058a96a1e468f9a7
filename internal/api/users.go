package api

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/store"
)

func (s *server) listUsers(r *request) (any, error) {
	page, err := r.page()
	if err != nil {
		return nil, err
	}
	// Every user of the store is active.
	if active, err := strconv.ParseBool(r.URL.Query().Get("active")); err == nil && !active {
		return newPage(nil, "", wireUser), nil
	}
	users, next, err := s.Store.Users(r.Context(), r.caller.AccountID, page)
	if err != nil {
		return nil, err
	}
	return newPage(users, next, wireUser), nil
}

func (s *server) showUser(r *request) (any, error) {
	return wireUser(r.user), nil
}

func noUser(id string) error {
	return notFound(fivetran.NotFound, "User with id '%s' does not exist.", id)
}

func wireUser(u *store.User) fivetran.User {
	return fivetran.User{
		ID:         u.ID,
		Email:      u.Email,
		GivenName:  u.GivenName,
		FamilyName: u.FamilyName,
		Verified:   u.Verified,
		Invited:    u.Invited,
		Picture:    optional(u.Picture),
		Phone:      optional(u.Phone),
		Role:       optional(u.Role),
		LoggedInAt: optionalTime(u.LoggedInAt),
		CreatedAt:  u.CreatedAt,
		Active:     true,
	}
}

// userName returns a user's name as certificates and fingerprints show it; ""
// if the user is gone.
func (s *server) userName(ctx context.Context, id string) (string, error) {
	if id == "" {
		return "", nil
	}
	u, err := s.Store.User(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(u.GivenName + " " + u.FamilyName), nil
}

// optional returns nil for the empty string.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// optionalTime returns nil for the zero time.
func optionalTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
