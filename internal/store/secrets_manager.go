package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/penstock-data/penstock/internal/access"
)

// A SecretsManager is a service outside that keeps secrets of configs.
type SecretsManager struct {
	ID        string
	AccountID string
	Type      string          // AWS_SECRET_MANAGER, …
	Name      string          // unique in the account
	Config    json.RawMessage // with secrets; stored encrypted
	Hybrid    bool            // it is for hybrid deployment agents
	CreatedAt time.Time
	UpdatedAt time.Time // of the last change; CreatedAt: none
}

var secretsManagerColumns = columns{"id", "account_id", "type", "name", "config", "hybrid", "created_at", "updated_at"}

func (s *Store) scanSecretsManager(row scanner) (m SecretsManager, err error) {
	var sealed []byte
	if err := row.Scan(&m.ID, &m.AccountID, &m.Type, &m.Name, &sealed, &m.Hybrid, stamp{&m.CreatedAt}, stamp{&m.UpdatedAt}); err != nil {
		return m, known(err)
	}
	if m.Config, err = s.box.Open(sealed, "secrets manager "+m.ID); err != nil {
		return m, fmt.Errorf("config of secrets manager %s: %w", m.ID, err)
	}
	return m, nil
}

func (s *Store) secretsManagerValues(m *SecretsManager) []any {
	return []any{m.ID, m.AccountID, m.Type, m.Name, s.box.Seal(m.Config, "secrets manager "+m.ID), m.Hybrid, micros(m.CreatedAt), micros(m.UpdatedAt)}
}

var (
	secretsManagerByID = `select ` + secretsManagerColumns.list() + ` from secrets_managers where id = $1`
	secretsManagerPage = `select ` + secretsManagerColumns.list() + ` from secrets_managers where account_id = $1
		and (created_at, id) > ($2, $3) order by created_at, id limit $4`
)

// SecretsManagerIn returns a secrets manager of an account.
func (s *Store) SecretsManagerIn(ctx context.Context, accountID, id string) (*SecretsManager, error) {
	m, err := s.scanSecretsManager(s.row(ctx, secretsManagerByID+` and account_id = $2`, id, accountID))
	if err != nil {
		return nil, err
	}
	return &m, nil
}

// SecretsManagers returns a page of an account's secrets managers and the
// cursor of the next.
func (s *Store) SecretsManagers(ctx context.Context, accountID string, page Page) ([]SecretsManager, string, error) {
	return readPage(ctx, s, page, secretsManagerPage, []any{accountID}, s.scanSecretsManager,
		func(m *SecretsManager) (time.Time, string) { return m.CreatedAt, m.ID })
}

// CreateSecretsManager adds a secrets manager; an empty ID and the times are
// filled in. It is ErrExists if the name is taken.
func (s *Store) CreateSecretsManager(ctx context.Context, m *SecretsManager) error {
	created(&m.CreatedAt)
	m.UpdatedAt = m.CreatedAt
	return withID(ctx, s, "secrets_managers", &m.ID, func() error {
		_, err := s.write.ExecContext(ctx, secretsManagerColumns.insert("secrets_managers"), s.secretsManagerValues(m)...)
		return known(err)
	})
}

// UpdateSecretsManager changes a secrets manager by f at a time, and returns it
// as stored. Nothing changes if f returns an error. It makes those due that wait
// after a failure in groups that use it.
func (s *Store) UpdateSecretsManager(ctx context.Context, id string, at time.Time, f func(*SecretsManager) error) (*SecretsManager, error) {
	var m SecretsManager
	err := s.in(ctx, func(tx *sql.Tx) (err error) {
		if m, err = s.scanSecretsManager(tx.QueryRowContext(ctx, secretsManagerByID+s.dialect.forUpdate, id)); err != nil {
			return err
		}
		if err := f(&m); err != nil {
			return err
		}
		m.UpdatedAt = at.UTC().Truncate(time.Microsecond)
		if err := one(tx.ExecContext(ctx, secretsManagerColumns.update("secrets_managers"), s.secretsManagerValues(&m)...)); err != nil {
			return err
		}
		groups, err := collect(scanID)(tx.QueryContext(ctx, `select distinct group_id from (`+linkUses(BySecretsManager)+`) as uses where link = $1 order by group_id`, id))
		if err != nil {
			return err
		}
		for _, g := range groups {
			if err := s.dueAgain(ctx, tx, g, true); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &m, nil
}

// DeleteSecretsManager removes a secrets manager. It is ErrInUse while
// connections or destinations use it.
func (s *Store) DeleteSecretsManager(ctx context.Context, id string) error {
	return s.deleteUnused(ctx, BySecretsManager, "secrets_managers", id)
}

// A SecretsUse is a connection or a destination whose secrets a secrets
// manager keeps.
type SecretsUse struct {
	ID          string
	Destination bool
	Name        string // of the connection's schema, or of the destination's group
	Enabled     bool   // it is connected, and not paused
	ManagerID   string
	CreatedAt   time.Time
}

// secretsUses selects from connections and destinations. The arguments are the
// account, the manager or "", and what is shown of either kind.
var secretsUses = `select id, destination, name, enabled, secrets_manager_id, created_at from (
	select c.id, 0 as destination, c.schema_name as name, case when c.setup_state = 'connected' and c.paused = false then 1 else 0 end as enabled,
		c.secrets_manager_id, c.created_at, c.group_id from connections c where c.secrets_manager_id is not null
	union all select d.id, 1, g.name, case when d.setup_status = 'connected' then 1 else 0 end, d.secrets_manager_id, d.created_at, d.id
		from destinations d join groups g on g.id = d.id where d.secrets_manager_id is not null) as uses
	where group_id in (select id from groups where account_id = $1) and ($2 = '' or secrets_manager_id = $2)
	and (destination = 0 and ` + scoped("group_id", "id", 3) + ` or destination = 1 and ` + scoped("id", "id", 6) + `)
	and (created_at, id) > ($9, $10) order by created_at, id limit $11`

// SecretsUses returns a page of what uses the secrets managers of an account,
// or one of them unless managerID is empty, of the connections and the
// destinations that scopes show, and the cursor of the next.
func (s *Store) SecretsUses(ctx context.Context, accountID, managerID string, connections, destinations access.Scope, page Page) ([]SecretsUse, string, error) {
	args := append([]any{accountID, managerID}, scopeArgs(connections)...)
	args = append(args, scopeArgs(destinations)...)
	return readPage(ctx, s, page, secretsUses, args, scanSecretsUse, func(u *SecretsUse) (time.Time, string) { return u.CreatedAt, u.ID })
}

func scanSecretsUse(row scanner) (u SecretsUse, err error) {
	var destination, enabled int
	err = row.Scan(&u.ID, &destination, &u.Name, &enabled, &u.ManagerID, stamp{&u.CreatedAt})
	u.Destination, u.Enabled = destination == 1, enabled == 1
	return u, known(err)
}
