package simulator

import (
	"bytes"
	"cmp"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/penstock-data/penstock/connector/simulate"
)

type kind uint8

const (
	null kind = iota
	text
	boolean
	integer
	decimal
	date
	datetime
	clock // a time of day
	id
)

// A value is what a field of a row holds. The zero value is null.
type value struct {
	kind  kind
	scale uint8 // of a decimal

	// A text, in which a NUL byte stands for num. Of an id: its first three
	// characters.
	text string

	// The unscaled number; 1 for true; days or milliseconds since 1970 or
	// midnight; the number of an id's row.
	num int64
}

func textOf(s string) value {
	if s == "" {
		return value{}
	}
	return value{kind: text, text: s}
}

func boolOf(b bool) value {
	if b {
		return value{kind: boolean, num: 1}
	}
	return value{kind: boolean}
}

func timeOf(ms int64) value { return value{kind: datetime, num: ms} }

// append writes a value as text, in Bulk's format of times if bulk is set.
// A text's quotes are not escaped.
func (v value) append(dst []byte, bulk bool) []byte {
	switch v.kind {
	case text:
		if i := strings.IndexByte(v.text, 0); i >= 0 {
			dst = append(dst, v.text[:i]...)
			dst = strconv.AppendInt(dst, v.num, 10)
			return append(dst, v.text[i+1:]...)
		}
		return append(dst, v.text...)
	case boolean:
		return strconv.AppendBool(dst, v.num != 0)
	case integer:
		return strconv.AppendInt(dst, v.num, 10)
	case decimal:
		return appendDecimal(dst, v.num, int(v.scale))
	case date:
		return appendDate(dst, v.num)
	case datetime:
		dst = appendDate(dst, floorDiv(v.num, msPerDay))
		dst = append(dst, 'T')
		dst = appendClock(dst, v.num-floorDiv(v.num, msPerDay)*msPerDay)
		if bulk {
			return append(dst, 'Z')
		}
		return append(dst, "+0000"...)
	case clock:
		return append(appendClock(dst, v.num), 'Z')
	case id:
		return appendID(dst, v.text, v.num)
	}
	return dst
}

func (v value) String() string { return string(v.append(nil, false)) }

// json writes a value as JSON, with a name if there is one.
func (v value) json(j *simulate.Object) {
	switch v.kind {
	case null:
		j.Bytes = append(j.Bytes, "null"...)
	case text:
		if strings.IndexByte(v.text, 0) < 0 {
			j.String(v.text)
		} else {
			j.String(v.String())
		}
	case boolean, integer, decimal:
		j.Bytes = v.append(j.Bytes, false)
	default:
		j.Bytes = append(j.Bytes, '"')
		j.Bytes = v.append(j.Bytes, false)
		j.Bytes = append(j.Bytes, '"')
	}
}

// csv writes a value as a quoted field; null is empty.
func (v value) csv(dst []byte) []byte {
	dst = append(dst, '"')
	from := len(dst)
	dst = v.append(dst, true)
	if v.kind == text {
		if quotes := bytes.Count(dst[from:], []byte{'"'}); quotes > 0 {
			dst = doubled(dst, from, quotes)
		}
	}
	return append(dst, '"')
}

// doubled doubles the quotes in what dst holds from one place on.
func doubled(dst []byte, from, quotes int) []byte {
	i := len(dst) - 1
	dst = append(dst, make([]byte, quotes)...)
	for j := len(dst) - 1; i >= from; i, j = i-1, j-1 {
		dst[j] = dst[i]
		if dst[i] == '"' {
			j--
			dst[j] = '"'
		}
	}
	return dst
}

const msPerDay = int64(24 * time.Hour / time.Millisecond)

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func appendPadded(dst []byte, n int64, width int) []byte {
	var b [8]byte
	for i := width - 1; i >= 0; i-- {
		b[i] = byte('0' + n%10)
		n /= 10
	}
	return append(dst, b[:width]...)
}

// appendDate writes a day since 1970 (Howard Hinnant's civil_from_days).
func appendDate(dst []byte, days int64) []byte {
	days += 719468
	era := floorDiv(days, 146097)
	doe := days - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	d, m, y := doy-(153*mp+2)/5+1, mp+3, yoe+era*400
	if m > 12 {
		m -= 12
		y++
	}
	dst = append(appendPadded(dst, y, 4), '-')
	dst = append(appendPadded(dst, m, 2), '-')
	return appendPadded(dst, d, 2)
}

func appendClock(dst []byte, ms int64) []byte {
	dst = append(appendPadded(dst, ms/3_600_000, 2), ':')
	dst = append(appendPadded(dst, ms/60_000%60, 2), ':')
	dst = append(appendPadded(dst, ms/1000%60, 2), '.')
	return appendPadded(dst, ms%1000, 3)
}

