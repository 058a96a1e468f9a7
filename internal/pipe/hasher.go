package pipe

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"hash/maphash"
	"sync"
)

// hashSize is the length of a hash as text: base64 of 32 bytes.
const hashSize = 44

// A hasher makes hashes that cannot be traced back, or tried out, without the
// key: HMAC-SHA-256 in base64. It remembers the last values, which in sorted
// columns and in those of few values come again and again, unless the first
// ones show that they do not.
type hasher struct {
	mac   hash.Hash
	sum   [sha256.Size]byte
	slots maphash.Seed
	seen  [1024]remembered
	tries int // look-ups among those, up to trial
	hits  int
}

// trial is how many values show whether it pays to remember them.
const trial = 4096

type remembered struct {
	set   bool
	size  uint8
	value [48]byte
	text  [hashSize]byte
}

// hashers returns a pool of hashers, so that what one remembers serves the
// next batch of a column.
func hashers(key []byte) *sync.Pool {
	return &sync.Pool{New: func() any { return newHasher(key) }}
}

func newHasher(key []byte) *hasher {
	return &hasher{mac: hmac.New(sha256.New, key), slots: maphash.MakeSeed()}
}

// append appends the hash of a value.
func (h *hasher) append(dst, value []byte) []byte {
	rare := h.tries == trial && h.hits < trial/8
	if rare || len(value) > len(remembered{}.value) {
		return base64.StdEncoding.AppendEncode(dst, h.hmac(value))
	}
	s := &h.seen[maphash.Bytes(h.slots, value)%uint64(len(h.seen))]
	if h.tries < trial {
		h.tries++
		if s.set && string(s.value[:s.size]) == string(value) {
			h.hits++
		}
	}
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
