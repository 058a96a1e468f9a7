package store

import (
	"context"
	"time"

	"github.com/penstock-data/penstock/internal/secret"
)

// An APIKey lets its user use the API. Of its secret only a keyed hash is
// stored.
type APIKey struct {
	ID        string // the public half
	UserID    string
	CreatedAt time.Time
}

// CreateAPIKey makes a key for a user and returns both halves. The secret
// cannot be had again.
func (s *Store) CreateAPIKey(ctx context.Context, userID string) (key, keySecret string, err error) {
	key, keySecret = secret.NewAPIKey()
	return key, keySecret, s.PutAPIKey(ctx, userID, key, keySecret)
}

// PutAPIKey gives a user a key of the caller's choice. A key that is there
// gets the new user and secret.
func (s *Store) PutAPIKey(ctx context.Context, userID, key, keySecret string) error {
	_, err := s.write.ExecContext(ctx, `insert into api_keys (id, user_id, hash, created_at) values ($1, $2, $3, $4)
		on conflict (id) do update set user_id = excluded.user_id, hash = excluded.hash`,
		key, userID, secret.HashAPIKey(s.hashKey, key, keySecret), now().UnixMicro())
	return known(err)
}

func scanAPIKey(row scanner) (k APIKey, err error) {
	err = row.Scan(&k.ID, &k.UserID, stamp{&k.CreatedAt})
	return k, known(err)
}

// APIKey returns a user's key.
func (s *Store) APIKey(ctx context.Context, key string) (*APIKey, error) {
	k, err := scanAPIKey(s.row(ctx, `select id, user_id, created_at from api_keys where id = $1`, key))
	if err != nil {
		return nil, err
	}
	return &k, nil
}

// APIKeys returns a user's keys, the oldest first.
func (s *Store) APIKeys(ctx context.Context, userID string) ([]APIKey, error) {
	return collect(scanAPIKey)(s.ask(ctx, `select id, user_id, created_at from api_keys where user_id = $1 order by created_at, id`, userID))
}

// DeleteAPIKey revokes a key.
func (s *Store) DeleteAPIKey(ctx context.Context, key string) error {
	return one(s.write.ExecContext(ctx, `delete from api_keys where id = $1`, key))
}
