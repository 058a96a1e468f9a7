package store

import (
	"encoding/base64"

	"github.com/penstock-data/penstock/internal/secret"
)

// Seal encrypts what somebody else keeps for this program, such as what a
// browser brings back from a login elsewhere: text for an address, which only
// Unseal for the same purpose reads.
func (s *Store) Seal(purpose string, plain []byte) string {
	return base64.RawURLEncoding.EncodeToString(s.sealBox().Seal(plain, purpose))
}

// Unseal is the inverse of Seal. What was not sealed for the purpose, or was
// changed since, is [secret.ErrKey].
func (s *Store) Unseal(purpose, sealed string) ([]byte, error) {
	b, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return nil, secret.ErrKey
	}
	return s.sealBox().Open(b, purpose)
}

func (s *Store) sealBox() *secret.Box { return secret.NewBox(s.hashKey.Derive("what others keep")) }
