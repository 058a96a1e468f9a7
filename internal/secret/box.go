package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
)

// ErrKey says that a sealed value was not sealed with this key, or not under
// this name, or was changed since.
var ErrKey = errors.New("the key does not fit")

// sealedVersion is the first byte of a sealed value: AES-256-GCM with a
// random nonce of 12 bytes, which follows.
const sealedVersion = 1

// A Box seals values with one key. It is safe for concurrent use.
type Box struct{ aead cipher.AEAD }

// NewBox returns the box that k locks.
func NewBox(k Key) *Box {
	block, err := aes.NewCipher(k[:])
	if err != nil {
		panic(err) // only for impossible key sizes
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return &Box{aead}
}

// Seal encrypts plain. It can be opened under the same name only, so that a
// sealed value cannot be passed off as another's.
func (b *Box) Seal(plain []byte, name string) []byte {
	out := make([]byte, 1, 1+len(plain)+b.aead.Overhead())
	out[0] = sealedVersion
	return b.aead.Seal(out, nil, plain, []byte(name))
}

// Open returns what was sealed under name, or [ErrKey].
func (b *Box) Open(sealed []byte, name string) ([]byte, error) {
	if len(sealed) == 0 || sealed[0] != sealedVersion {
		return nil, ErrKey
	}
	plain, err := b.aead.Open(nil, nil, sealed[1:], []byte(name))
	if err != nil {
		return nil, ErrKey
	}
	return plain, nil
}

// text returns n random letters and digits, of 62 kinds.
func text(n int) string {
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	out := make([]byte, 0, n)
	var buf [64]byte
	for len(out) < n {
		rand.Read(buf[:])
		for _, b := range buf {
			if b &= 63; int(b) < len(alphabet) && len(out) < n { // no bias: the rest is thrown away
				out = append(out, alphabet[b])
			}
		}
	}
	return string(out)
}
