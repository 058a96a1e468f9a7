package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/secret"
)

// A SystemKey lets programs use the API, independent of any user. Of its
// secret only a keyed hash is stored.
type SystemKey struct {
	ID          string
	AccountID   string
	Name        string // unique in the account
	Key         string // the public half
	Permissions []Permission
	CreatedAt   time.Time
	UpdatedAt   time.Time
	ExpiresAt   time.Time // zero: never
	LastUsedAt  time.Time // zero: never; to the minute
}

// A Permission is what a system key allows on one kind of resource, in the
// words of the API. With neither IDs nor GroupIDs it holds everywhere; lists
// that are empty are of nothing.
type Permission struct {
	Resource string   `json:"resource_type"`
	Level    string   `json:"access_level"` // NONE, READ or MANAGE
	IDs      []string `json:"ids"`
	GroupIDs []string `json:"group_ids"`
}

var levels = map[string]access.Actions{"READ": access.Read, "MANAGE": access.Manage} // NONE: no actions

// Grants returns what the key allows.
func (k *SystemKey) Grants() access.Grants {
	rules := make([]access.Grant, 0, len(k.Permissions))
	for _, p := range k.Permissions {
		if r, ok := access.ParseResource(p.Resource); ok {
			rules = append(rules, access.Grant{Resource: r, Actions: levels[p.Level], Groups: p.GroupIDs, IDs: p.IDs})
		}
	}
	return access.OfRules(rules)
}

var systemKeyColumns = columns{"id", "account_id", "name", "key", "permissions", "created_at", "updated_at", "expires_at", "last_used_at"}

func scanSystemKey(row scanner, more ...any) (k SystemKey, err error) {
	var permissions string
	err = row.Scan(append([]any{&k.ID, &k.AccountID, &k.Name, &k.Key, &permissions,
		stamp{&k.CreatedAt}, stamp{&k.UpdatedAt}, stamp{&k.ExpiresAt}, stamp{&k.LastUsedAt}}, more...)...)
	if err != nil {
		return k, known(err)
	}
	return k, json.Unmarshal([]byte(permissions), &k.Permissions)
}

var (
	systemKeyByID  = `select ` + systemKeyColumns.list() + ` from system_keys where id = $1`
	systemKeyByKey = `select ` + systemKeyColumns.list() + `, hash from system_keys where key = $1`
	systemKeysPage = `select ` + systemKeyColumns.list() + ` from system_keys where account_id = $1 and ` + scoped("''", "id", 2) + `
		and (created_at, id) > ($5, $6) order by created_at, id limit $7`
)

// SystemKey returns a system key.
func (s *Store) SystemKey(ctx context.Context, id string) (*SystemKey, error) {
	k, err := scanSystemKey(s.row(ctx, systemKeyByID, id))
	if err != nil {
		return nil, err
	}
	return &k, nil
}

// SystemKeys returns a page of an account's system keys and the cursor of the
// next.
func (s *Store) SystemKeys(ctx context.Context, accountID string, scope access.Scope, page Page) ([]SystemKey, string, error) {
	return readPage(ctx, s, page, systemKeysPage, append([]any{accountID}, scopeArgs(scope)...),
		func(row scanner) (SystemKey, error) { return scanSystemKey(row) },
		func(k *SystemKey) (time.Time, string) { return k.CreatedAt, k.ID })
}

// CreateSystemKey adds a key and returns its secret, which cannot be had again.
// Its ID, Key and times but for that of its expiry are filled in.
func (s *Store) CreateSystemKey(ctx context.Context, k *SystemKey) (keySecret string, err error) {
	created(&k.CreatedAt)
	k.UpdatedAt = k.CreatedAt
	k.Key, keySecret = secret.NewAPIKey()
	permissions, err := array(k.Permissions)
	if err != nil {
		return "", err
	}
	err = withID(ctx, s, "system_keys", &k.ID, func() error {
		_, err := s.write.ExecContext(ctx, `insert into system_keys (id, account_id, name, key, hash, permissions, created_at, updated_at, expires_at)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, k.ID, k.AccountID, k.Name, k.Key, secret.HashAPIKey(s.hashKey, k.Key, keySecret),
			permissions, micros(k.CreatedAt), micros(k.UpdatedAt), micros(k.ExpiresAt))
		return known(err)
	})
	return keySecret, err
}

// UpdateSystemKey changes a key's name, permissions and expiry by f, and
// returns it as stored. Nothing changes if f returns an error.
func (s *Store) UpdateSystemKey(ctx context.Context, id string, f func(*SystemKey) error) (*SystemKey, error) {
	var k SystemKey
	err := s.in(ctx, func(tx *sql.Tx) (err error) {
		k, err = s.updateSystemKey(ctx, tx, id, f)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &k, nil
}

// RotateSystemKey does the same, and gives the key another secret, which cannot
// be had again. The secret before is good for nothing.
func (s *Store) RotateSystemKey(ctx context.Context, id string, f func(*SystemKey) error) (*SystemKey, string, error) {
	var k SystemKey
	_, keySecret := secret.NewAPIKey()
	err := s.in(ctx, func(tx *sql.Tx) (err error) {
		if k, err = s.updateSystemKey(ctx, tx, id, f); err != nil {
			return err
		}
		return one(tx.ExecContext(ctx, `update system_keys set hash = $2 where id = $1`, id, secret.HashAPIKey(s.hashKey, k.Key, keySecret)))
	})
	if err != nil {
		return nil, "", err
	}
	return &k, keySecret, nil
}

func (s *Store) updateSystemKey(ctx context.Context, tx *sql.Tx, id string, f func(*SystemKey) error) (SystemKey, error) {
	k, err := scanSystemKey(tx.QueryRowContext(ctx, systemKeyByID+s.dialect.forUpdate, id))
	if err != nil {
		return k, err
	}
	if err := f(&k); err != nil {
		return k, err
	}
	permissions, err := array(k.Permissions)
	if err != nil {
		return k, err
	}
	k.UpdatedAt = now()
	return k, one(tx.ExecContext(ctx, `update system_keys set name = $2, permissions = $3, expires_at = $4, updated_at = $5 where id = $1`,
		id, k.Name, permissions, micros(k.ExpiresAt), micros(k.UpdatedAt)))
}

// DeleteSystemKey revokes a key.
func (s *Store) DeleteSystemKey(ctx context.Context, id string) error {
	return one(s.write.ExecContext(ctx, `delete from system_keys where id = $1`, id))
}
