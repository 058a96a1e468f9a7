package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/penstock-data/penstock/internal/access"
)

// ErrLastAdministrator says that an account would have no administrator any
// more.
var ErrLastAdministrator = errors.New("the account has no other administrator")

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
	usersPage   = `select ` + userColumns.list() + ` from users where account_id = $1 and ` + scoped("''", "id", 2) + `
		and (created_at, id) > ($5, $6) order by created_at, id limit $7`

	// The lock keeps two administrators from ending each other.
	otherAdministrator = `select id from users where account_id = $1 and role = $2 and id <> $3 order by id limit 1`

	// Whoever has a role in the account that shows groups is in each of them.
	groupUsersPage = `select ` + inGroup(userColumns).list() + ` from users where account_id = $1
		and (role in (` + rolesThatSee(access.Destinations) + `) or id in (select user_id from memberships where group_id = $2))
		and (created_at, id) > ($3, $4) order by created_at, id limit $5`
)

// inGroup returns the columns of users with the role that each has in a group of
// its own in place of that in the account.
func inGroup(c columns) columns {
	c = slices.Clone(c)
	c[slices.Index(c, "role")] = `coalesce((select m.role from memberships m where m.user_id = users.id and m.group_id = $2), '')`
	return c
}

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

// Users returns a page of an account's users, of those that scope shows, and
// the cursor of the next.
func (s *Store) Users(ctx context.Context, accountID string, scope access.Scope, page Page) ([]User, string, error) {
	return readPage(ctx, s, page, usersPage, append([]any{accountID}, scopeArgs(scope)...), scanUser,
		func(u *User) (time.Time, string) { return u.CreatedAt, u.ID })
}

// GroupUsers returns a page of the users who see a group and the cursor of the
// next. Role is what each has in the group, "" for who sees it because of a role
// in the account.
func (s *Store) GroupUsers(ctx context.Context, accountID, groupID string, page Page) ([]User, string, error) {
	return readPage(ctx, s, page, groupUsersPage, []any{accountID, groupID}, scanUser,
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

// UpdateUser changes a user by f, and returns it as stored. Nothing changes if
// f returns an error. It is ErrLastAdministrator if the account would have no
// administrator then.
func (s *Store) UpdateUser(ctx context.Context, id string, f func(*User) error) (*User, error) {
	var u User
	err := s.in(ctx, func(tx *sql.Tx) (err error) {
		if u, err = s.lockUser(ctx, tx, id); err != nil {
			return err
		}
		role := u.Role
		if err := f(&u); err != nil {
			return err
		}
		if u.Role != role {
			if err := s.keepAdministrator(ctx, tx, &u, role); err != nil {
				return err
			}
		}
		return one(tx.ExecContext(ctx, userColumns.update("users"), u.values()...))
	})
	if err != nil {
		return nil, err
	}
	return &u, nil
}

// DeleteUser removes a user with their roles and their API keys. It is
// ErrLastAdministrator if the account would have no administrator then.
func (s *Store) DeleteUser(ctx context.Context, id string) error {
	return s.in(ctx, func(tx *sql.Tx) error {
		u, err := s.lockUser(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := s.keepAdministrator(ctx, tx, &u, u.Role); err != nil {
			return err
		}
		return one(tx.ExecContext(ctx, `delete from users where id = $1`, id))
	})
}

// lockUser reads a user that the transaction is going to write.
func (s *Store) lockUser(ctx context.Context, tx *sql.Tx, id string) (User, error) {
	return scanUser(tx.QueryRowContext(ctx, userByID+s.dialect.forUpdate, id))
}

// keepAdministrator makes sure that an account has another administrator than
// u, who ceases to have a role.
func (s *Store) keepAdministrator(ctx context.Context, tx *sql.Tx, u *User, role string) error {
	if role != access.Administrator {
		return nil
	}
	var other string
	err := tx.QueryRowContext(ctx, otherAdministrator+s.dialect.forUpdate, u.AccountID, access.Administrator, u.ID).Scan(&other)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrLastAdministrator
	}
	return err
}
