package api

import (
	"errors"
	"net/http"

	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/store"
)

// Roles in an account, as Fivetran names them.
const (
	administrator = "Account Administrator"
	reviewer      = "Account Reviewer" // may read everything and change nothing
)

// authenticate returns the caller whose API key the request has.
func (s *server) authenticate(r *http.Request) (*store.Caller, error) {
	key, secret, ok := r.BasicAuth()
	if !ok {
		return nil, errUnauthorized
	}
	c, err := s.Store.Authenticate(r.Context(), key, secret)
	if errors.Is(err, store.ErrNotFound) {
		return nil, errUnauthorized
	}
	return c, err
}

var (
	errUnauthorized = &apiError{http.StatusUnauthorized, fivetran.Unauthorized, "Invalid authorization credentials"}
	errForbidden    = &apiError{http.StatusForbidden, fivetran.Forbidden, "You do not have permission to perform this operation"}
)

// authorize refuses what the caller's role does not allow.
func authorize(c *store.Caller, method string) error {
	switch {
	case c.Role == administrator:
		return nil
	case c.Role == reviewer && (method == http.MethodGet || method == http.MethodHead):
		return nil
	}
	return errForbidden
}
