package secret

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestParseKey(t *testing.T) {
	k := NewKey()
	for name, text := range map[string]string{
		"hex":        hex.EncodeToString(k[:]),
		"base64":     base64.StdEncoding.EncodeToString(k[:]),
		"raw":        base64.RawStdEncoding.EncodeToString(k[:]),
		"for URLs":   base64.URLEncoding.EncodeToString(k[:]),
		"with lines": "\n" + base64.StdEncoding.EncodeToString(k[:]) + "\n",
	} {
		if got, err := ParseKey(text); err != nil || got != k {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, bad := range []string{"", "hunter2", hex.EncodeToString(k[:31]), strings.Repeat("x", 64)} {
		if _, err := ParseKey(bad); err == nil || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestKeysDoNotPrint(t *testing.T) {
	k := NewKey()
	out := fmt.Sprintf("%v %s %+v %#v %x", k, k, k, k, k)
	for _, plain := range []string{hex.EncodeToString(k[:4]), fmt.Sprint(k[:2])} {
		if strings.Contains(out, strings.Trim(plain, "[]")) {
			t.Errorf("a key prints as %s", out)
		}
	}
}

func TestMasterKey(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "data")
	file := filepath.Join(dir, "master.key")
	made, err := MasterKey("", file)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info.Mode(), err)
	}
	if again, err := MasterKey("", file); err != nil || again != made {
		t.Errorf("read again: %v", err)
	}
	other := NewKey()
	if given, err := MasterKey(hex.EncodeToString(other[:]), file); err != nil || given != other {
		t.Errorf("from the environment: %v", err)
	}
	if _, err := MasterKey("hunter2", file); err == nil || !strings.Contains(err.Error(), MasterKeyVariable) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("malformed in the environment: %v", err)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := MasterKey("", file); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("readable by all: %v", err)
	}
	if err := errors.Join(os.WriteFile(file, []byte("no key"), 0o600), os.Chmod(file, 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := MasterKey("", file); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("malformed file: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".key-*")); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

func TestMasterKeyIsMadeOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "master.key")
	keys := make([]Key, 16)
	var all sync.WaitGroup
	for i := range keys {
		all.Go(func() {
			var err error
			if keys[i], err = MasterKey("", file); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, k := range keys {
		if k != keys[0] {
			t.Fatal("two keys were made")
		}
	}
}

func TestBox(t *testing.T) {
	k := NewKey()
	b := NewBox(k)
	for _, plain := range []string{"", "x", strings.Repeat("long ", 1000)} {
		sealed := b.Seal([]byte(plain), "name")
		if got, err := b.Open(sealed, "name"); err != nil || string(got) != plain {
			t.Errorf("%d bytes: %v", len(plain), err)
		}
		if plain != "" && strings.Contains(string(sealed), plain) && len(plain) > 1 {
			t.Error("not encrypted")
		}
		if string(b.Seal([]byte(plain), "name")) == string(sealed) {
			t.Error("sealed twice with one nonce")
		}
		if _, err := b.Open(sealed, "another"); !errors.Is(err, ErrKey) {
			t.Errorf("under another name: %v", err)
		}
		if _, err := NewBox(NewKey()).Open(sealed, "name"); !errors.Is(err, ErrKey) {
			t.Errorf("with another key: %v", err)
		}
		for i := range sealed[:min(len(sealed), 64)] {
			changed := append([]byte(nil), sealed...)
			changed[i] ^= 1
			if _, err := b.Open(changed, "name"); !errors.Is(err, ErrKey) {
				t.Errorf("byte %d changed: %v", i, err)
			}
		}
		for _, n := range []int{0, 1, 12, len(sealed) - 1} {
			if _, err := b.Open(sealed[:n], "name"); !errors.Is(err, ErrKey) {
				t.Errorf("cut at %d: %v", n, err)
			}
		}
	}
}

func TestDerive(t *testing.T) {
	k := NewKey()
	a, b := k.Derive("a"), k.Derive("b")
	if a == b || a == k {
		t.Error("keys of different purposes are not different keys")
	}
	if again := k.Derive("a"); again != a {
		t.Error("the key of a purpose changes")
	}
}

func TestAPIKeys(t *testing.T) {
	hashKey := NewKey()
	key, sec := NewAPIKey()
	if len(key) != apiKeyLength || len(sec) != apiSecretLength || strings.ContainsAny(key+sec, ":+/= ") {
		t.Errorf("key %s, secret %s", key, sec)
	}
	hash := HashAPIKey(hashKey, key, sec)
	if !CheckAPIKey(hashKey, key, sec, hash) {
		t.Error("the right secret does not fit")
	}
	if CheckAPIKey(hashKey, key, sec+"x", hash) || CheckAPIKey(hashKey, key+sec[:1], sec[1:], hash) || CheckAPIKey(NewKey(), key, sec, hash) || CheckAPIKey(hashKey, key, sec, nil) {
		t.Error("a wrong one fits")
	}
	seen := map[string]bool{}
	for range 1000 {
		key, sec := NewAPIKey()
		if seen[key] || seen[sec] {
			t.Fatal("made twice")
		}
		seen[key], seen[sec] = true, true
	}
}
