package api

import (
	"encoding/json"
	"errors"
	"strconv"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/store"
)

// connectionEvents lists what happened to a connection beside its syncs, the
// latest first, with who did it. It is Penstock's own, under /v1/penstock.
func (s *server) connectionEvents(r *request) (any, error) {
	page, err := r.page()
	if err != nil {
		return nil, err
	}
	if page.Limit == 0 {
		page.Limit = store.DefaultLimit
	}
	before, err := lineAfter(page.Cursor)
	if err != nil {
		return nil, err
	}
	events, err := s.Store.Changes(r.Context(), r.id(), before, page.Limit+1)
	if err != nil {
		return nil, err
	}
	next := ""
	if len(events) > page.Limit {
		events = events[:page.Limit]
		next = strconv.FormatInt(events[page.Limit-1].ID, 10)
	}
	actors := map[string]*fivetran.Actor{}
	for i := range events {
		if by := actorOf(&events[i]); by != "" && actors[by] == nil {
			if actors[by], err = s.actor(r, by); err != nil {
				return nil, err
			}
		}
	}
	return newPage(events, next, func(e *store.Event) fivetran.Change {
		return fivetran.Change{ID: e.ID, At: e.At, Level: e.Level, Event: e.Kind, Message: e.Message(), Actor: actors[actorOf(e)], Data: e.Data}
	}), nil
}

// actorOf returns the id of whoever did what an event tells; "": nobody.
func actorOf(e *store.Event) string {
	var data struct{ Actor string }
	json.Unmarshal(e.Data, &data) // what is no object names nobody
	return data.Actor
}

// actor returns who an id is of, by name if the caller may see them.
func (s *server) actor(r *request, id string) (*fivetran.Actor, error) {
	a := &fivetran.Actor{ID: id}
	if id == store.CardActor {
		a.Kind, a.Name = "connect_card", "Connect Card"
		return a, nil
	}
	u, err := s.Store.User(r.Context(), id)
	switch {
	case err == nil:
		if u.AccountID == r.caller.AccountID && (id == r.caller.UserID || r.caller.Grants.May(access.Users, access.Read, access.Place{ID: id})) {
			a.Kind, a.Name = "user", u.Email
		}
		return a, nil
	case !errors.Is(err, store.ErrNotFound):
		return nil, err
	}
	k, err := s.Store.SystemKey(r.Context(), id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return a, nil
	case err != nil:
		return nil, err
	}
	if k.AccountID == r.caller.AccountID && (id == r.caller.SystemKeyID || r.caller.UserID != "" && r.caller.Grants.May(access.Account, access.Read, access.Place{})) {
		a.Kind, a.Name = "system_key", k.Name
	}
	return a, nil
}
