package rest

import (
	"bytes"
	"math"
	"math/bits"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"github.com/penstock-data/penstock/schema"
)

// A number is what a JSON number says: digits times 10 to the -scale.
type number struct {
	negative bool
	digits   []byte // without a point and without zeros in front
	scale    int    // never below 0
}

// longestNumber bounds how many digits an exponent may unfold to.
const longestNumber = 10_000

// parseNumber reads a JSON number. It reuses buf for the digits.
// What is no number, or one too long to be written out, is not ok.
func parseNumber(s, buf []byte) (n number, ok bool) {
	i := 0
	if i < len(s) && s[i] == '-' {
		n.negative = true
		i++
	}
	digits, seen, point := buf[:0], false, false
	for ; i < len(s); i++ {
		switch c := s[i]; {
		case '0' <= c && c <= '9':
			seen = true
			if point {
				n.scale++
			}
			if c != '0' || len(digits) > 0 {
				digits = append(digits, c)
			}
			continue
		case c == '.' && !point:
			point = true
			continue
		}
		break
	}
	if !seen {
		return n, false
	}
	if i < len(s) {
		if s[i] != 'e' && s[i] != 'E' {
			return n, false
		}
		e, err := strconv.Atoi(string(s[i+1:]))
		if err != nil || e > longestNumber || e < -longestNumber {
			return n, false
		}
		n.scale -= e
	}
	for ; n.scale < 0; n.scale++ {
		if len(digits) > 0 {
			digits = append(digits, '0')
		}
	}
	n.digits = digits
	return n, true
}

// typ returns the narrowest type that holds n, of integers INT or LONG.
func (n number) typ() schema.Type {
	if n.scale == 0 {
		switch v, ok := n.int64(); {
		case ok && int64(int32(v)) == v:
			return schema.Type{Kind: schema.Int}
		case ok:
			return schema.Type{Kind: schema.Long}
		}
	}
	before := max(len(n.digits)-n.scale, 0)
	return schema.DecimalOf(max(before+n.scale, 1), n.scale)
}

// trim drops zeros at the end of the fraction.
func (n number) trim() number {
	for n.scale > 0 && (len(n.digits) == 0 || n.digits[len(n.digits)-1] == '0') {
		if len(n.digits) > 0 {
			n.digits = n.digits[:len(n.digits)-1]
		}
		n.scale--
	}
	return n
}

// int64 returns n if it is a whole number of that size.
func (n number) int64() (int64, bool) {
	n = n.trim()
	if n.scale > 0 || len(n.digits) > 19 {
		return 0, false
	}
	var v uint64
	for _, c := range n.digits {
		v = v*10 + uint64(c-'0') // 19 digits stay below 2^64
	}
	switch {
	case n.negative && v <= 1<<63:
		return -int64(v), true
	case v <= math.MaxInt64:
		return int64(v), true
	}
	return 0, false
}

// decimal returns n as a decimal of type t, if it fits.
func (n number) decimal(t schema.Type) (decimal128.Num, bool) {
	n = n.trim()
	if n.scale > int(t.Scale) || len(n.digits)-n.scale > int(t.Precision-t.Scale) {
		return decimal128.Num{}, false
	}
	var hi, lo uint64
	step := func(d uint64) {
		h, l := bits.Mul64(lo, 10)
		lo, h = addCarry(l, d, h)
		hi = hi*10 + h
	}
	for _, c := range n.digits {
		step(uint64(c - '0'))
	}
	for range int(t.Scale) - n.scale {
		step(0)
	}
	v := decimal128.New(int64(hi), lo)
	if n.negative {
		v = v.Negate()
	}
	return v, true
}

func addCarry(a, b, high uint64) (sum, newHigh uint64) {
	sum, carry := bits.Add64(a, b, 0)
	return sum, high + carry
}

// append writes n in plain notation.
func (n number) append(dst []byte) []byte {
	if n.negative {
		dst = append(dst, '-')
	}
	whole := len(n.digits) - n.scale
	if whole <= 0 {
		dst = append(dst, '0')
	} else {
		dst = append(dst, n.digits[:whole]...)
	}
	if n.scale == 0 {
		return dst
	}
	dst = append(dst, '.')
	for ; whole < 0; whole++ {
		dst = append(dst, '0')
	}
	return append(dst, n.digits[whole:]...)
}

// float64 returns n as a double if that loses no digit of s, its text.
func (n number) float64(s []byte) (float64, bool) {
	v, ok := nearest(s)
	if !ok {
		return 0, false
	}
	n = n.trim()
	const smallestNormal = 0x1p-1022 // below, doubles have fewer digits
	if len(n.digits) <= 15 && (v == 0 || math.Abs(v) >= smallestNormal) {
		return v, true
	}
	var a, b [64]byte
	back, ok := parseNumber(strconv.AppendFloat(a[:0], v, 'e', -1, 64), b[:0])
	if !ok {
		return 0, false
	}
	back = back.trim()
	return v, back.scale == n.scale && string(back.digits) == string(n.digits)
}

// nearest returns the double that is nearest to a number. It is not ok if there
// is none: if it were infinite, or 0 although the number is not.
func nearest(s []byte) (v float64, ok bool) {
	if bytes.ContainsAny(s, "nNxX") { // as in Infinity, NaN and 0x10
		return 0, false
	}
	v, err := strconv.ParseFloat(string(s), 64)
	if err != nil {
		return 0, false
	}
	return v, v != 0 || isZero(s)
}

// isZero reports whether a number has no digit but zeros before its exponent.
func isZero(s []byte) bool {
	if i := bytes.IndexAny(s, "eE"); i >= 0 {
		s = s[:i]
	}
	return !bytes.ContainsAny(s, "123456789")
}
