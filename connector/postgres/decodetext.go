package postgres

import (
	"encoding/hex"
	"math"
	"strconv"
	"time"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"github.com/penstock-data/penstock/schema"
)

// The decoders here are those of decode.go for values in the form of
// PostgreSQL's output functions, in a session as [session] sets it.

// view returns b as a string that lives as long as b stays as it is.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func boolText(v *vector, row int, b []byte) error {
	if len(b) != 1 || b[0] != 't' && b[0] != 'f' {
		return errWidth
	}
	if b[0] == 't' {
		v.fixed[row>>3] |= 1 << (row & 7)
	}
	return nil
}

// integer reads a decimal integer of so many bits.
func integer(b []byte, bits int) (int64, error) {
	digits, negative := b, false
	if len(b) > 0 && b[0] == '-' {
		digits, negative = b[1:], true
	}
	if len(digits) == 0 || len(digits) > 18 { // it may not fit: let strconv look
		n, err := strconv.ParseInt(view(b), 10, bits)
		if err != nil {
			return 0, errWidth
		}
		return n, nil
	}
	n := int64(0)
	for _, c := range digits {
		if c -= '0'; c > 9 {
			return 0, errWidth
		}
		n = n*10 + int64(c)
	}
	if negative {
		n = -n
	}
	if shift := 64 - bits; n<<shift>>shift != n {
		return 0, errWidth
	}
	return n, nil
}

func int2Text(v *vector, row int, b []byte) error {
	n, err := integer(b, 16)
	v.i16[row] = int16(n)
	return err
}

func int4Text(v *vector, row int, b []byte) error {
	n, err := integer(b, 32)
	v.i32[row] = int32(n)
	return err
}

func int8Text(v *vector, row int, b []byte) error {
	n, err := integer(b, 64)
	v.i64[row] = n
	return err
}

func float4Text(v *vector, row int, b []byte) error {
	f, err := strconv.ParseFloat(view(b), 32)
	if err != nil {
		return errWidth
	}
	v.i32[row] = int32(math.Float32bits(float32(f)))
	return nil
}

func float8Text(v *vector, row int, b []byte) error {
	f, err := strconv.ParseFloat(view(b), 64)
	if err != nil {
		return errWidth
	}
	v.i64[row] = int64(math.Float64bits(f))
	return nil
}

func numericText(v *vector, row int, b []byte) error {
	n, ok := decimal(b, int(v.typ.Precision), int(v.typ.Scale))
	if !ok {
		v.unusual("decimal_widened", func() string { return string(b) })
		v.widen(row, decodeText)
		return decodeText(v, row, b)
	}
	v.dec[row] = n
	return nil
}

// decimal returns the value of a numeral times 10^scale, or false if it has
// more than precision digits in all or more than scale after the point.
func decimal(b []byte, precision, scale int) (decimal128.Num, bool) {
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		b = b[1:]
	}
	var hi, lo uint64
	before, after, point := 0, 0, false
	for _, c := range b {
		if c == '.' && !point {
			point = true
			continue
		}
		if c -= '0'; c > 9 {
			return decimal128.Num{}, false
		}
		switch {
		case point && after == scale:
			if c != 0 {
				return decimal128.Num{}, false
			}
			continue
		case point:
			after++
		case before > 0 || c > 0:
			before++
		}
		if before+after <= 18 {
			lo = lo*10 + uint64(c)
		} else {
			hi, lo = mulAdd(hi, lo, 10, uint64(c))
		}
		if before > precision-scale {
			return decimal128.Num{}, false
		}
	}
	for ; after < scale; after++ {
		hi, lo = mulAdd(hi, lo, 10, 0)
	}
	n := decimal128.New(int64(hi), lo)
	if negative {
		n = n.Negate()
	}
	return n, len(b) > 0
}

// infinite returns 1 or -1 for the infinities of dates and timestamps, else 0.
func infinite(b []byte) int64 {
	switch view(b) {
	case "infinity":
		return 1
	case "-infinity":
		return -1
	}
	return 0
}

func dateText(v *vector, row int, b []byte) error {
	if sign := infinite(b); sign != 0 {
		v.i32[row] = int32(sign) * schema.DateInfinity
		return nil
	}
	days, rest, err := dayOf(b)
	if err != nil {
		return err
	}
	if days, err = beforeChrist(b, days, rest); err != nil {
		return err
	}
	v.i32[row] = int32(days)
	if days < firstDay || days > lastDay {
		v.unusual("date_out_of_range", func() string { return string(b) })
	}
	return nil
}

