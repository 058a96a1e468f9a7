package store

import (
	"context"
	"errors"
	"time"

	"github.com/penstock-data/penstock/internal/access"
)

// A Team is users who have roles together.
type Team struct {
	ID          string
	AccountID   string
	Name        string // unique in the account
	Description string
	Role        string // in the account; "": none
	CreatedAt   time.Time
}

// A TeamUser is a user in a team.
type TeamUser struct {
	TeamID    string
	UserID    string
	Role      string // access.TeamManager or access.TeamMember
	CreatedAt time.Time
}

var teamColumns = columns{"id", "account_id", "name", "description", "role", "created_at"}

func scanTeam(row scanner) (t Team, err error) {
	err = row.Scan(&t.ID, &t.AccountID, &t.Name, &t.Description, &t.Role, stamp{&t.CreatedAt})
	return t, known(err)
}

func (t *Team) values() []any {
	return []any{t.ID, t.AccountID, t.Name, t.Description, t.Role, micros(t.CreatedAt)}
}

var (
	teamByID  = `select ` + teamColumns.list() + ` from teams where id = $1`
	teamsPage = `select ` + teamColumns.list() + ` from teams where account_id = $1 and ` + scoped("''", "id", 2) + `
		and (created_at, id) > ($5, $6) order by created_at, id limit $7`

	teamUserColumns = columns{"team_id", "user_id", "role", "created_at"}
	teamUserByID    = `select ` + teamUserColumns.list() + ` from team_users where team_id = $1 and user_id = $2`
	teamUsersPage   = `select ` + teamUserColumns.list() + ` from team_users where team_id = $1
		and (created_at, user_id) > ($2, $3) order by created_at, user_id limit $4`
)

// Team returns a team.
func (s *Store) Team(ctx context.Context, id string) (*Team, error) {
	t, err := scanTeam(s.row(ctx, teamByID, id))
	if err != nil {
		return nil, err
	}
	return &t, nil
}

// Teams returns a page of an account's teams, of those that scope shows, and
// the cursor of the next.
func (s *Store) Teams(ctx context.Context, accountID string, scope access.Scope, page Page) ([]Team, string, error) {
	return readPage(ctx, s, page, teamsPage, append([]any{accountID}, scopeArgs(scope)...), scanTeam,
		func(t *Team) (time.Time, string) { return t.CreatedAt, t.ID })
}

// CreateTeam adds a team; an empty ID and CreatedAt are filled in.
func (s *Store) CreateTeam(ctx context.Context, t *Team) error {
	created(&t.CreatedAt)
	return withID(ctx, s, "teams", &t.ID, func() error {
		_, err := s.write.ExecContext(ctx, teamColumns.insert("teams"), t.values()...)
		return known(err)
	})
}

// UpdateTeam replaces a team's row.
func (s *Store) UpdateTeam(ctx context.Context, t *Team) error {
	return one(s.write.ExecContext(ctx, teamColumns.update("teams"), t.values()...))
}

// DeleteTeam removes a team with all of its roles.
func (s *Store) DeleteTeam(ctx context.Context, id string) error {
	return one(s.write.ExecContext(ctx, `delete from teams where id = $1`, id))
}

func scanTeamUser(row scanner) (u TeamUser, err error) {
	err = row.Scan(&u.TeamID, &u.UserID, &u.Role, stamp{&u.CreatedAt})
	return u, known(err)
}

// TeamUser returns a user in a team.
func (s *Store) TeamUser(ctx context.Context, teamID, userID string) (*TeamUser, error) {
	u, err := scanTeamUser(s.row(ctx, teamUserByID, teamID, userID))
	if err != nil {
		return nil, err
	}
	return &u, nil
}

// TeamUsers returns a page of the users in a team and the cursor of the next.
func (s *Store) TeamUsers(ctx context.Context, teamID string, page Page) ([]TeamUser, string, error) {
	return readPage(ctx, s, page, teamUsersPage, []any{teamID}, scanTeamUser,
		func(u *TeamUser) (time.Time, string) { return u.CreatedAt, u.UserID })
}

// AddTeamUser puts a user into a team; an empty CreatedAt is filled in. It is
// ErrExists if the user is in it.
func (s *Store) AddTeamUser(ctx context.Context, u *TeamUser) error {
	created(&u.CreatedAt)
	_, err := s.write.ExecContext(ctx, teamUserColumns.insert("team_users"), u.TeamID, u.UserID, u.Role, micros(u.CreatedAt))
	if err = known(err); errors.Is(err, ErrInUse) {
		return ErrNotFound
	}
	return err
}

// UpdateTeamUser changes a user's role in a team.
func (s *Store) UpdateTeamUser(ctx context.Context, u *TeamUser) error {
	return one(s.write.ExecContext(ctx, `update team_users set role = $3 where team_id = $1 and user_id = $2`, u.TeamID, u.UserID, u.Role))
}

// RemoveTeamUser takes a user out of a team.
func (s *Store) RemoveTeamUser(ctx context.Context, teamID, userID string) error {
	return one(s.write.ExecContext(ctx, `delete from team_users where team_id = $1 and user_id = $2`, teamID, userID))
}