// appendDecimal writes a number as Java writes a double, which is what the
// vendor's numbers look like, with E from ten millions on. A number with more
// than 15 digits, which no double holds, is written in full.
func appendDecimal(dst []byte, n int64, scale int) []byte {
	if n < 0 {
		dst, n = append(dst, '-'), -n
	}
	var b [20]byte
	digits := strconv.AppendInt(b[:0], n, 10)
	if n == 0 {
		return append(dst, "0.0"...)
	}
	if len(digits) > 15 {
		return appendPlain(dst, digits, scale)
	}
	for scale > 0 && digits[len(digits)-1] == '0' {
		digits, scale = digits[:len(digits)-1], scale-1
	}
	exp := len(digits) - scale - 1 // of the first digit
	if exp >= -3 && exp < 7 {
		return appendPlain(dst, digits, scale)
	}
	digits = bytes.TrimRight(digits, "0")
	dst = append(append(dst, digits[0]), '.')
	if len(digits) == 1 {
		dst = append(dst, '0')
	}
	dst = append(append(dst, digits[1:]...), 'E')
	return strconv.AppendInt(dst, int64(exp), 10)
}

func appendPlain(dst, digits []byte, scale int) []byte {
	if scale == 0 {
		return append(append(dst, digits...), ".0"...)
	}
	if len(digits) <= scale {
		dst = append(dst, "0."...)
		for range scale - len(digits) {
			dst = append(dst, '0')
		}
		return append(dst, digits...)
	}
	dst = append(append(dst, digits[:len(digits)-scale]...), '.')
	return append(dst, digits[len(digits)-scale:]...)
}

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// appendID writes the 18 characters of an id: its object's prefix, its row in
// base 62, and three that say which of the others are capitals.
func appendID(dst []byte, prefix string, row int64) []byte {
	from := len(dst)
	dst = append(dst, prefix...)
	dst = append(dst, "5g0000000000"...)
	for i := from + 14; row > 0 && i > from+4; i-- {
		dst[i] = base62[row%62]
		row /= 62
	}
	for part := range 3 {
		var bits byte
		for i, c := range dst[from+5*part : from+5*part+5] {
			if c >= 'A' && c <= 'Z' {
				bits |= 1 << i
			}
		}
		dst = append(dst, "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"[bits])
	}
	return dst
}

// parseID reads an id of 15 or 18 characters that appendID could have written.
func parseID(s string) (value, bool) {
	if len(s) != 15 && len(s) != 18 || s[3:5] != "5g" {
		return value{}, false
	}
	v := value{kind: id, text: s[:3]}
	for _, c := range []byte(s[5:15]) {
		d := strings.IndexByte(base62, c)
		if d < 0 || v.num > 1<<50 {
			return value{}, false
		}
		v.num = v.num*62 + int64(d)
	}
	return v, len(s) == 15 || v.String() == s
}

// compare orders values of one kind; texts without regard to case.
func compare(a, b value) int {
	switch {
	case a.kind == null || b.kind == null:
		return cmp.Compare(min(a.kind, 1), min(b.kind, 1))
	case a.kind == id && b.kind == id:
		return cmp.Or(strings.Compare(a.text, b.text), cmp.Compare(a.num, b.num))
	case a.kind == text || a.kind == id:
		return strings.Compare(strings.ToLower(a.String()), strings.ToLower(b.String()))
	case a.scale != b.scale:
		return a.rat().Cmp(b.rat())
	}
	return cmp.Compare(a.num, b.num)
}

func (v value) rat() *big.Rat {
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(v.scale)), nil)
	return new(big.Rat).SetFrac(big.NewInt(v.num), scale)
}

// parseDecimal reads a number with at most 18 digits.
func parseDecimal(s string) (value, bool) {
	whole, frac, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(whole+frac, 10, 64)
	if err != nil || len(frac) > 18 {
		return value{}, false
	}
	return value{kind: decimal, num: n, scale: uint8(len(frac))}, true
}

// parseTime reads a date and time as queries and parameters have it.
func parseTime(s string) (value, bool) {
	for _, layout := range []string{"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05.000Z07:00", "2006-01-02T15:04:05.000Z0700"} {
		if t, err := time.Parse(layout, s); err == nil {
			return timeOf(t.UnixMilli()), true
		}
	}
	return value{}, false
}

func parseDate(s string) (value, bool) {
	t, err := time.Parse(time.DateOnly, s)
	return value{kind: date, num: floorDiv(t.UnixMilli(), msPerDay)}, err == nil
}

// parse reads what a field of a type holds from text; "" is null.
func parse(f *Field, s string) (v value, ok bool) {
	if s == "" && f.Type != "boolean" {
		return value{}, true
	}
	switch f.kind() {
	case boolean:
		b, err := strconv.ParseBool(s)
		return boolOf(b), err == nil || s == ""
	case integer:
		n, err := strconv.ParseInt(s, 10, 32)
		return value{kind: integer, num: n}, err == nil
	case decimal:
		return parseDecimal(s)
	case date:
		return parseDate(s)
	case datetime:
		return parseTime(s)
	case clock:
		t, err := time.Parse("15:04:05.000Z", s)
		return value{kind: clock, num: t.Sub(t.Truncate(24 * time.Hour)).Milliseconds()}, err == nil
	case id:
		return parseID(s)
	}
	return textOf(s), true
}