// timestampText takes both kinds of timestamps: those with a zone are in UTC
// and end in +00.
func timestampText(v *vector, row int, b []byte) error {
	if sign := infinite(b); sign != 0 {
		v.i64[row] = sign * schema.TimeInfinity
		return nil
	}
	days, rest, err := dayOf(b)
	if err != nil || len(rest) < 9 || rest[0] != ' ' {
		return errWidth
	}
	micros, rest, err := clock(rest[1:])
	if err != nil {
		return err
	}
	if len(rest) >= 3 && view(rest[:3]) == "+00" {
		rest = rest[3:]
	}
	if days, err = beforeChrist(b, days, rest); err != nil {
		return err
	}
	const last = math.MaxInt64 / 86400_000_000
	if days > last || days == last && micros >= math.MaxInt64-last*86400_000_000 { // see decodeTimestamp
		v.null(row)
		v.unusual("value_not_kept", func() string { return string(b) })
		return nil
	}
	v.i64[row] = days*86400_000_000 + micros
	if days < firstDay || days > lastDay {
		v.unusual("date_out_of_range", func() string { return string(b) })
	}
	return nil
}

func timeText(v *vector, row int, b []byte) error {
	micros, rest, err := clock(b)
	if err != nil || len(rest) > 0 {
		return errWidth
	}
	v.i64[row] = micros
	return nil
}

// dayOf reads a date of the common era, in days since 1970, and returns what
// follows it.
func dayOf(b []byte) (days int64, rest []byte, err error) {
	i := 0
	year := 0
	for i < len(b) && b[i] != '-' {
		c := b[i] - '0'
		if c > 9 || i > 6 {
			return 0, nil, errWidth
		}
		year = year*10 + int(c)
		i++
	}
	if i < 4 || len(b) < i+6 || b[i+3] != '-' {
		return 0, nil, errWidth
	}
	month, ok1 := two(b[i+1:])
	day, ok2 := two(b[i+4:])
	if !ok1 || !ok2 {
		return 0, nil, errWidth
	}
	return civil(year, month, day), b[i+6:], nil
}

// beforeChrist returns the days of a date that b begins with if it ends in the
// era BC, as rest says, else days.
func beforeChrist(b []byte, days int64, rest []byte) (int64, error) {
	switch view(rest) {
	case "":
		return days, nil
	case " BC":
		i := 0
		for b[i] != '-' {
			i++
		}
		year, err := strconv.Atoi(view(b[:i]))
		month, _ := two(b[i+1:])
		day, _ := two(b[i+4:])
		return civil(1-year, month, day), err
	}
	return 0, errWidth
}

// civil returns the days since 1970 of a date of the Gregorian calendar. The
// year 0 is 1 BC.
func civil(year, month, day int) int64 {
	if year >= 1 && year <= 9999 {
		// Years begin in March, so that the leap day is the last of one.
		y, m := int64(year), int64(month)
		if m <= 2 {
			y, m = y-1, m+12
		}
		return 365*y + y/4 - y/100 + y/400 + (153*(m-3)+2)/5 + int64(day) - 719469
	}
	return time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC).Unix() / 86400
}

// two reads two digits.
func two(b []byte) (int, bool) {
	if len(b) < 2 || b[0]-'0' > 9 || b[1]-'0' > 9 {
		return 0, false
	}
	return int(b[0]-'0')*10 + int(b[1]-'0'), true
}

// clock reads a time of day, in microseconds, and returns what follows it.
func clock(b []byte) (micros int64, rest []byte, err error) {
	if len(b) < 8 || b[2] != ':' || b[5] != ':' {
		return 0, nil, errWidth
	}
	h, ok1 := two(b)
	m, ok2 := two(b[3:])
	s, ok3 := two(b[6:])
	if !ok1 || !ok2 || !ok3 {
		return 0, nil, errWidth
	}
	micros = int64(h*3600+m*60+s) * 1_000_000
	b = b[8:]
	if len(b) == 0 || b[0] != '.' {
		return micros, b, nil
	}
	b = b[1:]
	for unit := int64(100_000); len(b) > 0 && b[0]-'0' <= 9; unit /= 10 {
		micros += int64(b[0]-'0') * unit
		b = b[1:]
	}
	return micros, b, nil
}

func byteaText(v *vector, row int, b []byte) error {
	if len(b) < 2 || b[0] != '\\' || b[1] != 'x' {
		return errWidth
	}
	var err error
	if v.data, err = hex.AppendDecode(v.data, b[2:]); err != nil {
		return errWidth
	}
	v.i32[row+1] = int32(len(v.data))
	return nil
}
