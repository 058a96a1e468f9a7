package schema

import (
	"cmp"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
)

// maxDigits bounds the digits of a number in a condition, before the point and
// after it.
const maxDigits = 1000

// A number is any number in decimal notation: 0.digits times 10 to the power
// of point. Digits neither begin nor end with a zero; zero has none.
type number struct {
	neg    bool
	digits string
	point  int
}

// parseNumber reads a number with or without a sign, a point, an exponent.
func parseNumber(s string) (n number, ok bool) {
	if n.neg = strings.HasPrefix(s, "-"); n.neg || strings.HasPrefix(s, "+") {
		s = s[1:]
	}
	mantissa, exponent := s, 0
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		e, err := strconv.Atoi(s[i+1:])
		if err != nil || e < -2*maxDigits || e > 2*maxDigits {
			return n, false
		}
		mantissa, exponent = s[:i], e
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	n.digits = whole + fraction
	if n.digits == "" || strings.ContainsFunc(n.digits, func(c rune) bool { return !isDigit(c) }) {
		return n, false
	}
	n.point = len(whole) + exponent
	trimmed := strings.TrimLeft(n.digits, "0")
	n.point -= len(n.digits) - len(trimmed)
	if n.digits = strings.TrimRight(trimmed, "0"); n.digits == "" {
		return number{}, true
	}
	return n, n.point <= maxDigits && len(n.digits)-n.point <= maxDigits
}

// String returns one form for all that are equal: plain, unless there would be
// many zeros.
func (n number) String() string {
	sign := ""
	if n.neg {
		sign = "-"
	}
	switch d := len(n.digits); {
	case d == 0:
		return "0"
	case n.point > d+20 || n.point < -20:
		s := n.digits[:1]
		if d > 1 {
			s += "." + n.digits[1:]
		}
		return fmt.Sprintf("%s%se%d", sign, s, n.point-1)
	case n.point >= d:
		return sign + n.digits + strings.Repeat("0", n.point-d)
	case n.point > 0:
		return sign + n.digits[:n.point] + "." + n.digits[n.point:]
	}
	return sign + "0." + strings.Repeat("0", -n.point) + n.digits
}

// times10 returns the greatest integer up to n times 10 to the power of scale,
// and whether it is just that.
func (n number) times10(scale int) (floor *big.Int, exact bool) {
	point := n.point + scale
	whole, exact := "0", point >= len(n.digits)
	if exact {
		whole += n.digits + strings.Repeat("0", point-len(n.digits))
	} else if point > 0 {
		whole += n.digits[:point]
	}
	floor, _ = new(big.Int).SetString(whole, 10)
	if n.neg {
		floor.Neg(floor)
		if !exact {
			floor.Sub(floor, big.NewInt(1))
		}
	}
	return floor, exact
}

// As returns what the literal is for a column of type t, in one form: a number
// as the literal has it, text, TRUE or FALSE, and dates and times as
// 2006-01-02, 2006-01-02 15:04:05.999999, the same in UTC followed by +00, and
// 15:04:05.999999. Its errors say what would fit.
func (l Literal) As(t Type) (string, error) {
	switch {
	case t.Kind == Unspecified:
		return l.Text, nil
	case t.numeric():
		if l.Kind != NumberLiteral {
			return "", fmt.Errorf("%s is no number", l)
		}
		_, err := l.float(t)
		return l.Text, err
	case t.Kind == Boolean:
		if l.Kind != TruthLiteral {
			return "", fmt.Errorf("%s is neither TRUE nor FALSE", l)
		}
		return l.Text, nil
	case t.Kind == String:
		if l.Kind != TextLiteral {
			return "", fmt.Errorf("%s is no text; text stands in single quotes", l)
		}
		return l.Text, nil
	case Date <= t.Kind && t.Kind <= Time:
		return l.moment(t)
	}
	return "", fmt.Errorf("values of this type can only be asked whether they are NULL")
}

// float checks that the literal is in the range of floating point; it is that
// of any other type of number.
func (l Literal) float(t Type) (float64, error) {
	bits := 64
	switch t.Kind {
	case Float:
		bits = 32
	case Double:
	default:
		return 0, nil
	}
	v, err := strconv.ParseFloat(l.Text, bits)
	if err != nil || v == 0 && l.Text != "0" {
		return 0, fmt.Errorf("%s is outside of the range of %s", l, t)
	}
	return v, nil
}

// Layouts of what is written for dates and times, with a space where T may
// stand.
var (
	dateLayouts  = []string{"2006-01-02"}
	timeLayouts  = []string{"15:04:05.999999", "15:04"}
	stampLayouts = []string{"2006-01-02 15:04:05.999999", "2006-01-02 15:04", "2006-01-02"}
	zoneLayouts  = []string{"Z07:00", "Z0700", "Z07"}
)

