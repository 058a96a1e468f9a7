package store

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/secret"
)

// A Caller is whoever a key belongs to: a user, or nobody but the account if
// it is a system key.
type Caller struct {
	KeyID       string // the key's public half
	AccountID   string
	UserID      string // "": a system key's
	SystemKeyID string // "": a user's key
	Card        bool   // an outsider with a Connect Card, who has no key
	Role        string // of the user in the account
	Grants      access.Grants
}

// CardActor is what events call whoever does something by a Connect Card.
const CardActor = "connect_card"

// ID returns the id of the user, or of the system key; [CardActor] of whoever
// has a Connect Card.
func (c *Caller) ID() string {
	if c.Card {
		return CardActor
	}
	return cmp.Or(c.UserID, c.SystemKeyID)
}

const callerByKey = `select k.hash, u.id, u.account_id, u.role
	from api_keys k join users u on u.id = k.user_id where k.id = $1`

// Authenticate returns the caller whose key this is, or ErrNotFound if the key
// does not exist or has expired or the secret is wrong; it does not tell
// which.
func (s *Store) Authenticate(ctx context.Context, key, keySecret string) (*Caller, error) {
	c := Caller{KeyID: key}
	var hash []byte
	err := known(s.row(ctx, callerByKey, key).Scan(&hash, &c.UserID, &c.AccountID, &c.Role))
	if errors.Is(err, ErrNotFound) {
		return s.authenticateSystem(ctx, key, keySecret)
	}
	if err != nil {
		return nil, err
	}
	if !secret.CheckAPIKey(s.hashKey, key, keySecret, hash) {
		return nil, ErrNotFound
	}
	c.Grants, err = s.userGrants(ctx, c.UserID, c.Role)
	return &c, err
}

// usedEvery is how precise a system key's time of last use is: it is not
// written with each request.
const usedEvery = time.Minute

func (s *Store) authenticateSystem(ctx context.Context, key, keySecret string) (*Caller, error) {
	var hash []byte
	k, err := scanSystemKey(s.row(ctx, systemKeyByKey, key), &hash)
	if err != nil {
		return nil, err
	}
	at := now()
	expired := !k.ExpiresAt.IsZero() && !at.Before(k.ExpiresAt)
	if !secret.CheckAPIKey(s.hashKey, key, keySecret, hash) || expired {
		return nil, ErrNotFound
	}
	if at.Sub(k.LastUsedAt) >= usedEvery {
		if _, err := s.write.ExecContext(ctx, `update system_keys set last_used_at = $2 where id = $1`, k.ID, micros(at)); err != nil {
			return nil, err
		}
	}
	return &Caller{KeyID: key, AccountID: k.AccountID, SystemKeyID: k.ID, Grants: k.Grants()}, nil
}

// memberRoles are the roles that a user has beside that in the account, each
// with its level and the id of its place: its own and those of its teams.
const memberRoles = `
	select 'ACCOUNT', t.role, '' from team_users u join teams t on t.id = u.team_id where u.user_id = $1
	union all
	select 'TEAM', role, team_id from team_users where user_id = $1
	union all
	select case when group_id is null then 'CONNECTOR' else 'DESTINATION' end, role, coalesce(group_id, connection_id)
	from memberships where user_id = $1 or team_id in (select team_id from team_users where user_id = $1)`

// teamRoles are the roles that a team gives to those in it, in the same form.
const teamRoles = `
	select 'ACCOUNT', role, '' from teams where id = $1
	union all
	select case when group_id is null then 'CONNECTOR' else 'DESTINATION' end, role, coalesce(group_id, connection_id)
	from memberships where team_id = $1`

// TeamGrants returns what users may do because they are in a team, beside what
// they may do with the team.
func (s *Store) TeamGrants(ctx context.Context, teamID string) (access.Grants, error) {
	return s.grants(ctx, nil, teamRoles, teamID)
}

// Grants returns what a user may do.
func (s *Store) Grants(ctx context.Context, u *User) (access.Grants, error) {
	return s.userGrants(ctx, u.ID, u.Role)
}

// userGrants returns what a user may do who has a role in the account.
func (s *Store) userGrants(ctx context.Context, userID, role string) (access.Grants, error) {
	grants := access.OfAccountRole(role)
	if role == access.Administrator { // there is nothing to add to it
		return grants, nil
	}
	return s.grants(ctx, grants, memberRoles, userID)
}

// grants returns grants with those of the roles that a query finds by an id.
func (s *Store) grants(ctx context.Context, grants access.Grants, query, id string) (access.Grants, error) {
	rows, err := s.ask(s.brief(ctx), query, id)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var level access.Level
		var role, id string
		if err := rows.Scan(&level, &role, &id); err != nil {
			return nil, err
		}
		if level == access.AccountLevel {
			grants = append(grants, access.OfAccountRole(role)...)
		} else {
			grants = append(grants, access.OfMembership(role, level, id)...)
		}
	}
	return grants, rows.Err()
}
