package store

import (
	"context"
	"time"
)

// A User is a person with access to an account.
type User struct {
	ID         string
	AccountID  string
	Email      string // unique
	GivenName  string
	FamilyName string
	Phone      string // "": none
	Picture    string // URL; "": none
	Role       string // "Account Administrator", …
	Verified   bool
	Invited    bool
	CreatedAt  time.Time
	LoggedInAt time.Time // zero: never
}

var userColumns = columns{"id", "account_id", "email", "given_name", "family_name", "phone", "picture", "role",
	"verified", "invited", "created_at", "logged_in_at"}

func scanUser(row scanner) (u User, err error) {
	err = row.Scan(&u.ID, &u.AccountID, &u.Email, &u.GivenName, &u.FamilyName, &u.Phone, &u.Picture, &u.Role,
		&u.Verified, &u.Invited, stamp{&u.CreatedAt}, stamp{&u.LoggedInAt})
	return u, known(err)
}

func (u *User) values() []any {
	return []any{u.ID, u.AccountID, u.Email, u.GivenName, u.FamilyName, u.Phone, u.Picture, u.Role,
		u.Verified, u.Invited, micros(u.CreatedAt), micros(u.LoggedInAt)}
}

var (
	userByID    = `select ` + userColumns.list() + ` from users where id = $1`
	userByEmail = `select ` + userColumns.list() + ` from users where email = $1`
	usersPage   = `select ` + userColumns.list() + ` from users where account_id = $1 and (created_at, id) > ($2, $3)
		order by created_at, id limit $4`
)

// User returns a user.
func (s *Store) User(ctx context.Context, id string) (*User, error) {
	u, err := scanUser(s.row(ctx, userByID, id))
	if err != nil {
		return nil, err
	}
	return &u, nil
}

// UserByEmail returns the user with an email address.
func (s *Store) UserByEmail(ctx context.Context, email string) (*User, error) {
	u, err := scanUser(s.row(ctx, userByEmail, email))
	if err != nil {
		return nil, err
	}
	return &u, nil
}

// Users returns a page of an account's users and the cursor of the next.
func (s *Store) Users(ctx context.Context, accountID string, page Page) ([]User, string, error) {
	return readPage(ctx, s, page, usersPage, []any{accountID}, scanUser,
		func(u *User) (time.Time, string) { return u.CreatedAt, u.ID })
}

// CreateUser adds a user; an empty ID and CreatedAt are filled in.
func (s *Store) CreateUser(ctx context.Context, u *User) error {
	created(&u.CreatedAt)
	return withID(ctx, s, "users", &u.ID, func() error {
		_, err := s.write.ExecContext(ctx, userColumns.insert("users"), u.values()...)
		return known(err)
	})
}

// UpdateUser replaces a user's row.
func (s *Store) UpdateUser(ctx context.Context, u *User) error {
	return one(s.write.ExecContext(ctx, userColumns.update("users"), u.values()...))
}

// DeleteUser removes a user and their API keys.
func (s *Store) DeleteUser(ctx context.Context, id string) error {
	return one(s.write.ExecContext(ctx, `delete from users where id = $1`, id))
}
