package pipe

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/penstock-data/penstock/internal/schemaconfig"
	"github.com/penstock-data/penstock/schema"
)

// mask returns what is told of a column's values instead of them, as text.
// NULL stays NULL.
func mask(c arrow.Array, t schema.Type, m schemaconfig.Mask, key []byte) arrow.Array {
	text := texts(c, t)
	var put func(dst, value []byte) []byte
	size := hashSize
	switch m.How {
	case schemaconfig.MaskRedact:
		put = func(dst, _ []byte) []byte { return append(dst, redacted...) }
		size = len(redacted)
	case schemaconfig.MaskTruncate:
		put = func(dst, v []byte) []byte { return append(dst, first(v, m.Keep)...) }
		size = m.Keep
	case schemaconfig.MaskDomain:
		h := newHasher(key)
		put = func(dst, v []byte) []byte {
			dst = h.append(dst, v)
			if at := bytes.LastIndexByte(v, '@'); at >= 0 {
				dst = append(dst, v[at:]...)
			}
			return dst
		}
	default:
		put = newHasher(key).append
	}
	rows := c.Len()
	out := array.NewStringBuilder(memory.DefaultAllocator)
	defer out.Release()
	out.Reserve(rows)
	out.ReserveData(rows * min(size, 64))
	var value, masked []byte
	for r := range rows {
		if c.IsNull(r) {
			out.AppendNull()
			continue
		}
		value = text(value[:0], r)
		masked = put(masked[:0], value)
		out.BinaryBuilder.Append(masked)
	}
	return out.NewArray()
}

const redacted = "******"

// first returns the first n characters of s.
func first(s []byte, n int) []byte {
	end := 0
	for range n {
		if end == len(s) {
			break
		}
		_, size := utf8.DecodeRune(s[end:])
		end += size
	}
	return s[:end]
}

// hashSize is the length of a hash as text: base64 of 32 bytes.
const hashSize = 44

// A hasher makes hashes that cannot be traced back, or tried out, without the
// key: HMAC-SHA-256 in base64. It remembers the last values, which in sorted
// and in short columns come again and again.
type hasher struct {
	mac  hash.Hash
	sum  [sha256.Size]byte
	seen [recent]struct {
		value []byte
		text  [hashSize]byte
	}
}

const recent = 64 // a power of two

func newHasher(key []byte) *hasher { return &hasher{mac: hmac.New(sha256.New, key)} }

func (h *hasher) append(dst, value []byte) []byte {
	slot := uint32(2166136261) // FNV-1a
	for _, c := range value[max(0, len(value)-16):] {
		slot = (slot ^ uint32(c)) * 16777619
	}
	s := &h.seen[(slot^slot>>16)%recent]
	if s.value == nil || !bytes.Equal(s.value, value) {
		h.mac.Reset()
		h.mac.Write(value)
		base64.StdEncoding.Encode(s.text[:], h.mac.Sum(h.sum[:0]))
		if s.value = append(s.value[:0], value...); s.value == nil {
			s.value = []byte{}
		}
	}
	return append(dst, s.text[:]...)
}
