package secret

import (
	"crypto/hmac"
	"crypto/sha256"
)

// Lengths of the two halves of an API key, in characters of about six bits.
const (
	apiKeyLength    = 16
	apiSecretLength = 32
)

// NewAPIKey makes an API key: its public half, which names it, and its
// secret, which is shown once and kept by nobody.
func NewAPIKey() (key, secret string) { return text(apiKeyLength), text(apiSecretLength) }

// HashAPIKey returns what is stored of an API key: a hash that says nothing
// without hashKey. The secret has 190 random bits, so one fast round is
// enough; it runs on every request.
func HashAPIKey(hashKey Key, key, secret string) []byte {
	h := hmac.New(sha256.New, hashKey[:])
	h.Write([]byte(key))
	h.Write([]byte{0})
	h.Write([]byte(secret))
	return h.Sum(nil)
}

// CheckAPIKey reports whether hash is that of key and secret, in a time that
// does not depend on how much of it is right.
func CheckAPIKey(hashKey Key, key, secret string, hash []byte) bool {
	return hmac.Equal(HashAPIKey(hashKey, key, secret), hash)
}
