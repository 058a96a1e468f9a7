package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"github.com/penstock-data/penstock/internal/access"
)

// A PrivateLink is a way into another network, through a cloud.
type PrivateLink struct {
	ID        string
	AccountID string
	Name      string
	Region    string
	Service   string          // SOURCE_AWS, …
	Config    json.RawMessage // without secrets
	CreatedBy string          // a user's or a system key's id
	CreatedAt time.Time
	UpdatedAt time.Time // of the last change; CreatedAt: none
}

var privateLinkColumns = columns{"id", "account_id", "name", "region", "service", "config", "created_by", "created_at", "updated_at"}

func scanPrivateLink(row scanner) (l PrivateLink, err error) {
	err = row.Scan(&l.ID, &l.AccountID, &l.Name, &l.Region, &l.Service, document{&l.Config}, &l.CreatedBy, stamp{&l.CreatedAt}, stamp{&l.UpdatedAt})
	return l, known(err)
}

var (
	privateLinkByID  = `select ` + privateLinkColumns.list() + ` from private_links where id = $1`
	privateLinksPage = `select ` + privateLinkColumns.list() + ` from private_links where account_id = $1 and ` + scoped("''", "id", 2) + `
		and (created_at, id) > ($5, $6) order by created_at, id limit $7`
)

// PrivateLinkIn returns a private link of an account.
func (s *Store) PrivateLinkIn(ctx context.Context, accountID, id string) (*PrivateLink, error) {
	l, err := scanPrivateLink(s.row(ctx, privateLinkByID+` and account_id = $2`, id, accountID))
	if err != nil {
		return nil, err
	}
	return &l, nil
}

// PrivateLinks returns a page of an account's private links, of those that
// scope shows, and the cursor of the next.
func (s *Store) PrivateLinks(ctx context.Context, accountID string, scope access.Scope, page Page) ([]PrivateLink, string, error) {
	return readPage(ctx, s, page, privateLinksPage, append([]any{accountID}, scopeArgs(scope)...), scanPrivateLink,
		func(l *PrivateLink) (time.Time, string) { return l.CreatedAt, l.ID })
}

// CreatePrivateLink adds a private link. An empty ID and the times are filled
// in.
func (s *Store) CreatePrivateLink(ctx context.Context, l *PrivateLink) error {
	created(&l.CreatedAt)
	l.UpdatedAt = l.CreatedAt
	return withID(ctx, s, "private_links", &l.ID, func() error {
		_, err := s.write.ExecContext(ctx, privateLinkColumns.insert("private_links"), l.ID, l.AccountID, l.Name, l.Region, l.Service,
			string(l.Config), l.CreatedBy, micros(l.CreatedAt), micros(l.UpdatedAt))
		return known(err)
	})
}

// UpdatePrivateLink changes a private link's config by f at a time, and returns
// the link as stored. Nothing changes if f returns an error.
func (s *Store) UpdatePrivateLink(ctx context.Context, id string, at time.Time, f func(*PrivateLink) error) (*PrivateLink, error) {
	var l PrivateLink
	err := s.in(ctx, func(tx *sql.Tx) (err error) {
		if l, err = scanPrivateLink(tx.QueryRowContext(ctx, privateLinkByID+s.dialect.forUpdate, id)); err != nil {
			return err
		}
		if err := f(&l); err != nil {
			return err
		}
		l.UpdatedAt = at.UTC().Truncate(time.Microsecond)
		return one(tx.ExecContext(ctx, `update private_links set config = $2, updated_at = $3 where id = $1`, id, string(l.Config), micros(l.UpdatedAt)))
	})
	if err != nil {
		return nil, err
	}
	return &l, nil
}

// DeletePrivateLink removes a private link. It is ErrInUse while connections
// or destinations go through it.
func (s *Store) DeletePrivateLink(ctx context.Context, id string) error {
	return s.deleteUnused(ctx, ByPrivateLink, "private_links", id)
}
