package store

import (
	"context"
	"time"
)

// An Account owns everything else. A server has one, made at its first start.
type Account struct {
	ID        string
	Name      string
	CreatedAt time.Time
}

// Accounts returns all accounts, the oldest first.
func (s *Store) Accounts(ctx context.Context) ([]Account, error) {
	return collect(scanAccount)(s.ask(ctx, `select id, name, created_at from accounts order by created_at, id`))
}

func scanAccount(row scanner) (a Account, err error) {
	err = row.Scan(&a.ID, &a.Name, stamp{&a.CreatedAt})
	return a, known(err)
}

// Account returns an account.
func (s *Store) Account(ctx context.Context, id string) (*Account, error) {
	a, err := scanAccount(s.row(ctx, `select id, name, created_at from accounts where id = $1`, id))
	if err != nil {
		return nil, err
	}
	return &a, nil
}

// CreateAccount adds an account; an empty ID and CreatedAt are filled in.
func (s *Store) CreateAccount(ctx context.Context, a *Account) error {
	created(&a.CreatedAt)
	return withID(ctx, s, "accounts", &a.ID, func() error {
		_, err := s.write.ExecContext(ctx, `insert into accounts (id, name, created_at) values ($1, $2, $3)`,
			a.ID, a.Name, micros(a.CreatedAt))
		return known(err)
	})
}

// UpdateAccount changes an account's name.
func (s *Store) UpdateAccount(ctx context.Context, a *Account) error {
	return one(s.write.ExecContext(ctx, `update accounts set name = $2 where id = $1`, a.ID, a.Name))
}

// created fills in a time of creation.
func created(t *time.Time) {
	if t.IsZero() {
		*t = now()
	}
}
