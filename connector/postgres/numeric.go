package postgres

import (
	"encoding/binary"
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

// The binary form of numeric (src/backend/utils/adt/numeric.c, numeric_send):
// the number of digits to base 10000, the exponent of the first of them, the
// sign, the number of decimal digits after the point, and the digits. Groups
// of zeros at either end are left out.
const (
	numericNegative = 0x4000
	numericNaN      = 0xC000
	numericInfinity = 0xD000
	numericMinusInf = 0xF000
)

var pow10 = [20]uint64{
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9,
	1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
}

// decodeNumeric fills a decimal128. A value that its precision and scale do
// not hold, which is NaN or comes from a foreign table, turns the vector into
// one of text.
func decodeNumeric(v *vector, row int, b []byte) error {
	if len(b) < 8 || len(b) != 8+2*int(binary.BigEndian.Uint16(b)) {
		return errWidth
	}
	n, ok := numeric128(b, int(v.typ.Precision), int(v.typ.Scale))
	if !ok {
		v.unusual("decimal_widened", func() string { return string(appendNumeric(nil, b)) })
		v.widen(row, decodeNumericText)
		return decodeNumericText(v, row, b)
	}
	v.dec[row] = n
	return nil
}

func decodeNumericText(v *vector, row int, b []byte) error {
	if len(b) < 8 || len(b) != 8+2*int(binary.BigEndian.Uint16(b)) {
		return errWidth
	}
	v.data = appendNumeric(v.data, b)
	v.i32[row+1] = int32(len(v.data))
	return nil
}

// decodeMoney takes the integer as it is: the scale is the column's.
func decodeMoney(v *vector, row int, b []byte) error {
	if len(b) != 8 {
		return errWidth
	}
	v.dec[row] = decimal128.FromI64(int64(binary.BigEndian.Uint64(b)))
	return nil
}

// numeric128 returns the value times 10^scale, or false if it has more than
// precision digits in all or more than scale after the point.
func numeric128(b []byte, precision, scale int) (decimal128.Num, bool) {
	groups := int(binary.BigEndian.Uint16(b))
	weight := int(int16(binary.BigEndian.Uint16(b[2:])))
	sign := binary.BigEndian.Uint16(b[4:])
	if sign != 0 && sign != numericNegative {
		return decimal128.Num{}, false
	}
	if groups == 0 {
		return decimal128.Num{}, true
	}
	b = b[8:]
	first := uint64(binary.BigEndian.Uint16(b))
	if 4*weight+digits(first) > precision-scale {
		return decimal128.Num{}, false
	}
	// The last group counts units of 10^(-4*(groups-weight-1)). Digits of it
	// beyond the scale must be zeros; without them all fits into 128 bits.
	shift := 4*(weight-groups+1) + scale
	last := uint64(binary.BigEndian.Uint16(b[2*groups-2:]))
	width := 4
	if shift < 0 {
		if shift <= -4 || last%pow10[-shift] != 0 {
			return decimal128.Num{}, false
		}
		last /= pow10[-shift]
		width, shift = 4+shift, 0
	}
	var hi, lo uint64
	if precision <= 18 {
		for i := 0; i < groups-1; i++ {
			lo = lo*10000 + uint64(binary.BigEndian.Uint16(b[2*i:]))
		}
		lo = (lo*pow10[width] + last) * pow10[shift]
	} else {
		for i := 0; i < groups-1; i++ {
			hi, lo = mulAdd(hi, lo, 10000, uint64(binary.BigEndian.Uint16(b[2*i:])))
		}
		hi, lo = mulAdd(hi, lo, pow10[width], last)
		for ; shift > 19; shift -= 19 {
			hi, lo = mulAdd(hi, lo, pow10[19], 0)
		}
		hi, lo = mulAdd(hi, lo, pow10[shift], 0)
	}
	n := decimal128.New(int64(hi), lo)
	if sign == numericNegative {
		n = n.Negate()
	}
	return n, true
}

// digits returns the number of decimal digits of a group.
func digits(group uint64) int {
	switch {
	case group >= 1000:
		return 4
	case group >= 100:
		return 3
	case group >= 10:
		return 2
	}
	return 1
}

func mulAdd(hi, lo, factor, plus uint64) (uint64, uint64) {
	over, low := bits.Mul64(lo, factor)
	low, carry := bits.Add64(low, plus, 0)
	return hi*factor + over + carry, low
}

// appendNumeric appends the text that PostgreSQL itself gives for the value.
func appendNumeric(dst, b []byte) []byte {
	groups := int(binary.BigEndian.Uint16(b))
	weight := int(int16(binary.BigEndian.Uint16(b[2:])))
	after := int(binary.BigEndian.Uint16(b[6:]))
	switch binary.BigEndian.Uint16(b[4:]) {
	case numericNaN:
		return append(dst, "NaN"...)
	case numericInfinity:
		return append(dst, "Infinity"...)
	case numericMinusInf:
		return append(dst, "-Infinity"...)
	case numericNegative:
		dst = append(dst, '-')
	}
	b = b[8:]
	group := func(i int) uint16 { // of 10000^(weight-i)
		if i < 0 || i >= groups {
			return 0
		}
		return binary.BigEndian.Uint16(b[2*i:])
	}
	start := len(dst)
	for i := 0; i <= weight; i++ {
		g := group(i)
		dst = append(dst, '0'+byte(g/1000), '0'+byte(g/100%10), '0'+byte(g/10%10), '0'+byte(g%10))
	}
	// The first group was written with its leading zeros.
	zeros := 0
	for start+zeros < len(dst)-1 && dst[start+zeros] == '0' {
		zeros++
	}
	dst = append(dst[:start], dst[start+zeros:]...)
	if len(dst) == start {
		dst = append(dst, '0')
	}
	if after == 0 {
		return dst
	}
	dst = append(dst, '.')
	point := len(dst)
	for i := weight + 1; len(dst)-point < after; i++ {
		g := group(i)
		dst = append(dst, '0'+byte(g/1000), '0'+byte(g/100%10), '0'+byte(g/10%10), '0'+byte(g%10))
	}
	return dst[:point+after]
}
