package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/penstock-data/penstock/internal/secret"
)

// ErrMasterKey says that the database is encrypted under another master key.
var ErrMasterKey = errors.New("the master key is not the one that this database is encrypted under: " +
	"give the key file or " + secret.MasterKeyVariable + " that it was made with")

// dataKey is the row of secrets that holds the key of everything else,
// sealed with the master key.
const dataKey = "data key"

// unlockSecrets reads the data key, which the first process to open the
// database has made.
func (s *Store) unlockSecrets(ctx context.Context, master secret.Key) error {
	seal := secret.NewBox(master.Derive("master"))
	sealed, err := s.dataKey(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		fresh := secret.NewKey()
		_, err = s.write.ExecContext(ctx, `insert into secrets (name, sealed, created_at) values ($1, $2, $3) on conflict do nothing`,
			dataKey, seal.Seal(fresh[:], dataKey), now().UnixMicro())
		if err != nil {
			return err
		}
		sealed, err = s.dataKey(ctx) // another process may have been faster
	}
	if err != nil {
		return err
	}
	plain, err := seal.Open(sealed, dataKey)
	if err != nil {
		return ErrMasterKey
	}
	key := secret.Key(plain)
	s.box = secret.NewBox(key.Derive("configs"))
	s.hashKey = key.Derive("API keys")
	s.columnKey = key.Derive("hashed columns")
	return nil
}

// ColumnKey returns the key under which an account's hashed columns are
// hashed. It stays the same as long as the database does.
func (s *Store) ColumnKey(accountID string) secret.Key { return s.columnKey.Derive(accountID) }

func (s *Store) dataKey(ctx context.Context) (sealed []byte, err error) {
	err = s.write.QueryRowContext(ctx, `select sealed from secrets where name = $1`, dataKey).Scan(&sealed)
	return sealed, err
}
