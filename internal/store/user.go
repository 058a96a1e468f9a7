package store

import (
	"context"
	"strings"
	"time"

	"github.com/penstock-data/penstock/internal/access"
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

	// Whoever has a role in the account that shows groups is in each of them.
	groupUsersPage = `select ` + userColumns.list() + ` from users where account_id = $1
		and (role in (` + rolesThatSee(access.Destinations) + `) or id in (select user_id from memberships where group_id = $2))
		and (created_at, id) > ($3, $4) order by created_at, id limit $5`
)

// rolesThatSee returns the roles in an account that may read a resource, as a
// list in SQL.
func rolesThatSee(res access.Resource) string {
	var names []string
	for _, r := range access.RoleList() {
		if r.Level == access.AccountLevel && r.Allows(res)&access.Read != 0 {
			names = append(names, "'"+r.Name+"'")
		}
	}
	return strings.Join(names, ", ")
}

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

// GroupUsers returns a page of the users who see a group and the cursor of the
// next.
func (s *Store) GroupUsers(ctx context.Context, accountID, groupID string, page Page) ([]User, string, error) {
	return readPage(ctx, s, page, groupUsersPage, []any{accountID, groupID}, scanUser,
		func(u *User) (time.Time, string) { return u.CreatedAt, u.ID })
}

// Administrators returns how many users of an account have all rights in it.
func (s *Store) Administrators(ctx context.Context, accountID string) (n int, err error) {
	err = s.row(ctx, `select count(*) from users where account_id = $1 and role = $2`, accountID, access.Administrator).Scan(&n)
	return n, err
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
