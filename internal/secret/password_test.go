package secret

import (
	"errors"
	"strings"
	"testing"
)

func TestPasswords(t *testing.T) {
	hash := HashPassword("correct horse")
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") || hash == HashPassword("correct horse") {
		t.Errorf("hash %s", hash)
	}
	if err := CheckPassword("correct horse", hash); err != nil {
		t.Error(err)
	}
	// One that the reference implementation made (its README, 2026-11).
	const known = "$argon2id$v=19$m=65536,t=2,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b5dWRWJTmaaJObG"
	for _, tt := range [][2]string{{"", hash}, {"Correct horse", hash}, {"correct horse ", hash}, {"", ""}, {"x", ""}, {"x", known}} {
		if err := CheckPassword(tt[0], tt[1]); !errors.Is(err, ErrWrongPassword) {
			t.Errorf("%q: %v", tt, err)
		}
	}
	for _, malformed := range []string{"x", "$argon2i$v=19$m=1,t=1,p=1$AA$AA", "$argon2id$v=19$m=a,t=1,p=1$AA$AA", "$argon2id$v=19$m=8,t=1,p=1$!$AA"} {
		if err := CheckPassword("x", malformed); err == nil || errors.Is(err, ErrWrongPassword) {
			t.Errorf("%s: %v", malformed, err)
		}
	}
}
