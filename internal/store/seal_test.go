package store

import (
	"errors"
	"testing"

	"github.com/penstock-data/penstock/internal/secret"
)

func TestSeal(t *testing.T) {
	a, err := Open(t.Context(), t.TempDir(), secret.Key{1})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	sealed := a.Seal("login", []byte("swordfish"))
	if plain, err := a.Unseal("login", sealed); err != nil || string(plain) != "swordfish" {
		t.Errorf("got %q, %v", plain, err)
	}
	for purpose, text := range map[string]string{"card": sealed, "login": sealed[:len(sealed)-2] + "AA", "": "", "login ": "not base64!"} {
		if _, err := a.Unseal(purpose, text); !errors.Is(err, secret.ErrKey) {
			t.Errorf("%q of %q: %v", text, purpose, err)
		}
	}
}
