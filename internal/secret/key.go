// Package secret keeps secrets: it encrypts what is stored, makes the master
// key under which everything rests, and makes and checks API keys.
//
// The master key encrypts nothing but the data key, which lies sealed in the
// database beside what it seals. Changing the master key therefore means
// sealing one value anew.
package secret

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A Key is 256 secret bits. It prints as stars.
type Key [32]byte

// NewKey returns a random key.
func NewKey() (k Key) {
	rand.Read(k[:])
	return k
}

func (k Key) String() string { return "******" }

// GoString keeps %#v from printing the key.
func (k Key) GoString() string { return "secret.Key(******)" }

// Derive returns the key that belongs to k for one purpose. Keys of different
// purposes tell nothing about each other or about k.
func (k Key) Derive(purpose string) (d Key) {
	b, err := hkdf.Key(sha256.New, k[:], nil, "penstock "+purpose, len(d))
	if err != nil {
		panic(err) // only for impossible lengths
	}
	copy(d[:], b)
	return d
}

// ParseKey reads a key written as 64 hexadecimal digits or as base64 of 32
// bytes. Errors do not repeat the text.
func ParseKey(text string) (k Key, err error) {
	text = strings.TrimSpace(text)
	for _, decode := range []func(string) ([]byte, error){
		hex.DecodeString,
		base64.StdEncoding.DecodeString,
		base64.RawStdEncoding.DecodeString,
		base64.URLEncoding.DecodeString,
		base64.RawURLEncoding.DecodeString,
	} {
		if b, err := decode(text); err == nil && len(b) == len(k) {
			copy(k[:], b)
			return k, nil
		}
	}
	return k, errors.New("a key is 32 bytes, written as 64 hexadecimal digits or in base64")
}

// MasterKeyVariable is the environment variable that holds the master key
// where it shall not lie in a file.
const MasterKeyVariable = "PENSTOCK_MASTER_KEY"

// MasterKey returns the master key: the one written in env, the value of
// [MasterKeyVariable], or, if that is empty, the one in file, which is made
// with mode 0600 if there is none.
func MasterKey(env, file string) (Key, error) {
	if env != "" {
		k, err := ParseKey(env)
		if err != nil {
			return k, fmt.Errorf("%s: %w", MasterKeyVariable, err)
		}
		return k, nil
	}
	k, err := readKey(file)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	if err := writeKey(file, NewKey()); err != nil && !errors.Is(err, fs.ErrExist) {
		return k, err
	}
	return readKey(file)
}

func readKey(file string) (Key, error) {
	info, err := os.Stat(file)
	if err != nil {
		return Key{}, err
	}
	if mode := info.Mode().Perm(); filepath.Separator == '/' && mode&0o077 != 0 {
		return Key{}, fmt.Errorf("%s can be read by others (mode %04o): chmod 600 it", file, mode)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return Key{}, err
	}
	k, err := ParseKey(string(b))
	if err != nil {
		return k, fmt.Errorf("%s: %w", file, err)
	}
	return k, nil
}

// writeKey makes file whole or not at all: a crash must not leave half a key,
// and of two who make it at once one gets fs.ErrExist.
func writeKey(file string, k Key) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), ".key-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.WriteString(base64.StdEncoding.EncodeToString(k[:]) + "\n")
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	return os.Link(tmp.Name(), file)
}
