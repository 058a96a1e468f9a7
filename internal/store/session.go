package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/penstock-data/penstock/internal/secret"
)

const (
	sessionRest = 14 * 24 * time.Hour // without a request, a session ends
	sessionLife = 90 * 24 * time.Hour // and in any case
	seenEvery   = time.Minute         // how precise its last request is
)

// LinkLife is for how long a login link is good.
const LinkLife = 48 * time.Hour

// hash returns what is stored of a token of a kind.
func (s *Store) hash(kind, token string) []byte { return secret.HashAPIKey(s.hashKey, kind, token) }

// SetPassword gives a user a password, in place of the one before, and ends
// all of the user's sessions.
func (s *Store) SetPassword(ctx context.Context, userID, password string) error {
	hash := secret.HashPassword(password)
	return s.in(ctx, func(tx *sql.Tx) error {
		if _, err := s.lockUser(ctx, tx, userID); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `insert into passwords (user_id, hash, changed_at) values ($1, $2, $3)
			on conflict (user_id) do update set hash = excluded.hash, changed_at = excluded.changed_at`, userID, hash, micros(now()))
		if err == nil {
			_, err = tx.ExecContext(ctx, `delete from sessions where user_id = $1`, userID)
		}
		return err
	})
}

// Login returns the user with an email address and a password;
// secret.ErrWrongPassword if there is none. It takes as long then.
func (s *Store) Login(ctx context.Context, email, password string) (*User, error) {
	var id, hash string
	err := known(s.row(ctx, `select u.id, p.hash from users u join passwords p on p.user_id = u.id where u.email = $1`, email).Scan(&id, &hash))
	if err != nil && err != ErrNotFound {
		return nil, err
	}
	if err := secret.CheckPassword(password, hash); err != nil {
		return nil, err
	}
	return s.User(ctx, id)
}

// NewLoginLink returns a token with which a user can sign in once, and choose
// a password, within two days of at.
func (s *Store) NewLoginLink(ctx context.Context, userID string, at time.Time) (token string, err error) {
	token = secret.NewToken()
	_, err = s.write.ExecContext(ctx, `insert into login_links (hash, user_id, expires_at) values ($1, $2, $3)`,
		s.hash("login link", token), userID, micros(at.Add(LinkLife)))
	return token, known(err)
}

// LoginLink returns whose login link a token is, if it is good at a time;
// ErrNotFound otherwise. Only [Store.UseLoginLink] uses it up.
func (s *Store) LoginLink(ctx context.Context, token string, at time.Time) (*User, error) {
	var id string
	err := known(s.row(ctx, `select user_id from login_links where hash = $1 and expires_at > $2`, s.hash("login link", token), micros(at)).Scan(&id))
	if err != nil {
		return nil, err
	}
	return s.User(ctx, id)
}

// UseLoginLink uses a login link up: only the first of several who do gets no
// ErrNotFound. Those that have expired are forgotten with it.
func (s *Store) UseLoginLink(ctx context.Context, token string, at time.Time) error {
	if _, err := s.write.ExecContext(ctx, `delete from login_links where expires_at <= $1`, micros(at)); err != nil {
		return err
	}
	return one(s.write.ExecContext(ctx, `delete from login_links where hash = $1`, s.hash("login link", token)))
}

// NewSession begins a session of a user and returns its token. The user counts
// as logged in then.
func (s *Store) NewSession(ctx context.Context, userID string, at time.Time) (token string, err error) {
	token = secret.NewToken()
	err = s.in(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `delete from sessions where seen_at <= $1 or created_at <= $2`,
			micros(at.Add(-sessionRest)), micros(at.Add(-sessionLife))); err != nil {
			return err
		}
		if err := one(tx.ExecContext(ctx, `update users set logged_in_at = $2 where id = $1`, userID, micros(at))); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `insert into sessions (hash, user_id, created_at, seen_at) values ($1, $2, $3, $3)`,
			s.hash("session", token), userID, micros(at))
		return known(err)
	})
	return token, err
}

// Session returns whose session a token is of, if it has not ended by a time;
// ErrNotFound otherwise.
func (s *Store) Session(ctx context.Context, token string, at time.Time) (*User, error) {
	hash := s.hash("session", token)
	var id string
	var created, seen time.Time
	err := known(s.row(ctx, `select user_id, created_at, seen_at from sessions where hash = $1`, hash).Scan(&id, stamp{&created}, stamp{&seen}))
	switch {
	case err != nil:
		return nil, err
	case at.Sub(seen) >= sessionRest || at.Sub(created) >= sessionLife:
		return nil, ErrNotFound
	case at.Sub(seen) >= seenEvery:
		if _, err := s.write.ExecContext(ctx, `update sessions set seen_at = $2 where hash = $1`, hash, micros(at)); err != nil {
			return nil, err
		}
	}
	return s.User(ctx, id)
}

// EndSession ends a session; one that has ended already is nothing to it.
func (s *Store) EndSession(ctx context.Context, token string) error {
	_, err := s.write.ExecContext(ctx, `delete from sessions where hash = $1`, s.hash("session", token))
	return err
}

// CallerOf returns a user as a caller without a key.
func (s *Store) CallerOf(ctx context.Context, u *User) (*Caller, error) {
	grants, err := s.Grants(ctx, u)
	return &Caller{UserID: u.ID, AccountID: u.AccountID, Role: u.Role, Grants: grants}, err
}

type callerKey struct{}

// WithCaller returns a context of requests within this process that c makes,
// who needs no key for them.
func WithCaller(ctx context.Context, c *Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerFrom returns the caller that WithCaller has put into a context, or nil.
func CallerFrom(ctx context.Context) *Caller {
	c, _ := ctx.Value(callerKey{}).(*Caller)
	return c
}
