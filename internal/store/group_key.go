package store

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
)

// GroupKey returns the SSH key by which a group's connections log in to
// tunnels. It belongs to the group's id and to this database for good.
func (s *Store) GroupKey(groupID string) ed25519.PrivateKey {
	seed := s.hashKey.Derive("SSH key of group " + groupID)
	return ed25519.NewKeyFromSeed(seed[:])
}

// GroupPublicKey returns the public half of [Store.GroupKey] as a line of an
// authorized_keys file (RFC 8709).
func (s *Store) GroupPublicKey(groupID string) string {
	const kind = "ssh-ed25519"
	var b []byte
	for _, part := range [][]byte{[]byte(kind), s.GroupKey(groupID).Public().(ed25519.PublicKey)} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(part)))
		b = append(b, part...)
	}
	return kind + " " + base64.StdEncoding.EncodeToString(b) + " penstock group " + groupID
}
