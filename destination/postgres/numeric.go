package postgres

import (
	"encoding/binary"
	"strings"

	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

// A numeric in binary form is four 16-bit integers (how many digits of base
// 10,000 follow; the power of 10,000 of the first; the sign; how many decimal
// digits there are after the point) and the digits, the most significant first.
const (
	positive    = 0x0000
	negative    = 0x4000
	notANumber  = 0xC000
	plusInf     = 0xD000
	minusInf    = 0xF000
	maxScale    = 16383  // decimal digits after the point,
	maxIntegral = 131072 // and before it
)

var powers = [...]uint64{1, 10, 100, 1000, 10_000}

// appendDecimal appends a numeric field for v / 10^scale.
func appendDecimal(dst []byte, v decimal128.Num, scale int) []byte {
	low, high := v.LowBits(), v.HighBits()
	sign := uint16(positive)
	switch {
	case high == 0 && low>>63 == 0:
	case high == -1 && low>>63 == 1:
		sign, low = negative, -low
	default: // beyond 64 bits
		dst, _ = appendNumber(dst, v.ToString(int32(scale)))
		return dst
	}
	// The digits before the point and those after it are split into groups
	// of four on either side.
	var groups [12]uint16
	n := len(groups)
	after := (scale + 3) / 4
	if scale > 16 { // the shift below could overflow
		dst, _ = appendNumber(dst, v.ToString(int32(scale)))
		return dst
	}
	whole, part := low, uint64(0)
	if scale > 0 {
		unit := uint64(1)
		for range scale {
			unit *= 10
		}
		whole, part = low/unit, low%unit*powers[after*4-scale]
	}
	for range after {
		n--
		groups[n] = uint16(part % 10_000)
		part /= 10_000
	}
	before := 0
	for ; whole > 0; before++ {
		n--
		groups[n] = uint16(whole % 10_000)
		whole /= 10_000
	}
	return appendGroups(dst, groups[n:], before-1, sign, scale)
}

func appendGroups(dst []byte, groups []uint16, weight int, sign uint16, scale int) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(8+2*len(groups)))
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(groups)))
	dst = binary.BigEndian.AppendUint16(dst, uint16(int16(weight)))
	dst = binary.BigEndian.AppendUint16(dst, sign)
	dst = binary.BigEndian.AppendUint16(dst, uint16(scale))
	for _, g := range groups {
		dst = binary.BigEndian.AppendUint16(dst, g)
	}
	return dst
}

// appendNumber appends a numeric field for a number in plain decimal notation,
// or reports that it is none, or none that a numeric can hold.
func appendNumber(dst []byte, s string) ([]byte, bool) {
	switch s {
	case "NaN":
		return appendGroups(dst, nil, 0, notANumber, 0), true
	case "Infinity":
		return appendGroups(dst, nil, 0, plusInf, 0), true
	case "-Infinity":
		return appendGroups(dst, nil, 0, minusInf, 0), true
	}
	sign := uint16(positive)
	if rest, ok := strings.CutPrefix(s, "-"); ok {
		s, sign = rest, negative
	}
	whole, part, _ := strings.Cut(s, ".")
	if whole+part == "" || len(whole) > maxIntegral || len(part) > maxScale || !digits(whole) || !digits(part) {
		return dst, false
	}
	whole = strings.TrimLeft(whole, "0")
	groups := make([]uint16, 0, len(whole)/4+len(part)/4+2)
	for rest := whole; rest != ""; {
		n := (len(rest)-1)%4 + 1
		groups = append(groups, group(rest[:n]))
		rest = rest[n:]
	}
	before := len(groups)
	for rest := part; rest != ""; {
		n := min(4, len(rest))
		groups = append(groups, group(rest[:n])*uint16(powers[4-n]))
		rest = rest[n:]
	}
	return appendGroups(dst, groups, before-1, sign, len(part)), true
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

func group(s string) (g uint16) {
	for i := range len(s) {
		g = g*10 + uint16(s[i]-'0')
	}
	return g
}
