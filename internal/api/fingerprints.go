package api

import (
	"encoding/base64"
	"strings"

	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/store"
)

// fingerprint is the host key of an SSH server.
var fingerprint = approvable{kind: store.Fingerprints, name: "Fingerprint", read: readFingerprint, wire: wireFingerprint}

// readFingerprint takes any texts, as clients' own tests send them: only by the
// hash of its key is a server believed. But a key is not approved under the
// hash of another.
func readFingerprint(req *fivetran.Approve) (store.Approval, error) {
	if req.PublicKey == "" {
		return store.Approval{}, fieldRequired("public_key")
	}
	hash := canonicalHash(req.Hash)
	if key := keyOf(req.PublicKey); key != nil && hashOf(key) != hash {
		return store.Approval{}, invalidInput("Field 'hash' is not the SHA-256 hash of 'public_key'")
	}
	return store.Approval{Hash: hash, Data: []byte(req.PublicKey)}, nil
}

// keyOf returns the wire form of a public key that is written as in
// authorized_keys, nil if it is not (RFC 4253, section 6.6: it begins with its
// kind, and the kind with its length).
func keyOf(line string) []byte {
	fields := strings.Fields(line)
	if len(fields) < 2 {
		return nil
	}
	key, err := base64.StdEncoding.DecodeString(fields[1])
	if err != nil || len(key) < 4 || !strings.HasPrefix(string(key[4:]), fields[0]) {
		return nil
	}
	return key
}

func wireFingerprint(a *store.Approval, by string) (any, error) {
	return fivetran.Fingerprint{
		ID: hashID(a.Hash), Hash: a.Hash, PublicKey: string(a.Data), ValidatedDate: a.ValidatedAt, ValidatedBy: by,
	}, nil
}
