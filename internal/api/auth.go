package api

import (
	"errors"
	"net/http"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/store"
)

// authenticate returns the caller whose API key the request has. No key is
// looked at while too many wrong secrets for it came from the same address. A
// request of this process's own says itself who makes it.
func (s *server) authenticate(r *http.Request) (*store.Caller, error) {
	if c := store.CallerFrom(r.Context()); c != nil {
		return c, nil
	}
	key, secret, ok := r.BasicAuth()
	if !ok {
		return nil, errUnauthorized
	}
	by := guesser(r, key)
	if err := s.limiter.check(wrongKey, by, s.now()); err != nil {
		return nil, err
	}
	c, err := s.Store.Authenticate(r.Context(), key, secret)
	if errors.Is(err, store.ErrNotFound) {
		s.limiter.take(wrongKey, by, s.now()) // whatever it says, the key is wrong
		return nil, errUnauthorized
	}
	return c, err
}

var (
	errUnauthorized = &apiError{http.StatusUnauthorized, fivetran.Unauthorized, "Invalid authorization credentials"}
	errForbidden    = &apiError{http.StatusForbidden, fivetran.Forbidden, "You do not have permission to perform this operation"}
)

// A subject is what a route is about, by which its caller is allowed to use it.
// The zero subject is open to every caller.
type subject struct {
	limited  bool
	resource access.Resource
	people   bool // users only, no system keys

	// made says of a subject without find that it is a thing still to be made,
	// for which rules on others do not hold.
	made bool

	// grouped says of a subject without find that its things stand in groups:
	// a list shows those that the caller may see, and whoever makes one must
	// be allowed to in its group, which the handler sees to.
	grouped bool

	// find reads the thing that the path names, keeps it in the request, and
	// returns where it stands; ErrNotFound if there is none. nil: the path
	// names none.
	find func(*server, *request) (access.Place, error)

	// seen reports whether the caller sees what find has read, whatever is
	// allowed with the resource; nil: that alone decides.
	seen func(*request) bool

	// gone is the error of a thing that is not there, or that the caller may
	// not see.
	gone func(*request) error
}

// whole returns the subject of what belongs to the account as a whole.
func whole(r access.Resource) subject { return subject{limited: true, resource: r} }

// made returns the subject of making a thing that stands in no group.
func made(r access.Resource) subject { return subject{limited: true, resource: r, made: true} }

// grouped returns the subject of lists of things that stand in groups, and of
// making one.
func grouped(r access.Resource) subject { return subject{limited: true, resource: r, grouped: true} }

var (
	anybody = subject{}

	aGroup = subject{
		limited: true, resource: access.Destinations,
		find: func(s *server, r *request) (p access.Place, err error) {
			if r.group, err = s.Store.Group(r.Context(), r.id()); err != nil {
				return p, err
			}
			if r.group.AccountID != r.caller.AccountID {
				return p, store.ErrNotFound
			}
			return groupPlace(r.group.ID), nil
		},
		gone: func(r *request) error { return noGroup(r.id()) },
	}

	aDestination = subject{
		limited: true, resource: access.Destinations,
		find: func(s *server, r *request) (p access.Place, err error) {
			if r.destination, err = s.Store.DestinationIn(r.Context(), r.caller.AccountID, r.id()); err != nil {
				return p, err
			}
			return groupPlace(r.destination.ID), nil
		},
		gone: func(r *request) error { return noDestination(r.id()) },
	}

	aConnection = subject{
		limited: true, resource: access.Connections,
		find: func(s *server, r *request) (p access.Place, err error) {
			if r.connection, err = s.Store.ConnectionIn(r.Context(), r.caller.AccountID, r.id()); err != nil {
				return p, err
			}
			return connectionPlace(r.connection), nil
		},
		gone: func(r *request) error { return noConnection(r, r.id()) },
	}

	aUser = subject{
		limited: true, resource: access.Users,
		find: func(s *server, r *request) (p access.Place, err error) {
			if r.user, err = s.Store.User(r.Context(), r.id()); err != nil {
				return p, err
			}
			if r.user.AccountID != r.caller.AccountID {
				return p, store.ErrNotFound
			}
			return access.Place{ID: r.user.ID}, nil
		},
		seen: func(r *request) bool { return r.user.ID == r.caller.UserID },
		gone: func(r *request) error { return noUser(r.id()) },
	}
)

// groupPlace is where a group and its destination stand.
func groupPlace(id string) access.Place { return access.Place{Group: id, ID: id} }

// authorize refuses what the caller is not allowed, before anything but the
// thing itself is read.
func (s *server) authorize(r *request, about *subject, does access.Actions) error {
	if !about.limited {
		return nil
	}
	if about.people && r.caller.UserID == "" {
		return errForbidden
	}
	g := r.caller.Grants
	switch {
	case about.find != nil:
		place, err := about.find(s, r)
		if err != nil {
			return about.lost(err, r)
		}
		seen := about.seen != nil && about.seen(r)
		switch {
		case !seen && !g.May(about.resource, access.Read, place):
			return about.gone(r)
		case seen && does == access.Read, g.May(about.resource, does, place):
			return nil
		}
		return errForbidden
	case about.grouped && (does == access.Read && len(g) > 0 || g.Anywhere(about.resource, does)):
		return nil
	case about.made && g.May(about.resource, does, access.New):
		return nil
	case !about.grouped && g.May(about.resource, does, access.Place{}):
		return nil
	}
	return errForbidden
}

// lost makes an error of the store that says that what the path names is not
// there, as it may be gone since it was read, the one that clients know.
func (about *subject) lost(err error, r *request) error {
	if errors.Is(err, store.ErrNotFound) {
		return about.gone(r)
	}
	return err
}

// allow refuses what the caller is not allowed with a thing in a group that a
// request's body names: gone is the error if the caller may not see the group.
func (r *request) allow(res access.Resource, does access.Actions, group string, gone error) error {
	p := groupPlace(group)
	switch g := r.caller.Grants; {
	case g.May(res, does, p):
		return nil
	case !g.May(access.Destinations, access.Read, p):
		return gone
	}
	return errForbidden
}

// scope returns which things of a resource a list shows to the caller.
func (r *request) scope(res access.Resource) access.Scope {
	return r.caller.Grants.Scope(res, access.Read)
}
