package pipe

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"hash/maphash"
)

// hashSize is the length of a hash as text: base64 of 32 bytes.
const hashSize = 44

// A hasher makes hashes that cannot be traced back, or tried out, without the
// key: HMAC-SHA-256 in base64. It remembers the last values, which in sorted
// columns and in those of few values come again and again.
type hasher struct {
	mac   hash.Hash
	sum   [sha256.Size]byte
	slots maphash.Seed
	seen  [256]remembered
}

type remembered struct {
	set   bool
	size  uint8
	value [32]byte
	text  [hashSize]byte
}

func newHasher(key []byte) *hasher {
	return &hasher{mac: hmac.New(sha256.New, key), slots: maphash.MakeSeed()}
}

// append appends the hash of a value.
func (h *hasher) append(dst, value []byte) []byte {
	if len(value) > len(remembered{}.value) { // such are rarely repeated
		return base64.StdEncoding.AppendEncode(dst, h.hmac(value))
	}
	s := &h.seen[maphash.Bytes(h.slots, value)%uint64(len(h.seen))]
	if !s.set || string(s.value[:s.size]) != string(value) {
		base64.StdEncoding.Encode(s.text[:], h.hmac(value))
		s.set, s.size = true, uint8(copy(s.value[:], value))
	}
	return append(dst, s.text[:]...)
}

// hmac returns the bytes of a hash, which are good until the next call.
func (h *hasher) hmac(value []byte) []byte {
	h.mac.Reset()
	h.mac.Write(value)
	return h.mac.Sum(h.sum[:0])
}
