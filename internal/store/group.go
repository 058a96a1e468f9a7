package store

import (
	"context"
	"time"

	"github.com/penstock-data/penstock/internal/access"
)

// A Group holds a destination, which has the group's id, and the connections
// into it.
type Group struct {
	ID        string
	AccountID string
	Name      string // unique in the account
	CreatedBy string // user id; "": a seed file, or a user who is gone
	CreatedAt time.Time
}

var groupColumns = columns{"id", "account_id", "name", "created_by", "created_at"}

func scanGroup(row scanner) (g Group, err error) {
	err = row.Scan(&g.ID, &g.AccountID, &g.Name, text{&g.CreatedBy}, stamp{&g.CreatedAt})
	return g, known(err)
}

func (g *Group) values() []any {
	return []any{g.ID, g.AccountID, g.Name, orNull(g.CreatedBy), micros(g.CreatedAt)}
}

var (
	groupByID  = `select ` + groupColumns.list() + ` from groups where id = $1`
	groupsPage = `select ` + groupColumns.list() + ` from groups where account_id = $1 and ` + scoped("id", "id", 2) + `
		and (created_at, id) > ($5, $6) order by created_at, id limit $7`
)

// Group returns a group.
func (s *Store) Group(ctx context.Context, id string) (*Group, error) {
	g, err := scanGroup(s.row(ctx, groupByID, id))
	if err != nil {
		return nil, err
	}
	return &g, nil
}

// Groups returns a page of an account's groups, of those that scope shows, and
// the cursor of the next.
func (s *Store) Groups(ctx context.Context, accountID string, scope access.Scope, page Page) ([]Group, string, error) {
	return readPage(ctx, s, page, groupsPage, append([]any{accountID}, scopeArgs(scope)...), scanGroup,
		func(g *Group) (time.Time, string) { return g.CreatedAt, g.ID })
}

// CreateGroup adds a group; an empty ID and CreatedAt are filled in.
func (s *Store) CreateGroup(ctx context.Context, g *Group) error {
	created(&g.CreatedAt)
	return withID(ctx, s, "groups", &g.ID, func() error {
		_, err := s.write.ExecContext(ctx, groupColumns.insert("groups"), g.values()...)
		return known(err)
	})
}

// UpdateGroup replaces a group's row.
func (s *Store) UpdateGroup(ctx context.Context, g *Group) error {
	return one(s.write.ExecContext(ctx, groupColumns.update("groups"), g.values()...))
}

// DeleteGroup removes a group. It is ErrInUse while it has a destination or
// connections.
func (s *Store) DeleteGroup(ctx context.Context, id string) error {
	return one(s.write.ExecContext(ctx, `delete from groups where id = $1`, id))
}
