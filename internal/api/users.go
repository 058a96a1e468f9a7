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

// listUsers lists the users whom the caller may see; whoever may see none of
// them but itself has no use for a list.
func (s *server) listUsers(r *request) (any, error) {
	if !r.caller.Grants.Anywhere(access.Users, access.Read) {
		return nil, errForbidden
	}
	return paged(r, wireUser, func(page store.Page) ([]store.User, string, error) {
		if r.wantsInactive() {
			return nil, "", nil
		}
		return s.Store.Users(r.Context(), r.caller.AccountID, r.scope(access.Users), page)
	})
}

// wantsInactive reports whether a request wants only users who are not active:
// there are none.
func (r *request) wantsInactive() bool {
	active, err := strconv.ParseBool(r.URL.Query().Get("active"))
	return err == nil && !active
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
	if err := r.mayChange("", req.Role, access.AccountLevel, access.Place{}); err != nil {
		return nil, err
	}
	u := &store.User{AccountID: r.caller.AccountID, Email: req.Email, GivenName: req.GivenName, FamilyName: req.FamilyName,
		Phone: req.Phone, Picture: req.Picture, Role: req.Role, Invited: true}
	if err := s.Store.CreateUser(r.Context(), u); err != nil {
		return nil, emailTaken(err, req.Email)
	}
	return wireUser(u), nil
}

// checkEmail refuses what is no e-mail address. A dot may stand before the @,
// where RFC 5322 has none: go-fivetran's tests invite such a user.
func checkEmail(text string) error {
	name, host, _ := strings.Cut(text, "@")
	plain := strings.TrimSuffix(name, ".") + "@" + host
	if a, err := mail.ParseAddress(plain); err != nil || a.Address != plain {
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
	u, err := s.Store.UpdateUser(r.Context(), r.id(), func(u *store.User) error {
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
		if !req.Role.Given {
			return nil
		}
		return r.changeRole(u, value(req.Role))
	})
	if err != nil {
		return nil, userKept(err, r)
	}
	return wireUser(u), nil
}

// changeRole gives a user another role in the account; "": none.
func (r *request) changeRole(u *store.User, role string) error {
	switch {
	case role == u.Role:
		return nil
	case u.ID == r.caller.UserID:
		return invalidInput("You cannot change your own role")
	}
	err := r.mayChange(u.Role, role, access.AccountLevel, access.Place{})
	u.Role = role
	return err
}

// userKept says why a user has not been changed or deleted.
func userKept(err error, r *request) error {
	if errors.Is(err, store.ErrLastAdministrator) {
		return conflict("User with id '%s' is the only %s of the account: give another user that role first", r.id(), access.Administrator)
	}
	return err
}

func (s *server) deleteUser(r *request) (any, error) {
	if err := s.mayAll(r, r.user); err != nil { // with a user go all of their roles
		return nil, err
	}
	return nil, userKept(s.Store.DeleteUser(r.Context(), r.id()), r)
}

// mayAll refuses a caller who may not do everything that a user may.
func (s *server) mayAll(r *request, u *store.User) error {
	grants, err := s.Store.Grants(r.Context(), u)
	if err == nil && !r.caller.Grants.Includes(grants) {
		return errForbidden
	}
	return err
}

func (s *server) removeUserRole(r *request) (any, error) {
	_, err := s.Store.UpdateUser(r.Context(), r.id(), func(u *store.User) error { return r.changeRole(u, "") })
	return nil, userKept(err, r)
}

// userIn returns a user of the caller's account that a request names elsewhere
// than its path's subject; gone is the error if there is none.
func (s *server) userIn(r *request, id string, gone error) (*store.User, error) {
	u, err := s.Store.User(r.Context(), id)
	if errors.Is(err, store.ErrNotFound) || err == nil && u.AccountID != r.caller.AccountID {
		return nil, gone
	}
	return u, err
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
	if err != nil {
		return "", ifGone(err, nil)
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