func (l Literal) moment(t Type) (string, error) {
	at, err := l.time(t)
	if err != nil {
		return "", err
	}
	switch {
	case t.Kind == Date:
		return at.Format(dateLayouts[0]), nil
	case t.Kind == Time && at.Day() == 2:
		return "24:00:00", nil
	case t.Kind == Time:
		return at.Format(timeLayouts[0]), nil
	case t.Kind == Instant:
		return at.Format(stampLayouts[0]) + "+00", nil
	}
	return at.Format(stampLayouts[0]), nil
}

// time returns the point in time that the literal stands for, in UTC; for a
// Time that is since the first day of year 1.
func (l Literal) time(t Type) (time.Time, error) {
	var layouts []string
	want := ""
	switch t.Kind {
	case Date:
		layouts, want = dateLayouts, "a day, like '2025-01-31'"
	case Time:
		layouts, want = timeLayouts, "a time of day, like '18:30' or '18:30:00.5'"
	case Datetime:
		layouts, want = stampLayouts, "a day or a day and a time without a zone, like '2025-01-31 18:30:00'"
	case Instant:
		layouts, want = stampLayouts, "a day or a day and a time, in UTC or with a zone, like '2025-01-31T18:30:00+01:00'"
		for _, l := range stampLayouts[:2] {
			for _, z := range zoneLayouts {
				layouts = append(layouts[:len(layouts):len(layouts)], l+z)
			}
		}
	}
	text := l.Text
	if len(text) > 10 && text[10] == 'T' && t.Kind != Time {
		text = text[:10] + " " + text[11:]
	}
	if l.Kind == TextLiteral && t.Kind == Time && text == "24:00:00" {
		return time.Time{}.AddDate(0, 0, 1), nil
	}
	_, fraction, _ := strings.Cut(text, ".")
	if digits := strings.TrimLeft(fraction, "0123456789"); l.Kind != TextLiteral || len(fraction)-len(digits) > 6 || strings.Contains(text, ",") {
		layouts = nil
	}
	for _, layout := range layouts {
		at, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		at = at.UTC()
		if t.Kind == Time {
			at = at.AddDate(1, 0, 0) // time.Parse makes it year 0
		}
		if y := at.Year(); y >= 1 && y <= 9999 {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%s is not %s", l, want)
}

// units returns where the literal is among the integers that carry values of
// t, one of those that are carried by integers: the greatest up to it, and
// whether it is just that.
func (l Literal) units(t Type) (floor *big.Int, exact bool, err error) {
	if t.numeric() {
		if _, err := l.As(t); err != nil {
			return nil, false, err
		}
		n, _ := parseNumber(l.Text)
		floor, exact = n.times10(int(t.Scale))
		return floor, exact, nil
	}
	at, err := l.time(t)
	if err != nil {
		return nil, false, err
	}
	v := at.UnixMicro()
	switch t.Kind {
	case Date:
		v = at.Unix() / (24 * 60 * 60) // at midnight
	case Time:
		v = at.Sub(time.Time{}).Microseconds()
	}
	return big.NewInt(v), true, nil
}

// compareDecimals compares numbers as an unbounded decimal carries them. NaN
// comes after the infinity.
func compareDecimals(a, b string) int {
	ra, rb := rank(a), rank(b)
	if ra != rb || ra == 0 || ra > 1 || ra < -1 {
		return cmp.Compare(ra, rb)
	}
	c := compareDigits(strings.TrimPrefix(a, "-"), strings.TrimPrefix(b, "-"))
	return c * ra
}

// rank tells the kinds of decimals apart, in their order.
func rank(s string) int {
	switch s {
	case "NaN":
		return 3
	case "Infinity":
		return 2
	case "-Infinity":
		return -2
	}
	if strings.Trim(s, "-+.0") == "" {
		return 0
	}
	if s[0] == '-' {
		return -1
	}
	return 1
}

// compareDigits compares numbers without a sign.
func compareDigits(a, b string) int {
	aw, af, _ := strings.Cut(a, ".")
	bw, bf, _ := strings.Cut(b, ".")
	aw, bw = strings.TrimLeft(aw, "0"), strings.TrimLeft(bw, "0")
	return cmp.Or(cmp.Compare(len(aw), len(bw)), strings.Compare(aw, bw),
		strings.Compare(strings.TrimRight(af, "0"), strings.TrimRight(bf, "0")))
}

// plain returns the number as an unbounded decimal carries it.
func (n number) plain() string {
	sign := ""
	if n.neg {
		sign = "-"
	}
	d := len(n.digits)
	whole := n.digits[:max(0, min(n.point, d))] + strings.Repeat("0", max(0, n.point-d))
	fraction := strings.Repeat("0", max(0, -n.point)) + n.digits[max(0, min(n.point, d)):]
	return sign + "0" + whole + "." + fraction
}

// compareFloats is cmp.Compare with NaN after all others.
func compareFloats(a, b float64) int {
	if a != a {
		return boolInt(b == b)
	}
	if b != b {
		return -1
	}
	return cmp.Compare(a, b)
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

var (
	minLong = big.NewInt(math.MinInt64)
	maxLong = big.NewInt(math.MaxInt64)
)
