package store

import (
	"context"
	"errors"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Why a Connect Card's token opens nothing.
var (
	ErrCardInvalid  = errors.New("the Connect Card is not valid")
	ErrCardExpired  = errors.New("the Connect Card has expired")
	ErrCardReplaced = errors.New("the Connect Card was replaced by a newer one")
	ErrCardUsed     = errors.New("the Connect Card was used already")
)

// cardLife is how long a Connect Card can be used, as at Fivetran ("Connect
// Card", 2026-07).
const cardLife = 24 * time.Hour

// A ConnectCard lets somebody without an account fill in one connection's
// config, once. A connection has one at a time.
type ConnectCard struct {
	ID           string // the token's jti
	ConnectionID string
	AccountID    string
	ExpiresAt    time.Time // whole seconds
}

// cardClaims are what a token says: jti, sub (the connection), exp, iat and
// the account.
type cardClaims struct {
	jwt.RegisteredClaims
	Account string `json:"account"`
}

// NewConnectCard makes a connection's Connect Card at a time, in place of the
// one before, and returns its token: a JWT, signed with HMAC-SHA-256.
func (s *Store) NewConnectCard(ctx context.Context, accountID, connectionID string, at time.Time) (token string, err error) {
	c := ConnectCard{ID: timeID(at), ConnectionID: connectionID, AccountID: accountID, ExpiresAt: at.Add(cardLife).UTC().Truncate(time.Second)}
	claims := cardClaims{jwt.RegisteredClaims{
		ID: c.ID, Subject: connectionID, ExpiresAt: jwt.NewNumericDate(c.ExpiresAt), IssuedAt: jwt.NewNumericDate(at),
	}, accountID}
	if token, err = jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(s.cardKey()); err != nil {
		return "", err
	}
	_, err = s.write.ExecContext(ctx, `insert into connect_cards (connection_id, id, expires_at, used_at) values ($1, $2, $3, null)
		on conflict (connection_id) do update set id = excluded.id, expires_at = excluded.expires_at, used_at = null`,
		connectionID, c.ID, micros(c.ExpiresAt))
	if err = known(err); errors.Is(err, ErrInUse) {
		err = ErrNotFound // the connection
	}
	return token, err
}

func (s *Store) cardKey() []byte {
	key := s.hashKey.Derive("Connect Cards")
	return key[:]
}

// ConnectCard returns the Connect Card whose token this is, if it can be used
// at a time: else it is ErrCardInvalid, or the card comes with ErrCardExpired,
// ErrCardReplaced or ErrCardUsed.
func (s *Store) ConnectCard(ctx context.Context, token string, at time.Time) (*ConnectCard, error) {
	c, err := s.parseCard(token, at)
	if err != nil {
		return c, err
	}
	var id string
	var used time.Time
	err = known(s.row(ctx, `select id, used_at from connect_cards where connection_id = $1`, c.ConnectionID).Scan(&id, stamp{&used}))
	switch {
	case errors.Is(err, ErrNotFound): // the connection is gone
		return nil, ErrCardInvalid
	case err != nil:
		return nil, err
	case id != c.ID:
		return c, ErrCardReplaced
	case !used.IsZero():
		return c, ErrCardUsed
	}
	return c, nil
}

func (s *Store) parseCard(token string, at time.Time) (*ConnectCard, error) {
	var claims cardClaims
	_, err := jwt.ParseWithClaims(token, &claims, func(*jwt.Token) (any, error) { return s.cardKey(), nil },
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithExpirationRequired(), jwt.WithTimeFunc(func() time.Time { return at }))
	if err != nil && !errors.Is(err, jwt.ErrTokenExpired) {
		return nil, ErrCardInvalid
	}
	c := &ConnectCard{claims.ID, claims.Subject, claims.Account, claims.ExpiresAt.UTC()}
	if err != nil { // the signature has been checked before the time
		return c, ErrCardExpired
	}
	return c, nil
}

// UseConnectCard says that a Connect Card has served its purpose: only the
// first of several who do gets no ErrCardUsed.
func (s *Store) UseConnectCard(ctx context.Context, c *ConnectCard, at time.Time) error {
	err := one(s.write.ExecContext(ctx, `update connect_cards set used_at = $3 where connection_id = $1 and id = $2 and used_at is null`,
		c.ConnectionID, c.ID, micros(at)))
	if errors.Is(err, ErrNotFound) {
		return ErrCardUsed
	}
	return err
}
