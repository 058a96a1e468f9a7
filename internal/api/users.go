package api

import (
	"context"
	"errors"
	"net/mail"
	"strconv"
	"strings"
	"time"

	"github.com/penstock-data/penstock/internal/access"
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

func (s *server) createUser(r *request) (any, error) {
	var req fivetran.NewUser
	if err := r.read(&req); err != nil {
		return nil, err
	}
	switch {
	case req.Email == "":
		return nil, fieldRequired("email")
	case req.GivenName == "":
		return nil, fieldRequired("given_name")
	case req.FamilyName == "":
		return nil, fieldRequired("family_name")
	}
	if err := checkEmail(req.Email); err != nil {
		return nil, err
	}
	if err := r.mayGive(req.Role, access.AccountLevel, access.Place{}); req.Role != "" && err != nil {
		return nil, err
	}
	u := &store.User{AccountID: r.caller.AccountID, Email: req.Email, GivenName: req.GivenName, FamilyName: req.FamilyName,
		Phone: req.Phone, Picture: req.Picture, Role: req.Role, Invited: true}
	if err := s.Store.CreateUser(r.Context(), u); err != nil {
		return nil, emailTaken(err, req.Email)
	}
	return wireUser(u), nil
}

func checkEmail(text string) error {
	if a, err := mail.ParseAddress(text); err != nil || a.Address != text {
		return invalidInput("Invalid value for field 'email'")
	}
	return nil
}

func emailTaken(err error, email string) error {
	if errors.Is(err, store.ErrExists) {
		return conflict("User with email '%s' already exists", email)
	}
	return err
}

func (s *server) updateUser(r *request) (any, error) {
	var req fivetran.UpdateUser
	if err := r.read(&req); err != nil {
		return nil, err
	}
	u := r.user
	if v := req.GivenName; v != nil {
		u.GivenName = *v
	}
	if v := req.FamilyName; v != nil {
		u.FamilyName = *v
	}
	if req.Phone.Given {
		u.Phone = value(req.Phone)
	}
	if req.Picture.Given {
		u.Picture = value(req.Picture)
	}
	if v := req.Role; v != nil && *v != u.Role {
		if err := s.changeRole(r, *v); err != nil {
			return nil, err
		}
	}
	if err := s.Store.UpdateUser(r.Context(), u); err != nil {
		return nil, err
	}
	return wireUser(u), nil
}

// changeRole gives the user that the path names another role in the account;
// "": none.
func (s *server) changeRole(r *request, role string) error {
	if r.user.ID == r.caller.UserID {
		return invalidInput("You cannot change your own role")
	}
	if err := r.mayGive(role, access.AccountLevel, access.Place{}); role != "" && err != nil {
		return err
	}
	if err := s.keepAdministrator(r); err != nil {
		return err
	}
	r.user.Role = role
	return nil
}

// keepAdministrator refuses to take the user that the path names from the
// account's administrators if there is no other.
func (s *server) keepAdministrator(r *request) error {
	if r.user.Role != access.Administrator {
		return nil
	}
	if n, err := s.Store.Administrators(r.Context(), r.caller.AccountID); err != nil || n > 1 {
		return err
	}
	return conflict("User with id '%s' is the only %s of the account", r.user.ID, access.Administrator)
}

func (s *server) deleteUser(r *request) (any, error) {
	if err := s.keepAdministrator(r); err != nil {
		return nil, err
	}
	return nil, s.Store.DeleteUser(r.Context(), r.user.ID)
}

func (s *server) removeUserRole(r *request) (any, error) {
	if err := s.changeRole(r, ""); err != nil {
		return nil, err
	}
	return nil, s.Store.UpdateUser(r.Context(), r.user)
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
