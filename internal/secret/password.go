package secret

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// What a password's hash costs: 19 MiB and two passes, the least that OWASP's
// "Password Storage" names for Argon2id (2026-10).
const (
	argonMemory = 19 << 10 // KiB
	argonTime   = 2
	argonLanes  = 1
	argonSalt   = 16
	argonHash   = 32
)

// ErrWrongPassword says that a password is not the one of a hash.
var ErrWrongPassword = errors.New("the password is wrong")

// HashPassword returns what is stored of a password: an Argon2id hash with its
// salt and cost, in the form that its reference implementation prints.
func HashPassword(password string) string {
	salt := make([]byte, argonSalt)
	rand.Read(salt)
	hash := argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonLanes, argonHash)
	enc := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonLanes, enc(salt), enc(hash))
}

// CheckPassword returns ErrWrongPassword unless hash is that of a password.
// With an empty hash, that of somebody who has no password or does not exist,
// it takes as long.
func CheckPassword(password, hash string) error {
	known := hash != ""
	if !known {
		hash = absent
	}
	var version int
	var memory, time uint32
	var lanes uint8
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return errors.New("a stored password is in a form that is not known")
	}
	if _, err := fmt.Sscanf(parts[2]+" "+parts[3], "v=%d m=%d,t=%d,p=%d", &version, &memory, &time, &lanes); err != nil {
		return fmt.Errorf("a stored password: %w", err)
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return fmt.Errorf("a stored password: %w", err)
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil {
		return fmt.Errorf("a stored password: %w", err)
	}
	got := argon2.IDKey([]byte(password), salt, time, memory, lanes, uint32(len(want)))
	if subtle.ConstantTimeCompare(got, want) != 1 || !known {
		return ErrWrongPassword
	}
	return nil
}

// absent is the hash of a password that nobody has.
var absent = fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonLanes,
	base64.RawStdEncoding.EncodeToString(make([]byte, argonSalt)), base64.RawStdEncoding.EncodeToString(make([]byte, argonHash)))
